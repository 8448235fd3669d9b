"""What two kinds of measurement share, what each holds alone, and what only both together hold.

==================  =====================================================
``pidjax.bounds``      score statistics to nats
``pidjax.critics``     pairs to scores
``pidjax.pid``         tables, covariances, informations to redundancy, unique and synergy
``pidjax.encoders``    signals to vectors
``pidjax.data``        batches, augmentations, frames, tasks of known information
``pidjax.estimators``  samples to nats with a standard error
``pidjax.fit``         one compiled fit with held-out evaluation
``pidjax.objectives``  what is learned
``pidjax.train``       one compiled step, the loop, checkpoints
``pidjax.evaluate``    probes, retrieval and prediction with their nulls
``pidjax.neuro``       EEG and fNIRS recordings (imports mne)
==================  =====================================================
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pidjax.estimators import Estimate, PIDEstimate, estimate_cmi, estimate_mi, estimate_pid

__all__ = ["Estimate", "PIDEstimate", "estimate_cmi", "estimate_mi", "estimate_pid"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The front door, imported when it is used: importing pidjax imports no JAX."""
    if name not in __all__:
        raise AttributeError(f"module 'pidjax' has no attribute {name!r}")
    from pidjax import estimators

    return getattr(estimators, name)
