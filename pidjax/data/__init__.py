"""Batches and augmentations, as functions of a key; ``pidjax.data.synthetic`` has tasks whose truth is known."""

from pidjax.data.augment import band_gain, channel_dropout, delay_and_gain, gaussian_noise, time_mask
from pidjax.data.batches import batch_indices
from pidjax.data.frames import band_energy_frames, patches
from pidjax.data.sources import array_batches, stream_batches, with_inner

__all__ = [
    "array_batches",
    "band_energy_frames",
    "band_gain",
    "batch_indices",
    "channel_dropout",
    "delay_and_gain",
    "gaussian_noise",
    "patches",
    "stream_batches",
    "time_mask",
    "with_inner",
]
