"""FactorCL, App. C.4: unique augmentation and conditional masking where nothing is contrasted within a modality.

python -m experiments.unique_augmentation --preset smoke   # half a minute
python -m experiments.unique_augmentation                  # minutes on 2 CPU cores; also --preset full

Two sequences of eight steps. The second modality speaks at the first four and is silent, all zeros, at the others; the
first says there what both know (w_s), and elsewhere what it alone knows (w_1). Each method is trained with independent
augmentation of any step, with unique augmentation of what the second modality is silent about, and with that of what it
speaks of; I(unique1; w) is read from each.
"""
