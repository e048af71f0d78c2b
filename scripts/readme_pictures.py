"""README's result block of pictures: StepSaver with seven samplers, and stopping early on real digits."""

import json
from pathlib import Path

SAMPLERS = (("", "DDIM", 50), ("euler-", "Euler", 50), ("euler-ancestral-", "Euler ancestral", 50), ("heun-", "Heun", 25),
            ("dpm2-", "DPM2, Karras", 25), ("dpmpp-2m-", "DPM++ 2M", 50), ("unipc-", "UniPC", 50))
FOLDER = "stepsaver-1-thread"


def interval(row, name, digits, sign=""):
    if not row[name]:
        return ""
    return (f'{float(row[name]):{sign}.{digits}f} [{float(row[name + "_ci_low"]):{sign}.{digits}f}, '
            f'{float(row[name + "_ci_high"]):{sign}.{digits}f}]')


def own_paths(summary):
    """Those of the baseline's sampler."""
    others = tuple(prefix for prefix, _, _ in SAMPLERS if prefix)
    return [row for row in summary if not row["path"].startswith(others)]


def ddim_table(summary):
    lines = ["| path | steps | evaluations | speed-up [95 %] | SSIM to 100 steps | attributes shown, against 50 steps [95 %] | "
             "Fréchet distance, against 50 steps [95 %] |", "|---|---|---|---|---|---|---|"]
    for row in own_paths(summary):
        base = row is summary[0]
        speedup = "baseline" if base else interval(row, "speedup", 2) + ("" if row["valid"] == "1" else " (not valid)")
        attributes = f'{float(row["attribute_accuracy"]):.3f}' if base else interval(row, "attribute_accuracy_delta", 3, "+")
        frechet = f'{float(row["frechet"]):.2f}' if base else interval(row, "frechet_delta", 2, "+")
        cells = [row["path"], f'{float(row["steps_mean"]):.1f}', f'{float(row["evaluations_mean"]):.1f}', speedup,
                 f'{float(row["quality"]):.3f}', attributes, frechet]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def samplers_table(folder, read):
    named = {row["path"]: row for row in read(folder / "summary.csv")}
    lines = ["| sampler | most steps: SSIM, attributes | predicted steps | speed-up over 50 DDIM steps [95 %] | SSIM, attributes | "
             "SSIM less that of the same mean for all [95 %] | hindsight's |", "|---|---|---|---|---|---|---|"]
    for prefix, name, most in SAMPLERS:
        whole = named["full"] if not prefix else named[f"{prefix}{most}"]
        predicted = named[f"{prefix}predicted"]
        against = {row["path"]: row for row in read(folder / f"compare-{prefix or 'ddim-'}same-mean.csv")}
        oracle = against.get(f"{prefix}oracle")
        hindsight = ""
        if oracle:
            work = float(oracle["evaluations_ratio"])
            hindsight = f'{interval(oracle, "quality_delta", 4, "+")} at {work:.2f} of the work'
        cells = [name, f'{most}: {float(whole["quality"]):.3f}, {float(whole["attribute_accuracy"]):.3f}',
                 f'{float(predicted["steps_mean"]):.1f}', interval(predicted, "speedup", 2),
                 f'{float(predicted["quality"]):.3f}, {float(predicted["attribute_accuracy"]):.3f}',
                 interval(against[f"{prefix}predicted"], "quality_delta", 4, "+"), hindsight]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


DIGITS, STOPPING, CONTROL = "ddpm-mnist-1-thread", "converged-0.02", "same-mean"


def digits(reference: Path, read):
    folder = reference / DIGITS
    summary = read(folder / "summary.csv")
    environment = json.loads((folder / "environment.json").read_text())
    compared = {row["path"]: row for row in read(folder / "compare.csv")}[STOPPING]
    assert compared["reference"] == CONTROL, f'{DIGITS}/compare.csv compares with {compared["reference"]}, not {CONTROL}'
    lines = [
        f'**Pictures in fewer steps**, a public DDPM of handwritten digits (unconditional), `{environment["command"]}`, '
        f'{summary[0]["samples"]} noises × {summary[0]["repetitions"]} repetitions, one thread '
        f'([summary](results/reference/{DIGITS}/summary.csv)). The network was made for a thousand random steps, and without noise of '
        "their own samplers leave more of it in the picture the fewer steps they take, better solvers most of all; SSIM is to the "
        "picture of 200 DDIM steps from the same noise:",
        "",
        "| path | steps | speed-up [95 %] | SSIM | less the baseline's [95 %] |",
        "|---|---|---|---|---|",
    ]
    for row in summary:
        base = row is summary[0]
        speedup = "baseline" if base else interval(row, "speedup", 2) + ("" if row["valid"] == "1" else " (not valid)")
        cells = [row["path"], f'{float(row["steps_mean"]):.1f}', speedup, f'{float(row["quality"]):.3f}',
                 "" if base else interval(row, "quality_delta", 3, "+")]
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [
        "",
        f'Stopping when the clean image has come to rest (`{STOPPING}`) gives {interval(compared, "quality_delta", 3, "+")} more likeness '
        f'than the same mean number of steps for all (`{CONTROL}`).',
        "",
    ]


def pictures(reference: Path, read):
    return [*digits(reference, read), *step_prediction(reference, read)]


def step_prediction(reference: Path, read):
    """Nothing as long as that run's results are not kept."""
    folder = reference / FOLDER
    if not folder.is_dir():
        return []
    summary = read(folder / "summary.csv")
    environment = json.loads((folder / "environment.json").read_text())
    link = f"results/reference/{FOLDER}/summary.csv"
    return [
        f'**Pictures in fewer steps** (StepSaver), the shipped text-to-image model of scenes, `{environment["command"]}`, '
        f'{summary[0]["samples"]} test captions × {summary[0]["repetitions"]} repetition, one thread ([summary]({link})). A small network '
        "reads the caption and says how many DDIM steps its picture gets; its own cost is counted. `same-mean` gives every caption as "
        "many steps as are predicted in the mean, `shuffled` the forecasts of other captions, `oracle` is hindsight:",
        "",
        *ddim_table(summary),
        "",
        "Each sampler with a predictor of its own:",
        "",
        *samplers_table(folder, read),
        "",
    ]
