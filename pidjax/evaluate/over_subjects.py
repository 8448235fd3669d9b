"""Inference over subjects: the paired sign-flip test, and Holm's correction for many tests."""

from __future__ import annotations

import itertools

import numpy as np

from pidjax._checks import InputError

FLIPS = 10_000
"""Signs that a test draws, where there are more than it can try."""


def least_p(subjects: int) -> float:
    """The smallest p that ``sign_flip`` gives: 2 / 2^n of the exact test, 1 / (1 + ``FLIPS``) of random signs."""
    return 2 / 2**subjects if 2**subjects <= FLIPS else 1 / (1 + FLIPS)


def sign_flip(difference: np.ndarray, *, flips: int = FLIPS, seed: int = 0) -> np.ndarray:
    r"""Whether paired differences of subjects are 0 on average, two-sided.

    If either of a pair may have been the larger, each subject's difference is as likely with the other sign:

    .. math:: p = \frac{\#\{s : |\sum_i s_i d_i| \ge |\sum_i d_i|\}}{2^n}, \quad s \in \{-1, 1\}^n

    Exact where there are no more than ``flips`` signs s (13 subjects by default); of ``flips`` = B random ones, b of
    which reach the sum, p = (1 + b) / (1 + B). No fewer than 6 subjects can have p <= 0.05.

    Parameters
    ----------
    difference : [subjects] or [subjects, tests]
    flips, seed
        The same signs serve all tests.

    Returns
    -------
    p : scalar array or [tests]

    Raises
    ------
    InputError
        Fewer than two subjects, or differences that are not finite.

    References
    ----------
    Nichols & Holmes 2002; (1 + b) / (1 + B): Phipson & Smyth 2010.
    """
    d = np.asarray(difference, float)
    if d.ndim not in (1, 2) or len(d) < 2 or not np.isfinite(d).all():
        raise InputError(
            f"a test over subjects needs finite differences of at least 2 subjects, [subjects, tests]; found {d.shape}"
            f"{'' if np.isfinite(d).all() else ' with NaN or infinity'}."
        )
    n = len(d)
    exact = 2**n <= flips
    if exact:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=n)))
    else:
        signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(flips, n))
    # sums that are equal but for rounding count as equal
    reached = (np.abs(signs @ d) >= np.abs(d.sum(0)) - 1e-12 * np.abs(d).sum(0)).sum(0)
    return reached / 2**n if exact else (1 + reached) / (1 + flips)


def holm(p: np.ndarray) -> np.ndarray:
    r"""p of several tests, so adjusted that any true null is rejected at level α with probability α at most.

    .. math:: \tilde p_{(k)} = \max_{j \le k} \min(1, (m - j + 1)\, p_{(j)})

    Step-down over the m ordered p; holds however the tests depend on each other.

    Parameters
    ----------
    p : [m]

    Returns
    -------
    adjusted : [m]
        In the order of ``p``.

    References
    ----------
    Holm 1979.
    """
    p = np.asarray(p, float)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]), 1.0)
    return adjusted
