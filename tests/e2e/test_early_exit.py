"""Early exit as a user meets it: heads are trained on a network, then rules are compared on images."""

import json

import numpy as np
from frame import bench, check, dynexec, rows, run_folder
from safetensors.numpy import save_file


def network(folder):
    """A random ResNet of three blocks on 32 x 32 images of five classes."""
    random = np.random.default_rng(1)
    tensors = {}

    def conv(name, out, inside, size):
        tensors[f"{name}.weight"] = random.normal(0, 1 / size / inside ** 0.5, (out, inside, size, size))

    def norm(name, width):
        tensors.update({f"{name}.weight": np.ones(width), f"{name}.bias": random.normal(0, 0.1, width),
                        f"{name}.running_mean": np.zeros(width), f"{name}.running_var": np.ones(width)})

    conv("conv1", 8, 3, 3)
    norm("bn1", 8)
    inside = 8
    for block, width in (("layer1.0", 8), ("layer1.1", 8), ("layer2.0", 16)):
        conv(f"{block}.conv1", width, inside, 3)
        norm(f"{block}.bn1", width)
        conv(f"{block}.conv2", width, width, 3)
        norm(f"{block}.bn2", width)
        inside = width
    tensors["fc.weight"], tensors["fc.bias"] = random.normal(0, 1, (5, 16)), np.zeros(5)
    path = folder / "network"
    path.mkdir()
    save_file({name: value.astype(np.float32) for name, value in tensors.items()}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps({"model_type": "resnet", "depths": [2, 1], "widths": [8, 16],
                                                  "shortcut": "pad", "num_classes": 5, "mean": [0.5] * 3, "std": [0.5] * 3}))
    return path


def images(folder, count=160):
    """Brightness tells the class."""
    random = np.random.default_rng(2)
    labels = random.integers(0, 5, count)
    pixels = (50 * labels[:, None] + random.integers(0, 45, (count, 3072))).astype(np.uint8)
    path = folder / "images.bin"
    path.write_bytes(np.concatenate([labels[:, None].astype(np.uint8), pixels], 1).tobytes())
    return path


def train(folder, **changes):
    config = {"kind": "exits", "backbone": str(network(folder)), "output": str(folder / "exits"), "exits": {"units": "blocks"},
              "data": {"files": [str(images(folder))], "samples": 120, "evaluation": 40},
              "optimiser": {"steps": 200, "batch": 16, "learning_rate": 0.05}, **changes}
    path = folder / "train.yaml"
    path.write_text(json.dumps(config))
    return path


def experiment(folder, **changes):
    config = {"name": "exits", "experiment": "early_exit",
              "task": {"kind": "images", "files": [str(folder / "images.bin")], "samples": 30},
              "model": {"network": str(folder / "exits")}, "calibration": {"samples": 20, "budget_ms": 20},
              "paths": [{"name": "full", "method": "full"}, {"name": "first", "method": "static", "exit": 0},
                        {"name": "sure", "rule": "confidence", "threshold": 0.4},
                        {"name": "never", "rule": "confidence", "threshold": 1.0},
                        {"name": "random", "method": "random", "like": "sure"}],
              "bench": {"repetitions": 2, "warmup_max": 2}, **changes}
    path = folder / "exits.yaml"
    path.write_text(json.dumps(config))
    return path


def test_heads_are_trained_and_rules_compared(folder):
    dynexec("train", train(folder)).ok()
    about = json.loads(dynexec("inspect", folder / "exits", "--format", "json").ok().out)
    check(about["exits"] == [1, 3] and about["family"] == "resnet", f"inspect says {about}")
    bench(experiment(folder), folder / "out", "--trace").ok()
    done = run_folder(folder / "out")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    macs = {name: float(row["macs_mean"]) for name, row in summary.items()}
    check(macs["first"] < macs["sure"] < macs["full"] < macs["never"], f"multiply-accumulates {macs}")
    check(summary["never"]["quality"] == summary["full"]["quality"], "a rule that never leaves answers otherwise")
    check(float(summary["first"]["quality"]) > 0.4, f"the trained head knows nothing: {summary['first']['quality']}")
    traced = [json.loads(line) for line in (done / "traces.jsonl").read_text().splitlines()]
    check(any('"exit"' in json.dumps(line) for line in traced), "no exit in the trace")


def test_network_and_heads_are_trained_together(folder):
    shapes = {"format": "shapes", "size": 16, "mix": [1, 0, 0, 0, 0], "evaluation": 60}
    config = folder / "joint.yaml"
    config.write_text(json.dumps({
        "kind": "exits", "output": str(folder / "joint"), "data": shapes,
        "network": {"model_type": "vgg", "layers": [8, 0, 16, 0], "image_size": 16, "num_classes": 10},
        "exits": {"kind": "bof", "units": "all", "codewords": 16, "hidden": 16, "final_weight": 2},
        "optimiser": {"steps": 250, "batch": 32, "learning_rate": 0.02}}))
    dynexec("train", config).ok()
    about = json.loads(dynexec("inspect", folder / "joint", "--format", "json").ok().out)
    check(about["exits"] == [0, 1, 2] and about["family"] == "vgg", f"inspect says {about}")
    task = {"kind": "shapes", "size": 16, "mix": [1, 1, 0, 0, 0], "samples": 60}
    bench(experiment(folder, name="joint", task=task, model={"network": str(folder / "joint")}), folder / "out",
          "--set", "paths.2.threshold=0.9").ok()
    summary = {row["path"]: row for row in rows(run_folder(folder / "out") / "summary.csv")}
    check(float(summary["full"]["quality"]) > 0.3, f"nothing was learnt: {summary['full']['quality']}")
    check(float(summary["first"]["macs_mean"]) < float(summary["full"]["macs_mean"]), "the first exit runs all layers")
    groups = {row["group"] for row in rows(run_folder(folder / "out") / "samples.csv")}
    check(groups == {"difficulty/1", "difficulty/2"}, f"groups are {groups}")
    wrong = ("data.mix=[1,2]", "mix"), ("network.layers=[8,0,16,0,0,0,0]", "image"), ("network.model_type=mlp", "model_type")
    for change, word in wrong:
        dynexec("train", config, "--set", change).exits(2).one_error().says(word)
    bench(experiment(folder, name="joint", task={**task, "size": 32}, model={"network": str(folder / "joint")}),
          folder / "out").exits(2).one_error().says("16")


METHODS = [{"name": "full", "method": "full"}, {"name": "every", "rule": "confidence", "threshold": 0.5},
           {"name": "gate", "rule": "gate", "threshold": 0.7}, {"name": "placed", "rule": "confidence", "threshold": 0.5,
                                                                "placement": "search"},
           {"name": "published", "method": "predictive_exit", "threshold": 4, "start_exit": 0, "reach": 2},
           {"name": "softmax", "method": "predictive_exit", "rule": "confidence", "threshold": 0.5, "start_exit": 0},
           {"name": "held", "method": "predictive_exit", "engine": "first_hold", "rule": "confidence", "threshold": 0.5},
           {"name": "learnt", "method": "predictive_exit", "engine": "learnt", "rule": "confidence", "threshold": 0.5},
           {"name": "priced", "method": "predictive_exit", "engine": "learnt", "price": 5},
           {"name": "static", "method": "static", "like": "every"}, {"name": "random", "method": "random", "like": "learnt"},
           {"name": "oracle", "method": "oracle"}]


def oracle_does_least(samples, traced):
    """The oracle asks no head and leaves where the answer first is the network's: on no input does a path that answers
    as the network does do less. Of other answers, also right ones, nothing is said."""
    labels = {}  # by path, sample and repetition: of each exit that was asked
    for line in traced:
        key = line["path"], int(line["sample"]), int(line["repetition"])
        labels.setdefault(key, {})[line["decision"]["exit"]] = line["decision"]["label"]
    everywhere = {sample: asked for (path, sample, _), asked in labels.items() if path == "never"}
    whole = {sample: asked for (path, sample, _), asked in labels.items() if path == "full"}
    network = {sample: asked[max(asked)] for sample, asked in whole.items()}
    least = {}
    for row in samples:
        if row["path"] == "oracle":
            sample = int(row["sample"])
            asked = everywhere[sample]
            check(list(asked) == list(range(max(whole[sample]) + 1)), f"sample {sample} was not asked at every exit: {asked}")
            first = min(exit for exit, label in asked.items() if label == network[sample])
            check(int(row["exit_index"]) == first, f"sample {sample}: the oracle leaves at {row['exit_index']} of {asked}")
            least[sample] = float(row["macs"])
    compared = set()
    for row in samples:
        sample = int(row["sample"])
        asked = labels.get((row["path"], sample, int(row["repetition"])))
        if asked and asked[max(asked)] == network[sample]:
            # Their heads make them dearer also where they leave at the same exit.
            check(float(row["macs"]) > least[sample], f"{row['path']} does less than the oracle on sample {sample}: {row}")
            compared.add(row["path"])
    check({"full", "never"} <= compared, f"only {compared} answer as the network does")


def test_exits_are_forecast_and_compared(folder):
    dynexec("train", train(folder, exits={"units": "all"})).ok()
    paths = [*METHODS, {"name": "never", "rule": "confidence", "threshold": 1.0}]
    config = experiment(folder, paths=paths)
    bench(config, folder / "out", "--trace").ok()
    done = run_folder(folder / "out")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    check(list(summary) == [path["name"] for path in paths], f"paths {list(summary)}")
    depth = {name: float(row["exit_depth_mean"]) for name, row in summary.items()}
    macs = {name: float(row["macs_mean"]) for name, row in summary.items()}
    check(depth["full"] == 1 and summary["full"]["quality"] == summary["oracle"]["quality"], f"depths {depth}")
    check(float(summary["oracle"]["exits_tested_mean"]) == 0, "the oracle asks heads")
    check(macs["oracle"] < min(macs["full"], macs["never"]), f"leaving with hindsight costs as much as staying: {macs}")
    check(macs["placed"] <= macs["every"] * 1.05, f"chosen exits cost more than all of them: {macs}")
    for row in rows(done / "samples.csv"):
        check(0 <= float(row["exit_depth"]) <= 1 and int(row["exit_index"]) >= 0 and row["compaction_ms"] == "", f"{row}")
        predictive = row["method"] == "predictive_exit"
        check((row["forecasts"] != "") == predictive, f"forecasts of {row['path']}: {row['forecasts']!r}")
        if predictive:
            check(int(row["forecast_hits"]) <= int(row["forecasts"]) < int(row["exits_tested"]), f"{row}")
    traced = [json.loads(line) for line in (done / "traces.jsonl").read_text().splitlines()]
    oracle_does_least(rows(done / "samples.csv"), traced)
    check('"forecast"' in json.dumps(traced) and '"hit"' in json.dumps(traced), "no forecast in the trace")
    check(0 <= float(summary["published"]["forecast_accuracy"]) <= 1, "no forecast accuracy")


def test_batches_leave_row_by_row(folder):
    dynexec("train", train(folder)).ok()
    config = experiment(folder, paths=METHODS)
    bench(config, folder / "one").ok()
    bench(config, folder / "seven", "--set", "bench.batch_size=7").ok()
    alone, together = ({(row["path"], row["sample"], row["repetition"]): row for row in rows(run_folder(out) / "samples.csv")}
                       for out in (folder / "one", folder / "seven"))
    check(alone.keys() == together.keys(), "a batch loses rows")
    for key, row in alone.items():
        other = together[key]
        # What is learnt does not depend on the batch, so neither does the way of a row through the network.
        for column in ("quality", "macs", "exit_index", "exits_tested", "forecast_hits", "error"):
            check(row[column] == other[column], f"{key}: {column} {row[column]} alone, {other[column]} in a batch")
        check(float(other["compaction_ms"]) >= 0 and float(other["weight_bytes_read"]) < float(row["weight_bytes_read"]),
              f"{key}: compaction {other['compaction_ms']} ms, {other['weight_bytes_read']} bytes of weights")


def test_what_does_not_fit_is_refused(folder):
    train_config = train(folder)
    dynexec("train", train_config, "--set", "exits.units=[9]").exits(2).one_error().says("exits.units")
    dynexec("train", train_config, "--set", "exits.kind=forest").exits(2).one_error().says("exits.kind")
    bench(experiment(folder, model={"network": str(folder / "network")}), folder / "out").exits(1).one_error().says("exit heads")
    dynexec("train", train_config).ok()
    bench(experiment(folder), folder / "out", "--set", "paths.1.exit=7").exits(2).one_error().says("exit")
    bench(experiment(folder), folder / "out", "--set", "paths.2.rule=confidense").exits(2).one_error().says("confidence")
    for path, said in (({"method": "predictive_exit", "start_exit": 9}, "start_exit"),
                       ({"method": "predictive_exit", "engine": "oracular"}, "convolution"),
                       ({"method": "predictive_exit", "engine": "learnt", "single_jump": True}, "single_jump"),
                       ({"rule": "patience", "placement": "search"}, "placement"), ({"rule": "gate", "threshold": 7}, "threshold"),
                       ({"method": "static", "like": "nothing"}, "like"), ({"method": "static", "exit": -1}, "exit")):
        paths = [{"name": "full", "method": "full"}, {"name": "wrong", **path}]
        bench(experiment(folder, paths=paths), folder / "out").exits(2).one_error().says(said)
    bench(experiment(folder), folder / "out", "--set", "task.samples=1000").exits(1).one_error().says("images")
    bad = folder / "images.bin"
    bad.write_bytes(bad.read_bytes()[:-1])
    bench(experiment(folder), folder / "out").exits(1).one_error().says("images.bin")


def test_networks_in_int8(folder):
    """Each format learns from itself; int8 answers nearly as fp32 does and reads fewer bytes."""
    dynexec("train", train(folder)).ok()
    paths = [{"name": "fp32", "method": "full"}, {"name": "fp32-sure", "rule": "confidence", "threshold": 0.4},
             {"name": "int8", "method": "full", "weights": "int8"},
             {"name": "int8-sure", "rule": "confidence", "threshold": 0.4, "weights": "int8"},
             {"name": "int8-static", "method": "static", "like": "int8-sure", "weights": "int8"}]
    config = experiment(folder, paths=paths, quantisation={"samples": 10})
    bench(config, folder / "out").ok()
    done = run_folder(folder / "out")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    samples = rows(done / "samples.csv")
    read = {name: sum(float(row["weight_bytes_read"]) for row in samples if row["path"] == name) for name in summary}
    check(read["int8"] < 0.7 * read["fp32"] and read["int8-sure"] < read["fp32-sure"], f"bytes of weights: {read}")
    check(summary["int8"]["macs_mean"] == summary["fp32"]["macs_mean"], "another format makes another number of products")
    apart = abs(float(summary["int8"]["quality"]) - float(summary["fp32"]["quality"]))
    check(apart <= 0.1, f"int8 answers otherwise: {summary['int8']['quality']} and {summary['fp32']['quality']}")
    bench(config, folder / "three", "--set", "bench.batch_size=3").ok()
    alone, together = ({(row["path"], row["sample"], row["repetition"]): row["exit_index"] for row in found}
                       for found in (samples, rows(run_folder(folder / "three") / "samples.csv")))
    check(alone == together, "other exits in batches")
    bench(config, folder / "no", "--set", "paths.2.weights=int4-g32").exits(2).one_error().says("int4-g32")
    bench(config, folder / "no", "--set", "quantisation.samples=0").exits(2).one_error().says("samples")
    plain = experiment(folder, quantisation={"samples": 10})
    bench(plain, folder / "no").exits(2).one_error().says("quantisation")
