"""Trifeature: pictures of one shape, one texture and one colour, drawn on device; what pairs of them share is known.

``render`` draws, ``split`` says which of the 1,000 combinations are tested, ``pairs`` joins pictures of one shape, and
``labels`` gives what probes ask: the shape (redundant), a texture (unique), and whether the texture of one picture and
the colour of the other belong together under the fixed ``PARTNER`` (synergy: neither picture tells anything of it).
"""

from pidjax.data.trifeature.pairs import PARTNER, Factors, labels, pairs, render_all, split
from pidjax.data.trifeature.render import COLOURS, Placement, paint, place, render
from pidjax.data.trifeature.shapes import SHAPES
from pidjax.data.trifeature.textures import TEXTURES

__all__ = [
    "COLOURS",
    "PARTNER",
    "SHAPES",
    "TEXTURES",
    "Factors",
    "Placement",
    "labels",
    "paint",
    "pairs",
    "place",
    "render",
    "render_all",
    "split",
]
