"""IRFL: figures of speech and pictures of what they mean, told apart by what CLIP holds (FactorCL, Tables 3, 7).

python -m experiments.irfl --preset smoke                        # files written in IRFL's format, a tiny CLIP
python -m experiments.irfl --data ../data/irfl --clip ../data/clip-vit-base-patch32

``--data`` holds ``idiom_detection_task.csv``, ``metaphor_detection_task.csv``, ``simile_detection_task.csv`` and, from
IRFL_images.zip, ``images/``; ``--clip`` holds openai/clip-vit-base-patch32 (``load_clip``). Asked is which of the three
figures of speech a phrase with its picture is; encoders are CLIP's, all weights trained on.
"""
