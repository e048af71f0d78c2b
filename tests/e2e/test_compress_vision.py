"""Folders of vision networks in int8: left early they do what quantising while loading does."""

import json

import numpy as np
from frame import ROOT, bench, check, dynexec, rows, run_folder
from safetensors.numpy import load_file, save_file
from test_early_exit import experiment, train

PATHS = [{"name": "full", "method": "full"}, {"name": "first", "method": "static", "exit": 0},
         {"name": "sure", "rule": "confidence", "threshold": 0.4}, {"name": "gate", "rule": "gate", "threshold": 0.7}]
SAMPLES = {"quantisation": {"samples": 8}}


def compress(model, to, *arguments):
    return dynexec("compress", "quantize", model, "-o", to, *arguments)


def config(folder, network, **changes):
    return experiment(folder, model={"network": str(network)} | changes.pop("model", {}), **{"paths": PATHS, **changes})


def run(folder, name, *arguments, **changes):
    """The summary's rows by path, and what every sample did."""
    bench(config(folder, *arguments, **changes), folder / name, "--trace").ok()
    done = run_folder(folder / name)
    traces = sorted((done / "traces.jsonl").read_text().splitlines())
    answers = {(row["path"], row["sample"], row["repetition"]): (row["quality"], row["macs"], row["weight_bytes_read"])
               for row in rows(done / "samples.csv")}
    return {row["path"]: row for row in rows(done / "summary.csv")}, answers, traces


def test_a_network_in_int8_is_left_early_as_the_format_is(folder):
    dynexec("train", train(folder)).ok()
    network, small = folder / "exits", folder / "small"
    images = config(folder, network, **SAMPLES)
    report = json.loads(compress(network, small, "--calibration", images, "--format", "json").ok().out)
    check(report["weights"] == "int8" and len(report["matrices"]) == 6, f"{report}")
    check(report["bytes_after"] < 0.6 * report["bytes_before"], f"{report['bytes_after']} of {report['bytes_before']} bytes")
    about = json.loads(dynexec("inspect", small, "--format", "json").ok().out)
    plain = json.loads(dynexec("inspect", network, "--format", "json").ok().out)
    check((about["weights"], plain["weights"]) == ("int8", "fp32") and about["exits"] == [1, 3], f"inspect says {about}")
    check(about["parameters"] == plain["parameters"], f"{about['parameters']} parameters")

    stored, named = run(folder, "stored", small), run(folder, "named", small, model={"weights": "int8"})
    learnt = run(folder, "learnt", network, model={"weights": "int8"}, **SAMPLES)
    exact = run(folder, "exact", network)
    for mine in (stored, named):
        check(mine[1] == learnt[1] and mine[2] == learnt[2], "the folder is not what quantising while loading gives")
        for path, row in mine[0].items():
            check(row["setting"] == learnt[0][path]["setting"], f"{row['setting']} instead of {learnt[0][path]['setting']}")
    check(stored[2] != exact[2], "int8 decides as fp32 does, to the last digit")
    check(stored[0]["full"]["setting"].endswith("weights int8"), f"setting {stored[0]['full']['setting']}")
    read = [float(run[0]["full"]["weight_mb_read_mean"]) for run in (stored, exact)]
    check(read[0] < 0.5 * read[1], f"reads {read[0]} of {read[1]} MB")

    # The command line's number of images goes before the config's.
    other = folder / "other"
    compress(network, other, "--calibration", images, "--samples", "1", "--weights", "int8").ok()
    ranges = [load_file(path / "model.safetensors")["activation_ranges"] for path in (small, other)]
    check((ranges[0] >= ranges[1]).all() and (ranges[0] > ranges[1]).any(), f"ranges {ranges}")


def test_what_does_not_fit_is_refused(folder):
    dynexec("train", train(folder)).ok()
    network, small, no = folder / "exits", folder / "small", folder / "no"
    images = config(folder, network)
    compress(network, no).exits(2).one_error().says("--calibration")
    compress(network, no, "--calibration", images, "--weights", "int4-g32").exits(2).one_error().says("int8", "int4-g32")
    compress(network, no, "--calibration", images, "--method", "gptq").exits(2).one_error().says("gptq is for")
    for option in (("--distil-steps", 5), ("--skip", 5)):
        compress(network, no, "--calibration", images, *option).exits(2).one_error().says(option[0])
    compress(network, no, "--calibration", images, "--texts", images).exits(2).one_error().says("--texts")
    compress(network, no, "--calibration", folder / "absent.yaml").exits(2).one_error().says("absent.yaml")
    compress(network, no, "--calibration", ROOT / "configs" / "perplexity.yaml").exits(2).one_error().says("early_exit")
    shapes = config(folder, network, task={"kind": "shapes", "size": 16})
    compress(network, no, "--calibration", shapes).exits(2).one_error().says("32 x 32")
    compress(ROOT / "models" / "sentences-encoder", no, "--calibration", images).exits(2).one_error().says("--texts")
    images = config(folder, network)
    compress(network, network, "--calibration", images).exits(2).one_error().says("overwritten")
    check(not no.exists(), "a folder was made for nothing")
    compress(network, small, "--calibration", images).ok()
    compress(small, no, "--calibration", images).exits(2).one_error().says("already")

    def refused(*parts, **changes):
        bench(config(folder, small, **changes), no).exits(2).one_error().says(*parts)

    refused("quantisation", "its ranges", **SAMPLES)
    refused("bf16", model={"weights": "bf16"})
    refused("int4-g32", paths=[PATHS[0], PATHS[2] | {"weights": "int4-g32"}])
    refused("model.network", "hardware", hardware={"profile": str(ROOT / "configs" / "hardware" / "jetson_tx2.yaml")})
    dynexec("train", folder / "train.yaml", "--set", f"backbone={small}").exits(2).one_error().says("already")


def test_damaged_folders_are_refused(folder):
    dynexec("train", train(folder)).ok()
    network, small = folder / "exits", folder / "small"
    compress(network, small, "--calibration", config(folder, network)).ok()
    whole = load_file(small / "model.safetensors")
    kernel = "layer2.0.conv1.weight"

    def refused(name, change):
        tensors = {key: value.copy() for key, value in whole.items()}
        change(tensors)
        save_file(tensors, small / "model.safetensors")
        for result in (dynexec("inspect", small), bench(config(folder, small), folder / "no")):
            result.exits(1).one_error().says(name, "compress quantize")

    refused(kernel, lambda all: all[kernel].__setitem__((0, 0, 0, 0), -128))
    refused(kernel, lambda all: all.update({kernel: all[kernel].astype(np.float32)}))
    refused(f"{kernel}.scales", lambda all: all.pop(f"{kernel}.scales"))
    refused(f"{kernel}.scales", lambda all: all[f"{kernel}.scales"].__setitem__(0, np.inf))
    refused("activation_ranges", lambda all: all.pop("activation_ranges"))
    refused("activation_ranges", lambda all: all.update(activation_ranges=all["activation_ranges"][:-1]))
    refused("activation_ranges", lambda all: all["activation_ranges"].__setitem__(1, np.nan))
