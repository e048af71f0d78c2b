#!/usr/bin/env bash
# Sets up like setup.sh, builds everything and runs all tests; the last line sums them up.
#   scripts/test.sh [STAGE...]   unit parity e2e bench asan tsan fuzz; all of them by default
# DYNEXEC_DATA names the folder of real data (default data/); tests that miss a file there are skipped and say so.
# Each fuzz target makes the same DYNEXEC_FUZZ_RUNS runs (default 60000) for one DYNEXEC_FUZZ_SEED (default 1), or as
# many of them as fit in half a millisecond each. Set both to search further.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

all_stages=(unit parity e2e bench asan tsan fuzz)
stages=("$@")
[ $# -gt 0 ] || stages=("${all_stages[@]}")
for stage in "${stages[@]}"; do
  case " ${all_stages[*]} " in
    *" $stage "*) ;;
    *) printf 'error: unknown stage %s\n  hint: stages are %s\n' "$stage" "${all_stages[*]}" >&2; exit 2 ;;
  esac
done
. scripts/common.sh

export DYNEXEC_DATA=${DYNEXEC_DATA:-$PWD/data}
export PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0 skipped=0

# count NAME STATUS OUTPUT: adds up what a test program says at its end, either doctest's summary or a line
# "N passed, N failed[, N skipped]". A program that fails without naming a failure counts as one.
count() {
  local name=$1 status=$2 output=$3 line p f s
  line=$(sed 's/\x1b\[[0-9;]*m//g' "$output" | grep -E '^\[doctest\] test cases:|^[0-9]+ passed, [0-9]+ failed' | tail -n 1)
  p=$(grep -oE '[0-9]+ passed' <<<"$line" | grep -oE '[0-9]+')
  f=$(grep -oE '[0-9]+ failed' <<<"$line" | grep -oE '[0-9]+')
  s=$(grep -oE '[0-9]+ skipped' <<<"$line" | grep -oE '[0-9]+')
  if [ "$status" != 0 ] && [ "${f:-0}" = 0 ]; then f=1; fi
  # doctest counts the cases that a filter left out as skipped: they run elsewhere.
  case $line in "[doctest]"*) s=0 ;; esac
  if [ -z "$line" ] && [ "$status" = 0 ]; then p=1; fi
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
  printf '  %-34s %5d passed %3d failed %3d skipped  (%d s)\n' "$name" "${p:-0}" "${f:-0}" "${s:-0}" "$4"
  grep -iE '^(skip|skipped)\b|: skipped' "$output" | sed 's/^/      /' | head -n 20
  if [ "${f:-0}" != 0 ]; then
    [ "$status" != 124 ] || printf '      stopped after its time limit\n'
    tail -n 60 "$output" | sed 's/^/      /'
  fi
}

# check NAME SECONDS COMMAND...: runs and counts.
check() {
  begin "$@"
  finish
}

# Checks under way in the order in which they began, each with the files of its output.
pending=() outputs=()
at_once=$(nproc)
[ "$at_once" -le 2 ] || at_once=2  # the largest model takes 10 GB twice

# begin NAME SECONDS COMMAND...: as check, but another one may run beside it; finish waits for all.
begin() {
  local name=$1 limit=$2 output
  shift 2
  while [ ${#pending[@]} -ge "$at_once" ]; do
    wait -n
    if [ $? = 127 ]; then finish; else collect; fi  # 127: none is left to wait for
  done
  output=$logs/test-$(printf '%s' "$name" | tr -c 'A-Za-z0-9\n' '-').log
  rm -f "$output.end"
  (
    begun=$SECONDS
    timeout --kill-after=10 "$limit" "$@" >"$output" 2>&1
    printf '%d %d\n' $? $((SECONDS - begun)) >"$output.end"
  ) &
  pending+=("$name") outputs+=("$output")
}

# Counts the checks that have ended.
collect() {
  local names=("${pending[@]}") files=("${outputs[@]}") i status seconds
  pending=() outputs=()
  for i in "${!names[@]}"; do
    if [ -s "${files[i]}.end" ]; then
      read -r status seconds <"${files[i]}.end"
      count "${names[i]}" "$status" "${files[i]}" "$seconds"
    else
      pending+=("${names[i]}") outputs+=("${files[i]}")
    fi
  done
}

finish() {
  local i
  wait
  collect
  # One that was killed has not told how it ended.
  for i in "${!pending[@]}"; do count "${pending[i]}" 137 "${outputs[i]}" 0; done
  pending=() outputs=()
}

trap 'jobs -p | xargs -r kill 2>/dev/null' EXIT
trap 'exit 130' INT TERM

# A build that breaks fails its stage and not those that follow.
build_or_count() {
  step "$@" && return
  failed=$((failed + 1))
  return 1
}

wanted() { case " ${stages[*]} " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# Targets of the unit tests of all rooms.
unit_targets() {
  local folder
  for folder in tests/unit/*/; do
    [ -n "$(find "$folder" -name '*.cpp' -print -quit)" ] && printf 'unit_%s ' "$(basename "$folder")"
  done
}

run_units() {
  local build=$1 limit=$2 binary
  for binary in "$build"/tests/unit_*; do
    [ -x "$binary" ] && [ -f "$binary" ] && check "$build $(basename "$binary")" "$limit" "$binary"
  done
}

run_asan() {
  build_or_count "configure asan" configure asan || return
  # shellcheck disable=SC2046
  build_or_count "build asan" build asan $(unit_targets) || return
  # LibTorch keeps what it allocates until the process ends; our own rooms free everything.
  local binary leaks
  for binary in build-asan/tests/unit_*; do
    [ -x "$binary" ] && [ -f "$binary" ] || continue
    leaks=1
    if ldd "$binary" | grep -q libtorch; then leaks=0; fi
    begin "asan+ubsan $(basename "$binary")" 900 env ASAN_OPTIONS=detect_leaks=$leaks:detect_stack_use_after_return=1 \
      UBSAN_OPTIONS=print_stacktrace=1 "$binary"
  done
  finish
}

# Only code that does not call LibTorch: its OpenMP is not instrumented and raises false reports.
run_tsan() {
  build_or_count "configure tsan" configure tsan || return
  build_or_count "build tsan" build tsan unit_base unit_measure unit_kernels || return
  local binary
  for binary in base measure; do
    check "tsan unit_$binary" 900 env TSAN_OPTIONS=halt_on_error=1 "build-tsan/tests/unit_$binary"
  done
  check "tsan thread pool" 600 env TSAN_OPTIONS=halt_on_error=1 build-tsan/tests/unit_kernels \
    '--source-file=*thread_pool*'
}

# Whether clang++ is here with the run-time libraries that some systems package apart.
has_sanitizers() {
  local sanitizer
  printf 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }\n' >.cache/sanitizer-check.cpp
  for sanitizer in fuzzer,address,undefined fuzzer,thread; do
    clang++ -fsanitize="$sanitizer" -o .cache/sanitizer-check .cache/sanitizer-check.cpp 2>/dev/null || return
  done
}

run_fuzz() {
  local source name corpus targets=() runs=${DYNEXEC_FUZZ_RUNS:-60000} seconds
  for source in tests/fuzz/fuzz_*.cpp; do targets+=("$(basename "$source" .cpp)"); done
  build_or_count "configure fuzz" configure asan || return
  build_or_count "build fuzz" build asan "${targets[@]}" || return
  mkdir -p .cache/fuzz
  seconds=$((runs / 2000))
  for name in "${targets[@]}"; do
    # What the fuzzer finds new goes to a copy: the committed corpus stays as it is.
    corpus=$(mktemp -d)
    cp -r "tests/fuzz/corpus/${name#fuzz_}/." "$corpus" 2>/dev/null
    check "$name, $runs runs" $((seconds + 120)) env ASAN_OPTIONS=detect_leaks=1 "build-asan/tests/$name" \
      -seed="${DYNEXEC_FUZZ_SEED:-1}" -runs="$runs" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
      -artifact_prefix=.cache/fuzz/ "$corpus"
    rm -rf "$corpus"
  done
}

run_benchmarks() {
  local binary
  for binary in build/tests/bench_*; do
    [ -x "$binary" ] && [ -f "$binary" ] && check "$(basename "$binary")" 300 "$binary" --benchmark_min_time=0.01
  done
}

run_parity() {
  local script
  for script in tests/parity/*.py; do
    begin "$(basename "$script")" 1200 .venv/bin/python "$script" --build build
  done
  finish
}

start=$SECONDS
ensure_packages "${packages[@]}"
if wanted asan || wanted tsan || wanted fuzz; then has_sanitizers || ensure_packages clang libclang-rt-dev; fi
check_tools
ensure_venv scripts/requirements-test.txt
step "configure" configure release || exit 1
step "build all" build release all || exit 1

for stage in "${stages[@]}"; do
  stage_start=$SECONDS
  printf '== %s\n' "$stage"
  case $stage in
    unit) run_units build 900 ;;
    parity) run_parity ;;
    e2e) check "end to end" 1800 .venv/bin/python tests/e2e/runner.py --build build ;;
    bench) run_benchmarks ;;
    asan) run_asan ;;
    tsan) run_tsan ;;
    fuzz) run_fuzz ;;
  esac
  printf '== %s took %d s\n' "$stage" $((SECONDS - stage_start))
done

printf 'took %d s\n' $((SECONDS - start))
summary="$passed passed, $failed failed"
[ $skipped = 0 ] || summary="$summary, $skipped skipped"
printf '%s\n' "$summary"
[ $failed = 0 ]
