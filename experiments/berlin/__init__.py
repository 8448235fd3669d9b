"""The TU Berlin's EEG and fNIRS (Shin et al. 2017, 2018): mental arithmetic, imagery and word generation, decoded.

python -m experiments.berlin --preset smoke                                   # a minute, on files that it writes
python -m experiments.berlin --data DIR                                       # both protocols, all three tasks
python -m experiments.berlin --data DIR --protocol session --sets shin2018_cognitive

DIR holds the archives of doc.ml.tu-berlin.de/hBCI and doc.ml.tu-berlin.de/simultaneous_EEG_NIRS, unpacked anywhere
below it (``help(pidjax.neuro.datasets.find_subjects)`` names the folders).

Protocols: "session" tests each of a subject's three runs by what is learned of the two others; "subject" tests each
subject by the others. Decoded by shrinkage discriminants from classical features (band powers and evoked potentials;
peak, area and time of HbO and HbR), of EEG, fNIRS and both, and from the heads of the decomposer, trained without
labels on the training trials of each fold. Every trial that lies whole in the recordings is tested: none is rejected.
Filters see one run at a time; bad channels are found, without labels, on all runs of a recording. The unit of inference
is the subject. Published numbers stand beside where the protocol is theirs.
"""
