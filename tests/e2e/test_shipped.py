"""What ships: the quick benchmark without arguments, and every config as far as it goes without measuring."""

import pathlib

from frame import ROOT, check, dynexec, rows, run_folder


def test_the_quick_benchmarks(folder):
    out = folder / "out"
    result = dynexec("bench", "--out", out, timeout=600).ok()
    decoding, images = run_folder(out, "quickstart"), run_folder(out, "quickstart_early_exit")
    summary = rows(decoding / "summary.csv")
    check(all(row["equal_to_baseline"] != "0" for row in rows(decoding / "samples.csv")), "a path gave other tokens than the baseline")
    quality = float(summary[0]["quality"])
    check(0.6 <= quality <= 0.97, f"the baseline's quality is {quality}: no room to see a difference")
    best = max(summary[1:], key=lambda row: float(row["speedup"]))

    paths = {row["path"]: row for row in rows(images / "summary.csv")}
    full, early = (float(paths[name]["macs_mean"]) for name in ("full", "predictive-exit"))
    check(early < 0.5 * full, f"leaving early saves {1 - early / full:.0%} of the multiply-accumulates")
    lost = float(paths["full"]["quality"]) - float(paths["predictive-exit"]["quality"])
    check(lost < 0.03, f"leaving early costs {lost:.3f} of the accuracy")
    groups = [[row for row in rows(images / "samples.csv") if row["path"] == "full" and row["group"] == f"difficulty/{d}"] for d in (1, 5)]
    easy, hard = (sum(float(row["quality"]) for row in group) / len(group) for group in groups)
    check(easy > hard, f"accuracy does not fall with difficulty: {easy:.3f} and {hard:.3f}")
    # For the reader of the log: times are this machine's, and none is checked.
    return (f"took {result.seconds:.0f} s here; {best['path']}: {float(best['speedup']):.2f} "
            f"[{float(best['speedup_ci_low']):.2f}, {float(best['speedup_ci_high']):.2f}]; "
            f"predictive-exit: {1 - early / full:.0%} of the multiply-accumulates saved")


def test_shipped_configs_resolve(folder):
    skipped = []
    for config in sorted(pathlib.Path(ROOT / "configs").rglob("*.yaml")):
        if "hardware" in config.parts:
            dynexec("inspect", config).ok()
            continue
        command = "train" if "train" in config.parts else "bench"
        result = dynexec(command, config, "--dry-run")
        # Models and data that are fetched or converted may be absent here: then it is said which.
        if result.code != 0 and "real" in config.parts:
            result.one_error()
            skipped.append(config.name)
        else:
            result.ok()
    return f"without their models or data: {', '.join(skipped)}" if skipped else None
