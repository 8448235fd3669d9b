"""FactorCL: shared and unique representations of two modalities from six terms, three to keep and three to shed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from pidjax import bounds, critics, encoders
from pidjax._checks import InputError, one_of
from pidjax.math.collectives import gather, global_rows, mean_over_devices
from pidjax.objectives import pair
from pidjax.objectives.pair import SIDES, Augment
from pidjax.typing import Array, Batch, Encoder, Objective, Params

TERMS = ("nce12", "club12c", "nce1", "nce2", "club12", "nce12c")
HEADS = {"nce12": "a", "club12c": "b", "nce1": "c", "nce2": "c", "club12": "d", "nce12c": "g"}
"""Head that serves a term, one a modality."""
CONDITIONAL = ("club12c", "nce12c")
CLUBS = ("club12c", "club12")
SHARED, UNIQUE = "ab", "cdg"
"""Heads that make up Z_S and Z_U."""
ALGORITHM_2 = (1.0, 1.0, 1.0, 1.0, 2.0, 2.0)
"""Weights of −(S + U_1 + U_2), in which both unique parts hold the last two terms (Algorithm 2)."""


@dataclasses.dataclass(frozen=True)
class FactorCLConfig:
    """Settings of ``factorcl``; the defaults are the paper's.

    Attributes
    ----------
    supervised : bool
        FactorCL-SUP, whose condition is the label, or -SSL, whose condition is an augmentation of both modalities.
    critic : "concat" | "separable"
    critic_hidden : tuple of int
        (512,) in the paper, (512, 512) as released.
    head_hidden : int
        Hidden layers of a head, as wide as the encoder's output: 1 in the paper, 2 as released.
    condition_side : "both" | "first"
        Where the condition goes: each side has its own augmentation (both have the label), or side 1 has all of it.
    negatives : "marginal" | "same_label" | "augmented" | "kernel"
        Of the conditional terms. "marginal" is published: rows of the batch, which makes of the supervised NCE
        term H(Y) + I(X1; X2 | Y) (label on both sides) or I(X1, Y; X2), of the self-supervised one I(X1; X2) again.
        True conditional negatives: rows of the "same_label"; rows weighed by kernel ridge regression on the condition
        ("kernel"); or other augmentations of the same row ("augmented", which needs ``pairs`` >= 3: the condition, the
        pair, and negatives), the paper's p(x1'', x2'' | x1', x2'). Where modalities are augmented independently, the
        pair shares nothing given the sample and both conditional terms are 0 at their optimum: what is left are
        I(X1; X2) in the shared part and I(X_i; X_i') less I(X1; X2) in the unique ones.
    regularisation : float
        λ of "kernel".
    club_mean : "off_diagonal" | "all"
        Pairs in the second mean of NCE-CLUB; "all" as released, (N − 1)/N of the other.
    over : "x" | "y" | "both"
        Side that negatives are taken from; "y" in the paper, "x" as released.
    label_code : "one_hot" | "scalar"
        Of Y in I_NCE(X_i; Y); "scalar" as released.
    term_weights : six floats
        Of nce12, club12c, nce1, nce2, club12, nce12c (App. D.1: ones); see ``ALGORITHM_2``. 0 leaves a term out,
        with its head and critic.
    pairs : int
        Augmented pairs a sample, over which the self-supervised terms are averaged.
    """

    supervised: bool = False
    critic: str = "concat"
    critic_hidden: tuple[int, ...] = (512,)
    head_hidden: int = 1
    condition_side: str = "both"
    negatives: str = "marginal"
    regularisation: float = 1.0
    club_mean: str = "off_diagonal"
    over: str = "y"
    label_code: str = "one_hot"
    term_weights: tuple[float, float, float, float, float, float] = (1.0,) * 6
    pairs: int = 1

    def __post_init__(self):
        one_of("critic", self.critic, ("concat", "separable"))
        one_of("condition_side", self.condition_side, ("both", "first"))
        one_of("negatives", self.negatives, ("marginal", "same_label", "augmented", "kernel"))
        one_of("club_mean", self.club_mean, ("all", "off_diagonal"))
        one_of("over", self.over, ("x", "y", "both"))
        one_of("label_code", self.label_code, ("one_hot", "scalar"))
        if len(self.term_weights) != len(TERMS) or not any(self.term_weights) or min(self.term_weights) < 0:
            raise InputError(
                f"term_weights are six numbers of 0 or more for {', '.join(TERMS)}, one of them above 0; "
                f"found {self.term_weights}."
            )
        if self.pairs < 1 or self.head_hidden < 0:
            raise InputError(
                f"pairs must be 1 or more and head_hidden 0 or more; found {self.pairs}, {self.head_hidden}."
            )
        if self.negatives == "augmented" and (self.supervised or self.pairs < 3):
            raise InputError(
                'negatives="augmented" are further augmentations: they need supervised=False and pairs >= 3, '
                f"the condition, the pair and one or more negatives; found pairs={self.pairs}."
            )
        if self.negatives == "same_label" and not self.supervised:
            raise InputError('negatives="same_label" need labels: supervised=True.')


PAPER = FactorCLConfig()


def released(*, supervised: bool) -> FactorCLConfig:
    """Settings of the released code on synthetic factors.

    Its critics of the CLUB terms read [y, x]: of weights from there, first-layer blocks "x" and "y" change places.
    """
    side = "first" if supervised else "both"
    return FactorCLConfig(supervised, "concat", (512, 512), 2, side, club_mean="all", over="x", label_code="scalar")


class LineUp(NamedTuple):
    """Paired inputs of a critic; negatives [n, K, d] or log weights [n, m] where they are not the batch's."""

    x: Array
    y: Array
    negatives: Array | None = None
    log_weights: Array | None = None


def factorcl(
    nets: Sequence[Encoder],
    config: FactorCLConfig = PAPER,
    *,
    augment: Augment | None = None,
    classes: int | None = None,
) -> Objective:
    r"""FactorCL-SUP or -SSL.

    .. math:: L = I_{NCE}(X_1; X_2) - I_{CLUB}(X_1; X_2 | C) + \sum_i I_{NCE}(X_i; V_i)
                  - I_{CLUB}(X_1; X_2) + I_{NCE}(X_1; X_2 | C)

    to be maximised, with C = V_i = Y for SUP (Eqs. 94 to 96) and V_i = X_i', C = (X_1', X_2') for SSL (Eqs. 97 to
    99). Every term has a head for each modality and a critic of its own; theta is encoders, heads and critics of the
    I_NCE terms, phi the critics of the two I_CLUB terms, fitted by ``inner`` to I_NCE(X1; X2 | C) + I_NCE(X1; X2)
    (Eq. 100, Alg. 3).

    Batch: "x1", "x2" [n, ...], "mask1", "mask2" where encoders take one, "y" [n] int for SUP; a label that is none of
    0 ... ``classes`` − 1 makes the loss NaN, which stops training.

    ``encode`` returns, when training, the outputs of heads by name ("a1": [n, views, d], the sample first and its
    augmentations behind); otherwise [n, d] each of ``shared1, shared2`` (heads of nce12 and club12c), ``unique1,
    unique2`` (of nce_i, club12 and nce12c) as App. D.1 defines them, of ``heads1, heads2`` (both) and of
    ``backbone1, backbone2`` (the encoders, which OurCL takes).

    ``info`` holds the terms in nats, those of a condition with the kind of their negatives in the name, and
    ``spread_b``, ``spread_d``: the standard deviation of what the heads of the CLUB terms give, which can bring
    their term to 0 by becoming constant while encoders keep everything. Of "kernel" negatives ``clamped_b``,
    ``clamped_g`` are the shares of weights that were not positive and count as 0.

    What the terms are worth: I_NCE is a lower bound of what its line-up says (see ``negatives``), I_CLUB an upper
    bound at the optimal critic only, and there not tight (``bounds.nce_club``).

    Parameters
    ----------
    nets : two Encoders
        Each gives a vector a sample.
    config : FactorCLConfig
    augment : callable
        ``augment(key, sample) -> sample`` (see ``pidjax.data``), for SSL. Independent augmentations are
        FactorCL-IndAug; one that sees the other modality is the paper's unique augmentation.
    classes : int
        Of the labels, for SUP.

    Returns
    -------
    Objective

    Raises
    ------
    InputError
        Missing augmentation, classes, labels or modality; settings that contradict each other.

    References
    ----------
    Liang et al. 2023 (FactorCL), Eqs. 8 to 11, 94 to 100, Alg. 3, App. D.1.
    """
    supervised = config.supervised
    if supervised and classes is None:
        raise InputError("FactorCL-SUP needs classes, the number of labels.")
    if not supervised and augment is None:
        raise InputError("FactorCL-SSL needs augment(key, sample).")
    count = classes or 0
    weights = {term: w for term, w in zip(TERMS, config.term_weights, strict=True) if w > 0}
    heads = sorted({f"{HEADS[t]}{s}" for t in weights for s in SIDES if t not in ("nce1", "nce2") or t[-1] == s})
    views = 0 if supervised else config.pairs
    critic = (critics.concat if config.critic == "concat" else critics.separable)(config.critic_hidden)

    def parts(sizes: Sequence[int]) -> dict[str, Encoder]:
        of_size = {
            d: encoders.mlp(*(d,) * (config.head_hidden + 2), activation="relu", init="torch") for d in set(sizes)
        }
        return pair.named(nets) | {head: of_size[sizes[int(head[1]) - 1]] for head in heads}

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        for_parts, for_critics, for_views = jax.random.split(key, 3)
        theta, state = pair.init_parts(for_parts, parts(pair.widths(nets, batch)))
        params = {"theta": theta, "phi": {}}
        n = batch["x1"].shape[0]

        def sides() -> dict[str, tuple[Array, Array]]:
            z = encode(params, state, batch, jax.random.split(for_views, n), train=True)[0]
            return {term: line_ups(term, z, batch, None)[0][:2] for term in weights}

        shapes = {term: (x.shape, y.shape) for term, (x, y) in jax.eval_shape(sides).items()}
        drawn = pair.drawn_alike(for_critics, shapes, lambda of, k: critic.init(k, *(jnp.zeros(shape) for shape in of)))
        for term, found in drawn.items():
            params["phi" if term in CLUBS else "theta"][term] = found
        return params, state

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        theta = params["theta"]
        seen = pair.views(augment, batch, key, views if train else 0, clean=True)  # type: ignore[arg-type]
        h, new_state = pair.encode_sides(nets, theta, state, seen, key if train else None, train=train)
        sizes = [h[side].shape[-1] for side in SIDES]
        built, z = parts(sizes), {}
        for head in heads:
            x = h[head[1]] if train and head[0] in "bcg" else h[head[1]][:, :1]
            z[head] = built[head].apply(theta[head], {}, x)[0]
        return (z if train else _representations(h, z)), new_state

    def line_ups(term: str, z: dict[str, Array], batch: Batch, axis_name: str | None) -> list[LineUp]:
        """One an augmented pair, or the one of the labels."""
        head = HEADS[term]
        if term in ("nce1", "nce2"):
            x = z[f"{head}{term[-1]}"]
            if supervised:
                return [LineUp(x[:, 0], _code(pair.need_labels(batch, x.shape[0]), count, config.label_code))]
            return [LineUp(x[:, 0], x[:, k]) for k in range(1, x.shape[1])]
        one, two = z[f"{head}1"], z[f"{head}2"]
        if term not in CONDITIONAL:
            return [LineUp(one[:, 0], two[:, 0])]
        if supervised:
            y = pair.need_labels(batch, one.shape[0])
            code = pair.one_hot(y, count)
            x1, x2 = critics.condition(one[:, 0], two[:, 0], code, "x" if config.condition_side == "first" else "both")
            return [LineUp(x1, x2, None, _log_weights(config, y, code, axis_name))]
        if config.negatives == "augmented":
            x1, x2 = critics.condition(one[:, 2], two[:, 2], jnp.hstack([one[:, 1], two[:, 1]]), "x")
            return [LineUp(x1, x2, two[:, 3:])]
        found = []
        for k in range(1, one.shape[1]):
            given = jnp.hstack([one[:, k], two[:, k]])
            if config.condition_side == "first":
                x1, x2 = critics.condition(one[:, 0], two[:, 0], given, "x")
            else:
                x1, x2 = jnp.hstack([one[:, 0], one[:, k]]), jnp.hstack([two[:, 0], two[:, k]])
            found.append(LineUp(x1, x2, None, _log_weights(config, None, given, axis_name)))
        return found

    def read(lined: list[LineUp], params: Params, axis_name: str | None, *, nce: bool) -> Array:
        def one(line_up: LineUp) -> Array:
            x, y, negatives, log_weights = line_up
            if negatives is not None:
                stats = critics.drawn_stats(critic, params, x, y, negatives)
            else:
                stats = critic.stats(params, x, y, log_weights=log_weights, over=config.over, axis_name=axis_name)
            if nce:
                return bounds.infonce(stats, axis_name=axis_name)
            return bounds.nce_club(stats, all_pairs=config.club_mean == "all", axis_name=axis_name)

        found = [one(line_up) for line_up in lined]
        return sum(found[1:], found[0]) / len(found)

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        pair.several(batch["x1"].shape[0], axis_name)
        value, info = jnp.float32(0), {}
        for term, weight in weights.items():
            of, lined = params["phi" if term in CLUBS else "theta"][term], line_ups(term, z, batch, axis_name)
            found = read(lined, of, axis_name, nce=term not in CLUBS)
            value += weight * found * (1 if term in CLUBS else -1)
            info[f"{term}_{config.negatives}" if term in CONDITIONAL else term] = found
            if term in CONDITIONAL and config.negatives == "kernel":
                log_weights = jnp.stack([line_up.log_weights for line_up in lined])  # type: ignore[misc]
                info[f"clamped_{HEADS[term]}"] = _clamped(log_weights, axis_name)
            if term in CLUBS:
                info[f"spread_{HEADS[term]}"] = _spread([z[f"{HEADS[term]}{side}"][:, 0] for side in SIDES], axis_name)
        return value, {"loss": value, **info}

    def inner(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        terms = [t for t in CLUBS if t in weights]
        info = {
            f"critic_{t}": read(line_ups(t, z, batch, axis_name), params["phi"][t], axis_name, nce=True) for t in terms
        }
        return -sum(info.values(), jnp.float32(0)), info

    return Objective(init, encode, loss, inner if any(t in weights for t in CLUBS) else None)


def _representations(h: dict[str, Array], z: dict[str, Array]) -> dict[str, Array]:
    found = {}
    for side in SIDES:
        for name, letters in (("shared", SHARED), ("unique", UNIQUE), ("heads", SHARED + UNIQUE)):
            chosen = [z[f"{letter}{side}"][:, 0] for letter in letters if f"{letter}{side}" in z]
            if chosen:
                found[f"{name}{side}"] = jnp.concatenate(chosen, -1)
        found[f"backbone{side}"] = h[side][:, 0]
    return found


def _code(y: Array, classes: int, kind: str) -> Array:
    code = pair.one_hot(y, classes)
    return code if kind == "one_hot" else code @ jnp.arange(classes, dtype=jnp.float32)[:, None]


def _log_weights(config: FactorCLConfig, y: Array | None, given: Array, axis_name: str | None) -> Array | None:
    """Of the negatives of a conditional term, [rows of this device, rows of all]."""
    if config.negatives == "marginal":
        return None
    n = given.shape[0]
    own = global_rows(n, axis_name)
    if config.negatives == "same_label":
        return bounds.same_group(gather(y, axis_name))[own]  # type: ignore[arg-type]
    everyone = jax.lax.stop_gradient(gather(given, axis_name))
    return bounds.ridge(jnp.exp(bounds.near(everyone)), config.regularisation)[own]


def _clamped(log_weights: Array, axis_name: str | None) -> Array:
    """Share of weight 0 among the pairs of different rows, of [pairs, rows of this device, rows of all]."""
    everyone = log_weights.shape[-1]
    zeros = mean_over_devices(jnp.isneginf(log_weights).mean(), axis_name)
    return (zeros * everyone - 1) / (everyone - 1)  # every row leaves itself out


def _spread(outputs: Sequence[Array], axis_name: str | None) -> Array:
    """Mean standard deviation of their columns over the batch of all devices."""

    def one(x: Array) -> Array:
        mean, square = mean_over_devices((x.mean(0), (x**2).mean(0)), axis_name)
        return jnp.sqrt(jnp.maximum(square - mean**2, 0)).mean()

    return jnp.stack([one(x) for x in outputs]).mean()
