"""Runs the end-to-end tests: every function test_* of the modules test_*.py beside this file.

Usage: .venv/bin/python tests/e2e/runner.py [--build BUILD] [--keep] [NAME...]

A test is called with an empty folder of its own. NAME: only tests whose module or name contains it. A line that a test
returns is printed behind its name.
"""

import argparse
import importlib
import inspect
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import frame  # noqa: E402


def tests(wanted):
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            full = f"{path.stem}.{name}"
            if name.startswith("test_") and function.__module__ == path.stem:
                if not wanted or any(part in full for part in wanted):
                    yield full, function


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="build folder")
    parser.add_argument("--keep", action="store_true", help="keep the tests' folders and name them")
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    frame.BUILD = pathlib.Path(arguments.build).resolve()
    if not pathlib.Path(frame.binary()).exists():
        sys.exit(f"error: {frame.binary()} is not there\n  hint: build it with scripts/setup.sh")

    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, function in tests(arguments.names):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="dynexec-e2e-"))
        start = time.monotonic()
        try:
            note, result = function(folder), "passed"
        except frame.Skip as reason:
            note, result = str(reason), "skipped"
        except Exception:  # noqa: BLE001 - a test may fail in any way
            note, result = traceback.format_exc(), "failed"
        counts[result] += 1
        print(f"{result:7} {name} ({time.monotonic() - start:.1f} s){': ' + str(note) if note else ''}", flush=True)
        if arguments.keep:
            print(f"        {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
