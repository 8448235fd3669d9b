"""FactorCL's synthetic factors: Fig. 1, Table 1 and Table 11, with the exact ceilings.

python -m experiments.synthetic_factors --preset smoke   # two methods, a minute
python -m experiments.synthetic_factors --preset small   # one seed, under an hour on 2 CPU cores
python -m experiments.synthetic_factors --preset full    # the paper's setting, five seeds side by side
python -m experiments.synthetic_factors --preset notebook --method simclr factorcl_ssl factorcl_sup
python -m experiments.synthetic_factors --preset small --ablations   # FactorCL changed, in a folder of its own

Not the papers' in any preset but notebook: observations have noise, without which every information is infinite, and
augmentations are milder (``Config.augmentation``). Critics of the CLUB terms see the batch of the outer step again.
"""
