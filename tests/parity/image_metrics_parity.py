"""lib/image's metrics against scikit-image, SciPy and NumPy, and its PNG files against Pillow.

Usage: .venv/bin/python tests/parity/image_metrics_parity.py --build BUILD_DIR

SSIM and PSNR must agree to 1e-6. The Fréchet distance must agree to 1e-6 relative with the textbook formula and SciPy's
matrix square root of S1 S2 where that product has full rank. Where it has not, SciPy's root is that of the symmetric
product S1^(1/2) S2 S1^(1/2), and its own error is of order sqrt(rounding): the tighter check, 1e-9 relative, is the sum
of the singular values of X1 X2^T for the centred samples, which equals tr (S1 S2)^(1/2) and squares nothing. It is 1e-7
for a spectrum that decays to the rounding unit, where the symmetric product loses the smallest roots.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
from PIL import Image
from scipy import linalg, ndimage
from skimage.color import rgb2gray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

RESAMPLES = 400


class Cases:
    def __init__(self):
        self.questions, self.checks = [], []
        self.worst = {}  # kind -> largest error seen

    def add(self, name, question, check):
        self.questions.append(question)
        self.checks.append((name, check))

    def close(self, kind, ours, theirs, tolerance, scale=1.0):
        if ours is None or math.isinf(theirs):
            return ours is None and math.isinf(theirs), f"{ours} vs {theirs}"
        error = abs(ours - theirs) / scale
        self.worst[kind] = max(self.worst.get(kind, 0.0), error)
        return error <= tolerance, f"{ours:.12g} vs {theirs:.12g}, error {error:.1e} of {tolerance:.0e}"


def flat(array):
    return np.asarray(array).ravel().tolist()


def image_pairs(rng):
    """Name -> (first, second, range), float32 [channels, height, width]."""

    def smooth(shape, sigma):
        field = ndimage.gaussian_filter(rng.standard_normal(shape), (0, sigma, sigma))
        return (field - field.min()) / (field.max() - field.min())

    def pair(first, second, data_range):
        return first.astype(np.float32), second.astype(np.float32), data_range

    pairs = {}
    for shape in ((1, 11, 11), (1, 11, 40), (1, 12, 13), (3, 32, 32), (3, 37, 64), (2, 50, 29), (1, 128, 96)):
        image = smooth(shape, 2.0)
        pairs[f"smooth and noise {shape}"] = pair(image, np.clip(image + 0.1 * rng.standard_normal(shape), 0, 1), 1.0)
        pairs[f"noise {shape}"] = pair(rng.random(shape), rng.random(shape), 1.0)
        pairs[f"contrast {shape}"] = pair(image, 0.3 + 0.4 * image, 1.0)
    image = smooth((3, 48, 48), 3.0)
    pairs["bytes"] = pair(np.round(255 * image), np.round(255 * np.clip(image**1.3, 0, 1)), 255.0)
    pairs["from -1 to 1"] = pair(2 * image - 1, 2 * np.roll(image, 1, axis=2) - 1, 2.0)
    pairs["equal"] = pair(image, image, 1.0)
    pairs["negative"] = pair(image, 1 - image, 1.0)
    pairs["flat"] = pair(np.full((1, 20, 20), 0.25), np.full((1, 20, 20), 0.75), 1.0)
    return pairs


def add_images(cases, rng):
    def similarity(first, second, data_range, **more):
        return float(structural_similarity(first.astype(np.float64), second.astype(np.float64), gaussian_weights=True,
                                           sigma=1.5, use_sample_covariance=False, data_range=data_range, **more))

    def add(kind, name, first, second, data_range, theirs):
        question = {"kind": kind, "shape": first.shape, "first": flat(first), "second": flat(second),
                    "range": data_range}
        cases.add(f"{kind}, {name}", question, lambda ours: cases.close(kind, ours, theirs, 1e-6))

    for name, (first, second, data_range) in image_pairs(rng).items():
        add("ssim", name, first, second, data_range, similarity(first, second, data_range, channel_axis=0))
        with np.errstate(divide="ignore"):
            theirs = peak_signal_noise_ratio(first.astype(np.float64), second.astype(np.float64), data_range=data_range)
        add("psnr", name, first, second, data_range, float(theirs))
        if first.shape[0] == 3:
            grays = [rgb2gray(image.astype(np.float64), channel_axis=0) for image in (first, second)]
            add("ssim_gray", name, first, second, data_range, similarity(*grays, data_range))


def feature_sets(rng):
    """Name -> (first, second), float32 [samples, width]."""

    def mixed(samples, width, shift=0.0, decay=0.0, seed=0):
        mix = np.random.default_rng(seed).standard_normal((width, width)) / math.sqrt(width)
        scales = np.exp(-decay * np.arange(width))
        return (rng.standard_normal((samples, width)) * scales) @ mix + shift

    sets = {"one feature": (mixed(50, 1), mixed(40, 1, 0.5, seed=1)), "two": (mixed(9, 2), mixed(12, 2, 1, seed=1))}
    for samples, width in ((60, 8), (400, 64), (900, 256), (1100, 512)):
        sets[f"{samples} x {width}"] = (mixed(samples, width), mixed(samples + 7, width, 0.2, seed=1))
    sets["decaying spectrum"] = (mixed(500, 48, 0, 0.15), mixed(500, 48, 0.1, 0.2, seed=1))
    sets["large mean"] = (mixed(300, 20, 100), mixed(300, 20, 101, seed=1))
    sets["near"] = (mixed(2000, 16), mixed(2000, 16))
    for samples, others, width in ((10, 10, 32), (40, 300, 64), (300, 40, 64), (2, 2, 5), (100, 90, 512)):
        sets[f"rank-deficient {samples} and {others} x {width}"] = (mixed(samples, width),
                                                                    mixed(others, width, 0.3, seed=1))
    relu = np.maximum(mixed(200, 24), 0), np.maximum(mixed(200, 24, 0.1, seed=1), 0)
    for features in relu:
        features[:, 5:9] = 0  # features that never fire
        features[:, 11] = features[:, 12]
    sets["dead and equal features"] = relu
    return {name: (a.astype(np.float32), b.astype(np.float32)) for name, (a, b) in sets.items()}


def symmetric_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def frechet_by_sqrtm(first, second):
    """The distance, and whether the product has full rank."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    s1, s2 = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (first, second))
    full = all(np.linalg.matrix_rank(s, hermitian=True) == len(s) for s in (s1, s2))
    if full:
        root = linalg.sqrtm(s1 @ s2)
    else:
        half = symmetric_root(s1)
        whole = half @ s2 @ half
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # singular, as told
            root = linalg.sqrtm((whole + whole.T) / 2)
    difference = first.mean(0) - second.mean(0)
    return float(difference @ difference + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real), full


def frechet_by_svd(first, second):
    first, second = first.astype(np.float64), second.astype(np.float64)
    a, b = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (first, second))
    difference = first.mean(0) - second.mean(0)
    nuclear = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(difference @ difference + (a * a).sum() + (b * b).sum() - 2 * nuclear)


def add_frechet(cases, rng):
    for name, (first, second) in feature_sets(rng).items():
        by_root, full = frechet_by_sqrtm(first, second)
        by_values = frechet_by_svd(first, second)

        tolerance = 1e-7 if name == "decaying spectrum" else 1e-9

        def check(ours, by_root=by_root, by_values=by_values, full=full, tolerance=tolerance):
            kind = "frechet, sqrtm" if full else "frechet, sqrtm, rank-deficient"
            root_good, root_text = cases.close(kind, ours, by_root, 1e-6, by_root)
            value_good, value_text = cases.close("frechet, singular values", ours, by_values, tolerance, by_values)
            return root_good and value_good, f"sqrtm {root_text}; singular values {value_text}"

        cases.add(f"Fréchet, {name}", {"kind": "frechet", "first": flat(first), "second": flat(second),
                                       "samples": [len(first), len(second)], "width": first.shape[1]}, check)


def add_comparisons(cases, rng):
    """Values of the comparison are those of the plain distance; its ends lie where NumPy's resamples have theirs."""
    for name, samples, width in (("more samples than features", 80, 6), ("fewer", 20, 40)):
        reference = rng.standard_normal((200, width)).astype(np.float32)
        first = (rng.standard_normal((samples, width)) * 1.2 + 0.3).astype(np.float32)
        second = (first + 0.4 * rng.standard_normal((samples, width))).astype(np.float32)
        values = [frechet_by_svd(reference, x) for x in (first, second)]
        draws = rng.integers(0, samples, (RESAMPLES, samples))
        replicates = np.array([[frechet_by_svd(reference, x[draw]) for x in (first, second)] for draw in draws])
        replicates = np.column_stack([replicates, replicates[:, 0] - replicates[:, 1]])
        values.append(values[0] - values[1])

        def check(ours, values=values, replicates=replicates):
            good, texts = True, []
            for column, key in enumerate(("first", "second", "difference")):
                value, spread = values[column], replicates[:, column].std()
                exact, text = cases.close("comparison, values", ours[key]["value"], value, 1e-9, max(values))
                bias = replicates[:, column].mean() - value
                low, high = np.quantile(replicates[:, column], (0.025, 0.975)) - bias
                # The standard error of a 2.5 % quantile of N normal replicates is about 2.7 spreads / sqrt(N), that of
                # their mean 1; both sides have it, and 5 such errors are allowed.
                slack = 5 * math.sqrt(2) * spread / math.sqrt(RESAMPLES)
                fit = (abs(ours[key]["low"] - low) < 2.9 * slack and abs(ours[key]["high"] - high) < 2.9 * slack
                       and abs(ours[key]["bias"] - bias) < slack)
                good = good and exact and fit
                texts.append(f"{key}: {text}, [{ours[key]['low']:.4g}, {ours[key]['high']:.4g}] vs [{low:.4g}, {high:.4g}]"
                             f", bias {ours[key]['bias']:.4g} vs {bias:.4g}")
            return good, "; ".join(texts)

        cases.add(f"comparison, {name}", {"kind": "compare", "reference": flat(reference), "first": flat(first),
                                          "second": flat(second), "samples": [len(reference), samples], "width": width,
                                          "resamples": RESAMPLES, "seed": 3}, check)


def add_eigenvalues(cases, rng):
    def wilkinson(n):
        return np.diag(np.abs(np.arange(n) - n // 2).astype(float)) + np.eye(n, k=1) + np.eye(n, k=-1)

    low_rank = rng.standard_normal((90, 7))
    matrices = {"1": np.array([[3.0]]), "2": np.array([[1.0, 2.0], [2.0, -5.0]]), "zeros": np.zeros((6, 6)),
                "unit": np.eye(9), "Hilbert": linalg.hilbert(12), "Wilkinson": wilkinson(21),
                "low rank": low_rank @ low_rank.T, "tiny": 1e-200 * wilkinson(9), "huge": 1e200 * wilkinson(9)}
    for size in (3, 17, 64, 200, 512):
        square = rng.standard_normal((size, size))
        matrices[f"random {size}"] = square + square.T
    for name, matrix in matrices.items():
        theirs = np.linalg.eigvalsh(matrix)[::-1]

        def check(ours, theirs=theirs):
            error = float(np.max(np.abs(np.array(ours) - theirs)) / max(np.max(np.abs(theirs)), 1e-300))
            cases.worst["eigenvalues"] = max(cases.worst.get("eigenvalues", 0.0), error)
            return error <= 1e-13, f"worst error {error:.1e} of the largest value"

        cases.add(f"eigenvalues, {name}", {"kind": "eigenvalues", "matrix": flat(matrix), "size": len(matrix)}, check)


def add_feature_distances(cases, rng):
    layers = [(rng.standard_normal(shape).astype(np.float32), rng.standard_normal(shape).astype(np.float32))
              for shape in ((8, 16, 16), (16, 8, 8), (5, 1, 1))]
    layers[0][0][:, 3, 4] = 0
    distances = []
    for pair in layers:
        first, second = (x.astype(np.float64) / (np.linalg.norm(x.astype(np.float64), axis=0) + 1e-300) for x in pair)
        distances.append(np.sum((first - second) ** 2, axis=0).mean())
    question = {"kind": "feature_distance",
                "layers": [{"shape": a.shape, "first": flat(a), "second": flat(b)} for a, b in layers]}
    cases.add("feature distance", question,
              lambda ours: cases.close("feature distance", ours, float(np.mean(distances)), 1e-12))


def add_png(cases, rng, folder):
    gradient = np.stack(np.broadcast_arrays(np.linspace(0, 1, 70), np.linspace(0, 1, 45)[:, None], 0.5))
    images = {"gradient": gradient, "noise": rng.random((3, 31, 33)), "dot": rng.random((3, 1, 1)),
              "line": rng.random((3, 1, 300)), "column": rng.random((3, 300, 1)), "flat": np.full((3, 64, 64), 0.2)}
    for name, image in images.items():
        image = image.astype(np.float32)
        path = pathlib.Path(folder) / f"{name}.png"
        # Halves away from zero, as std::lround.
        expected = np.floor(255 * image.astype(np.float64) + 0.5).astype(np.uint8).transpose(1, 2, 0)

        def check(_, path=path, expected=expected):
            with Image.open(path) as picture:
                picture.verify()
            with Image.open(path) as picture:
                same = picture.mode == "RGB" and np.array_equal(np.asarray(picture), expected)
            return same, f"{path.stat().st_size} bytes"

        cases.add(f"PNG, {name}", {"kind": "png", "path": str(path), "shape": image.shape, "first": flat(image)}, check)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path, help="build folder")
    parser.add_argument("--verbose", action="store_true", help="print every comparison, not only failures")
    arguments = parser.parse_args()

    rng = np.random.default_rng(20_241)
    cases = Cases()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        add_images(cases, rng)
        add_frechet(cases, rng)
        add_comparisons(cases, rng)
        add_eigenvalues(cases, rng)
        add_feature_distances(cases, rng)
        add_png(cases, rng, folder)
        questions = "".join(json.dumps(question) + "\n" for question in cases.questions)
        probe = subprocess.run([arguments.build / "tests" / "probe_image_metrics"], input=questions,
                               capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in probe.stdout.splitlines()]
        if len(answers) != len(cases.questions):
            sys.exit(f"the probe answered {len(answers)} of {len(cases.questions)} questions")
        for (name, check), answer in zip(cases.checks, answers):
            good, text = check(answer)
            failed += not good
            if arguments.verbose or not good:
                print(f"{'ok  ' if good else 'FAIL'} {name}: {text}")
    for kind, error in sorted(cases.worst.items()):
        print(f"worst error, {kind}: {error:.1e}")
    print(f"{len(answers) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
