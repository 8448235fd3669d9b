"""The published neural estimators, read on rows that their critics did not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pidjax import bounds
from pidjax._checks import InputError, one_of
from pidjax.bounds import ScoreStats
from pidjax.critics import gaussian, separable
from pidjax.estimators.classical.inputs import paired
from pidjax.estimators.crossfit import FOLDS, WATCHED, Rows, cross_fit, line_ups, mean_and_error, row_terms
from pidjax.fit import fit
from pidjax.typing import Array, Critic, Params


class Method(NamedTuple):
    """A published estimator: what its critic maximises, and what is read off it afterwards.

    ``critic()`` is the usual critic; ``objective`` and ``read`` are functions of ``ScoreStats`` whose negatives
    are transformed as ``objective_transform`` and ``read_transform`` say; ``over`` is the side that negatives of
    the reading come from; ``direction`` says what held-out values are; ``learning_rate`` suits the critic.
    """

    critic: Callable[[], Critic]
    objective: Callable[[ScoreStats], Array]
    read: Callable[[ScoreStats], Array]
    direction: str
    objective_transform: Any = "identity"
    read_transform: Any = "identity"
    over: str = "y"
    learning_rate: float = 1e-3

    @property
    def training(self) -> tuple[Any, ...]:
        """What the fit depends on: methods that agree in it read one critic."""
        return self.critic, self.objective, self.objective_transform, self.learning_rate, self.over


METHODS = {
    "infonce": Method(separable, bounds.infonce, bounds.infonce, "lower bound in expectation, at most log N"),
    "dv": Method(separable, bounds.dv, bounds.dv, "lower bound in the population, biased upwards in samples"),
    "nwj": Method(separable, bounds.nwj, bounds.nwj, "lower bound in expectation, heavy-tailed"),
    "js": Method(separable, bounds.js, bounds.plug_in, "none; exact where the critic is", "softplus"),
    "smile": Method(separable, bounds.js, bounds.smile, "none", "softplus", ("clip", 5.0)),
    "classifier": Method(
        separable, bounds.js, bounds.dv, "lower bound in the population, biased upwards in samples", "softplus"
    ),
    "club": Method(
        gaussian,
        bounds.plug_in,
        bounds.club,
        "upper bound where q(y|x) is exact; estimates the Jeffreys divergence there",
        over="x",
        learning_rate=1e-2,
    ),
    "nce_club": Method(
        separable, bounds.infonce, bounds.nce_club, "none; aims at the Jeffreys divergence, which exceeds I"
    ),
    "l1out": Method(
        gaussian, bounds.plug_in, bounds.l1out, "upper bound where q(y|x) is exact", over="x", learning_rate=1e-2
    ),
}
"""The published estimators by name."""


class Reading(NamedTuple):
    """Held-out readings of one cross-fitted critic; terms are values plus the influence of each row.

    Attributes
    ----------
    value, std_error : scalars
        Nats.
    terms : [n]
        Their mean is ``value``.
    infonce, l1out : [n]
        Terms of InfoNCE, which bounds the information from below whatever the critic, and of L1Out, which bounds it
        from above where the critic is right up to a function of the anchor.
    """

    value: Array
    std_error: Array
    terms: Array
    infonce: Array
    l1out: Array


def learned_mi(key: Array, x: Array, y: Array, method: str = "infonce", **settings: Any) -> Reading:
    """Mutual information of x and y by a critic, in nats, never read on pairs it was fitted on.

    The rows are dealt into ``folds`` parts. For each, a critic is fitted on the others but for one eighth, which
    picks the moment to stop, and read on the part; the value is the mean of the readings. So the critic sees
    (folds − 1)/folds · 7/8 of the rows, and all of them are used as evidence. Pure: ``jit`` it (``method`` and the
    settings static) and ``vmap`` it over keys and data sets.

    Direction: that of ``METHODS[method]``. The standard error is the root of the variance of the rows' terms
    over n: it counts what a row does as an anchor and as a candidate of other anchors, not what it does to the
    critic of the other folds, and not that the critic is imperfect, which shifts the value in the direction of
    the bound.

    Parameters
    ----------
    key : PRNG key
    x, y : [n, dx], [n, dy]
        Of a scale that a network can digest: standardised, or normal scores.
    method : str
        A name of ``METHODS``.
    **settings
        Of ``learned_readings``.

    Returns
    -------
    Reading

    Raises
    ------
    ValueError
        As for ``learned_readings``.
    """
    return learned_readings(key, x, y, (method,), **settings)[method]


def learned_readings(
    key: Array,
    x: Array,
    y: Array,
    methods: tuple[str, ...],
    *,
    critic: Critic | None = None,
    folds: int = FOLDS,
    steps: int = 1000,
    batch: int = 256,
    average: float = 0.99,
    **settings: Any,
) -> dict[str, Reading]:
    """What several methods read off one critic, each as ``learned_mi`` does.

    Parameters
    ----------
    key, x, y
        As for ``learned_mi``.
    methods : tuple of str
        Names of ``METHODS`` that agree in ``training``: "infonce" and "nce_club"; "js", "smile" and "classifier";
        "club" and "l1out"; or one name.
    critic : Critic, optional
        Another critic than that of the methods.
    folds : int
        At least 2. Held-out rows compete in line-ups of n/folds, 4096 at most; InfoNCE cannot exceed the logarithm.
    steps, batch, average, **settings
        Of ``pidjax.fit.fit``.

    Returns
    -------
    dict of str to Reading

    Raises
    ------
    ValueError
        Unknown methods, or such as do not share a critic; not matrices of equally many rows; fewer than 2 folds, or
        than 8 rows a fold.

    References
    ----------
    van den Oord et al. 2018 (InfoNCE); Belghazi et al. 2018 (DV); Nguyen, Wainwright & Jordan 2010 (NWJ); Song &
    Ermon 2020 (SMILE); Cheng et al. 2020 (CLUB); Poole et al. 2019 (L1Out); Liang et al. 2023 (NCE-CLUB).
    Chernozhukov et al. 2018 (cross-fitting).
    """
    for method in methods:
        one_of("method", method, tuple(METHODS))
    how, *others = (METHODS[method] for method in methods)
    if any(other.training != how.training for other in others):
        raise InputError(f"methods {', '.join(methods)} do not read one critic: their fits differ.")
    x, y = (jnp.asarray(z, jnp.result_type(float)) for z in paired(x, y))
    critic = critic or how.critic()
    settings = {"learning_rate": how.learning_rate, "steps": steps, "batch": batch, "average": average, **settings}

    def loss(params: Params, pairs: tuple[Array, Array]) -> Array:
        return -how.objective(critic.stats(params, *pairs, transform=how.objective_transform))

    def part(key: Array, rows: Rows) -> dict[str, tuple[Array, Array, Array]]:
        for_init, for_fit = jax.random.split(key)
        params = critic.init(for_init, x[:2], y[:2])
        fit_on, watch_on = ((x[r], y[r]) for r in (rows.fit, rows.watch[:WATCHED]))
        found = fit(for_fit, loss, params, fit_on, watch_on, **settings)

        def read(scores: Array) -> dict[str, tuple[Array, Array, Array]]:
            return {
                name: (
                    row_terms(METHODS[name].read, scores, over=how.over, transform=METHODS[name].read_transform),
                    row_terms(bounds.infonce, scores, over=how.over),
                    row_terms(bounds.l1out, scores, over=how.over),
                )
                for name in methods
            }

        return line_ups(lambda r: critic.scores(found.params, x[r], y[r]), rows.held, read)

    found = cross_fit(key, x.shape[0], folds, part)
    return {name: Reading(*mean_and_error(terms[0]), *terms) for name, terms in found.items()}


def sharing(methods: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The methods in groups that read one critic, in order of first appearance."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for method in methods:
        groups.setdefault(METHODS[method].training, []).append(method)
    return [tuple(group) for group in groups.values()]
