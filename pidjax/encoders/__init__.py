"""Signals to vectors: every member is an ``Encoder(init, apply)``."""

from pidjax.encoders.converters import chain, feature_tokens, patch_embedding, sequence_tokens, vector_tokens
from pidjax.encoders.fusion import concat_fusion, cross_attention_fusion, masked
from pidjax.encoders.fusion_transformer import fusion_transformer
from pidjax.encoders.images import alexnet, convnet, of_pixels, resnet18, vit
from pidjax.encoders.mlp import linear, mlp
from pidjax.encoders.pooling import pooled
from pidjax.encoders.sequence import MULTIBENCH, recurrent, transformer

__all__ = [
    "MULTIBENCH",
    "alexnet",
    "chain",
    "concat_fusion",
    "convnet",
    "cross_attention_fusion",
    "feature_tokens",
    "fusion_transformer",
    "linear",
    "masked",
    "mlp",
    "of_pixels",
    "patch_embedding",
    "pooled",
    "recurrent",
    "resnet18",
    "sequence_tokens",
    "transformer",
    "vector_tokens",
    "vit",
]
