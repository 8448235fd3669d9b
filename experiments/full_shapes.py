"""Two training steps at the sizes of the full preset, which smoke presets take beside their small networks.

The network and each row are as large as in the full preset. What is not, since such steps take minutes on two cores:
there are two rows; of CLIP's twelve blocks of one shape there is one a tower; and weights are noise, because to compile
a start takes as long as to compile a step. So what is asked is that a step can be compiled at these shapes and gives
finite numbers, not how long it takes or what it needs.

``real_today`` and ``complexity`` have none: their full preset is what runs here.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import jax
import numpy as np
import optax

from pidjax import train
from pidjax.encoders.clip import ClipConfig, clip_image, clip_text
from pidjax.typing import Batch, Objective, Params

SIZES = ClipConfig()
CLIP = dataclasses.replace(
    SIZES, image=dataclasses.replace(SIZES.image, depth=1), text=dataclasses.replace(SIZES.text, depth=1)
)
"""ViT-B/32, with one block a tower."""
ROWS = 2
SD = 0.05
"""Of weights."""


class Full(NamedTuple):
    """A method of the full preset, its optimiser, and what a row of its batches is: shape and type by name."""

    objective: Objective
    tx: optax.GradientTransformation
    row: dict[str, tuple[tuple[int, ...], type]]

    @property
    def txs(self) -> dict[str, optax.GradientTransformation]:
        return {"theta": self.tx, "phi": self.tx}


def compile_in_haste() -> None:
    """XLA optimises little from here on, which halves the time to compile, most of what a smoke preset takes."""
    jax.config.update("jax_disable_most_optimizations", True)


@functools.lru_cache(maxsize=1)
def clip_weights(clip: ClipConfig = CLIP) -> dict[str, Params]:
    """Of ``clip`` what ``load_clip`` gives, all 0, since shapes alone are used."""
    found = {}
    for name, tower in (("image", clip_image(clip)), ("text", clip_text(clip))):
        params, _ = jax.eval_shape(tower.init, jax.random.key(0))
        found[name] = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), params)
    return found


def generated(full: Full) -> Batch:
    """Numbers normal, bytes uniform, all tokens real, integers 0 in the first row and 1 in the second."""
    rng, found = np.random.default_rng(0), {}
    for name, (shape, kind) in full.row.items():
        size = (ROWS, *shape)
        if kind is np.float32:
            found[name] = rng.standard_normal(size, np.float32)
        elif kind is np.uint8:
            found[name] = rng.integers(256, size=size, dtype=np.uint8)
        else:
            found[name] = np.ones(size, kind) if kind is bool else np.indices(size)[0].astype(kind)
    return found  # type: ignore[return-value]


def shapes(full: Full) -> tuple[train.TrainState, Batch]:
    """Of the state before the first step, and of a batch."""
    batch = {name: jax.ShapeDtypeStruct((ROWS, *shape), kind) for name, (shape, kind) in full.row.items()}
    return jax.eval_shape(train.make_init(full.objective, full.txs), jax.random.key(0), batch), batch


def start(full: Full) -> train.TrainState:
    """The state before the first step: weights noise, what encoders keep 1, moments 0."""
    rng, (state, _) = np.random.default_rng(1), shapes(full)

    def weights(x: jax.ShapeDtypeStruct) -> np.ndarray:
        return SD * rng.standard_normal(x.shape, x.dtype)

    return state._replace(
        step=np.int32(0),
        key=jax.random.key(0),
        params=jax.tree.map(weights, state.params),
        state=jax.tree.map(lambda x: np.ones(x.shape, x.dtype), state.state),
        opt_state=jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), state.opt_state),
    )


def two_steps(full: Full) -> list[float]:
    """Losses of two training steps on generated rows.

    Raises
    ------
    pidjax.train.TrainingError
        A loss that is not finite.
    """
    batch = generated(full)
    step = train.make_step(full.objective, full.txs, donate=True)
    _, history = train.train(step, start(full), lambda _: batch, 2, title="two steps at full size")
    return [line["loss"] for line in history]
