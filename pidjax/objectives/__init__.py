"""What is learned: every member builds an ``Objective(init, encode, loss, inner)``.

================================  ================================================================
``factorcl``                      FactorCL-SUP and -SSL, six terms; ``PAPER``, ``released``
``cross``, ``cross_self``         contrast across modalities, and within (factorised or not)
``supcon``, ``supervised``        samples of one class attract; cross-entropy
``decomposition``                 redundant, unique and synergistic heads of EEG and fNIRS
``vicreg``, ``barlow``            losses of two views without negatives, plain functions
================================  ================================================================

``method(name, nets, ...)`` is the one door to all of two modalities (``METHODS`` lists the names).
"""

from pidjax.objectives.clean import clean
from pidjax.objectives.contrastive import cross, cross_self, supcon
from pidjax.objectives.decomposition import HEADS, DecompositionConfig, Shapes, decomposition
from pidjax.objectives.factorcl import ALGORITHM_2, PAPER, FactorCLConfig, factorcl, released
from pidjax.objectives.methods import METHODS, Method, method
from pidjax.objectives.noncontrastive import barlow, vicreg
from pidjax.objectives.supervised import supervised

__all__ = [
    "ALGORITHM_2",
    "HEADS",
    "METHODS",
    "PAPER",
    "DecompositionConfig",
    "FactorCLConfig",
    "Method",
    "Shapes",
    "barlow",
    "clean",
    "cross",
    "cross_self",
    "decomposition",
    "factorcl",
    "method",
    "released",
    "supcon",
    "supervised",
    "vicreg",
]
