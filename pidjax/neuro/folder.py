"""The folder of a report: it appears whole or not at all, and harms nothing that was there."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from pidjax._checks import InputError


def is_done(out: Path, partial: Path, config: dict, resume: bool, overwrite: bool) -> bool:
    """Whether ``out`` already holds this very run; raises when it, or ``partial``, holds something else."""

    def same(folder: Path) -> bool:
        try:
            found = json.loads((folder / "config.json").read_text())
        except (OSError, ValueError):
            return False
        return {k: v for k, v in found.items() if k not in ("choices", "model")} == config

    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file: give a folder.")
    if out.exists() and any(out.iterdir()) and not overwrite:
        if resume and same(out):
            return True
        raise InputError(f"--out {out} exists and is not empty: give another folder, or --overwrite to replace it.")
    if partial.exists():
        if resume and not same(partial):
            raise InputError(
                f"{partial} holds a run with other files or settings: repeat its command to resume it, or --overwrite."
            )
        if not resume and not overwrite:
            raise InputError(f"{partial} holds an unfinished run: --resume finishes it, --overwrite starts again.")
    return False


def check_place(out: Path, inputs: tuple) -> None:
    """Raise unless ``out`` can be written, and replacing it would harm neither an input nor a folder of others."""
    if out == Path.cwd() or out in Path.cwd().parents:
        raise InputError(f"--out {out} holds the folder you are in: give a folder of its own.")
    inside = [path for path in inputs if Path(path).exists() and out in Path(path).resolve().parents]
    if inside:
        raise InputError(f"--out {out} holds the input {inside[0]}: give a folder of its own.")
    if out.is_dir() and any(out.iterdir()) and not (out / "config.json").exists():
        raise InputError(f"--out {out} is not empty and not a report of pidjax: give another folder.")
    parent = next(folder for folder in out.parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"--out {out} cannot be written: {parent} is not a folder you may write to.")


def swap(partial: Path, out: Path) -> None:
    """Put the whole folder in place; an old one goes only now."""
    if out.exists():
        old = Path(tempfile.mkdtemp(prefix=f"{out.name}.old-", dir=out.parent))
        out.rename(old / out.name)
        partial.rename(out)
        shutil.rmtree(old)
    else:
        partial.rename(out)


def write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False))
