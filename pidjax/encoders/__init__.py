"""Signals to vectors: every member is an ``Encoder(init, apply)``."""

from pidjax.encoders.converters import chain, feature_tokens, patch_embedding, sequence_tokens, single_token
from pidjax.encoders.fusion import concat_fusion, cross_attention_fusion, masked
from pidjax.encoders.fusion_transformer import fusion_transformer
from pidjax.encoders.images import alexnet, resnet18, vit
from pidjax.encoders.mlp import linear, mlp
from pidjax.encoders.post_norm import post_norm_transformer
from pidjax.encoders.sequence import recurrent, transformer

__all__ = [
    "alexnet",
    "chain",
    "concat_fusion",
    "cross_attention_fusion",
    "feature_tokens",
    "fusion_transformer",
    "linear",
    "masked",
    "mlp",
    "patch_embedding",
    "post_norm_transformer",
    "recurrent",
    "resnet18",
    "sequence_tokens",
    "single_token",
    "transformer",
    "vit",
]
