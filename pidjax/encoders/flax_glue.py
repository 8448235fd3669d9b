"""The only door to flax: an nnx module becomes an ``Encoder`` of pure functions over plain dicts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from flax import nnx

from pidjax.typing import Array, Encoder, Params


def from_nnx(build: Callable[[nnx.Rngs], nnx.Module]) -> Encoder:
    """Encoder around ``build(rngs) -> module`` where ``module(x, mask=None)`` maps a batch to vectors.

    A module that is random when it trains has an argument ``key``, one key a sample; others never see the keys.
    Trainable values go to ``params``, everything else (batch statistics) to ``state``; both are plain
    nested dicts. The module is described by its abstract shapes alone: nothing is allocated until ``init``.
    """

    def split(module: nnx.Module) -> tuple[Any, Any, Any]:
        return nnx.split(module, nnx.Param, ...)  # type: ignore[return-value]

    abstract = nnx.eval_shape(lambda: build(nnx.Rngs(0)))
    graph, abstract_params, abstract_state = split(abstract)
    takes_key = "key" in inspect.signature(type(abstract).__call__).parameters

    def init(key: Array) -> tuple[Params, Params]:
        _, params, state = split(build(nnx.Rngs(key)))
        return nnx.to_pure_dict(params), nnx.to_pure_dict(state)

    def restore(abstract: Any, values: Params) -> Any:
        full = nnx.clone(abstract)
        nnx.replace_by_pure_dict(full, values)
        return full

    def apply(params, state, x, key=None, *, train: bool = False, mask=None) -> tuple[Array, Params]:
        module = nnx.merge(graph, restore(abstract_params, params), restore(abstract_state, state))
        module.train() if train else module.eval()
        options = {} if mask is None else {"mask": mask}
        z = module(x, **options, key=key) if takes_key else module(x, **options)
        _, _, new_state = split(module)
        return z, nnx.to_pure_dict(new_state)

    return Encoder(init, apply)
