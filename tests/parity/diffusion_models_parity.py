"""Holds the networks of a diffusers pipeline against diffusers and transformers: U-Net, image decoder, CLIP text encoder.

Usage: diffusion_models_parity.py --build BUILD [CASE...]   (BUILD/tests/probe_models_diffusion)
Random weights: tiny networks of many configurations, and the three networks in Stable Diffusion 1.5's full shape ("sd15_full", "vae_sd15_full", "clip_sd15_full").
The multiply-accumulates that the probe counts are held against hooks on the reference. Ends with "N passed, N failed";
the exit status is non-zero on failure.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

TOLERANCE, FULL_TOLERANCE = 1e-4, 1e-3  # largest difference relative to the largest value
TIMESTEPS = [0, 12.5, 481, 999]
CROSS_DOWN, CROSS_UP = ("CrossAttnDownBlock2D", "DownBlock2D"), ("UpBlock2D", "CrossAttnUpBlock2D")


def unet(**more):
    return dict(block_out_channels=(32, 64), down_block_types=CROSS_DOWN, up_block_types=CROSS_UP, norm_num_groups=8,
                cross_attention_dim=24, attention_head_dim=4) | more


SD1 = unet(block_out_channels=(32, 64, 96, 96), attention_head_dim=8,
           down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
           up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3)
SD2 = SD1 | dict(attention_head_dim=(2, 4, 6, 6), use_linear_projection=True, upcast_attention=True)
PLAIN = unet(down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2, mid_block_type="UNetMidBlock2D")
FULL = dict(sample_size=64, cross_attention_dim=768, attention_head_dim=8)

# name: (settings, (rows, height, width), tokens or None, how it is stored)
UNETS = {
    "sd1": (SD1, (2, 16, 16), 7, {}),
    "sd1_one_row_wide": (SD1, (1, 8, 24), 77, {}),
    "sd1_odd_size": (SD1, (2, 9, 13), 5, {}),
    "sd1_fp16": (SD1, (2, 16, 16), 7, {"dtype": torch.float16}),
    "sd1_bf16_sharded": (SD1, (1, 8, 8), 3, {"dtype": torch.bfloat16, "max_shard_size": "500KB"}),
    "sd2": (SD2, (2, 16, 16), 7, {}),
    "sd2_fp16": (SD2, (1, 16, 8), 1, {"dtype": torch.float16, "variant": "fp16"}),
    "two_levels": (unet(), (3, 8, 8), 4, {}),
    "one_level": (unet(block_out_channels=(32,), down_block_types=("CrossAttnDownBlock2D",),
                       up_block_types=("CrossAttnUpBlock2D",)), (2, 8, 8), 4, {}),
    "plain": (PLAIN, (2, 8, 8), None, {}),
    "plain_no_middle": (PLAIN | dict(mid_block_type=None), (2, 8, 8), None, {}),
    "plain_cross_middle": (PLAIN | dict(mid_block_type="UNetMidBlock2DCrossAttn"), (2, 8, 8), 4, {}),
    "cross_everywhere": (unet(down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2,
                              attention_head_dim=(2, 8), transformer_layers_per_block=(1, 2)), (2, 8, 8), 4, {}),
    "cross_up_only": (unet(down_block_types=("DownBlock2D",) * 2), (2, 8, 8), 4, {}),
    "layers_by_level": (unet(block_out_channels=(32, 64, 48), layers_per_block=(1, 3, 2), norm_num_groups=16,
                             down_block_types=CROSS_DOWN + ("DownBlock2D",),
                             up_block_types=("UpBlock2D",) + CROSS_UP), (2, 16, 8), 4, {}),
    "other_time": (unet(flip_sin_to_cos=False, freq_shift=1, time_embedding_dim=72), (2, 8, 8), 4, {}),
    "no_padding": (unet(downsample_padding=0, norm_eps=1e-3, act_fn="swish"), (2, 8, 12), 4, {}),
    "pixels": (unet(in_channels=3, out_channels=3, transformer_layers_per_block=3), (1, 16, 16), 4, {}),
    "sd15_full": (FULL, (1, 16, 16), 77, {"dtype": torch.float16, "full": True}),
}


def decoder(**more):
    levels = len(more.get("block_out_channels", (16, 32, 48)))
    return dict(block_out_channels=(16, 32, 48), down_block_types=("DownEncoderBlock2D",) * levels,
                up_block_types=("UpDecoderBlock2D",) * levels, layers_per_block=2, norm_num_groups=8) | more


DECODERS = {
    "vae": (decoder(), (2, 8, 8), {}),
    "vae_wide": (decoder(), (1, 6, 11), {}),
    "vae_one_level": (decoder(block_out_channels=(32,), layers_per_block=1), (2, 8, 8), {}),
    "vae_shift": (decoder(latent_channels=8, scaling_factor=0.36, shift_factor=0.12, out_channels=1), (1, 8, 8), {}),
    "vae_bare": (decoder(use_post_quant_conv=False, use_quant_conv=False, mid_block_add_attention=False), (1, 8, 8), {}),
    "vae_fp16": (decoder(), (1, 8, 8), {"dtype": torch.float16}),
    "vae_old_names": (decoder(), (1, 8, 8), {"old_names": True}),
    "vae_sd15_full": (decoder(block_out_channels=(128, 256, 512, 512), norm_num_groups=32), (1, 16, 16), {}),
}


def clip(**more):
    return dict(vocab_size=131, hidden_size=48, intermediate_size=120, num_hidden_layers=3, num_attention_heads=6,
                max_position_embeddings=77, projection_dim=32, bos_token_id=0, eos_token_id=1) | more


# name: (settings, layers left out, how it is stored)
TEXTS = {
    "clip": (clip(), 0, {}),
    "clip_gelu": (clip(hidden_act="gelu", layer_norm_eps=1e-3), 0, {}),
    "clip_penultimate": (clip(), 1, {}),
    "clip_one_layer": (clip(num_hidden_layers=1, num_attention_heads=1), 0, {}),
    "clip_fp16": (clip(), 0, {"dtype": torch.float16, "variant": "fp16"}),
    "clip_old_names": (clip(), 0, {"prefix": "text_model."}),
    "clip_sd15_full": (clip(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_attention_heads=12,
                            num_hidden_layers=12, hidden_act="quick_gelu"), 0, {"dtype": torch.float16}),
}


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() == 1:
                p.copy_(noise * 0.1 + (1.0 if "norm" in name and name.endswith("weight") else 0.0))
            else:
                p.copy_(noise * (0.5 if "embeddings" in name else 1.0 / np.sqrt(p[0].numel())))


def store(model, folder, options):
    """Saves the model as the options say; it then has the values that were stored."""
    model.to(options.get("dtype", torch.float32)).save_pretrained(
        folder, max_shard_size=options.get("max_shard_size", "9GB"), variant=options.get("variant"))
    model.float().eval()
    if "prefix" in options:
        path = folder / "model.safetensors"
        tensors = {options["prefix"] + name.removeprefix(options["prefix"]): value for name, value in load_file(path).items()}
        save_file(tensors | {options["prefix"] + "embeddings.position_ids": torch.arange(77)[None]}, path)
    if options.get("old_names"):
        path = folder / "diffusion_pytorch_model.safetensors"
        tensors = load_file(path)
        for current, former in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
            tensors = {name.replace(current, former): value for name, value in tensors.items()}
        save_file(tensors, path)


class Counter:
    """Multiply-accumulates of a module's convolutions, matrices and attention products, by part."""

    def __init__(self, model):
        self.macs = {"": 0, "prompt": 0, "times": 0}
        for name, module in model.named_modules():
            part = "times" if "time_emb" in name else "prompt" if name.endswith(("attn2.to_k", "attn2.to_v")) else ""
            if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
                module.register_forward_hook(lambda m, i, o, part=part: self.add(part, o.numel() * m.weight[0].numel()))
            elif isinstance(module, Attention):
                module.register_forward_hook(self.attention, with_kwargs=True)

    def add(self, part, macs):
        self.macs[part] += macs

    def attention(self, module, inputs, named, output):
        context = named.get("encoder_hidden_states")
        places = output.numel() // output.shape[0] // module.to_out[0].out_features
        self.add("", 2 * output.numel() * (places if context is None else context.shape[1]))


def relative(found, wanted):
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


class Checker:
    def __init__(self, probe):
        self.probe, self.passed, self.failed = probe, 0, 0

    def check(self, name, good, detail=""):
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        if not good:
            print(f"FAILED {name}: {detail}")

    def run(self, part, folder, settings, **tensors):
        """The probe's values and the figures that it prints by name."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "input"
            path.write_text(json.dumps(settings))
            for name, value in tensors.items():
                value.numpy().tofile(f"{path}.{name}")
            done = subprocess.run([self.probe, part, folder, path, path.with_suffix(".out")], capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(done.stderr)
            words = done.stdout.split()
            return np.fromfile(path.with_suffix(".out"), np.float32), dict(zip(words[::2], map(float, words[1::2])))

    def compare(self, name, found, wanted, tolerance):
        wanted = np.concatenate([part.numpy().ravel() for part in wanted])
        self.check(f"{name} size", found.size == wanted.size, f"{found.size} values of {wanted.size}")
        difference = relative(found, wanted) if found.size == wanted.size else 1.0
        self.check(name, difference <= tolerance, f"relative difference {difference:.1e}")
        return difference

    def unet(self, name, settings, shape, tokens, options, part="unet", folder=None):
        torch.manual_seed(len(name))
        model, full = UNet2DConditionModel(**settings), options.get("full")
        if not full:
            randomise(model, len(name))
        sample = torch.randn(shape[0], model.config.in_channels, *shape[1:])
        states = None if tokens is None else torch.randn(shape[0], tokens, model.config.cross_attention_dim)
        timesteps = [481] if full else TIMESTEPS
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) if folder is None else folder / "unet"
            store(model, target, options)
            counter, wanted = Counter(model), []
            parameters = sum(p.numel() for p in model.parameters())
            with torch.inference_mode():
                for t in timesteps:
                    wanted.append(model(sample, t, encoder_hidden_states=states).sample)
            del model
            gc.collect()
            tensors = {"sample": sample} | ({} if states is None else {"states": states})
            about = {"shape": list(sample.shape), "timesteps": timesteps}
            about |= {} if states is None else {"states_shape": list(states.shape)}
            found, figures = self.run(part, folder or target, about, **tensors)
        difference = self.compare(name, found, wanted, FULL_TOLERANCE if full else TOLERANCE)
        self.check(f"{name} parameters", figures["parameters"] == parameters, f"{figures} for {parameters}")
        count = len(timesteps)
        for key, macs in (("macs", counter.macs[""] / count), ("prompt", counter.macs["prompt"] / count),
                          ("times", counter.macs["times"] / shape[0])):
            self.check(f"{name} {key}", figures[key] == macs, f"counted {figures[key]:.0f}, the reference {macs:.0f}")
        print(f"{name}: {parameters:,} parameters, relative difference {difference:.1e}")

    def decoder(self, name, settings, shape, options, folder=None):
        torch.manual_seed(len(name))
        model = AutoencoderKL(**settings)
        randomise(model, len(name))
        latents = torch.randn(shape[0], model.config.latent_channels, *shape[1:])
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) if folder is None else folder / "vae"
            store(model, target, options)
            counter = Counter(model)
            with torch.inference_mode():
                wanted = model.decode(latents / model.config.scaling_factor + (model.config.shift_factor or 0)).sample
            found, figures = self.run("vae", target, {"shape": list(latents.shape)}, sample=latents)
        difference = self.compare(name, found, [wanted], TOLERANCE)
        self.check(f"{name} macs", figures["macs"] == counter.macs[""], f"{figures['macs']:.0f}, {counter.macs['']}")
        print(f"{name}: relative difference {difference:.1e}")

    def text(self, name, settings, skip, options, folder=None):
        torch.manual_seed(len(name))
        model = CLIPTextModel(CLIPTextConfig(**settings))
        randomise(model, len(name))
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) if folder is None else folder / "text_encoder"
            store(model, target, options)
            for rows, length in ((1, 1), (2, 13), (2, 77)):
                texts = torch.randint(0, settings["vocab_size"], (rows, length))
                counter = Counter(model)
                with torch.inference_mode():
                    out = model(texts, output_hidden_states=True)
                    wanted = out.last_hidden_state
                    if skip:
                        wanted = model.final_layer_norm(out.hidden_states[-1 - skip])
                found, figures = self.run("text", target, {"texts": texts.tolist(), "skip": skip})
                difference = self.compare(f"{name} {rows}x{length}", found, [wanted], TOLERANCE)
                layers, width = settings["num_hidden_layers"] - skip, settings["hidden_size"]
                macs = layers * rows * length * width * (4 * width + 2 * settings["intermediate_size"] + 2 * length)
                self.check(f"{name} {rows}x{length} macs", figures["macs"] == macs, f"{figures['macs']:.0f}, {macs}")
        print(f"{name}: relative difference {difference:.1e}")

    def pipeline(self):
        """A whole folder: the three networks as parts of one pipeline."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            kinds = {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
                     "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
                     "scheduler": ["diffusers", "DDIMScheduler"], "safety_checker": [None, None]}
            index = {"_class_name": "StableDiffusionPipeline", "requires_safety_checker": False} | kinds
            (folder / "model_index.json").write_text(json.dumps(index))
            DDIMScheduler().save_pretrained(folder / "scheduler")
            self.decoder("pipeline vae", decoder(), (1, 8, 8), {}, folder)
            self.text("pipeline text", clip(hidden_size=24), 0, {}, folder)
            self.unet("pipeline unet", SD1, (2, 8, 8), 7, {}, "pipeline", folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("cases", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    checker = Checker(arguments.build / "tests" / "probe_models_diffusion")
    for cases, run in ((UNETS, checker.unet), (DECODERS, checker.decoder), (TEXTS, checker.text),
                       ({"pipeline": ()}, lambda name: checker.pipeline())):
        for name, case in cases.items():
            if not arguments.cases or name in arguments.cases:
                run(name, *case)
    print(f"{checker.passed} passed, {checker.failed} failed")
    return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
