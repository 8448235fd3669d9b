"""Gaussian and Gaussian-copula information with their bias removed, and the spectrum of canonical correlations."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pidjax.estimators.classical.inputs import Nats, paired
from pidjax.math.gaussian import canonical, check_rows, information_bias, information_rows, regressed
from pidjax.math.ranks import normal_scores
from pidjax.typing import Array


class Spectrum(NamedTuple):
    """Canonical pairs of x and y, m = min(dx, dy) of them, strongest first.

    Attributes
    ----------
    sample_r : [m]
        Canonical correlations of the sample. They are inflated: among independent data the largest is about
        ``edge``, not 0.
    r : [m]
        What the correlations of the population would have to be for the sample to show these; 0 where the
        sample's does not rise above ``edge``.
    information : [m]
        -½ log(1 - r²), nats.
    std_error : [m]
        Of ``information``: r / √n.
    edge : scalar
        The largest sample correlation that independent data of this shape have, up to fluctuations.
    """

    sample_r: Array
    r: Array
    information: Array
    std_error: Array
    edge: Array


def gaussian_mi(x: Array, y: Array) -> Nats:
    r"""Mutual information of jointly Gaussian x and y, in nats.

    .. math:: \hat I = \tfrac12 \log\frac{|S_x||S_y|}{|S_{xy}|} - (b_{d_x} + b_{d_y} - b_{d_x + d_y})

    with S the sample covariances and b_d the bias of half a Wishart log-determinant (``wishart_bias``), about
    dx dy / (2 n) in all. Differentiable.

    Direction: **none**. Unbiased for jointly Gaussian rows at any n. For another law it converges to the
    information of the Gaussian with the same covariance, which may lie below the truth (non-linear links) and
    above it (heavy tails). Unchanged by invertible affine maps of x and of y.

    The standard error is the root of the influence function's variance over n, which holds for any law with
    fourth moments; for Gaussian rows that is Σ r² / n, r the canonical correlations. In a sample that variance
    comes out dx dy / (2 n²) too large, to first order, which is taken off; never below dx dy / (2 n²), which
    is the variance at independence.

    Source: Anderson 2003, Sec. 7.5 (log-determinants); Goodman 1963; Ince et al. 2017 (the correction).

    Parameters
    ----------
    x : [n, dx]
    y : [n, dy]
        n > dx + dy + 1.

    Returns
    -------
    Nats(value, std_error). In float32 no pair of directions has more than about 12 nats.

    Raises
    ------
    ValueError
        Not matrices of equally many rows, or too few rows.
    """
    x, y = paired(x, y)
    check_rows(x, y)
    return _corrected(x, y, x.shape[0])


def gaussian_cmi(x: Array, y: Array, z: Array) -> Nats:
    r"""Conditional mutual information of jointly Gaussian x, y and z, in nats: ``gaussian_mi`` of partial residuals.

    .. math:: \hat I = \tfrac12 \log\frac{|S_{xz}||S_{yz}|}{|S_z||S_{xyz}|}
              - (b_{d_x + d_z} + b_{d_y + d_z} - b_{d_z} - b_{d_x + d_y + d_z})

    read off what is left of x and y after linear regression on z: their information, with dz rows fewer. Biased by
    about dx dy / (2 (n - dz)) without the correction, however large dz. Differentiable.

    Direction: **none**. Unbiased for jointly Gaussian rows at any n > dx + dy + dz + 1, and exact in the limit
    wherever what is left is Gaussian and independent of z, whatever the law of z (linear regression with Gaussian
    noise). For another law it converges to the information of the Gaussian with the same covariance. Unchanged by
    invertible affine maps of x, of y and of z. Standard error as for ``gaussian_mi``.

    Source: Anderson 2003, Secs. 4.3 and 7.5; Ince et al. 2017 (the correction).

    Parameters
    ----------
    x, y, z : [n, dx], [n, dy], [n, dz]

    Returns
    -------
    Nats(value, std_error)

    Raises
    ------
    ValueError
        Not matrices of equally many rows, or too few rows.
    """
    x, y, z = paired(x, y, z)
    check_rows(jnp.zeros((x.shape[0], x.shape[1] + z.shape[1])), y)
    return _corrected(regressed(x, z), regressed(y, z), x.shape[0] - z.shape[1])


def _corrected(x: Array, y: Array, freedom: int) -> Nats:
    """Gaussian information less its bias for as many rows as are free."""
    dx, dy = x.shape[1], y.shape[1]
    value, rows = information_rows(x, y)
    least = dx * dy / (2 * freedom**2)
    variance = jnp.maximum(rows.var() / freedom - least, least)
    return Nats(value - information_bias(freedom, dx, dy), jnp.sqrt(variance))


def copula_mi(x: Array, y: Array, key: Array | None = None) -> Nats:
    r"""Mutual information of x and y whose copula is Gaussian, in nats: ``gaussian_mi`` of their normal scores.

    Direction: **lower** bound (of what it converges to) for scalar x and y, whatever their copula, and for
    vectors whose own copulas are Gaussian; **none** for others. 0 where the link is not monotone. Unchanged by
    strictly increasing maps of every coordinate.

    Standard error as for ``gaussian_mi``: that of the Gaussian fit to the scores. Under a Gaussian copula, ranks
    cost nothing to first order; under others it leaves out what ranking adds.

    Source: Ince et al. 2017 (Gaussian copula mutual information).

    Parameters
    ----------
    x : [n, dx]
    y : [n, dy]
        n > dx + dy + 1.
    key : PRNG key, optional
        Breaks ties at random; without one they share their mean rank.

    Returns
    -------
    Nats(value, std_error)

    Raises
    ------
    ValueError
        As for ``gaussian_mi``.
    """
    x, y = paired(x, y)
    check_rows(x, y)
    return gaussian_mi(*scores(x, y, key))


def copula_cmi(x: Array, y: Array, z: Array, key: Array | None = None) -> Nats:
    r"""Conditional mutual information of x, y and z whose copula is Gaussian, in nats: ``gaussian_cmi`` of scores.

    Direction: **none**: unlike that of ``copula_mi``, its limit may exceed the truth where the copula is not Gaussian,
    for what z explains is then left in x and y. In small samples too small where z explains almost all: ranks blur
    what is left. Unchanged by strictly increasing maps of every coordinate.

    Source: Ince et al. 2017.

    Parameters
    ----------
    x, y, z : [n, dx], [n, dy], [n, dz]
    key : PRNG key, optional
        As for ``copula_mi``.

    Returns
    -------
    Nats(value, std_error)

    Raises
    ------
    ValueError
        As for ``gaussian_cmi``.
    """
    x, y, z = paired(x, y, z)
    for_pair, for_z = (None, None) if key is None else jax.random.split(key)
    return gaussian_cmi(*scores(x, y, for_pair), normal_scores(z, for_z))


def cca_spectrum(x: Array, y: Array) -> Spectrum:
    r"""Canonical correlations and the information of each pair, with the inflation of small samples removed.

    A population correlation r that stands out shows in the sample, for dx / n = c and dy / n = c' held fixed, as

    .. math:: \hat r^2 = \frac{(r^2 (1 - c) + c)\,(r^2 (1 - c') + c')}{r^2}

    while independent directions fill the range up to
    :math:`edge^2 = c + c' - 2 c c' + 2 \sqrt{c c' (1 - c)(1 - c')}`. This solves for r.

    Direction: **none**. Right for a few strong pairs beside many independent ones; where correlations are many
    and close to each other, they repel in the sample and the sum of ``information`` is not to be trusted:
    ``gaussian_mi`` is unbiased for the sum, whatever the pairs.

    Source: Bao, Hu, Pan & Zhou 2019 (Ann. Statist. 47), Thm. 1.8.

    Parameters
    ----------
    x : [n, dx]
    y : [n, dy]
        n > dx + dy + 1.

    Raises
    ------
    ValueError
        As for ``gaussian_mi``.
    """
    x, y = paired(x, y)
    check_rows(x, y)
    n = x.shape[0]
    sample = canonical(x, y).r
    r, edge = deflated(sample, n, x.shape[1], y.shape[1])
    rest = jnp.maximum(1 - r**2, jnp.finfo(r.dtype).eps)
    return Spectrum(sample, r, -jnp.log(rest) / 2, r / np.sqrt(n), jnp.asarray(edge, r.dtype))


def deflated(sample_r: Array, n: int, dx: int, dy: int, slack: float = 1.0) -> tuple[Array, float]:
    """Population correlations for sample ones, 0 where they do not rise above ``slack`` times the edge; the edge."""
    c, d = dx / (n - 1), dy / (n - 1)
    edge = float(np.sqrt(c + d - 2 * c * d + 2 * np.sqrt(c * d * (1 - c) * (1 - d))))
    # (1 - c)(1 - d) t² - b t + c d = 0 in t = r²; the larger root
    lead, b = (1 - c) * (1 - d), sample_r**2 - c * (1 - d) - d * (1 - c)
    root = (b + jnp.sqrt(jnp.maximum(b**2 - 4 * lead * c * d, 0))) / (2 * lead)
    return jnp.sqrt(jnp.where(sample_r > slack * edge, jnp.clip(root, 0, 1), 0)), edge


def scores(x: Array, y: Array, key: Array | None) -> tuple[Array, Array]:
    """Normal scores of every coordinate; ties of x and of y broken apart from one another."""
    if key is None:
        return normal_scores(x), normal_scores(y)
    for_x, for_y = jax.random.split(key)
    return normal_scores(x, for_x), normal_scores(y, for_y)
