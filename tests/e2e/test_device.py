"""Language models on other devices than the own kernels: the same code on the processor, and what happens without a GPU."""

import json

from frame import Skip, bench, check, dynexec, rows, run_folder, tiny_config
from tiny_model import make


def generate(model, *arguments):
    return json.loads(dynexec("generate", model, "--format", "json", *arguments).ok().out)


def has_gpu():
    return json.loads(dynexec("doctor", "--format", "json").ok().out)["device_cuda"] == "can be used"


def test_the_device_path_on_the_processor_answers_as_the_own_kernels_do(folder):
    models = make(folder)
    arguments = ("--prompt", "fox and fox and fox", "--max-tokens", 40)
    plain = generate(models / "target", *arguments)
    check(plain["device"] == "cpu", plain["device"])
    for extra in ([], ["--path", "speculative", "--draft", models / "draft"],
                  ["--path", "speculative", "--drafter", "self", "--exit-layer", 1]):
        mine = generate(models / "target", *arguments, "--device", "libtorch", *extra)
        check(mine["token_ids"] == plain["token_ids"], f"{extra}: other tokens than the own kernels")
        check(mine["device"] == "libtorch" and mine["timings"]["device_ms"] is None, "device")
    half = generate(models / "target", *arguments, "--device", "libtorch", "--weights", "bf16", "--head-weights", "bf16")
    check(half["weights"] == "bf16, device libtorch", half["weights"])


def test_bench_on_the_device_path(folder):
    out = folder / "out"
    bench(tiny_config(folder), out, "--set", "model.device=libtorch").ok()
    samples = rows(run_folder(out) / "samples.csv")
    check(all(row["error"] == "" and float(row["latency_ms"]) > 0 for row in samples), "rows with errors")
    check(all(row["equal_to_baseline"] == "" for row in samples), "a device path is called lossless")
    summary = rows(run_folder(out) / "summary.csv")
    check(all("device libtorch" in row["setting"] for row in summary), [row["setting"] for row in summary])
    environment = json.loads((run_folder(out) / "environment.json").read_text())
    check(isinstance(environment["gpus"], list), "GPUs are not listed")


def test_what_a_device_has_not_is_one_error(folder):
    model = make(folder) / "target"
    for refused, word in ((("--weights", "int8"), "int8"), (("--kv-cache", "int8"), "keys and values")):
        dynexec("generate", model, "--prompt", "x", "--device", "libtorch", *refused).exits(2).one_error().says(word)
    dynexec("generate", model, "--prompt", "x", "--device", "cudo").exits(2).one_error().says("cuda")


def test_without_a_gpu_cuda_is_one_error_that_names_the_key(folder):
    if has_gpu():
        raise Skip("there is a GPU")
    config = tiny_config(folder)
    text = json.loads(config.read_text())
    text["model"]["device"] = "cuda"
    config.write_text(json.dumps(text, indent=1))
    line = 1 + next(n for n, row in enumerate(config.read_text().splitlines()) if '"device"' in row)
    bench(config, folder / "out").exits(2).one_error().says("device cuda cannot be used", f"{config.name}:{line}:", "device: cpu")
    dynexec("generate", text["model"]["target"], "--prompt", "x", "--device", "cuda").exits(2).one_error().says("device cuda")


def test_cuda_answers_as_the_own_kernels_do(folder):
    if not has_gpu():
        raise Skip("there is no GPU")
    models = make(folder)
    arguments = ("--prompt", "fox and fox and fox", "--max-tokens", 40)
    plain = generate(models / "target", *arguments)
    mine = generate(models / "target", *arguments, "--device", "cuda")
    check(mine["token_ids"] == plain["token_ids"], "other tokens than the own kernels")
    check(0 < mine["timings"]["device_ms"] < mine["timings"]["total_ms"], "device time")
