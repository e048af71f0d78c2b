"""Holds whole pictures against diffusers' pipelines: texts to token ids, guidance, samplers, image decoder, patches of
pixels, deep features that are reused.

Usage: pictures_parity.py --build BUILD [CASE...]   (BUILD/tests/probe_pictures_draw)
Tiny random pipelines, fixed noise. Ends with "N passed, N failed"; the exit status is non-zero on failure.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers
from diffusers import (AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler,
                       HeunDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel, UniPCMultistepScheduler)
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, PreTrainedTokenizerFast

from diffusion_models_parity import randomise

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

TOLERANCE = 1e-3  # of pixels from 0 to 1
STEPS, LENGTH, SIDE = 10, 20, 8
TRAINED = ["a red circle above a blue square's edge", "the big green triangle, left of 12 yellow dots!",
           "Ünïcode café don't we've they'll"]
TEXTS = ["a red circle above a blue square", "the Big GREEN triangle's 12 dots!!! " * 4]
ODD_TEXTS = TEXTS + [
    "", " ", "\t\n  two   blanks ", "don't we've they'll I'm he'd it's", "1234567890 12.5e-3", "!!! ... ?! --", "hello!",
    "Ünïcödé CAFÉ é e\u0301 ΣΊΣΥΦΟΣ İstanbul ß", "日本語 の テキスト", "emoji 🙂🙃 👩‍👩‍👧", "a\u200bb\u00a0c\u3000d",
    "<|startoftext|> inside <|endoftext|>", "<|STARTOFTEXT|>", "a<|endoftext|>b", "_under_score #tag @name", "x" * 200,
    "\u0000\u0007control", "'s 't 'S", "½ ² Ⅷ ٣", "word" * 50 + " tail",
]
NOISE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
DDIM = DDIMScheduler(**NOISE, clip_sample=False, set_alpha_to_one=False)

# name: (scheduler, guidance, negative text, cache interval, cache branch)
PIPELINES = {
    "ddim": (DDIM, 7.5, "", 1, 0),
    "ddim_unguided": (DDIM, 1.0, "", 1, 0),
    "ddim_negative": (DDIM, 3.0, "a blue dot", 1, 0),
    "ddim_v": (DDIMScheduler(**NOISE, clip_sample=False, prediction_type="v_prediction"), 2.0, "", 1, 0),
    "euler": (EulerDiscreteScheduler(**NOISE, timestep_spacing="leading"), 7.5, "", 1, 0),
    "euler_karras": (EulerDiscreteScheduler(**NOISE, use_karras_sigmas=True), 2.0, "", 1, 0),
    "heun": (HeunDiscreteScheduler(**NOISE), 2.0, "", 1, 0),
    "dpmpp_2m": (DPMSolverMultistepScheduler(**NOISE), 7.5, "", 1, 0),
    "unipc": (UniPCMultistepScheduler(**NOISE), 7.5, "", 1, 0),
    "cache_0": (DDIM, 7.5, "", 3, 0),
    "cache_1": (DDIM, 7.5, "", 2, 1),
    "cache_2": (DDIM, 1.0, "", 4, 2),
    "cache_3": (DDIM, 7.5, "", 3, 3),
    "cache_5": (DDIM, 7.5, "", 5, 5),
}


@functools.cache
def trained_pairs():
    """A small vocabulary, which lacks the end-of-word form of most bytes, and its merges."""
    trained = CLIPTokenizer().backend_tokenizer
    trained.train_from_iterator(TRAINED * 20, trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), end_of_word_suffix="</w>",
        show_progress=False))
    model = json.loads(trained.to_str())["model"]
    vocab = model["vocab"]
    return vocab | {"<|startoftext|>": len(vocab), "<|endoftext|>": len(vocab) + 1}, model["merges"]


def clip_tokenizer(**more):
    vocab, merges = trained_pairs()
    return CLIPTokenizer(vocab=vocab, merges=[tuple(pair) for pair in merges], model_max_length=LENGTH, **more)


def word_tokenizer():
    """Whole words between [CLS] and [SEP]."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + sorted({word for text in TRAINED for word in text.lower().split()})
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]",
                                                             special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
                                   pad_token="[PAD]", model_max_length=LENGTH)


def split_files(folder, tokenizer):
    """vocab.json and merges.txt instead of tokenizer.json, as checkpoints of Stable Diffusion have it."""
    (folder / "tokenizer.json").unlink()
    tokenizer.backend_tokenizer.model.save(str(folder))


def unet(**more):
    return UNet2DConditionModel(**dict(
        sample_size=SIDE, block_out_channels=(32, 64), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), norm_num_groups=8, cross_attention_dim=24,
        attention_head_dim=4) | more)


def text_encoder(vocab):
    return CLIPTextModel(CLIPTextConfig(vocab_size=vocab, hidden_size=24, intermediate_size=48, num_hidden_layers=2,
                                        num_attention_heads=4, max_position_embeddings=LENGTH, bos_token_id=0, eos_token_id=1))


def seeded(model, seed):
    randomise(model, seed)
    return model.eval()


def reuse_deep_features(unet, interval, branch):
    """DeepCache: in all but every interval-th evaluation, modules below the branch answer as they did last."""
    block, layer = divmod(branch, unet.config.layers_per_block + 1)
    evaluations, forward = [-1], unet.forward

    def count(*inputs, **named):
        evaluations[0] += 1
        return forward(*inputs, **named)

    def remember(module):
        whole, last = module.forward, []

        def answer(*inputs, **named):
            if evaluations[0] % interval == 0:
                last[:] = [whole(*inputs, **named)]
            return last[0]
        module.forward = answer

    unet.forward = count
    remember(unet.mid_block)
    for blocks, way in ((unet.down_blocks, "down"), (list(unet.up_blocks)[::-1], "up")):
        for i, part in enumerate(blocks):
            for modules in (part.resnets, getattr(part, "attentions", [])):
                for j, module in enumerate(modules if way == "down" else list(modules)[::-1]):
                    if i > block or (i == block and (j >= layer if way == "down" else j > layer)):
                        remember(module)
            for module in getattr(part, "downsamplers", None) or []:
                if i >= block:
                    remember(module)
            for module in getattr(part, "upsamplers", None) or []:
                if i > block:
                    remember(module)


class Checker:
    def __init__(self, probe):
        self.probe, self.passed, self.failed = probe, 0, 0

    def check(self, name, good, detail=""):
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        if not good:
            print(f"FAILED {name}: {detail}")

    def run(self, part, folder, settings, noise=None):
        """What the probe writes and the figures that it prints by name."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "input"
            path.write_text(json.dumps(settings))
            if noise is not None:
                noise.numpy().tofile(f"{path}.noise")
            done = subprocess.run([self.probe, part, folder, path, path.with_suffix(".out")],
                                  env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(done.stderr)
            words = done.stdout.split()
            return path.with_suffix(".out").read_bytes(), dict(zip(words[::2], map(float, words[1::2])))

    def pictures(self, name, folder, noise, wanted, guidance, negative="", interval=1, branch=0):
        """wanted: pixels from 0 to 1. Returns the figures and the largest difference."""
        written, figures = self.run("draw", folder, {
            "texts": TEXTS, "steps": STEPS, "guidance": guidance, "negative": negative, "cache_interval": interval,
            "cache_branch": branch}, noise)
        found = (np.frombuffer(written, np.float32) + 1) / 2
        difference = np.abs(found - wanted.numpy().ravel()).max() if found.size == wanted.numel() else np.inf
        self.check(name, difference <= TOLERANCE, f"{found.size} pixels of {wanted.numel()}, difference {difference:.1e}")
        deviation = float(wanted.std())
        self.check(f"{name} shows something", deviation > 0.02, f"standard deviation {deviation:.3f}")
        print(f"{name}: largest difference {difference:.1e}, standard deviation {deviation:.2f}")
        return figures

    def tokens(self, name, folder, tokenizer):
        wanted = tokenizer(ODD_TEXTS, padding="max_length", max_length=LENGTH, truncation=True).input_ids
        found = json.loads(self.run("tokens", folder, {"texts": ODD_TEXTS, "positions": LENGTH})[0])
        for text, ours, theirs in zip(ODD_TEXTS, found, wanted):
            self.check(f"{name} {text[:40]!r}", ours == theirs, f"{ours}, the reference {theirs}")

    def tokenizers(self, name):
        """token ids of odd texts; Stable Diffusion 2 fills up with "!"."""
        for kind, make in (("clip", clip_tokenizer), ("clip_marks", lambda: clip_tokenizer(pad_token="!")),
                           ("words", word_tokenizer)):
            with tempfile.TemporaryDirectory() as scratch:
                folder, tokenizer = Path(scratch), make()
                tokenizer.save_pretrained(folder)
                self.tokens(f"{name} {kind} tokenizer.json", folder, type(tokenizer).from_pretrained(folder))
                if kind != "words":
                    split_files(folder, tokenizer)
                    self.tokens(f"{name} {kind} vocab.json", folder, CLIPTokenizer.from_pretrained(folder))

    def pipeline(self, name, scheduler, guidance, negative, interval, branch):
        tokenizer = clip_tokenizer()
        vae = AutoencoderKL(block_out_channels=(16, 32), down_block_types=("DownEncoderBlock2D",) * 2,
                            up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=8)
        pipe = StableDiffusionPipeline(
            vae=seeded(vae, 1), text_encoder=seeded(text_encoder(len(tokenizer)), 2), tokenizer=tokenizer,
            unet=seeded(unet(), 3), scheduler=scheduler, safety_checker=None, feature_extractor=None,
            requires_safety_checker=False)
        pipe.set_progress_bar_config(disable=True)
        noise = torch.randn(len(TEXTS), 4, SIDE, SIDE, generator=torch.Generator().manual_seed(4))
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            pipe.save_pretrained(folder)
            split_files(folder / "tokenizer", tokenizer)
            if interval > 1:
                reuse_deep_features(pipe.unet, interval, branch)
            wanted = pipe(TEXTS, negative_prompt=[negative] * len(TEXTS), guidance_scale=guidance, latents=noise,
                          num_inference_steps=STEPS, output_type="pt").images
            figures = self.pictures(name, folder, noise, wanted, guidance, negative, interval, branch)
        evaluations = len(pipe.scheduler.timesteps)
        reused = sum(i % interval != 0 for i in range(evaluations))
        rows = 2 if guidance > 1 else 1
        expected = {"steps": STEPS, "evaluations": rows * evaluations, "reused": rows * reused}
        self.check(f"{name} figures", all(figures[key] == value for key, value in expected.items()), f"{figures}, {expected}")

    def patches(self, name):
        """A U-Net on squares of pixels with a text encoder and no vae, which diffusers has no pipeline for."""
        tokenizer, patch, guidance, scheduler = word_tokenizer(), 2, 3.0, DDIMScheduler(**NOISE)
        encoder, network = seeded(text_encoder(len(tokenizer)), 5), seeded(unet(in_channels=12, out_channels=12), 6)
        noise = torch.randn(len(TEXTS), 12, SIDE, SIDE, generator=torch.Generator().manual_seed(7))
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            for part, module in (("unet", network), ("text_encoder", encoder), ("tokenizer", tokenizer), ("scheduler", scheduler)):
                module.save_pretrained(folder / part)
            (folder / "model_index.json").write_text(json.dumps({
                "_class_name": "TextToPixels", "patch": patch, "unet": ["diffusers", "UNet2DConditionModel"],
                "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
                "scheduler": ["diffusers", "DDIMScheduler"]}))
            ids = tokenizer([""] * len(TEXTS) + TEXTS, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt").input_ids
            scheduler.set_timesteps(STEPS)
            latents = noise
            with torch.inference_mode():
                states = encoder(ids).last_hidden_state
                for t in scheduler.timesteps:
                    negative, text = network(torch.cat([latents] * 2), t, encoder_hidden_states=states).sample.chunk(2)
                    latents = scheduler.step(negative + guidance * (text - negative), t, latents).prev_sample
            wanted = (torch.nn.functional.pixel_shuffle(latents, patch) / 2 + 0.5).clamp(0, 1)
            self.pictures(name, folder, noise, wanted, guidance)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("cases", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # nothing here is large enough for more
    checker = Checker(arguments.build / "tests" / "probe_pictures_draw")
    for cases, run in (({"tokens": ()}, checker.tokenizers), (PIPELINES, checker.pipeline), ({"patches": ()}, checker.patches)):
        for name, case in cases.items():
            if not arguments.cases or name in arguments.cases:
                run(name, *case)
    print(f"{checker.passed} passed, {checker.failed} failed")
    return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
