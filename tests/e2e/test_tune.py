"""Choosing settings on calibration samples and reporting them on the test split, as a user does."""

import json

import numpy as np
from frame import bench, check, dynexec, rows, rows_of, run_folder, tiny_config
from test_early_exit import experiment, images, train

PATHS = [{"name": "full", "method": "full"}, {"name": "sure", "rule": "confidence"},
         {"name": "agree", "rule": "patience"}, {"name": "first", "method": "static", "exit": 0}]
CLASSES = 5


def answers(folder, count):
    """What the whole network answers: every image is asked about with every label."""
    records = np.frombuffer((folder / "images.bin").read_bytes(), np.uint8).reshape(count, -1)
    asked = np.repeat(records, CLASSES, axis=0)
    asked[:, 0] = np.tile(np.arange(CLASSES), count)
    (folder / "asked.bin").write_bytes(asked.tobytes() + records[0].tobytes())
    config = experiment(folder, task={"kind": "images", "files": [str(folder / "asked.bin")], "samples": len(asked)},
                        calibration={"samples": 1, "budget_ms": 1}, paths=PATHS[:1], bench={"repetitions": 1},
                        model={"network": str(folder / "first")})
    bench(config, folder / "asked", "--quiet").ok()
    right = [int(row["sample"]) for row in rows(run_folder(folder / "asked") / "samples.csv") if float(row["quality"]) == 1]
    check([sample // CLASSES for sample in right] == list(range(count)), "the network does not give one answer an image")
    return np.array(right) % CLASSES


def exits(folder, calibration=400):
    """A network that is always right, with heads that were taught wrongly on the brightest fifth of the images, and a
    config with 40 images to measure."""
    path = train(folder)
    # Heads are needed to load it; what they know does not matter yet.
    dynexec("train", path, "--set", "optimiser.steps=2", "--set", f"output={folder / 'first'}").ok()
    count = max(160, 40 + calibration)
    images(folder, count)
    records = np.frombuffer((folder / "images.bin").read_bytes(), np.uint8).reshape(count, -1).copy()
    right, brightest = answers(folder, count), records[:, 0] == CLASSES - 1
    records[:, 0] = right
    (folder / "images.bin").write_bytes(records.tobytes())
    records[:, 0] = np.where(brightest, (right + 1) % CLASSES, right)
    (folder / "taught.bin").write_bytes(records.tobytes())
    dynexec("train", path, "--set", f"data.files=[{folder / 'taught.bin'}]").ok()
    return experiment(folder, calibration={"samples": calibration, "budget_ms": 20}, paths=PATHS)


def tune(config, *arguments):
    return dynexec("tune", config, "--threads", 1, "--quiet", *arguments, timeout=400)


def test_thresholds_are_tuned_and_reported(folder):
    config, tuned = exits(folder), folder / "tuned" / "exits.yaml"
    result = tune(config, "--max-quality-drop", 0.05, "--by", "macs", "--format", "csv", "-o", tuned).ok()
    tried = rows_of(result.out)
    check({row["path"] for row in tried} == {"sure", "agree"}, "paths without a setting were tuned, or one was not")
    for path in ("sure", "agree"):
        mine = [row for row in tried if row["path"] == path]
        check([row["passed"] for row in mine[:-1]] == ["1"] * (len(mine) - 1), "testing went on after a failure")
        check(all(row["samples"] == "300" and row["test"] == "exact" for row in mine), f"samples of {path}")
        check(all((float(row["p_value"]) <= 0.05) == (row["passed"] == "1") for row in mine), "p-values and verdicts differ")
        chosen = [row for row in mine if row["chosen"] == "1"]
        passed = [row for row in mine if row["passed"] == "1"]
        check(len(chosen) == 1 and chosen[0] in passed, f"choices for {path}: {chosen}")
        check(float(chosen[0]["macs_mean"]) == min(float(row["macs_mean"]) for row in passed), "not the fastest")
        check(float(mine[0]["quality_drop"]) == 0 and mine[0]["lost"] == "0", "the most careful setting loses something")
    text = tuned.read_text()
    sure = next(row for row in tried if row["path"] == "sure" and row["chosen"] == "1")
    for part in ("# exits, tuned by dynexec tune", "at most 0.05", "# tuned by: sure threshold", "of 300 samples", "did not pass"):
        check(part in text, f"the tuned config does not say {part!r}:\n{text}")
    bench(tuned, folder / "out").ok()
    done = run_folder(folder / "out")
    check(done.parent.name == "exits-tuned", f"run folder {done}")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    check(f">={float(sure['value']):g}" in summary["sure"]["setting"], "bench runs another setting")
    check(float(summary["sure"]["macs_mean"]) < float(summary["full"]["macs_mean"]), "nothing is saved")
    # The settings were tested on recorded answers: a run on the same samples finds the same.
    bench(tuned, folder / "again", "--set", "calibration.measure_held_out=true").ok()
    again = {row["path"]: row for row in rows(run_folder(folder / "again") / "summary.csv")}
    for row in tried:
        if row["chosen"] == "1":
            measured = again[row["path"]]
            check(float(measured["macs_mean"]) == float(row["macs_mean"]), f"{measured['macs_mean']} MACs, not {row['macs_mean']}")
            check(float(measured["quality"]) == float(row["quality"]), f"quality {measured['quality']}, not {row['quality']}")
    # The samples that were tested on stay unknown to the methods.
    check("held_out: 0.75" in (done / "config.yaml").read_text(), "the tuned config learns from other samples")


def test_too_few_samples_are_told(folder):
    config = exits(folder, 80)
    result = tune(config, "-o", folder / "tuned.yaml").exits(3)
    result.says("not tuned: sure", "60 calibration samples", "it takes 299")
    check("none passed" in (folder / "tuned.yaml").read_text(), "the tuned config keeps silent")
    check("threshold: 1" in (folder / "tuned.yaml").read_text(), "the most careful setting does not stand")


def test_lossless_paths_are_tuned_by_speed(folder):
    config = tiny_config(folder, calibration={"samples": 4})
    result = tune(config, "--path", "draft", "--format", "json", "-o", folder / "tuned.yaml").ok()
    tried = json.loads(result.out)
    check({row["path"] for row in tried} == {"draft"} and len(tried) > 8, "settings of one path")
    check(all(row["passed"] is None for row in tried), "a lossless path was tested")
    chosen = [row["value"] for row in tried if row["chosen"]]
    check(len(chosen) == 1, f"choices {chosen}")
    check(f"length: {chosen[0]:g}" in (folder / "tuned.yaml").read_text(), "the choice is not in the config")
    bench(folder / "tuned.yaml", folder / "out").ok()


def test_what_cannot_be_tuned_is_refused(folder):
    config = exits(folder)
    tune(config, "--path", "suree").exits(2).one_error().says("did you mean sure?")
    tune(config, "--set", "paths.1.thresold=0.5").exits(2).one_error().says("thresold")
    tune(config, "--max-quality-drop", 0).exits(2).one_error()
    tune(config, "--set", "calibration.samples=1").exits(2).one_error().says("held_out")
    tune(config, "--set", "paths=[{name: full, method: full}]").exits(2).one_error().says("no path with a setting")
    tune(folder / "absent.yaml").exits(2).one_error()
    tune(config, "-o", "/proc/absent/tuned.yaml").exits(1).one_error()


def test_runs_are_compared(folder):
    config, out = tiny_config(folder), folder / "out"
    bench(config, out).ok()
    done = run_folder(out)
    table = rows_of(dynexec("compare", done, "--format", "csv").ok().out)
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    check([row["path"] for row in table] == ["draft", "lookup"], "paths")
    for row in table:
        ratio, speedup = float(row["latency_ratio"]), float(summary[row["path"]]["speedup"])
        check(abs(ratio / speedup - 1) < 1e-9, f"{row['path']}: {ratio} differs from the summary's {speedup}")
        check("repetitions" in row["notes"] and 0.09 < float(row["mann_whitney_p"]) <= 1, "three repetitions can show little")
    same = rows_of(dynexec("compare", done, done / "samples.csv", "--format", "csv").ok().out)
    check([(row["path"], row["latency_ratio"], row["quality_delta"]) for row in same] ==
          [(path, "1", "") for path in ("base", "draft", "lookup")], f"a run against itself: {same}")
    check("draft" in dynexec("compare", done, "--reference", "lookup").ok().out, "no table")
    dynexec("compare", done, "--reference", "lokup").exits(2).one_error().says("did you mean lookup?")
    dynexec("compare", folder / "absent").exits(1).one_error()
    dynexec("compare").exits(2).one_error()
    damaged = folder / "samples.csv"
    damaged.write_text((done / "samples.csv").read_text().replace(",draft,speculative,", ",draft,speculative,x", 1))
    dynexec("compare", damaged).exits(1).one_error().says("samples.csv:")
