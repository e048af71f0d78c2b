# Finds LibTorch without its own CMake config, which demands a CUDA toolkit for CUDA builds.
# Looks in TORCH_ROOT (a LibTorch folder or the package folder of the PyPI wheel), then in the project's .venv, then in
# the python3 on the PATH. Defines torch::torch.
include(FindPackageHandleStandardArgs)

set(_torch_hints "${TORCH_ROOT}" "$ENV{TORCH_ROOT}")
file(GLOB _torch_venv "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
list(APPEND _torch_hints ${_torch_venv})
find_path(TORCH_INCLUDE_DIR ATen/ATen.h HINTS ${_torch_hints} PATH_SUFFIXES include)
if(NOT TORCH_INCLUDE_DIR)
  execute_process(
    COMMAND python3 -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE _torch_python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(_torch_python)
    find_path(TORCH_INCLUDE_DIR ATen/ATen.h HINTS "${_torch_python}" PATH_SUFFIXES include)
  endif()
endif()
get_filename_component(_torch_root "${TORCH_INCLUDE_DIR}" DIRECTORY)
foreach(_lib torch torch_cpu c10)
  find_library(TORCH_${_lib}_LIBRARY ${_lib} HINTS "${_torch_root}/lib" NO_DEFAULT_PATH)
endforeach()
foreach(_lib torch_cuda c10_cuda)
  find_library(TORCH_${_lib}_LIBRARY ${_lib} HINTS "${_torch_root}/lib" NO_DEFAULT_PATH)
endforeach()
if(EXISTS "${TORCH_INCLUDE_DIR}/torch/headeronly/version.h")
  set(_torch_version_file "${TORCH_INCLUDE_DIR}/torch/headeronly/version.h")
else()
  set(_torch_version_file "${TORCH_INCLUDE_DIR}/torch/csrc/api/include/torch/version.h")
endif()
if(EXISTS "${_torch_version_file}")
  file(STRINGS "${_torch_version_file}" _torch_major REGEX "define TORCH_VERSION_MAJOR")
  file(STRINGS "${_torch_version_file}" _torch_minor REGEX "define TORCH_VERSION_MINOR")
  string(REGEX MATCH "[0-9]+" _torch_major "${_torch_major}")
  string(REGEX MATCH "[0-9]+" _torch_minor "${_torch_minor}")
  set(TORCH_VERSION "${_torch_major}.${_torch_minor}")
endif()

find_package_handle_standard_args(
  Torch
  REQUIRED_VARS TORCH_INCLUDE_DIR TORCH_torch_LIBRARY TORCH_torch_cpu_LIBRARY TORCH_c10_LIBRARY
  VERSION_VAR TORCH_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or pass -DTORCH_ROOT=/path/to/libtorch")

if(Torch_FOUND AND NOT TARGET torch::torch)
  add_library(torch::torch INTERFACE IMPORTED)
  target_include_directories(
    torch::torch SYSTEM INTERFACE "${TORCH_INCLUDE_DIR}" "${TORCH_INCLUDE_DIR}/torch/csrc/api/include")
  # torch_cuda registers its kernels in initialisers: keep it although no symbol is referenced.
  set(_torch_libraries "${TORCH_torch_cpu_LIBRARY}" "${TORCH_c10_LIBRARY}")
  if(TORCH_torch_cuda_LIBRARY)
    list(APPEND _torch_libraries "-Wl,--no-as-needed" "${TORCH_torch_LIBRARY}" "${TORCH_torch_cuda_LIBRARY}"
         "${TORCH_c10_cuda_LIBRARY}" "-Wl,--as-needed")
  else()
    list(APPEND _torch_libraries "${TORCH_torch_LIBRARY}")
  endif()
  target_link_libraries(torch::torch INTERFACE ${_torch_libraries})
  target_link_options(torch::torch INTERFACE "-Wl,-rpath,${_torch_root}/lib")
  target_compile_definitions(torch::torch INTERFACE AT_PER_OPERATOR_HEADERS)
endif()
