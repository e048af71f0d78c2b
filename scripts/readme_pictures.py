"""README's result block of pictures: StepSaver, its control, seven samplers, and stopping early on real digits."""

import json
from pathlib import Path

SAMPLERS = (("", "DDIM", 50), ("euler-", "Euler", 50), ("euler-ancestral-", "Euler ancestral", 50), ("heun-", "Heun", 25),
            ("dpm2-", "DPM2, Karras", 25), ("dpmpp-2m-", "DPM++ 2M", 50), ("unipc-", "UniPC", 50))
FOLDER = "stepsaver-1-thread"
CONTROLLED = (("", "DDIM"), ("unipc-", "UniPC"))
RULES = (("predicted", "network"), ("shuffled", "network, of other captions"), ("length", "words"))


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


def against(folder, read, reference, prefix):
    """Rows of `dynexec compare --reference REFERENCE` by path; the file of DDIM's, which has no prefix, says so."""
    file = folder / f"compare-{prefix or 'ddim-'}{reference}.csv"
    rows = {row["path"]: row for row in read(file)}
    assert {row["reference"] for row in rows.values()} == {f"{prefix}{reference}"}, f"{file} compares with another path"
    return rows


def samplers_table(folder, read):
    named = {row["path"]: row for row in read(folder / "summary.csv")}
    lines = ["| sampler | most steps: SSIM, attributes | predicted steps: speed-up over 50 DDIM steps [95 %] | SSIM, attributes | "
             "against the same mean for all: SSIM [95 %] | attributes [95 %] | Fréchet distance [95 %] | hindsight's SSIM |",
             "|---|---|---|---|---|---|---|---|"]
    for prefix, name, most in SAMPLERS:
        whole = named["full"] if not prefix else named[f"{prefix}{most}"]
        predicted = named[f"{prefix}predicted"]
        compared = against(folder, read, "same-mean", prefix)
        forecast, oracle = compared[f"{prefix}predicted"], compared.get(f"{prefix}oracle")
        hindsight = ""
        if oracle:
            hindsight = (f'{interval(oracle, "quality_delta", 3, "+")} with '
                         f'{float(named[f"{prefix}oracle"]["steps_mean"]):.1f} steps')
        cells = [name, f'{most}: {float(whole["quality"]):.3f}, {float(whole["attribute_accuracy"]):.3f}',
                 f'{float(predicted["steps_mean"]):.1f}: {interval(predicted, "speedup", 2)}',
                 f'{float(predicted["quality"]):.3f}, {float(predicted["attribute_accuracy"]):.3f}',
                 interval(forecast, "quality_delta", 3, "+"), interval(forecast, "attribute_accuracy_delta", 3, "+"),
                 interval(forecast, "frechet_delta", 1, "+"), hindsight]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def guidance(reference: Path, read):
    """What guidance does to the model's pictures, in a sentence."""
    folder = "guidance-1-thread"
    said = [f'{row["path"].removeprefix("guided-")}: {float(row["attribute_accuracy"]):.3f}, {float(row["frechet"]):.0f}'
            for row in read(reference / folder / "summary.csv")]
    return ("Guidance was chosen on captions of the calibration split: it makes pictures show more of what is asked for, and takes them "
            f'away from real ones (attributes shown and Fréchet distance by guidance: {"; ".join(said)}; '
            f"[summary](results/reference/{folder}/summary.csv)).")


def control(reference: Path, read):
    """Few steps against many, and what forecasts bring over as many steps for all."""
    folder = reference / "stepsaver-control-1-thread"
    summary = {row["path"]: row for row in read(folder / "summary.csv")}
    environment = json.loads((folder / "environment.json").read_text())
    full = summary["full"]
    lines = [
        f'**Pictures in fewer steps** (StepSaver), the shipped text-to-image model of scenes, `{environment["command"]}`, '
        f'{full["samples"]} test captions, one thread ([summary](results/reference/{folder.name}/summary.csv)). A small network, or just '
        "the number of words, says from the caption how many steps its picture gets, at its own cost. 50 DDIM steps show "
        f'{float(full["attribute_accuracy"]):.3f} of what captions promise, at a Fréchet distance of {float(full["frechet"]):.0f}:',
        "",
        "| sampler | steps by | steps | speed-up [95 %] | SSIM | attributes, against 50 steps [95 %] | Fréchet distance, against 50 steps [95 %] |",
        "|---|---|---|---|---|---|---|",
    ]
    for prefix, name in CONTROLLED:
        for rule, title in RULES:
            row = summary[f"{prefix}{rule}"]
            speedup = interval(row, "speedup", 2) + ("" if row["valid"] == "1" else " (not valid)")
            cells = [name, title, f'{float(row["steps_mean"]):.1f}', speedup, f'{float(row["quality"]):.3f}',
                     interval(row, "attribute_accuracy_delta", 3, "+"), interval(row, "frechet_delta", 1, "+")]
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "The decisive control is as many steps for every picture as the rule takes in the mean. Differences to it:", "",
              "| sampler | steps by | mean steps, the control's | SSIM [95 %] | attributes [95 %] | Fréchet distance [95 %] |",
              "|---|---|---|---|---|---|"]
    better, worse = [], []
    for prefix, name in CONTROLLED:
        for rule, title in RULES:
            same = "same-mean-as-length" if rule == "length" else "same-mean"
            row = against(folder, read, same, prefix)[f"{prefix}{rule}"]
            means = [float(summary[f"{prefix}{path}"]["steps_mean"]) for path in (rule, same)]
            cells = [name, title, f"{means[0]:.2f}, {means[1]:.2f}", interval(row, "quality_delta", 4, "+"),
                     interval(row, "attribute_accuracy_delta", 4, "+"), interval(row, "frechet_delta", 2, "+")]
            lines.append("| " + " | ".join(cells) + " |")
            for what, delta, sign in (("likeness", "quality", 1), ("attributes", "attribute_accuracy", 1), ("Fréchet distance", "frechet", -1)):
                ends = sorted(sign * float(row[f"{delta}_delta_ci_{end}"]) for end in ("low", "high"))
                if ends[0] > 0 or ends[1] < 0:
                    (better if ends[0] > 0 else worse).append(f"{name} by the {title} ({what})")
    said = f"Outside the interval, better than the control: {'; '.join(better) or 'none'}; worse: {'; '.join(worse) or 'none'}."
    return [*lines, "", said, "",
            guidance(reference, read), ""]


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


def batches(reference: Path, read):
    """What pictures of different counts cost in batches, in a sentence."""
    folder = reference / "stepsaver-batches-1-thread"
    summary = {row["path"]: row for row in read(folder / "summary.csv")}
    command = json.loads((folder / "environment.json").read_text())["command"]
    return ["In batches of eight, where those that get as many steps are drawn together, the forecasts make "
            f'{interval(summary["predicted"], "speedup", 2)} times as many pictures a second as 50 steps for all in the same batches, '
            f'one count for all of about the same mean {interval(summary["same-mean"], "speedup", 2)} times '
            f"(`{command}`, [summary](results/reference/{folder.name}/summary.csv)).", ""]


def real_prompts(reference: Path, read):
    """Cost alone: the network is random."""
    folder = reference / "partiprompts-random-1-thread"
    summary = {row["path"]: row for row in read(folder / "summary.csv")}
    command = json.loads((folder / "environment.json").read_text())["command"]
    said = [f'{title} {interval(summary[path], "speedup", 2)} with {float(summary[path]["steps_mean"]):.1f} steps'
            for path, title in (("predicted", "own encoder"), ("predicted-minilm", "all-MiniLM-L6-v2"),
                                ("predicted-deepcache", "own encoder with DeepCache"))]
    return [f'Real prompts, for cost and robustness only: {summary["full"]["samples"]} of PartiPrompts through these predictors and a pipeline '
            "of Stable Diffusion's shape, a quarter as wide, with random weights, whose pictures mean nothing. Speed-up over "
            f'{float(summary["full"]["steps_mean"]):.0f} DDIM steps: {"; ".join(said)} (`{command}`, '
            f"[summary](results/reference/{folder.name}/summary.csv)).", ""]


def pictures(reference: Path, read):
    return [*digits(reference, read), *control(reference, read), *step_prediction(reference, read), *batches(reference, read),
            *real_prompts(reference, read)]


def step_prediction(reference: Path, read):
    """Nothing as long as that run's results are not kept."""
    folder = reference / FOLDER
    if not folder.is_dir():
        return []
    summary = read(folder / "summary.csv")
    environment = json.loads((folder / "environment.json").read_text())
    return [
        f'Paths of DDIM, and each sampler with a predictor of its own: `{environment["command"]}`, {summary[0]["samples"]} test captions '
        f"([summary](results/reference/{FOLDER}/summary.csv)). `oracle` is hindsight:",
        "",
        *ddim_table(summary),
        "",
        *samplers_table(folder, read),
        "",
        "![likeness against multiply-accumulates and time](results/reference/stepsaver.png)",
        "",
    ]
