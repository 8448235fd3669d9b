"""CLIP (Radford et al. 2021): its two encoders, its published weights, and what it reads.

``load_clip(folder)`` gives ``(config, params)`` of a folder in the layout of transformers,
``load_tokenizer(folder)`` makes texts into tokens and ``crop_pictures`` files' pixels into pictures of one size.
"""

from pidjax.encoders.clip.inputs import Tokenizer, crop_pictures, load_tokenizer
from pidjax.encoders.clip.towers import ClipConfig, Tower, clip_image, clip_scores, clip_text
from pidjax.encoders.clip.weights import load_clip

__all__ = [
    "ClipConfig",
    "Tokenizer",
    "Tower",
    "clip_image",
    "clip_scores",
    "clip_text",
    "crop_pictures",
    "load_clip",
    "load_tokenizer",
]
