"""Joins the summaries of a sweep's cells into one CSV; scripts/sweep.sh calls it.

Usage: gather.py OUTPUT.csv CELL_BASE SETTINGS [CELL_BASE SETTINGS ...]

CELL_BASE.csv is a cell's summary, CELL_BASE.err what it said on stderr; SETTINGS are its key=value lines, which become the
first columns. A cell without summary gives one row with its error in the column cell_error.
"""

import csv
import os
import sys


def error_of(base, has_summary):
    """What the cell said about its failure; "" when it has a summary and said nothing."""
    try:
        lines = [line.strip() for line in open(base + ".err", errors="replace") if line.strip()]
    except OSError:
        lines = []
    errors = [line for line in lines if line.startswith(("error", "expectation broken"))]
    if errors or has_summary:
        return errors[0] if errors else ""
    return lines[-1] if lines else "not run"


def gather(cells):
    """cells: [(base, {key: value})] -> (columns, rows)."""
    keys = list(cells[0][1])
    columns, rows = [], []
    for base, settings in cells:
        if not os.path.exists(base + ".csv"):
            rows.append({**settings, "cell_error": error_of(base, False)})
            continue
        with open(base + ".csv", newline="") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            if columns and header != columns:
                sys.exit(f"error: {base}.csv has other columns than the cells before it\n"
                         "  hint: measure the sweep again with one version of dynexec")
            columns = header
            error = error_of(base, True)
            rows += [{**settings, "cell_error": error, **row} for row in reader]
    return keys + ["cell_error"] + columns, rows


def main():
    if len(sys.argv) < 4 or len(sys.argv) % 2:
        sys.exit(__doc__)
    pairs = zip(sys.argv[2::2], sys.argv[3::2])
    cells = [(base, dict(line.split("=", 1) for line in text.splitlines())) for base, text in pairs]
    columns, rows = gather(cells)
    temporary = sys.argv[1] + ".tmp"
    with open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(temporary, sys.argv[1])


if __name__ == "__main__":
    main()
