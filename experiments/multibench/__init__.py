"""MultiBench by FactorCL and CoMM: FactorCL's Tables 2, 6 and 4, CoMM's Tables 1 and 3, its grid of augmentations.

python -m experiments.multibench --data DIR                  # all sets, all methods, five seeds
python -m experiments.multibench --data DIR --sets mosi --method comm --grid
python -m experiments.multibench --data DIR --released       # with leaks, labels and augmentations of the released code
python -m experiments.multibench --preset smoke              # files written in the formats, smaller encoders

DIR holds im.pk (MIMIC-III), mosei_senti_data.pkl, mosi_data.pkl, humor.pkl (UR-FUNNY) and sarcasm.pkl (MUStARD), or
those of the sets that are asked for. Every method has the encoders, batches and rates of the paper that it is from, and
all have one linear probe: its penalty is chosen on validation rows, test rows enter no choice.
"""
