"""Pairs of a picture and a sound: which are drawn, and what they are asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pidjax._checks import InputError, one_of

FILE = "multimodal/av_digits.npz"
RULES = ("same", "sum", "none")
TASKS = {"redundancy": "same", "unique_seen": "none", "unique_heard": "none", "synergy": "sum", "sum": "sum"}
"""The rule that a task's representation is trained under; its probe sees unruled pairs, but for "redundancy"."""


class Digits:
    """Standardised pictures [n, 28, 28] and sounds [n, 32 frames, 48 bands], with their digits, in three parts.

    No picture and no recording is in two of them: pictures by number; sounds by take, 0 to 4 are tested, 5 to 9 for
    validation.
    """

    def __init__(self, folder: Path):
        path = folder / FILE
        if not path.exists():
            raise InputError(f"{path} is absent: pass --data DIR with the recordings.")
        with np.load(path) as stored:
            image, audio = stored["image"], stored["audio_logmel"].swapaxes(1, 2)
            seen, heard, take = stored["image_label"], stored["audio_label"], stored["take"]
        pictures, third = np.split(np.arange(len(image)), [7_000, 8_000]), np.digitize(take, [5, 10])
        self.rows = {
            "train": (pictures[0], np.flatnonzero(third == 2)),
            "validation": (pictures[1], np.flatnonzero(third == 1)),
            "test": (pictures[2], np.flatnonzero(third == 0)),
        }
        self.seen, self.heard = seen.astype(int), heard.astype(int)
        self.image, self.audio = (
            ((x - x[rows].mean()) / x[rows].std()).astype(np.float32)
            for x, rows in zip((image, audio), self.rows["train"], strict=True)
        )

    def pairs(self, part: str, rule: str, count: int, seed: int) -> np.ndarray:
        """``count`` pairs (picture, sound) of a part, [count, 2]: digits uniform under the rule, content at random."""
        one_of("rule", rule, RULES)
        rng = np.random.default_rng([seed, sorted(self.rows).index(part), RULES.index(rule)])
        a = rng.integers(10, size=count)
        b = {"same": a, "sum": -a % 10, "none": rng.integers(10, size=count)}[rule]
        columns = []
        for digit, of, rows in zip((a, b), (self.seen, self.heard), self.rows[part], strict=True):
            by_digit = [rows[of[rows] == d] for d in range(10)]
            columns.append(np.array([rng.choice(by_digit[d]) for d in digit]))
        return np.stack(columns, 1)

    def batch(self, pairs: np.ndarray) -> dict[str, np.ndarray]:
        return {"x1": self.image[pairs[:, 0]], "x2": self.audio[pairs[:, 1]]}

    def ask(self, task: str, pairs: np.ndarray) -> np.ndarray:
        """What the probe of a task must tell of every pair, int [n]."""
        a, b = self.seen[pairs[:, 0]], self.heard[pairs[:, 1]]
        answers = {"redundancy": a, "unique_seen": a, "unique_heard": b, "synergy": (a + b) % 10 == 0}
        return np.asarray(answers.get(task, (a + b) % 10)).astype(int)


def truth(task: str) -> np.ndarray:
    """The exact law of (digit seen, digit heard, answer) of probed pairs, [10, 10, answers]."""
    a, b = np.indices((10, 10))
    answer = {"unique_seen": a, "unique_heard": b, "synergy": ((a + b) % 10 == 0).astype(int), "sum": (a + b) % 10}
    p = np.full((10, 10), 0.01) if task != "redundancy" else np.eye(10) / 10
    y = answer.get(task, a)
    return p[..., None] * (y[..., None] == np.arange(y.max() + 1))
