#!/usr/bin/env bash
# Runs `dynexec bench --set` over a grid of config keys, one cell after the other, and gathers the summaries into one CSV.
#
#   scripts/sweep.sh [OPTIONS] CONFIG key=a,b,c [key=x,y ...] [-- BENCH-OPTIONS]
#
#   --out DIR    folder for run folders and the gathered summary.csv (default results/sweeps/<config>)
#   --plan       print the commands, one a line, and run nothing: for GNU parallel or a job array
#   --gather     gather what is there and run nothing
#
# Cells that are finished are not measured again, so a sweep that was interrupted goes on where it was. A cell that fails
# gives a row with its error, and the sweep goes on. Timing needs the machine to itself: with GNU parallel use one job,
#   scripts/sweep.sh --plan CONFIG key=a,b | parallel -j1 --joblog sweep.log --resume-failed
#   scripts/sweep.sh --gather CONFIG key=a,b
# DYNEXEC names the binary (default build/dynexec), PYTHON the Python that gathers.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dynexec=${DYNEXEC:-$root/build/dynexec}
python=${PYTHON:-$root/.venv/bin/python}
[ -x "$python" ] || python=python3

usage() {
  printf 'error: %s\n  hint: scripts/sweep.sh CONFIG key=a,b,c [key=x,y ...]; --help says more\n' "$1" >&2
  exit 2
}

out="" mode=run config="" keys=() values=() bench_options=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    --out) [ $# -ge 2 ] || usage "--out needs a folder"; out=$2; shift ;;
    --plan) mode=plan ;;
    --gather) mode=gather ;;
    --) shift; bench_options=("$@"); break ;;
    -*) usage "unknown option $1" ;;
    *=*)
      [ -n "$config" ] || usage "the config comes before $1"
      [ -n "${1#*=}" ] || usage "${1%%=*} has no values"
      keys+=("${1%%=*}") values+=("${1#*=}") ;;
    *) [ -z "$config" ] || usage "unexpected argument $1"; config=$1 ;;
  esac
  shift
done
[ -n "$config" ] || usage "no config"
[ ${#keys[@]} -gt 0 ] || usage "nothing to sweep: give at least one key=a,b"
[ $mode = gather ] || [ -x "$dynexec" ] || usage "$dynexec is not there; scripts/setup.sh builds it"
name=$(basename "$config" .yaml)
out=${out:-results/sweeps/$name}

# Every combination, the last key fastest: cells[i] holds "key=value" separated by newlines.
cells=("")
for i in "${!keys[@]}"; do
  next=()
  IFS=, read -r -a list <<<"${values[$i]}"
  for cell in "${cells[@]}"; do
    for value in "${list[@]}"; do next+=("$cell${cell:+$'\n'}${keys[$i]}=$value"); done
  done
  cells=("${next[@]}")
done

# Name of a cell's files: readable, and safe as a file name.
cell_name() { printf '%s' "$1" | tr '\n' '+' | tr -c 'A-Za-z0-9=+._-' '_'; }

command_of() {
  local setting
  command=("$dynexec" bench "$config" --out "$out/runs" --resume --format csv)
  while IFS= read -r setting; do command+=(--set "$setting"); done <<<"$1"
  command+=("${bench_options[@]}")
}

[ $mode = plan ] || mkdir -p "$out/cells"
failures=0 number=0
for cell in "${cells[@]}"; do
  number=$((number + 1))
  base=$out/cells/$(cell_name "$cell")
  command_of "$cell"
  if [ $mode = plan ]; then
    # The folder is made, and the summary appears under its name only when the command has ended well.
    printf 'mkdir -p %q && %s > %q 2> %q && mv %q %q\n' "$out/cells" "$(printf '%q ' "${command[@]}")" \
      "$base.tmp" "$base.err" "$base.tmp" "$base.csv"
    continue
  fi
  [ $mode = run ] || continue
  printf '[%d/%d] %s ' "$number" "${#cells[@]}" "$(tr '\n' ' ' <<<"$cell")" >&2
  start=$SECONDS status=0
  "${command[@]}" >"$base.tmp" 2>"$base.err" || status=$?
  # Figures are there also when a --fail-if condition held or an expectation was broken.
  if [ -s "$base.tmp" ]; then mv "$base.tmp" "$base.csv"; else rm -f "$base.tmp" "$base.csv"; fi
  if [ $status = 0 ] || [ $status = 3 ]; then
    printf 'done (%d s)\n' $((SECONDS - start)) >&2
  else
    printf 'failed with %d: %s\n' $status "$(grep -m1 -e '^error' -e broken "$base.err" || tail -n 1 "$base.err")" >&2
    [ $status != 130 ] || exit 130
    failures=$((failures + 1))
  fi
done
[ $mode != plan ] || exit 0

arguments=()
for cell in "${cells[@]}"; do arguments+=("$out/cells/$(cell_name "$cell")" "$cell"); done
"$python" "$root/scripts/gather.py" "$out/summary.csv" "${arguments[@]}"
# Plots take CPU and revision from the environment beside the summary.
environment=$(find "$out/runs" -name environment.json -print -quit 2>/dev/null || true)
[ -z "$environment" ] || cp "$environment" "$out/environment.json"
printf 'gathered %d cells into %s\n' "${#cells[@]}" "$out/summary.csv" >&2
[ $failures = 0 ] || { printf '%d of %d cells failed\n' $failures "${#cells[@]}" >&2; exit 1; }
