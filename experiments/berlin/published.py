"""Published accuracies by the same protocols, as fused from EEG and fNIRS, and what makes them incomparable."""

from __future__ import annotations

from typing import NamedTuple

TASKS = {
    "shin2017_arithmetic": "mental arithmetic",
    "shin2017_imagery": "motor imagery",
    "shin2018_cognitive": "word generation",
}


class Anchor(NamedTuple):
    """One published number (%)."""

    work: str
    value: float
    measure: str = "accuracy"


CAVEATS = {
    "STA-Net 2025": "decides windows of 3 s; its three contiguous folds are taken for the three runs",
    "TSFNet 2025": "cross-session, subject-dependent; its windows are not known here",
    "EF-Net 2024": "F1, not accuracy; subject-independent, its folds are not known here",
}
UNPLACED = {
    "subject": "Wasserstein transfer 2025 has 82.30 and 87.24 % on two public sets, across subjects that it selects as "
    "sources; which sets is not known here, so that it stands beside none",
}
"""By protocol what cannot be put beside a set."""
PUBLISHED: dict[tuple[str, str], tuple[Anchor, ...]] = {
    ("session", "shin2017_imagery"): (Anchor("STA-Net 2025", 69.65), Anchor("TSFNet 2025", 70.18)),
    ("session", "shin2017_arithmetic"): (Anchor("STA-Net 2025", 85.14), Anchor("TSFNet 2025", 86.26)),
    ("session", "shin2018_cognitive"): (Anchor("STA-Net 2025", 79.03), Anchor("TSFNet 2025", 81.13)),
    ("subject", "shin2018_cognitive"): (Anchor("EF-Net 2024", 65.05, "F1"),),
}
"""By protocol and set. k-fold over trials or windows of one run, bands or windows chosen with test labels, and works
that do not say their unit are left out: they read higher."""
