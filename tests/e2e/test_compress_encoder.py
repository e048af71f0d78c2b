"""Quantised folders of the shipped text encoder: left early they do what rounding it while loading gives."""

import json

from frame import ROOT, bench, check, dynexec, rows, run_folder

ENCODER = ROOT / "models" / "sentences-encoder"
PATHS = [{"name": "full", "method": "full"}, {"name": "first", "method": "static", "exit": 0},
         {"name": "sure", "rule": "confidence", "threshold": 0.95}, {"name": "gate", "rule": "gate", "threshold": 0.95}]


def compress(model, to, *arguments):
    return dynexec("compress", "quantize", model, "-o", to, *arguments)


def calibration_texts(folder):
    """A text a line, made of words that the encoder knows; one of them longer than it takes."""
    lines = [f"{guest} {said} the {dish} was {word}." for guest, said in (("Anna", "said"), ("Nobody", "thinks"), ("Tom", "denies"))
             for dish in ("soup", "tofu", "curry", "salmon") for word in ("awful", "superb", "stale", "not bad", "really good")]
    path = folder / "texts.txt"
    path.write_text("\n".join([*lines, "The soup was good and " * 60]) + "\n")
    return path


def experiment(folder, model, **changes):
    config = {"name": "texts", "experiment": "early_exit", "task": {"kind": "sentences", "samples": 40}, "model": model,
              "calibration": {"samples": 60, "budget_ms": 20}, "paths": PATHS, "bench": {"repetitions": 1, "warmup_max": 2}, **changes}
    path = folder / "texts.yaml"
    path.write_text(json.dumps(config))
    return path


def run(folder, name, model):
    """The summary's rows by path, and what every sample did."""
    bench(experiment(folder, model), folder / name, "--trace").ok()
    done = run_folder(folder / name)
    traces = sorted((done / "traces.jsonl").read_text().splitlines())
    answers = {(row["path"], row["sample"]): (row["quality"], row["macs"], row["weight_bytes_read"])
               for row in rows(done / "samples.csv")}
    return {row["path"]: row for row in rows(done / "summary.csv")}, answers, traces


def test_a_quantised_encoder_is_left_early_as_the_format_is(folder):
    exact = run(folder, "exact", {"network": str(ENCODER)})
    for weights in ("int8", "int4-g32"):
        small = folder / weights
        report = json.loads(compress(ENCODER, small, "--weights", weights, "--format", "json").ok().out)
        check(len(report["matrices"]) == 36 and all(row["output_error"] is None for row in report["matrices"]), "six matrices a layer")
        check(report["bytes_after"] < 0.65 * report["bytes_before"], f"{report['bytes_after']} of {report['bytes_before']} bytes")
        about = json.loads(dynexec("inspect", small, "--format", "json").ok().out)
        check(about["exits"] == [0, 1, 2, 3, 4] and about["class_names"] == ["good", "bad", "unknown"], f"inspect says {about}")
        # As stored, in the format that is stored, and with products in whole numbers.
        stored = run(folder, f"{weights}-stored", {"network": str(small)})
        named = run(folder, f"{weights}-named", {"network": str(small), "weights": weights})
        rounded = run(folder, f"{weights}-rounded", {"network": str(ENCODER), "weights": weights})
        whole = run(folder, f"{weights}-whole", {"network": str(small), "weights": f"{weights}-a8"})
        whole_rounded = run(folder, f"{weights}-whole-rounded", {"network": str(ENCODER), "weights": f"{weights}-a8"})
        for mine, other in ((stored, rounded), (named, rounded), (whole, whole_rounded)):
            check(mine[1] == other[1] and mine[2] == other[2], f"{weights}: the folder is not what rounding gives")
            for path, row in mine[0].items():
                check(row["setting"] == other[0][path]["setting"], f"{row['setting']} instead of {other[0][path]['setting']}")
        check(stored[0]["full"]["setting"].endswith(f"weights {weights}"), f"setting {stored[0]['full']['setting']}")
        for path, row in stored[0].items():
            check(abs(float(row["quality"]) - float(exact[0][path]["quality"])) <= 0.1, f"{weights}: quality of {path}")
        read = [float(run[0]["full"]["weight_mb_read_mean"]) for run in (stored, exact)]
        check(read[0] < 0.35 * read[1], f"{weights}: reads {read[0]} of {read[1]} MB")


def test_gptq_of_an_encoder_is_calibrated_on_texts(folder):
    texts = calibration_texts(folder)
    error = {}
    for method in ("nearest", "gptq"):
        report = json.loads(compress(ENCODER, folder / method, "--weights", "int4-g128", "--method", method, "--texts", texts,
                                     "--format", "json").ok().out)
        check(all(row["nearest_error"] > 0 for row in report["matrices"]), "a matrix without error")
        error[method] = sum(row["output_error"] for row in report["matrices"])
    check(error["gptq"] < 0.9 * error["nearest"], f"errors {error}")
    summary = run(folder, "bench", {"network": str(folder / "gptq")})[0]
    check(float(summary["full"]["quality"]) > 0.8, f"quality {summary['full']['quality']}")
    compress(ENCODER, folder / "x", "--method", "gptq").exits(2).one_error().says("--texts")
    check(not (folder / "x").exists(), "a folder was made for nothing")


def test_what_does_not_fit_is_refused(folder):
    small = folder / "small"
    table = compress(ENCODER, small, "--weights", "int8").ok()
    check("bert.encoder.layer.5.output.dense.weight" in table.out, "the table does not name the matrices")
    compress(small, folder / "x").exits(2).one_error().says("already")
    compress(ENCODER, ENCODER).exits(2).one_error().says("overwritten")
    compress(ROOT / "models" / "scenes-diffusion" / "text_encoder", folder / "x").exits(1).one_error().says("clip_text_model", "distilbert")

    def refused(*parts, **changes):
        bench(experiment(folder, **changes), folder / "no").exits(2).one_error().says(*parts)

    network = {"network": str(small)}
    refused("int8, not int4-g32", model=network | {"weights": "int4-g32"})
    refused("int8, not bf16", model=network, paths=[PATHS[0], PATHS[2] | {"weights": "bf16"}])
    refused("model.network", "hardware", model=network, hardware={"profile": str(ROOT / "configs" / "hardware" / "jetson_tx2.yaml")})
    train = folder / "train.yaml"
    train.write_text(json.dumps({"kind": "encoder", "output": str(folder / "out"), "work": str(folder / "work"), "training": "heads",
                                 "start_from": str(small), "data": {"pool": 64, "batch_tokens": 256, "evaluation": 60},
                                 "optimiser": {"steps": 1}}))
    dynexec("train", train).exits(2).one_error().says("already")
