"""What the end-to-end tests share: running the built binary, judging what it did, and a tiny model to run it on."""

import csv
import dataclasses
import io
import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"  # set by the runner


class Skip(Exception):
    """The test cannot run here; the text says why."""


@dataclasses.dataclass
class Result:
    code: int
    out: str
    err: str
    seconds: float

    def ok(self):
        return self.exits(0)

    def exits(self, code):
        check(self.code == code, f"exit code {self.code}, expected {code}\nstdout: {self.out[-1500:]}\n"
                                 f"stderr: {self.err[-1500:]}")
        return self

    def says(self, *parts):
        """Each part occurs in stderr."""
        for part in parts:
            check(part in self.err, f"stderr does not say {part!r}: {self.err[-1500:]!r}")
        return self

    def one_error(self):
        """One message with a remedy and no sign of a crash."""
        check(self.code > 0, f"killed by signal {-self.code}: {self.err[-800:]}")
        self.says("error:", "hint:")
        check(self.err.count("error:") == 1, f"more than one error: {self.err[-1500:]}")
        return self


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def environment(**changes):
    """The caller's environment without what would change the output."""
    env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "LD_DEBUG")}
    env.update({key: str(value) for key, value in changes.items()})
    return env


def binary():
    return str(BUILD / "dynexec")


def run(command, timeout=120, env=None, cwd=None, stdout=subprocess.PIPE, preexec=None):
    start = time.monotonic()
    try:
        done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=stdout,
                              stderr=subprocess.PIPE, timeout=timeout, env=env or environment(), cwd=cwd or ROOT,
                              preexec_fn=preexec, text=True, errors="replace", check=False)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"no end within {timeout} s: {' '.join(map(str, command))}") from error
    return Result(done.returncode, done.stdout or "", done.stderr, time.monotonic() - start)


def dynexec(*arguments, **options):
    return run([binary(), *arguments], **options)


def start(*arguments, **options):
    """Starts the binary without waiting for it."""
    return subprocess.Popen([binary(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment(), **options)


def bench(config, out, *arguments, **options):
    """A run on one thread (without calibration of threads) into `out`."""
    return dynexec("bench", config, "--out", out, "--threads", 1, *arguments, **options)


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.002)
    raise AssertionError(f"waited {seconds} s for {what}")


def run_folder(out, name="*"):
    folders = [path.parent for path in pathlib.Path(out).glob(f"{name}/*/config.yaml")]
    check(len(folders) == 1, f"expected one run folder in {out}, found {folders}")
    return folders[0]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text), strict=True))


def row_keys(path):
    """The identity of each row; a list, so that a row written twice is seen."""
    return sorted((row["path"], int(row["sample"]), int(row["repetition"])) for row in rows(path))


def stop(process, number):
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return Result(process.returncode, out, err, 0)


KILL, INTERRUPT = signal.SIGKILL, signal.SIGINT


# The tiny config's measured rows: 12 prompts, of which 2 are kept for calibration.
PATHS, SAMPLES, REPETITIONS = ("base", "draft", "lookup"), 10, 3
ROWS = len(PATHS) * SAMPLES * REPETITIONS


def tiny_config(folder, **changes):
    """A config on the tiny models of tiny_model.make, small enough for a second or two. Returns its path."""
    from tiny_model import make  # needs packages that the command-line tests do not
    models = make(folder)
    prompts = folder / "prompts.txt"
    prompts.write_text("".join(f"sample {n}: the quick brown fox jumps over fox {n}\n"
                               for n in range(SAMPLES + 2)))
    config = {
        "name": "tiny",
        "experiment": "speculative",
        "task": {"kind": "prompts", "file": str(prompts), "format": "lines"},
        "model": {"target": str(models / "target"), "draft": str(models / "draft")},
        "generation": {"max_new_tokens": 24},
        "calibration": {"samples": 2, "budget_ms": 20},
        "paths": [
            {"name": "base", "method": "autoregressive"},
            {"name": "draft", "method": "speculative", "drafter": "model", "policy": "constant", "length": 3},
            {"name": "lookup", "method": "speculative", "drafter": "prompt_lookup", "policy": "constant", "length": 3},
        ],
        "bench": {"repetitions": REPETITIONS, "warmup_max": 2, "seed": 5},
    }
    for key, value in changes.items():
        if isinstance(value, dict):
            config.setdefault(key, {}).update(value)
        else:
            config[key] = value
    path = folder / "tiny.yaml"
    path.write_text(json.dumps(config, indent=1))  # JSON is YAML
    return path
