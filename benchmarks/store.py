"""Results that survive an interruption: one file a piece, written whole or not at all; and what they ran on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any


def kept(path: Path, compute: Callable[[], Any], *, overwrite: bool = False) -> Any:
    """What ``path`` holds, or else what ``compute()`` returns, kept there as JSON."""
    if overwrite or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        found = compute()
        path.with_suffix(".partial").write_text(json.dumps(found, indent=1))
        path.with_suffix(".partial").rename(path)
    return json.loads(path.read_text())


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    import jax

    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    cpu = models[0].split(":")[1].strip() if models else platform.processor()
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version(), "jax": jax.__version__}


def write(out: Path, table: str, summary: dict[str, Any]) -> None:
    """``table.md`` and ``result.json``; the table is printed, and where all that ``out`` holds is."""
    (out / "result.json").write_text(json.dumps({"machine": machine(), **summary}, indent=1))
    (out / "table.md").write_text(table)
    print(table)
    print("wrote", ", ".join(str(path) for path in (out / "result.json", out / "table.md", *sorted(out.glob("*.png")))))
