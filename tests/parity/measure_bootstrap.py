"""lib/measure's intervals and tests against SciPy and closed forms.

Usage: .venv/bin/python tests/parity/measure_bootstrap.py --build BUILD_DIR

Bootstrap ends are quantiles of random replicates, so two correct programs differ by Monte-Carlo error. With R
replicates the standard error of the quantile at share q is sqrt(q (1 - q) / R) / density, where the density is estimated
from SciPy's replicates around the end. Ours and SciPy's errors add up in squares. An end passes within 5 such standard
errors: over the ends compared here that raises a false alarm in less than 1 of 10,000 runs. Everything that is not random
must agree to 1e-9 relative.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
from scipy import stats

RESAMPLES = 40_000
ALARM = 5.0
BAND = 0.005  # half-width in shares for the density estimate


def data_sets(rng):
    """Name -> (values, denominator), positive, of the shapes that latencies have."""
    sets = {}
    for n in (12, 30, 60, 250):
        difficulty = np.exp(0.6 * rng.standard_normal(n))
        path = 40 * difficulty * np.exp(0.1 * rng.standard_normal(n))
        base = 70 * difficulty * np.exp(0.2 * rng.standard_normal(n))
        sets[f"log-normal n={n}"] = (base, path)
    sets["heavy tail"] = (10 * (1 + rng.pareto(2.5, 80)), 10 * (1 + rng.pareto(2.5, 80)))
    sets["left tail"] = (100 - 20 * rng.exponential(1, 50).clip(max=4.5), 10 + rng.uniform(0, 1, 50))
    sets["ties"] = (rng.integers(1, 5, 70).astype(float), rng.integers(1, 5, 70).astype(float))
    return sets


class Cases:
    def __init__(self):
        self.questions, self.checks = [], []

    def add(self, name, question, check):
        self.questions.append(question)
        self.checks.append((name, check))


def close(ours, theirs, tolerance=1e-9):
    if ours is None or theirs is None or math.isnan(theirs):
        return ours is None and (theirs is None or math.isnan(theirs)), f"{ours} vs {theirs}"
    good = abs(ours - theirs) <= tolerance * max(1e-300, abs(theirs), abs(ours))
    return good, f"{ours:.12g} vs {theirs:.12g}"


def bootstrap_check(statistic, data, method, transform, seed):
    """SciPy's interval of the same statistic, compared with ours within Monte-Carlo error."""

    def check(ours):
        result = stats.bootstrap(
            data, statistic, n_resamples=RESAMPLES, method="BCa" if method == "bca" else "percentile", paired=True,
            vectorized=True, confidence_level=0.95, random_state=np.random.default_rng(seed), batch=2000)
        replicates = np.sort(result.bootstrap_distribution)
        worst = 0.0
        for end, theirs in (("low", result.confidence_interval.low), ("high", result.confidence_interval.high)):
            mine = ours[end] if transform is None else math.log(ours[end])
            share = np.searchsorted(replicates, theirs) / RESAMPLES
            below, above = max(share - BAND, 0.0), min(share + BAND, 1.0)
            slope = (np.quantile(replicates, above) - np.quantile(replicates, below)) / (above - below)
            # The BCa shares are estimated, too (the bias correction, from the share of replicates below the value): its
            # error sqrt(.25 / R) at the middle moves an end at share q by about twice density-ratio as much.
            variance = share * (1 - share)
            if method == "bca":
                ratio = stats.norm.pdf(stats.norm.ppf(share)) / stats.norm.pdf(0)
                variance += 4 * ratio**2 * 0.25
            error = slope * math.sqrt(2 * variance / RESAMPLES)
            worst = max(worst, abs(mine - theirs) / max(error, 1e-12 * abs(theirs)))
        exact = statistic(*data, axis=-1)
        mine = ours["value"] if transform is None else math.log(ours["value"])
        value_good, value_text = close(mine, float(exact))
        return worst <= ALARM and value_good, f"worst end {worst:.2f} standard errors, value {value_text}"

    return check


def add_bootstraps(cases, rng):
    def mean(x, axis):
        return np.mean(x, axis=axis)

    def ratio(x, y, axis):
        return np.sum(x, axis=axis) / np.sum(y, axis=axis)

    for index, (name, (values, denominator)) in enumerate(data_sets(rng).items()):
        for method in ("percentile", "bca"):
            common = {"method": method, "resamples": RESAMPLES, "seed": 100 + index, "values": values.tolist()}
            cases.add(f"mean, {method}, {name}", {"kind": "mean", **common},
                      bootstrap_check(mean, (values,), method, None, index))
            cases.add(f"ratio, {method}, {name}", {"kind": "ratio", "denominator": denominator.tolist(), **common},
                      bootstrap_check(ratio, (values, denominator), method, None, index))
            ratios = values / denominator
            cases.add(f"geometric mean, {method}, {name}",
                      {"kind": "geometric_mean", **common, "values": ratios.tolist()},
                      bootstrap_check(mean, (np.log(ratios),), method, "log", index))


def add_mann_whitney(cases, rng):
    pairs = [("exact", rng.normal(size=6), rng.normal(0.7, size=9)),
             ("exact, one value", rng.normal(size=1), rng.normal(size=20)),
             ("exact, 8 and 200", rng.normal(size=8), rng.normal(0.5, size=200)),
             ("normal", rng.normal(size=40), rng.normal(0.4, size=55)),
             ("normal, 9 and 9", rng.normal(size=9), rng.normal(size=9)),
             ("ties", rng.integers(0, 6, 30), rng.integers(1, 7, 25)),
             ("few with ties", rng.integers(0, 3, 5), rng.integers(0, 3, 6)),
             ("all equal", np.ones(4), np.ones(5)),
             ("apart", np.arange(5), np.arange(10, 17)),
             ("large", rng.normal(size=3000), rng.normal(0.05, size=2500))]
    for name, first, second in pairs:
        theirs = stats.mannwhitneyu(first, second, alternative="two-sided", method="auto")

        def check(ours, theirs=theirs):
            u_good, u_text = close(ours["u"], float(theirs.statistic))
            p_good, p_text = close(ours["p"], float(theirs.pvalue))
            return u_good and p_good, f"u {u_text}, p {p_text}"

        cases.add(f"Mann-Whitney, {name}", {"kind": "mann_whitney", "values": np.asarray(first, float).tolist(),
                                            "denominator": np.asarray(second, float).tolist()}, check)


def add_closed_forms(cases, rng):
    proportions = ((0, 5, 0.95), (5, 5, 0.95), (1, 3, 0.9), (37, 120, 0.95), (999, 1000, 0.99), (1, 10**6, 0.95))
    for successes, trials, confidence in proportions:
        theirs = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")

        def check(ours, theirs=theirs):
            low_good, low_text = close(ours["low"], theirs.low, 1e-9)
            high_good, high_text = close(ours["high"], theirs.high, 1e-9)
            return (low_good or (theirs.low < 1e-12 and ours["low"] == 0)) and high_good, f"{low_text}, {high_text}"

        question = {"kind": "wilson", "successes": successes, "trials": trials, "confidence": confidence}
        cases.add(f"Wilson {successes}/{trials}", question, check)

    for p, n in ((0.5, 6), (0.5, 101), (0.9, 100), (0.9, 733), (0.99, 1000), (0.99, 1444)):
        values = rng.lognormal(size=n)
        ordered, ranks = np.sort(values), stats.binom(n, p)
        low, high = int(ranks.ppf(0.025)), int(ranks.ppf(0.975)) + 1  # the smallest counts that reach the shares
        if ranks.cdf(low) <= 0.025:
            low += 1  # ppf sits exactly on the share
        theirs = {"value": float(np.quantile(values, p)), "low": ordered[low - 1] if low >= 1 else None,
                  "high": ordered[high - 1] if high <= n else None}
        if theirs["low"] is None or theirs["high"] is None:
            theirs["low"] = theirs["high"] = None

        def check(ours, theirs=theirs):
            parts = [close(ours[key], theirs[key]) for key in ("value", "low", "high")]
            return all(good for good, _ in parts), "; ".join(text for _, text in parts)

        question = {"kind": "quantile_interval", "values": values.tolist(), "p": p, "confidence": 0.95}
        cases.add(f"quantile {p} of {n}", question, check)

    shares = np.concatenate([10.0 ** np.arange(-300, 0, 7), np.linspace(0.001, 0.999, 97)])
    theirs = stats.norm.ppf(shares)

    def check_quantiles(ours):
        worst = float(np.max(np.abs(np.array(ours) - theirs) / np.maximum(1e-3, np.abs(theirs))))
        return worst < 1e-12, f"worst relative error {worst:.1e}"

    cases.add("normal quantile", {"kind": "normal_quantile", "values": shares.tolist()}, check_quantiles)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path, help="build folder")
    parser.add_argument("--verbose", action="store_true", help="print every comparison, not only failures")
    arguments = parser.parse_args()

    rng = np.random.default_rng(20_240)
    cases = Cases()
    add_bootstraps(cases, rng)
    add_mann_whitney(cases, rng)
    add_closed_forms(cases, rng)
    questions = "".join(json.dumps(question) + "\n" for question in cases.questions)
    probe = subprocess.run([arguments.build / "tests" / "probe_measure_bootstrap"], input=questions,
                           capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in probe.stdout.splitlines()]
    if len(answers) != len(cases.questions):
        sys.exit(f"the probe answered {len(answers)} of {len(cases.questions)} questions")

    failed = 0
    for (name, check), answer in zip(cases.checks, answers):
        good, text = check(answer)
        failed += not good
        if arguments.verbose or not good:
            print(f"{'ok  ' if good else 'FAIL'} {name}: {text}")
    print(f"{len(answers) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
