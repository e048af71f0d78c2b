#!/usr/bin/env bash
# Fetches the real models and texts that configs/real uses from their public homes, with checksums.
#   scripts/fetch_data.sh [--check] [FOLDER]     FOLDER: default $DYNEXEC_DATA, else data/
#   --check   fetch nothing, only verify what is there
# Files that are there with the right checksum are left alone. Each set comes under its own licence, named below.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

check_only=0 folder=${DYNEXEC_DATA:-data}
for argument in "$@"; do
  case $argument in
    --check) check_only=1 ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' scripts/fetch_data.sh; exit 0 ;;
    -*) printf 'error: unknown option %s\n  hint: %s --help\n' "$argument" "$0" >&2; exit 2 ;;
    *) folder=$argument ;;
  esac
done

github=https://raw.githubusercontent.com
cot=$github/kojima-takeshi188/zero_shot_cot/main/dataset
zig=$github/clebert/llama2.zig
tiny=https://huggingface.co/karpathy/tinyllamas/resolve/main/stories260K

# file | sha256 | licence | addresses, tried in turn
list() {
  cat <<LIST
llm/stories260K.bin|b0a507e7ad0f626624f17112325e66691f9076d622e1d3274d103d00299f2696|MIT|$tiny/stories260K.bin $zig/97d2eb75ed0e2f5970677a1cb33ce513475f9f1b/models/tinystories_260k/checkpoint_legacy.bin
llm/stories260K_v1.bin|9ab1bf3d0c9900ce357fb38b0f42c3252e0ad478400bf7093efa133c8fa60723|MIT|$zig/39c45bb49fab3f5521acf4ac540da65749348118/models/tinystories_260k/checkpoint_v1.bin
llm/tok512.bin|037cb335abb25d1fa9e8ecae30ed2a3a8ace9302862ebcdc05d51a6bbb10c312|MIT|$tiny/tok512.bin $zig/ed816bde3ab10f2cd01f3a2d391e46232bb14083/models/tinystories_260k/tokenizer.bin
text/tinystories_800.json|49a0fd2522cc109167673629e64068019c51d5a0ea33c59548620dac183cd108|CDLA-Sharing-1.0|stories:$github/ToonTalk/jlens-tinystories/0be174508f502eb41d80785951dfbf5115bb99bf/out/corpora/tinystories_1000.json
text/spec_bench_question.jsonl|2be65c6569720b4639986ad146fb7a79aca1d44c65c0b8a939ae14b75f637276|Apache-2.0|$github/hemingkx/Spec-Bench/main/data/spec_bench/question.jsonl
text/gsm8k_test.jsonl|3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14|MIT|$github/openai/grade-school-math/master/grade_school_math/data/test.jsonl
text/gsm8k_train.jsonl|17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465|MIT|$github/openai/grade-school-math/master/grade_school_math/data/train.jsonl
text/HumanEval.jsonl.gz|b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef|MIT|$github/openai/human-eval/master/data/HumanEval.jsonl.gz
text/tinyshakespeare_input.txt|86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed|public domain|$github/karpathy/char-rnn/master/data/tinyshakespeare/input.txt
text/zero_shot_cot/AQuA_test.json|de41581881ef95c5588c44ddc701c77fd480839241dd422a0d181262af24520c|of the set|$cot/AQuA/test.json
text/zero_shot_cot/AddSub_AddSub.json|21930fa90385c72b5a15f4b9a4dda27276b889ae9ff44285505cdd9fa0a20df8|of the set|$cot/AddSub/AddSub.json
text/zero_shot_cot/Bigbench_object_tracking_task.json|74b74d3c8827c0387a3f24ee9efa7edd90b2d53af3daacb9961341af66f750a0|of the set|$cot/Bigbench_object_tracking/task.json
text/zero_shot_cot/CommonsenseQA_dev_rand_split.jsonl|3210497fdaae614ac085d9eb873dd7f4d49b6f965a93adadc803e1229fd8a02a|of the set|$cot/CommonsenseQA/dev_rand_split.jsonl
text/zero_shot_cot/MultiArith_MultiArith.json|dc9db1b6cc68b1ecc2dec830d15aaf8c9a0932aa31d5ffce88ef3628179d36f4|of the set|$cot/MultiArith/MultiArith.json
text/zero_shot_cot/SingleEq_questions.json|051507bd2b489c257057b485774a83d2710c23a4bc0f4a58e1822ae2773ef05e|of the set|$cot/SingleEq/questions.json
text/zero_shot_cot/StrategyQA_task.json|60af9081fed20102fd8bb1e02dc7d9f12238efcba33e4c1a56b4d61cb6409803|of the set|$cot/StrategyQA/task.json
text/zero_shot_cot/coin_flip_coin_flip.json|68cf201737a1463ef6bed5419622805a8934d92bff6a28a9dfbf83be3135ba5a|of the set|$cot/coin_flip/coin_flip.json
text/zero_shot_cot/last_letters_last_letters.json|60e8d092d0a6423d3256e87e0c249b69aefea4cd27985082095fa4e93931fb02|of the set|$cot/last_letters/last_letters.json
LIST
}

matches() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]; }

# download ADDRESS FILE. "stories:ADDRESS" is a JSON array of stories, of which the first 800 are kept.
download() {
  local address=${1#stories:} file=$2
  if command -v curl >/dev/null; then
    curl -fsSL --retry 3 --connect-timeout 20 --max-time 600 -o "$file" "$address" || return
  elif command -v wget >/dev/null; then
    wget -q --tries=3 --timeout=60 -O "$file" "$address" || return
  else
    python3 - "$address" "$file" <<'PYTHON' || return
import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=60) as answer, open(sys.argv[2], "wb") as file:
    file.write(answer.read())
PYTHON
  fi
  [ "$address" = "$1" ] || python3 - "$file" <<'PYTHON'
import json
import sys

stories = json.load(open(sys.argv[1], encoding="utf-8"))[:800]
open(sys.argv[1], "w", encoding="utf-8").write(json.dumps(stories, ensure_ascii=False))
PYTHON
}

missing=0
while IFS='|' read -r file sum licence addresses; do
  target=$folder/$file
  if matches "$target" "$sum"; then
    printf '%-55s present\n' "$file"
    continue
  fi
  if [ $check_only = 1 ]; then
    if [ -f "$target" ]; then state="DIFFERS from its checksum"; else state="absent"; fi
    printf '%-55s %s\n' "$file" "$state"
    missing=$((missing + 1))
    continue
  fi
  mkdir -p "$(dirname "$target")" || exit 1
  state="could not be fetched"
  for address in $addresses; do
    if ! download "$address" "$target.part" 2>/dev/null; then continue; fi
    if matches "$target.part" "$sum"; then
      mv "$target.part" "$target"
      state="fetched ($licence)"
      break
    fi
    state="not kept: ${address#stories:} has changed (checksum)"
  done
  rm -f "$target.part"
  printf '%-55s %s\n' "$file" "$state"
  [ -f "$target" ] && matches "$target" "$sum" || missing=$((missing + 1))
done < <(list)

if [ $missing != 0 ]; then
  printf 'error: %d files are missing in %s\n  hint: check the network, or copy them there and run %s --check\n' \
    $missing "$folder" "$0" >&2
  exit 1
fi
