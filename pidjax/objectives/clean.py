"""Shared and unique representations whose unique parts are kept free of the other modality, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax.math.collectives import batch_norm, mean_over_devices
from pidjax.objectives import pair
from pidjax.objectives.contrastive import ntxent_loss
from pidjax.objectives.noncontrastive import barlow
from pidjax.objectives.pair import SIDES, Augment
from pidjax.objectives.two_heads import two_heads
from pidjax.typing import Array, Batch, Encoder, Objective, Params


def clean(
    nets: Sequence[Encoder],
    *,
    augment: Augment,
    width: int = 64,
    temperature: float = 0.1,
    unique: float = 10.0,
    decorrelation: float = 0.02,
    apart: float = 3.0,
    shared_apart: float = 0.1,
) -> Objective:
    r"""Factors as FactorCL means them, by constraints that bind.

    .. math:: L = NTX(s_1, s_2) + \sum_i \Big[ \alpha \frac{B(u_i', u_i'')}{d}
              + \beta \frac{\|C(u_i, [h_j, s_j])\|^2}{d} + \gamma \frac{\|C(s_i, u_i)\|^2}{d} \Big], \quad j \ne i

    s_i and u_i are heads of encoder i, d wide; B is Barlow Twins of two augmentations, which keeps as many directions
    of what X_i says as there are, where InfoNCE stops at log N nats; C is the matrix of correlations over the batch of
    all devices, of u_i with everything the other encoder says, whose gradient is stopped, so that only u_i gives way;
    and of s_i with u_i, so that only s_i does.

    Why not FactorCL's own terms: there the unique representation holds a head c_i that no term keeps from the shared
    factors; the heads of the two I_CLUB terms can become constant; and what those terms estimate binds only with an
    optimal critic. Correlations of batch-normalised heads cannot be evaded by shrinking. They see linear relations of
    h_j and u_i alone, and that is what is shed: nonlinear encoders make it much, not all.
    Experimental: what it holds so far, which is cleaner and less than a baseline's, is in experiments/README.md.

    Batch: "x1", "x2" [n, ...]. ``encode`` gives ``shared1, unique1, backbone1`` and those of side 2.

    Parameters
    ----------
    nets : two Encoders
    augment : callable
        ``augment(key, sample) -> sample``.
    width : int
        d of every head.
    temperature : float
    unique, decorrelation, apart, shared_apart : float
        α, the off-diagonal weight within B, β and γ.

    Returns
    -------
    Objective
    """

    built = two_heads(nets, augment, width)

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        pair.several(batch["x1"].shape[0], axis_name)
        kept = jax.lax.stop_gradient({name: v[:, 0] for name, v in z.items()})

        def correlated(a: Array, b: Array) -> Array:
            # no ε to speak of: shrinking must not look like shedding
            c = batch_norm(a, axis_name, eps=1e-10).T @ batch_norm(b, axis_name) / a.shape[0]
            return (mean_over_devices(c, axis_name) ** 2).sum() / width

        info = {"cross": ntxent_loss(z["s1"][:, 0], z["s2"][:, 0], temperature, axis_name)}
        value = info["cross"]
        for side, other in (SIDES, SIDES[::-1]):
            u, s = z[f"u{side}"], z[f"s{side}"]
            twins, _ = barlow(u[:, 1], u[:, 2], off_diagonal=decorrelation, axis_name=axis_name)
            info[f"twins{side}"] = twins / width
            info[f"leak{side}"] = correlated(u[:, 0], jnp.concatenate([kept[f"h{other}"], kept[f"s{other}"]], -1))
            info[f"overlap{side}"] = correlated(s[:, 0], kept[f"u{side}"])
            value += unique * info[f"twins{side}"] + apart * info[f"leak{side}"] + shared_apart * info[f"overlap{side}"]
        return value, {"loss": value, **info}

    return Objective(built.init, built.encode, loss)
