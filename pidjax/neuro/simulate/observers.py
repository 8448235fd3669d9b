"""Ideal observers: what a trial says of every factor, by the exact likelihood of the signals a learner sees.

The active site has one pattern on the scalp, so the EEG enters through one filtered channel, w = Σ⁻¹a / a'Σ⁻¹a, without
loss; the fNIRS through the two channels Γᴴ C(f)⁻¹ Y(f) of every bin, one for the response in HbO and one for that in
HbR, over all pairs, short ones included. Integrals over factors are sums over the nodes of ``factors.axes``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, xlogy

from pidjax._checks import InputError
from pidjax.neuro.simulate import noise, spectra
from pidjax.neuro.simulate.config import TrialConfig
from pidjax.neuro.simulate.factors import Axis, axes, latency
from pidjax.neuro.simulate.montage import montage
from pidjax.neuro.simulate.responses import double_gamma, erp
from pidjax.neuro.simulate.trials import (
    Trials,
    eeg_bins,
    eeg_clock,
    fnirs_bins,
    fnirs_clock,
    fnirs_root,
    response_scale,
    source_density,
)

SOURCES = {"eeg": ("eeg",), "fnirs": ("fnirs",), "both": ("eeg", "fnirs")}
"""What each ideal observer sees."""
_LETTERS = {"event": "e", "onset": "t", "activation": "a", "mode": "m", "intensity": "u", "delay": "d", "cost": "v"}


class Observation(NamedTuple):
    """Likelihoods of every trial on the nodes of the factors, relative to the trial's largest.

    Attributes
    ----------
    axes : dict of Axis
    eeg : [n, event, onset, activation, mode, intensity]
    fnirs : [n, event, onset, activation, mode, delay, cost]
        The mode's axis has length 1 where the response does not depend on it.
    """

    axes: dict[str, Axis]
    eeg: np.ndarray
    fnirs: np.ndarray


@noise.one_thread
def observe(trials: Trials, *, step: float = 0.1, cells: int = 21) -> Observation:
    """Likelihoods of all factors; memory is that of the tables of ``Observation``: give some hundred trials at a time.

    Parameters
    ----------
    trials : Trials
    step, cells
        Of the grids, as for ``axes``.
    """
    nodes = axes(trials.config, step=step, cells=cells)
    return Observation(nodes, _relative(_eeg(trials, nodes)), _relative(_fnirs(trials, nodes)))


@noise.one_thread
def posterior(seen: Observation, factors: tuple[str, ...], sources: tuple[str, ...] = ("eeg", "fnirs")) -> np.ndarray:
    """p(factors | sources) of every trial, [n, nodes of the first factor, ...].

    Parameters
    ----------
    seen : Observation
    factors : names of factors
        "event", "onset", "activation", "mode", "intensity" (u), "delay" (tau), "cost" (v).
    sources : "eeg", "fnirs" or both
    """
    unknown = [name for name in factors if name not in _LETTERS]
    if unknown:
        raise InputError(f"factors are {', '.join(_LETTERS)}; found {unknown[0]!r}.")
    if len(set(factors)) != len(factors) or not factors:
        raise InputError(f"name one or more factors, each once; found {factors}.")
    if not sources or set(sources) - {"eeg", "fnirs"}:
        raise InputError(f"sources are 'eeg', 'fnirs' or both; found {sources}.")
    asked = [_LETTERS[name] for name in factors]
    prior = {letter: seen.axes[name].prob for name, letter in _LETTERS.items()}
    terms: list[tuple[np.ndarray, str]] = []
    if "eeg" in sources:
        terms.append(_integrated(seen.eeg, "netamu", prior, asked))
    if "fnirs" in sources:
        acts = seen.fnirs.shape[4] > 1
        table = seen.fnirs if acts else seen.fnirs[:, :, :, :, 0]
        terms.append(_integrated(table, "netamdv" if acts else "netadv", prior, asked))
    terms += [(p, letter) for letter, p in prior.items() if letter in "etam" or letter in asked]
    arrays, letters = zip(*terms, strict=True)
    found = np.einsum(",".join(letters) + "->n" + "".join(asked), *arrays, optimize="greedy")
    return found / found.sum(axis=tuple(range(1, found.ndim)), keepdims=True)


def prior_of(seen: Observation, factors: tuple[str, ...]) -> np.ndarray:
    """p(factors), of the shape of one trial's ``posterior``."""
    return functools.reduce(np.multiply.outer, (seen.axes[name].prob for name in factors))


def _integrated(
    table: np.ndarray, letters: str, prior: dict[str, np.ndarray], asked: list[str]
) -> tuple[np.ndarray, str]:
    """A likelihood without those of the modality's own factors that nobody asks for."""
    for letter in reversed(letters):
        if letter in "udv" and letter not in asked:
            table = np.tensordot(table, prior[letter], axes=(letters.index(letter), 0))
            letters = letters.replace(letter, "")
    return table, letters


def information(p: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
    r"""KL(p(y | x) ‖ p(y)) of every trial, nats [n]: its mean over trials is I(y; x), without the noise of y.

    Parameters
    ----------
    p : [n, ...]
        Posteriors.
    prior : [...]
        p(y); the mean of p when not given.
    """
    p = p.reshape(len(p), -1)
    prior = p.mean(axis=0) if prior is None else np.ravel(prior)
    return (xlogy(p, p) - xlogy(p, np.where(prior > 0, prior, 1.0))).sum(axis=1)


def informations(seen: Observation, factors: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Nats of every trial about the factors jointly: "eeg", "fnirs" and "both", [n] each."""
    prior = prior_of(seen, factors)
    return {name: information(posterior(seen, factors, sources), prior) for name, sources in SOURCES.items()}


class Sensitivity(NamedTuple):
    """What known shapes in known noise allow, at log gains 0; errors without a signal are infinite.

    Attributes
    ----------
    eeg, fnirs : float
        d' of the event: distance of its mean signal from rest in units of the noise.
    eeg_latency, fnirs_latency : float
        Cramér–Rao bound of the latency (s), amplitudes known; below the posterior's spread where d' is small.
    amplitude : float
        Relative standard error of the response's amplitude, 1 / d'.
    """

    eeg: float
    fnirs: float
    eeg_latency: float
    fnirs_latency: float
    amplitude: float


@noise.one_thread
def sensitivity(config: TrialConfig, scalp: np.ndarray) -> Sensitivity:
    r"""d' and bounds in closed form.

    .. math:: d'^2 = \sum_k 2 w_k \hat s_k^H V_k^{-1} \hat s_k, \qquad
              SE(t) = \Big[ \sum_k 2 w_k \partial_t \hat s_k^H V_k^{-1} \partial_t \hat s_k \Big]^{-1/2}

    over the bins of one trial, the EEG's V_k including the induced activity of the first mode. The derivative is that
    of the signal cut to the trial: of the periodically continued signal it would hold a jump at the trial's edge.

    Under C3 a'Σ⁻¹a is 1.35, and 3, 6 and 10 µV have a d' of 0.74, 1.48 and 2.46; under the midline, where it is 1.18,
    d' is √(1.18 / 1.35) of that, hence 0.056, 0.193 and 0.401 nats. The response, d' 7.8, would have 12 if HbR's
    systemic waves were a multiple of HbO's, which a sum of the two then cancels; half of their power is HbR's own.

    The noise of the fNIRS is a density; a window leaves out what lies below its first bin. The design instead gave each
    wave its root mean square in the bins of a window that it does not name: of its settings, d' of HbO at ρ = 1 and of
    both chromophores at ρ = 0.8 are then 7.5 and 8.5 in 25 s, 8.1 and 9.1 in 30 s, 8.5 and 9.6 in 40 s (it says 7.8
    and 8.9), and with densities 8.9 and 10.1 in 40 s.
    """
    shift = 1e-3
    at = eeg_bins(config)
    variance = spectra.background(at.f) / montage(config.site).power
    variance = at.scale * (variance + source_density(config, at.f, config.modes[0], False).sum(axis=0))
    times = eeg_clock(config)
    evoked = config.erp * noise.spectra(erp(times - np.array([[0.0], [-shift], [shift]])))
    eeg, eeg_slope = _energies(evoked, lambda s: (np.abs(s) ** 2 / variance) @ (2 * at.weight), shift)
    shapes = _shapes(config, config.delay_mean + np.array([0.0, -shift, shift]), np.ones(1))[:, 0]
    metric, fb = _metric(config, scalp)
    fnirs, fnirs_slope = _energies(
        shapes, lambda s: np.einsum("ck,kcd,dk,k->", np.conj(s), metric, s, 2 * fb.weight).real, shift
    )
    return Sensitivity(eeg**0.5, fnirs**0.5, _bound(eeg_slope), _bound(fnirs_slope), _bound(fnirs))


def _bound(information: float) -> float:
    """Smallest standard error; without a signal there is none."""
    return information**-0.5 if information > 0 else np.inf


def _energies(shapes: np.ndarray, energy: Callable[[np.ndarray], float], shift: float) -> tuple[float, float]:
    """Of the middle shape, and of the slope between those to either side."""
    return float(energy(shapes[0])), float(energy((shapes[2] - shapes[1]) / (2 * shift)))


def _relative(log_likelihood: np.ndarray) -> np.ndarray:
    inner = tuple(range(1, log_likelihood.ndim))
    return np.exp(log_likelihood - log_likelihood.max(axis=inner, keepdims=True))


def _eeg(trials: Trials, nodes: dict[str, Axis]) -> np.ndarray:
    """Log likelihood [n, event, onset, activation, mode, intensity]."""
    config, at, place = trials.config, eeg_bins(trials.config), montage(trials.config.site)
    filtered = np.linalg.solve(place.covariance, place.pattern) / place.power
    z = noise.spectra(np.einsum("c,nct->nt", filtered, trials.eeg, dtype=np.float64))
    a, u = nodes["activation"].values, nodes["intensity"].values
    gains, of_gain = _sums(a, u)
    cells = nodes["onset"].values.size
    samples = config.onset_range * config.eeg_sfreq / cells
    inside = max(1, round(samples))
    if config.onset_range and abs(samples - inside) > 1e-6:
        raise InputError(
            f"a cell of the onset must hold a whole number of EEG samples; found {samples:g}: choose a step that "
            f"divides the range of {config.onset_range:g} s into such cells."
        )
    # onsets within a cell: the middles of its samples
    first = 0.5 / config.eeg_sfreq if config.onset_range else 0.0
    evoked = config.erp * noise.spectra(erp(eeg_clock(config) - first))
    size = np.exp(a / 2)
    found = np.empty((len(z), 2, cells, a.size, len(config.modes), u.size))
    power = np.abs(z) ** 2
    for m, mode in enumerate(config.modes):
        quiet, theta = source_density(config, at.f, mode, True)
        for j, gain in enumerate(np.exp(gains)):
            where = of_gain == j
            psd = spectra.background(at.f) / place.power + gain * quiet
            for event in range(2):
                base = noise.log_density(power, psd + event * theta, at)
                if not event:
                    found[:, 0, :, :, m, :][:, :, where] = base[:, None, None]
                    continue
                variance = at.scale * (psd + theta)
                template = np.conj(evoked) / variance
                match = (at.n * noise.samples(z * template, at.n))[:, : cells * inside]
                energy = 2 * at.weight @ (np.abs(evoked) ** 2 / variance)
                match = match.reshape(len(z), cells, inside)
                for i, row in zip(*np.nonzero(where), strict=True):
                    log_evoked = size[i] * match - size[i] ** 2 / 2 * energy
                    found[:, 1, :, i, m, row] = base[:, None] + logsumexp(log_evoked, axis=2) - np.log(inside)
    return _mixed(_mixed(found, 1, config.event_errors[0]), 4, config.mode_error)


def _fnirs(trials: Trials, nodes: dict[str, Axis]) -> np.ndarray:
    """Log likelihood ratio to no response [n, event, onset, activation, mode or 1, delay, cost]."""
    config = trials.config
    onset, delay = nodes["onset"].values, nodes["delay"].values
    starts, of_start = np.unique(np.round(latency(config, onset[:, None], delay[None]), 6), return_inverse=True)
    logs, of_log = _sums(nodes["activation"].values, nodes["cost"].values)
    shapes = _shapes(config, starts, nodes["dispersion"].values)
    metric, at = _metric(config, trials.scalp)
    seen = _reduced(trials, at)
    match = 2 * np.einsum("ldck,nck,k->nldc", np.conj(shapes), seen, at.weight, optimize=True).real
    energy = 2 * np.einsum("ldck,kce,ldek,k->ldce", np.conj(shapes), metric, shapes, at.weight, optimize=True).real
    acts = bool(config.mode_on_hrf or config.mode_on_hbr)
    modes = np.arange(len(config.modes)) if acts else np.array([-1])
    scale = np.stack(response_scale(config, modes), axis=1)
    size = np.exp(logs)
    weight = nodes["dispersion"].prob
    found = np.zeros((len(seen), 2, onset.size, of_log.shape[0], modes.size, delay.size, of_log.shape[1]))
    of_start = of_start.reshape(onset.size, delay.size)
    for m, both in enumerate(scale):
        linear, square = match @ both, np.einsum("ldce,c,e->ld", energy, both, both)
        log = size[:, None] * linear[:, :, None] - (size**2)[:, None] / 2 * square[:, None]
        ratio = logsumexp(log, axis=3, b=weight)  # [n, starts, sizes]
        found[:, 1, :, :, m] = ratio[:, of_start[:, None, :, None], of_log[None, :, None, :]]
    return _mixed(found, 1, config.event_errors[1])


def _reduced(trials: Trials, at: noise.Bins) -> np.ndarray:
    """Γᴴ C⁻¹ Y, complex [n, 2, k], for noise of the scale of ``at``."""
    y = noise.spectra(trials.fnirs)
    return np.einsum("kpc,npk->nck", np.conj(_whitened(trials.config, trials.scalp)[1]), y, optimize=True)


def _whitened(config: TrialConfig, scalp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Γᴴ C⁻¹ Γ [k, 2, 2] and C⁻¹ Γ [k, 32, 2] of one trial's bins."""
    at, gain = fnirs_bins(config), montage(config.site).gain
    root = np.sqrt(at.scale) * fnirs_root(config, at.n, tuple(scalp))
    columns = np.einsum("p,cd->pcd", gain, np.eye(2)).reshape(-1, 2)
    half = np.linalg.solve(root, np.broadcast_to(columns, (at.f.size, *columns.shape)))
    return np.conj(half).transpose(0, 2, 1) @ half, np.linalg.solve(np.conj(root).transpose(0, 2, 1), half)


def _metric(config: TrialConfig, scalp: np.ndarray) -> tuple[np.ndarray, noise.Bins]:
    return _whitened(config, scalp)[0], fnirs_bins(config)


def _shapes(config: TrialConfig, starts: np.ndarray, dispersions: np.ndarray) -> np.ndarray:
    """Spectra of the responses in HbO and HbR at gain 1, complex [starts, dispersions, 2, k]."""
    since = fnirs_clock(config) - starts[:, None, None]
    spread = np.broadcast_to(dispersions, (starts.size, dispersions.size))
    hbo, hbr = (double_gamma(since - lag, config.task, spread) for lag in (0.0, config.hbr_lag))
    return config.hbo * noise.spectra(np.stack([hbo, config.hbr_ratio * hbr], axis=2))


def _sums(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different values of a_i + b_j, and which of them each pair has [i, j]."""
    values, which = np.unique(np.round(a[:, None] + b[None], 9), return_inverse=True)
    return values, which.reshape(a.size, b.size)


def _mixed(log_likelihood: np.ndarray, axis: int, error: float) -> np.ndarray:
    """Of what is true rather than shown: another value of the axis is shown with probability ``error``."""
    if error == 0:
        return log_likelihood
    k = log_likelihood.shape[axis]
    total = logsumexp(log_likelihood, axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        others = np.log(error / (k - 1)) + np.log1p(-np.exp(log_likelihood - total) + 1e-300) + total
        return np.logaddexp(np.log1p(-error) + log_likelihood, others)
