"""Explicit decomposition of two signals into redundant, unique and synergistic heads (arrays only).

Two encoders give H_eeg and H_fnirs; small heads give Z_R and Z_U of each, and Z_S of their fusion.
L = λ_R L_R + λ_U L_U + λ_S L_S + λ_orth L_orth, see ``decomposition``.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp

from pidjax import critics, data, encoders
from pidjax.bounds import infonce
from pidjax.bounds.rows import row_mean
from pidjax.data.frames import frame_starts
from pidjax.math.collectives import gather, global_rows
from pidjax.math.vectors import unit
from pidjax.objectives.decomposition_config import ADVERSARIES, DecompositionConfig, Shapes
from pidjax.typing import Array, Batch, Encoder, Objective, Params

HEADS = ("redundancy_eeg", "redundancy_fnirs", "unique_eeg", "unique_fnirs", "synergy")
PAIRS = [pair for pair in itertools.combinations(HEADS, 2) if pair != HEADS[:2]]
"""The 9 pairs of different components: 10 pairs of 5 heads less the R–R pair."""
STREAMS = {"eeg": ("eeg", "erp"), "fnirs": ("fnirs",)}
"""The signals that each modality's encoder reads; "erp" only where there are events to lock it to."""
OTHER = {"eeg": "fnirs", "fnirs": "eeg"}


def decomposition(config: DecompositionConfig, shapes: Shapes) -> Objective:
    r"""The objective of the original EEG–fNIRS design (Steps 3 and 4).

    .. math::
        L_R &= -I_{NCE}(Z_R^{eeg}; Z_R^{fnirs}) \\
        L_U &= \sum_m \| D_m(Z_U^m) - F_m \|^2 / d_m - \log(1 - \cos(Z_U^m, P_m H^{m'})) \\
        L_S &= -I_{NCE}(Z_S'; Z_S'') \\
        L_{orth} &= \sum |\cos(Z_a, Z_b)|

    F_m are features of the modality itself (band powers, its response), H^{m'} the representation of the
    *other* modality, P_m a linear map to ``n_dims``; Z_S' and Z_S'' come from two augmentations of the same
    segment, over which the other terms are averaged; L_orth runs over the 9 pairs of different components
    (10 pairs of 5 heads less the R–R pair). Cosine orthogonality constrains one linear coordinate match
    only: it is not independence.

    With an adversary the last term of L_U is I_NCE(Z_U^m; H^{m'}) of a concat critic: the critic (phi, fitted by
    ``inner``; with "grl" of theta) raises this lower bound, Z_U alone lowers it, since H^{m'} is held. Under "grl" the
    number ``loss`` holds it with a minus, so that losses of the two do not compare; ``leakage_*`` does.

    With ``classes``, L gains the cross-entropy of a linear classifier of Z_S, mean over views and over the rows whose
    label "y" is told (0, 1, ...; −1 is not): of few rows semi-supervised, of all supervised. A synergy that no common
    transformation of both signals leaves alone, as an exclusive or, is not identifiable without labels.

    Batch: "eeg" [n, c, t] and "fnirs" [n, c', t'] (and "erp"), "eeg_features", "fnirs_features" [n, d],
    "onset" [n] in seconds and "recording" [n] (negatives come from the same recording).

    ``init`` also measures the scale of every signal, token and feature on the batch it is given, and keeps
    it in ``state``: nothing else of a batch is needed to encode another.

    ``encode`` returns arrays [n, views, dims]: one per head, and ``h_eeg``, ``h_fnirs``; two views when
    training, one otherwise; and the standardised features ``target_*`` [n, d] when training. ``info`` holds
    ``redundancy`` and ``synergy`` (InfoNCE lower bounds, nats, under the augmented law) and the ``ceiling`` that
    neither can pass, the mean of log(negatives + 1);
    ``reconstruction_*`` (mean squared error of standardised features), ``leakage_*`` (cross-modal term; nats with an
    adversary), ``orthogonality`` and, with labels, ``cross_entropy`` (nats).
    """
    signals = dict(shapes.signals)
    parts = _parts(config, shapes)
    critic, adversary = critics.cosine(config.temperature), critics.concat((config.width,))
    similar = _cosine if config.similarity == "cosine" else _dot

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        keys = jax.random.split(key, len(parts))
        built = {name: part.init(k) for k, (name, part) in zip(keys, parts.items(), strict=True)}
        scale = {name: _moments(batch[name], (0, 2)) for name in signals}
        scale |= {f"{m}_features": _moments(batch[f"{m}_features"], (0,)) for m in STREAMS}
        for name, (*_, sfreq) in signals.items():
            x = _tokens(config, name, sfreq, _standardise(batch[name], scale[name]))
            scale[f"{name}_tokens"] = _moments(x, (0, 1))
        theta: Params = {name: params for name, (params, _) in built.items()}
        phi: Params = {}
        if config.unique_loss in ADVERSARIES:
            u, h = jnp.zeros((1, config.n_dims)), jnp.zeros((1, config.width))
            drawn = {f"adversary_{m}": adversary.init(jax.random.fold_in(key, i), u, h) for i, m in enumerate(STREAMS)}
            (theta if config.unique_loss == "grl" else phi).update(drawn)
        return {"theta": theta, "phi": phi}, {"parts": {k: s for k, (_, s) in built.items()}, "scale": scale}

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        scale, states = state["scale"], dict(state["parts"])
        x = {name: _standardise(batch[name], scale[name]) for name in signals}
        n, views = batch["eeg"].shape[0], 1
        if train:
            views = 2
            keys = jax.vmap(lambda k: jax.random.split(k, views))(key)
            both_views = jax.vmap(lambda k, one: _augment(config, signals, k, one), in_axes=(0, None))
            x = jax.vmap(both_views)(keys, x)
            x = {name: signal.reshape(n * views, *signal.shape[2:]) for name, signal in x.items()}

        def run(name: str, inputs) -> Array:
            z, states[name] = parts[name].apply(params["theta"][name], states[name], inputs, train=train)
            return z

        def tokens(modality: str) -> tuple[Array, ...]:
            streams = []
            for name in STREAMS[modality]:
                if name in signals:
                    z = _standardise(_tokens(config, name, signals[name][2], x[name]), scale[f"{name}_tokens"])
                    # a silent frame was masked or dropped: the mean of the token, not the logarithm of next to nothing
                    streams.append(
                        jnp.where(_silent(config, signals[name][2], x[name]), 0.0, z) if name == "eeg" else z
                    )
            return tuple(streams)

        h = {modality: run(f"encoder_{modality}", tokens(modality)) for modality in STREAMS}
        inputs = {modality: sequence.mean(axis=1) for modality, sequence in h.items()}
        z = {f"h_{modality}": vector for modality, vector in inputs.items()}
        inputs["synergy"] = run("fusion", (h["eeg"], h["fnirs"]))
        z |= {head: run(head, inputs[head.split("_")[-1]]) for head in HEADS}
        z = {name: v.reshape(n, views, -1) for name, v in z.items()}
        if train:
            z |= {f"target_{m}": _standardise(batch[f"{m}_features"], scale[f"{m}_features"]) for m in STREAMS}
        return z, {"parts": states, "scale": scale}

    def loss(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        log_weights = _negatives(batch, config.min_gap, axis_name)
        num_neg = jnp.exp(log_weights).sum(axis=1)

        def nce(a: Array, b: Array) -> Array:
            stats = critic.stats({}, a, b, log_weights=log_weights, over="both", axis_name=axis_name)
            return infonce(stats, axis_name=axis_name)

        def run(name: str, x: Array) -> Array:
            return parts[name].apply(params["theta"][name], {}, x)[0]

        def leak(modality: str, unique: Array, h: Array) -> tuple[Array, Array]:
            """What is reported, and what is minimised."""
            if config.unique_loss in ADVERSARIES:
                both = params["theta"] | params["phi"]
                if config.unique_loss == "adversarial":
                    found = overheard(both, modality, unique, h, log_weights, axis_name)
                    return found, found
                # forwards Z_U, backwards its gradient turned round: the adversary climbs what Z_U descends
                found = overheard(both, modality, 2 * jax.lax.stop_gradient(unique) - unique, h, log_weights, axis_name)
                return found, -found
            similarity = similar(unique, run(f"projection_{modality}", h))
            squared = config.unique_loss == "squared"
            found = jnp.mean(similarity**2 if squared else -jnp.log(jnp.maximum(1 - similarity, 1e-6)))
            return found, found

        r_eeg, r_fnirs, synergy = z["redundancy_eeg"], z["redundancy_fnirs"], z["synergy"]
        info = {
            "redundancy": (nce(r_eeg[:, 0], r_fnirs[:, 0]) + nce(r_eeg[:, 1], r_fnirs[:, 1])) / 2,
            "synergy": nce(synergy[:, 0], synergy[:, 1]),
            "ceiling": row_mean(jnp.log1p(num_neg), (num_neg > 0).astype(num_neg.dtype), axis_name),
        }
        unique_terms = jnp.zeros(())
        for modality, other in OTHER.items():
            unique = z[f"unique_{modality}"]
            error = run(f"decoder_{modality}", unique) - z[f"target_{modality}"][:, None]
            info[f"reconstruction_{modality}"] = jnp.mean(error**2)
            info[f"leakage_{modality}"], leakage = leak(modality, unique, z[f"h_{other}"])
            unique_terms += info[f"reconstruction_{modality}"] + leakage
        info["orthogonality"] = jnp.stack([jnp.abs(similar(z[a], z[b])).mean() for a, b in PAIRS]).sum()
        if config.classes:
            y = batch["y"]
            logits = jax.nn.log_softmax(run("classifier", synergy))  # [n, views, classes]
            terms = -jnp.take_along_axis(logits, jnp.maximum(y, 0)[:, None, None], axis=2)[..., 0].mean(1)
            info["cross_entropy"] = row_mean(terms, (y >= 0).astype(terms.dtype), axis_name)
        total = (
            config.weight_unique * unique_terms
            + config.weight_orthogonality * info["orthogonality"]
            - config.weight_redundancy * info["redundancy"]
            - config.weight_synergy * info["synergy"]
            + info.get("cross_entropy", 0.0)
        )
        return total, {"loss": total, **info}

    def overheard(params: Params, modality: str, unique: Array, h: Array, log_weights: Array, axis_name: str | None):
        """I_NCE of Z_U and the other modality, mean over views."""
        held = jax.lax.stop_gradient(h)
        views = [
            infonce(
                adversary.stats(
                    params[f"adversary_{modality}"],
                    unique[:, v],
                    held[:, v],
                    log_weights=log_weights,
                    axis_name=axis_name,
                ),
                axis_name=axis_name,
            )
            for v in range(unique.shape[1])
        ]
        return jnp.stack(views).mean()

    def inner(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        log_weights = _negatives(batch, config.min_gap, axis_name)
        found = {
            f"adversary_{m}": overheard(params["phi"], m, z[f"unique_{m}"], z[f"h_{other}"], log_weights, axis_name)
            for m, other in OTHER.items()
        }
        return -jnp.stack(list(found.values())).sum(), found

    return Objective(init, encode, loss, inner if config.unique_loss == "adversarial" else None)


def _parts(config: DecompositionConfig, shapes: Shapes) -> dict[str, Encoder]:
    """Every network of the objective by name; widths follow from the shapes alone."""
    signals, features, width = dict(shapes.signals), dict(shapes.features), config.width
    parts = {}
    for modality, names in STREAMS.items():
        streams = []
        for name in names:
            if name in signals:
                channels, times, sfreq = signals[name]
                one = jax.ShapeDtypeStruct((channels, times), jnp.float32)
                streams.append(jax.eval_shape(lambda x, a=name, s=sfreq: _tokens(config, a, s, x), one).shape)
        if config.encoder == "transformer":
            encoder = encoders.transformer(
                tuple(streams), width=width, depth=config.depth, heads=config.attention_heads
            )
        else:
            encoder = encoders.recurrent(tuple(streams), width=width, cell=config.encoder)
        parts[f"encoder_{modality}"] = encoder
        parts[f"decoder_{modality}"] = encoders.mlp(config.n_dims, width, features[modality])
        parts[f"projection_{modality}"] = encoders.linear(width, config.n_dims)
    if config.fusion == "concat":
        parts["fusion"] = encoders.concat_fusion(width)
    else:
        parts["fusion"] = encoders.cross_attention_fusion(width, heads=config.attention_heads)
    if config.classes:
        parts["classifier"] = encoders.linear(config.n_dims, config.classes)
    return parts | {head: encoders.mlp(width, width, config.n_dims) for head in HEADS}


def _tokens(config: DecompositionConfig, name: str, sfreq: float, x: Array) -> Array:
    """[..., channels, times] -> [..., tokens, features]: band energies of the EEG, patches of the others."""
    if name == "eeg":
        energies = data.band_energy_frames if config.bands_transform == "stft" else data.wavelet_energy_frames
        return energies(x, sfreq, config.bands, window=config.eeg_frame, hop=config.eeg_frame / 2)
    frame = config.erp_frame if name == "erp" else config.fnirs_frame
    return data.patches(x, max(1, round(frame * sfreq)))


def _silent(config: DecompositionConfig, sfreq: float, x: Array) -> Array:
    """Tokens of the EEG whose frame is nothing but zeros (to rounding), [n, frames, channels · bands]."""
    length, starts = frame_starts(x.shape[-1], sfreq, config.eeg_frame, config.eeg_frame / 2)
    step = int(starts[1] - starts[0]) if len(starts) > 1 else x.shape[-1]
    loudest = jax.lax.reduce_window(jnp.abs(x), -jnp.inf, jax.lax.max, (1, 1, length), (1, 1, step), "VALID")
    return jnp.repeat(loudest.swapaxes(-2, -1) < 1e-5, len(config.bands), -1)


def _augment(config: DecompositionConfig, signals: dict, key: Array, x: dict[str, Array]) -> dict[str, Array]:
    """One view of one sample: the signals [channels, times] of every name in ``x``."""
    out = {}
    for k, (name, signal) in zip(jax.random.split(key, len(x)), x.items(), strict=True):
        special, noise, mask, drop = jax.random.split(k, 4)
        sfreq = signals[name][2]
        if name == "eeg":
            signal = data.band_gain(special, signal, sfreq, config.bands, config.band_log_sd)
        elif name == "fnirs":
            signal = data.delay_and_gain(special, signal, sfreq, config.delay_sd, config.response_log_sd)
        if config.noise_sd > 0:
            signal = data.gaussian_noise(noise, signal, config.noise_sd)
        signal = data.time_mask(mask, signal, config.mask_fraction)
        out[name] = data.channel_dropout(drop, signal, config.dropout)
    return out


def _negatives(batch: Batch, min_gap: float, axis_name: str | None) -> Array:
    """Log weights [n, m] of the pairs: -inf for itself, other recordings and onsets closer than ``min_gap``."""
    onset, recording = batch["onset"], batch["recording"]
    all_onsets, all_recordings = gather(onset, axis_name), gather(recording, axis_name)
    apart = jnp.abs(onset[:, None] - all_onsets[None, :]) >= min_gap
    other = jnp.arange(all_onsets.shape[0])[None, :] != global_rows(onset.shape[0], axis_name)[:, None]
    return jnp.where(other & apart & (recording[:, None] == all_recordings[None, :]), 0.0, -jnp.inf)


def _cosine(a: Array, b: Array) -> Array:
    return (unit(a) * unit(b)).sum(-1)


def _dot(a: Array, b: Array) -> Array:
    return (a * b).sum(-1)


def _moments(x: Array, axes: tuple[int, ...]) -> dict[str, Array]:
    return {"mean": x.mean(axes, keepdims=True), "sd": x.std(axes, keepdims=True)}


def _standardise(x: Array, moments: dict[str, Array]) -> Array:
    """Zero mean and unit standard deviation; what never varied (but for rounding) is zero."""
    mean, sd = moments["mean"], moments["sd"]
    varies = sd > 1e-5 * jnp.abs(mean)
    return jnp.where(varies, (x - mean) / jnp.where(varies, sd, 1.0), 0.0)
