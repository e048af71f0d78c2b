"""What the plot scripts share: reading summary files, what may be drawn, captions, styles."""

import csv
import json
import math
import pathlib
import sys

try:
    import matplotlib
except ImportError:
    sys.exit("error: matplotlib is not installed\n  hint: use .venv/bin/python scripts/plot.py, or run scripts/setup.sh")
matplotlib.use("Agg")
import matplotlib.pyplot as plt

MARKERS = "osD^vP*X<>hd"
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f7f7f"]


def number(row, column):
    """The figure in that column, NaN when it is missing."""
    text = row.get(column)
    try:
        return float(text) if text else math.nan
    except ValueError:
        sys.exit(f"error: {row['_file']}: column {column} holds {text!r}, which is no number\n"
                 "  hint: give summary.csv files that dynexec wrote")


def read(path):
    """Rows of one summary file, each with _file, _environment, _first (a run's baseline is its first row) and _run."""
    path = pathlib.Path(path)
    if path.is_dir():
        path = path / "summary.csv"
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        sys.exit(f"error: cannot read {path}: {error}\n  hint: give a summary.csv, or the folder of a finished run")
    for column in ("path", "speedup", "speedup_ci_low", "speedup_ci_high", "valid"):
        if rows and column not in rows[0]:
            sys.exit(f"error: {path} has no column {column}\n  hint: give summary.csv files that dynexec wrote")
    try:
        environment = json.loads((path.parent / "environment.json").read_text())
    except (OSError, ValueError):
        environment = {}
    # A sweep's columns before cell_error are its keys: every combination is a run of its own.
    names = list(rows[0]) if rows else []
    keys = names[:names.index("cell_error")] if "cell_error" in names else []
    seen = set()
    for row in rows:
        row["_file"], row["_environment"], row["_keys"] = str(path), environment, keys
        run = tuple(row[key] for key in keys)
        row["_first"] = run not in seen
        seen.add(run)
    return rows


def usable(rows, include_invalid):
    kept = []
    for row in rows:
        if not row["path"]:
            print(f"left out: a cell of {row['_file']} without summary: {row.get('cell_error', '')}", file=sys.stderr)
        elif math.isnan(number(row, "speedup")):
            print(f"left out: {row['path']} of {row['_file']} has no speed-up", file=sys.stderr)
        elif row["valid"] != "1" and not include_invalid:
            print(f"left out: {row['path']} of {row['_file']} is not valid: {row.get('invalid_reasons', '')}",
                  file=sys.stderr)
        else:
            kept.append(row)
    return kept


def caption(rows):
    def several(values):
        return ", ".join(sorted({str(value) for value in values if value not in (None, "")})) or "unknown"

    environments = [row["_environment"] for row in rows]
    samples = several(f"{row.get('samples', '')} x {row.get('repetitions', '')}" for row in rows)
    return (f"n = {samples} (samples x repetitions); 95 % intervals; {several(row.get('threads') for row in rows)} threads; "
            f"CPU: {several(e.get('cpu', {}).get('model') for e in environments)}; "
            f"revision {several((e.get('build', {}).get('revision') or '')[:12] for e in environments)}")


def interval(row, column):
    """Lengths of the error bar below and above the value."""
    value, low, high = (number(row, column + end) for end in ("", "_ci_low", "_ci_high"))
    lengths = [value - low, high - value]
    return [[length if length > 0 else 0.0] for length in lengths]


def style(index, valid):
    colour = COLOURS[index % len(COLOURS)]
    return {"color": colour, "marker": MARKERS[index % len(MARKERS)], "markersize": 7, "capsize": 3,
            "markerfacecolor": colour if valid else "none", "elinewidth": 1.2}


def label(row, rows):
    several = len({other["_file"] for other in rows}) > 1
    parts = [f"{row.get('config', '')}: " if several and row.get("config") else "", row["path"]]
    parts += [f" {key}={row[key]}" for key in row["_keys"]]
    return "".join(parts) + ("" if row["valid"] == "1" else " (not valid)")


def save(figure, rows, output):
    """Writes OUTPUT.png and OUTPUT.svg with the rows' caption and prints their names."""
    figure.supxlabel(caption(rows), fontsize=6.5, color="0.35", wrap=True)
    output = pathlib.Path(output)
    if output.suffix in (".png", ".svg"):
        output = output.with_suffix("")
    output.parent.mkdir(parents=True, exist_ok=True)
    plt.rcParams["svg.hashsalt"] = "dynexec"  # the same rows give the same file
    for suffix, metadata in ((".png", None), (".svg", {"Date": None})):
        figure.savefig(f"{output}{suffix}", dpi=160, metadata=metadata)
        print(f"{output}{suffix}")


def read_all(arguments):
    """The usable rows of all files that the command line names, of its paths alone where it names some."""
    rows = [row for path in arguments.files for row in read(path)]
    if arguments.path:
        unknown = set(arguments.path) - {row["path"] for row in rows}
        if unknown:
            sys.exit(f"error: no path named {', '.join(sorted(unknown))}\n"
                     f"  hint: paths of these files: {', '.join(sorted({row['path'] for row in rows} - {''}))}")
        rows = [row for row in rows if row["path"] in arguments.path]
    rows = usable(rows, arguments.include_invalid)
    if not rows:
        sys.exit("error: no valid row is left to draw\n  hint: --include-invalid draws the others, hollow")
    return rows


def add_common_options(parser):
    parser.add_argument("-o", "--output", help="name of the pictures without .png and .svg")
    parser.add_argument("--path", action="append", metavar="NAME", help="only this path; repeatable")
    parser.add_argument("--title", default="")
    parser.add_argument("--include-invalid", action="store_true", help="draw rows that are not valid, hollow")
