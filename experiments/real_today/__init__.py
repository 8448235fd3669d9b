"""Real recordings of two kinds that need no download: every method beside the best linear probe of raw features.

python -m experiments.real_today --preset smoke   # seconds
python -m experiments.real_today                  # five sets, all methods, five seeds side by side
python -m experiments.real_today --data ../data/multimodal --sets motions

``--data`` holds five .npz files, or ``multimodal/`` with them; ``files.py`` says what is in each and where it is from.
Where there is no such folder the smoke preset writes a file in the format.

Sets: sentiment of MOSI's utterances (words; sound and video), deaths of PhysioNet 2012 (48 hours of signals; five
numbers at admission), spoken and written digits of one value, UCI's digits (three views; three others), Basic Motions
(accelerometer; gyroscope). A probe's penalty, the method and the steps that it is trained for are chosen on
validation rows; test rows enter no choice.
"""
