"""Shared and unique parts without contrast within a modality: invariance to views, prediction of what they hide."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from pidjax import encoders
from pidjax._checks import one_of
from pidjax.math.collectives import mean_over_devices
from pidjax.objectives import pair
from pidjax.objectives.contrastive import ntxent_loss
from pidjax.objectives.noncontrastive import barlow, vicreg
from pidjax.objectives.pair import SIDES, Augment
from pidjax.objectives.two_heads import two_heads
from pidjax.typing import Array, Batch, Encoder, Objective, Params

LOSSES: dict[str, Callable[..., tuple[Array, dict[str, Array]]]] = {"vicreg": vicreg, "barlow": barlow}


def invariance(nets: Sequence[Encoder], *, augment: Augment, loss: str = "vicreg", width: int = 64) -> Objective:
    r"""VICReg or Barlow Twins across modalities, and of two augmentations within each.

    .. math:: L = V(s_1, s_2) + \sum_i V(u_i', u_i'')

    with s_i and u_i heads of encoder i. u_i holds what augmentations leave. The paper proposes such as change of one
    modality only what the other does not speak of; that makes what is shared the invariant part, and u_i holds that
    and nothing else. Augmentations of what the other modality does speak of (``noise_where_spoken``) make of u_i what
    it is meant to be: experiments/unique_augmentation shows both.

    Batch: "x1", "x2" [n, ...]. ``encode`` gives ``shared1, unique1, backbone1`` and those of side 2.

    Parameters
    ----------
    nets : two Encoders
        Each gives a vector a sample.
    augment : callable
        ``augment(key, sample) -> sample``.
    loss : "vicreg" | "barlow"
    width : int
        Of every head.

    Returns
    -------
    Objective

    References
    ----------
    Liang et al. 2023 (FactorCL), App. C.4.
    """
    one_of("loss", loss, tuple(LOSSES))
    of = LOSSES[loss]
    built = two_heads(nets, augment, width)

    def value(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        info = {"cross": of(z["s1"][:, 0], z["s2"][:, 0], axis_name=axis_name)[0]}
        for side in SIDES:
            info[f"twins{side}"] = of(z[f"u{side}"][:, 1], z[f"u{side}"][:, 2], axis_name=axis_name)[0]
        total = sum(info.values(), jnp.float32(0))
        return total, {"loss": total, **info}

    return Objective(built.init, built.encode, value)


def masked_prediction(
    nets: Sequence[Encoder], *, augment: Augment, width: int = 64, hidden: int = 256, temperature: float = 0.1
) -> Objective:
    r"""What an augmentation hides of a modality is predicted from what it leaves; modalities are contrasted beside.

    .. math:: L = NTX(s_1, s_2) + \sum_i E\big[(x_i - g_i(u_i(x_i')))^2 \mid x_i \ne x_i'\big]

    With masks that hide only what the other modality does not speak of (conditional masking, ``zero_where_silent``),
    u_i needs what is unique to X_i and nothing else; with masks anywhere it divides itself.

    Batch: "x1", "x2" [n, ...], of unit variance. ``encode`` gives ``shared1, unique1, backbone1`` and those of side 2.

    Parameters
    ----------
    nets : two Encoders
        Each gives a vector a sample.
    augment : callable
        ``augment(key, sample) -> sample``, which hides entries by changing them.
    width, hidden : int
        Of every head; of the hidden layer of the decoders g_i.
    temperature : float

    Returns
    -------
    Objective

    References
    ----------
    Liang et al. 2023 (FactorCL), App. C.4.
    """

    def decoders(batch: Batch) -> dict[str, Encoder]:
        sizes = {side: int(np.prod(batch[f"x{side}"].shape[1:])) for side in SIDES}
        return {f"decoder{side}": encoders.mlp(width, hidden, d, activation="relu") for side, d in sizes.items()}

    built = two_heads(nets, augment, width, decoders)

    def value(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        pair.several(batch["x1"].shape[0], axis_name)
        info = {"cross": ntxent_loss(z["s1"][:, 0], z["s2"][:, 0], temperature, axis_name)}
        for name, decoder in decoders(batch).items():
            x, u = z[f"x{name[-1]}"], z[f"u{name[-1]}"]
            said = decoder.apply(params["theta"][name], {}, u[:, 1:])[0].reshape(x[:, 1:].shape)
            hid = x[:, 1:] != x[:, :1]
            square = jnp.where(hid, (said - x[:, :1]) ** 2, 0.0)
            error, count = mean_over_devices((square.sum(), hid.sum().astype(square.dtype)), axis_name)
            info[f"hidden{name[-1]}"] = error / jnp.maximum(count, 1)
        total = sum(info.values(), jnp.float32(0))
        return total, {"loss": total, **info}

    return Objective(built.init, built.encode, value)
