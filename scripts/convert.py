#!/usr/bin/env python3
"""Converts checkpoints to a model folder in Hugging Face layout.

    convert.py stories260K.bin OUT [--tokenizer tok512.bin]   llama2.c, legacy and version 1
    convert.py pytorch_model.bin OUT                          a PyTorch state dict (.bin, .pt, .pth, .th)
    convert.py FOLDER OUT                                     a folder with pytorch_model.bin or its shards
    convert.py resnet20.th OUT --config '{"architecture": "cifar_resnet20"}'   with what its config.json shall say
    convert.py weights.pth OUT.safetensors                    the tensors alone

PyTorch files are loaded with weights_only=True, so that no code in them runs.
"""

import argparse
import json
import os
import shutil
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np

LLAMA2C_MAGIC = 0x616B3432
LLAMA2C_HEADER = 256  # bytes of a version-1 header
FIRST_BYTE_TOKEN = 3  # llama2.c: <unk>, BOS, EOS, then the 256 bytes
MAX_DIM = 1 << 20
MAX_TOKEN_BYTES = 1 << 12
JSON_FILES = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
              "special_tokens_map.json"]


class ConversionError(Exception):
    """What is wrong, where, and what to do."""

    def __init__(self, what, where, hint):
        super().__init__(f"error: {where}: {what}\n  hint: {hint}")


# --- llama2.c checkpoints ---------------------------------------------------------------------------------------

class Shape:
    """The seven integers of a llama2.c header."""

    def __init__(self, numbers, tied, path):
        self.dim, self.hidden, self.layers, self.heads, self.kv_heads, self.vocab, self.positions = numbers
        self.tied = tied
        damaged = "the file is no llama2.c checkpoint, or damaged; download it again"
        for name, value in vars(self).items():
            if name != "tied" and not 0 < value <= MAX_DIM:
                raise ConversionError(f"the header gives {name} = {value}", path, damaged)
        if self.dim % self.heads != 0 or (self.dim // self.heads) % 2 != 0:
            raise ConversionError(f"{self.heads} heads do not divide the width {self.dim} evenly", path, damaged)
        if self.heads % self.kv_heads != 0:
            raise ConversionError(f"{self.kv_heads} key heads do not divide {self.heads} heads", path, damaged)
        self.head_dim = self.dim // self.heads
        self.kv_dim = self.head_dim * self.kv_heads

    def layer_tensors(self):
        """Name in the file's order of a layer's matrices -> shape."""
        return {"wq": (self.dim, self.dim), "wk": (self.kv_dim, self.dim), "wv": (self.kv_dim, self.dim),
                "wo": (self.dim, self.dim), "w1": (self.hidden, self.dim), "w2": (self.dim, self.hidden),
                "w3": (self.hidden, self.dim)}


def file_order(shape, version):
    """(name, shape of the whole block) in the order in which the file stores them; "skip" is not used."""
    layers, dim = shape.layers, shape.dim
    matrices = [(name, (layers, *extent)) for name, extent in shape.layer_tensors().items()]
    attention, feed_forward = matrices[:4], matrices[4:]
    embedding, head = ("embedding", (shape.vocab, dim)), [] if shape.tied else [("head", (shape.vocab, dim))]
    norm_attention, norm_feed_forward, norm = ("norm_attention", (layers, dim)), ("norm_ffn", (layers, dim)), ("norm", (dim,))
    if version == 0:
        rotations = ("skip", (2, shape.positions, shape.head_dim // 2))
        return [embedding, norm_attention, *attention, norm_feed_forward, *feed_forward, norm, rotations, *head]
    return [norm_attention, norm_feed_forward, norm, embedding, *attention, *feed_forward, *head]


def read_llama2c(path):
    """Shape and float32 arrays by name of a legacy or version-1 checkpoint."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(LLAMA2C_HEADER)
    if len(start) < 28:
        raise ConversionError(f"{size} bytes are too few for a llama2.c checkpoint", path, "download the file again")
    if struct.unpack_from("<I", start)[0] == LLAMA2C_MAGIC:
        version = struct.unpack_from("<i", start, 4)[0]
        if version != 1 or len(start) < LLAMA2C_HEADER:
            raise ConversionError(f"llama2.c format version {version} is not supported", path,
                                  "export the model as version 1 (float32)")
        if start[36] > 1:
            raise ConversionError(f"the flag of a shared head is {start[36]}", path, "the file is damaged; download it again")
        shape, offset = Shape(struct.unpack_from("<7i", start, 8), start[36] == 1, path), LLAMA2C_HEADER
    else:
        version, offset = 0, 28
        numbers = list(struct.unpack_from("<7i", start))
        tied = numbers[5] > 0  # a negative vocabulary says that the head is stored
        numbers[5] = abs(numbers[5])
        shape = Shape(numbers, tied, path)
    blocks = file_order(shape, version)
    wanted = offset + 4 * sum(int(np.prod(extent, dtype=object)) for _, extent in blocks)
    if wanted != size:
        raise ConversionError(f"the header asks for {wanted} bytes, the file has {size}", path,
                              "the file is no llama2.c checkpoint, or incomplete; download it again")
    arrays = {}
    for name, extent in blocks:
        count = int(np.prod(extent))
        if name != "skip":
            arrays[name] = np.fromfile(path, dtype="<f4", count=count, offset=offset).reshape(extent)
        offset += 4 * count
    return shape, arrays


def half_split(matrix, heads):
    """Rows of a q or k projection from adjacent rotation pairs (2i, 2i+1) to halves (i, i + d/2) of every head."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def llama_tensors(shape, arrays, dtype):
    tensors = {"model.embed_tokens.weight": arrays["embedding"], "model.norm.weight": arrays["norm"]}
    if not shape.tied:
        tensors["lm_head.weight"] = arrays["head"]
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        tensors |= {
            prefix + "input_layernorm.weight": arrays["norm_attention"][layer],
            prefix + "post_attention_layernorm.weight": arrays["norm_ffn"][layer],
            prefix + "self_attn.q_proj.weight": half_split(arrays["wq"][layer], shape.heads),
            prefix + "self_attn.k_proj.weight": half_split(arrays["wk"][layer], shape.kv_heads),
            prefix + "self_attn.v_proj.weight": arrays["wv"][layer],
            prefix + "self_attn.o_proj.weight": arrays["wo"][layer],
            prefix + "mlp.gate_proj.weight": arrays["w1"][layer],
            prefix + "mlp.down_proj.weight": arrays["w2"][layer],
            prefix + "mlp.up_proj.weight": arrays["w3"][layer],
        }
    return {name: np.ascontiguousarray(value, dtype=dtype) for name, value in tensors.items()}


def llama_config(shape, dtype):
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": shape.vocab,
        "hidden_size": shape.dim, "intermediate_size": shape.hidden, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "max_position_embeddings": shape.positions, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": shape.tied,
        "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": np.dtype(dtype).name,
    }


# --- llama2.c tokenizers ----------------------------------------------------------------------------------------

def read_llama2c_tokenizer(path, vocab):
    """[(score, bytes)] by id."""
    data, tokens, at = path.read_bytes(), [], 4
    damaged = "the file is damaged or belongs to another model; download it again"
    while at < len(data):
        if len(data) - at < 8:
            raise ConversionError(f"token {len(tokens)} is cut off", path, damaged)
        score, length = struct.unpack_from("<fi", data, at)
        if not 0 <= length <= min(MAX_TOKEN_BYTES, len(data) - at - 8) or score != score:
            raise ConversionError(f"token {len(tokens)} has the length {length} and the score {score}", path, damaged)
        tokens.append((score, data[at + 8:at + 8 + length]))
        at += 8 + length
    if len(tokens) != vocab or vocab < FIRST_BYTE_TOKEN + 256:
        raise ConversionError(f"{len(tokens)} tokens for a vocabulary of {vocab}", path, damaged)
    return tokens


def token_names(tokens, path):
    """Token strings by id: special tokens and bytes by their usual names, pieces as they are, with plain spaces."""
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    for token, (_, text) in enumerate(tokens[len(names):], len(names)):
        try:
            names.append(text.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ConversionError(f"token {token} is not UTF-8 ({error})", path, "download the file again") from error
    if len(set(names)) != len(names) or "" in names:
        raise ConversionError("a token is empty or occurs twice", path, "download the file again")
    return names


def ordered_merges(tokens, names):
    """Pairs by falling score of the token that they make: the greedy rule "best score first" as ranks.

    Ranks equal the greedy rule exactly unless two tokens share a score, or one token can be made from two overlapping
    pairs (a b and b c of a b c): then the greedy rule takes the leftmost. Returns the tokens for which that can matter.
    """
    ids = {name: token for token, name in enumerate(names)}
    pieces = range(FIRST_BYTE_TOKEN + 256, len(names))
    merges, unsure, scores = [], [], {}
    for token in pieces:
        name = names[token]
        cuts = [(name[:cut], name[cut:]) for cut in range(1, len(name))]
        pairs = sorted((ids[left], ids[right]) for left, right in cuts if left in ids and right in ids)
        if any((left, right) != (right, other) and right == first
               for left, right in pairs for first, other in pairs):
            unsure.append(name)
        if pairs and tokens[token][0] in scores:
            unsure.append(name)
        if pairs:
            scores[tokens[token][0]] = token
        merges += [(-tokens[token][0], token, left, right) for left, right in pairs]
    return [[names[left], names[right]] for _, _, left, right in sorted(merges)], unsure


def tokenizer_json(names, merges):
    special = [{"id": token, "content": names[token], "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True} for token in range(FIRST_BYTE_TOKEN)]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "Prepend", "prepend": " "}, "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"},
                                                     {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": {name: token for token, name in enumerate(names)}, "merges": merges},
    }


def find_llama2c_tokenizer(checkpoint, vocab):
    for name in (f"tok{vocab}.bin", "tokenizer.bin"):
        if (checkpoint.parent / name).is_file():
            return checkpoint.parent / name
    raise ConversionError(f"no tok{vocab}.bin or tokenizer.bin beside it", checkpoint, "name it with --tokenizer")


def convert_llama2c(source, out, tokenizer, dtype):
    from safetensors.numpy import save

    shape, arrays = read_llama2c(source)
    tokenizer = tokenizer or find_llama2c_tokenizer(source, shape.vocab)
    tokens = read_llama2c_tokenizer(tokenizer, shape.vocab)
    names = token_names(tokens, tokenizer)
    merges, unsure = ordered_merges(tokens, names)
    if unsure:
        print(f"note: the greedy rule is ambiguous for {len(unsure)} tokens, for example {unsure[0]!r}: "
              "rare texts may be cut differently than by llama2.c", file=sys.stderr)
    write(out / "model.safetensors", save(llama_tensors(shape, arrays, dtype), {"format": "pt"}))
    write_json(out / "tokenizer.json", tokenizer_json(names, merges))
    write_json(out / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>",
                                               "eos_token": "</s>", "unk_token": "<unk>",
                                               "model_max_length": shape.positions})
    # These models were trained on texts that each begin with BOS and lack EOS: BOS ends a text as well.
    write_json(out / "generation_config.json", {"bos_token_id": 1, "eos_token_id": [2, 1]})
    write_json(out / "config.json", llama_config(shape, dtype))


# --- PyTorch state dicts ----------------------------------------------------------------------------------------

def load_state_dict(path):
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged or unsafe file
        reason = str(error).strip().split("\n")[0]
        raise ConversionError(f"PyTorch refuses to load it safely: {reason}", path,
                              "use a checkpoint that holds tensors only, or its safetensors release") from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    tensors = {}
    for name, value in loaded.items() if isinstance(loaded, dict) else []:
        if isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized:
            tensors[str(name)] = value.detach().contiguous()
        else:
            print(f"note: {name} is no plain tensor and is left out", file=sys.stderr)
    if not tensors:
        raise ConversionError("the file holds no tensors", path, "give a state dict")
    if all(name.startswith("module.") for name in tensors):  # torch.nn.DataParallel
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors


def shards_of(folder):
    single, index = folder / "pytorch_model.bin", folder / "pytorch_model.bin.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        raise ConversionError("no pytorch_model.bin and no index of shards", folder, "name the checkpoint file itself")
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConversionError(f"no weight_map of file names ({error})", index, "download the index again") from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not (folder / name).is_file():
            raise ConversionError(f"shard {name!r} is missing or outside the folder", index, "download the shards again")
    return [folder / name for name in names]


def convert_pytorch(source, out, config):
    from safetensors.torch import save

    tensors, seen = {}, set()
    for shard in shards_of(source) if source.is_dir() else [source]:
        tensors |= load_state_dict(shard)
    for name, value in tensors.items():  # tied weights share their memory; the file stores each name on its own
        if value.data_ptr() in seen:
            tensors[name] = value.clone()
        seen.add(value.data_ptr())
    data = save(tensors, {"format": "pt"})
    if out.suffix == ".safetensors":
        return write(out, data)
    folder = source if source.is_dir() else source.parent
    for name in JSON_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    if config is not None:
        write_json(out / "config.json", config)
    write(out / "model.safetensors", data)
    if not (out / "config.json").exists():
        print("note: there was no config.json beside the checkpoint; a model folder needs one", file=sys.stderr)


# --- files and command line -------------------------------------------------------------------------------------

def write(path, data):
    """As a whole or not at all: a temporary sibling takes the name once it is on the medium."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path, value):
    write(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8"))


def is_pytorch(path):
    """A zip archive or a pickle; anything else is taken for llama2.c."""
    with path.open("rb") as file:
        start = file.read(4)
    return start[:4] == b"PK\x03\x04" or (len(start) >= 2 and start[0] == 0x80 and start[1] in (2, 3, 4, 5))


def parse_config(text):
    if text is None:
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise ConversionError(f"not JSON: {error}", "--config", "quote it for the shell: --config '{\"key\": 1}'") from error
    if not isinstance(config, dict):
        raise ConversionError("not a JSON object", "--config", "give {...}")
    return config


def convert(arguments):
    source, out = arguments.source, arguments.out
    if not source.exists():
        raise ConversionError("no such file or folder", source, "check the path")
    target = out if out.suffix == ".safetensors" else out / "model.safetensors"
    if target.exists() and not arguments.force:
        raise ConversionError("it exists already", target, "give another folder, or --force to replace it")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() or is_pytorch(source):
        convert_pytorch(source, out, parse_config(arguments.config))
    elif out.suffix == ".safetensors":
        raise ConversionError("a llama2.c checkpoint becomes a folder", out, "give a folder's name")
    else:
        convert_llama2c(source, out, arguments.tokenizer, np.float16 if arguments.half else np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="checkpoint or folder")
    parser.add_argument("out", type=Path, help="model folder to write, or a .safetensors file")
    parser.add_argument("--tokenizer", type=Path, help="llama2.c tokenizer (default: tok<vocab>.bin or tokenizer.bin beside it)")
    parser.add_argument("--config", metavar="JSON", help="content of config.json, for a PyTorch file that has none beside it")
    parser.add_argument("--half", action="store_true", help="store llama2.c weights in half precision")
    parser.add_argument("--force", action="store_true", help="replace an existing model")
    try:
        convert(parser.parse_args())
    except ConversionError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or ''}: {error.strerror or error}\n  hint: check path, permissions and free space",
              file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
