"""Holds the gate's logistic regression against scikit-learn.

Usage: .venv/bin/python tests/parity/logistic_parity.py --build BUILD_DIR   (BUILD_DIR/tests/probe_experiments_logistic)
scikit-learn minimises |w|^2 / 2 + C * loss, ours loss + ridge / 2 * |w|^2: C = 1 / ridge. Both are run until the gradient
vanishes, so the weights must agree to 1e-5 of the largest, and the penalised loss of ours must not be above.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression


def cases(rng):
    """Name -> (x, y, ridge)."""
    found = {}
    for samples, features, ridge in ((50, 2, 1.0), (500, 5, 1.0), (500, 5, 1e-3), (2000, 12, 10.0), (30, 8, 0.1)):
        x = rng.normal(size=(samples, features)) * rng.uniform(0.2, 3, features)
        y = rng.random(samples) < 1 / (1 + np.exp(-(x @ rng.normal(size=features) + rng.normal())))
        found[f"{samples} x {features}, ridge {ridge}"] = (x, y, ridge)
    x = rng.normal(size=(200, 3))
    found["separable"] = (x, x[:, 0] > 0.1, 0.01)
    found["rare label"] = (x, np.arange(200) < 3, 1.0)
    twice = np.concatenate([x, x], 1)
    found["columns twice"] = (twice, x[:, 1] + rng.normal(size=200) > 0, 1.0)
    top = rng.beta(8, 1, 400)  # as an exit's probabilities lie: close to one
    found["crowded features"] = (np.stack([top, 2 * top - 1, top ** 3], 1), rng.random(400) < top, 1.0)
    return found


def penalised_loss(x, y, ridge, weights):
    z = (x @ weights[:-1] + weights[-1]) * np.where(y, 1, -1)
    return np.logaddexp(0, -z).sum() + ridge / 2 * (weights[:-1] ** 2).sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path, help="build folder")
    arguments = parser.parse_args()
    every = cases(np.random.default_rng(11))
    questions = "".join(json.dumps({"x": x.tolist(), "y": [int(label) for label in y], "ridge": ridge}) + "\n"
                        for x, y, ridge in every.values())
    probe = subprocess.run([arguments.build / "tests" / "probe_experiments_logistic"], input=questions,
                           capture_output=True, text=True, check=True)
    answers = [np.array(json.loads(line)) for line in probe.stdout.splitlines()]
    failed = abs(len(every) - len(answers))
    for (name, (x, y, ridge)), ours in zip(every.items(), answers):
        model = LogisticRegression(C=1 / ridge, solver="newton-cg", tol=1e-12, max_iter=10_000).fit(x, y)
        theirs = np.concatenate([model.coef_[0], model.intercept_])
        worst = np.abs(ours - theirs).max() / np.abs(theirs).max()
        excess = penalised_loss(x, y, ridge, ours) - penalised_loss(x, y, ridge, theirs)
        good = worst < 1e-5 and excess < 1e-8
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}: weights {worst:.1e} apart, loss {excess:+.1e}")
    print(f"{len(every) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
