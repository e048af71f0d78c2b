"""Holds scripts/convert.py against independent readings of the formats that it converts.

Usage: convert_parity.py --build BUILD   (BUILD/tests/probe_data_tokenizer is used when it is there)
llama2.c checkpoints: a plain NumPy forward pass over the file itself against transformers on the converted folder, a
plain greedy tokenizer against the converted one, and the published figures of stories260K when DYNEXEC_DATA has it.
Ends with "N passed, N failed, N skipped"; the exit status is non-zero on failure.
"""

import argparse
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DYNEXEC_DATA", "data"))


def convert(*arguments):
    return subprocess.run([sys.executable, str(ROOT / "scripts" / "convert.py"), *map(str, arguments)],
                          capture_output=True, text=True)


class Checker:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, good, detail=""):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"FAILED {name}: {detail}")

    def skip(self, name, reason):
        self.skipped += 1
        print(f"{name}: skipped, {reason}")


# --- llama2.c as its format describes it ----------------------------------------------------------------------

def random_checkpoint(path, dim, hidden, layers, heads, kv_heads, vocab, positions, tied, version, seed):
    """Writes a checkpoint of random weights; returns its blocks by name."""
    draw = np.random.default_rng(seed)
    kv_dim, half = dim // heads * kv_heads, dim // heads // 2
    shapes = {"emb": (vocab, dim), "n1": (layers, dim), "wq": (layers, dim, dim), "wk": (layers, kv_dim, dim),
              "wv": (layers, kv_dim, dim), "wo": (layers, dim, dim), "n2": (layers, dim), "w1": (layers, hidden, dim),
              "w2": (layers, dim, hidden), "w3": (layers, hidden, dim), "n": (dim,), "rot": (2, positions, half),
              "head": (vocab, dim)}
    blocks = {name: (1 + 0.2 * draw.standard_normal(extent) if name.startswith("n") else
                     draw.standard_normal(extent) / np.sqrt(extent[-1])).astype("<f4") for name, extent in shapes.items()}
    order = ["emb", "n1", "wq", "wk", "wv", "wo", "n2", "w1", "w2", "w3", "n", "rot"]
    if version == 1:
        order = ["n1", "n2", "n", "emb", "wq", "wk", "wv", "wo", "w1", "w2", "w3"]
    if tied:
        blocks["head"] = blocks["emb"]
    else:
        order.append("head")
    numbers = (dim, hidden, layers, heads, kv_heads, vocab if tied or version == 1 else -vocab, positions)
    header = struct.pack("<7i", *numbers)
    if version == 1:
        header = (struct.pack("<Ii", 0x616B3432, 1) + header + struct.pack("<B", tied)).ljust(256, b"\0")
    path.write_bytes(header + b"".join(blocks[name].tobytes() for name in order))
    return blocks


def forward(blocks, heads, kv_heads, tokens):
    """Logits [tokens, vocab] by llama2.c's rules: rotation of adjacent pairs, theta 10000, RMSNorm 1e-5."""
    def norm(x, weight):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight

    dim = blocks["emb"].shape[1]
    size, count = dim // heads, len(tokens)
    angle = np.arange(count)[:, None] * 10000.0 ** (-np.arange(0, size, 2) / size)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]

    def rotate(x):
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)

    x = blocks["emb"][tokens].astype(np.float64)
    mask = np.triu(np.full((count, count), -np.inf), 1)
    for layer in range(blocks["wq"].shape[0]):
        h = norm(x, blocks["n1"][layer])
        q = rotate((h @ blocks["wq"][layer].T).reshape(count, heads, size))
        k = rotate((h @ blocks["wk"][layer].T).reshape(count, kv_heads, size)).repeat(heads // kv_heads, 1)
        v = (h @ blocks["wv"][layer].T).reshape(count, kv_heads, size).repeat(heads // kv_heads, 1)
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(size) + mask
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        x = x + np.einsum("hqk,khd->qhd", weights, v).reshape(count, dim) @ blocks["wo"][layer].T
        h = norm(x, blocks["n2"][layer])
        gate = h @ blocks["w1"][layer].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ blocks["w3"][layer].T)) @ blocks["w2"][layer].T
    return norm(x, blocks["n"]) @ blocks["head"].T


def write_tokenizer(path, pieces):
    """A llama2.c tokenizer of the special tokens, the bytes and `pieces`, best score first."""
    tokens = [(0.0, b"<unk>"), (0.0, b"\n<s>\n"), (0.0, b"\n</s>\n")] + [(0.0, f"<0x{b:02X}>".encode()) for b in range(256)]
    tokens += [(-float(rank), piece.encode()) for rank, piece in enumerate(pieces)]
    body = b"".join(struct.pack("<fi", score, len(text)) + text for score, text in tokens)
    path.write_bytes(struct.pack("<i", max(len(text) for _, text in tokens)) + body)
    return len(tokens)


def greedy_encode(path, text):
    """llama2.c's encode: BOS, a space, characters or bytes, then the best-scored adjacent pair again and again."""
    data, at, scores, ids = path.read_bytes(), 4, [], {}
    while at < len(data):
        score, length = struct.unpack_from("<fi", data, at)
        ids.setdefault(data[at + 8:at + 8 + length].decode("utf-8"), len(scores))
        scores.append(score)
        at += 8 + length
    names = {token: name for name, token in ids.items()}
    tokens = [ids[" "]] if text else []
    for character in text:
        tokens += [ids[character]] if character in ids else [byte + 3 for byte in character.encode("utf-8")]
    while True:
        best, place = -1e10, None
        for i in range(len(tokens) - 1):
            merged = ids.get(names[tokens[i]] + names[tokens[i + 1]])
            if merged is not None and scores[merged] > best:
                best, place = scores[merged], (i, merged)
        if place is None:
            return [1] + tokens
        tokens[place[0]:place[0] + 2] = [place[1]]


def same_tokens(checker, name, tokenizer_bin, folder, texts, probe):
    wanted = [greedy_encode(tokenizer_bin, text) for text in texts]
    reference = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found = [reference.encode(text).ids for text in texts]
    wrong = [text for text, a, b in zip(texts, wanted, found) if a != b]
    checker.check(f"{name}: tokenizers library", not wrong, f"{len(wrong)} of {len(texts)}, first {wrong[:1]!r:.300}")
    back = [text for text, ids in zip(texts, wanted) if reference.decode(ids) != text]
    checker.check(f"{name}: round trip", not back, f"{len(back)} of {len(texts)}, first {back[:1]!r:.300}")
    if not probe.exists():
        checker.skip(f"{name}: our tokenizer", f"{probe} is not built")
        return
    done = subprocess.run([probe, folder], input=json.dumps(texts), capture_output=True, text=True, timeout=300)
    rows = [json.loads(line) for line in done.stdout.split("\n")[:-1]][1:]
    wrong = [text for text, ids, row in zip(texts, wanted, rows) if row.get("ids_special") != ids]
    checker.check(f"{name}: our tokenizer", len(rows) == len(texts) and not wrong,
                  f"{done.stderr} {len(rows)} rows, {len(wrong)} differ, first {wrong[:1]!r:.300}")


def random_models(checker, folder, probe):
    sizes = dict(dim=48, hidden=100, layers=3, heads=6, kv_heads=2, positions=40)
    pieces = [" ", *"abcdefgh", " a", "ab", "abc", "cd", "ef", "efg", " abc", "gh", "é", "日", "日本", "本", "\n"]
    vocab = write_tokenizer(folder / "tok.bin", pieces)
    for version in (0, 1):
        for tied in (True, False):
            name = f"llama2.c version {version}, {'tied' if tied else 'own'} head"
            source, out = folder / f"m{version}{tied}.bin", folder / f"m{version}{tied}"
            blocks = random_checkpoint(source, vocab=vocab, tied=tied, version=version, seed=version, **sizes)
            done = convert(source, out, "--tokenizer", folder / "tok.bin")
            checker.check(f"{name}: converts", done.returncode == 0, done.stderr)
            if done.returncode != 0:
                continue
            tokens = np.random.default_rng(7).integers(0, vocab, 33)
            wanted = forward(blocks, sizes["heads"], sizes["kv_heads"], tokens)
            model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
            with torch.inference_mode():
                found = model(torch.tensor(tokens)[None]).logits[0].numpy()
            difference = np.abs(found - wanted).max() / np.abs(wanted).max()
            checker.check(f"{name}: logits", difference < 1e-5, f"relative difference {difference:.2e}")
    draw = random.Random(3)
    texts = ["", " ", "  a ", "abcdefgh", "日本\n語é<s>".replace("<s>", "")]
    texts += ["".join(draw.choices("abcdefgh  \né日本語🙂x", k=draw.randrange(1, 60))) for _ in range(400)]
    same_tokens(checker, "random text", folder / "tok.bin", folder / "m0True", texts, probe)


# --- the real checkpoint --------------------------------------------------------------------------------------

def real_model(checker, folder, probe):
    needed = [DATA / "llm" / name for name in ("stories260K.bin", "stories260K_v1.bin", "tok512.bin")]
    stories_path = DATA / "text" / "tinystories_800.json"
    absent = [str(path) for path in [*needed, stories_path] if not path.exists()]
    if absent:
        checker.skip("stories260K", f"{absent[0]} is absent")
        return
    legacy, v1 = folder / "legacy", folder / "v1"
    for source, out in ((needed[0], legacy), (needed[1], v1)):
        done = convert(source, out, "--tokenizer", needed[2])
        checker.check(f"{source.name}: converts", done.returncode == 0 and not done.stderr, done.stderr)
    checker.check("both formats give the same weights",
                  (legacy / "model.safetensors").read_bytes() == (v1 / "model.safetensors").read_bytes())
    stories = json.loads(stories_path.read_text("utf-8"))
    texts = [story[:700] for story in stories[:40]] + [story[-300:] for story in stories[40:140]]
    same_tokens(checker, "TinyStories", needed[2], legacy, texts, probe)
    model = AutoModelForCausalLM.from_pretrained(legacy, dtype=torch.float32).eval()
    tokenizer, total, right, count = Tokenizer.from_file(str(legacy / "tokenizer.json")), 0.0, 0, 0
    for story in stories[:6]:
        ids = torch.tensor(tokenizer.encode(story).ids[:300])
        with torch.inference_mode():
            logits = model(ids[None]).logits[0, :-1]
        total += torch.nn.functional.cross_entropy(logits, ids[1:], reduction="sum").item()
        right, count = right + (logits.argmax(-1) == ids[1:]).sum().item(), count + len(ids) - 1
    print(f"stories260K: {total / count:.4f} nats a token, top-1 {right / count:.4f}, {count} tokens")
    close = abs(total / count - 1.398) < 1e-3 and abs(right / count - 0.614) < 1e-3
    checker.check("published figures", count == 1762 and close, f"{total / count:.4f} nats, top-1 {right / count:.4f} on {count} tokens")


# --- PyTorch files and bad input ------------------------------------------------------------------------------

def pytorch_files(checker, folder):
    weight = torch.randn(4, 6)
    state = {"module.a": weight, "module.tied": weight, "module.half": torch.randn(3).bfloat16(), "module.t": weight.t()}
    torch.save({"state_dict": state, "epoch": 3}, folder / "w.pth")
    done = convert(folder / "w.pth", folder / "w.safetensors")
    checker.check("state dict: converts", done.returncode == 0, done.stderr)
    if done.returncode == 0:
        back = load_file(folder / "w.safetensors")
        good = all(torch.equal(back[name.removeprefix("module.")], value) for name, value in state.items())
        checker.check("state dict: same tensors", good and len(back) == len(state), str(back.keys()))
    source = folder / "shards"
    source.mkdir()
    torch.save({"x": weight}, source / "pytorch_model-1.bin")
    torch.save({"y": weight[0]}, source / "pytorch_model-2.bin")
    (source / "config.json").write_text("{}")
    index = {"weight_map": {"x": "pytorch_model-1.bin", "y": "pytorch_model-2.bin"}}
    (source / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    done = convert(source, folder / "joined")
    checker.check("shards: join", done.returncode == 0 and (folder / "joined/config.json").exists() and
                  set(load_file(folder / "joined/model.safetensors")) == {"x", "y"}, done.stderr)

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(folder / "trapped"),)

    (folder / "trap.bin").write_bytes(pickle.dumps({"w": Trap()}))
    done = convert(folder / "trap.bin", folder / "trap")
    checker.check("code in a pickle does not run", done.returncode == 1 and not (folder / "trapped").exists(), done.stderr)


def bad_input(checker, folder):
    vocab = write_tokenizer(folder / "tok.bin", [" ", "a", "b", "ab"])
    sizes = dict(dim=8, hidden=8, layers=1, heads=2, kv_heads=1, vocab=vocab, positions=8, tied=True, seed=0)
    for version in (0, 1):
        random_checkpoint(folder / "ok.bin", version=version, **sizes)
        good = (folder / "ok.bin").read_bytes()
        start = 0 if version == 0 else 8
        cases = {f"{length} bytes": good[:length] for length in (0, 3, 27, 28, 40, len(good) - 1)}
        cases["a byte more"] = good + b"\0"
        for field in range(7):
            for value in (0, -2**31, 2**31 - 1) if version == 1 and field == 6 else (0, -2**31, 2**31 - 1, 7):
                cases[f"field {field} = {value}"] = good[:start + 4 * field] + struct.pack("<i", value) + good[start + 4 * field + 4:]
        if version == 1:
            cases["version 2"] = good[:4] + struct.pack("<i", 2) + good[8:]
        for name, data in cases.items():
            (folder / "bad.bin").write_bytes(data)
            refused(checker, f"version {version}, {name}", folder, folder / "bad.bin", "--tokenizer", folder / "tok.bin")
    tokens = (folder / "tok.bin").read_bytes()
    for name, data in {"empty": b"", "cut": tokens[:-3], "length": tokens[:8] + struct.pack("<i", -1) + tokens[12:],
                       "huge": tokens[:8] + struct.pack("<i", 2**31 - 1) + tokens[12:], "one more": tokens + tokens[-9:]}.items():
        (folder / "badtok.bin").write_bytes(data)
        refused(checker, f"tokenizer: {name}", folder, folder / "ok.bin", "--tokenizer", folder / "badtok.bin")
    refused(checker, "absent file", folder, folder / "absent.bin")
    refused(checker, "no tokenizer beside it", folder, folder / "ok.bin")
    (folder / "empty").mkdir()
    refused(checker, "folder without weights", folder, folder / "empty")
    (folder / "there").mkdir()
    (folder / "there/model.safetensors").write_bytes(b"kept")
    done = convert(folder / "ok.bin", folder / "there", "--tokenizer", folder / "tok.bin")
    checker.check("an existing model stays", done.returncode == 1 and (folder / "there/model.safetensors").read_bytes() == b"kept")


def refused(checker, name, folder, *arguments):
    done = convert(arguments[0], folder / "refused", *arguments[1:])
    good = done.returncode == 1 and done.stderr.startswith("error: ") and "hint: " in done.stderr
    written = folder / "refused/model.safetensors"
    checker.check(f"refused: {name}", good and not written.exists(), done.stderr[-500:])
    written.unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    probe = (parser.parse_args().build / "tests" / "probe_data_tokenizer").resolve()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    checker = Checker()
    for part in (lambda f: random_models(checker, f, probe), lambda f: real_model(checker, f, probe),
                 lambda f: pytorch_files(checker, f), lambda f: bad_input(checker, f)):
        with tempfile.TemporaryDirectory() as folder:
            part(Path(folder))
    print(f"{checker.passed} passed, {checker.failed} failed, {checker.skipped} skipped")
    return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
