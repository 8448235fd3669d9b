"""Informations and canonical correlations of jointly Gaussian vectors, by orthogonal factorisations of the data.

Everything is read off QR factors of the standardised data, never off a covariance matrix: the factors see the
condition of the data, covariances its square, and float32 has no digits to square away.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import digamma

from pidjax._checks import InputError
from pidjax.math.factor import qr, svd, triangular_inverse
from pidjax.math.pairwise.dot import accumulator
from pidjax.typing import Array


class Canonical(NamedTuple):
    """Canonical pairs a_i = (x - x_mean) x_weights_i, b_i = (y - y_mean) y_weights_i of a sample.

    Over the sample every a_i and b_i has mean 0 and variance 1, and the only correlations among them are those
    of a_i with b_i.

    Attributes
    ----------
    r : [m], m = min(dx, dy)
        Canonical correlations, descending.
    information : [m]
        -½ log(1 - r²), nats; from the sine of the angle where r is close to 1, so that no digit is lost there.
    x_mean, y_mean : [dx], [dy]
    x_weights, y_weights : [dx, m], [dy, m]
    """

    r: Array
    information: Array
    x_mean: Array
    y_mean: Array
    x_weights: Array
    y_weights: Array


def standardise(x: Array) -> Array:
    """Columns of mean 0 and variance 1 (a constant column: 0), float32 or float64, without loss of digits.

    Differences from the first row are exact where an offset is large; dividing by the largest magnitude keeps
    squares from under- and overflow; the mean is taken twice because its own rounding is felt after the first.
    A numpy array of float64 is centred and scaled before it becomes an array of float32: that is how data
    with an offset of 1e6 keep their digits. A float32 array with that offset has lost them already.

    Parameters
    ----------
    x : [n, d]
    """
    return _standardised(x)[0]


def _standardised(x: Array) -> tuple[Array, Array, Array]:
    """(z, mean, scale) with x = mean + scale z, column by column."""
    dtype = accumulator(x)
    on_host = isinstance(x, np.ndarray)
    xp = np if on_host else jnp
    fixed = (lambda z: z) if on_host else jax.lax.stop_gradient  # the result depends on neither shift nor scale
    x = x.astype(np.promote_types(x.dtype, np.float32) if on_host else dtype)
    first = fixed(x[:1])
    x = x - first
    largest = fixed(abs(x).max(axis=0, keepdims=True))
    largest = xp.where(largest > 0, largest, 1)
    x = x / largest
    rough = x.mean(axis=0, keepdims=True)
    return _rescaled(jnp.asarray(x - rough, dtype), first, largest, rough)


@jax.jit  # one program where it is called alone, not one for every operation
def _rescaled(x: Array, first: Array, largest: Array, rough: Array) -> tuple[Array, Array, Array]:
    """Mean and variance of what the host centred and scaled, exactly 0 and 1; then mean and scale of the whole."""
    fine = x.mean(axis=0, keepdims=True)
    x = x - fine
    square = (x * x).mean(axis=0, keepdims=True)
    varies = square > 0
    rms = jnp.where(varies, jnp.sqrt(jnp.where(varies, square, 1.0)), 1.0)
    mean, scale = first + largest * (rough + fine), largest * rms
    return x / rms, mean.astype(x.dtype)[0], scale.astype(x.dtype)[0]


def regressed(x: Array, z: Array) -> Array:
    """What linear regression on z, with a constant, leaves of the standardised columns of x, [n, dx].

    Parameters
    ----------
    x : [n, dx]
    z : [n, dz]
        n > dz.
    """
    x, (q, _) = standardise(x), qr(standardise(z))
    with jax.default_matmul_precision("highest"):
        for _ in range(2):  # the second pass takes the rounding of the first
            x = x - q @ (q.T @ x)
    return x


def wishart_bias(n: int, d: int) -> float:
    r"""Bias of ½ log|S|, nats, for the unbiased covariance S of n Gaussian rows in d dimensions. Exact.

    .. math:: b_d = E[\tfrac12 \log|S|] - \tfrac12 \log|\Sigma|
                  = \tfrac12 \Big[ \sum_{i=1}^d \psi\Big(\frac{n - i}2\Big) + d \log\frac2{n - 1} \Big]

    In float64 on the host, since it depends on shapes alone. Needs n > d.
    """
    return float(digamma((n - np.arange(1, d + 1)) / 2).sum() + d * np.log(2 / (n - 1))) / 2


def information_bias(n: int, dx: int, dy: int) -> float:
    """Bias of the plug-in Gaussian information, nats: about dx dy / (2 n), exact for Gaussian rows."""
    return wishart_bias(n, dx) + wishart_bias(n, dy) - wishart_bias(n, dx + dy)


def information_rows(x: Array, y: Array) -> tuple[Array, Array]:
    r"""Plug-in Gaussian information, nats, and each row's share of it.

    .. math:: \hat I = \tfrac12 \log\frac{|S_x||S_y|}{|S_{xy}|}
                     = \sum_j \log |R^y_{jj}| - \sum_j \log |R^{y|x}_{jj}|

    with R^y the triangular factor of y and R^{y|x} the trailing block of that of [x, y]. Row i's share is the
    log-density ratio of the fitted Gaussian; its mean is the value, and less the value it is the influence
    function, whose variance over n is the asymptotic variance of the value for any law with fourth moments.
    It needs no inverse: squared rows of orthogonal factors are Mahalanobis distances.

    A column that earlier columns determine to round-off counts as uninformative, and no pair of directions
    has more than about 12 nats in float32 (32 in float64): beyond, the residual is rounding.

    Parameters
    ----------
    x : [n, dx]
    y : [n, dy]
        n > dx + dy.

    Returns
    -------
    (scalar, [n])
    """
    x, y = standardise(x), standardise(y)
    n, dx = x.shape
    q, r, turn, r_y = _factors(x, y)
    floor = 32 * jnp.finfo(x.dtype).eps * np.sqrt(n)  # columns have norm √n

    def log_volume(r: Array) -> Array:
        return jnp.log(jnp.maximum(jnp.abs(jnp.diagonal(r)), floor)).sum()

    value = log_volume(r_y) - log_volume(r[dx:, dx:])
    with jax.default_matmul_precision("highest"):
        distances = ((q @ turn) ** 2).sum(axis=1) - (q[:, dx:] ** 2).sum(axis=1)
    return value, value + n / 2 * distances


def canonical(x: Array, y: Array) -> Canonical:
    """Canonical correlations and the projections that reach them.

    Cosines of the principal angles between the columns of x and of y are the singular values of Q_x' Q_y; sines
    those of what is left of Q_y beside Q_x (Björck & Golub 1973). Both are blocks of one orthonormal factor, so
    neither small correlations nor small residuals lose digits.

    Parameters
    ----------
    x : [n, dx]
    y : [n, dy]
        n > dx + dy; columns linearly independent.
    """
    (x, x_mean, x_scale), (y, y_mean, y_scale) = _standardised(x), _standardised(y)
    n, dx = x.shape
    pairs = min(dx, y.shape[1])
    _, r, turn, r_y = _factors(x, y)
    left, cosine, right = svd(turn[:dx])
    sine = svd(turn[dx:])[1][::-1][:pairs]
    with jax.default_matmul_precision("highest"):
        x_weights = triangular_inverse(r[:dx, :dx]) @ left * np.sqrt(n) / x_scale[:, None]
        y_weights = triangular_inverse(r_y) @ right.T * np.sqrt(n) / y_scale[:, None]
    close = sine < 0.7
    safe = jnp.where(close, 0.0, jnp.minimum(cosine, 1.0))
    correlations = jnp.where(close, jnp.sqrt(jnp.maximum(1 - sine**2, 0)), safe)
    floor = 32 * jnp.finfo(x.dtype).eps
    information = jnp.where(close, -jnp.log(jnp.maximum(sine, floor)), -jnp.log1p(-(safe**2)) / 2)
    return Canonical(correlations, information, x_mean, y_mean, x_weights, y_weights)


def _factors(x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """q, r, turn, r_y with [x, y] = q r and y = (q turn) r_y, all factors orthonormal.

    The first dx rows of ``turn`` are Q_x' Q_y, the others what Q_y has beside Q_x.
    """
    q, r = qr(jnp.concatenate([x, y], axis=1))
    turn, r_y = qr(r[:, x.shape[1] :])
    return q, r, turn, r_y


def check_rows(x: Array, y: Array) -> None:
    """Raise ``InputError`` unless there are more rows than the covariance of (x, y) needs."""
    (n, dx), dy = x.shape, y.shape[1]
    if n <= dx + dy + 1:
        raise InputError(
            f"a Gaussian in {dx} + {dy} dimensions needs more than {dx + dy + 1} rows; found {n}: "
            "take more rows or fewer columns."
        )
