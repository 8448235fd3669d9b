"""CoMM: one representation of any number of modalities, in which augmentations and masks of a sample agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from pidjax import bounds, critics
from pidjax._checks import InputError, one_of
from pidjax.encoders.pooling import pool
from pidjax.objectives.contrastive import ntxent_loss
from pidjax.objectives.infmasking import infmasking_loss, random_masks
from pidjax.objectives.pair import Augment, inputs, keys_of_views, several, views
from pidjax.objectives.projection import project, projection_init
from pidjax.typing import Array, Batch, Encoder, Objective, Params


@dataclasses.dataclass(frozen=True)
class CoMMConfig:
    """Settings of ``comm``; the defaults are those of the released code. See ``PRESETS``.

    Attributes
    ----------
    temperature : float
    head : tuple of int
        Widths of the projection head; none compares Z itself.
    mask : "drop" | "token"
        Hidden modalities' tokens are left out (as released), or give way to a learned token (as the paper writes).
    negatives : "two_view" | "cross_view"
        NT-Xent of both views, whose line-up holds both (as released), or InfoNCE of the paper's Eq. 6.
    clean_unimodal : bool
        Z_i of the sample itself, compared with both views (paper), or of each view, compared with the other's Z.
    reduction : "mean" | "sum"
        Over terms, L and one L_i a modality.
    weight_joint, weight_unimodal : float
        Of L and of every L_i; 0 leaves the terms out.
    random_masks : int
        InfMasking: so many random masks a view, of a share ``mask_ratio`` of each modality's tokens, which give way to
        learned ones; 0 for none. ``covariance`` is λ, ``weight_random`` the weight of each view's term.
    mask_ratio, covariance, weight_random : float
    """

    temperature: float = 0.1
    head: tuple[int, ...] = (512, 512, 256)
    mask: str = "drop"
    negatives: str = "two_view"
    clean_unimodal: bool = False
    reduction: str = "mean"
    weight_joint: float = 1.0
    weight_unimodal: float = 1.0
    random_masks: int = 0
    mask_ratio: float = 0.7
    covariance: float = 1.0
    weight_random: float = 1.0

    def __post_init__(self):
        one_of("mask", self.mask, ("drop", "token"))
        one_of("negatives", self.negatives, ("two_view", "cross_view"))
        one_of("reduction", self.reduction, ("mean", "sum"))
        if not self.temperature > 0:
            raise InputError(f"temperature must be positive; found {self.temperature}.")
        if not 0 <= self.mask_ratio < 1:
            raise InputError(f"mask_ratio must lie in [0, 1), so that some token is left; found {self.mask_ratio}.")
        if not (self.weight_joint or self.weight_unimodal or (self.random_masks and self.weight_random)):
            raise InputError("all weights are 0: give weight_joint or weight_unimodal, so that there is a loss.")


PRESETS = {
    "released": CoMMConfig(),
    "paper": CoMMConfig(mask="token", negatives="cross_view", clean_unimodal=True, reduction="sum"),
    "infmasking": CoMMConfig(random_masks=6),
}
"""As Dufumier et al. 2025 released it, as they wrote it, and with the masks of Wen et al. 2025 (for Trifeature)."""


def comm_preset(name: str, **changes) -> CoMMConfig:
    """The settings of that name, with ``changes``."""
    one_of("preset", name, tuple(PRESETS))
    return dataclasses.replace(PRESETS[name], **changes)


def comm(
    nets: Sequence[Encoder],
    fusion: Encoder,
    *,
    augment: Augment | None,
    config: CoMMConfig = PRESETS["released"],
) -> Objective:
    r"""Contrastive multimodal learning, of n >= 2 modalities (Dufumier et al. 2025, Eqs. 6 and 7).

    .. math:: L = \frac1{n+1} \Big( NTX(Z', Z'') + \sum_i \tfrac12 [NTX(Z_i', Z'') + NTX(Z_i'', Z')] \Big)

    as released, with Z' and Z'' of two augmentations and Z_i of modality i alone; the paper's preset is
    :math:`-\hat I(Z', Z'') - \sum_i \tfrac12 [\hat I(Z_i, Z') + \hat I(Z_i, Z'')]`. The first term alone sees all of
    redundancy, uniqueness and synergy, term i the redundancy and what is unique to i. With random masks (InfMasking), a
    further term a view pulls Z towards the Gaussian of its randomly masked versions, see ``infmasking_loss``.

    Batch: "x1", ..., "xn" [n, ...]; "mask1", ... [n, tokens], where a modality is padded, true at what is real; with
    random masks optionally "progress" [n], the share of training that is done (1 without).

    ``encode`` gives when training "views" [n, views, modalities + 1, width], whose last mask hides nothing, and
    "random" [n, 2, masks, width]; otherwise ``joint`` and ``only1``, ... [n, width] and the mean tokens of each
    modality, ``backbone1``, .... ``info``: ``joint``, ``only1``, ... in nats (``bounds.ntxent`` or ``bounds.infonce``,
    of two augmentations of a sample, not of any label); ``random1`` and ``random2`` are losses.

    Parameters
    ----------
    nets : sequence of Encoder
        Each gives tokens [n, tokens, width]; see the converters of ``pidjax.encoders``. Sequences keep their length.
    fusion : Encoder
        ``encoders.fusion_transformer``, or ``encoders.masked`` of another fusion with ``mask="token"``.
    augment : callable, optional
        ``augment(key, sample) -> sample``. None: batches to train on hold two augmentations, [n, 2, ...].
    config : CoMMConfig

    Returns
    -------
    Objective

    Raises
    ------
    InputError
        One modality; when traced, a batch that lacks one, or views of another shape.

    References
    ----------
    Dufumier et al. 2025; Wen et al. 2025 (InfMasking).
    """
    count = len(nets)
    if count < 2:
        raise InputError(f"CoMM compares modalities: it needs 2 encoders or more; found {count}.")
    if augment is None and config.clean_unimodal:
        raise InputError("clean_unimodal compares samples with their augmentations: give augment(key, sample).")

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        head_key, *keys = jax.random.split(key, count + 2)
        built = {name: part.init(k) for k, (name, part) in zip(keys, parts().items(), strict=True)}
        theta, state = ({name: made[i] for name, made in built.items()} for i in (0, 1))
        if config.head:
            each = jax.random.split(key, inputs(batch, count)["x1"].shape[0])
            z = jax.eval_shape(lambda x: encode({"theta": theta}, state, x, each, train=True)[0], batch)
            theta["head"] = projection_init(head_key, (z["views"].shape[-1], *config.head))
        return {"theta": theta, "phi": {}}, state

    def parts() -> dict[str, Encoder]:
        return {f"encoder{i}": net for i, net in enumerate(nets, 1)} | {"fusion": fusion}

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        theta, states = params["theta"], dict(state)
        if train and augment is None:
            seen = _given(inputs(batch, count))
        else:
            shown = 2 if train else 0
            seen = views(augment, batch, key, shown, clean=config.clean_unimodal, modalities=count)  # type: ignore[arg-type]
        n, per_sample = seen["x1"].shape[:2]
        flat = {name: x.reshape(n * per_sample, *x.shape[2:]) for name, x in seen.items()}
        tokens = []
        for i, net in enumerate(nets, 1):
            name, each = f"encoder{i}", keys_of_views(key, per_sample, i) if key is not None and train else None
            x, mask = flat[f"x{i}"], flat.get(f"mask{i}")
            if mask is not None:
                _fits(i, mask, x)
            found, states[name] = net.apply(theta[name], state[name], x, each, train=train, mask=mask)
            tokens.append(found)
        real = _real(tokens, flat)
        lengths = [x.shape[1] for x in tokens]

        def fuse(dropped: Array | None, replaced: Array | None) -> Array:
            x = (tokens, dropped, replaced)
            z, states["fusion"] = fusion.apply(theta["fusion"], state["fusion"], x, train=train, mask=real)
            return z.reshape(n, per_sample, *z.shape[1:])

        hidden = _others(lengths)
        z = fuse(hidden, None) if config.mask == "drop" else fuse(None, hidden)
        if not train:
            means = {f"backbone{i}": pool(x, flat.get(f"mask{i}"), "mean") for i, x in enumerate(tokens, 1)}
            return {"joint": z[:, 0, -1]} | {f"only{i + 1}": z[:, 0, i] for i in range(count)} | means, states
        out = {"views": z}
        if config.random_masks and key is not None:
            masks = jax.vmap(lambda k: random_masks(k, lengths, config.random_masks, config.mask_ratio))
            replaced = masks(keys_of_views(key, per_sample, 0))
            out["random"] = fuse(None, replaced)[:, -2:]
        return out, states

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        p = {name: project(params["theta"]["head"], x, axis_name) if config.head else x for name, x in z.items()}
        progress = batch["progress"].mean() if "progress" in batch else jnp.array(1.0)
        terms = contrast(p["views"], p.get("random"), config, progress=progress, axis_name=axis_name)
        everyone = several(z["views"].shape[0], axis_name)
        # the most that InfoNCE can say, of a line-up of this size
        ceiling = jnp.log(2.0 * everyone - 1) if config.negatives == "two_view" else 0.0
        info = {name: value if name.startswith("random") else ceiling - value for name, value in terms.items()}
        value = total(terms, config, count)
        return value, {"loss": value, **info}

    return Objective(init, encode, loss)


def contrast(
    p: Array,
    random: Array | None,
    config: CoMMConfig,
    *,
    progress: Array | float = 1.0,
    axis_name: str | None = None,
) -> dict[str, Array]:
    """Every term of the loss, of projections [n, views, modalities + 1, d] and, of random masks, [n, 2, masks, d]."""
    first, second = p[:, -2], p[:, -1]
    pairs: dict[str, list[tuple[Array, Array]]] = {}
    if config.weight_unimodal:
        for i in range(p.shape[2] - 1):
            one, two = (p[:, 0, i],) * 2 if config.clean_unimodal else (second[:, i], first[:, i])
            pairs[f"only{i + 1}"] = [(one, first[:, -1]), (two, second[:, -1])]
    if config.weight_joint:
        pairs["joint"] = [(first[:, -1], second[:, -1])]
    terms = {}
    if pairs:
        anchors, others = (jnp.stack([pair[k] for both in pairs.values() for pair in both]) for k in (0, 1))
        values = jax.vmap(lambda a, b: _distance(a, b, config, axis_name))(anchors, others)
        ends = np.cumsum([len(both) for both in pairs.values()])[:-1]
        terms = {name: part.mean() for name, part in zip(pairs, jnp.split(values, ends), strict=True)}
    if random is not None and config.weight_random:
        scale = config.covariance * progress
        for view, joint in enumerate((first[:, -1], second[:, -1])):
            terms[f"random{view + 1}"] = infmasking_loss(
                joint, random[:, view], scale, temperature=config.temperature, axis_name=axis_name
            )
    return terms


def total(terms: dict[str, Array], config: CoMMConfig, modalities: int) -> Array:
    """The loss: terms times their weights, summed or over their number, that of all terms though some weigh 0."""
    weights = {"joint": config.weight_joint, "only": config.weight_unimodal, "random": config.weight_random}
    value = jnp.stack([weights[name.rstrip("0123456789")] * term for name, term in terms.items()]).sum()
    parts = modalities + 1 + (2 if config.random_masks else 0)
    return value if config.reduction == "sum" else value / parts


def _distance(a: Array, b: Array, config: CoMMConfig, axis_name: str | None) -> Array:
    if config.negatives == "two_view":
        return ntxent_loss(a, b, config.temperature, axis_name)
    stats = critics.cosine(config.temperature).stats({}, a, b, axis_name=axis_name)
    return -bounds.infonce(stats, axis_name=axis_name)


def _given(sample: Batch) -> Batch:
    """Arrays that hold two views of every sample, refused where they do not."""
    wrong = [name for name, x in sample.items() if x.ndim < 2 or x.shape[1] != 2]
    if wrong:
        found = sample[wrong[0]].shape
        raise InputError(f"without augment, batches hold two views, [n, 2, ...]; found {wrong[0]} {found}.")
    return sample


def _real(tokens: Sequence[Array], flat: Batch) -> Array | None:
    """Which tokens of all modalities are real, [n, Σ t_i]; None where none is padding."""
    masks = [flat.get(f"mask{i}") for i in range(1, len(tokens) + 1)]
    if all(mask is None for mask in masks):
        return None
    for i, (x, mask) in enumerate(zip(tokens, masks, strict=True), 1):
        if mask is not None:
            _fits(i, mask, x)
    full = [jnp.ones(x.shape[:2], bool) if m is None else m for x, m in zip(tokens, masks, strict=True)]
    return jnp.concatenate(full, axis=1)


def _fits(i: int, mask: Array, x: Array) -> None:
    if mask.shape != x.shape[:2]:
        raise InputError(f"mask{i} must say of every token whether it is real, {x.shape[:2]}; found {mask.shape}.")


def _others(lengths: Sequence[int]) -> Array:
    """Tokens hidden by the masks "only i", then by none: bool [1, n + 1, Σ t_i]."""
    of = np.repeat(np.arange(len(lengths)), lengths)
    hidden = of[None, :] != np.arange(len(lengths))[:, None]
    return jnp.asarray(np.concatenate([hidden, np.zeros_like(hidden[:1])])[None])
