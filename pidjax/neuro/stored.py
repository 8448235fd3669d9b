"""A fitted model as one file of arrays: nothing that is run is stored, so files of others can be opened."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Container
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import pidjax
from pidjax._checks import InputError
from pidjax.objectives import DecompositionConfig, Shapes, decomposition


def write(
    path: Path, settings: dict[str, Any], config: DecompositionConfig, shapes: Shapes, tree: Any, history: list
) -> None:
    """Settings and shapes as JSON, ``tree`` = (params, state) leaf by leaf, in an ``.npz``."""
    about = {
        "pidjax": pidjax.__version__,
        "settings": settings,
        "config": dataclasses.asdict(config),
        "shapes": shapes._asdict(),
        "history": history,
    }
    leaves = {jax.tree_util.keystr(at): np.asarray(x) for at, x in jax.tree_util.tree_leaves_with_path(tree)}
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:  # numpy adds a suffix to names
        np.savez(file, allow_pickle=False, about=np.array(json.dumps(about, default=float)), **leaves)
    partial.rename(path)


def read(path: Path, known: Container[str]) -> tuple[dict[str, Any], DecompositionConfig, Shapes, Any, list]:
    """What ``write`` was given; settings are to be of those ``known``.

    Raises
    ------
    InputError
        A file that is absent, cut off, or of something else; unknown settings; arrays that do not fit them.
    """
    if not path.is_file():
        raise InputError(f"there is no {path}: give the file that save() wrote.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            about, leaves = json.loads(str(stored["about"])), {k: stored[k] for k in stored.files if k != "about"}
            version = about["pidjax"]
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is cut off, or no model that save() wrote ({error}).") from None
    try:
        config = DecompositionConfig(**_tuples(about["config"]))
        shapes = Shapes(**_tuples(about["shapes"]))
    except TypeError as error:
        raise InputError(f"{path} was written by pidjax {version}, whose settings differ ({error}).") from None
    unknown = [name for name in about["settings"] if name not in known]
    if unknown:
        raise InputError(
            f"{path} was written by pidjax {version}, which has settings that this one has not, "
            f"{', '.join(unknown)}: read it with that version."
        )
    wanted = jax.eval_shape(decomposition(config, shapes).init, jax.random.key(0), _batch(shapes))
    named = [(jax.tree_util.keystr(at), x) for at, x in jax.tree_util.tree_leaves_with_path(wanted)]
    wrong = [name for name, x in named if name not in leaves or leaves[name].shape != x.shape]
    if wrong or len(named) != len(leaves):
        first = wrong[0] if wrong else sorted(set(leaves) - {name for name, _ in named})[0]
        raise InputError(
            f"{path} was written by pidjax {version}, whose model differs from this one at {first}: read it "
            "with that version."
        )
    tree = jax.tree.unflatten(jax.tree.structure(wanted), [leaves[name] for name, _ in named])
    return about["settings"], config, shapes, tree, about["history"]


def _batch(shapes: Shapes) -> dict[str, jax.ShapeDtypeStruct]:
    sizes: dict[str, tuple[int, ...]] = {name: shape[:2] for name, shape in shapes.signals}
    sizes |= {f"{name}_features": (width,) for name, width in shapes.features}
    return {name: jax.ShapeDtypeStruct((2, *size), jnp.float32) for name, size in sizes.items()}


def _tuples(tree: Any) -> Any:
    """Lists of JSON as the tuples that they were."""
    if isinstance(tree, dict):
        return {name: _tuples(x) for name, x in tree.items()}
    return tuple(map(_tuples, tree)) if isinstance(tree, list) else tree
