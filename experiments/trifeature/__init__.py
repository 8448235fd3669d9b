"""Trifeature: what CoMM and others learn of redundancy, uniqueness and synergy in pictures whose content is known.

python -m experiments.trifeature --preset smoke                        # seconds
python -m experiments.trifeature --preset small                        # 64 to 96 pixels, one seed, 2 CPU cores
python -m experiments.trifeature --preset full --method comm --seed 0  # the paper's setting on one GPU

Fig. 4 (all methods), Fig. 5 (``--method comm comm_joint comm_unimodal --stages 8``), Table 4 (``comm_linear``), Table 5
and Fig. 7 (the augmentations of ``AUGMENTS``). Two representations a seed: one of unbiased pairs (redundancy,
uniqueness), one of pairs biased by the fixed map of texture to colour (synergy). Probes are scored on unbiased pairs of
pictures no model saw.
"""
