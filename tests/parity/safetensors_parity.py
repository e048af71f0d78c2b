"""Holds our safetensors reader and writer against the reference library on valid and on mutated files.

Usage: safetensors_parity.py --build BUILD   (BUILD/tests/probe_weights_safetensors)
What we accept the reference accepts too, with the same names, types, shapes, bytes and metadata; what our writer writes
the reference reads. Ends with "N passed, N failed"; the exit status is non-zero on failure.
"""

import argparse
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.torch import save

MUTANTS = 6000
TYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1, "U64": 8,
         "U32": 4, "U16": 2}


def pack(header, data, padding=0):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text += b" " * padding
    return struct.pack("<Q", len(text)) + text + data


def random_file(draw):
    """A valid file: header as a dictionary, and its data."""
    header, data = {}, b""
    if draw.random() < 0.5:
        header["__metadata__"] = {draw.choice(["format", "é", "", "a b"]): draw.choice(["pt", "", "\n\"x"])}
    for number in range(draw.randrange(5)):
        kind = draw.choice(list(TYPES))
        shape = [draw.randrange(4) for _ in range(draw.randrange(4))]
        size = TYPES[kind] * int(np.prod(shape, dtype=np.int64))
        entry = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + size]}
        header[draw.choice(["w", "layer.weight", "é", "", "__meta"]) + str(number)] = entry
        data += draw.randbytes(size)
    if draw.random() < 0.3:
        header = dict(draw.sample(list(header.items()), len(header)))
    return header, data


def mutate(draw):
    header, data = random_file(draw)
    entries = [entry for name, entry in header.items() if name != "__metadata__"]
    odd = [-1, 0, 1, 3, 8, 2**31, 2**32, 2**53, 2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, 0.0, 1.5, -0.0,
           None, True, "1", [], {}, [0, 4], "F32", "F8_E4M3", "f32"]
    kind = draw.randrange(10)
    if kind == 0 and entries:
        draw.choice(entries)[draw.choice(["dtype", "shape", "data_offsets", "extra"])] = draw.choice(odd)
    elif kind == 1 and entries:
        where = draw.choice(entries)[draw.choice(["shape", "data_offsets"])]
        if draw.random() < 0.5 or not where:
            where.insert(draw.randrange(len(where) + 1), draw.choice(odd))
        else:
            where[draw.randrange(len(where))] = draw.choice(odd)
    elif kind == 2 and entries:
        where = draw.choice(entries)["data_offsets"]
        where[draw.randrange(2)] += draw.choice([-4, -1, 1, 4])
    elif kind == 3 and entries:
        del draw.choice(entries)[draw.choice(["dtype", "shape", "data_offsets"])]
    elif kind == 4:
        header["__metadata__"] = draw.choice([None, {}, {"a": 1}, {"a": None}, {"a": {}}, [], "x", {"a": "b"}])
    elif kind == 5:
        data = data[:-1] if draw.random() < 0.5 else data + b"\0"
    text = json.dumps(header, separators=draw.choice([(",", ":"), (", ", ": ")]), ensure_ascii=draw.random() < 0.5).encode()
    if kind == 6 and len(text) > 2:  # bytes of the header
        text = bytearray(text)
        for _ in range(draw.randrange(1, 3)):
            at = draw.randrange(len(text))
            choice = draw.randrange(3)
            if choice == 0:
                text[at] = draw.choice(b'{}[]",:0123456789-.eE \n\t\0\xff\\ua' + bytes([draw.randrange(256)]))
            elif choice == 1:
                del text[at]
            else:
                text.insert(at, draw.choice(b'{}[]",:0 \n\\9'))
        text = bytes(text)
    elif kind == 7:
        text = draw.choice([text + b"\n", b" " + text, text + b"\t \r", b"\xef\xbb\xbf" + text, text + b"\0", text + b"{}", text[:-1],
                            text.replace(b"{", b"{ \n", 1), b"[]", b"null", b"", b"{}", text + b"  ", text * 2])
    elif kind == 8 and entries:  # the same name twice, equal or not
        inner = text.decode("utf-8")[1:-1]
        text = ("{" + inner + "," + inner.split(',"')[0] + "}").encode() if draw.random() < 0.3 else ("{" + inner + "," + inner + "}").encode()
    packed = pack(text, data, draw.randrange(3))
    if kind == 9:
        choice = draw.randrange(4)
        if choice == 0:
            packed = packed[:draw.randrange(len(packed))]
        elif choice == 1:
            packed = struct.pack("<Q", draw.choice([0, 1, 2, len(text) + 1, len(text) - 1 if text else 0, 2**24 + 1, 2**63,
                                                    2**64 - 1])) + packed[8:]
    return packed


def probe(program, files, out):
    records = b"".join(struct.pack("<Q", len(data)) + data for data in files)
    done = subprocess.run([program, out], input=records, capture_output=True, timeout=600)
    rows = [json.loads(line) for line in done.stdout.decode("utf-8").split("\n")[:-1]]
    if done.returncode != 0 or len(rows) != len(files):
        raise SystemExit(f"the probe ended with {done.returncode} after {len(rows)} of {len(files)}: {done.stderr[-1000:]}")
    return rows


def reference(data):
    """{name: [type, shape, hex]}, or None when the reference refuses."""
    try:
        return {name: [entry["dtype"], list(entry["shape"]), bytes(entry["data"]).hex()] for name, entry in deserialize(data)}
    except (SafetensorError, ValueError):
        return None


def normal(tensors):
    """One spelling of types."""
    return {name: [kind.removeprefix("Dtype.").upper(), shape, data] for name, (kind, shape, data) in tensors.items()}


class Checker:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, detail=""):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"FAILED {name}: {detail}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    program = (parser.parse_args().build / "tests" / "probe_weights_safetensors").resolve()
    draw, checker = random.Random(5), Checker()
    valid = [pack(*random_file(draw)) for _ in range(400)]
    values = {"w": torch.randn(3, 5), "h": torch.randn(7).half(), "b": torch.randn(2, 2).bfloat16(), "i": torch.arange(9),
              "t": torch.tensor([True, False]), "empty": torch.zeros(0, 4)}
    valid += [save(values, {"format": "pt"}), save({"w": values["w"]}), save({})]
    mutants = [mutate(draw) for _ in range(MUTANTS)]
    with tempfile.TemporaryDirectory() as out:
        rows = probe(program, valid, out)
        wrong = [row for row, data in zip(rows, valid) if "error" in row or normal(row["tensors"]) != normal(reference(data))]
        checker.check("valid files are read alike", not wrong, f"{len(wrong)}, first {wrong[:1]}")
        written = [reference((Path(out) / f"{number}.safetensors").read_bytes()) for number in range(len(valid))]
        wrong = [number for number, row in enumerate(rows) if written[number] is None or normal(written[number]) != normal(row["tensors"])]
        checker.check("files that we write are read alike", not wrong, f"{len(wrong)}, first {wrong[:1]}")
        with safe_open(Path(out) / f"{len(valid) - 3}.safetensors", "pt") as file:
            same = all(torch.equal(file.get_tensor(name), value) for name, value in values.items())
            checker.check("tensors and metadata survive", same and file.metadata() == {"format": "pt"})
    with tempfile.TemporaryDirectory() as out:
        rows = probe(program, mutants, out)
    accepted = stricter = 0
    reasons, bad = {}, []
    for row, data in zip(rows, mutants):
        theirs = reference(data)
        if "error" not in row:
            accepted += 1
            if theirs is None or normal(theirs) != normal(row["tensors"]):
                bad.append(data)
        elif theirs is not None:
            stricter += 1
            reason = "".join(c for c in row["error"] if not c.isdigit())[-60:]
            reasons.setdefault(reason, data)
    print(f"{len(mutants)} mutated files: {accepted} accepted, {stricter} refused that the reference accepts, {len(reasons)} reasons")
    for reason in sorted(reasons):
        print(f"  stricter: ...{reason}")
    checker.check("what we accept the reference accepts alike", not bad, f"{len(bad)}, first {bad[:1]}")
    checker.check("enough mutants of either kind", accepted > 500 and len(mutants) - accepted > 1000 and stricter > 20)
    print(f"{checker.passed} passed, {checker.failed} failed")
    return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
