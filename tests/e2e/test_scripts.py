"""Sweeps, plots and the other scripts, as a user calls them."""

import csv
import os
import sys

from frame import ROOT, Skip, bench, binary, check, dynexec, environment, rows, run, run_folder, tiny_config
from test_early_exit import experiment, train

SWEEP, PLOT = ROOT / "scripts" / "sweep.sh", ROOT / "scripts" / "plot.py"
TRADEOFF, DEPTH = ROOT / "scripts" / "plot_tradeoff.py", ROOT / "scripts" / "plot_depth.py"


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
    for script in (PLOT, TRADEOFF, DEPTH):
        for path in (folder / "x.csv", folder / "absent.csv", folder):
            run([sys.executable, script, path]).exits(1).one_error()


def test_plots_of_early_exit(folder):
    dynexec("train", train(folder)).ok()
    paths = [{"name": "full", "method": "full"}, {"name": "first", "method": "static", "exit": 0},
             {"name": "second", "method": "static", "exit": 1}, {"name": "random", "method": "random", "like": "sure-0.4"}]
    paths += [{"name": f"sure-{value}", "rule": "confidence", "threshold": value} for value in (0.3, 0.4, 0.6)]
    paths += [{"name": f"agree-{value}", "rule": "patience", "patience": value} for value in (1, 2)]
    config = experiment(folder, paths=paths, bench={"repetitions": 2, "warmup_max": 2})
    bench(config, folder / "out").ok()
    done = run_folder(folder / "out")

    result = run([sys.executable, TRADEOFF, done, "--include-invalid", "-o", folder / "tradeoff"]).ok()
    svg = (folder / "tradeoff.svg").read_text()
    check((folder / "tradeoff.png").stat().st_size > 5000, result.out)
    # A curve for each rule, marks for the controls, and who measured it.
    for part in ("confidence", "patience", "static depth", "random exits", "baseline", "best with hindsight", "n = 30 x 2"):
        check(f"<!-- {part}" in svg, f"the picture does not say {part}")
    check("CPU: " in svg and "revision " in svg, "no caption")
    check("confidence 0.3" not in svg, "thresholds of one rule were not joined")
    run([sys.executable, TRADEOFF, done, "--include-invalid", "--against", "macs", "--path", "sure-0.4", "-o",
         folder / "one"]).ok()
    check("best with hindsight" not in (folder / "one.svg").read_text(), "latency was drawn")
    run([sys.executable, TRADEOFF, done, "--include-invalid", "--path", "full"]).exits(1).one_error().says("baselines")

    run([sys.executable, DEPTH, done, "--include-invalid", "-o", folder / "depth"]).ok()
    svg = (folder / "depth.svg").read_text()
    for name in ("sure-0.3", "sure-0.6", "agree-2", "random", "mean depth"):
        check(name in svg, f"the histogram does not say {name}")
    run([sys.executable, DEPTH, done, "--include-invalid", "--path", "sure"]).exits(1).one_error().says("sure-0.3")

    copy = folder / "copy"
    copy.mkdir()
    for name in ("samples.csv", "summary.csv"):
        text = (done / name).read_text()
        (copy / name).write_text(text)
    altered = [{**row, "valid": "0", "invalid_reasons": "a reason"} for row in rows(copy / "summary.csv")]
    with open(copy / "summary.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(altered[0]))
        writer.writeheader()
        writer.writerows(altered)
    for script in (TRADEOFF, DEPTH):
        run([sys.executable, script, copy, "-o", folder / "unasked"]).exits(1).says("left out", "--include-invalid")
    check(not (folder / "unasked.png").exists(), "rows that are not valid were drawn")


def test_scripts_explain_themselves(folder):
    for name in ("setup.sh", "test.sh", "fetch_data.sh", "train_step_predictors.sh"):
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


def product_test(folder, times, *products):
    """times: {path: latencies of the samples}; an extra row of sample 9 that failed."""
    (folder / "run").mkdir(exist_ok=True)
    with (folder / "run" / "samples.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "sample", "repetition", "latency_ms", "error"])
        for path, latencies in times.items():
            for sample, latency in enumerate(latencies):
                # The median of three repetitions, one of them disturbed.
                writer.writerows([path, sample, r, f * latency, ""] for r, f in enumerate((1, 0.99, 40)))
            writer.writerow([path, 9, 0, "", "too long"])
    return run([sys.executable, ROOT / "scripts" / "product_test.py", folder / "run", *products, "--output", folder / "p.csv"])


def test_product_test_knows_savings_that_multiply(folder):
    plain = [8.0, 10.0, 30.0, 12.0]
    times = {"plain": plain, "a": [t / 2 for t in plain], "b": [t / 4 for t in plain], "both": [t / 8 for t in plain],
             "less": [t / 4 * f for t, f in zip(plain, (1.2, 0.8, 1.1, 0.9))]}
    product_test(folder, times, "multiply=plain,a,b,both", "less=plain,a,b,less").ok()
    multiply, less = rows(folder / "p.csv")
    check(multiply["samples"] == "4", multiply)
    check([float(multiply[f"product{end}"]) for end in ("", "_ci_low", "_ci_high")] == [1, 1, 1], multiply)
    check(float(multiply["first_speedup"]) == 2 and float(multiply["both_speedup"]) == 8, multiply)
    wanted = 2 * (1.2 * 0.8 * 1.1 * 0.9) ** 0.25
    check(abs(float(less["product"]) - wanted) < 1e-3, less)
    check(1.6 <= float(less["product_ci_low"]) < wanted < float(less["product_ci_high"]) <= 2.4, less)
    for wrong, says in (("x=plain,a,b", "four paths"), ("x=plain,a,b,c", "path 'c'")):
        result = product_test(folder, times, wrong)
        check(result.code == 1 and says in result.err and "Traceback" not in result.err, result.err)
