"""Holds the warpers against transformers' logits processors, in the order that transformers' generate() uses.

Usage: sampling_parity.py --build BUILD   (BUILD/tests/probe_models_sampling)
Ends with "N passed, N failed"; the exit status is non-zero on failure.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

TOLERANCE = 1e-5


def reference(model, scores, history, setting):
    """The probabilities that generate() would sample from: its own list of processors, built from the settings."""
    temperature, top_k, top_p, min_p, penalty = setting
    config = GenerationConfig(do_sample=True, temperature=temperature, top_k=top_k, top_p=top_p,
                              min_p=min_p if min_p > 0 else None, repetition_penalty=penalty)
    ids = torch.tensor([history], dtype=torch.long)
    processors = model._get_logits_processor(config, input_ids_seq_length=len(history), encoder_input_ids=ids,
                                             prefix_allowed_tokens_fn=None, logits_processor=[], device="cpu",
                                             model_kwargs={})
    return torch.softmax(processors(ids, torch.tensor(scores)[None]), -1)[0].numpy()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    probe = parser.parse_args().build / "tests" / "probe_models_sampling"
    transformers.logging.set_verbosity_error()
    model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=8, n_layer=1, n_head=1, n_positions=8))
    rng = np.random.default_rng(3)
    passed = failed = 0
    for vocab in (5, 512, 50257):
        logits = (rng.standard_normal((3, vocab)) * [[1], [3], [8]]).astype(np.float32)
        grid = itertools.product((0.4, 1.0, 1.7), (0, 1, 40), (1.0, 0.9, 0.3), (0.0, 0.05), (1.0, 1.2), range(3))
        plan = [(setting[:5], setting[5], rng.integers(0, vocab, 20).tolist()) for setting in grid]
        lines = [" ".join(map(str, [*setting, vocab, row, *history])) for setting, row, history in plan]
        with tempfile.NamedTemporaryFile() as source, tempfile.NamedTemporaryFile() as target:
            logits.tofile(source.name)
            subprocess.run([probe, source.name, target.name], input="\n".join(lines) + "\n", text=True, check=True)
            found = np.fromfile(target.name, dtype=np.float32).reshape(len(plan), vocab)
        for (setting, row, history), got in zip(plan, found):
            wanted = reference(model, logits[row], history, setting)
            difference = np.abs(got - wanted).max()
            if difference <= TOLERANCE and ((got > 0) == (wanted > 0)).sum() >= vocab - (wanted < 1e-30).sum():
                passed += 1
            else:
                failed += 1
                print(f"FAIL vocab {vocab}, row {row}, temperature, top-k, top-p, min-p, penalty = {setting}: {difference}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
