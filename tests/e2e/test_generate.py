"""`generate` on a tiny model: text, token ids, and the same tokens through every path."""

import json

from frame import check, dynexec
from tiny_model import make


def generate(model, *arguments):
    return json.loads(dynexec("generate", model, "--format", "json", *arguments).ok().out)


def test_text_and_token_ids(folder):
    model = make(folder) / "target"
    by_text = generate(model, "--prompt", "abc", "--max-tokens", 20)
    by_ids = generate(model, "--tokens", "97,98,99", "--max-tokens", 20)
    check(by_text["token_ids"] == by_ids["token_ids"], "the same prompt in two forms gave other tokens")
    check(1 <= len(by_text["token_ids"]) <= 20, "length")
    check(isinstance(by_text["text"], str) and by_text["timings"]["total_ms"] > 0, "text and timings")
    check(dynexec("generate", model, "--prompt", "abc", "--max-tokens", 4).ok().out.strip() != "", "nothing printed")


def test_every_drafter_gives_the_baselines_tokens(folder):
    models = make(folder)
    plain = generate(models / "target", "--prompt", "fox and fox and fox", "--max-tokens", 40)["token_ids"]
    for arguments in (["--draft", models / "draft"], ["--drafter", "prompt_lookup"],
                      ["--drafter", "self", "--exit-layer", 1], ["--draft", models / "target", "--length", 5],
                      ["--draft", models / "draft", "--policy", "svip"]):
        mine = generate(models / "target", "--prompt", "fox and fox and fox", "--max-tokens", 40, "--path", "speculative",
                        *arguments)
        check(mine["token_ids"] == plain, f"{arguments}: other tokens than the baseline")
        check(mine["drafted_tokens"] > 0, f"{arguments}: nothing was drafted")


def test_a_perfect_draft_saves_passes(folder):
    target = make(folder) / "target"
    result = generate(target, "--prompt", "abc", "--max-tokens", 40, "--ignore-end", "--path", "speculative", "--draft",
                      target, "--length", 4)
    check(len(result["token_ids"]) == 40, "--ignore-end stopped early")
    check(result["target_passes"] <= 9, f"{result['target_passes']} passes for 40 tokens with a perfect draft of 4")


def test_seeds_decide_sampling(folder):
    target = make(folder) / "target"

    def tokens(seed):
        return generate(target, "--prompt", "abc", "--max-tokens", 30, "--temperature", 1.0, "--seed", seed)["token_ids"]

    check(tokens(1) == tokens(1), "the same seed gave other tokens")
    check(len({tuple(tokens(seed)) for seed in range(1, 5)}) > 1, "four seeds gave the same tokens")


def test_refusals(folder):
    models = make(folder)
    dynexec("generate", models / "target").exits(2).one_error().says("prompt")
    dynexec("generate", models / "target", "--tokens", "1,2,999999").one_error()
    dynexec("generate", models / "target", "--prompt", "x", "--tokens", "1").exits(2).one_error()
    dynexec("generate", models / "target", "--prompt", "x", "--drafter", "self").exits(2).one_error().says("speculative")
    dynexec("generate", models / "target", "--prompt", "x" * 5000).one_error()
