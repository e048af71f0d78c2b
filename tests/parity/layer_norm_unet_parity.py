"""Holds the small diffusion U-Net against a PyTorch module of the same layout: random weights, and the real checkpoint.

Usage: layer_norm_unet_parity.py --build BUILD   (BUILD/tests/probe_models_unet)
Ends with "N passed, N failed"; the exit status is non-zero on failure.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

TOLERANCE = 1e-4  # of the largest magnitude in a prediction


class Block(nn.Module):
    def __init__(self, inside, outside, size):
        super().__init__()
        self.ln = nn.LayerNorm((inside, size, size))
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)

    def forward(self, x):
        x = torch.nn.functional.silu(self.conv1(self.ln(x)))
        return torch.nn.functional.silu(self.conv2(x))


def level(inside, widths, size):
    return nn.Sequential(*(Block(a, b, size) for a, b in zip((inside, *widths), widths)))


def time_network(embedding, width):
    return nn.Sequential(nn.Linear(embedding, width), nn.SiLU(), nn.Linear(width, width))


class Unet(nn.Module):
    def __init__(self, size=28, channels=1, base=10, embedding=100, steps=1000):
        super().__init__()
        b, e, small = base, embedding, (size // 4 - 1) // 2
        self.time_embed = nn.Embedding(steps, e)
        self.te1, self.b1 = time_network(e, channels), level(channels, (b, b, b), size)
        self.down1 = nn.Conv2d(b, b, 4, 2, 1)
        self.te2, self.b2 = time_network(e, b), level(b, (2 * b,) * 3, size // 2)
        self.down2 = nn.Conv2d(2 * b, 2 * b, 4, 2, 1)
        self.te3, self.b3 = time_network(e, 2 * b), level(2 * b, (4 * b,) * 3, size // 4)
        self.down3 = nn.Sequential(nn.Conv2d(4 * b, 4 * b, 2, 1), nn.SiLU(), nn.Conv2d(4 * b, 4 * b, 4, 2, 1))
        self.te_mid, self.b_mid = time_network(e, 4 * b), level(4 * b, (2 * b, 2 * b, 4 * b), small)
        self.up1 = nn.Sequential(nn.ConvTranspose2d(4 * b, 4 * b, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(4 * b, 4 * b, 2, 1))
        self.te4, self.b4 = time_network(e, 8 * b), level(8 * b, (4 * b, 2 * b, 2 * b), size // 4)
        self.up2 = nn.ConvTranspose2d(2 * b, 2 * b, 4, 2, 1)
        self.te5, self.b5 = time_network(e, 4 * b), level(4 * b, (2 * b, b, b), size // 2)
        self.up3 = nn.ConvTranspose2d(b, b, 4, 2, 1)
        self.te_out, self.b_out = time_network(e, 2 * b), level(2 * b, (b, b, b), size)
        self.conv_out = nn.Conv2d(b, channels, 3, padding=1)

    def forward(self, x, t):
        time = self.time_embed(t)

        def at(network):
            return network(time)[:, :, None, None]

        fine = self.b1(x + at(self.te1))
        half = self.b2(self.down1(fine) + at(self.te2))
        quarter = self.b3(self.down2(half) + at(self.te3))
        middle = self.b_mid(self.down3(quarter) + at(self.te_mid))
        four = self.b4(torch.cat((quarter, self.up1(middle)), 1) + at(self.te4))
        five = self.b5(torch.cat((half, self.up2(four)), 1) + at(self.te5))
        return self.conv_out(self.b_out(torch.cat((fine, self.up3(five)), 1) + at(self.te_out)))


def hooked_macs(module, x, t):
    """Multiply-accumulates of one image by PyTorch's hooks, biases and norms left out."""
    macs = []

    def count(layer, inputs, output):
        if isinstance(layer, nn.Linear):
            macs.append(layer.weight.numel())
        else:
            places = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
            macs.append(places.shape[2] * places.shape[3] * layer.weight.numel())

    handles = [layer.register_forward_hook(count) for layer in module.modules()
               if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]
    with torch.no_grad():
        module(x[:1], t[:1])
    for handle in handles:
        handle.remove()
    return sum(macs)


def check(name, probe, module, config):
    size, channels = config["image_size"], config["in_channels"]
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(5, channels, size, size, generator=generator)
    t = torch.tensor([0, 1, config["train_steps"] // 3, config["train_steps"] - 2, config["train_steps"] - 1])
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        save_file({"network." + key: value.contiguous() for key, value in module.state_dict().items()}, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({"model_type": "layer_norm_unet", **config}))
        x.numpy().tofile(folder / "images")
        (folder / "timesteps").write_text(" ".join(str(int(step)) for step in t))
        result = subprocess.run([probe, folder, folder / "images", folder / "timesteps", folder / "out"], capture_output=True, text=True)
        if result.returncode != 0:
            print(f"FAIL {name}: {result.stderr}")
            return False
        found = np.fromfile(folder / "out", np.float32).reshape(x.shape)
    with torch.no_grad():
        wanted = module(x, t).numpy()
    difference = np.abs(found - wanted).max() / np.abs(wanted).max()
    macs, weights = (float(word) for word in result.stdout.split())
    counted = hooked_macs(module, x, t)
    parameters = sum(value.numel() for value in module.state_dict().values())
    good = difference <= TOLERANCE and macs == counted and weights == 4 * parameters
    print(f"{'ok' if good else 'FAIL'} {name}: worst relative difference {difference:.2g}, {macs:.0f} multiply-accumulates")
    if macs != counted:
        print(f"  PyTorch's hooks count {counted}")
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    probe = parser.parse_args().build / "tests" / "probe_models_unet"
    torch.manual_seed(3)
    results = []
    for size, channels, base, embedding, steps in ((28, 1, 10, 100, 1000), (12, 3, 4, 16, 50), (20, 2, 6, 32, 10)):
        config = {"image_size": size, "in_channels": channels, "base_channels": base, "time_embedding": embedding, "train_steps": steps}
        results.append(check(f"random weights, {size} x {size}", probe, Unet(size, channels, base, embedding, steps).eval(), config))
    checkpoint = Path(os.environ.get("DYNEXEC_DATA", "data")) / "diffusion" / "ddpm_mnist.pt"
    if checkpoint.is_file():
        module = Unet().eval()
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        module.load_state_dict({key.removeprefix("network."): value for key, value in state.items()})
        results.append(check("real checkpoint", probe, module, {"image_size": 28, "in_channels": 1, "base_channels": 10,
                                                               "time_embedding": 100, "train_steps": 1000}))
    else:
        print(f"skipped: the real checkpoint; {checkpoint} is not there")
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
