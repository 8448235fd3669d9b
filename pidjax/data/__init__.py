"""Batches and augmentations, as functions of a key.

``pidjax.data.augment_images`` has those of pictures, ``pidjax.data.trifeature`` draws pictures whose content is known,
``pidjax.data.synthetic`` has tasks whose information is known.
"""

from pidjax.data.augment import band_gain, channel_dropout, delay_and_gain, gaussian_noise, time_mask
from pidjax.data.augment_compose import (
    AUGMENTATIONS,
    RELEASED_SEQUENCES,
    RELEASED_VECTORS,
    apart,
    compose,
    in_turn,
    together,
)
from pidjax.data.batches import batch_indices
from pidjax.data.frames import band_energy_frames, patches, wavelet_energy_frames
from pidjax.data.paired import paired
from pidjax.data.sources import array_batches, stream_batches, with_inner

__all__ = [
    "AUGMENTATIONS",
    "RELEASED_SEQUENCES",
    "RELEASED_VECTORS",
    "apart",
    "array_batches",
    "band_energy_frames",
    "band_gain",
    "batch_indices",
    "channel_dropout",
    "compose",
    "delay_and_gain",
    "gaussian_noise",
    "in_turn",
    "paired",
    "patches",
    "stream_batches",
    "time_mask",
    "together",
    "wavelet_energy_frames",
    "with_inner",
]
