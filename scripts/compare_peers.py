#!/usr/bin/env python3
"""Decode speed of dynexec, llama.cpp, transformers and a plain PyTorch loop on the same weights (random ones for the sizes), batch 1.

    compare_peers.py PROBE [--sizes 7M,110M] [--threads 1,2] [--tokens 32] [--rounds 7] [--busy] [--output FILE.csv]

PROBE is the built tests/probe_models_speed; a size may also be the folder of a Llama model. Engines at equal bits take turns in every round; a figure is the best
round, a ratio is that of the best rounds, a median ratio is over rounds. All that compute in fp32 must produce the same tokens. With --busy every round is
repeated while another process keeps one core busy: `busy_slowdown` is the median of those times over the median of the others. llama.cpp takes part where
scripts/requirements-peers.txt is installed.
"""

import argparse
import contextlib
import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peer_engines import PlainLoop, Probe, Transformers
from transformers import LlamaConfig, LlamaForCausalLM
from transformers import logging as transformers_logging

try:
    from peer_llama_cpp import LlamaCpp, write_gguf
except ImportError:
    LlamaCpp = None

SHAPES = {  # vocab, hidden, layers, heads, kv_heads, intermediate
    "0.3M": (512, 64, 5, 8, 4, 172),
    "7M": (4096, 256, 8, 8, 4, 704),
    "15M": (32000, 288, 6, 6, 6, 768),
    "110M": (32000, 768, 12, 12, 12, 2048),
    "500M": (32000, 1536, 16, 12, 12, 4096),
}
BITS = {  # of a weight, its scales included: ours, llama.cpp's
    "32": (["fp32"], "f32"),
    "8.5": (["int8-g32", "int8-g32-a8"], "q8_0"),
    "4.5": (["int4-g64", "int4-g64-a8"], "q4_0"),
}
ROWS = (1, 2, 3, 5, 8, 16)
PEERS = ("llama.cpp", "transformers", "plain PyTorch loop")


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


def row_costs(engines, rounds):
    """Of every engine: the cost of M rows relative to one row, best passes, interleaved."""
    best = [dict.fromkeys(ROWS, float("inf")) for _ in engines]
    for _ in range(3 * rounds):
        for rows in ROWS:
            for engine, own in zip(engines, best):
                own[rows] = min(own[rows], engine.rows(rows))
    return [{f"r({rows})": round(own[rows] / own[1], 2) for rows in ROWS[1:]} for own in best]


def ratios(own, other):
    return round(min(other) / min(own), 2), round(statistics.median(b / a for a, b in zip(own, other)), 2)


@contextlib.contextmanager
def busy_core():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def decode_in_turn(engines, count, times):
    answers = []
    for engine, own in zip(engines, times):
        seconds, tokens = engine.decode(count)
        own.append(seconds / count)
        answers.append(tokens)
    return answers


def measure(size, bits, threads, engines, arguments):
    """Rows of the result for one model, number of threads and bits of a weight; engines[0] is ours."""
    times, busy = [[] for _ in engines], [[] for _ in engines]
    for engine in engines:
        engine.threads(threads)
        engine.decode(4)
    for _ in range(arguments.rounds):
        answers = decode_in_turn(engines, arguments.tokens, times)
        if bits == "32" and any(answer != answers[0] for answer in answers):
            raise SystemExit(f"{size}: the engines disagree about the tokens")
        if arguments.busy:
            with busy_core():
                decode_in_turn(engines, arguments.tokens, busy)
    bandwidth = float(engines[0].ask("bandwidth")[0])
    with_rows = [engine for engine in engines if hasattr(engine, "rows")]
    costs = dict(zip((engine.format for engine in with_rows), row_costs(with_rows, arguments.rounds)))
    for engine, own, disturbed in zip(engines, times, busy):
        row = {"model": size, "threads": threads, "bits": bits, "engine": engine.name, "format": engine.format,
               "tokens_per_s": round(1 / min(own), 1)}
        for peer in PEERS:
            found = [other for other, of in zip(engines, times) if other.name == peer]
            ratio = ratios(own, times[engines.index(found[0])]) if found and engine.name == "dynexec" else ("", "")
            row[f"over_{peer}"], row[f"over_{peer}_median"] = ratio
        row.update(bandwidth_share=round(engine.weight_bytes / min(own) / bandwidth, 2), read_gb_per_s=round(bandwidth / 1e9, 1))
        row.update(costs.get(engine.format if engine in with_rows else "", dict.fromkeys((f"r({rows})" for rows in ROWS[1:]), "")))
        row["busy_slowdown"] = round(statistics.median(disturbed) / statistics.median(own), 2) if disturbed else ""
        yield row


def compare(size, arguments):
    model = build(size)
    positions = min(1024, model.config.max_position_embeddings)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        gguf = Path(folder) / "model.gguf"
        if LlamaCpp:
            write_gguf(model, gguf)
        for bits in arguments.bits.split(","):
            ours, theirs = BITS[bits]
            engines = [Probe(arguments.probe, folder, positions, format) for format in ours]
            if LlamaCpp:
                engines.append(LlamaCpp(gguf, theirs, positions))
            if bits == "32":
                engines += [Transformers(model), PlainLoop(model)]
            for threads in map(int, arguments.threads.split(",")):
                yield from measure(size, bits, threads, engines, arguments)
            for engine in engines:
                if hasattr(engine, "close"):
                    engine.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("probe")
    parser.add_argument("--sizes", default="7M,110M")
    parser.add_argument("--bits", default=",".join(BITS))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    if not LlamaCpp:
        print("llama.cpp does not take part: pip install --no-binary llama-cpp-python -r scripts/requirements-peers.txt", file=sys.stderr)
    origin = {"command": "scripts/compare_peers.py " + " ".join(sys.argv[1:]),
              "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, torch {torch.__version__}"}
    with contextlib.ExitStack() as stack:
        writer = None
        for size in arguments.sizes.split(","):
            for row in compare(size, arguments):
                print("  ".join(f"{key} {value}" for key, value in row.items() if value != ""), flush=True)
                if not arguments.output:
                    continue
                if writer is None:
                    file = stack.enter_context(arguments.output.open("w", newline=""))
                    writer = csv.DictWriter(file, fieldnames=[*row, *origin])
                    writer.writeheader()
                writer.writerow({**row, **origin})
                file.flush()


if __name__ == "__main__":
    main()
