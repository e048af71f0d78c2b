#!/usr/bin/env python3
"""Decode speed of dynexec, transformers and a plain PyTorch loop on the same weights (random ones for the sizes), fp32, batch 1.

    compare_peers.py PROBE [--sizes 7M,110M] [--threads 1,2] [--tokens 48] [--rounds 7] [--output FILE.csv]

PROBE is the built tests/probe_models_speed; a size may also be the folder of a Llama model. The engines take turns in every round; a figure is the best round, the
ratio is that of the best rounds, the median ratio is over rounds. All three must produce the same tokens.
"""

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM
from transformers import logging as transformers_logging

SHAPES = {  # vocab, hidden, layers, heads, kv_heads, intermediate
    "0.3M": (512, 64, 5, 8, 4, 172),
    "7M": (4096, 256, 8, 8, 4, 704),
    "15M": (32000, 288, 6, 6, 6, 768),
    "110M": (32000, 768, 12, 12, 12, 2048),
}
PROMPT = list(range(3, 67))
ROWS = (1, 2, 3, 5, 8, 16)


def build(size):
    if size not in SHAPES:
        return LlamaForCausalLM.from_pretrained(size, dtype=torch.float32).eval()
    vocab, hidden, layers, heads, kv_heads, intermediate = SHAPES[size]
    config = LlamaConfig(vocab_size=vocab, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
                         num_key_value_heads=kv_heads, intermediate_size=intermediate, tie_word_embeddings=True,
                         max_position_embeddings=1024, rms_norm_eps=1e-5)
    torch.manual_seed(1)
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 2:
                p.copy_(torch.randn_like(p) / p.shape[1] ** 0.5)
    return model


class Probe:
    """dynexec, in a process of its own."""

    name = "dynexec"

    def __init__(self, path, folder, positions):
        self.process = subprocess.Popen([path, folder, str(positions)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.process.args[0]} ended at: {line}")
        return answer.split()

    def threads(self, count):
        self.ask(f"threads {count}")

    def decode(self, count):
        answer = self.ask(f"decode {count} " + " ".join(map(str, PROMPT)))
        return float(answer[0]), [int(t) for t in answer[1:]]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Transformers:
    name = "transformers"

    def __init__(self, model):
        self.model = model

    def threads(self, count):
        torch.set_num_threads(count)

    @torch.inference_mode()
    def decode(self, count):
        out = self.model(torch.tensor([PROMPT]), use_cache=True)
        cache, token, tokens = out.past_key_values, out.logits[0, -1].argmax(), []
        start = time.perf_counter()
        while len(tokens) < count:
            tokens.append(int(token))
            out = self.model(token.view(1, 1), past_key_values=cache, use_cache=True)
            cache, token = out.past_key_values, out.logits[0, -1].argmax()
        return time.perf_counter() - start, tokens


class PlainLoop:
    """What one writes by hand on LibTorch's operators: fused weights, preallocated cache, no module overhead."""

    name = "plain PyTorch loop"

    def __init__(self, model):
        config = model.config
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.dim, self.hidden, self.eps = config.head_dim, config.hidden_size, config.rms_norm_eps
        self.embedding = model.model.embed_tokens.weight.detach()
        self.norm = model.model.norm.weight.detach()
        self.layers = [
            (layer.input_layernorm.weight.detach(),
             torch.cat([layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight,
                        layer.self_attn.v_proj.weight]).detach(),
             layer.self_attn.o_proj.weight.detach(), layer.post_attention_layernorm.weight.detach(),
             torch.cat([layer.mlp.gate_proj.weight, layer.mlp.up_proj.weight]).detach(),
             layer.mlp.down_proj.weight.detach()) for layer in model.model.layers]
        self.cache = torch.zeros(len(self.layers), 2, 1, self.kv_heads, 1024, self.dim)
        angle = torch.arange(1024)[:, None] * model.model.rotary_emb.inv_freq[None]
        self.cosine, self.sine = torch.cat([angle, angle], 1).cos(), torch.cat([angle, angle], 1).sin()

    def threads(self, count):
        torch.set_num_threads(count)

    def rotate(self, x, position, count):
        cosine, sine = self.cosine[position:position + count], self.sine[position:position + count]
        first, second = x.chunk(2, -1)
        return x * cosine + torch.cat([-second, first], -1) * sine

    def forward(self, tokens, position):
        count = tokens.numel()
        x = F.embedding(tokens, self.embedding)
        for (norm1, qkv, out, norm2, gate_up, down), cache in zip(self.layers, self.cache):
            y = F.linear(F.rms_norm(x, (self.hidden,), norm1, self.eps), qkv)
            y = y.view(1, count, -1, self.dim).transpose(1, 2)
            q, k, v = y.split([self.heads, self.kv_heads, self.kv_heads], 1)
            cache[0][:, :, position:position + count] = self.rotate(k, position, count)
            cache[1][:, :, position:position + count] = v
            keys, values = cache[0][:, :, :position + count], cache[1][:, :, :position + count]
            a = F.scaled_dot_product_attention(self.rotate(q, position, count), keys, values, is_causal=count > 1,
                                               enable_gqa=self.heads != self.kv_heads)
            x = x + F.linear(a.transpose(1, 2).reshape(count, -1), out)
            gate, up = F.linear(F.rms_norm(x, (self.hidden,), norm2, self.eps), gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, down)
        return F.linear(F.rms_norm(x[-1:], (self.hidden,), self.norm, self.eps), self.embedding)

    @torch.inference_mode()
    def decode(self, count):
        token, tokens, position = self.forward(torch.tensor(PROMPT), 0).argmax(), [], len(PROMPT)
        start = time.perf_counter()
        while len(tokens) < count:
            tokens.append(int(token))
            token = self.forward(token.view(1), position).argmax()
            position += 1
        return time.perf_counter() - start, tokens


def measure(size, threads, probe, engines, arguments):
    """Rows of the result for one model and number of threads."""
    times = {engine.name: [] for engine in engines}
    for engine in engines:
        engine.threads(threads)
        engine.decode(4)
    for _ in range(arguments.rounds):
        answers = []
        for engine in engines:
            seconds, tokens = engine.decode(arguments.tokens)
            times[engine.name].append(seconds / arguments.tokens)
            answers.append(tokens)
        if any(answer != answers[0] for answer in answers):
            raise SystemExit(f"{size}: the engines disagree about the tokens")
    bandwidth = float(probe.ask("bandwidth")[0])
    weight_bytes = 4 * sum(p.numel() for p in engines[1].model.parameters())
    ours = times[probe.name]
    for engine in engines:
        own = times[engine.name]
        yield {
            "model": size, "threads": threads, "engine": engine.name, "tokens_per_s": round(1 / min(own), 1),
            "dynexec_speedup": round(min(own) / min(ours), 2),
            "dynexec_speedup_median": round(statistics.median(a / b for a, b in zip(own, ours)), 2),
            "bandwidth_share": round(weight_bytes / min(own) / bandwidth, 2), "read_gb_per_s": round(bandwidth / 1e9, 1),
        }


def row_costs(probe, rounds):
    """The cost of M rows relative to one row, best passes, interleaved."""
    best = dict.fromkeys(ROWS, float("inf"))
    for _ in range(4 * rounds):
        for rows in ROWS:
            best[rows] = min(best[rows], float(probe.ask(f"rows {rows} 2")[1]))
    return {f"r({rows})": round(best[rows] / best[1], 2) for rows in ROWS[1:]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("probe")
    parser.add_argument("--sizes", default="7M,110M")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    rows = []
    for size in arguments.sizes.split(","):
        model = build(size)
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            probe = Probe(arguments.probe, folder, min(1024, model.config.max_position_embeddings))
            engines = [probe, Transformers(model), PlainLoop(model)]
            for threads in map(int, arguments.threads.split(",")):
                found = list(measure(size, threads, probe, engines, arguments))
                found[0].update(row_costs(probe, arguments.rounds))
                for row in found:
                    print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
                rows += found
            probe.close()
    if arguments.output:
        command = "scripts/compare_peers.py " + " ".join(sys.argv[1:])
        machine = f"{platform.machine()}, {os.cpu_count()} CPUs, torch {torch.__version__}"
        for row in rows:
            row.update(command=command, machine=machine)
        with arguments.output.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
