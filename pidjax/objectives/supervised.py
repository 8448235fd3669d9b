"""The supervised baseline: two encoders, a linear classifier of both vectors, cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from pidjax import encoders
from pidjax.objectives import pair
from pidjax.typing import Array, Batch, Encoder, Objective, Params


def supervised(nets: Sequence[Encoder], classes: int) -> Objective:
    """Cross-entropy of softmax(W [e_1(x_1), e_2(x_2)] + b), in nats.

    Batch: "x1", "x2" [n, ...], "y" [n] int; a label that is none of 0 ... ``classes`` − 1 makes the loss NaN, which
    stops training. ``encode`` gives ``backbone1, backbone2`` [n, d]; ``info``: ``cross_entropy`` and ``accuracy`` on
    the batch that is fitted.
    """

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        classifier = encoders.linear(sum(pair.widths(nets, batch)), classes)
        theta, state = pair.init_parts(key, {**pair.named(nets), "classifier": classifier})
        return {"theta": theta, "phi": {}}, state

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        return pair.backbones(nets, params, state, batch, key, train=train)

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        both = pair.joined(z, ("backbone1", "backbone2"))
        y = pair.need_labels(batch, both.shape[0])
        classifier = encoders.linear(both.shape[-1], classes)
        logits = classifier.apply(params["theta"]["classifier"], {}, both)[0]
        value = -(pair.one_hot(y, classes) * jax.nn.log_softmax(logits)).sum(1).mean()
        accuracy = (logits.argmax(1) == y).mean()
        return value, {"loss": value, "cross_entropy": value, "accuracy": accuracy}

    return Objective(init, encode, loss)
