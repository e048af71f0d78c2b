"""Folders of pipelines in int8 and int4: they draw what quantising while loading draws."""

import json

import numpy as np
from frame import ROOT, bench, check, dynexec, rows, run_folder
from safetensors.numpy import load_file, save_file
from test_pictures import STEPS, experiment, model

WEIGHTS = "diffusion_pytorch_model.safetensors"
QUANTISATION = {"quantisation": {"samples": 2, "steps": 4}}
PATHS = [{"name": "full", "steps": 4}, {"name": "plain", "steps": 3, "guidance": 1}]


def compress(network, to, *arguments):
    return dynexec("compress", "quantize", network, "-o", to, *arguments)


def drawn(folder, name, network, **changes):
    """What the judge saw in every picture, to the last digit, and the settings of the paths."""
    bench(experiment(folder, network, **{"paths": PATHS, **changes}), folder / name, "--quiet").ok()
    done = run_folder(folder / name)
    check(not any(row["error"] for row in rows(done / "samples.csv")), f"{name}: a row failed")
    settings = {row["path"]: (row["setting"], row["weight_mb_read_mean"]) for row in rows(done / "summary.csv")}
    return sorted((done / "features.csv").read_text().splitlines()), settings


def test_a_pipeline_in_int8_or_int4_draws_as_the_format_does(folder):
    network = model(folder)
    predictor = folder / "steps.yaml"
    predictor.write_text(STEPS.format(folder=folder))
    dynexec("train", predictor, "--quiet", timeout=300).ok()
    paths = [*PATHS, {"name": "few", "method": "predicted", "predictor": str(folder / "predictor")}]
    exact = drawn(folder, "exact", network, paths=paths)
    for weights in ("int8", "int4"):
        small = folder / weights
        # The config's paths have other weights or none: they draw all the same.
        config = experiment(folder, network, paths=paths, **QUANTISATION)
        report = json.loads(compress(network, small, "--weights", weights, "--calibration", config, "--format", "json").ok().out)
        check(report["weights"] == weights and report["bytes_after"] < 0.95 * report["bytes_before"], f"{report}")
        types = {str(value.dtype) for value in load_file(small / "unet" / WEIGHTS).values()}
        check(types == {"float16", "float32", "int8"} | ({"uint8"} if weights == "int4" else set()), f"types are {types}")
        about = json.loads(dynexec("inspect", small, "--format", "json").ok().out)
        check(about["weights"] == weights and about["takes_text"] and about["picture"] == [3, 32, 32], f"inspect says {about}")

        stored = drawn(folder, f"{weights}-stored", small, paths=paths)
        learnt = drawn(folder, f"{weights}-learnt", network, paths=[{**path, "weights": weights} for path in paths], **QUANTISATION)
        check(stored == learnt, f"{weights}: the folder does not draw what quantising while loading draws")
        check(stored[0] != exact[0], f"{weights} draws what fp32 draws")
        check(all(setting.endswith(f"weights {weights}") for setting, _ in stored[1].values()), f"settings {stored[1]}")
    check(json.loads(dynexec("inspect", network, "--format", "json").ok().out)["weights"] == "fp32", "inspect of fp32")


def test_a_file_of_captions_calibrates_a_pipeline(folder):
    network = model(folder)
    captions = folder / "captions.txt"
    captions.write_text("a red circle\na small blue square\na large green triangle\n")
    for samples, name in ((["--samples", "1"], "one"), ([], "all")):
        compress(network, folder / name, "--texts", captions, "--quiet", *samples).ok()
        drawn(folder, f"drawn-{name}", folder / name)
    one, every = (load_file(folder / name / "unet" / WEIGHTS) for name in ("one", "all"))
    check(any((one[name] != every[name]).any() for name in one if name.endswith(".input_range")), "one caption tells what three do")
    empty = folder / "empty.txt"
    empty.write_text("\n")
    compress(network, folder / "no", "--texts", empty).exits(1).one_error().says("empty.txt")


def test_what_does_not_fit_is_refused(folder):
    network = model(folder)
    small, no = folder / "small", folder / "no"
    config = experiment(folder, network, paths=PATHS, **QUANTISATION)
    compress(network, no).exits(2).one_error().says("--texts", "diffusion config")
    compress(network, no, "--calibration", config, "--texts", config).exits(2).one_error().says("--texts")
    compress(network, no, "--calibration", config, "--weights", "int4-g32").exits(2).one_error().says("int4-g32", "int8 or int4")
    compress(network, no, "--calibration", config, "--method", "gptq").exits(2).one_error().says("gptq is for")
    for option in (("--distil-steps", 5), ("--skip", 5)):
        compress(network, no, "--calibration", config, *option).exits(2).one_error().says(option[0])
    compress(network, no, "--calibration", ROOT / "configs" / "vision_formats.yaml").exits(2).one_error().says("diffusion")
    compress(network, network, "--calibration", config).exits(2).one_error().says("overwritten")
    check(not no.exists(), "a folder was made for nothing")
    compress(network, small, "--calibration", config).ok()
    compress(small, no, "--calibration", config).exits(2).one_error().says("already")

    def refused(*parts, **changes):
        bench(experiment(folder, small, **{"paths": PATHS, **changes}), no).exits(2).one_error().says(*parts)

    refused("quantisation", "its ranges", **QUANTISATION)
    refused("weights", "int4", "int8", paths=[PATHS[0], PATHS[1] | {"weights": "int4"}])
    refused("model.weights", model={"network": str(small), "weights": "int4"})


def test_damaged_folders_are_refused(folder):
    network = model(folder)
    small = folder / "small"
    compress(network, small, "--weights", "int4", "--calibration", experiment(folder, network, paths=PATHS, **QUANTISATION)).ok()
    whole = load_file(small / "unet" / WEIGHTS)
    conv = next(name for name in whole if name.endswith("resnets.0.conv1.weight"))
    matrix = next(name for name in whole if whole[name].dtype == np.uint8)

    def refused(name, change):
        tensors = {key: value.copy() for key, value in whole.items()}
        change(tensors)
        save_file(tensors, small / "unet" / WEIGHTS)
        for result in (dynexec("inspect", small), bench(experiment(folder, small, paths=PATHS), folder / "no")):
            result.exits(1).one_error().says(name)

    refused(conv, lambda all: all[conv].__setitem__((0, 0, 0, 0), -128))
    refused(f"{conv}.input_range", lambda all: all.pop(f"{conv}.input_range"))
    refused(f"{conv}.input_factors", lambda all: all[f"{conv}.input_factors"].__setitem__(0, np.nan))
    refused(f"{conv}.scales", lambda all: all.update({f"{conv}.scales": all[f"{conv}.scales"][:-1]}))
    refused(f"{matrix}.minima", lambda all: all.pop(f"{matrix}.minima"))
    refused(matrix, lambda all: all.pop(f"{matrix}.scales"))
    refused(matrix, lambda all: all.update({matrix: all[matrix].astype(np.int8)}))
    config = json.loads((small / "unet" / "config.json").read_text())
    config["quantization_config"]["format"] = "int3"
    (small / "unet" / "config.json").write_text(json.dumps(config))
    refused("int3", lambda all: None)
