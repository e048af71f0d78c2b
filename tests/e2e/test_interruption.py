"""Killed, interrupted and crowded runs."""

import json

from frame import (INTERRUPT, KILL, REPETITIONS, ROWS, bench, check, row_keys, run_folder, start, stop,
                   tiny_config, wait_for)


LONG_REPETITIONS = 30
LONG_ROWS = ROWS // REPETITIONS * LONG_REPETITIONS


def long_config(folder):
    return tiny_config(folder, bench={"repetitions": LONG_REPETITIONS, "warmup_max": 1})


def measured(out):
    """Rows of complete lines that are on disk now."""
    files = list(out.glob("*/*/samples.csv.partial"))
    return files[0].read_bytes().count(b"\n") - 1 if files else 0


def begin(config, out):
    return start("bench", config, "--out", out, "--threads", 1, "--resume", "--quiet")


def test_a_killed_run_resumes_to_the_same_rows(folder):
    config = long_config(folder)
    bench(config, folder / "whole").ok()
    expected = row_keys(run_folder(folder / "whole") / "samples.csv")
    out, kills = folder / "killed", []
    for rows in (1, 100, 400, 800):
        process = begin(config, out)
        wait_for(lambda: measured(out) >= rows or process.poll() is not None, f"{rows} rows")
        if process.poll() is None:
            check(stop(process, KILL).code == -9, "the kill came too late")
            kills.append(measured(out))
            check(not (run_folder(out) / "samples.csv").exists(), "a killed run looks finished")
        else:
            process.communicate()
    check(len(kills) >= 2, "the run was too short to be killed")
    bench(config, out, "--resume").ok()
    check(row_keys(run_folder(out) / "samples.csv") == expected, "another set of rows than without kills")
    check(json.loads((run_folder(out) / "state.json").read_text())["state"] == "done", "not done")
    return f"killed at {', '.join(map(str, kills))} of {len(expected)} rows"


def test_ctrl_c_exits_130_and_resumes(folder):
    config, out = long_config(folder), folder / "out"
    process = begin(config, out)
    wait_for(lambda: measured(out) >= 20, "20 rows")
    result = stop(process, INTERRUPT)
    check(result.code == 130, f"exit code {result.code}: {result.err[-500:]}")
    result.says("hint:", "--resume")
    kept = measured(out)
    check(kept >= 20, "rows are gone")
    bench(config, out, "--resume").ok()
    check(len(row_keys(run_folder(out) / "samples.csv")) == LONG_ROWS, "rows are missing after the resume")


def test_a_torn_last_line_is_mended(folder):
    config, out = long_config(folder), folder / "out"
    process = begin(config, out)
    wait_for(lambda: measured(out) >= 50, "50 rows")
    stop(process, KILL)
    partial = run_folder(out) / "samples.csv.partial"
    partial.write_bytes(partial.read_bytes()[:-25])
    bench(config, out, "--resume").ok()
    keys = row_keys(run_folder(out) / "samples.csv")
    check(len(keys) == len(set(keys)) == LONG_ROWS, "rows are missing or doubled")


def test_damage_inside_the_file_is_refused(folder):
    config, out = long_config(folder), folder / "out"
    process = begin(config, out)
    wait_for(lambda: measured(out) >= 50, "50 rows")
    stop(process, KILL)
    partial = run_folder(out) / "samples.csv.partial"
    lines = partial.read_bytes().split(b"\n")
    lines[10] = lines[10][:40]
    partial.write_bytes(b"\n".join(lines))
    bench(config, out, "--resume").exits(1).one_error().says("samples.csv.partial:11")


def test_two_runs_do_not_share_a_folder(folder):
    config, out = long_config(folder), folder / "out"
    process = begin(config, out)
    wait_for(lambda: measured(out) >= 1, "a row")
    try:
        bench(config, out, "--resume").exits(1).one_error().says("another process")
    finally:
        stop(process, KILL)
