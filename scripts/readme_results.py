#!/usr/bin/env python3
"""Writes README's result block from results/reference, so that no figure there is typed by hand.

    scripts/readme_results.py [--check]

--check changes nothing and exits 1 when README holds other figures than the files.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

from readme_formats import formats
from readme_pictures import interval, pictures

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "results" / "reference"
START, END = "<!-- results:start -->", "<!-- results:end -->"


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def figure(text, digits):
    return f"{float(text):.{digits}f}" if text else ""


def number(text, digits):
    """At most `digits` decimals, without trailing zeros."""
    return f"{float(text):.{digits}f}".rstrip("0").rstrip(".")


def table(summary):
    lines = ["| path | speed-up [95 %] | latency ms | tokens/s | exact match | accepted | tokens/pass | predicted | oracle |",
             "|---|---|---|---|---|---|---|---|---|"]
    for i, row in enumerate(summary):
        speedup = "baseline"
        if i > 0:
            speedup = f'{figure(row["speedup"], 2)} [{figure(row["speedup_ci_low"], 2)}, {figure(row["speedup_ci_high"], 2)}]'
            if row["valid"] != "1":
                speedup += " (not valid)"
        cells = [row["path"], speedup, figure(row["latency_ms_mean"], 1), figure(row["tokens_per_s"], 0),
                 figure(row["quality"], 3), figure(row["acceptance_rate"], 3), figure(row["tokens_per_target_pass"], 2),
                 figure(row["predicted_speedup"], 2) if i > 0 else "", figure(row["oracle_speedup"], 2) if i > 0 else ""]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def best(summary):
    return max(summary[1:], key=lambda row: float(row["speedup_ci_low"]))


def by_difficulty(samples, baseline):
    """Exact match of the baseline at every difficulty, as 'a, b, c' from the easiest on."""
    scores = {}
    for row in samples:
        if row["path"] == baseline and row["quality"]:
            scores.setdefault(row["group"].rsplit("/", 1)[-1], []).append(float(row["quality"]))
    return ", ".join(f"{sum(scores[level]) / len(scores[level]):.2f}" for level in sorted(scores))


def saved(row, base, name):
    return f"{100 * (1 - float(row[name]) / float(base[name])):.1f} %"


def exit_table(summary):
    base = summary[0]
    lines = ["| path | MACs saved | speed-up [95 %] | time saved | accuracy | against the whole network [95 %] | heads asked | forecasts hit |",
             "|---|---|---|---|---|---|---|---|"]
    for row in summary:
        if row is base:
            cells = [row["path"], "baseline", "", "", figure(row["quality"], 4), "", "1", ""]
        else:
            speedup = interval(row, "speedup", 2) + ("" if row["valid"] == "1" else " (not valid)")
            hits = f'{100 * float(row["forecast_accuracy"]):.0f} %' if row["forecast_accuracy"] else ""
            cells = [row["path"], saved(row, base, "macs_mean"), speedup, f'{100 * (1 - 1 / float(row["speedup_total"])):.1f} %',
                     figure(row["quality"], 4), interval(row, "quality_delta", 4, "+"), figure(row["exits_tested_mean"], 2), hits]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def asks_every_exit(row):
    return row["method"] == "early_exit"


def against_every_exit(folder):
    """The best learnt plan and published engine against the rule that saves most while it asks every exit."""
    summary = rows(REFERENCE / folder / "summary.csv")
    base = summary[0]

    def cheapest(wanted):
        held = (row for row in summary if wanted(row) and float(row["quality_delta"]) >= -ALLOWED)
        return min(held, key=lambda row: float(row["macs_mean"]))

    every = cheapest(asks_every_exit)
    learnt = cheapest(lambda row: row["path"].startswith("learnt"))
    published = cheapest(lambda row: row["method"] == "predictive_exit" and not row["path"].startswith("learnt"))
    ratio = next(row for row in rows(REFERENCE / folder / "compare.csv") if row["path"] == learnt["path"])
    assert ratio["reference"] == every["path"], f"{folder}/compare.csv compares with {ratio['reference']}, not {every['path']}"
    fewer = [100 * (1 - 1 / float(ratio["macs_ratio" + end])) for end in ("", "_ci_low", "_ci_high")]
    return (every, learnt, published, base,
            f"{fewer[0]:.0f} % [{fewer[1]:.0f}, {fewer[2]:.0f}]")


ALLOWED = 0.01  # loss of accuracy that the settings were chosen for
NETWORKS = (("predictive-exit-resnet-1-thread", "shipped ResNet, procedural images"), ("predictive-exit-vgg-1-thread", "shipped VGG, procedural images"),
            ("predictive-exit-cifar10-1-thread", "pretrained ResNet-20, CIFAR-10"))


def networks_table():
    lines = ["| network | whole | best rule that asks every exit | best forecast as published or held | best learnt plan | its MACs below the best rule's [95 %] | oracle |",
             "|---|---|---|---|---|---|---|"]
    for folder, name in NETWORKS:
        every, learnt, published, base, fewer = against_every_exit(folder)
        summary = rows(REFERENCE / folder / "summary.csv")
        oracle = next(row for row in summary if row["method"] == "oracle")
        cells = [f"[{name}](results/reference/{folder}/summary.csv)", figure(base["quality"], 3)]
        for row in (every, published, learnt):
            cells.append(f'{row["path"]}: {saved(row, base, "macs_mean")} saved, {float(row["quality_delta"]):+.4f}')
        cells += [fewer, saved(oracle, base, "macs_mean")]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def energy_table():
    summary = rows(REFERENCE / "predictive-exit-energy" / "summary.csv")
    base = summary[0]
    lines = ["| path | governor | energy saved [95 %] | mean latency against the whole network's | later than it |", "|---|---|---|---|---|"]
    for row in summary[1:]:
        governor = row["setting"].rsplit("governor=", 1)[1] if "governor=" in row["setting"] else "none"
        saving = [100 * float(row["modelled_energy_saving" + end]) for end in ("", "_ci_low", "_ci_high")]
        lines.append(f'| {row["path"]} | {governor} | {saving[0]:.1f} % [{saving[1]:.1f}, {saving[2]:.1f}] | '
                     f'{float(row["modelled_latency_ms"]) / float(base["modelled_latency_ms"]):.2f} | '
                     f'{100 * float(row["modelled_late_share"] or 0):.0f} % of the images |')
    return lines


def heads_take_time(summary):
    base, named = summary[0], {row["path"]: row for row in summary}

    def share(row):
        macs, time = 1 - float(row["macs_mean"]) / float(base["macs_mean"]), 1 - 1 / float(row["speedup_total"])
        return f'{figure(row["exits_tested_mean"], 1)} heads an image, {100 * time / macs:.0f} % of the saved multiply-accumulates are saved time'

    return ("Where the time goes: a Bag-of-Features head evaluates a logistic function for each codeword and pixel, which is no multiply-accumulate, so "
            f'asking heads takes more time than their count says (`every-confidence`: {share(named["every-confidence"])}; '
            f'`learnt-gate`: {share(named["learnt-gate"])}).')


def two_threads():
    folder = "predictive-exit-resnet-2-threads"
    summary = rows(REFERENCE / folder / "summary.csv")
    learnt = next(row for row in summary if row["path"] == "learnt-gate")
    return (f'With two threads `learnt-gate` reaches {interval(learnt, "speedup", 2)}, {100 * (1 - 1 / float(learnt["speedup_total"])):.1f} % less time '
            f'([summary](results/reference/{folder}/summary.csv)).')


def exits():
    folder = "predictive-exit-resnet-1-thread"
    summary = rows(REFERENCE / folder / "summary.csv")
    environment = json.loads((REFERENCE / folder / "environment.json").read_text())
    profile = rows(REFERENCE / "predictive-exit-energy" / "summary.csv")[0]["energy_profile"]
    return [
        "**Early exit**, the shipped ResNet on procedural images, one thread. Every setting was chosen by `dynexec tune` on other images "
        "for a loss of at most one point with 95 % confidence and is reported here on",
        f'{summary[0]["samples"]} test images × {summary[0]["repetitions"]} repetitions ([summary](results/reference/{folder}/summary.csv), '
        f'[settings and their p-values](results/reference/tuned/predictive-exit-resnet.yaml), `{environment["command"]}`). Heads are counted:',
        "",
        *exit_table(summary),
        "",
        heads_take_time(summary),
        two_threads(),
        "",
        "The same on three networks, the cheapest paths that lost at most one point on the test images. On CIFAR-10 the pretrained "
        "network stayed as it was and only heads were trained, so its early layers were never asked to tell classes apart; the oracle "
        "shows how much better exits would have to be:",
        "",
        *networks_table(),
        "",
        "![accuracy against multiply-accumulates and time](results/reference/exit-curves.png)",
        "",
        f"Energy of the shipped ResNet on a {profile}, modelled from the counted work ([summary](results/reference/predictive-exit-energy/summary.csv)):",
        "",
        *energy_table(),
        "",
        "![exits by difficulty](results/reference/exit-depth.png)",
        "",
    ]


def block():
    two, one, full = (REFERENCE / name for name in ("quickstart-2-threads", "quickstart-1-thread", "speculative-2-threads"))
    summary, single, complete = rows(two / "summary.csv"), rows(one / "summary.csv"), rows(full / "summary.csv")
    environment = json.loads((two / "environment.json").read_text())
    top, top_single, top_full = best(summary), best(single), best(complete)
    lines = [
        START,
        f'**Speculative decoding**: `{environment["command"]}` on {environment["cpu"]["logical"]} cores ({environment["cpu"]["model"]}), greedy decoding, '
        f'{summary[0]["samples"]} problems × {summary[0]["repetitions"]} repetitions',
        "([summary](results/reference/quickstart-2-threads/summary.csv), "
        "[environment](results/reference/quickstart-2-threads/environment.json)); every path's output equals the baseline's in",
        f'{100 * min(float(row["equal_share"]) for row in summary[1:]):.0f} % of the rows:',
        "",
        *table(summary),
        "",
        "`predicted` is the theory line, `oracle` the best draft lengths in hindsight; speculative decoding is lossless, so all paths "
        "share one quality.",
        f'With one thread `{top_single["path"]}` reaches {figure(top_single["speedup"], 2)} '
        f'[{figure(top_single["speedup_ci_low"], 2)}, {figure(top_single["speedup_ci_high"], 2)}] '
        "([summary](results/reference/quickstart-1-thread/summary.csv)).",
        "",
        f'The full experiment, `{json.loads((full / "environment.json").read_text())["command"]}`, compares {len(complete)} paths on '
        f'{complete[0]["samples"]} problems ([summary](results/reference/speculative-2-threads/summary.csv)): '
        f'`{top_full["path"]}` {figure(top_full["speedup"], 2)} [{figure(top_full["speedup_ci_low"], 2)}, '
        f'{figure(top_full["speedup_ci_high"], 2)}]. Exact match is {figure(complete[0]["quality"], 2)}, from difficulty 1 to 6: '
        f'{by_difficulty(rows(full / "samples.csv"), complete[0]["path"])}.',
        "",
        "What each file is and the command that made it: [results/reference](results/reference/README.md).",
        "",
        "![speed-up against quality](results/reference/speculative.png)",
        "",
        *exits(),
        *pictures(REFERENCE, rows),
        "",
        *formats(REFERENCE, rows),
        END,
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when README is out of date")
    arguments = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    wanted = before + block() + after
    if wanted == text:
        return 0
    if arguments.check:
        print("README.md holds other figures than results/reference; run scripts/readme_results.py", file=sys.stderr)
        return 1
    readme.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
