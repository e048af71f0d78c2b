"""Matrices in formats of their own: through `compress quantize`, `generate`, `inspect` and configs."""

import json

from frame import ROOT, bench, check, dynexec, rows, run_folder
from tiny_model import make

MIX = "int4-g32+v_proj=int8+down_proj=int8"
WRONG = {"int4-g32+vproj=int8": ("'vproj'", "did you mean v_proj"), "int4-g32+v_proj": ("'v_proj' names no format", "v_proj=int8"),
         "int4-g32+v_proj=int3": ("'int3'", "int8"), "int4-g32+up_proj=int8": ("gate_proj", "one format")}
PROMPT = ("--prompt", "fox and fox and fox", "--max-tokens", 30)


def quantize(model, to, weights, *arguments):
    return dynexec("compress", "quantize", model, "-o", to, "--weights", weights, *arguments)


def generate(model, *arguments):
    return json.loads(dynexec("generate", model, *PROMPT, "--format", "json", *arguments).ok().out)


def inspect(model):
    return json.loads(dynexec("inspect", model, "--format", "json").ok().out)


def test_a_mixed_folder_answers_as_the_mix_does(folder):
    models = make(folder)
    target = models / "target"
    report = json.loads(quantize(target, folder / "mixed", MIX, "--format", "json").ok().out)
    check(report["weights"] == MIX and len(report["matrices"]) % 7 == 0, report)
    mine, rounded = generate(folder / "mixed"), generate(target, "--weights", MIX)
    check(mine["token_ids"] == rounded["token_ids"], "other tokens than rounding while loading gives")
    check(mine["weights"] == rounded["weights"] == f"{MIX}, head fp32", f"{mine['weights']} and {rounded['weights']}")
    drafted = generate(folder / "mixed", "--path", "speculative", "--draft", models / "draft", "--draft-weights", MIX)
    check(drafted["token_ids"] == mine["token_ids"] and drafted["drafted_tokens"] > 0, "other tokens than plain decoding")
    whole = "int4-g32-a8+v_proj=int8-a8+down_proj=int8-a8"
    check(generate(folder / "mixed", "--weights", whole)["token_ids"] == generate(target, "--weights", whole)["token_ids"],
          "products in whole numbers differ")
    plain, narrow, mixed = inspect(target), inspect_of(target, folder / "narrow", "int4-g32"), inspect(folder / "mixed")
    check(plain["weights"] == "F32 as stored" and narrow["weights"] == "int4-g32" and mixed["weights"] == MIX,
          f"inspect says {plain['weights']}, {narrow['weights']}, {mixed['weights']}")
    check(narrow["weight_mb_per_token"] < mixed["weight_mb_per_token"] < plain["weight_mb_per_token"], "bytes of a token")
    dynexec("generate", folder / "mixed", *PROMPT, "--weights", "int4-g32").exits(2).one_error().says(MIX)


def inspect_of(model, to, weights):
    quantize(model, to, weights).ok()
    return inspect(to)


def test_gptq_in_several_formats(folder):
    target = make(folder) / "target"
    report = json.loads(quantize(target, folder / "gptq", "int4-g32+v_proj=int8+layers.0=bf16", "--method", "gptq", "--samples", 8,
                                 "--length", 32, "--format", "json").ok().out)
    error = {row["name"]: (row["output_error"], row["nearest_error"]) for row in report["matrices"]}
    for name, (mine, nearest) in error.items():
        check(mine == nearest if ".layers.0." in name else mine < nearest, f"{name}: {mine}, by the nearest {nearest}")
    check(error["model.layers.1.self_attn.v_proj.weight"][0] < 0.1 * error["model.layers.1.self_attn.k_proj.weight"][0], error)
    check(len(generate(folder / "gptq")["token_ids"]) > 0, "no tokens")


def test_what_is_no_mix_is_refused(folder):
    target = make(folder) / "target"
    for weights, parts in WRONG.items():
        quantize(target, folder / "x", weights).exits(2).one_error().says(*parts)
        check(not (folder / "x").exists(), f"{weights}: a folder was made for nothing")
        dynexec("generate", target, *PROMPT, "--weights", weights).exits(2).one_error().says(*parts)
    quantize(target, folder / "x", "int4-g32-a8+v_proj=int8").exits(2).one_error().says("int4-g32-a8+v_proj=int8")
    dynexec("generate", target, *PROMPT, "--weights", "bf16+v_proj=fp16", "--device", "libtorch").exits(2).one_error().says("one format")
    dynexec("generate", target, *PROMPT, "--head-weights", MIX).exits(2).one_error().says("head_weights")
    quantize(target, folder / "mixed", MIX).ok()
    config = json.loads((folder / "mixed" / "config.json").read_text())
    for weights, parts in WRONG.items():
        config["quantization_config"]["format"] = weights.replace("int4-g32", MIX)
        (folder / "mixed" / "config.json").write_text(json.dumps(config))
        dynexec("generate", folder / "mixed", *PROMPT).exits(1).one_error().says("mixed/config.json", parts[0])


def experiment(folder, model, paths):
    path = folder / "texts.yaml"
    path.write_text(json.dumps({"name": "texts", "experiment": "early_exit", "task": {"kind": "sentences", "samples": 20}, "model": model,
                                "calibration": {"samples": 20, "budget_ms": 20}, "bench": {"repetitions": 1, "warmup_max": 2},
                                "paths": paths}))
    return path


def test_mixes_in_configs(folder):
    encoder, mix = ROOT / "models" / "sentences-encoder", "int4-g32+value=int8+layer.0=bf16"
    quantize(encoder, folder / "small", mix).ok()
    full, sure = {"name": "full", "method": "full"}, {"name": "sure", "rule": "confidence", "threshold": 0.95}
    # On a quantised folder no key, and the key of its own formats, are the same weights.
    named = sure | {"weights": mix}
    control = {"name": "control", "method": "static", "like": "sure"}
    answers = []
    for model, paths in (({"network": str(folder / "small")}, [full, named, control]),
                         ({"network": str(encoder), "weights": mix}, [full, sure, control])):
        bench(experiment(folder, model, paths), folder / f"out{len(answers)}").ok()
        done = run_folder(folder / f"out{len(answers)}")
        check(all(row["setting"].endswith(f"; weights {mix}") for row in rows(done / "summary.csv")), "settings")
        answers.append(sorted((row["path"], row["sample"], row["quality"], row["weight_bytes_read"]) for row in rows(done / "samples.csv")))
    check(answers[0] == answers[1], "the folder is not what rounding gives")

    def refused(model, paths, *parts):
        config = experiment(folder, model, paths)
        bench(config, folder / "no").exits(2).one_error().says(*parts)

    refused({"network": str(encoder)}, [full, named, control], "paths[2].like", mix)
    refused({"network": str(encoder)}, [full, sure | {"weights": "int8+value"}], "texts.yaml:1:", "paths[1].weights", "names no format")
    refused({"network": str(encoder), "weights": "int8+valu=bf16"}, [full], "'valu'", "did you mean value")
    vision = {"network": str(ROOT / "models" / "shapes-resnet"), "weights": "int8+conv1=bf16"}
    refused(vision, [full], "model.weights", "vision networks")
