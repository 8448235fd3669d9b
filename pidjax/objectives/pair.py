"""What objectives of two (or more) modalities share: views of a batch, encoders, heads, and what a probe sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.typing import Array, Batch, Encoder, Params

SIDES = ("1", "2")
Augment = Callable[[Array, dict[str, Array]], dict[str, Array]]
"""``augment(key, sample) -> sample`` of one sample's arrays "x1", "x2" (and "mask1", "mask2"), unbatched."""


def views(augment: Augment | None, batch: Batch, key: Array, count: int, *, clean: bool, modalities: int = 2) -> Batch:
    """``count`` augmentations of every sample, [n, views, ...]; before them the sample itself where ``clean``.

    Raises
    ------
    InputError
        No augmentation where views are asked for, or one that changes a shape; inputs as ``inputs`` refuses them.
    """
    sample = inputs(batch, modalities)
    if count == 0:
        return {name: x[:, None] for name, x in sample.items()}
    if augment is None:
        raise InputError("this objective compares a sample with its augmentations: give augment(key, sample).")
    keys = jax.vmap(lambda k: jax.random.split(k, count))(key)
    made = jax.vmap(jax.vmap(augment, in_axes=(0, None)))(keys, sample)
    for name, x in sample.items():
        if made[name].shape != (x.shape[0], count, *x.shape[1:]):
            raise InputError(
                f"an augmentation must keep the shape of {name}, {x.shape[1:]}; found {made[name].shape[2:]}."
            )
    if not clean:
        return made
    return {name: jnp.concatenate([x[:, None], made[name].astype(x.dtype)], 1) for name, x in sample.items()}


def init_parts(key: Array, parts: Mapping[str, Encoder]) -> tuple[Params, Params]:
    """Parameters and states of named networks; those that are one object are drawn in one call, compiled once."""
    drawn = drawn_alike(key, parts, lambda part, k: part.init(k))
    return {name: params for name, (params, _) in drawn.items()}, {name: state for name, (_, state) in drawn.items()}


def drawn_alike(key: Array, kinds: Mapping[str, Any], draw: Callable[[Any, Array], Any]) -> dict[str, Any]:
    """``draw(kind, key)`` of every name; names of one kind in one call, compiled once."""
    found: dict[str, Any] = {}
    alike: dict[Any, list[str]] = {}
    for name, kind in kinds.items():
        alike.setdefault(kind, []).append(name)
    for k, (kind, names) in zip(jax.random.split(key, len(alike)), alike.items(), strict=True):
        drawn = jax.vmap(lambda one, kind=kind: draw(kind, one))(jax.random.split(k, len(names)))
        found |= {name: jax.tree.map(lambda x, i=i: x[i], drawn) for i, name in enumerate(names)}
    return found


def encode_sides(
    encoders: Sequence[Encoder], params: Params, state: Params, seen: Batch, key: Array | None, *, train: bool
) -> tuple[dict[str, Array], Params]:
    """Vectors {"1", "2": [n, views, d]} of the views, all of them in one call; and the encoders' new states."""
    z, states = {}, dict(state)
    for encoder, side in zip(encoders, SIDES, strict=True):
        x, mask = seen[f"x{side}"], seen.get(f"mask{side}")
        n, count = x.shape[:2]
        keys = None if key is None else keys_of_views(key, count, int(side))
        h, states[f"encoder{side}"] = encoder.apply(
            params[f"encoder{side}"],
            state[f"encoder{side}"],
            x.reshape(n * count, *x.shape[2:]),
            keys,
            train=train,
            mask=None if mask is None else mask.reshape(n * count, *mask.shape[2:]),
        )
        if h.ndim != 2:
            raise InputError(f"encoder {side} must give a vector a sample; found shape {h.shape}: pool its tokens.")
        z[side] = h.reshape(n, count, -1)
    return z, states


def backbones(
    encoders: Sequence[Encoder], params: Params, state: Params, batch: Batch, key: Array | None, *, train: bool
) -> tuple[dict[str, Array], Params]:
    """What the encoders say of the samples themselves: {"backbone1", "backbone2": [n, d]}."""
    seen = {name: x[:, None] for name, x in inputs(batch).items()}
    h, states = encode_sides(encoders, params["theta"], state, seen, key if train else None, train=train)
    return {f"backbone{side}": h[side][:, 0] for side in SIDES}, states


def keys_of_views(key: Array, count: int, purpose: int) -> Array:
    """A key a view of every sample, [n · count], apart from those of augmentations and of other purposes."""
    return jax.vmap(lambda k: jax.random.split(jax.random.fold_in(k, purpose), count))(key).reshape(-1)


def named(encoders: Sequence[Encoder]) -> dict[str, Encoder]:
    """The two encoders by the names they have among parameters."""
    return {f"encoder{side}": encoder for side, encoder in zip(SIDES, encoders, strict=True)}


def widths(encoders: Sequence[Encoder], batch: Batch) -> tuple[int, int]:
    """Sizes of the vectors that the two encoders give, found without computing any."""

    def run(key: Array, batch: Batch) -> dict[str, Array]:
        seen = views(None, batch, key, 0, clean=True)
        return encode_sides(encoders, *init_parts(key, named(encoders)), seen, None, train=False)[0]

    shapes = jax.eval_shape(run, jax.random.key(0), batch)
    return shapes["1"].shape[-1], shapes["2"].shape[-1]


def one_hot(labels: Array, classes: int) -> Array:
    """[n, classes]; NaN where a label is none of 0 ... classes − 1, which makes the loss NaN and training stop."""
    known = (labels >= 0) & (labels < classes)
    return jnp.where(known[:, None], jax.nn.one_hot(labels, classes), jnp.nan)


def several(n: int, axis_name: str | None) -> int:
    """Rows of the batch of all devices.

    Raises
    ------
    InputError
        A batch of one, in which there is nothing to contrast with.
    """
    total = n * (1 if axis_name is None else jax.lax.axis_size(axis_name))
    if total < 2:
        raise InputError("a batch of one sample has no negatives: take two or more.")
    return total


def joined(z: Mapping[str, Array], heads: Sequence[str]) -> Array:
    """Heads side by side, [n, Σ d]: what a probe of a method sees.

    Raises
    ------
    InputError
        A head that is not there.
    """
    unknown = [head for head in heads if head not in z]
    if unknown:
        raise InputError(f"there is no head {unknown[0]!r}: choose among {', '.join(z)}.")
    return jnp.concatenate([z[head] for head in heads], axis=-1)


def need_labels(batch: Batch, n: int) -> Array:
    """The classes "y" of the batch's ``n`` rows.

    Raises
    ------
    InputError
        None, or not one integer a row: labels [n, 1] would broadcast to another loss.
    """
    if "y" not in batch:
        raise InputError('this objective is supervised: the batch must hold class labels "y", [n] int.')
    y = batch["y"]
    if y.shape != (n,) or not jnp.issubdtype(y.dtype, jnp.integer):
        raise InputError(f'class labels "y" must be one integer a row, [{n}]; found {y.dtype} of shape {y.shape}.')
    return y


def inputs(batch: Batch, modalities: int = 2) -> Batch:
    """The batch's "x1", "x2", ... and, of "mask1", "mask2", ..., those there are.

    Raises
    ------
    InputError
        A modality missing; arrays of different numbers of rows.
    """
    sides = range(1, modalities + 1)
    if any(f"x{i}" not in batch for i in sides):
        wanted = "both modalities, x1 and x2" if modalities == 2 else f"all modalities, x1 to x{modalities}"
        raise InputError(f"the batch must hold {wanted}; found {', '.join(batch) or 'nothing'}.")
    names = [f"{kind}{i}" for kind in ("x", "mask") for i in sides]
    found = {name: batch[name] for name in names if name in batch}
    rows = {name: x.shape[0] for name, x in found.items()}
    if len(set(rows.values())) > 1:
        said = ", ".join(f"{name} {n}" for name, n in rows.items())
        raise InputError(f"row i of every array is sample i, so all must have as many rows; found {said}.")
    return found
