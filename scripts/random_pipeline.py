#!/usr/bin/env python3
"""Writes a text-to-image pipeline folder of Stable Diffusion's shape with random weights.

    random_pipeline.py OUT --prompts PROMPTS.tsv [--scale tiny|quarter|full] [--seed 1]

Its pictures mean nothing. It shows what a pipeline of that shape costs on your machine, and that your prompts pass
through it, before you fetch gigabytes. `full` is Stable Diffusion 1.5's (860 million parameters in the U-Net), `quarter`
has a fourth of its channels. The tokenizer has CLIP's layout and is learnt from the prompts. Needs
scripts/requirements-test.txt.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

# channels of the U-Net, of the image decoder, width and layers of the text encoder
SCALES = {"tiny": ((32, 64, 64), (32, 32, 64), 64, 2), "quarter": ((64, 160, 320, 320), (32, 64, 128, 128), 192, 12),
          "full": ((320, 640, 1280, 1280), (128, 256, 512, 512), 768, 12)}
SIDE = {"tiny": 16, "quarter": 32, "full": 64}  # of the latents
VOCABULARY, LENGTH = 4096, 77


def tokenizer_of(texts):
    """CLIP's layout: byte-level pairs that end words with </w>, and its two special tokens."""
    from tokenizers import pre_tokenizers, trainers
    from transformers import CLIPTokenizer
    learnt = CLIPTokenizer().backend_tokenizer
    learnt.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), end_of_word_suffix="</w>",
        show_progress=False))
    model = json.loads(learnt.to_str())["model"]
    vocab = model["vocab"]
    vocab |= {"<|startoftext|>": len(vocab), "<|endoftext|>": len(vocab) + 1}
    return CLIPTokenizer(vocab=vocab, merges=[tuple(pair) for pair in model["merges"]], model_max_length=LENGTH)


def pipeline_of(scale, tokenizer):
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel
    channels, decoder, width, layers = SCALES[scale]
    levels = len(channels)
    unet = UNet2DConditionModel(
        sample_size=SIDE[scale], block_out_channels=channels, cross_attention_dim=width, attention_head_dim=8,
        norm_num_groups=32, down_block_types=("CrossAttnDownBlock2D",) * (levels - 1) + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (levels - 1))
    vae = AutoencoderKL(block_out_channels=decoder, down_block_types=("DownEncoderBlock2D",) * len(decoder),
                        up_block_types=("UpDecoderBlock2D",) * len(decoder), latent_channels=4, layers_per_block=2)
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=max(1, width // 64), max_position_embeddings=LENGTH,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id))
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
                              clip_sample=False, set_alpha_to_one=False)
    return StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
                                   safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--prompts", type=Path, required=True, help="text file, one prompt a line; of tabs the first column")
    parser.add_argument("--scale", choices=SCALES, default="quarter")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.out.exists() and any(arguments.out.iterdir()):
        sys.exit(f"error: {arguments.out} is not empty\n  hint: name a new folder")
    try:
        texts = [line.split("\t")[0] for line in arguments.prompts.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"error: {arguments.prompts}: {error}\n  hint: give a UTF-8 file of prompts")
    try:
        import diffusers
        import torch
        import transformers
    except ImportError as error:
        sys.exit(f"error: {error}\n  hint: .venv/bin/pip install -r scripts/requirements-test.txt")
    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
    torch.manual_seed(arguments.seed)
    pipeline_of(arguments.scale, tokenizer_of(texts)).save_pretrained(arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    main()
