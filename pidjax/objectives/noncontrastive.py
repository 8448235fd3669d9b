"""Non-contrastive losses of two views (FactorCL, App. C.4): VICReg and Barlow Twins, over the batch of all devices."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pidjax._checks import InputError
from pidjax.math.collectives import batch_norm, mean_over_devices
from pidjax.typing import Array


def vicreg(
    z1: Array,
    z2: Array,
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    axis_name: str | None = None,
) -> tuple[Array, dict[str, Array]]:
    r"""Variance-invariance-covariance regularisation (to be minimised): the loss and its three terms.

    .. math::
        L = \lambda \, \frac{1}{n d} \|Z_1 - Z_2\|^2
          + \mu \sum_v \frac1d \sum_j \max(0, 1 - \sqrt{\mathrm{Var}(Z_v^j) + \epsilon})
          + \nu \sum_v \frac1d \sum_{i \ne j} \mathrm{Cov}(Z_v)_{ij}^2

    with unbiased variances and covariances of the batch and ε = 1e-4. Constant embeddings, which the first term alone
    would like best, cost 2 μ (1 − √ε). Not an information, so of no unit and no direction.

    Source: Bardes et al. 2022, Algorithm 1, whose weights these are. There, as here, the first term is averaged over
    coordinates.

    Parameters
    ----------
    z1, z2 : [n, d]
        Embeddings; rows belong together.
    invariance, variance, covariance : float
        λ, μ, ν.
    axis_name : str, optional
        Axis of devices that share the batch. The loss and its terms are those of the whole batch on each; so is the
        mean over devices of the gradients.

    Returns
    -------
    (scalar, {"invariance", "variance", "covariance"})
        The terms without their weights.
    """
    rows = _rows(z1, z2, axis_name)

    def spread(z: Array) -> tuple[Array, Array]:
        centred = z - mean_over_devices(z.mean(0, keepdims=True), axis_name)
        cov = mean_over_devices(centred.T @ centred / z.shape[0], axis_name) * (rows / (rows - 1))
        sd = jnp.sqrt(jnp.diagonal(cov) + 1e-4)
        return jax.nn.relu(1 - sd).mean(), _off_diagonal(cov) / z.shape[1]

    (v1, c1), (v2, c2) = spread(z1), spread(z2)
    info = {
        "invariance": mean_over_devices(((z1 - z2) ** 2).mean(), axis_name),
        "variance": v1 + v2,
        "covariance": c1 + c2,
    }
    return invariance * info["invariance"] + variance * info["variance"] + covariance * info["covariance"], info


def barlow(
    z1: Array, z2: Array, *, off_diagonal: float = 5e-3, axis_name: str | None = None
) -> tuple[Array, dict[str, Array]]:
    r"""Barlow Twins (to be minimised): the loss and its two terms.

    .. math:: L = \sum_i (1 - C_{ii})^2 + \lambda \sum_{i \ne j} C_{ij}^2, \quad
        C = \frac1n \sum_b \hat z_{1b} \hat z_{2b}^\top

    with ẑ the embeddings standardised over the batch. Not an information, so of no unit and no direction.

    Source: Zbontar et al. 2021, Eqs. 1 and 2, λ = 5e-3.

    Parameters
    ----------
    z1, z2 : [n, d]
        Embeddings; rows belong together.
    off_diagonal : float
        λ.
    axis_name : str, optional
        As in ``vicreg``.

    Returns
    -------
    (scalar, {"on_diagonal", "off_diagonal"})
        The terms without their weight.
    """
    _rows(z1, z2, axis_name)
    product = batch_norm(z1, axis_name).T @ batch_norm(z2, axis_name) / z1.shape[0]
    correlation = mean_over_devices(product, axis_name)
    info = {
        "on_diagonal": ((1 - jnp.diagonal(correlation)) ** 2).sum(),
        "off_diagonal": _off_diagonal(correlation),
    }
    return info["on_diagonal"] + off_diagonal * info["off_diagonal"], info


def _off_diagonal(matrix: Array) -> Array:
    """Sum of squares of what is not on the diagonal."""
    return jnp.where(jnp.eye(matrix.shape[0], dtype=bool), 0.0, matrix**2).sum()


def _rows(z1: Array, z2: Array, axis_name: str | None) -> int:
    """Rows of the whole batch."""
    if z1.ndim != 2 or z1.shape != z2.shape:
        raise InputError(f"both views must be embeddings of one shape [n, d]; found {z1.shape} and {z2.shape}.")
    rows = z1.shape[0] * (1 if axis_name is None else jax.lax.psum(1, axis_name))
    if rows < 2:
        raise InputError(f"a batch of {rows} has no variance: take 2 samples or more.")
    return rows
