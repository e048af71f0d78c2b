"""The engines that compare_peers.py times: one way to ask each for greedy tokens and for passes of several rows."""

import subprocess
import time

import torch
import torch.nn.functional as F

PROMPT = list(range(3, 67))


class Probe:
    """dynexec in a process of its own, its layers and head in `format`."""

    def __init__(self, path, folder, positions, format):
        self.name, self.format = "dynexec", format
        self.process = subprocess.Popen([path, folder, str(positions), format], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.weight_bytes = float(self.ask("bytes")[0])

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

    def rows(self, count):
        return float(self.ask(f"rows {count} 1")[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Transformers:
    def __init__(self, model):
        self.name, self.format, self.model = "transformers", "fp32", model
        self.weight_bytes = 4 * sum(p.numel() for p in model.parameters())

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

    def __init__(self, model):
        self.name, self.format = "plain PyTorch loop", "fp32"
        self.weight_bytes = 4 * sum(p.numel() for p in model.parameters())
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
