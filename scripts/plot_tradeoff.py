#!/usr/bin/env python3
"""Draws quality against multiply-accumulates and against measured latency from summary files of dynexec.

    plot_tradeoff.py SUMMARY... [-o OUTPUT]     SUMMARY: a summary.csv, a sweep's summary.csv, or a run folder

Paths whose settings differ in numbers only (one rule at several thresholds) are joined to a curve. The whole network,
static depths, random exits and what hindsight would have reached have marks of their own. Both costs are shares of the
baseline's of the same run; bars are 95 % intervals, those of quality of the paired difference from the baseline. Writes OUTPUT.png and OUTPUT.svg (default: tradeoff beside the first file). Rows that are not
valid are left out and named on stderr, unless --include-invalid; then they are drawn hollow.
"""

import argparse
import math
import pathlib
import re
import sys

from plotting import COLOURS, MARKERS, add_common_options, label, number, plt, read, read_all, save

# Controls: marker, colour, line and name, by the column `method`.
CONTROLS = {"static": ("s", "0.45", "--", "static depth"), "random": ("P", "0.45", "none", "random exits"),
            "oracle": ("*", "#e69f00", "none", "oracle")}

SHAPES = MARKERS.replace("*", "").replace("s", "").replace("P", "")


def run_of(row):
    return (row["_file"],) + tuple(row[key] for key in row["_keys"])


def family(row, several_configs):
    """The rule behind a path: its method and setting without numbers."""
    if row.get("method") in CONTROLS:
        name = CONTROLS[row["method"]][3]
    else:
        number_pattern = r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?"
        rule, *others = (row.get("setting") or row["path"]).split(", ")
        # Numbers tell the points of a curve apart, not curves.
        rule = re.sub(r"[\s=<>]*#[.#]*", "", re.sub(number_pattern, "#", rule)).strip()
        name = ", ".join([rule] + [text for text in others if not re.search(number_pattern, text)]) or row["path"]
    return f"{row.get('config', '')}: {name}" if several_configs else name


def baselines(files):
    """The first row of every run, also where only some paths are drawn."""
    return {run_of(row): row for path in files for row in read(path) if row["_first"]}


def cost(row, base, which):
    """The row's share of its baseline's cost, with its interval where there is one."""
    if which == "macs":
        value = number(row, "macs_mean") / number(base, "macs_mean")
        return value, value, value
    # The ratio is measured pair by pair: its inverse is the share of the baseline's time.
    value, low, high = (number(row, "speedup" + end) for end in ("", "_ci_high", "_ci_low"))
    return 1 / value, 1 / low, 1 / high


def errors(value, low, high):
    lengths = [value - low, high - value]
    return [[length if length > 0 else 0.0] for length in lengths]


def draw_point(axes, row, base, which, style):
    x, x_low, x_high = cost(row, base, which)
    # All paths answer the same samples, so what is uncertain between them is the paired difference.
    quality, (low, high) = number(row, "quality"), (number(row, "quality_delta" + end) for end in ("_ci_low", "_ci_high"))
    bars = errors(quality, number(base, "quality") + low, number(base, "quality") + high)
    axes.errorbar(x, quality, xerr=errors(x, x_low, x_high), yerr=bars, linestyle="none", capsize=2, elinewidth=0.8,
                  alpha=0.95, **style)


def draw(axes, rows, bases, which):
    several = len({row.get("config") for row in rows}) > 1
    curves = {}
    for row in rows:
        if not row["_first"]:
            curves.setdefault((family(row, several), row.get("method")), []).append(row)
    place = 0
    for (name, method), points in curves.items():
        if method in CONTROLS:
            marker, colour, line, _ = CONTROLS[method]
        else:
            marker, colour, line = SHAPES[place % len(SHAPES)], COLOURS[place % len(COLOURS)], "-"
            place += 1
        points.sort(key=lambda row: cost(row, bases[run_of(row)], which)[0])
        if line != "none" and len(points) > 1:
            axes.plot([cost(row, bases[run_of(row)], which)[0] for row in points],
                      [number(row, "quality") for row in points], color=colour, linestyle=line, linewidth=1.1, alpha=0.6)
        for number_of, row in enumerate(points):
            draw_point(axes, row, bases[run_of(row)], which,
                       {"color": colour, "marker": marker, "markersize": 6 if marker != "*" else 11,
                        "markerfacecolor": colour if row["valid"] == "1" else "none",
                        "label": name if number_of == 0 else None})
    for run, base in bases.items():
        if math.isnan(number(base, "quality")):
            continue
        axes.axhline(number(base, "quality"), color="0.75", linewidth=0.8, zorder=0)
        draw_point(axes, base, base, which, {"color": "black", "marker": "D", "markersize": 6,
                                             "label": "baseline" if run == next(iter(bases)) else None})
        best = [number(row, "oracle_speedup") for row in rows if run_of(row) == run and not row["_first"]]
        best = [value for value in best if not math.isnan(value)]
        if which == "latency" and best:
            axes.plot(1 / max(best), number(base, "quality"), marker="x", color="black", markersize=8, linestyle="none",
                      label="best with hindsight" if run == next(iter(bases)) else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="SUMMARY")
    parser.add_argument("--against", choices=("both", "macs", "latency"), default="both")
    parser.add_argument("--lowest", type=float, metavar="QUALITY", help="cut the drawing off below this quality")
    add_common_options(parser)
    arguments = parser.parse_args()
    drawn = []
    for row in read_all(arguments):
        if math.isnan(number(row, "quality")):
            print(f"left out: {label(row, [row])} of {row['_file']} has no quality", file=sys.stderr)
        else:
            drawn.append(row)
    if all(row["_first"] for row in drawn):
        sys.exit("error: there is no path with a quality but baselines\n"
                 "  hint: give runs of a task with a metric, and check --path")
    bases = {run: base for run, base in baselines(arguments.files).items() if run in {run_of(row) for row in drawn}}
    panels = [("macs", "multiply-accumulates")] if arguments.against != "latency" else []
    panels += [("latency", "measured latency")] if arguments.against != "macs" else []
    figure = plt.figure(figsize=(1.6 + 4.6 * len(panels), 4.8), layout="constrained")
    if arguments.title:
        figure.suptitle(arguments.title)
    first = None
    for place, (which, name) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1, sharey=first)
        draw(axes, drawn, bases, which)
        axes.axvline(1.0, color="0.3", linewidth=1, linestyle="--", zorder=0)
        axes.set_xlabel(f"{name}, share of the baseline's")
        axes.grid(True, color="0.92", linewidth=0.7)
        axes.set_axisbelow(True)
        if arguments.lowest is not None:
            axes.set_ylim(bottom=arguments.lowest)
        first = first or axes
    first.set_ylabel(", ".join(sorted({(row.get("quality_metric") or "quality").replace("_", " ") for row in drawn})))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=7)
    save(figure, drawn, arguments.output or pathlib.Path(drawn[0]["_file"]).parent / "tradeoff")


if __name__ == "__main__":
    main()
