#!/usr/bin/env bash
# Installs what is missing, builds build/dynexec and runs the quick benchmark. Safe to run again at any time.
#   --no-bench   stop after the build
# PYTHON names the Python to use, TORCH_ROOT a LibTorch that is already here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bench=1
for argument in "$@"; do
  case $argument in
    --no-bench) bench=0 ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' scripts/setup.sh; exit 0 ;;
    *) printf 'error: unknown option %s\n  hint: %s --help\n' "$argument" "$0" >&2; exit 2 ;;
  esac
done
. scripts/common.sh

ensure_packages "${packages[@]}"
check_tools
ensure_venv scripts/requirements.txt
step "configure" configure release || exit 1
step "build build/dynexec" build release dynexec || exit 1
if [ $bench = 1 ]; then
  printf '\n$ build/dynexec bench\n'
  build/dynexec bench
fi
