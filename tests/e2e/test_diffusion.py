"""Pictures from noise as a user meets them: fixed numbers of steps against stopping, on a tiny random network."""

import json

import numpy as np
from frame import bench, check, rows, run_folder
from safetensors.numpy import save_file

SIZE, BASE, EMBEDDING, STEPS = 12, 2, 4, 40


def network(folder, **changes):
    random = np.random.default_rng(1)
    tensors = {"network.time_embed.weight": random.normal(0, 1, (STEPS, EMBEDDING))}

    def layer(name, *shape, bias):
        tensors[f"network.{name}.weight"] = random.normal(0, 0.3, shape)
        tensors[f"network.{name}.bias"] = random.normal(0, 0.1, bias)

    def level(name, time, inside, widths, size):
        layer(f"{time}.0", inside, EMBEDDING, bias=inside)
        layer(f"{time}.2", inside, inside, bias=inside)
        for i, (a, b) in enumerate(zip((inside, *widths), widths)):
            tensors[f"network.{name}.{i}.ln.weight"], tensors[f"network.{name}.{i}.ln.bias"] = np.ones((a, size, size)), np.zeros((a, size, size))
            layer(f"{name}.{i}.conv1", b, a, 3, 3, bias=b)
            layer(f"{name}.{i}.conv2", b, b, 3, 3, bias=b)

    b = BASE
    level("b1", "te1", 1, (b, b, b), SIZE)
    level("b2", "te2", b, (2 * b,) * 3, SIZE // 2)
    level("b3", "te3", 2 * b, (4 * b,) * 3, SIZE // 4)
    level("b_mid", "te_mid", 4 * b, (2 * b, 2 * b, 4 * b), 1)
    level("b4", "te4", 8 * b, (4 * b, 2 * b, 2 * b), SIZE // 4)
    level("b5", "te5", 4 * b, (2 * b, b, b), SIZE // 2)
    level("b_out", "te_out", 2 * b, (b, b, b), SIZE)
    for name, width, kernel in (("down1", b, 4), ("down2", 2 * b, 4), ("down3.0", 4 * b, 2), ("down3.2", 4 * b, 4),
                                ("up1.0", 4 * b, 4), ("up1.2", 4 * b, 2), ("up2", 2 * b, 4), ("up3", b, 4)):
        layer(name, width, width, kernel, kernel, bias=width)
    layer("conv_out", 1, b, 3, 3, bias=1)
    path = folder / "network"
    path.mkdir(exist_ok=True)
    save_file({name: np.asarray(value, np.float32) for name, value in tensors.items()}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps({"model_type": "layer_norm_unet", "image_size": SIZE, "in_channels": 1,
                                                  "base_channels": BASE, "time_embedding": EMBEDDING, "train_steps": STEPS, **changes}))
    return path


def experiment(folder, **changes):
    config = {"name": "pictures", "experiment": "diffusion", "task": {"kind": "from_noise", "samples": 10},
              "model": {"network": str(network(folder))}, "reference": {"steps": 20}, "calibration": {"samples": 4},
              "paths": [{"name": "full", "steps": 20}, {"name": "few", "steps": 4, "sampler": "dpmpp_2m"},
                        {"name": "still", "method": "converged", "steps": 20, "threshold": 0.3},
                        {"name": "same", "like": "still"}, {"name": "oracle", "method": "oracle", "steps": [2, 5, 20], "similarity": 0.5}],
              "bench": {"repetitions": 3, "warmup_max": 1}, **changes}
    path = folder / "pictures.yaml"
    path.write_text(json.dumps(config))
    return path


def test_steps_are_counted_and_pictures_compared(folder):
    bench(experiment(folder), folder / "out", "--quiet").ok()
    done = run_folder(folder / "out")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    check(list(summary) == ["full", "few", "still", "same", "oracle"], f"paths {list(summary)}")
    check(summary["full"]["quality_metric"] == "ssim" and float(summary["full"]["quality"]) == 1, "the reference differs from itself")
    one = float(summary["full"]["macs_mean"]) / 20
    check(float(summary["few"]["macs_mean"]) == 4 * one, "multiply-accumulates do not follow the steps")
    passes = {int(row["evaluations"]) for row in rows(done / "samples.csv") if row["path"] == "same"}
    mean = float(summary["still"]["macs_mean"]) / one
    check(max(passes) - min(passes) <= 1, f"the control takes {passes} steps, which are no neighbours")
    # Its mean is that of the calibration samples, which are others.
    check(min(passes) - 3 <= mean <= max(passes) + 3, f"the control takes {passes} steps, the path {mean:.1f}")
    check(float(summary["oracle"]["quality"]) >= 0.5, "the oracle's pictures are not like the reference")
    first = [row["quality"] for row in rows(done / "samples.csv")]
    bench(experiment(folder), folder / "again", "--quiet").ok()
    check([row["quality"] for row in rows(run_folder(folder / "again") / "samples.csv")] == first, "pictures are not reproducible")


def test_what_does_not_fit_is_refused(folder):
    def refused(code, part, **changes):
        bench(experiment(folder, **changes), folder / "out", "--quiet").exits(code).one_error().says(part)

    refused(2, "did you mean `euler`?", paths=[{"name": "a", "sampler": "eular"}])
    refused(2, "steps", paths=[{"name": "a", "steps": 41}])
    refused(2, "karras", paths=[{"name": "a", "steps": 5, "karras": True}])
    refused(2, "names no path of this config", paths=[{"name": "a"}, {"name": "b", "like": "c"}])
    refused(2, "int8", paths=[{"name": "a", "steps": 5, "weights": "int8"}])
    config = experiment(folder, paths=[{"name": "full", "steps": 5}])
    network(folder, base_channels=3)
    bench(config, folder / "out", "--quiet").exits(1).one_error().says("network.")
    network(folder, image_size=16)
    bench(config, folder / "out", "--quiet").exits(1).one_error().says("image_size")
