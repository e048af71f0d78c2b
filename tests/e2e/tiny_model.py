"""A target and a draft model of a few thousand random parameters, in the Hugging Face layout."""

import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

HIDDEN, HEADS, KV_HEADS, INNER, VOCAB = 64, 4, 2, 96, 257


def byte_symbols():
    """The printable stand-ins that byte-level tokenizers use for the 256 bytes."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    symbols, extra = {}, 0
    for byte in range(256):
        if byte in kept:
            symbols[byte] = chr(byte)
        else:
            symbols[byte] = chr(256 + extra)
            extra += 1
    return symbols


def tokenizer():
    vocab = {symbol: byte for byte, symbol in byte_symbols().items()}
    vocab["<|end|>"] = 256
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": 256, "content": "<|end|>", "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True}],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": []},
    }


def weights(layers, seed):
    random = np.random.default_rng(seed)

    def matrix(rows, columns):
        return (random.standard_normal((rows, columns)) * columns ** -0.5).astype(np.float32)

    head = HIDDEN // HEADS
    tensors = {"model.embed_tokens.weight": matrix(VOCAB, HIDDEN), "model.norm.weight": np.ones(HIDDEN, np.float32),
               "lm_head.weight": matrix(VOCAB, HIDDEN)}
    for layer in range(layers):
        name = f"model.layers.{layer}."
        tensors.update({
            name + "self_attn.q_proj.weight": matrix(HEADS * head, HIDDEN),
            name + "self_attn.k_proj.weight": matrix(KV_HEADS * head, HIDDEN),
            name + "self_attn.v_proj.weight": matrix(KV_HEADS * head, HIDDEN),
            name + "self_attn.o_proj.weight": matrix(HIDDEN, HEADS * head),
            name + "mlp.gate_proj.weight": matrix(INNER, HIDDEN),
            name + "mlp.up_proj.weight": matrix(INNER, HIDDEN),
            name + "mlp.down_proj.weight": matrix(HIDDEN, INNER),
            name + "input_layernorm.weight": np.ones(HIDDEN, np.float32),
            name + "post_attention_layernorm.weight": np.ones(HIDDEN, np.float32),
        })
    return tensors


def make_model(folder, layers, seed):
    folder.mkdir(parents=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
              "intermediate_size": INNER, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
              "num_hidden_layers": layers, "vocab_size": VOCAB, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "float32",
              "bos_token_id": None, "eos_token_id": 256}
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    save_file(weights(layers, seed), str(folder / "model.safetensors"))


def make(folder):
    """folder/models with target and draft; returns that folder."""
    models = pathlib.Path(folder) / "models"
    if not models.exists():
        make_model(models / "target", 3, 1)
        make_model(models / "draft", 1, 2)
    return models
