"""Which pictures of Trifeature are tested, which are paired, and what probes ask of a pair."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.data.trifeature.render import COLOURS, render
from pidjax.data.trifeature.shapes import SHAPES
from pidjax.data.trifeature.textures import TEXTURES
from pidjax.typing import Array

PARTNER = np.array([5, 6, 0, 7, 3, 2, 4, 9, 1, 8])
"""The colour that belongs to each texture: one fixed one-to-one map, that of the published runs."""
TRAIN_RENDERINGS = 3


class Factors(NamedTuple):
    """What pictures show, int [n] each, and which of its renderings each picture is."""

    shape: np.ndarray
    texture: np.ndarray
    colour: np.ndarray
    rendering: np.ndarray


def split(seed: int = 42) -> dict[str, Factors]:
    """Factors of the 2,400 training and 200 test pictures: 800 combinations thrice, 200 others once.

    Seed 42 is the published division.
    """
    tested = np.array([1] * 200 + [0] * 800)
    np.random.default_rng(seed).shuffle(tested)
    combinations = np.array(list(itertools.product(range(len(SHAPES)), range(len(TEXTURES)), range(len(COLOURS)))))

    def of(rows: np.ndarray, renderings: int) -> Factors:
        shape, texture, colour = np.repeat(rows, renderings, axis=0).T
        return Factors(shape, texture, colour, np.tile(np.arange(renderings), len(rows)))

    return {"train": of(combinations[tested == 0], TRAIN_RENDERINGS), "test": of(combinations[tested == 1], 1)}


def render_all(factors: Factors, key: Array, *, size: int = 224, batch: int = 64) -> np.ndarray:
    """Pictures uint8 [n, size, size, 3]; each is a function of the key, its factors and its rendering alone."""
    number = np.ravel_multi_index(factors, (len(SHAPES), len(TEXTURES), len(COLOURS), TRAIN_RENDERINGS))

    @jax.jit
    def some(shape, texture, colour, number):
        keys = jax.vmap(lambda k: jax.random.fold_in(key, k))(number)
        return jax.vmap(lambda *x: render(*x, size=size))(shape, texture, colour, keys)

    columns = [np.asarray(x) for x in (*factors[:3], number)]
    n = len(number)
    out = np.empty((n, size, size, 3), np.uint8)
    for first in range(0, n, batch):
        rows = np.arange(first, first + batch) % n  # the last batch is filled up, so that one program serves all
        out[first : first + batch] = np.asarray(some(*(jnp.asarray(x[rows]) for x in columns)))[: n - first]
    return out


def pairs(
    factors: Factors, *, biased: bool, seed: int = 42, limit: int | None = 10_000, with_itself: bool = False
) -> np.ndarray:
    """Positions [m, 2] of pictures of one shape, ``limit`` of all ordered pairs, drawn without replacement.

    Parameters
    ----------
    factors : Factors
    biased : bool
        Only pairs whose first texture and second colour are partners: Experiment 2 (synergy) trains on them, without
        labels. Experiment 1 (redundancy, uniqueness) trains on unbiased ones, and probes always see unbiased ones.
    seed : int
    limit : int, optional
        All pairs when None.
    with_itself : bool
        Whether a picture may be paired with itself. It was in the published runs; such a pair gives away its colour.
    """
    same = factors.shape[:, None] == factors.shape[None, :]
    if not with_itself:
        np.fill_diagonal(same, False)
    if biased:
        same &= _partners(factors.texture[:, None], factors.colour[None, :])
    found = np.argwhere(same)
    if len(found) == 0:
        raise InputError("no two of these pictures make a pair: take more of them, or biased=False.")
    if limit is None or limit >= len(found):
        return found
    return found[np.random.default_rng(seed).choice(len(found), limit, replace=False)]


def labels(factors: Factors, pairs: np.ndarray) -> dict[str, np.ndarray]:
    """What probes ask of pairs [m, 2], int [m] each.

    "share" is the common shape, "unique1" and "unique2" the textures of the first and the second picture, "synergy"
    whether the first texture and the second colour are partners. With uniform factors each picture alone is independent
    of the last, I(X1; Y) = I(X2; Y) = 0, and both give I(X1, X2; Y) = h(0.1) = 0.325 nats.
    """
    first, second = np.asarray(pairs).T
    return {
        "share": factors.shape[first],
        "unique1": factors.texture[first],
        "unique2": factors.texture[second],
        "synergy": _partners(factors.texture[first], factors.colour[second]).astype(int),
    }


def _partners(texture: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return PARTNER[texture] == colour
