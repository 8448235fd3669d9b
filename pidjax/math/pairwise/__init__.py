"""Scores of all pairs, value and gradient, without the arrays that the textbook formula builds.

==================  ==============================================================================
``dot_table``       f(x_i, y_j) = a_i · c_j
``relu_table``      f(x_i, y_j) = v · relu(a_i + c_j), in fused chunks of hidden units
``relu_row_sums``   Σ_j v · relu(a_i + c_j), exact, by sorting: no pair is ever formed
``deep_table``      f(x_i, y_j) = v · relu(W … relu(a_i + c_j)), in blocks after the first layer
``map_rows``        any of them a block of rows at a time, computed again in the backward pass
``Tiling``          the sizes of all these pieces; ``default_tiling()`` knows them per backend
==================  ==============================================================================

A table has x in its rows; exchange ``a`` and ``c`` for the transpose. Gradients are ``custom_vjp``: reverse
mode only.
"""

from pidjax.math.pairwise.deep import deep_table
from pidjax.math.pairwise.dot import dot_table
from pidjax.math.pairwise.relu import relu_table
from pidjax.math.pairwise.rows import map_rows
from pidjax.math.pairwise.sorted_sums import relu_row_sums
from pidjax.math.pairwise.tiling import Tiling, default_tiling

__all__ = ["Tiling", "deep_table", "default_tiling", "dot_table", "map_rows", "relu_row_sums", "relu_table"]
