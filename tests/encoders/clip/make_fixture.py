"""What transformers says of a tiny CLIP of random weights: run once, in an environment with torch and transformers.

``python tests/encoders/clip/make_fixture.py`` writes the files beside it: ``config.json``, ``model.safetensors``,
``vocab.json``, ``merges.txt`` and, what came out, ``golden.npz``. Made with transformers 5.24.0 and torch 2.13.0.
"""

import json
import string
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

FOLDER = Path(__file__).parent
END = "<|endoftext|>"
MERGES = ["t h", "th e</w>", "c a", "ca t</w>", "d o", "a t</w>"]
TEXTS = [
    "The cat's 12 dogs!",
    "  a   CAT\n&& don't ",
    "caf\u00e9 thé ☃ cat",  # not in the vocabulary: two accents and a snowman
    "dodo at the cat " * 6,  # longer than the model reads
]


def vocabulary():
    """Signs alone, signs that end a word, merges, start and end, as CLIP's own is made."""
    signs = list(string.ascii_lowercase + string.digits + "'!&")
    tokens = [*signs, *(f"{sign}</w>" for sign in signs), *(pair.replace(" ", "") for pair in MERGES)]
    return {token: i for i, token in enumerate([*tokens, "<|startoftext|>", END])}


def tiny_model(seed, vocab_size, **changes):
    """All weights random, also those that start as zero or one."""
    end = vocab_size - 1
    tower = {"num_hidden_layers": 2, "hidden_act": "quick_gelu"}
    text = {"hidden_size": 12, "intermediate_size": 20, "num_attention_heads": 3, "max_position_embeddings": 20}
    image = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
    ids = {"vocab_size": vocab_size, "bos_token_id": end - 1, "eos_token_id": end, "pad_token_id": end}
    config = CLIPConfig(
        text_config=tower | text | ids | changes, vision_config=tower | image | changes, projection_dim=8
    )
    model = CLIPModel(config).eval()
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = 0.3 * torch.randn_like(weight)
            weight.copy_(1 + noise if "norm" in name and name.endswith("weight") else noise)
        model.logit_scale.copy_(torch.tensor(1.5))
    return model


def outputs(model, tokens, pixels, mask=None):
    """All that pidjax's encoders give, as numpy arrays; pixels [n, h, w, 3], normalised."""
    ids, seen = torch.tensor(np.asarray(tokens, np.int64)), None if mask is None else torch.tensor(mask)
    images = torch.tensor(np.asarray(pixels)).permute(0, 3, 1, 2)
    with torch.no_grad():
        image, text = model.vision_model(images), model.text_model(ids, seen)
        both = model(ids, images, seen)
        found = {
            "image_tokens": image.last_hidden_state,
            "image_pooled": image.pooler_output,
            "image_projected": model.visual_projection(image.pooler_output),
            "image_embeds": both.image_embeds,  # of unit length
            "text_tokens": text.last_hidden_state,
            "text_pooled": text.pooler_output,
            "text_projected": model.text_projection(text.pooler_output),
            "text_embeds": both.text_embeds,
            "scores": both.logits_per_image,
        }
    return {name: value.numpy() for name, value in found.items()}


def main():
    vocab = vocabulary()
    (FOLDER / "vocab.json").write_text(json.dumps(vocab) + "\n")
    (FOLDER / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n")
    tokenizer = CLIPTokenizer(str(FOLDER / "vocab.json"), str(FOLDER / "merges.txt"), model_max_length=20)
    read = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=20, return_tensors="np")

    rng = np.random.default_rng(0)
    pictures = [rng.integers(256, size=(*shape, 3), dtype=np.uint8) for shape in ((41, 57), (70, 32), (20, 27))]
    process = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    pixels = np.stack(process(pictures)["pixel_values"]).transpose(0, 2, 3, 1)

    crops = np.rint(255 * (pixels * process.image_std + process.image_mean)).astype(np.uint8)

    model = tiny_model(0, len(vocab))
    model.save_pretrained(FOLDER)
    np.savez_compressed(
        FOLDER / "golden.npz",
        tokens=read["input_ids"].astype(np.int32),
        mask=read["attention_mask"].astype(bool),
        crops=crops,
        **{f"picture{i}": picture for i, picture in enumerate(pictures)},
        **outputs(model, read["input_ids"], pixels.astype(np.float32)),
    )


if __name__ == "__main__":
    main()
