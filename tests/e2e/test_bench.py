"""A run from config to files, in every format, and the conditions on it."""

import itertools
import json

from frame import (PATHS, REPETITIONS, SAMPLES, bench, check, dynexec, environment, row_keys, rows, rows_of, run_folder,
                   tiny_config)

SAMPLE_COLUMNS = """config path sample repetition seed latency_ms cpu_ms ttft_ms tpot_ms tokens quality disturbed
error""".split()
SUMMARY_COLUMNS = """path method samples repetitions latency_ms_mean latency_ms_median latency_ms_p90 latency_ms_p99 speedup
speedup_ci_low speedup_ci_high throughput_per_s quality_metric quality quality_ci_low quality_ci_high quality_delta
macs_mean weight_mb_read_mean tokens_per_target_pass acceptance_rate peak_rss_mb disturbed_rows""".split()


def test_a_run_leaves_complete_files(folder):
    out = folder / "out"
    printed = bench(tiny_config(folder), out, "--format", "csv").ok().out
    run = run_folder(out)
    samples, summary = rows(run / "samples.csv"), rows(run / "summary.csv")
    check(row_keys(run / "samples.csv") == sorted(itertools.product(PATHS, range(SAMPLES), range(REPETITIONS))),
          "rows are missing")
    for column in SAMPLE_COLUMNS:
        check(column in samples[0], f"samples.csv has no column {column}")
    for column in SUMMARY_COLUMNS:
        check(column in summary[0], f"summary.csv has no column {column}")
    check([row["path"] for row in summary] == list(PATHS), "paths of the summary")
    check(rows_of(printed) == summary, "--format csv prints something else than summary.csv")
    check(float(summary[0]["speedup"]) == 1, "the baseline's speed-up is not 1")
    for row in samples:
        check(row["error"] == "", f"a sample failed: {row['error']}")
        check(float(row["latency_ms"]) > 0 and float(row["macs"]) > 0, f"no figures in {row}")
        check(row["equal_to_baseline"] == ("" if row["path"] == "base" else "1"), f"other tokens than the baseline: {row}")
    for row in summary:
        check(0 < float(row["tensor_mb"]) < float(row["peak_rss_mb"]), f"tensor bytes of {row}")
        check(float(row["speedup_ci_low"]) <= float(row["speedup"]) <= float(row["speedup_ci_high"]), f"interval of {row}")
        check(row["latency_ms_p99"] == "", "a 99th percentile of a few samples")
    environment_file = json.loads((run / "environment.json").read_text())
    check(environment_file["cpu"]["model"] and environment_file["threads"]["used"] == 1, "environment.json is poor")
    check([entry["path"] for entry in environment_file["warmup"]] == list(PATHS), "environment.json lacks the warm-up of a path")
    check(json.loads((run / "state.json").read_text())["state"] == "done", "state.json does not say done")
    check(not list(run.glob("*.partial")), "partial files are left")
    shown = dynexec("bench", run / "config.yaml", "--dry-run").ok().out
    check(shown == (run / "config.yaml").read_text(), "config.yaml does not resolve to itself")


def test_output_formats(folder):
    config, out = tiny_config(folder), folder / "out"
    bench(config, out).ok()
    table = bench(config, out, "--resume").ok()
    for part in ("path", "speed-up", "latency ms", "tokens/s", "valid", "base", "draft", "lookup"):
        check(part in table.out, f"the table has no {part!r}:\n{table.out}")
    check("\x1b" not in table.out, "colour without a terminal")
    records = json.loads(bench(config, out, "--resume", "--format", "json").ok().out)
    check([record["path"] for record in records] == list(PATHS), "paths in JSON")
    check(records[1]["speedup"] > 0 and records[0]["acceptance_rate"] is None, "types in JSON")
    markdown = bench(config, out, "--resume", "--format", "md").ok().out
    check("| path |" in markdown and "|---" in markdown, f"no Markdown table:\n{markdown}")


def test_a_finished_run_is_reported_and_not_measured_again(folder):
    config, out = tiny_config(folder), folder / "out"
    first = bench(config, out, "--format", "csv").ok().out
    before = (run_folder(out) / "samples.csv").stat().st_mtime_ns
    again = bench(config, out, "--format", "csv", "--resume").ok()
    check(again.out == first, "another summary")
    check((run_folder(out) / "samples.csv").stat().st_mtime_ns == before, "samples.csv was written again")


def test_another_config_is_another_run(folder):
    config, out = tiny_config(folder), folder / "out"
    bench(config, out, "--set", "bench.repetitions=1").ok()
    bench(config, out, "--set", "bench.repetitions=1", "--set", "bench.seed=6", "--resume").ok()
    check(len(list(out.glob("*/*/samples.csv"))) == 2, "two configs share a folder")


def test_fail_if(folder):
    config, out = tiny_config(folder), folder / "out"
    bench(config, out).ok()
    bench(config, out, "--resume", "--fail-if", "speedup(draft) > 0").exits(3).says("speedup")
    bench(config, out, "--resume", "--fail-if", "speedup(draft) <= 0", "--fail-if", f"samples(*) != {SAMPLES}").exits(0)
    bench(config, out, "--resume", "--fail-if", "speedup(darft) < 1").exits(2).one_error().says("draft")
    bench(config, out, "--resume", "--fail-if", "speedpu(draft) < 1").exits(2).one_error().says("speedup")
    bench(config, out, "--resume", "--fail-if", "speedup < 1").exits(2).one_error()


def test_expectations(folder):
    met = {"equal_tokens": ["draft", "lookup"], "speedup_at_least": {"draft": 0.0001}}
    bench(tiny_config(folder, expect=met), folder / "out").ok()
    broken = bench(tiny_config(folder, expect={"speedup_at_least": {"draft": 1000}}), folder / "out").exits(1)
    broken.says("expected at least 1000")
    bench(tiny_config(folder, expect={"equal_tokens": ["darft"]}), folder / "out").exits(2).one_error().says("draft")


def test_decisions_are_traced_on_request(folder):
    out = folder / "out"
    bench(tiny_config(folder), out, "--trace").ok()
    lines = [json.loads(line) for line in (run_folder(out) / "traces.jsonl").read_text().splitlines()]
    check({line["path"] for line in lines} >= {"draft", "lookup"}, "no decisions of the speculative paths")
    check(all(isinstance(line["decision"], dict) for line in lines), "a decision is no object")


def test_same_seed_same_tokens(folder):
    config = tiny_config(folder, generation={"temperature": 0.8, "top_p": 0.9})
    hashes = []
    for number in range(2):
        bench(config, folder / f"out{number}").ok()
        hashes.append({(row["path"], row["sample"], row["repetition"]): row["output_hash"]
                       for row in rows(run_folder(folder / f"out{number}") / "samples.csv")})
    check(hashes[0] == hashes[1], "the same config gave other tokens")
    check(len(set(hashes[0].values())) > 3, "sampling gives the same tokens for every sample")


def test_no_color_and_quiet(folder):
    result = bench(tiny_config(folder), folder / "out", "--quiet", "--format", "json", env=environment(NO_COLOR=1)).ok()
    check("bench tiny" not in result.err, f"--quiet shows progress: {result.err}")
