"""The optimiser of every objective here: Adam with decoupled weight decay and clipped gradients."""

from __future__ import annotations

import optax


def adamw(learning_rate: float, *, weight_decay: float = 0.1, clip: float = 10.0) -> optax.GradientTransformation:
    """AdamW (Loshchilov & Hutter 2019) on gradients clipped at global norm ``clip``."""
    return optax.chain(optax.clip_by_global_norm(clip), optax.adamw(learning_rate, weight_decay=weight_decay))
