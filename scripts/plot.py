#!/usr/bin/env python3
"""Draws speed-up with its 95 % intervals from summary files of dynexec.

    plot.py SUMMARY... [-o OUTPUT]                      speed-up against quality (a line for each path where all share one)
    plot.py SWEEP.csv --x KEY [--curve KEY] [-o OUTPUT]  speed-up against a swept key, a curve for each path and value

SUMMARY is a summary.csv or a run folder. Writes OUTPUT.png and OUTPUT.svg (default: beside the first file). Rows that are
not valid are left out and named on stderr, unless --include-invalid; then they are drawn hollow.
"""

import argparse
import math
import pathlib
import sys

from plotting import (COLOURS, add_common_options, interval, label, number, plt, read_all, save, style)
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter


def speedup_axis(axes, rows, which):
    """A log axis with its line at 1, wide enough for every interval."""
    ends = [1.0] + [number(row, "speedup" + end) for row in rows for end in ("", "_ci_low", "_ci_high")]
    ends = [end for end in ends if end > 0 and math.isfinite(end)]
    axis, line = (axes.yaxis, axes.axhline) if which == "y" else (axes.xaxis, axes.axvline)
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    (axes.set_ylim if which == "y" else axes.set_xlim)(min(ends) / 1.15, max(ends) * 1.15)
    axes.set_axisbelow(True)
    line(1.0, color="0.3", linewidth=1.1, linestyle="--", zorder=1)
    axis.set_major_locator(LogLocator(base=10, subs=(1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axis.set_minor_formatter(NullFormatter())
    axis.grid(True, color="0.9", linewidth=0.8)


def a_line_each(axes, rows, quality):
    """A line for each path, with what theory predicts and what hindsight would have reached where that is known."""
    marks = {"predicted_speedup": ("|", "predicted from measured costs"), "oracle_speedup": ("d", "best with hindsight")}
    for place, row in enumerate(reversed(rows)):
        axes.errorbar(number(row, "speedup"), place, xerr=interval(row, "speedup"), linestyle="none",
                      **style(len(rows) - 1 - place, row["valid"] == "1"))
        if row["_first"]:
            continue
        for column, (marker, name) in marks.items():
            value = number(row, column)
            if not math.isnan(value):
                axes.plot(value, place, marker=marker, color="0.25", markerfacecolor="none", markersize=8, linestyle="none",
                          label=name, zorder=1)
    named = dict(zip(*reversed(axes.get_legend_handles_labels())))
    if named:
        axes.legend(named.values(), named.keys(), loc="lower center", bbox_to_anchor=(0.5, 1), ncol=2, frameon=False, fontsize=8)
    axes.set_yticks(range(len(rows)), [label(row, rows) for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("speed-up over the baseline" + quality)
    speedup_axis(axes, rows, "x")


def against_quality(figure, rows):
    """Speed-up against quality; without quality, or when all paths share one, a line for each path."""
    axes = figure.add_subplot()
    measured = [row for row in rows if not math.isnan(number(row, "quality"))]
    metrics = sorted({(row.get("quality_metric") or "quality").replace("_", " ") for row in measured})
    shared = {number(row, "quality") for row in measured}
    if not measured or (len(measured) == len(rows) and len(rows) > 1 and len(shared) == 1):
        return a_line_each(axes, rows, f" ({metrics[0]} {shared.pop():.3f} on all paths)" if shared else "")
    for row in rows:
        if row not in measured:
            print(f"left out: {row['path']} of {row['_file']} has no quality", file=sys.stderr)
    for index, row in enumerate(measured):
        axes.errorbar(number(row, "quality"), number(row, "speedup"), xerr=interval(row, "quality"),
                      yerr=interval(row, "speedup"), linestyle="none", label=label(row, measured),
                      **style(index, row["valid"] == "1"))
    axes.set_xlabel(", ".join(metrics))
    axes.set_ylabel("speed-up over the baseline")
    speedup_axis(axes, measured, "y")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)


def against_key(figure, rows, key, curve_key):
    """Speed-up against a swept key, a curve for each path and value of curve_key (of all other keys without one)."""
    for wanted in filter(None, (key, curve_key)):
        if wanted not in rows[0]:
            sys.exit(f"error: {rows[0]['_file']} has no column {wanted}\n"
                     f"  hint: swept keys of this file: {', '.join(rows[0]['_keys']) or 'none'}")
    axes = figure.add_subplot()
    dynamic = [row for row in rows if not row["_first"]]
    if not dynamic:
        sys.exit("error: there is no path but baselines\n  hint: sweep a config with dynamic paths, or check --path")
    try:
        places = {row[key]: float(row[key]) for row in dynamic}
    except ValueError:  # names instead of numbers: evenly spaced in the order of the file
        names = list(dict.fromkeys(row[key] for row in dynamic))
        places = {name: place for place, name in enumerate(names)}
        axes.set_xticks(range(len(names)), names)
    others = [curve_key] if curve_key else [other for other in rows[0]["_keys"] if other != key]
    curves = {}
    for row in dynamic:
        curves.setdefault((row["path"], ", ".join(row[other] for other in others)), []).append(row)
    several_paths = len({path for path, _ in curves}) > 1
    for index, ((path, value), points) in enumerate(curves.items()):
        points.sort(key=lambda row: places[row[key]])
        name = " ".join(filter(None, (path if several_paths or not value else "", value)))
        axes.plot([places[row[key]] for row in points], [number(row, "speedup") for row in points],
                  color=COLOURS[index % len(COLOURS)], linewidth=1.2, alpha=0.6)
        for place, row in enumerate(points):
            axes.errorbar(places[row[key]], number(row, "speedup"), yerr=interval(row, "speedup"), linestyle="none",
                          label=name if place == 0 else None, **style(index, row["valid"] == "1"))
    axes.set_xlabel(key)
    axes.set_ylabel("speed-up over the baseline")
    speedup_axis(axes, dynamic, "y")
    axes.legend(title=", ".join(others) or None, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="SUMMARY")
    parser.add_argument("--x", metavar="KEY", help="swept key on the horizontal axis")
    parser.add_argument("--curve", metavar="KEY", help="swept key that makes the curves")
    add_common_options(parser)
    arguments = parser.parse_args()
    if arguments.curve and not arguments.x:
        parser.error("--curve needs --x")

    rows = read_all(arguments)
    figure = plt.figure(figsize=(8.5, 5), layout="constrained")
    if arguments.title:
        figure.suptitle(arguments.title)
    if arguments.x:
        against_key(figure, rows, arguments.x, arguments.curve)
    else:
        against_quality(figure, rows)
    save(figure, rows, arguments.output or pathlib.Path(rows[0]["_file"]).with_suffix(""))


if __name__ == "__main__":
    main()
