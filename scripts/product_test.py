#!/usr/bin/env python3
"""Whether two savings multiply: (t00 * t11) / (t10 * t01) of four paths of one run, with its interval.

    product_test.py RUN_FOLDER NAME=PLAIN,FIRST,SECOND,BOTH ... [--output FILE.csv]

PLAIN is the path without either saving, FIRST and SECOND have one each, BOTH has both. 1: they multiply; above 1: together they save less than that; below: more.
Times are the medians of a sample's repetitions, ratios geometric means over the samples that all four paths finished, intervals the 2.5 and 97.5 percentiles of
10,000 paired resamples of them.
"""

import argparse
import csv
import statistics
import sys
from pathlib import Path

import numpy as np

RESAMPLES, SEED = 10_000, 1


def times_of(samples):
    """{path: {sample: median latency in ms}}"""
    found = {}
    for row in samples:
        if row["error"] or not row["latency_ms"]:
            continue
        found.setdefault(row["path"], {}).setdefault(row["sample"], []).append(float(row["latency_ms"]))
    return {path: {sample: statistics.median(times) for sample, times in own.items()} for path, own in found.items()}


def intervals(ratios):
    """Of several ratios a sample [samples, ratios]: geometric means and the ends of their intervals."""
    logs = np.log(ratios)
    random = np.random.default_rng(SEED)
    draws = np.stack([logs[random.integers(0, len(logs), len(logs))].mean(0) for _ in range(RESAMPLES)])
    return np.exp(logs.mean(0)), *np.exp(np.percentile(draws, [2.5, 97.5], axis=0))


def product_row(name, paths, times):
    for path in paths:
        if path not in times:
            raise SystemExit(f"error: {name}: the run has no rows of path '{path}'\n  hint: it has {', '.join(times)}")
    common = sorted(set.intersection(*(set(times[path]) for path in paths)), key=int)
    if len(common) < 2:
        raise SystemExit(f"error: {name}: the four paths share {len(common)} samples\n  hint: measure at least two")
    plain, first, second, both = (np.array([times[path][sample] for sample in common]) for path in paths)
    ratios = np.stack([plain / first, plain / second, plain / both, plain * both / (first * second)], 1)
    row = {"name": name, "samples": len(common), **dict(zip(("plain", "first", "second", "both"), paths))}
    for label, mean, low, high in zip(("first_speedup", "second_speedup", "both_speedup", "product"), *intervals(ratios)):
        row.update({label: f"{mean:.4f}", f"{label}_ci_low": f"{low:.4f}", f"{label}_ci_high": f"{high:.4f}"})
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("products", nargs="+", metavar="NAME=PLAIN,FIRST,SECOND,BOTH")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    samples = arguments.run / "samples.csv"
    if not samples.is_file():
        raise SystemExit(f"error: there is no {samples}\n  hint: name the folder of a run of dynexec bench")
    with samples.open(newline="", encoding="utf-8") as file:
        times = times_of(csv.DictReader(file))
    rows = []
    for product in arguments.products:
        name, _, paths = product.partition("=")
        if len(paths.split(",")) != 4:
            raise SystemExit(f"error: '{product}' does not name four paths\n  hint: NAME=PLAIN,FIRST,SECOND,BOTH")
        rows.append(product_row(name, paths.split(","), times))
    for row in rows:
        print(f"{row['name']}: {row['first']} {float(row['first_speedup']):.2f}, {row['second']} {float(row['second_speedup']):.2f}, together "
              f"{float(row['both_speedup']):.2f} times; product test {float(row['product']):.3f} [{float(row['product_ci_low']):.3f}, "
              f"{float(row['product_ci_high']):.3f}] on {row['samples']} samples")
    if arguments.output:
        command = "scripts/product_test.py " + " ".join(sys.argv[1:])
        with arguments.output.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0], "command"], lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, "command": command} for row in rows)


if __name__ == "__main__":
    main()
