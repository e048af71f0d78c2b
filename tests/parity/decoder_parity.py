"""Holds the decoder against transformers: logits and greedy tokens, every family, every kernel branch.

Usage: decoder_parity.py --build BUILD [CASE...]   (BUILD/tests/probe_models_decoder)
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
import transformers
from transformers import AutoModelForCausalLM

TOLERANCE = 1e-4  # largest logit difference relative to the largest logit
LENGTH = 150
GREEDY = 64

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64, "rope_theta": 500000.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 10000.0}


def llama(**more):
    base = dict(vocab_size=331, hidden_size=96, intermediate_size=200, num_hidden_layers=3, num_attention_heads=6,
                num_key_value_heads=2, max_position_embeddings=256)
    return base | more


def gpt2(**more):
    return dict(vocab_size=257, n_embd=80, n_layer=3, n_head=5, n_positions=256) | more


# name: (config class, settings, how the files are stored)
CASES = {
    "llama_gqa": ("Llama", llama(), {}),
    "llama_mha_tied": ("Llama", llama(num_key_value_heads=6, tie_word_embeddings=True), {}),
    "llama_mqa_odd": ("Llama", llama(vocab_size=509, hidden_size=70, intermediate_size=173, num_attention_heads=5,
                                     num_key_value_heads=1), {}),
    "llama_biases": ("Llama", llama(attention_bias=True, mlp_bias=True, head_dim=24, hidden_act="gelu"), {}),
    "llama_tiny_heads": ("Llama", llama(hidden_size=64, num_attention_heads=8, num_key_value_heads=4,
                                        tie_word_embeddings=True), {}),
    "llama_wide_heads": ("Llama", llama(hidden_size=256, head_dim=136, num_attention_heads=2), {}),
    "llama_linear_rope": ("Llama", llama(rope_scaling={"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}), {}),
    "llama_dynamic_rope": ("Llama", llama(rope_scaling={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}), {}),
    "llama3_rope_sharded": ("Llama", llama(rope_scaling=LLAMA3), {"max_shard_size": "200KB"}),
    "llama_yarn": ("Llama", llama(rope_scaling=YARN), {}),
    "llama_yarn_mscale": ("Llama", llama(rope_scaling=YARN | {"mscale": 0.8, "mscale_all_dim": 0.5, "beta_fast": 20.0,
                                                              "truncate": False}), {}),
    "llama_bf16": ("Llama", llama(), {"dtype": torch.bfloat16}),
    "llama_old_keys": ("Llama", llama(rope_theta=5000.0), {"old_rope_keys": True}),
    "mistral_window": ("Mistral", llama(sliding_window=20), {}),
    "mistral_window_mqa": ("Mistral", llama(sliding_window=100, num_key_value_heads=1), {}),
    "mistral_full": ("Mistral", llama(sliding_window=None), {"dtype": torch.float16}),
    "qwen2": ("Qwen2", llama(tie_word_embeddings=True, rope_theta=1e6), {}),
    "qwen2_window": ("Qwen2", llama(use_sliding_window=True, sliding_window=17, max_window_layers=1), {}),
    "qwen3_head_dim": ("Qwen3", llama(head_dim=32, rope_theta=1e6), {}),
    "qwen3_biases_window": ("Qwen3", llama(head_dim=20, attention_bias=True, use_sliding_window=True,
                                           sliding_window=33, max_window_layers=2), {}),
    "smollm3": ("SmolLM3", llama(num_hidden_layers=5, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                 no_rope_layer_interval=2), {}),
    "smollm3_window": ("SmolLM3", llama(num_hidden_layers=4, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                        use_sliding_window=True, sliding_window=21, tie_word_embeddings=False), {}),
    "gpt2": ("GPT2", gpt2(), {}),
    "gpt2_inner_relu": ("GPT2", gpt2(n_inner=150, activation_function="relu"), {"dtype": torch.bfloat16}),
    "gpt2_bare_names": ("GPT2", gpt2(n_head=2), {"strip_prefix": "transformer."}),
    "llama_bare_names": ("Llama", llama(tie_word_embeddings=True), {"strip_prefix": "model."}),
}


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if "norm" in name or "ln_" in name:
                p.copy_(noise * 0.1 + (0.0 if name.endswith("bias") else 1.0))
            elif p.dim() == 1:
                p.copy_(noise * 0.2)
            else:
                p.copy_(noise * (1.0 / np.sqrt(min(p.shape)) if "embed" not in name and "wte" not in name else 0.7))


def store(model, folder, options):
    if "dtype" in options:
        model = model.to(options["dtype"])
    model.save_pretrained(folder, max_shard_size=options.get("max_shard_size", "1GB"))
    if "strip_prefix" in options:
        from safetensors.torch import load_file, save_file

        path = folder / "model.safetensors"
        save_file({k.removeprefix(options["strip_prefix"]): v for k, v in load_file(path).items()}, path)
    if options.get("old_rope_keys"):
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
        path.write_text(json.dumps(config))


def reference_greedy(model, prompt, count):
    tokens, cache, feed = [], None, torch.tensor([prompt])
    with torch.no_grad():
        for _ in range(count):
            out = model(feed, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            tokens.append(int(out.logits[0, -1].argmax()))
            feed = torch.tensor([[tokens[-1]]])
    return tokens


def ids(tokens):
    return " ".join(str(t) for t in tokens)


def scripts(tokens, junk, layers):
    """Name, commands, and the position of each row of logits that the commands give."""
    n = len(tokens)
    yield "prefill", [f"forward {n} {ids(tokens)}"], list(range(n))
    yield "steps", [f"forward 1 {t}" for t in tokens], list(range(n))
    chunks, begin, sizes = [], 0, [1, 5, 16, 2, 17, 3, 33, 8, 4, 64, 7]
    while begin < n:
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(tokens[begin:begin + size])
        begin += size
    yield "chunks", [f"forward {len(c)} {ids(c)}" for c in chunks], list(range(n))
    cut, commands = n // 2, []
    commands += [f"forward 1 {ids(tokens[:cut])}", f"forward 0 {ids(junk[:6])}", f"truncate {cut}"]
    commands += [f"forward 0 {ids(tokens[cut:cut + 30])}", f"truncate {cut + 9}", f"forward 5 {ids(tokens[cut + 9:])}"]
    yield "rollback", commands, [cut - 1] + list(range(n - 5, n))
    middle = max(1, layers // 2)
    commands = [f"forward 0 {ids(tokens[:cut])}", f"early {middle} 0 {ids(tokens[cut:cut + 3])}",
                f"early {middle} 0 {ids(junk[:4])}", f"truncate {cut + 3}", f"rest {middle} 3",
                f"forward 1 {tokens[cut + 3]}"]
    yield "early", commands, [cut, cut + 1, cut + 2, cut + 3]


class Checker:
    def __init__(self, probe):
        self.probe, self.passed, self.failed = probe, 0, 0
        out = subprocess.run([probe, "branches"], capture_output=True, text=True, check=True)
        self.branches = out.stdout.split()

    def check(self, name, good, detail):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL {name}: {detail}")

    def run(self, folder, commands, device, capacity=256):
        """All logits and the printed lines of one run of the probe, or None and the error."""
        with tempfile.NamedTemporaryFile() as file:
            out = subprocess.run([self.probe, folder, file.name, str(capacity), device], input="\n".join(commands) + "\n",
                                 capture_output=True, text=True)
            if out.returncode != 0:
                return None, out.stderr.strip()
            return np.fromfile(file.name, dtype=np.float32), out.stdout.splitlines()

    def compare(self, name, folder, model, seed, length=LENGTH):
        rng = np.random.default_rng(seed)
        vocab = model.config.vocab_size
        tokens = rng.integers(0, vocab, length).tolist()
        junk = rng.integers(0, vocab, 10).tolist()
        with torch.no_grad():
            wanted = model(torch.tensor([tokens])).logits[0].numpy()
        greedy = reference_greedy(model, tokens[:20], GREEDY)
        # LibTorch's operators, which are what runs on a GPU, do not know the branches of the own kernels.
        for device, branches in (("cpu", self.branches), ("libtorch", self.branches[:1])):
            self.compare_device(name, folder, device, branches, tokens, junk, model.config.num_hidden_layers, wanted, greedy)

    def compare_device(self, name, folder, device, branches, tokens, junk, layers, wanted, greedy):
        vocab = wanted.shape[1]
        name = name if device == "cpu" else f"{name} on {device}"
        plan, commands = [], []
        for branch in branches:
            for threads in (1, 2):
                commands += [f"branch {branch}", f"threads {threads}"]
                for script, steps, rows in scripts(tokens, junk, layers):
                    plan.append((f"{name}/{branch}/{threads}/{script}", rows))
                    commands += ["truncate 0", *steps]
                commands += ["truncate 0", f"greedy {GREEDY} {ids(tokens[:20])}"]
        logits, lines = self.run(folder, commands, device)
        count = sum(len(rows) for _, rows in plan)
        if logits is None or logits.size != count * vocab:
            self.check(name, False, lines)
            return
        logits, scale, worst, at = logits.reshape(count, vocab), np.abs(wanted).max(), 0.0, 0
        for label, rows in plan:
            difference = float(np.abs(logits[at:at + len(rows)] - wanted[rows]).max() / scale)
            worst, at = max(worst, difference), at + len(rows)
            self.check(label, difference <= TOLERANCE, f"relative difference {difference:.2e}")
        for line in lines:
            found = [int(t) for t in line.split()]
            self.check(f"{name}/greedy", found == greedy, f"{found} instead of {greedy}")
        print(f"{name}: largest relative difference {worst:.1e}")


def real_model(checker):
    """stories260K, converted by scripts/convert.py when the checkpoint is there."""
    data = Path(os.environ.get("DYNEXEC_DATA", "data")) / "llm" / "stories260K.bin"
    convert = Path(__file__).resolve().parents[2] / "scripts" / "convert.py"
    if not data.exists() or not convert.exists():
        print(f"stories260K: skipped, {data if not data.exists() else convert} is absent")
        return
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, str(convert), str(data), folder], capture_output=True, text=True)
        if done.returncode != 0:
            checker.check("stories260K", False, done.stderr)
            return
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        checker.compare("stories260K", folder, model.eval(), 7)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("cases", nargs="*")
    arguments = parser.parse_args()
    checker = Checker(arguments.build / "tests" / "probe_models_decoder")
    only = arguments.cases
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for number, (name, (family, settings, options)) in enumerate(CASES.items()):
        if only and name not in only:
            continue
        config = getattr(transformers, family + "Config")(**settings)
        config._attn_implementation = "eager"
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        randomise(model, number)
        with tempfile.TemporaryDirectory() as folder:
            store(model, Path(folder), options)
            if "dtype" in options:
                model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
            checker.compare(name, folder, model, number)
    if not only or "stories260K" in only:
        real_model(checker)
    print(f"{checker.passed} passed, {checker.failed} failed")
    return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
