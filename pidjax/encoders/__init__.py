"""Signals to vectors: every member is an ``Encoder(init, apply)``."""

from pidjax.encoders.fusion import concat_fusion, cross_attention_fusion
from pidjax.encoders.mlp import linear, mlp
from pidjax.encoders.sequence import recurrent, transformer

__all__ = ["concat_fusion", "cross_attention_fusion", "linear", "mlp", "recurrent", "transformer"]
