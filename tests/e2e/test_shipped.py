"""What ships: the quick benchmark without arguments, and every config as far as it goes without measuring."""

import pathlib

from frame import ROOT, Skip, check, dynexec, rows, run_folder


def test_the_quick_benchmark(folder):
    if not (ROOT / "configs" / "quickstart.yaml").exists():
        raise Skip("configs/quickstart.yaml is absent")
    out = folder / "out"
    result = dynexec("bench", "--out", out, timeout=600).ok()
    summary = rows(run_folder(out) / "summary.csv")
    samples = rows(run_folder(out) / "samples.csv")
    check(all(row["equal_to_baseline"] != "0" for row in samples), "a path gave other tokens than the baseline")
    quality = float(summary[0]["quality"])
    check(0.6 <= quality <= 0.97, f"the baseline's quality is {quality}: no room to see a difference")
    best = max(summary[1:], key=lambda row: float(row["speedup"]))
    return (f"{result.seconds:.0f} s; {best['path']}: {float(best['speedup']):.2f} "
            f"[{float(best['speedup_ci_low']):.2f}, {float(best['speedup_ci_high']):.2f}]")


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
