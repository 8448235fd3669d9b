"""Signals to vectors: every member is an ``Encoder(init, apply)``."""

from pidjax.encoders.fusion import concat_fusion, cross_attention_fusion
from pidjax.encoders.mlp import linear, mlp
from pidjax.encoders.pooling import pooled
from pidjax.encoders.sequence import MULTIBENCH, recurrent, transformer

__all__ = [
    "MULTIBENCH",
    "concat_fusion",
    "cross_attention_fusion",
    "linear",
    "mlp",
    "pooled",
    "recurrent",
    "transformer",
]
