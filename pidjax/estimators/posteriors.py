"""Cross-fitted class probabilities: what x1 says of y, what x2 says, and what both say together."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax.critics.layers import linear, linear_init, mlp, mlp_init
from pidjax.estimators.crossfit import FOLDS, Rows, cross_fit
from pidjax.fit import fit
from pidjax.typing import Array, Params


class Posteriors(NamedTuple):
    """Log probabilities of the classes [n, classes], each row by networks that were fitted without it."""

    first: Array
    second: Array
    both: Array
    repaired: Array
    """Of both, where x2 of another row of the same class stands in for x2: [repairs, n, classes]."""


def class_posteriors(
    key: Array, x1: Array, x2: Array, y: Array, classes: int, *, repairs: int = 2, steps: int = 800, hidden: int = 32
) -> Posteriors:
    """Fit log p(y | x1), log p(y | x2) and log p(y | x1, x2) by perceptrons, five folds.

    The joint classifier starts as p(y | x1) p(y | x2) / p(y), which is right where the sources are independent given
    y, and learns what is beyond: early stopping on rows of their own keeps the start where that does better.

    Parameters
    ----------
    key : PRNG key
    x1, x2 : [n, d1], [n, d2]
        Columns of about unit variance.
    y : int [n]
        In 0 ... classes - 1.
    repairs : int
        Data sets with x1 and x2 re-paired within classes, for which the joint classifier is fitted anew.
    steps, hidden : int
        Of AdamW, and width of both hidden layers.
    """
    data = (x1.astype(jnp.float32), x2.astype(jnp.float32), y)
    prior = jnp.log(jnp.bincount(y, length=classes) / len(y))

    def learn(key: Array, predict, params: Params, rows: tuple, watched: tuple) -> Params:
        def loss(params: Params, rows: tuple) -> Array:
            return -jnp.take_along_axis(predict(params, *rows[:-1]), rows[-1][:, None], 1).mean()

        found = fit(key, loss, params, rows, watched, steps=steps, learning_rate=5e-3, weight_decay=1e-2, average=0.98)
        return found.params

    def part(key: Array, rows: Rows) -> Posteriors:
        keys = jax.random.split(key, 5)

        def take(which: Array) -> tuple:
            return tuple(v[which] for v in data)

        def single(key: Array, i: int) -> Params:
            start, run = jax.random.split(key)
            one, watched = (tuple(take(which)[j] for j in (i, 2)) for which in (rows.fit, rows.watch))
            return learn(run, _classify, _network(start, data[i].shape[1], hidden, classes), one, watched)

        first, second = single(keys[0], 0), single(keys[1], 1)

        def joint(params: Params, a: Array, b: Array) -> Array:
            alone = params["scale"][0] * _classify(first, a) + params["scale"][1] * _classify(second, b)
            return jax.nn.log_softmax(alone - prior[None] + _logits(params["net"], jnp.hstack([a, b])))

        def both(key: Array, again: Array, repaired: Array) -> Array:
            """Log probabilities of held-out rows, or of such as are re-paired within classes and parts."""
            start, run = jax.random.split(key)
            parts = zip(jax.random.split(again, 3), map(take, rows), strict=True)
            sets = [(a, b[jnp.where(repaired, repair(k, c), jnp.arange(len(c)))], c) for k, (a, b, c) in parts]
            net = _network(start, sum(v.shape[1] for v in data[:2]), hidden, classes)
            # the last layers start from 0: nothing but what each source says alone
            net = jax.tree.map(jnp.zeros_like, net) | {"layers": [*net["layers"][:-1], _zeros(net["layers"][-1])]}
            params = learn(run, joint, {"net": net, "scale": jnp.ones(2)}, sets[0], sets[1])
            return joint(params, *sets[2][:2])

        # one program for rows as they are and re-paired: most of what compiles are fits
        again = jnp.concatenate([keys[4:], jax.random.split(keys[4], repairs)])
        fits = keys[jnp.array([2] + repairs * [3])], again, jnp.arange(1 + repairs) > 0
        plain, *null = jax.lax.map(lambda args: both(*args), fits)
        a, b, _ = take(rows.held)
        return Posteriors(_classify(first, a), _classify(second, b), plain, jnp.stack(null, axis=1))

    found = cross_fit(key, len(y), FOLDS, part, strata=y)
    return found._replace(repaired=jnp.swapaxes(found.repaired, 0, 1))


def repair(key: Array, y: Array) -> Array:
    """A permutation of rows that keeps classes: row i gets what a random row of its class had, int [n]."""
    to, of = jax.random.uniform(key, (2, len(y)))
    return jnp.zeros(len(y), jnp.int32).at[jnp.lexsort((to, y))].set(jnp.lexsort((of, y)).astype(jnp.int32))


def _network(key: Array, n_in: int, hidden: int, n_out: int) -> Params:
    """A linear map beside a perceptron of two hidden layers."""
    a, b = jax.random.split(key)
    return {"linear": linear_init(a, n_in, n_out), "layers": mlp_init(b, (n_in, hidden, hidden, n_out))}


def _logits(params: Params, x: Array) -> Array:
    return linear(params["linear"], x) + mlp(params["layers"], x)


def _classify(params: Params, x: Array) -> Array:
    return jax.nn.log_softmax(_logits(params, x))


def _zeros(params: Params) -> Params:
    return jax.tree.map(jnp.zeros_like, params)
