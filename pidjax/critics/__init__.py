"""Pairs in, scores out."""

from pidjax.critics.cosine import cosine

__all__ = ["cosine"]
