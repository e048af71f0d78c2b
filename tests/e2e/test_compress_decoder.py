"""`dynexec compress quantize` on language models: GPTAQ, fitted scales, and the texts that both calibrate on."""

import json

from frame import ROOT, check, dynexec
from tiny_model import make

PROMPT = ("--prompt", "fox and fox and fox", "--max-tokens", 30)


def quantize(model, to, *arguments):
    return dynexec("compress", "quantize", model, "-o", to, "--weights", "int4-g32", *arguments)


def report_of(model, to, *arguments):
    return json.loads(quantize(model, to, *arguments, "--format", "json").ok().out)


def stories(folder, count):
    path = folder / "stories.json"
    path.write_text(json.dumps([f"{'abcdefghijkl'[i] * (i + 1)} had a fox in a box.\n\nIt put the box on a rock, and sat down, and "
                                f"sang of foxes and of boxes until it was night." for i in range(count)]))
    return path


def test_gptaq_and_fitted_scales(folder):
    target = make(folder) / "target"
    exact = json.loads(dynexec("generate", target, *PROMPT, "--format", "json").ok().out)
    texts, steps = ("--samples", 64, "--length", 48), ("--distil-steps", 25, "--distil-batch", 8, "--distil-rate", 0.003)
    plain = report_of(target, folder / "gptaq", "--method", "gptaq", *texts)
    check(plain["method"] == "gptaq" and plain["distil"] is None, plain)
    # Behind the first layer's queries, keys and values what has drifted counts, which rounding to the nearest leaves.
    later = [row for row in plain["matrices"] if ".layers.0." not in row["name"]]
    check(all(row["output_error"] < row["nearest_error"] for row in later), later)
    nearest = report_of(target, folder / "nearest", *texts)
    fitted = report_of(target, folder / "fitted", *texts, *steps)
    distil = fitted["distil"]
    check(distil["kept"] and distil["held_out_texts"] == 8 and distil["steps"] == 25, distil)
    check(0 < distil["divergence_after"] < 0.95 * distil["divergence_before"], distil)
    check(fitted["matrices"] == nearest["matrices"] and fitted["bytes_after"] == nearest["bytes_after"], "more than scales have changed")
    for name in ("gptaq", "fitted"):
        mine = json.loads(dynexec("generate", folder / name, *PROMPT, "--format", "json").ok().out)
        check(mine["weights"] == "int4-g32, head fp32" and len(mine["token_ids"]) <= len(exact["token_ids"]), mine)
    files = [(folder / name / "model.safetensors").read_bytes() for name in ("nearest", "fitted")]
    check(files[0] != files[1], "the fitted scales were not written")
    report_of(target, folder / "again", *texts, *steps)
    check((folder / "again" / "model.safetensors").read_bytes() == files[1], "another folder from the same seed")


def test_scales_that_get_worse_stay(folder):
    target = make(folder) / "target"
    quantize(target, folder / "nearest", "--quiet").ok()
    run = quantize(target, folder / "spoilt", "--samples", 16, "--length", 32, "--distil-steps", 3, "--distil-rate", 1, "--quiet").ok()
    check("no gain" in run.err, run.err)
    check((folder / "spoilt" / "model.safetensors").read_bytes() == (folder / "nearest" / "model.safetensors").read_bytes(),
          "the scales have changed")


def test_texts_of_a_file(folder):
    target, file = make(folder) / "target", stories(folder, 12)
    whole = report_of(target, folder / "all", "--method", "gptq", "--texts", file, "--length", 200)
    rest = report_of(target, folder / "rest", "--method", "gptq", "--texts", file, "--length", 200, "--skip", 9)
    first = report_of(target, folder / "first", "--method", "gptq", "--texts", file, "--length", 200, "--samples", 3)
    check(len({str(report["matrices"]) for report in (whole, rest, first)}) == 3, "the same texts whatever is skipped")
    # The opening alone would be fewer tokens than the limit, and the same calibration whatever it is.
    longer = report_of(target, folder / "longer", "--method", "gptq", "--texts", file, "--length", 60)
    check(longer["matrices"] != whole["matrices"], "stories are cut short")
    for skip in (12, 1000):
        quantize(target, folder / "x", "--texts", file, "--skip", skip).exits(1).one_error().says("stories.json")
    quantize(target, folder / "x", "--texts", file, "--skip", 11, "--distil-steps", 5).exits(2).one_error().says("two texts")
    check(not (folder / "x").exists(), "a folder was made for nothing")


def test_wrong_settings(folder):
    target = make(folder) / "target"
    for option, value in (("--distil-steps", -1), ("--distil-batch", 0), ("--distil-rate", 0), ("--distil-rate", "fast"),
                          ("--method", "awq"), ("--skip", -1)):
        quantize(target, folder / "x", option, value).exits(2).one_error().says(option)
    encoder = ROOT / "models" / "sentences-encoder"
    quantize(encoder, folder / "x", "--distil-steps", 5).exits(2).one_error().says("text encoder")
    check(not (folder / "x").exists(), "a folder was made for nothing")
