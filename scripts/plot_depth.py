#!/usr/bin/env python3
"""Draws where samples left the network, by difficulty group, from finished runs of dynexec.

    plot_depth.py RUN [--path NAME]... [-o OUTPUT]     RUN: a run folder

A panel for each path that may leave early: the share of each group's samples that left at each exit, and the mean depth
of each group as a line. Writes OUTPUT.png and OUTPUT.svg (default: depth in the run folder). Paths that summary.csv calls
not valid are left out and named on stderr, unless --include-invalid.
"""

import argparse
import csv
import math
import pathlib
import re
import sys

from plotting import COLOURS, add_common_options, number, plt, read, save, usable


def samples(folder):
    path = folder / "samples.csv"
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        sys.exit(f"error: cannot read {path}: {error}\n  hint: give the folder of a finished run")
    for column in ("path", "group", "error", "exit_index", "exit_depth"):
        if rows and column not in rows[0]:
            sys.exit(f"error: {path} has no column {column}\n  hint: give a run that this version of dynexec made")
    for row in rows:
        row["_file"] = str(path)
    return rows


def in_order(names):
    """Numbers within names count as numbers: difficulty/2 comes before difficulty/10."""
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])


def draw(axes, rows, groups, exits):
    """Bars side by side at every exit, one a group; the groups' mean depths below the title."""
    width = 0.84 / len(groups)
    depths = []
    for place, group in enumerate(groups):
        mine = [row for row in rows if row["group"] == group]
        if not mine:
            continue
        shares = [sum(int(row["exit_index"]) == exit for row in mine) / len(mine) for exit in range(exits)]
        axes.bar([exit - 0.42 + width * (place + 0.5) for exit in range(exits)], shares, width,
                 color=COLOURS[place % len(COLOURS)], label=group or "all")
        known = [depth for depth in (number(row, "exit_depth") for row in mine) if not math.isnan(depth)]
        if known:
            depths.append(f"{group or 'all'} {sum(known) / len(known):.2f}")
    axes.set_title(f"{rows[0]['path']}   mean depth: {', '.join(depths)}", fontsize=8, loc="left")
    axes.set_ylabel("share of samples", fontsize=8)
    axes.set_xticks(range(exits), [str(exit) for exit in range(exits - 1)] + ["end"], fontsize=7)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_axisbelow(True)
    axes.grid(True, axis="y", color="0.92", linewidth=0.7)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, metavar="RUN")
    add_common_options(parser)
    arguments = parser.parse_args()
    summary = usable([row for row in read(arguments.run) if row.get("exit_depth_mean")], arguments.include_invalid)
    measured = [row for row in samples(arguments.run) if row["exit_index"] and not row["error"]]
    names = [row["path"] for row in summary if not row["_first"] or row["path"] in (arguments.path or [])]
    if arguments.path:
        unknown = set(arguments.path) - set(names)
        if unknown:
            sys.exit(f"error: no valid path named {', '.join(sorted(unknown))} may leave early\n"
                     f"  hint: choose from {', '.join(names) or 'none'}")
        names = [name for name in names if name in arguments.path]
    if not names:
        sys.exit("error: no valid path of this run may leave early\n"
                 "  hint: give a run of early exit; --include-invalid draws rows that are not valid")
    groups = in_order({row["group"] for row in measured})
    # The deepest exit that any path used is the network's end: the baseline runs to it.
    exits = 1 + max(int(row["exit_index"]) for row in measured)
    figure = plt.figure(figsize=(8.5, 0.9 + 1.5 * len(names)), layout="constrained")
    if arguments.title:
        figure.suptitle(arguments.title)
    for place, name in enumerate(names):
        axes = figure.add_subplot(len(names), 1, place + 1)
        draw(axes, [row for row in measured if row["path"] == name], groups, exits)
        if place == 0:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=7)
    axes.set_xlabel("exit")
    save(figure, [row for row in summary if row["path"] in names], arguments.output or arguments.run / "depth")


if __name__ == "__main__":
    main()
