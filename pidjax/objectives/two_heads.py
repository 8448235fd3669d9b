"""A shared and a unique head on the encoder of each of two modalities, of a sample and of two augmentations of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pidjax import encoders
from pidjax.objectives import pair
from pidjax.objectives.pair import SIDES, Augment
from pidjax.typing import Array, Batch, Encoder, Params


class TwoHeads(NamedTuple):
    """``init`` and ``encode`` of an objective.

    ``encode`` gives when training "h1" (the encoder's), "s1", "u1" and, if asked for, "x1" (what was seen),
    [n, 3, ...], the sample first, and those of side 2; otherwise ``shared1, unique1, backbone1`` [n, d] and those of
    side 2.
    """

    init: Callable[..., tuple[Params, Params]]
    encode: Callable[..., tuple[dict[str, Array], Params]]


def two_heads(
    nets: Sequence[Encoder],
    augment: Augment,
    width: int,
    more: Callable[[Batch], dict[str, Encoder]] | None = None,
) -> TwoHeads:
    """Perceptrons s_i and u_i, ``width`` wide, of one hidden layer.

    ``more(batch)`` names further parts of theta, for which what was seen is given too.
    """

    def heads(sizes: Sequence[int]) -> dict[str, Encoder]:
        of_size = {d: encoders.mlp(d, d, width, activation="relu", init="torch") for d in set(sizes)}
        return {f"{head}{side}": of_size[sizes[int(side) - 1]] for head in "su" for side in SIDES}

    def init(key: Array, batch: Batch) -> tuple[Params, Params]:
        built = pair.named(nets) | heads(pair.widths(nets, batch)) | (more(batch) if more else {})
        theta, state = pair.init_parts(key, built)
        return {"theta": theta, "phi": {}}, state

    def encode(params: Params, state: Params, batch: Batch, key: Array | None = None, *, train: bool):
        theta = params["theta"]
        seen = pair.views(augment, batch, key, 2 if train else 0, clean=True)  # type: ignore[arg-type]
        h, new_state = pair.encode_sides(nets, theta, state, seen, key if train else None, train=train)
        z = {f"h{side}": h[side] for side in SIDES}
        for name, head in heads([h[side].shape[-1] for side in SIDES]).items():
            z[name] = head.apply(theta[name], {}, h[name[1]])[0]
        if train:
            return z | ({f"x{side}": seen[f"x{side}"] for side in SIDES} if more else {}), new_state
        names = (("shared", "s"), ("unique", "u"), ("backbone", "h"))
        return {f"{name}{side}": z[f"{short}{side}"][:, 0] for side in SIDES for name, short in names}, new_state

    return TwoHeads(init, encode)
