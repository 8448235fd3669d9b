"""Pairs in, scores out: each function returns a ``Critic`` of pure functions.

=================  ==============================================  =====================================
``cosine``         cos(x, y) / temperature                         no parameters
``separable``      g(x) · h(y)                                     two perceptrons
``bilinear``       xᵀ W y
``residual``       u · v + g(x) · h(y), starting at u · v          what a fixed critic leaves unsaid
``concat``         perceptron of [x, y]                            the published critic; fused kernels
``gaussian``       log q(y | x)                                    for CLUB and L1Out
=================  ==============================================  =====================================

``condition`` appends a condition to either or both sides; ``sampled_stats`` draws a few negatives an anchor.
"""

from pidjax.critics.all_pairs import condition
from pidjax.critics.concat import concat
from pidjax.critics.dot import bilinear, cosine, residual, separable
from pidjax.critics.gaussian import gaussian
from pidjax.critics.sampled import sampled_stats

__all__ = ["bilinear", "concat", "condition", "cosine", "gaussian", "residual", "sampled_stats", "separable"]
