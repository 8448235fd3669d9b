"""Pairs in, scores out: each function returns a ``Critic`` of pure functions.

=================  ==============================================  =====================================
``cosine``         cos(x, y) / temperature                         no parameters
``separable``      g(x) · h(y)                                     two perceptrons
``bilinear``       xᵀ W y
``residual``       u · v + g(x) · h(y), starting at u · v          what a fixed critic leaves unsaid
``concat``         perceptron of [x, y]                            the published critic; fused kernels
``gaussian``       log q(y | x)                                    for CLUB and L1Out
=================  ==============================================  =====================================

``condition`` appends a condition to either or both sides; ``sampled_stats`` draws a few negatives an anchor,
``drawn_stats`` takes some that are given.

Of a critic f([x, z], y) that sees a condition: ``conditional_stats`` (negatives from p(y | z)), and what is read off
them, ``conditional_infonce`` and ``conditional_nce_club``; ``joint_infonce`` (negatives from the batch) bounds
I(X, Z; Y), which is more than I(X; Y | Z).
"""

from pidjax.critics.all_pairs import condition
from pidjax.critics.concat import concat
from pidjax.critics.conditional import (
    conditional_infonce,
    conditional_nce_club,
    conditional_stats,
    drawn_stats,
    joint_infonce,
)
from pidjax.critics.dot import bilinear, cosine, residual, separable
from pidjax.critics.gaussian import gaussian
from pidjax.critics.sampled import sampled_stats

__all__ = [
    "bilinear",
    "concat",
    "condition",
    "conditional_infonce",
    "conditional_nce_club",
    "conditional_stats",
    "cosine",
    "drawn_stats",
    "gaussian",
    "joint_infonce",
    "residual",
    "sampled_stats",
    "separable",
]
