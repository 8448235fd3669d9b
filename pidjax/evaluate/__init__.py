"""What a representation holds: block-wise probes, retrieval, prediction across modalities, with their nulls."""

from pidjax.evaluate.audit import Audit, audit, label_information
from pidjax.evaluate.folds import Fold, blockwise_folds
from pidjax.evaluate.increment import Increment, increment
from pidjax.evaluate.linear import LinearResult, linear_probe
from pidjax.evaluate.over_subjects import holm, least_p, sign_flip
from pidjax.evaluate.probe import ProbeResult, probe_class, probe_value
from pidjax.evaluate.relation import RelationResult, leakage, prediction, retrieval
from pidjax.evaluate.vectors import vector_information
from pidjax.evaluate.whitened import whitened

__all__ = [
    "Audit",
    "Fold",
    "Increment",
    "LinearResult",
    "ProbeResult",
    "RelationResult",
    "audit",
    "blockwise_folds",
    "holm",
    "increment",
    "label_information",
    "leakage",
    "least_p",
    "linear_probe",
    "prediction",
    "probe_class",
    "probe_value",
    "retrieval",
    "sign_flip",
    "vector_information",
    "whitened",
]
