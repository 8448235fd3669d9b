"""What is learned: every member builds an ``Objective(init, encode, loss, inner)``.

================================  ================================================================
``factorcl``                      FactorCL-SUP and -SSL, six terms; ``PAPER``, ``released``
``cross``, ``cross_self``         contrast across modalities, and within (factorised or not)
``clip``                          contrast across modalities, of learned temperature
``clean``                         shared and unique parts that are factors
``supcon``, ``supervised``        samples of one class attract; cross-entropy
``comm``, ``cmc``                 one representation of n modalities (``comm_preset``); contrast of every pair
``invariance``                    VICReg or Barlow Twins across modalities and within
``masked_prediction``             what augmentations hide is predicted from what they leave
``finetune``                      train what was learned on, with labels
``decomposition``                 redundant, unique and synergistic heads of EEG and fNIRS
``vicreg``, ``barlow``            losses of two views without negatives, plain functions
================================  ================================================================

``method(name, nets, ...)`` is the one door to all that learn representations (``METHODS`` lists the names).
"""

from pidjax.objectives.clean import clean
from pidjax.objectives.cmc import cmc
from pidjax.objectives.comm import CoMMConfig, comm, comm_preset
from pidjax.objectives.contrastive import clip, cross, cross_self, supcon
from pidjax.objectives.decomposition import HEADS, decomposition
from pidjax.objectives.decomposition_config import DecompositionConfig, Shapes
from pidjax.objectives.factorcl import ALGORITHM_2, PAPER, FactorCLConfig, factorcl, released
from pidjax.objectives.finetune import finetune
from pidjax.objectives.methods import METHODS, Method, method
from pidjax.objectives.noncontrastive import barlow, vicreg
from pidjax.objectives.supervised import supervised
from pidjax.objectives.unique_views import invariance, masked_prediction

__all__ = [
    "ALGORITHM_2",
    "HEADS",
    "METHODS",
    "PAPER",
    "CoMMConfig",
    "DecompositionConfig",
    "FactorCLConfig",
    "Method",
    "Shapes",
    "barlow",
    "clean",
    "clip",
    "cmc",
    "comm",
    "comm_preset",
    "cross",
    "cross_self",
    "decomposition",
    "factorcl",
    "finetune",
    "invariance",
    "masked_prediction",
    "method",
    "released",
    "supcon",
    "supervised",
    "vicreg",
]
