"""lib/measure's p-values of a bounded quality loss against SciPy's distributions and independent formulas.

Usage: .venv/bin/python tests/parity/measure_quality.py --build BUILD_DIR

binomial_cdf and the Hoeffding-Bentkus bound must agree to 1e-9 relative. The exact test is written here a second time in
another way: the restricted estimate by numerical maximisation, the region from all outcomes, its probability from
multinomial weights, the largest one by a search that is finer than ours. Ours may be below it by 0.1 % at most. Then the
promise itself is put to the test: over random true losses at the margin, the share of p-values below each level.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
from scipy import optimize, stats
from scipy.special import gammaln


def close(ours, theirs, tolerance):
    return abs(ours - theirs) <= tolerance * max(abs(theirs), 1e-300)


def hoeffding_bentkus(risk, n, margin, binary):
    tail = stats.binom.cdf(np.ceil(n * risk - 1e-9), n, margin)
    if binary:
        return tail
    a = min(risk, margin)
    divergence = (a * np.log(a / margin) if a > 0 else 0) + ((1 - a) * np.log((1 - a) / (1 - margin)) if a < 1 else 0)
    return min(1.0, np.exp(-n * divergence), np.e * tail)


def score(lost, gained, n, margin):
    """Tango's statistic with the restricted estimate found numerically."""
    def negative(gain):
        kept = 1 - 2 * gain - margin
        terms = [(lost, gain + margin), (gained, gain), (n - lost - gained, kept)]
        return -sum(count * np.log(max(share, 1e-300)) for count, share in terms if count)
    gain = optimize.minimize_scalar(negative, bounds=(0, (1 - margin) / 2), method="bounded", options={"xatol": 1e-12}).x
    if gained == 0 and negative(0) <= negative(gain):
        gain = 0.0
    return (lost - gained - n * margin) / np.sqrt(n * (2 * gain + margin - margin ** 2))


def exact_p(lost, gained, n, margin):
    seen = score(lost, gained, n, margin) + 1e-6
    outcomes = [(a, b) for a in range(n + 1) for b in range(n + 1 - a) if score(a, b, n, margin) <= seen]
    a, b = np.array(outcomes).T
    ways = gammaln(n + 1) - gammaln(a + 1) - gammaln(b + 1) - gammaln(n - a - b + 1)
    worst = 0.0
    for gain in (1 - margin) / 2 * np.linspace(0, 1, 4001) ** 2:
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = ways + a * np.log(gain + margin) + np.where(b > 0, b * np.log(gain), 0)
            kept = n - a - b
            logs = logs + np.where(kept > 0, kept * np.log(max(1 - 2 * gain - margin, 0)), 0)
        worst = max(worst, np.exp(logs).sum())
    return min(1.0, worst)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    probe = parser.parse_args().build / "tests" / "probe_measure_quality"
    rng = np.random.default_rng(3)
    questions, checks = [], []

    def add(question, check):
        questions.append(question)
        checks.append((question, check))

    for n in (1, 10, 500, 20_000):
        for p in (1e-4, 0.01, 0.3, 0.97):
            for k in sorted({0, n // 100, n // 3, int(n * p), n - 1, n}):
                add({"kind": "binomial_cdf", "k": k, "n": n, "p": p},
                    lambda ours, k=k, n=n, p=p: close(ours, stats.binom.cdf(k, n, p), 1e-9))
    for n in (50, 800):
        for risk in (0, 0.004, 0.02, 0.3):
            for margin in (0.01, 0.05):
                for binary in (True, False):
                    add({"kind": "hoeffding_bentkus", "risk": risk, "n": n, "margin": margin, "binary": binary},
                        lambda ours, a=(risk, n, margin, binary): close(ours, hoeffding_bentkus(*a), 1e-9))
    for lost, gained, n, margin in ((0, 0, 30, 0.1), (1, 0, 40, 0.1), (2, 3, 40, 0.05), (6, 2, 40, 0.1), (0, 5, 25, 0.2)):
        theirs = exact_p(lost, gained, n, margin)
        add({"kind": "exact", "lost": lost, "gained": gained, "n": n, "margin": margin},
            lambda ours, theirs=theirs: 0.999 * theirs <= ours <= theirs * (1 + 1e-3))
    simulated = []
    for trial in range(400):
        gain, n, margin = rng.choice([0.0, 0.005, 0.05]), 300, 0.02
        lost, gained, _ = rng.multinomial(n, [gain + margin, gain, 1 - 2 * gain - margin])
        drops = [1.0] * int(lost) + [-1.0] * int(gained) + [0.0] * int(n - lost - gained)
        for question in ({"kind": "exact", "lost": int(lost), "gained": int(gained), "n": n, "margin": margin},
                         {"kind": "betting", "drops": drops, "margin": margin}):
            simulated.append(question["kind"])
            questions.append(question)

    text = "".join(json.dumps(question) + "\n" for question in questions)
    answers = [json.loads(line) for line in
               subprocess.run([str(probe)], input=text, capture_output=True, text=True, check=True).stdout.splitlines()]
    failures = [f"{question}: {ours}" for (question, check), ours in zip(checks, answers) if not check(ours)]
    for kind in ("exact", "betting"):
        values = np.array([p for name, p in zip(simulated, answers[len(checks):]) if name == kind])
        for level in (0.01, 0.05, 0.1, 0.3):
            # Four standard errors over the level: a false alarm in less than 1 of 10,000 runs.
            allowed = level + 4 * np.sqrt(level * (1 - level) / len(values))
            if (values <= level).mean() > allowed:
                failures.append(f"{kind}: {(values <= level).mean():.3f} of the p-values are below {level}")
    print(f"{len(checks)} comparisons and {len(simulated)} simulated p-values, {len(failures)} failures")
    for failure in failures:
        print("  " + failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
