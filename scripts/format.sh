#!/usr/bin/env bash
# Checks that all C++ files are formatted as .clang-format says; with --fix, formats them. CLANG_FORMAT names the program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=${CLANG_FORMAT:-clang-format}
command -v "$program" >/dev/null || {
  printf 'error: %s is not on the PATH\n  hint: install clang-format, or set CLANG_FORMAT\n' "$program" >&2
  exit 1
}
mapfile -t files < <(git ls-files '*.cpp' '*.hpp')
case ${1:-} in
  "") "$program" --dry-run --Werror "${files[@]}" ;;
  --fix) "$program" -i "${files[@]}" ;;
  *) printf 'error: unknown option %s\n  hint: %s [--fix]\n' "$1" "$0" >&2; exit 2 ;;
esac
