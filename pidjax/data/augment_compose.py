"""Augmentations by name: one after another or one of several, of one modality; then of a sample with two.

A configuration names steps, ``("drop", ("gaussian_noise", {"sd": 0.1}))``; ``compose`` makes one function of them;
``apart`` and ``together`` make of such functions, or of single steps, what objectives take,
``augment(key, sample) -> sample``, where a sample is {"x1", "x2"} and, for padded sequences, "mask1" and "mask2".
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from pidjax._checks import InputError, check_share, one_of
from pidjax.data import augment, augment_images, augment_paired, augment_sequences, augment_steps, augment_tokens
from pidjax.data.augment_paired import Beside
from pidjax.typing import Array

AUGMENTATIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        augment_steps.identity,
        augment.gaussian_noise,
        augment_steps.zero,
        augment_steps.drop,
        augment_steps.crop,
        augment_steps.swap,
        augment_steps.permute,
        augment_sequences.time_warp,
        augment_sequences.stretch,
        augment_sequences.pitch,
        augment_sequences.mask_steps,
        augment_sequences.mask_features,
        augment_tokens.mask_tokens,
        augment_tokens.delete_tokens,
        augment_tokens.delete_one,
        augment_paired.cut_mix,
        augment_paired.noise_where_silent,
        augment_paired.zero_where_silent,
        augment_paired.noise_where_spoken,
        augment_paired.zero_where_spoken,
        augment_images.simclr,
        augment.time_mask,
        augment.channel_dropout,
        augment.band_gain,
        augment.delay_and_gain,
    )
}
"""By name: of vectors and sequences, audio features, words, unique ones, of pictures, of EEG and fNIRS signals."""

Augmentation: TypeAlias = Callable[..., Any]
"""``aug(key, x, mask=None, beside=None)``: x' without a mask, (x', mask') with one; what ``compose`` returns."""
Step: TypeAlias = str | tuple[str, Mapping[str, Any]] | Augmentation
SampleAugmentation: TypeAlias = Callable[[Array, dict[str, Array]], dict[str, Array]]

RELEASED_VECTORS: tuple[Step, ...] = (
    "swap",
    ("gaussian_noise", {"sd": 0.01}),
    ("zero", {"share": 0.1}),
    "identity",
)
"""What FactorCL's released code draws one of for each synthetic sample."""
RELEASED_SEQUENCES: tuple[Step, ...] = (
    "permute",
    ("gaussian_noise", {"sd": 0.1}),
    ("zero", {"share": 0.2}),
    "identity",
)
"""What it draws one of for each sequence of the affect sets."""


def compose(steps: Sequence[Step], how: str = "all") -> Augmentation:
    """One augmentation of one modality, ``aug(key, x, mask=None, beside=None)``.

    Parameters
    ----------
    steps : sequence of name | (name, settings) | callable
        Names are those of ``AUGMENTATIONS``, settings their arguments by name. The setting ``chance`` applies the step
        with that probability, otherwise nothing. A callable is a composed augmentation, or ``aug(key, x) -> x'``.
    how : "all" | "one_of"
        One after the other, each with randomness of its own; or one of them, each as likely.

    Returns
    -------
    callable
        ``x'`` of the shape and type of ``x``; with ``mask``, ``(x', mask')``. ``beside`` is the other modality and its
        mask, for the augmentations that look at it.

    Raises
    ------
    InputError
        Unknown names or settings, settings that are missing, no steps; when called, a step that changes the shape or
        that needs a mask or another modality which there is not.
    """
    one_of("how", how, ("all", "one_of"))
    if isinstance(steps, str) or not steps:
        raise InputError(f"steps must be a sequence of one or more augmentations; found {steps!r}.")
    parts = [_step(step) for step in steps]

    def augment(key: Array, x: Array, mask: Array | None = None, beside: Beside | None = None):
        found = jnp.asarray(x), None if mask is None else jnp.asarray(mask, bool)
        if how == "all":
            for one, part in zip(jax.random.split(key, len(parts)), parts, strict=True):
                found = part(one, *found, beside)
        else:
            which, key = jax.random.split(key)
            branches = [lambda k, x, mask, part=part: part(k, x, mask, beside) for part in parts]
            found = jax.lax.switch(jax.random.randint(which, (), 0, len(parts)), branches, key, *found)
        return found[0] if mask is None else found

    return augment


def apart(*augmentations: Step | None) -> SampleAugmentation:
    """Augment each modality with randomness of its own, x1, x2, ... in turn; None leaves one as it is.

    Independent augmentation (FactorCL-IndAug) where no step looks ``beside``; unique augmentation where, of two
    modalities, those of one do: they see the other one before it is augmented.
    """
    sides = [None if side is None else _step(side) for side in augmentations]

    def augment(key: Array, sample: dict[str, Array]) -> dict[str, Array]:
        return _augmented(sides, jax.random.split(key, len(sides)), sample)

    return augment


def together(both: Step) -> SampleAugmentation:
    """Augment both modalities, sequences of one length, by the same draws: ``together("drop")`` is multi-drop.

    The same steps are lost in both where their masks are the same. Noise would be the same too: add it by ``apart``,
    ``in_turn``.
    """
    side = _step(both)

    def augment(key: Array, sample: dict[str, Array]) -> dict[str, Array]:
        n1, n2 = sample["x1"].shape[0], sample["x2"].shape[0]
        if n1 != n2:
            raise InputError(
                f"augmented together, x1 and x2 must have as many steps; found {n1} and {n2}: align them, or augment "
                "them apart."
            )
        return _augmented([side, side], jnp.stack([key, key]), sample)

    return augment


def in_turn(*augmentations: SampleAugmentation) -> SampleAugmentation:
    """Augmentations of samples one after the other, each with randomness of its own."""

    def augment(key: Array, sample: dict[str, Array]) -> dict[str, Array]:
        for one, augmentation in zip(jax.random.split(key, len(augmentations)), augmentations, strict=True):
            sample = augmentation(one, sample)
        return sample

    return augment


def _augmented(sides: Sequence[Augmentation | None], keys: Array, sample: dict[str, Array]) -> dict[str, Array]:
    def view(i: int) -> Beside:
        mask = sample.get(f"mask{i}")
        return jnp.asarray(sample[f"x{i}"]), None if mask is None else jnp.asarray(mask, bool)

    count = len(sides)
    if f"x{count}" not in sample or f"x{count + 1}" in sample:
        raise InputError(f"a sample of {count} modalities is augmented here; found {', '.join(sample)}.")
    found, views = dict(sample), [view(i + 1) for i in range(count)]
    for i, side in enumerate(sides):
        if side is not None:
            x, mask = side(keys[i], *views[i], views[1 - i] if count == 2 else None)
            found |= {f"x{i + 1}": x} if mask is None else {f"x{i + 1}": x, f"mask{i + 1}": mask}
    return found


def _step(step: Step) -> Callable[[Array, Array, Array | None, Beside | None], tuple[Array, Array | None]]:
    """``f(key, x, mask, beside) -> (x', mask')`` of a step, its settings checked."""
    name, settings, function = _parsed(step)
    chance = settings.pop("chance", None)
    if chance is not None:
        check_share("chance", chance)
    known = dict(list(inspect.signature(function).parameters.items())[2:])
    sees = [given for given in ("mask", "beside") if known.pop(given, None)]
    needed = [k for k, parameter in known.items() if parameter.default is inspect.Parameter.empty]
    if not set(needed) <= set(settings) <= set(known):
        raise InputError(
            f"{name} has the settings {', '.join([*known, 'chance'])} and needs {', '.join(needed) or 'none of them'}; "
            f"found {', '.join(settings) or 'none'}."
        )

    def run(key: Array, x: Array, mask: Array | None, beside: Beside | None):
        if "beside" in sees and beside is None and not callable(step):
            raise InputError(f"{name} looks at the other modality: use it in a sample of two, through apart.")
        coin, key = (None, key) if chance is None else jax.random.split(key)
        given = {"mask": mask, "beside": beside}
        out = function(key, x, **settings, **{k: given[k] for k in sees})
        new, new_mask = out if isinstance(out, tuple) else (out, mask)
        if new.shape != x.shape:
            raise InputError(f"{name} must keep the shape of what it augments, {x.shape}; found {new.shape}.")
        if jnp.issubdtype(new.dtype, jnp.floating) != jnp.issubdtype(x.dtype, jnp.floating):
            raise InputError(f"{name} makes {new.dtype} of {x.dtype}: give numbers that can be so augmented.")
        new = new.astype(x.dtype)
        if coin is not None:
            heads = jax.random.bernoulli(coin, chance)
            new, new_mask = jax.tree.map(lambda a, b: jnp.where(heads, a, b), (new, new_mask), (x, mask))
        return new, new_mask

    return run


def _parsed(step: Step) -> tuple[str, dict[str, Any], Callable[..., Any]]:
    """A step's name, settings and function."""
    if callable(step):
        return getattr(step, "__name__", "this augmentation"), {}, step
    match step:
        case str(name):
            settings: Mapping[str, Any] = {}
        case (str(name), Mapping() as settings):
            pass
        case _:
            raise InputError(f"a step must be a name, (name, settings) or a function; found {step!r}.")
    if name not in AUGMENTATIONS:
        raise InputError(f"there is no augmentation {name!r}: choose among {', '.join(AUGMENTATIONS)}.")
    return name, dict(settings), AUGMENTATIONS[name]
