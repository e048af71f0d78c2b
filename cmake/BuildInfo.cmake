# Hands version, git revision, build type and sanitizer to lib/measure/build_info.cpp and to no other file, so that a
# commit recompiles only that one. Configuring is repeated when HEAD moves.
find_package(Git QUIET)
set(_revision "unknown")
if(Git_FOUND)
  execute_process(
    COMMAND "${GIT_EXECUTABLE}" describe --always --dirty --abbrev=40 --exclude=*
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    OUTPUT_VARIABLE _described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(_described)
    set(_revision "${_described}")
    execute_process(
      COMMAND "${GIT_EXECUTABLE}" rev-parse --path-format=absolute --git-path logs/HEAD
      WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
      OUTPUT_VARIABLE _head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(EXISTS "${_head}")
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${_head}")
    endif()
  endif()
endif()
set_source_files_properties(
  measure/build_info.cpp
  PROPERTIES
    COMPILE_DEFINITIONS
    "DYNEXEC_VERSION=\"${PROJECT_VERSION}\";DYNEXEC_GIT_REVISION=\"${_revision}\";DYNEXEC_BUILD_TYPE=\"${CMAKE_BUILD_TYPE}\";DYNEXEC_SANITIZER=\"${DYNEXEC_SANITIZE}\"")
