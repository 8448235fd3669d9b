"""The sizes of the pieces that all-pairs kernels work in, chosen per backend."""

from __future__ import annotations

from typing import NamedTuple

import jax

from pidjax._checks import InputError


class Tiling(NamedTuple):
    """Sizes of the pieces; any of them can be overridden with ``default_tiling()._replace(...)``.

    Attributes
    ----------
    rows : int or None
        Rows of the N x M table that are held at a time. None: all of them while the table has at most
        ``table`` elements, else as many as fit.
    table : int
        Elements of a table that may be held at a time. Deeper critics keep packed signs beside it: k/32 further
        elements a pair for each hidden layer of width k after the first.
    chunk : int
        Hidden units (forward pass) that one fusion unrolls. On CPU 16 is the near side of a cliff: at 8 and 12
        XLA leaves the fusion scalar, six times slower.
    back_chunk : int
        Candidates (backward pass) that one fusion unrolls; the same cliff.
    activations : int
        Pairs times width that a block of a deeper critic holds; a block is one row of pairs at least.
    sort : int or None
        Pairs from which the sum over all candidates is taken by sorting; never when None, which is quicker where
        the logsumexp is read as well, since its pass over the pairs gives the sum for nothing.
    """

    rows: int | None
    table: int
    chunk: int
    back_chunk: int
    activations: int
    sort: int | None

    def check(self) -> None:
        """Raise unless all sizes are positive."""
        for name, size in self._asdict().items():
            if size is not None and size < 1:
                raise InputError(f"{name} of a tiling must be at least 1; found {size}.")

    def block_rows(self, n: int, m: int) -> int:
        """Rows of an [n, m] table to hold at a time."""
        if self.rows is not None:
            return min(self.rows, n)
        return n if n * m <= self.table else max(1, self.table // m)


_DEFAULTS = {
    # measured on 2 cores (benchmarks/pairwise.py)
    "cpu": Tiling(rows=None, table=2**22, chunk=16, back_chunk=32, activations=2**20, sort=2**19),
    # not measured: large enough to fill the device, small against its memory
    "gpu": Tiling(rows=None, table=2**27, chunk=32, back_chunk=32, activations=2**26, sort=2**22),
    "tpu": Tiling(rows=None, table=2**26, chunk=32, back_chunk=32, activations=2**25, sort=2**22),
}


def default_tiling(backend: str | None = None) -> Tiling:
    """Sizes for ``backend`` ("cpu", "gpu", "tpu"); for JAX's default backend when None."""
    return _DEFAULTS.get(backend or jax.default_backend(), _DEFAULTS["gpu"])
