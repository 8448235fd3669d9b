"""Fine-tuning with labels: SupCon on the representation, or a linear output with cross-entropy or squared error."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from pidjax._checks import InputError, one_of
from pidjax.critics.layers import linear_init
from pidjax.math.collectives import mean_over_devices
from pidjax.objectives.contrastive import supcon_loss
from pidjax.objectives.pair import need_labels, one_hot
from pidjax.typing import Array, Batch, Objective, Params

LOSSES = ("supcon", "cross_entropy", "binary", "mse")


def joint_views(z: dict[str, Array]) -> Array:
    """CoMM's Z of both augmentations, all modalities seen: [n, 2, width]."""
    return z["views"][:, -2:, -1]


def finetune(
    base: Objective,
    params: Params,
    state: Params,
    *,
    loss: str,
    outputs: int = 0,
    embed: Callable[[dict[str, Array]], Array] = joint_views,
    temperature: float = 0.07,
) -> Objective:
    """Train all of ``base``, from its learned parameters on, with the labels of the batch.

    The batch holds, beside what ``base`` reads, "y": classes [n] int ("supcon", "cross_entropy"), labels [n, outputs]
    of 0 and 1 ("binary", for several at once), or numbers [n, outputs] ("mse"). ``encode`` gives what that of ``base``
    gives and, when not training, "output" [n, outputs] of ``joint`` (logits or predictions). ``info``: the loss by its
    name, in nats but for "mse", and what it is for a constant representation or output: ``trivial``.

    Parameters
    ----------
    base : Objective
        Such as ``comm``; augmentations are its own.
    params, state
        Of the trained ``base``.
    loss : "supcon" | "cross_entropy" | "binary" | "mse"
    outputs : int
        Classes, labels or numbers; none for "supcon".
    embed : callable
        Embeddings [n, views, d] of what ``base.encode`` gives when training.
    temperature : float
        Of "supcon", on unit vectors.

    References
    ----------
    Khosla et al. 2020 (SupCon); Dufumier et al. 2025, App. B.
    """
    one_of("loss", loss, LOSSES)
    if (loss == "supcon") != (outputs == 0):
        raise InputError(
            f"outputs counts classes, labels or numbers, and is 0 for 'supcon'; found {outputs} for {loss!r}."
        )

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        theta = {"base": params["theta"]}
        if outputs:
            each = jax.random.split(key, jax.tree.leaves(batch)[0].shape[0])
            z = jax.eval_shape(lambda x: embed(base.encode(params, state, x, each, train=True)[0]), batch)
            theta["output"] = linear_init(key, z.shape[-1], outputs)
        return {"theta": theta, "phi": {}}, state

    def output(theta: Params, z: Array) -> Array:
        return z @ theta["output"]["kernel"] + theta["output"]["bias"].reshape(*[1] * (z.ndim - 1), -1)

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        inner = {"theta": params["theta"]["base"]}
        z, new_state = base.encode(inner, state, {k: x for k, x in batch.items() if k != "y"}, key, train=train)
        if not train and outputs:
            z = z | {"output": output(params["theta"], z["joint"])}
        return z, new_state

    def labelled(params: Params, z: dict[str, Array], batch: Batch, *, axis_name: str | None = None):
        if "y" not in batch:
            raise InputError('fine-tuning is supervised: the batch must hold labels "y".')
        views, y = embed(z), batch["y"]
        if loss == "supcon":
            value, trivial = supcon_loss(views, need_labels(batch, views.shape[0]), temperature, axis_name)
            return value, {"loss": value, "supcon": value, "trivial": trivial}
        found = output(params["theta"], views)
        if loss == "cross_entropy":
            classes = one_hot(need_labels(batch, views.shape[0]), outputs)[:, None]
            value = -(classes * jax.nn.log_softmax(found)).sum(-1).mean()
            trivial = jnp.log(float(outputs))
        else:
            target = y.reshape(y.shape[0], 1, -1).astype(found.dtype)
            if target.shape[-1] != outputs:
                raise InputError(f"y must be [n, {outputs}], one column an output; found {y.shape}.")
            if loss == "binary":
                value = (jax.nn.softplus(found) - target * found).sum(-1).mean()
                trivial = outputs * jnp.log(2.0)
            else:
                value = ((found - target) ** 2).mean()
                centre = mean_over_devices(target.mean(0, keepdims=True), axis_name)
                trivial = ((target - centre) ** 2).mean()
        return value, {"loss": value, loss: value, "trivial": trivial}

    return Objective(init, encode, labelled)
