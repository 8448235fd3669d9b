"""Two views that share nearly all: augmentations of one picture of CIFAR-10 or MNIST (FactorCL, Table 8).

python -m experiments.high_shared --preset smoke                 # files written in both formats, two steps
python -m experiments.high_shared --data ../data --sets cifar10

``--data`` holds ``cifar-10-batches-bin/`` (the binary version of CIFAR-10) and, with or without ``.gz``, the four idx
files of MNIST. Asked is the class of the picture, read from both encoders or FactorCL's heads.
"""
