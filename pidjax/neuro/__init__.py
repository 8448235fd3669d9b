"""EEG and fNIRS: two recordings in, a decomposition out. The only rooms that import mne."""
