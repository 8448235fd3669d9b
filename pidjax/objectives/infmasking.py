"""InfMasking: random masks of tokens, and the term that pulls a representation towards what they leave."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from pidjax import critics
from pidjax._checks import InputError
from pidjax.math.vectors import unit
from pidjax.typing import Array


def infmasking_loss(
    z: Array, masked: Array, scale: Array | float, *, temperature: float, axis_name: str | None = None
) -> Array:
    r"""Pull q = z / |z| towards all that masks could leave of it, a Gaussian of mean μ and covariance Σ.

    .. math:: -\log \frac{e^{p}}{e^{p} + \sum_{j \ne i} \big( e^{q q_j / T} + \sum_t e^{q k_{jt} / T} \big)}
              + \frac{s}{2 T^2} q^\top Σ q, \quad p = \frac1T \Big( q μ + \frac{s}{2 T} q^\top Σ q \Big)

    with k_t the unit vectors of ``masked`` [n, masks, d], μ and Σ their moments a sample, s ``scale``: λ times the
    share of training that is done. The bound on infinitely many masks of Wen et al. 2025 (as released).
    """
    critic = critics.cosine(temperature)
    q, k = unit(z), unit(masked)
    mean = (q * k.mean(1)).sum(-1)
    spread = scale / temperature * jnp.einsum("nd,ntd->nt", q, k - k.mean(1, keepdims=True)).var(1)
    positive = (mean + spread / 2) / temperature

    def others(candidates: Array) -> Array:
        return critic.stats({}, z, candidates, axis_name=axis_name).neg_logsumexp

    negative = jnp.concatenate([jax.vmap(others)(masked.swapaxes(0, 1)), others(z)[None]])
    return (jnp.logaddexp(positive, jax.nn.logsumexp(negative, axis=0)) - positive + spread / 2 / temperature).mean()


def random_masks(key: Array, lengths: Sequence[int], count: int, ratio: float) -> Array:
    """``count`` masks of one sample, bool [count, Σ lengths]: of each modality all but ⌊(1 − ratio) length⌋ tokens.

    Raises
    ------
    InputError
        A ratio that leaves no token of any modality.
    """
    kept = [int(length * (1 - ratio)) for length in lengths]
    if not any(kept):
        raise InputError(f"random masks of ratio {ratio} hide everything of {list(lengths)} tokens: lower mask_ratio.")
    hidden = []
    for k, length, keep in zip(jax.random.split(key, len(lengths)), lengths, kept, strict=True):
        order = jax.vmap(lambda k, length=length: jax.random.permutation(k, length))(jax.random.split(k, count))
        hidden.append(order >= keep)
    return jnp.concatenate(hidden, axis=1)
