"""Sweeps, plots and the other scripts, as a user calls them."""

import csv
import os
import sys

from frame import ROOT, Skip, bench, binary, check, environment, rows, run, run_folder, tiny_config

SWEEP, PLOT = ROOT / "scripts" / "sweep.sh", ROOT / "scripts" / "plot.py"


def sweep(folder, *arguments, **options):
    return run(["bash", SWEEP, "--out", folder / "sweep", *arguments],
               env=environment(DYNEXEC=binary(), PYTHON=sys.executable), **options)


def plot(*arguments):
    return run([sys.executable, PLOT, *arguments])


def test_readme_quotes_the_reference_results(folder):
    run([sys.executable, ROOT / "scripts" / "readme_results.py", "--check"]).ok()


def test_a_sweep_runs_resumes_and_plots(folder):
    config = tiny_config(folder, bench={"repetitions": 1})
    keys = ["paths.1.length=1,3", "paths.1.policy=constant,heuristic"]
    options = ["--", "--threads", 1]
    first = sweep(folder, config, *keys, *options).ok()
    gathered = rows(folder / "sweep" / "summary.csv")
    check(len(gathered) == 4 * 3, f"{len(gathered)} rows of 4 cells with 3 paths")
    check({(row["paths.1.length"], row["paths.1.policy"]) for row in gathered} ==
          {(length, policy) for length in "13" for policy in ("constant", "heuristic")}, "cells are missing")
    again = sweep(folder, config, *keys, *options).ok()
    check(rows(folder / "sweep" / "summary.csv") == gathered, "a finished sweep was measured again")

    cells = sorted((folder / "sweep" / "cells").glob("*.csv"))
    cells[0].unlink()
    sweep(folder, "--gather", config, *keys).ok()
    holes = [row for row in rows(folder / "sweep" / "summary.csv") if row["cell_error"]]
    check(len(holes) == 1 and holes[0]["speedup"] == "", "a missing cell is not told")

    picture = folder / "picture"
    plot(folder / "sweep" / "summary.csv", "--x", "paths.1.length", "--curve", "paths.1.policy", "--path", "draft",
         "--path", "base", "--include-invalid", "-o", picture).ok()
    check((folder / "picture.png").stat().st_size > 5000 and "<svg" in (folder / "picture.svg").read_text(), "no pictures")
    return f"first {first.seconds:.0f} s, again {again.seconds:.0f} s"


def test_a_sweep_survives_a_failing_cell(folder):
    config = tiny_config(folder, bench={"repetitions": 1})
    result = sweep(folder, config, "paths.1.policy=constant,nonsense", "--", "--threads", 1).exits(1)
    result.says("nonsense", "1 of 2 cells failed")
    gathered = rows(folder / "sweep" / "summary.csv")
    check([bool(row["cell_error"]) for row in gathered] == [False] * 3 + [True], "error column")


def test_a_plan_gives_the_same_sweep(folder):
    config = tiny_config(folder, bench={"repetitions": 1})
    plan = sweep(folder, "--plan", config, "paths.1.length=1,2", "--", "--threads", 1).ok().out
    check(len(plan.splitlines()) == 2, plan)
    for line in plan.splitlines():
        run(["bash", "-c", line]).ok()
    sweep(folder, "--gather", config, "paths.1.length=1,2").ok()
    check(len(rows(folder / "sweep" / "summary.csv")) == 6, "gathered rows")


def test_sweep_usage(folder):
    config = tiny_config(folder)
    for arguments in ([], [config], [config, "a="], ["a=1"], [config, "a=1", "--nonsense"], [config, "a=1", "b"]):
        sweep(folder, *arguments).exits(2).one_error()


def test_plots_of_runs(folder):
    config, out = tiny_config(folder), folder / "out"
    bench(config, out).ok()
    run_path = run_folder(out)
    result = plot(run_path, "--include-invalid", "-o", folder / "a").ok()
    check((folder / "a.png").exists() and (folder / "a.svg").exists(), result.out)
    svg = (folder / "a.svg").read_text()
    check("<svg" in svg and len(svg) > 5000, "an empty picture")
    # Rows that are not valid are not drawn unasked.
    copy = folder / "copy"
    copy.mkdir()
    altered = [{**row, "valid": "0", "invalid_reasons": "a reason"} for row in rows(run_path / "summary.csv")]
    with open(copy / "summary.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(altered[0]))
        writer.writeheader()
        writer.writerows(altered)
    plot(copy, "-o", folder / "b").exits(1).says("left out", "--include-invalid")
    check(not (folder / "b.png").exists(), "rows that are not valid were drawn")
    plot(copy, "-o", folder / "b", "--include-invalid").ok()


def test_plot_refuses_what_is_no_summary(folder):
    (folder / "x.csv").write_text("a,b\n1,2\n")
    for path in (folder / "x.csv", folder / "absent.csv", folder):
        plot(path).exits(1).one_error()


def test_scripts_explain_themselves(folder):
    for name in ("setup.sh", "test.sh", "fetch_data.sh"):
        result = run(["bash", ROOT / "scripts" / name, "--nonsense"]).exits(2)
        result.one_error()


def test_real_data_matches_its_checksums(folder):
    data = os.environ.get("DYNEXEC_DATA", str(ROOT / "data"))
    if not os.path.isdir(data):
        raise Skip(f"no real data in {data}")
    run(["bash", ROOT / "scripts" / "fetch_data.sh", "--check", data]).ok()


def test_requirements_are_pinned(folder):
    for name in ("requirements.txt", "requirements-test.txt"):
        for line in (ROOT / "scripts" / name).read_text().splitlines():
            line = line.split("#")[0].strip()
            check(not line or line.startswith("-r ") or "==" in line, f"{name}: {line} is not pinned")
