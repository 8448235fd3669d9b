"""Files of MultiBench (Liang et al. 2021): read without running what a pickle names, and without what leaks.

``affect`` opens MOSI, MOSEI, UR-FUNNY and MUStARD, ``mimic`` MIMIC-III, ``vision_touch`` Vision & Touch,
``load_arrays`` any pickle of numpy arrays.
"""

from pidjax.data.multibench.affect import WIDTHS, Sequences, affect
from pidjax.data.multibench.mimic import mimic
from pidjax.data.multibench.unpickle import load_arrays
from pidjax.data.multibench.vision_touch import Steps, vision_touch

__all__ = ["WIDTHS", "Sequences", "Steps", "affect", "load_arrays", "mimic", "vision_touch"]
