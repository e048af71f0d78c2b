"""llama.cpp as an engine of compare_peers.py, through llama-cpp-python (scripts/requirements-peers.txt): GGUF files of Llama weights, and their decoding."""

import ctypes
import time

import gguf
import llama_cpp
import numpy as np
from peer_engines import PROMPT

FORMATS = {"q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0}


@llama_cpp.llama_log_callback
def quiet(level, text, data):
    pass


def paired_rotation(weight, heads):
    """Rows of a query or key projection in the order that llama.cpp rotates: neighbours instead of halves."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).transpose(0, 2, 1, 3).reshape(weight.shape)


def write_gguf(model, path):
    """Writes the fp32 weights of a transformers Llama with a tied head, without a vocabulary."""
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(model.model.rotary_emb.config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("none")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)

    def add(name, tensor):
        writer.add_tensor(name, np.ascontiguousarray(tensor))

    add("token_embd.weight", model.model.embed_tokens.weight.detach().numpy())
    add("output_norm.weight", model.model.norm.weight.detach().numpy())
    if not config.tie_word_embeddings:
        add("output.weight", model.lm_head.weight.detach().numpy())
    for index, layer in enumerate(model.model.layers):
        weights = {
            "attn_norm": layer.input_layernorm, "attn_q": layer.self_attn.q_proj, "attn_k": layer.self_attn.k_proj, "attn_v": layer.self_attn.v_proj,
            "attn_output": layer.self_attn.o_proj, "ffn_norm": layer.post_attention_layernorm, "ffn_gate": layer.mlp.gate_proj,
            "ffn_up": layer.mlp.up_proj, "ffn_down": layer.mlp.down_proj}
        for name, module in weights.items():
            weight = module.weight.detach().numpy()
            if name == "attn_q":
                weight = paired_rotation(weight, config.num_attention_heads)
            elif name == "attn_k":
                weight = paired_rotation(weight, config.num_key_value_heads)
            add(f"blk.{index}.{name}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class LlamaCpp:
    """Keys and values in fp32 as in the other engines. A time is that of llama_decode alone: what Python does between the calls is not llama.cpp's."""

    def __init__(self, path, format, positions):
        llama_cpp.llama_log_set(quiet, None)
        self.name, self.format = "llama.cpp", format
        if format != "f32":
            parameters = llama_cpp.llama_model_quantize_default_params()
            parameters.ftype, parameters.pure = FORMATS[format], True
            target = path.with_suffix(f".{format}.gguf")
            if llama_cpp.llama_model_quantize(str(path).encode(), str(target).encode(), ctypes.byref(parameters)) != 0:
                raise SystemExit(f"llama.cpp cannot quantise {path} to {format}")
            path = target
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        self.weight_bytes = llama_cpp.llama_model_size(self.model)
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        context = llama_cpp.llama_context_default_params()
        context.n_ctx, context.n_batch, context.n_ubatch = positions, 512, 512
        context.type_k = context.type_v = llama_cpp.GGML_TYPE_F32
        context.no_perf = True
        self.context = llama_cpp.llama_init_from_model(self.model, context)
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(512, 0, 1)

    def threads(self, count):
        llama_cpp.llama_set_n_threads(self.context, count, count)

    def forward(self, tokens, position, all_logits):
        """Seconds of one pass."""
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = token, position + i, 1, 0
            batch.logits[i] = all_logits or i + 1 == len(tokens)
        start = time.perf_counter()
        code = llama_cpp.llama_decode(self.context, batch)
        seconds = time.perf_counter() - start
        if code != 0:
            raise SystemExit(f"llama_decode answers {code}")
        return seconds

    def best_token(self):
        return int(np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.context, -1), (self.vocab,)).argmax())

    def decode(self, count):
        llama_cpp.llama_memory_clear(self.memory, False)
        self.forward(PROMPT, 0, False)
        token, tokens, position, seconds = self.best_token(), [], len(PROMPT), 0.0
        while len(tokens) < count:
            tokens.append(token)
            seconds += self.forward([token], position, False)
            token = self.best_token()
            position += 1
        self.length = position
        return seconds, tokens

    def rows(self, count):
        seconds = self.forward([1] * count, self.length, True)
        llama_cpp.llama_memory_seq_rm(self.memory, 0, self.length, -1)
        return seconds

    def close(self):
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)
