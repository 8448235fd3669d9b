"""Shared and unique representations that are factors: what the other modality says is handed to the unique part."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from pidjax import encoders
from pidjax._checks import InputError
from pidjax.math.collectives import batch_norm, mean_over_devices
from pidjax.objectives import pair
from pidjax.objectives.contrastive import ntxent_loss
from pidjax.objectives.pair import SIDES, Augment
from pidjax.typing import Array, Batch, Encoder, Objective, Params

ROLES = ("shared", "unique")


def clean(
    nets: Sequence[Encoder],
    *,
    augment: Augment,
    temperature: float = 0.2,
    leak: float = 10.0,
    hidden: int = 256,
) -> Objective:
    r"""Factors as FactorCL means them, by a conditional term that is honest and a penalty that binds.

    .. math:: L = NTX(s_1, s_2) + \sum_i \Big[ -\hat I(u_i; X_i | X_j) + \tfrac β2 \|C(u_i, s_j)\|^2 \Big], \quad
              \hat I = -\tfrac{D}{2} \log E\big(X_i - g_i(u_i(X_i'), X_j)\big)^2, \quad j \ne i

    s_i and u_i are encoders of their own, each like ``nets[i]``; D is the size of X_i, X_i' an augmentation. The
    decoder g_i is given X_j as it is, so that u_i earns nothing by repeating what X_j says: but for a constant of
    the data, H(X_i | X_j) − D/2 log 2πe, :math:`\hat I` is Barber and Agakov's lower bound of I(u_i; X_i | X_j) for
    Gaussian noise of fitted variance, and it has no ceiling of log N. C is the matrix of correlations of u_i and
    s_j of the samples themselves over the batch of all devices; ½ ‖C‖² is about the information of weakly related
    Gaussian vectors with uncorrelated columns. s_j is held, so that only u_i gives way, and correlations cannot be
    evaded by shrinking. s and u share no parameter: under Adam the sizes of their two losses do not weigh against
    each other.

    Why not FactorCL's own terms: there the unique representation holds a head c_i that no term keeps from the shared
    factors; the heads of the two I_CLUB terms can become constant; what those terms estimate binds only with an optimal
    critic; and a term that rewards telling samples apart is paid for what the other modality says as well, against
    which any penalty must work. Here that reward is gone. What stays: correlations see linear relations of s_j and u_i
    alone, and little of directions in which u_i hardly varies, which an encoder wider than what is unique has to spare.
    How much that is: experiments/README.md.

    Batch: "x1", "x2" [n, ...], of unit variance; with "mask1", "mask2" [n, steps], only what is real is told.
    ``encode`` gives ``shared1, unique1, backbone1`` (both side by side)
    and those of side 2. ``info``: ``cross`` (loss), ``told1``, ``told2`` (:math:`\hat I`, nats but for the
    constant) and ``leak1``, ``leak2`` (½ ‖C‖²; of independent vectors in a batch of N about d_u d_s / 2 N).

    Parameters
    ----------
    nets : two Encoders
        Each gives a vector a sample, the two of one width.
    augment : callable
        ``augment(key, sample) -> sample``, of what u_i sees.
    temperature : float
        Of NTX: lower ones keep more of s_i that is not shared.
    leak : float
        β.
    hidden : int
        Width of the decoders' hidden layer.

    Returns
    -------
    Objective

    Raises
    ------
    InputError
        A temperature or width of 0, a negative weight.

    References
    ----------
    Barber & Agakov 2003; Liang et al. 2023 (FactorCL) for the factors.
    """

    if not (temperature > 0 and leak >= 0 and hidden >= 1):
        raise InputError(
            f"temperature and hidden must be above 0, leak 0 or more; found {temperature}, {hidden} and {leak}."
        )

    def decoders(batch: Batch, widths: Sequence[int]) -> dict[str, Encoder]:
        sizes = [int(np.prod(batch[f"x{side}"].shape[1:])) for side in SIDES]
        return {
            f"decoder{i + 1}": encoders.mlp(widths[i] + sizes[1 - i], hidden, sizes[i], activation="relu")
            for i in range(2)
        }

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        theta, state = {}, {}
        for role, k in zip(ROLES, jax.random.split(key, 2), strict=True):
            theta[role], state[role] = pair.init_parts(k, pair.named(nets))
        theta["decoders"], _ = pair.init_parts(jax.random.fold_in(key, 2), decoders(batch, pair.widths(nets, batch)))
        return {"theta": theta, "phi": {}}, state

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        z: dict[str, Array] = {}
        states = {}
        for i, role in enumerate(ROLES):
            keys = None if key is None else jax.vmap(lambda k, i=i: jax.random.fold_in(k, i))(key)
            count = 1 if train and role == "unique" else 0
            seen = pair.views(augment, batch, keys, count, clean=True)  # type: ignore[arg-type]
            h, states[role] = pair.encode_sides(
                nets, params["theta"][role], state[role], seen, keys if train else None, train=train
            )
            z |= {f"{role}{side}": h[side] if count else h[side][:, 0] for side in SIDES}
        if not train:
            z |= {f"backbone{side}": jnp.concatenate([z[f"{role}{side}"] for role in ROLES], -1) for side in SIDES}
        return z, states

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        n = batch["x1"].shape[0]
        pair.several(n, axis_name)
        x = {side: batch[f"x{side}"].reshape(n, -1) for side in SIDES}
        built = decoders(batch, [z[f"unique{side}"].shape[-1] for side in SIDES])
        info = {"cross": ntxent_loss(z["shared1"], z["shared2"], temperature, axis_name)}
        value = info["cross"]
        for side, other in (SIDES, SIDES[::-1]):
            u, decoder, real = z[f"unique{side}"], f"decoder{side}", _real(batch, side)
            given = jnp.concatenate([batch_norm(u[:, 1], axis_name), x[other] * _real(batch, other)], -1)
            said = built[decoder].apply(params["theta"]["decoders"][decoder], {}, given)[0]
            # sums over what is real, a row
            square, size = mean_over_devices(
                (((said - x[side]) ** 2 * real).sum(1).mean(), real.sum(1).mean()), axis_name
            )
            told = -size / 2 * jnp.log(square / size)
            # no ε to speak of: shrinking must not look like shedding
            standard = batch_norm(u[:, 0], axis_name, eps=1e-10)
            held = batch_norm(jax.lax.stop_gradient(z[f"shared{other}"]), axis_name, eps=1e-10)
            c = mean_over_devices(standard.T @ held / n, axis_name)
            info |= {f"told{side}": told, f"leak{side}": (c**2).sum() / 2}
            value += leak * info[f"leak{side}"] - told
        return value, {"loss": value, **info}

    return Objective(init, encode, loss)


def _real(batch: Batch, side: str) -> Array:
    """1 at the entries [n, D] that are no padding."""
    x, mask = batch[f"x{side}"], batch.get(f"mask{side}")
    if mask is None:
        return jnp.ones((x.shape[0], x.size // x.shape[0]))
    of_steps = mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim))
    return jnp.broadcast_to(of_steps, x.shape).reshape(x.shape[0], -1).astype(jnp.float32)
