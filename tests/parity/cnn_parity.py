"""Holds the convolutional networks against transformers' ResNet and against plain PyTorch modules written here.

Usage: cnn_parity.py --build BUILD [CASE...]   (BUILD/tests/probe_models_cnn)
Logits and the map of every unit, every kernel branch, one thread and two; parameters and multiply-accumulates. With
DYNEXEC_DATA also the pretrained CIFAR-10 ResNets, and how many real test images they get right.
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
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import ResNetConfig, ResNetForImageClassification

TOLERANCE = 1e-4  # largest difference relative to the largest value
IMAGES = 3
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
# Of the pretrained CIFAR-10 ResNets: the images looked at, and the accuracy in % on 9,966 of the 10,000 test images.
ACCURACY = {20: (1500, 91.72), 56: (600, 93.34)}
ACCURACY_TOLERANCE = 0.2  # points


class Block(nn.Module):
    """A basic block; shortcut "pad" subsamples and pads channels with zeros (option A of the CIFAR ResNets)."""

    def __init__(self, inside, outside, stride, shortcut, projection_name):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.stride, self.extra, self.name = stride, outside - inside, None
        if (stride != 1 or inside != outside) and shortcut == "projection":
            self.name = projection_name
            self.add_module(self.name, nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False),
                                                     nn.BatchNorm2d(outside)))

    def forward(self, x, taps):
        y = F.relu(self.bn1(self.conv1(x)))
        taps.append(y)
        y = self.bn2(self.conv2(y))
        if self.name:
            x = getattr(self, self.name)(x)
        elif self.extra or self.stride != 1:
            x = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.extra // 2, self.extra - self.extra // 2))
        y = F.relu(y + x)
        taps.append(y)
        return y


class ResNet(nn.Module):
    def __init__(self, depths, widths, classes, stem, shortcut, head="fc", projection_name="downsample"):
        super().__init__()
        wide = stem == "imagenet"
        self.conv1 = nn.Conv2d(3, widths[0], 7 if wide else 3, 2 if wide else 1, 3 if wide else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.wide, self.head, self.stages = wide, head, []
        inside = widths[0]
        for s, (depth, width) in enumerate(zip(depths, widths)):
            blocks = []
            for b in range(depth):
                blocks.append(Block(inside, width, 2 if s and not b else 1, shortcut, projection_name))
                inside = width
            self.add_module(f"layer{s + 1}", nn.Sequential(*blocks))
            self.stages.append(blocks)
        self.add_module(head, nn.Linear(inside, classes))

    def forward(self, x):
        taps = []
        x = F.relu(self.bn1(self.conv1(x)))
        if self.wide:
            x = F.max_pool2d(x, 3, 2, 1)
        for blocks in self.stages:
            for block in blocks:
                x = block(x, taps)
        return getattr(self, self.head)(x.mean((2, 3))), taps


class Vgg(nn.Module):
    def __init__(self, layers, classes, hidden, pooled, bias):
        super().__init__()
        parts, inside = [], 3
        for width in layers:
            if width == 0:
                parts.append(nn.MaxPool2d(2, 2))
            else:
                parts += [nn.Conv2d(inside, width, 3, 1, 1, bias=bias), nn.BatchNorm2d(width), nn.ReLU()]
                inside = width
        self.features, self.pooled = nn.Sequential(*parts), pooled
        features, head = inside * pooled ** 2, []
        for width in hidden:
            head += [nn.Linear(features, width), nn.ReLU(), nn.Dropout()]
            features = width
        last = nn.Linear(features, classes)
        self.classifier = nn.Sequential(*head, last) if hidden else last

    def forward(self, x):
        taps = []
        for part in self.features:
            x = part(x)
            if isinstance(part, (nn.ReLU, nn.MaxPool2d)):
                taps.append(x)
        return self.classifier(F.adaptive_avg_pool2d(x, self.pooled).flatten(1)), taps


class Published(nn.Module):
    """transformers' ResNet, with the maps after its blocks (the inner ones are not returned by it)."""

    def __init__(self, **settings):
        super().__init__()
        self.model = ResNetForImageClassification(ResNetConfig(layer_type="basic", **settings))

    def forward(self, x):
        taps = []
        hooks = [layer.register_forward_hook(lambda m, i, o: taps.append(o))
                 for stage in self.model.resnet.encoder.stages for block in stage.layers
                 for layer in (block.layer[0], block)]
        logits = self.model(x).logits
        for hook in hooks:
            hook.remove()
        return logits, taps


def resnet(classes=10, size=32, dtype=torch.float32, **shape):
    network = {k: v for k, v in shape.items() if k in ("head", "projection_name")}
    config = {k: v for k, v in shape.items() if k not in network}
    return (lambda: ResNet(classes=classes, **config, **network),
            {"model_type": "resnet", "num_classes": classes, "image_size": size, **config}, size, dtype)


def known(name, classes, size, build):
    return build, {"architecture": name, "num_classes": classes, "image_size": size}, size, torch.float32


CASES = {
    "cifar_resnet20": known("cifar_resnet20", 10, 32, lambda: ResNet([3] * 3, [16, 32, 64], 10, "cifar", "pad", "linear")),
    "cifar_resnet32_half": (lambda: ResNet([5] * 3, [16, 32, 64], 10, "cifar", "pad", "linear"),
                            {"architecture": "cifar_resnet32"}, 32, torch.float16),
    "resnet_projection_odd": resnet(depths=[1, 2], widths=[24, 40], stem="cifar", shortcut="projection", classes=7, size=29),
    "resnet_pad_odd": resnet(depths=[2, 1, 1], widths=[8, 20, 41], stem="cifar", shortcut="pad", size=30),
    "resnet_shortcut_names": resnet(depths=[1, 1], widths=[16, 32], stem="cifar", shortcut="projection",
                                    projection_name="shortcut", head="linear"),
    "resnet18": known("resnet18", 13, 64, lambda: ResNet([2] * 4, [64, 128, 256, 512], 13, "imagenet", "projection")),
    "resnet34_224": known("resnet34", 1000, 224,
                          lambda: ResNet([3, 4, 6, 3], [64, 128, 256, 512], 1000, "imagenet", "projection")),
    "published_basic": (lambda: Published(depths=[2, 1, 2], hidden_sizes=[32, 64, 96], embedding_size=32, num_labels=11),
                        {"model_type": "resnet", "layer_type": "basic", "depths": [2, 1, 2], "hidden_sizes": [32, 64, 96],
                         "embedding_size": 32, "num_classes": 11, "image_size": 61}, 61, torch.float32),
    "vgg11_bn": known("vgg11_bn", 9, 64, lambda: Vgg([64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0], 9,
                                                     [4096, 4096], 7, True)),
    "vgg_cifar": (lambda: Vgg([16, 16, 0, 32, 0, 48, 48, 0], 10, [], 1, False),
                  {"model_type": "vgg", "layers": [16, 16, 0, 32, 0, 48, 48, 0], "num_classes": 10}, 32, torch.float32),
    "vgg_hidden": (lambda: Vgg([20, 0, 33, 0], 5, [50], 2, True),
                   {"model_type": "vgg", "layers": [20, 0, 33, 0], "classifier": [50], "pooled_size": 2, "num_classes": 5,
                    "image_size": 24}, 24, torch.float32),
}


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in list(model.named_parameters()) + list(model.named_buffers()):
            if not p.is_floating_point():
                continue
            noise = torch.randn(p.shape, generator=generator)
            if name.endswith("running_var"):
                p.copy_(noise.abs() + 0.3)
            elif p.dim() == 1:
                p.copy_(noise * 0.2 + (1.0 if name.endswith("weight") else 0.0))
            else:
                p.copy_(noise / np.sqrt(p[0].numel()))


def save(folder, state, config):
    state = {k.removeprefix("model."): v.contiguous() for k, v in state.items()}
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**config, "mean": MEAN, "std": STD}))


def normalised(images):
    return (images - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def close(found, wanted):
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


class Run:
    def __init__(self, probe):
        self.probe, self.passed, self.failed = probe, 0, 0

    def check(self, name, good, detail=""):
        self.passed += good
        self.failed += not good
        if not good:
            print(f"FAILED {name}: {detail}")

    def case(self, name, model, config, size, dtype):
        model.eval()
        generator = torch.Generator().manual_seed(5)
        images = torch.rand((IMAGES, 3, size, size), generator=generator)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in model.state_dict().items()}
            save(folder, state, config)
            model.load_state_dict({k: v.float() if v.is_floating_point() else v
                                   for k, v in model.to(dtype).state_dict().items()})
            model = model.float()
            normal = normalised(images)
            with torch.inference_mode():
                logits, _ = model(normal)
                _, taps = model(normal[:1])
            images.numpy().tofile(folder / "images")
            worst = 0.0
            for branch in self.branches():
                for threads in ("1", "2"):
                    done = subprocess.run([self.probe, folder, folder / "images", folder / "out", branch, threads],
                                          capture_output=True, text=True)
                    if done.returncode:
                        return self.check(f"{name} {branch}", False, done.stderr)
                    worst = max(worst, self.compare(f"{name} {branch} {threads}", folder, done.stdout, logits, taps))
            lines = done.stdout.split("\n")
            weights = sum(p.numel() for p in model.parameters())
            self.check(f"{name} parameters", lines[len(taps)].startswith(f"parameters {weights} "), lines[len(taps)])
            self.check(f"{name} MACs", int(lines[len(taps)].split()[-1]) == self.count_macs(model, normal[:1]),
                       f"{lines[len(taps)]}, counted {self.count_macs(model, normal[:1])}")
        print(f"{name}: {len(taps)} units, worst relative difference {worst:.1e}")

    def accuracy(self, name, model, config, images, labels, known):
        """Shares of right answers in %: ours against the module's, and the module's against what is known of it."""
        model.eval()
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            save(folder, model.state_dict(), config)
            images.numpy().tofile(folder / "images")
            done = subprocess.run([self.probe, folder, folder / "images", folder / "out"], capture_output=True, text=True)
            if done.returncode:
                return self.check(f"{name} accuracy", False, done.stderr)
            found = np.fromfile(folder / "out", np.float32)
        with torch.inference_mode():
            logits = torch.cat([model(normalised(part))[0] for part in images.split(100)]).numpy()
        # Behind the logits come the maps of the first image.
        if found.size <= logits.size:
            return self.check(f"{name} accuracy", False, f"{found.size} values")
        ours, theirs = (100 * float((values.argmax(1) == labels).mean())
                        for values in (found[:logits.size].reshape(logits.shape), logits))
        error = 100 * float(np.sqrt(known / 100 * (1 - known / 100) / len(labels)))
        self.check(f"{name} accuracy", abs(ours - theirs) <= ACCURACY_TOLERANCE, f"{ours:.2f} %, the module {theirs:.2f} %")
        self.check(f"{name} known accuracy", abs(theirs - known) <= ACCURACY_TOLERANCE + 3 * error,
                   f"the module {theirs:.2f} %, known {known} %, standard error {error:.2f}")
        print(f"{name}: {ours:.2f} % of {len(labels)} images, the module {theirs:.2f} %, known {known} %")

    def branches(self):
        return subprocess.run([self.probe, "branches"], capture_output=True, text=True, check=True).stdout.split()

    def compare(self, name, folder, text, logits, taps):
        found = np.fromfile(folder / "out", np.float32)
        size = logits.numel()
        wanted = [("logits", logits)] + [(line.split()[0], tap) for line, tap in zip(text.split("\n"), taps)]
        self.check(f"{name} units", text.count("\n") == len(taps) + 1, f"{text.count(chr(10)) - 1} units of {len(taps)}")
        self.check(f"{name} sizes", found.size == size + sum(tap.numel() for tap in taps), f"{found.size} values")
        worst, at = 0.0, 0
        for part, tensor in wanted:
            values = found[at:at + tensor.numel()]
            at += tensor.numel()
            if values.size != tensor.numel():
                return worst
            difference = close(values, tensor.flatten().numpy())
            self.check(f"{name} {part}", difference <= TOLERANCE, f"relative difference {difference:.1e}")
            worst = max(worst, difference)
        return worst

    @staticmethod
    def count_macs(model, image):
        total = [0]

        def count(module, inputs, output):
            if isinstance(module, nn.Conv2d):
                total[0] += output[0].numel() * module.weight[0].numel()
            elif isinstance(module, nn.Linear):
                total[0] += module.weight.numel()

        hooks = [m.register_forward_hook(count) for m in model.modules()]
        with torch.inference_mode():
            model(image)
        for hook in hooks:
            hook.remove()
        return total[0]


def test_images(data, count):
    """The first CIFAR-10 test images, [count, 3, 32, 32] in [0, 1], and their labels; None where they are not there."""
    folder = data / "cifar10"
    source = next((path for path in (folder / "test_batch_7966.bin", folder / "test_batch.bin") if path.exists()), None)
    if not source:
        print(f"skipped: accuracy; {folder} has no test images")
        return None
    records = np.fromfile(source, np.uint8, count * 3073).reshape(count, 3073)
    return torch.from_numpy(records[:, 1:].reshape(count, 3, 32, 32).astype(np.float32) / 255), records[:, 0]


def real_networks(run):
    """The pretrained CIFAR ResNets: logits, and the accuracy of some on real images."""
    data = Path(os.environ.get("DYNEXEC_DATA", "data"))
    for depth in (20, 32, 56):
        source = next(iter(sorted((data / "resnet_cifar10").glob(f"resnet{depth}-*.th"))), data / f"resnet{depth}.th")
        if not source.exists():
            print(f"skipped: {source} is not there")
            continue
        state = torch.load(source, weights_only=True, map_location="cpu")["state_dict"]
        model = ResNet([(depth - 2) // 6] * 3, [16, 32, 64], 10, "cifar", "pad", "linear")
        model.load_state_dict({k.removeprefix("module."): v for k, v in state.items()})
        config = {"architecture": f"cifar_resnet{depth}"}
        run.case(f"real resnet{depth}", model, config, 32, torch.float32)
        if depth in ACCURACY:
            count, known = ACCURACY[depth]
            if real := test_images(data, count):
                run.accuracy(f"real resnet{depth}", model, config, *real, known)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("cases", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    run = Run(arguments.build / "tests" / "probe_models_cnn")
    for name, (build, config, size, dtype) in CASES.items():
        if arguments.cases and name not in arguments.cases:
            continue
        model = build()
        randomise(model, len(name))
        run.case(name, model, config, size, dtype)
    if not arguments.cases or "real" in arguments.cases:
        real_networks(run)
    print(f"{run.passed} passed, {run.failed} failed")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
