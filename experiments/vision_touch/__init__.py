"""Vision & Touch by CoMM: where a robot's hand is next (CoMM, Table 1), and whether it touches anything (Table 3).

python -m experiments.vision_touch --preset smoke                     # files written in the format, small encoders
python -m experiments.vision_touch --data ../data/triangle_real_data

``--data`` holds the .h5 files of triangle_real_data.zip (``pidjax.data.multibench.vision_touch``). "end_effector"
predicts the next pose of picture and forces; "contact" the next contact of picture and pose, "contact3" of these and
forces. Encoders are ResNet-18, convolutions in time and a perceptron; the probe is linear, its penalty chosen on
validation rows, and test rows enter no choice. Trajectories are divided, not files (but for ``--released``).
"""
