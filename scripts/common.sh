# Steps that setup.sh and test.sh share. Sourced, with the current folder at the project's root.
# Each step prints one line; what it ran goes to a log in .cache/logs, shown when the step fails.

logs=.cache/logs
mkdir -p "$logs"

fail() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2
  exit 1
}

# step NAME COMMAND...: runs the command; "NAME ... done (12 s)", or the end of its log and exit status 1.
step() {
  local name=$1 start=$SECONDS log
  shift
  log=$logs/$(printf '%s' "$name" | tr -c 'A-Za-z0-9\n' '-').log
  printf '%-28s ' "$name"
  if "$@" >"$log" 2>&1; then
    printf 'done (%d s)\n' $((SECONDS - start))
  else
    printf 'FAILED after %d s; the end of %s:\n' $((SECONDS - start)) "$log"
    tail -n 30 "$log"
    return 1
  fi
}

present() { printf '%-28s %s\n' "$1" "${2:-present}"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# ensure_packages PACKAGE...: installs the Debian packages that are missing.
ensure_packages() {
  local missing=() package
  if ! command -v dpkg-query >/dev/null; then
    present "system packages" "not a Debian system: taken as they are"
    return
  fi
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} = 0 ]; then
    present "system packages"
    return
  fi
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    fail "these packages are missing: ${missing[*]}" "install them as root, then run this again"
  step "system packages" install_packages "${missing[@]}" ||
    fail "could not install: ${missing[*]}" "install them by hand, then run this again"
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  # Package lists may be there already; installing tells whether they were needed.
  as_root apt-get update || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# The build tools themselves, however they came here.
check_tools() {
  local tool version
  for tool in cmake ninja pkg-config c++; do
    command -v "$tool" >/dev/null || fail "$tool is not on the PATH" "install it, then run this again"
  done
  version=$(cmake --version | sed -n '1s/[^0-9]*//p')
  [ "$(printf '%s\n3.25\n' "$version" | sort -V | head -n 1)" = 3.25 ] ||
    fail "cmake $version is too old" "cmake 3.25 or newer is needed; pip install cmake has one"
}

# Prints a Python that the pinned packages have wheels for and that can make a virtual environment.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10 python3.14; do
    command -v "$candidate" >/dev/null || continue
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' \
      2>/dev/null || continue
    printf '%s' "$candidate"
    return
  done
  return 1
}

# True when every requirement of the file, and of the files that it names, is installed in its pinned version.
requirements_met() {
  .venv/bin/python - "$1" <<'PYTHON'
import importlib.metadata as metadata
import os
import sys

from pip._vendor.packaging.requirements import Requirement


def requirements(path):
    for line in open(path):
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            yield from requirements(os.path.join(os.path.dirname(path), line[3:].strip()))
        elif line:
            yield Requirement(line)


for wanted in requirements(sys.argv[1]):
    if wanted.marker and not wanted.marker.evaluate():
        continue
    if wanted.name == "torch" and os.environ.get("TORCH_ROOT"):
        continue
    try:
        if metadata.version(wanted.name) not in wanted.specifier:
            sys.exit(1)
    except metadata.PackageNotFoundError:
        sys.exit(1)
PYTHON
}

install_requirements() {
  local pip=(.venv/bin/python -m pip --disable-pip-version-check install) torch
  torch=$(sed -n 's/^torch==//p' scripts/requirements.txt)
  if [ -n "${TORCH_ROOT:-}" ]; then
    # LibTorch is the user's own; Python does not need it.
    cat "$1" scripts/requirements.txt | grep -v -e '^torch==' -e '^-r' | sort -u >.cache/requirements.txt
    "${pip[@]}" -r .cache/requirements.txt
    return
  fi
  # Plain torch from a public index may carry several gigabytes of CUDA: ask for the CPU build first.
  if ! .venv/bin/python -c "import importlib.metadata as m; assert m.version('torch').split('+')[0] == '$torch'" \
      2>/dev/null; then
    "${pip[@]}" "torch==$torch+cpu" || echo "the configured index has no CPU build of torch: taking its own build"
  fi
  "${pip[@]}" -r "$1"
}

# ensure_venv REQUIREMENTS: the project's virtual environment with the pinned packages.
ensure_venv() {
  local python
  if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    python=$(find_python) || fail \
      "no Python from 3.10 to 3.14 with the venv module (found: $(python3 --version 2>&1 || echo none))" \
      "install python3-venv, or name one: PYTHON=/path/to/python3.12 $0"
    step "virtual environment" "$python" -m venv --clear .venv || exit 1
  else
    present "virtual environment"
  fi
  if requirements_met "$1"; then
    present "Python packages"
  else
    step "Python packages" install_requirements "$1" || fail "could not install the packages of $1" \
      "check the network and pip's index; a LibTorch that is already here can be named: TORCH_ROOT=/path/to/libtorch"
  fi
}

# Compiler jobs: one a core, but 2 GB of memory for each (LibTorch's headers are large).
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 2000000)}' /proc/meminfo 2>/dev/null)
  [ "${memory:-$cores}" -ge 1 ] || memory=1
  echo $((memory && memory < cores ? memory : cores))
}

# configure PRESET [CMAKE-OPTION...]
configure() {
  local preset=$1
  shift
  cmake --preset "$preset" ${TORCH_ROOT:+-DTORCH_ROOT="$TORCH_ROOT"} "$@"
}

# build PRESET TARGET...
build() {
  local preset=$1
  shift
  cmake --build --preset "$preset" -j "$(build_jobs)" ${1:+--target "$@"}
}

packages=(g++ cmake ninja-build ccache pkg-config git libyaml-cpp-dev libcli11-dev libfmt-dev libbenchmark-dev doctest-dev
  nlohmann-json3-dev libpcre2-dev libutf8proc-dev libssl-dev zlib1g-dev python3-venv)
