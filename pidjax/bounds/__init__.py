"""Score statistics in, nats out: one function per published bound."""

from pidjax.bounds.infonce import infonce
from pidjax.bounds.stats import ScoreStats, score_stats

__all__ = ["ScoreStats", "infonce", "score_stats"]
