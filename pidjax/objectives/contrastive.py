"""Contrastive baselines of two modalities: Cross (SimCLR), CLIP, Cross+Self, Cross+Self+Fact and SupCon."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax import bounds, critics, encoders
from pidjax._checks import InputError
from pidjax.critics.dot import learned_temperature
from pidjax.critics.layers import linear_init
from pidjax.math.collectives import gather, global_rows
from pidjax.math.vectors import unit
from pidjax.objectives import pair
from pidjax.objectives.pair import SIDES, Augment
from pidjax.typing import Array, Batch, Encoder, Objective, Params


def ntxent_loss(a: Array, b: Array, temperature: float, axis_name: str | None = None) -> Array:
    """Published NT-Xent of the 2 N vectors of both views, [n, d] each: log(2 N − 1) less ``bounds.ntxent``."""
    critic = critics.cosine(temperature)

    def of(x: Array, y: Array) -> Array:
        cross, same = (critic.stats({}, x, other, axis_name=axis_name) for other in (y, x))
        ceiling = jnp.log1p(cross.num_neg[0] + same.num_neg[0])
        return ceiling - bounds.ntxent(cross, same, axis_name=axis_name)

    return (of(a, b) + of(b, a)) / 2


def cross(
    nets: Sequence[Encoder], *, temperature: float = 0.1, head: Sequence[int] = (), normalise: bool = True
) -> Objective:
    r"""Cross-modal contrast: NT-Xent of h_1(e_1(x_1)) and h_2(e_2(x_2)), on unit vectors.

    FactorCL calls it SimCLR; CoMM's Cross is ``clip``.

    Batch: "x1", "x2" [n, ...]. ``encode`` gives ``backbone1, backbone2`` [n, d] and the heads' ``projection1,
    projection2``. ``info``: ``cross``, the loss as a bound in nats (``bounds.ntxent``).

    Parameters
    ----------
    nets : two Encoders
        Each gives a vector a sample.
    temperature : float
    head : sequence of int
        Widths of a perceptron on each encoder, the last one that of the projection; none by default, which contrasts
        the encoders' vectors (of one width). FactorCL's released SimCLR and SupCon have (128, 128, 128), on encoders
        of 128, and are probed at the encoders.
    normalise : bool
        Unit vectors; FactorCL's released code takes them as they are (temperature 0.07 or 0.5).

    Returns
    -------
    Objective

    References
    ----------
    Chen et al. 2020 (SimCLR); Liang et al. 2023, Sec. 4.
    """
    return _contrast(nets, None, temperature, head, apart=False, normalise=normalise)


def clip(nets: Sequence[Encoder], *, width: int = 512, temperature: float = 0.07, learned: bool = True) -> Objective:
    r"""CLIP: InfoNCE of W_1 e_1(x_1) and W_2 e_2(x_2) on unit vectors, in both directions, temperature learned or not.

    .. math:: L = \log N - \tfrac12 [I_{NCE}(x_1; x_2) + I_{NCE}(x_2; x_1)]

    Negatives are of the other modality alone.

    Batch: "x1", "x2" [n, ...]. ``encode`` gives ``backbone1, backbone2`` [n, d] and ``projection1, projection2``
    [n, width], which CoMM's probes of it see. ``info``: ``cross``, the bound in nats, and ``temperature`` if learned.

    Parameters
    ----------
    nets : two Encoders
        Each gives a vector a sample.
    width : int
        Of the projections, linear and without bias.
    temperature : float
        To start with, in [0.01, 1], where it stays, if learned; otherwise any positive number.
    learned : bool
        Whether the temperature is trained; otherwise it is fixed.

    Returns
    -------
    Objective

    Raises
    ------
    InputError
        A temperature that is not positive, or learned and not in [0.01, 1].

    References
    ----------
    Radford et al. 2021, Fig. 3; Dufumier et al. 2025, who call it Cross.
    """
    critic = critics.cosine(temperature, learned=learned)

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        for_nets, *keys = jax.random.split(key, 3)
        theta, state = pair.init_parts(for_nets, pair.named(nets))
        for side, k, d in zip(SIDES, keys, pair.widths(nets, batch), strict=True):
            theta[f"projection{side}"] = linear_init(k, d, width)["kernel"]
        theta["critic"] = critic.init(key, *(jnp.zeros((2, width)),) * 2)
        return {"theta": theta, "phi": {}}, state

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        z, states = pair.backbones(nets, params, state, batch, key, train=train)
        return z | {
            f"projection{side}": z[f"backbone{side}"] @ params["theta"][f"projection{side}"] for side in SIDES
        }, states

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        scale = params["theta"]["critic"]
        stats = critic.stats(scale, z["projection1"], z["projection2"], over="both", axis_name=axis_name)
        found = bounds.infonce(stats, axis_name=axis_name)
        value = jnp.log(float(pair.several(z["projection1"].shape[0], axis_name))) - found
        info = {"loss": value, "cross": found}
        if learned:
            info["temperature"] = learned_temperature(scale)
        return value, info

    return Objective(init, encode, loss)


def cross_self(
    nets: Sequence[Encoder],
    *,
    augment: Augment,
    temperature: float = 0.1,
    head: Sequence[int] = (1024, 256),
    factorised: bool = False,
) -> Objective:
    r"""Cross+Self: NT-Xent across modalities, and within each between two augmentations.

    .. math:: L = NTX(x_1, x_2) + \tfrac12 [NTX(x_1', x_1'') + NTX(x_2', x_2'')]

    Parameters
    ----------
    nets : two Encoders
    augment : callable
        ``augment(key, sample) -> sample``.
    temperature, head
        As for ``cross``; one head a modality serves both roles.
    factorised : bool
        Cross+Self+Fact: encoders and heads of their own for the terms within a modality. ``backbone1`` is then both
        encoders' outputs side by side.

    Returns
    -------
    Objective
        ``encode`` and ``info`` as of ``cross``, with ``self1``, ``self2``.

    References
    ----------
    Yuan et al. 2021; Mu et al. 2022 (SLIP); Liang et al. 2023, Sec. 4.
    """
    return _contrast(nets, augment, temperature, head, apart=factorised)


def _contrast(
    nets: Sequence[Encoder],
    augment: Augment | None,
    temperature: float,
    head: Sequence[int],
    *,
    apart: bool,
    normalise: bool = True,
) -> Objective:
    """Cross, and the terms within modalities where there is an augmentation, by networks of their own if ``apart``."""
    roles = ("cross", "self") if apart else ("cross",)

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        built = pair.named(nets) | _heads(head, pair.widths(nets, batch))
        drawn = {
            role: pair.init_parts(k, built) for role, k in zip(roles, jax.random.split(key, len(roles)), strict=True)
        }
        theta = {role: params for role, (params, _) in drawn.items()}
        return {"theta": theta, "phi": {}}, {role: state for role, (_, state) in drawn.items()}

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        seen = pair.views(augment, batch, key, 2 if train and augment else 0, clean=True)  # type: ignore[arg-type]
        z: dict[str, Array] = {}
        states = {}
        for number, role in enumerate(roles):
            theta = params["theta"][role]
            own = pair.keys_of_views(key, 1, len(SIDES) + 1 + number) if train and key is not None else None
            h, states[role] = pair.encode_sides(nets, theta, state[role], seen, own, train=train)
            z |= {f"{role}_backbone{side}": h[side] for side in SIDES}
            z |= {f"{role}_{name}": p for name, p in _projections(head, theta, h).items()}
        if train:
            return z, states
        found = {}
        for side in SIDES:
            for what in ("backbone", "projection"):
                found[f"{what}{side}"] = jnp.concatenate([z[f"{role}_{what}{side}"][:, 0] for role in roles], -1)
        return found, states

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        ceiling = jnp.log(2.0 * pair.several(z["cross_projection1"].shape[0], axis_name) - 1)
        one, two = (z[f"cross_projection{side}"][:, 0] for side in SIDES)
        if normalise:
            terms = {"cross": ntxent_loss(one, two, temperature, axis_name)}
        else:  # of every row a class of its own
            y = global_rows(one.shape[0], axis_name)
            terms = {"cross": supcon_loss(_both(one, two), y, temperature, axis_name, normalise=False)[0]}
        if augment:
            for side in SIDES:
                p = z[f"{roles[-1]}_projection{side}"]
                terms[f"self{side}"] = ntxent_loss(p[:, 1], p[:, 2], temperature, axis_name)
        value = sum(term if name == "cross" else term / 2 for name, term in terms.items())
        return value, {"loss": value, **{name: ceiling - term for name, term in terms.items()}}

    return Objective(init, encode, loss)


def _heads(head: Sequence[int], sizes: Sequence[int]) -> dict[str, Encoder]:
    """A perceptron on each encoder, by its name among parameters."""
    if not head:
        return {}
    return {
        f"head{side}": encoders.mlp(d, *head, activation="relu", init="torch")
        for side, d in zip(SIDES, sizes, strict=True)
    }


def _projections(head: Sequence[int], theta: Params, h: dict[str, Array]) -> dict[str, Array]:
    """What the heads make of the encoders' vectors {"1", "2"}; those themselves without heads."""
    built = _heads(head, [h[side].shape[-1] for side in SIDES])
    return {
        f"projection{side}": built[f"head{side}"].apply(theta[f"head{side}"], {}, h[side])[0] if head else h[side]
        for side in SIDES
    }


def supcon_loss(
    views: Array, y: Array, temperature: float, axis_name: str | None = None, *, normalise: bool = True
) -> tuple[Array, Array]:
    """SupCon over all views [n, views, d] of one class, and its value where all vectors are one."""
    n, count, d = views.shape
    pair.several(n, axis_name)
    rows = (unit(views) if normalise else views).swapaxes(0, 1)
    everyone = jax.vmap(lambda x: gather(x, axis_name))(rows)
    labels, own = gather(y, axis_name), global_rows(n, axis_name)
    total = labels.shape[0]
    value = -bounds.supcon(
        rows.reshape(-1, d) @ everyone.reshape(-1, d).T / temperature,
        jnp.tile(y, count),
        candidate_labels=jnp.tile(labels, count),
        own=(own[None, :] + total * jnp.arange(count)[:, None]).reshape(-1),
        axis_name=axis_name,
    )
    return value, jnp.log(count * float(total) - 1)


def _both(one: Array, two: Array) -> Array:
    """Both modalities' vectors as views of a sample, [n, 2, d]."""
    if one.shape != two.shape:
        raise InputError(
            "vectors of both modalities are contrasted with each other, so they must be of one width; "
            f"found {one.shape[1]} and {two.shape[1]}: give head=(...), or encoders of one width."
        )
    return jnp.stack([one, two], 1)


def supcon(
    nets: Sequence[Encoder],
    *,
    temperature: float = 0.1,
    base_temperature: float | None = None,
    head: Sequence[int] = (),
    normalise: bool = True,
) -> Objective:
    r"""SupCon on both modalities' vectors: samples of one class attract, whichever modality they come from.

    .. math:: L = -\frac{T}{T_0} \, \text{supcon}([z_1; z_2]), \quad z_i = h_i(e_i(x_i))

    Batch: "x1", "x2" [n, ...], "y" [n] int. A row whose class has no other member still has its own other modality.

    Parameters
    ----------
    nets : two Encoders
        Each gives a vector a sample.
    temperature, base_temperature : float
        T and T_0 (T by default).
    head
        As for ``cross``.
    normalise : bool
        Unit vectors; the released code's are not, whose saved runs collapse to a constant (loss (T/T_0) log(2 N − 1)).

    Returns
    -------
    Objective
        ``encode`` as of ``cross``; ``info``: ``supcon`` and ``trivial``, its value for constant vectors.

    References
    ----------
    Khosla et al. 2020, Eq. 2.
    """
    scale = 1.0 if base_temperature is None else temperature / base_temperature

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        theta, state = pair.init_parts(key, pair.named(nets) | _heads(head, pair.widths(nets, batch)))
        return {"theta": theta, "phi": {}}, state

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        z, states = pair.backbones(nets, params, state, batch, key, train=train)
        return z | _projections(head, params["theta"], {side: z[f"backbone{side}"] for side in SIDES}), states

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        both = _both(*(z[f"projection{side}"] for side in SIDES))
        y = pair.need_labels(batch, both.shape[0])
        value, trivial = supcon_loss(both, y, temperature, axis_name, normalise=normalise)
        return scale * value, {"loss": scale * value, "supcon": scale * value, "trivial": scale * trivial}

    return Objective(init, encode, loss)
