#!/usr/bin/env bash
# Trains a step predictor (StepSaver) for each of the seven samplers, one after the other: models/stepsaver-SAMPLER.
#
#   scripts/train_step_predictors.sh [--only SAMPLER]... [key=value ...]
#
# Settings are those of configs/train/steps_ddim.yaml, changed by key=value; samplers other than DDIM draw 600 captions. A
# run that was interrupted goes on where it was. Samplers of second order look twice at every step, so their counts are
# half as high and cost twice as much; pictures of an ancestral sampler stay different whatever their count, so its labels are what the pictures show (label C).
# DYNEXEC names the binary (default build/dynexec).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dynexec=${DYNEXEC:-$root/build/dynexec}

usage() {
  printf 'error: %s\n  hint: scripts/train_step_predictors.sh [--only SAMPLER]... [key=value ...]; --help says more\n' "$1" >&2
  exit 2
}

fewer="prompts.training=500 prompts.evaluation=100"
declare -A settings=(
  [ddim]=""
  [euler]="$fewer" [dpmpp_2m]="$fewer" [unipc]="$fewer"
  [euler_ancestral]="$fewer label=C decline=0.02"
  [heun]="$fewer grid=[2,3,4,5,6,7,8,10,12,15,20] price=0.008"
  [dpm2]="$fewer grid=[2,3,4,5,6,7,8,10,12,15,20] price=0.008 sampler.karras=true"
)
all=(ddim euler euler_ancestral heun dpm2 dpmpp_2m unipc) wanted=() changes=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    --only)
      [ $# -ge 2 ] || usage "--only needs a sampler"
      [ -n "${settings[$2]+known}" ] || usage "unknown sampler $2; there are ${all[*]}"
      wanted+=("$2"); shift ;;
    *=*) changes+=(--set "$1") ;;
    *) usage "unexpected argument $1" ;;
  esac
  shift
done
[ -x "$dynexec" ] || usage "$dynexec is not there; scripts/setup.sh builds it"
[ ${#wanted[@]} -gt 0 ] || wanted=("${all[@]}")

cd "$root"
for sampler in "${wanted[@]}"; do
  name=stepsaver-${sampler//_/-}
  own=(--set "sampler.sampler=$sampler" --set "output=models/$name" --set "work=wip/train-$name" --set "title=$name")
  for setting in ${settings[$sampler]}; do own+=(--set "$setting"); done
  printf '%s\n' "$name" >&2
  "$dynexec" train configs/train/steps_ddim.yaml "${own[@]}" "${changes[@]}"
done
