"""The family perplexity: one model in several formats on the same texts."""

import json
import math

from frame import bench, check, dynexec, rows, run_folder, tiny_config

PATHS = [{"name": "fp32"}, {"name": "int8", "weights": "int8-g32-a8", "head_weights": "int8"}, {"name": "cache", "kv_cache": "int8"}]


def config_of(folder, **changes):
    path = tiny_config(folder, **{"experiment": "perplexity", "name": "formats", "paths": PATHS, **changes})
    config = json.loads(path.read_text())
    del config["generation"], config["calibration"], config["model"]["draft"]
    path.write_text(json.dumps(config))
    return path


def test_formats_read_the_same_texts(folder):
    out = folder / "out"
    bench(config_of(folder), out).ok()
    summary = {row["path"]: row for row in rows(run_folder(out) / "summary.csv")}
    samples = rows(run_folder(out) / "samples.csv")
    check(list(summary) == ["fp32", "int8", "cache"], list(summary))
    check(len(samples) == 3 * 11 * 3, f"{len(samples)} rows")
    for row in samples:
        check(row["quality_metric"] == "nats_per_token", row["quality_metric"])
        # Random weights know nothing: about as surprised as by 257 equally likely tokens.
        check(abs(float(row["quality"]) - math.log(257)) < 1.5, row["quality"])
        check(int(row["prompt_tokens"]) > 40 and row["tokens"] == "0", row)
    first = {path: [row for row in samples if row["path"] == path and row["repetition"] == "0"] for path in summary}
    for mine, base in zip(first["int8"], first["fp32"]):
        check(float(mine["weight_bytes_read"]) < 0.4 * float(base["weight_bytes_read"]), "weights are not smaller")
        check(mine["quality"] != base["quality"], "int8 gives the very same")
    for mine, base in zip(first["cache"], first["fp32"]):
        check(mine["weight_bytes_read"] == base["weight_bytes_read"], "a cache has no weights")
        check(float(mine["kv_bytes_read"]) < 0.4 * float(base["kv_bytes_read"]), "the cache is not smaller")


def test_a_quantised_folder_stands_beside_the_model_that_it_was_made_from(folder):
    config = config_of(folder, paths=[{"name": "fp32"}, {"name": "rounded", "weights": "int4-g32"},
                                      {"name": "folder", "target": str(folder / "small")}])
    target = json.loads(config.read_text())["model"]["target"]
    dynexec("compress", "quantize", target, "-o", folder / "small", "--weights", "int4-g32").ok()
    bench(config, folder / "out").ok()
    quality = {}
    for row in rows(run_folder(folder / "out") / "samples.csv"):
        quality.setdefault(row["path"], []).append(row["quality"])
    check(quality["folder"] == quality["rounded"] != quality["fp32"], "the folder is not what rounding gives")
    bench(config, folder / "out", "--set", f"paths.2.target={folder / 'nowhere'}").one_error().says("nowhere")
    bench(config, folder / "out", "--set", f"model.target={folder / 'absent'}").one_error().says("absent", "no such model folder")


def test_too_short_a_text_is_a_row_with_its_error(folder):
    texts = folder / "texts.txt"
    texts.write_text("x\n" + "the quick brown fox\n" * 4)
    out = folder / "out"
    result = bench(config_of(folder, task={"kind": "prompts", "file": str(texts), "format": "lines"}), out)
    check(result.code in (0, 1), result.err[-500:])
    failed = [row for row in rows(run_folder(out) / "samples.csv") if row["error"]]
    check(failed and all(row["sample"] == "0" and row["quality"] == "" for row in failed), failed[:2])


def test_refusals(folder):
    bench(config_of(folder, paths=[{"name": "a"}, {"name": "a"}]), folder / "out").exits(2).one_error().says("two paths")
    bench(config_of(folder, paths=[{"name": "a", "weight": "int8"}]), folder / "out").exits(2).one_error().says("weights")
    bench(config_of(folder, paths=[{"name": "a", "kv_cache": "int4"}]), folder / "out").exits(2).one_error().says("int8")
    bench(config_of(folder, bench={"batch_size": 2}), folder / "out").exits(2).one_error().says("batch")
