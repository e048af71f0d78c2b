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


def test_speculation_stays_exact_in_every_weight_format(folder):
    models = make(folder)
    arguments = ("--prompt", "fox and fox and fox", "--max-tokens", 40)
    plain = generate(models / "target", *arguments)
    for weights in ("bf16", "int8", "int8-g32-a8", "int4-g32", "int4-g64-a8"):
        formats = ("--weights", weights, "--head-weights", weights)
        alone = generate(models / "target", *arguments, *formats)
        drafted = generate(models / "target", *arguments, *formats, "--path", "speculative", "--draft", models / "draft",
                           "--draft-weights", weights)
        check(drafted["token_ids"] == alone["token_ids"], f"{weights}: other tokens than plain decoding")
        check(drafted["drafted_tokens"] > 0, f"{weights}: nothing was drafted")
        check(alone["weights"] == weights, f'{alone["weights"]} instead of {weights}')
        check(alone["weight_bytes"] * len(plain["token_ids"]) < 0.6 * plain["weight_bytes"] * len(alone["token_ids"]),
              f"{weights}: too many bytes of weights")
    dynexec("generate", models / "target", *arguments, "--weights", "int5").one_error().says("int5")
    dynexec("generate", models / "target", *arguments, "--draft-weights", "int8").exits(2).one_error().says("speculative")


def test_a_quantised_folder_answers_as_the_format_does(folder):
    models = make(folder)
    arguments = ("--prompt", "fox and fox and fox", "--max-tokens", 30)
    for method in ("nearest", "gptq"):
        small = folder / f"small-{method}"
        report = json.loads(dynexec("compress", "quantize", models / "target", "-o", small, "--weights", "int4-g32",
                                    "--method", method, "--samples", 8, "--length", 32, "--format", "json").ok().out)
        check(report["bytes_after"] < 0.5 * report["bytes_before"], "the folder is not smaller")
        check(len(report["matrices"]) % 7 == 0, "seven matrices a layer")
        mine = generate(small, *arguments)
        check(mine["weights"] == "int4-g32, head fp32", mine["weights"])
        if method == "nearest":
            rounded = generate(models / "target", *arguments, "--weights", "int4-g32")
            check(mine["token_ids"] == rounded["token_ids"], "other tokens than rounding while loading gives")
    dynexec("compress", "quantize", models / "target", "-o", models / "target").one_error().says("overwritten")
    dynexec("compress", "quantize", folder / "small-nearest", "-o", folder / "x").one_error().says("already")
    dynexec("compress", "quantize", models / "target", "-o", folder / "x", "--weights", "int5").one_error().says("int5")
    dynexec("compress").exits(2).one_error()


def test_refusals(folder):
    models = make(folder)
    dynexec("generate", models / "target").exits(2).one_error().says("prompt")
    dynexec("generate", models / "target", "--tokens", "1,2,999999").one_error()
    dynexec("generate", models / "target", "--prompt", "x", "--tokens", "1").exits(2).one_error()
    dynexec("generate", models / "target", "--prompt", "x", "--drafter", "self").exits(2).one_error().says("speculative")
    dynexec("generate", models / "target", "--prompt", "x" * 5000).one_error()
