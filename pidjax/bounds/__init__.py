"""Score statistics in, nats out: one function per published bound.

==================  =====================================================  ===================================
function            reads                                                  direction
==================  =====================================================  ===================================
``infonce``         ``score_stats(f)``                                     lower; at most log(K + 1)
``ntxent``          two of them: other view, own view                      none: an objective
``dv``              ``score_stats(f)``                                     lower; batch value biased upwards
``nwj``             ``score_stats(f)``                                     lower; heavy-tailed
``tuba``            ``score_stats(f)`` and a baseline                      lower
``interpolated``    ``score_stats(f)``, a baseline and α                   lower up to O(1/K)
``js``              ``score_stats(f, transform="softplus")``               none: an objective
``plug_in``         any                                                    none; exact at f = log r
``smile``           ``score_stats(f, transform=("clip", tau))``            none
``l1out``           ``score_stats(f)``                                     upper at f = log r + c(anchor)
``club``            ``score_stats(log q)``                                 upper under a condition on q
``nce_club``        ``score_stats(f)``                                     upper at the optimal critic: Jeffreys
``supcon``          scores and labels                                      none: an objective
``kernel_infonce``  scores and a Gram matrix of the condition              none: moves with the kernel
``kernel_l1out``    scores and a Gram matrix of the condition              none: moves with the kernel
==================  =====================================================  ===================================

``score_stats`` reduces a dense matrix, ``negative_stats`` explicit negatives, ``join_negatives`` two sets of them;
``critic.stats`` of every critic gives the same statistics, without the matrix where that would take much memory.
Negatives that share their anchor's condition are ``log_weights``: ``same_group``, ``near``, ``nearest``, ``ridge``,
with ``effective_negatives`` to count them. All functions are unbatched (``vmap`` them), differentiable, and take
``axis_name`` where the batch is shared between devices: the mean over devices of what is returned, and of its
gradient, is that of the whole batch.
"""

from pidjax.bounds.club import club, l1out, nce_club
from pidjax.bounds.infonce import infonce, ntxent
from pidjax.bounds.jensen_shannon import js, plug_in, smile
from pidjax.bounds.negatives import (
    effective_negatives,
    kernel_infonce,
    kernel_l1out,
    near,
    nearest,
    ridge,
    same_group,
)
from pidjax.bounds.stats import ScoreStats, join_negatives, negative_stats, score_stats
from pidjax.bounds.supcon import supcon
from pidjax.bounds.variational import dv, interpolated, nwj, tuba

__all__ = [
    "ScoreStats",
    "club",
    "dv",
    "effective_negatives",
    "infonce",
    "interpolated",
    "join_negatives",
    "js",
    "kernel_infonce",
    "kernel_l1out",
    "l1out",
    "nce_club",
    "near",
    "nearest",
    "negative_stats",
    "ntxent",
    "nwj",
    "plug_in",
    "ridge",
    "same_group",
    "score_stats",
    "smile",
    "supcon",
    "tuba",
]
