"""Weights of CLIP from a folder in the layout of transformers, such as that of openai/clip-vit-base-patch32."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pidjax._checks import InputError
from pidjax.encoders.clip.inputs import need
from pidjax.encoders.clip.towers import ClipConfig, Tower, clip_image, clip_text
from pidjax.typing import Array, Params

NAMES = {
    "cls": "embeddings.class_embedding",
    "positions": "embeddings.position_embedding.weight",
    "norm_in": "pre_layrnorm",
    "blocks": "encoder.layers",
    "attention": "self_attn",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "out": "out_proj",
    "norm1": "layer_norm1",
    "norm2": "layer_norm2",
    "up": "mlp.fc1",
    "down": "mlp.fc2",
    "scale": "weight",
    "kernel": "weight",
    "embedding": "weight",
}
"""What parts of a tower are called in the file; others are called as here."""
OF_TOWER = {
    "image": {
        "embed": "vision_model.embeddings.patch_embedding",
        "norm": "vision_model.post_layernorm",
        "project": "visual_projection",
    },
    "text": {
        "embed": "text_model.embeddings.token_embedding",
        "norm": "text_model.final_layer_norm",
        "project": "text_projection",
    },
}
PREFIX = {"image": "vision_model", "text": "text_model"}
BUFFERS = {f"{prefix}.embeddings.position_ids" for prefix in PREFIX.values()}
"""0, 1, 2, ... that older files hold beside the weights."""
FIXED = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
"""What is the same in every CLIP of OpenAI, and in ``Tower``."""


def load_clip(folder: str | Path) -> tuple[ClipConfig, Params]:
    """Sizes and float32 weights of ``folder``: ``config.json`` and ``model.safetensors`` as transformers writes them.

    Returns
    -------
    config : ClipConfig
    params : {"image": ..., "text": ..., "logit_scale": []}
        What ``clip_image(config)`` and ``clip_text(config)`` apply, whatever they give, and ``clip_scores`` takes.

    Raises
    ------
    InputError
        A file that is absent or cut off; another architecture; weights that are missing, left over or of another
        shape than config.json says, by name.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    config, path = read_config(need(folder, "config.json")), need(folder, "model.safetensors")
    try:
        found = {name: x for name, x in load_file(path).items() if name not in BUFFERS}
    except SafetensorError as error:
        raise InputError(f"{path} is no whole safetensors file ({error}): obtain it again.") from None
    leaves, tree = jax.tree_util.tree_flatten_with_path(_shapes(config))
    paths = [tuple(part.key for part in at) for at, _ in leaves]
    names = [_name(at) for at in paths]
    for what, odd in (("lacks", set(names) - set(found)), ("holds beside CLIP's weights", set(found) - set(names))):
        if odd:
            raise InputError(f"{path} {what} {_some(odd)}: it is not of the model that config.json describes.")
    rows = zip(paths, names, leaves, strict=True)
    arrays = [_turned(path, name, found[name], at, leaf.shape) for at, name, (_, leaf) in rows]
    return config, jax.tree.unflatten(tree, arrays)


@functools.lru_cache(maxsize=8)
def _shapes(config: ClipConfig) -> Params:
    """What ``load_clip`` gives, as shapes."""
    towers = {"image": clip_image(config), "text": clip_text(config)}
    found = {name: jax.eval_shape(tower.init, jax.random.key(0))[0] for name, tower in towers.items()}
    return found | {"logit_scale": jax.ShapeDtypeStruct((), jnp.float32)}


def read_config(path: Path) -> ClipConfig:
    """The sizes that ``config.json`` says; those of ViT-B/32 where it says none, as transformers reads it.

    Raises
    ------
    InputError
        Another architecture.
    """
    try:
        said = json.loads(path.read_text())
        kind = said.get("model_type")
    except (ValueError, AttributeError):
        raise InputError(f"{path} is cut off, or no object of JSON: obtain it again.") from None
    if kind != "clip":
        raise InputError(f"{path} describes a model of type {kind!r}: give a folder with a CLIP, of type 'clip'.")
    text, image, plain = said.get("text_config") or {}, said.get("vision_config") or {}, ClipConfig()
    for side, part in (("text", text), ("vision", image)):
        for name, value in FIXED.items():
            if part.get(name, value) != value:
                raise InputError(f"{path} says {name} {part[name]!r} of its {side} model; pidjax's CLIP has {value!r}.")
    vocabulary = text.get("vocab_size", plain.vocabulary)
    end = text.get("eos_token_id", plain.end)
    return ClipConfig(
        image=_tower(image, plain.image),
        text=_tower(text, plain.text),
        size=image.get("image_size", plain.size),
        patch=image.get("patch_size", plain.patch),
        tokens=text.get("max_position_embeddings", plain.tokens),
        vocabulary=vocabulary,
        end=vocabulary - 1 if end == 2 else end,  # older files say 2, wrongly, and mean the last
        projected=said.get("projection_dim", plain.projected),
    )


def _tower(said: dict[str, Any], plain: Tower) -> Tower:
    return Tower(
        said.get("hidden_size", plain.width),
        said.get("num_hidden_layers", plain.depth),
        said.get("num_attention_heads", plain.heads),
        said.get("intermediate_size", plain.feedforward),
    )


def _name(at: tuple) -> str:
    """What the parameter at this place of the tree is called in the file."""
    tower, *parts = at
    if not parts:
        return tower
    own = OF_TOWER[tower]
    words = [str((NAMES | own).get(part, part)) for part in parts]
    return ".".join(words if parts[0] in own else [PREFIX[tower], *words])


def _turned(path: Path, name: str, x: np.ndarray, at: tuple, shape: tuple[int, ...]) -> Array:
    """A weight as ours has it: inputs before outputs, channels last, heads apart."""
    inputs = 2 if "out" in at else 1  # axes of a linear map that are summed over
    theirs = shape
    if len(shape) == 4:
        theirs = shape[::-1]
    elif at[-1] == "kernel":
        theirs = math.prod(shape[inputs:]), math.prod(shape[:inputs])
    elif at[-1] == "bias":
        theirs = (math.prod(shape),)
    if x.shape != theirs:
        raise InputError(f"{path} holds {name} of shape {x.shape}; by config.json it must be {theirs}.")
    if len(shape) == 4:
        x = x.transpose(2, 3, 1, 0)
    elif at[-1] == "kernel":
        x = x.T
    return jnp.asarray(np.asarray(x.reshape(shape), np.float32))


def _some(names: set[str]) -> str:
    first = ", ".join(sorted(names)[:3])
    return first if len(names) <= 3 else f"{first} and {len(names) - 3} more"
