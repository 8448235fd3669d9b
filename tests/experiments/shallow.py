"""The tiny CLIP of tests/encoders/clip with one block a tower, for experiments that compile what they train."""

import json
import shutil
from pathlib import Path

from safetensors.numpy import load_file, save_file

TINY = Path(__file__).parents[1] / "encoders" / "clip"


def shallow_clip(folder):
    """``folder`` with config.json, weights and vocabulary."""
    folder.mkdir()
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(TINY / name, folder)
    said = json.loads((TINY / "config.json").read_text())
    for side in ("text_config", "vision_config"):
        said[side]["num_hidden_layers"] = 1
    (folder / "config.json").write_text(json.dumps(said))
    weights = load_file(TINY / "model.safetensors")
    save_file({name: x for name, x in weights.items() if ".layers.1." not in name}, folder / "model.safetensors")
    return folder
