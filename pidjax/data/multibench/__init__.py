"""Files of MultiBench (Liang et al. 2021): read without running what a pickle names, and without what leaks.

``affect`` opens MOSI, MOSEI, UR-FUNNY and MUStARD, ``mimic`` MIMIC-III, ``load_arrays`` any pickle of numpy arrays.
"""

from pidjax.data.multibench.affect import WIDTHS, Sequences, affect
from pidjax.data.multibench.mimic import mimic
from pidjax.data.multibench.unpickle import load_arrays

__all__ = ["WIDTHS", "Sequences", "affect", "load_arrays", "mimic"]
