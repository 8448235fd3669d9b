"""One door to every method: a name in, an objective and the heads that a probe sees out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pidjax._checks import InputError
from pidjax.objectives import contrastive
from pidjax.objectives.clean import clean
from pidjax.objectives.cmc import cmc
from pidjax.objectives.comm import comm, comm_preset
from pidjax.objectives.factorcl import PAPER, TERMS, FactorCLConfig, factorcl
from pidjax.objectives.pair import Augment
from pidjax.objectives.supervised import supervised
from pidjax.objectives.unique_views import invariance, masked_prediction
from pidjax.typing import Encoder, Objective


class Method(NamedTuple):
    """An objective, and which of what it encodes a probe of it sees (``pair.joined``)."""

    objective: Objective
    heads: tuple[str, ...]


BACKBONES = ("backbone1", "backbone2")
FACTORS = ("shared1", "unique1", "shared2", "unique2")
ONLY = {
    "shared": ("nce12", "club12c"),
    "unique1": ("nce1", "club12", "nce12c"),
    "unique2": ("nce2", "club12", "nce12c"),
}
"""Terms of FactorCL-S, -U1, -U2."""


class Recipe(NamedTuple):
    """How a method is built: ``build(nets, augment, unique_augment, classes, config, settings) -> Objective``."""

    build: Callable[..., Objective]
    heads: tuple[str, ...]
    supervised: bool = False


def _factorcl(supervision: bool, heads: tuple[str, ...], only: str | None = None, independent: bool = False) -> Recipe:
    def build(nets, augment, unique_augment, classes, config, settings) -> Objective:
        changes: dict[str, Any] = {"supervised": supervision}
        if only is not None:
            changes["term_weights"] = tuple(
                w if t in ONLY[only] else 0.0 for t, w in zip(TERMS, config.term_weights, strict=True)
            )
        chosen = augment if independent or unique_augment is None else unique_augment
        return factorcl(nets, dataclasses.replace(config, **changes), augment=chosen, classes=classes, **settings)

    return Recipe(build, heads, supervision)


def _plain(
    make: Callable[..., Objective],
    *,
    augmented: bool = False,
    unique: bool = False,
    heads: tuple[str, ...] = BACKBONES,
    **fixed: Any,
) -> Recipe:
    """``unique``: takes the unique augmentation where there is one."""

    def build(nets, augment, unique_augment, classes, config, settings) -> Objective:
        chosen = unique_augment if unique and unique_augment is not None else augment
        if augmented and chosen is None:
            raise InputError(f"{make.__name__} compares augmentations of a sample: give augment(key, sample).")
        given = {"augment": chosen} if augmented else {}
        return make(nets, **given, **fixed, **settings)

    return Recipe(build, heads)


def _labelled(make: Callable[..., Objective], *, told: bool) -> Recipe:
    """``told`` how many classes there are, where it must be."""

    def build(nets, augment, unique_augment, classes, config, settings) -> Objective:
        if told and classes is None:
            raise InputError(f"{make.__name__} needs classes, the number of labels.")
        return make(nets, classes, **settings) if told else make(nets, **settings)

    return Recipe(build, BACKBONES, True)


def _fused(preset: str) -> Recipe:
    def build(nets, augment, unique_augment, classes, config, settings) -> Objective:
        if "fusion" not in settings or augment is None:
            raise InputError(
                "CoMM fuses tokens of two views: give fusion=encoders.fusion_transformer(...) and augment."
            )
        changes = dict(settings)
        fusion = changes.pop("fusion")
        return comm(nets, fusion, augment=augment, config=comm_preset(preset, **changes))

    return Recipe(build, ("joint",))


METHODS: dict[str, Recipe] = {
    "simclr": _plain(contrastive.cross),
    "clip": _plain(contrastive.clip, heads=("projection1", "projection2")),
    "cmc": _plain(cmc, heads=("projection1", "projection2")),
    "cross_self": _plain(contrastive.cross_self, augmented=True),
    "cross_self_fact": _plain(contrastive.cross_self, augmented=True, factorised=True),
    "supcon": _labelled(contrastive.supcon, told=False),
    "supervised": _labelled(supervised, told=True),
    "ourcl_ssl": _factorcl(False, BACKBONES),
    "ourcl_sup": _factorcl(True, BACKBONES),
    "factorcl_ssl": _factorcl(False, FACTORS),
    "factorcl_sup": _factorcl(True, FACTORS),
    "factorcl_indaug": _factorcl(False, FACTORS, independent=True),
    "factorcl_ssl_s": _factorcl(False, ("shared1", "shared2"), "shared"),
    "factorcl_ssl_u1": _factorcl(False, ("unique1",), "unique1"),
    "factorcl_ssl_u2": _factorcl(False, ("unique2",), "unique2"),
    "factorcl_sup_s": _factorcl(True, ("shared1", "shared2"), "shared"),
    "factorcl_sup_u1": _factorcl(True, ("unique1",), "unique1"),
    "factorcl_sup_u2": _factorcl(True, ("unique2",), "unique2"),
    "clean_ssl": _plain(clean, augmented=True, heads=FACTORS),
    "comm": _fused("released"),
    "comm_paper": _fused("paper"),
    "infmasking": _fused("infmasking"),
    "vicreg": _plain(invariance, augmented=True, unique=True, heads=FACTORS, loss="vicreg"),
    "barlow": _plain(invariance, augmented=True, unique=True, heads=FACTORS, loss="barlow"),
    "masked": _plain(masked_prediction, augmented=True, unique=True, heads=FACTORS),
}


def method(
    name: str,
    nets: Sequence[Encoder],
    *,
    augment: Augment | None = None,
    unique_augment: Augment | None = None,
    classes: int | None = None,
    config: FactorCLConfig = PAPER,
    **settings: Any,
) -> Method:
    """The method of this name.

    Parameters
    ----------
    name : str
        A key of ``METHODS``. OurCL is FactorCL read at its encoders; FactorCL-S, -U1, -U2 have the terms of one part
        alone; FactorCL-IndAug ignores ``unique_augment``.
    nets : two Encoders
    augment : callable
        Independent augmentation of both modalities, ``augment(key, sample) -> sample``.
    unique_augment : callable, optional
        One that sees both modalities, for FactorCL-SSL, "vicreg", "barlow" and "masked"; ``augment`` where there is
        none.
    classes : int
        Of supervised methods.
    config : FactorCLConfig
        Of the FactorCL methods, but for what their name says.
    **settings
        Of the others, such as ``temperature``; of CoMM's, whose ``nets`` give tokens and may be more than two,
        ``fusion`` (see ``comm``) and changes of ``CoMMConfig``.

    Raises
    ------
    InputError
        An unknown name; what the method needs is missing.
    """
    if name not in METHODS:
        raise InputError(f"there is no method {name!r}: choose among {', '.join(METHODS)}.")
    recipe = METHODS[name]
    heads = recipe.heads
    if len(nets) > 2 and heads != ("joint",):
        heads = tuple(f"{h[:-1]}{i}" for h in heads if h.endswith("1") for i in range(1, len(nets) + 1))
    return Method(recipe.build(nets, augment, unique_augment, classes, config, settings), heads)
