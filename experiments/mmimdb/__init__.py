"""MM-IMDb: genres of films from posters and plots, read from what methods make of CLIP (CoMM, Tables 2 and 6).

python -m experiments.mmimdb --preset smoke                      # files written in MM-IMDb's format, a tiny CLIP
python -m experiments.mmimdb --data ../data/mmimdb --clip ../data/clip
python -m experiments.mmimdb --data ../data/mmimdb --clip ../data/clip --text ../data/mmimdb-tokens

``--data`` holds ``split.json`` and ``dataset/{id}.json``, ``dataset/{id}.jpeg``; ``--clip`` holds
openai/clip-vit-base-patch32 (``load_clip``). Plots are read by CLIP's own text transformer, or ``--text`` holds tokens
that another encoder made of them, such as CoMM's clip-ViT-B-32-multilingual-v1, in three files: ``tokens.npy``, numbers
[plots, tokens, width]; ``mask.npy``, bool [plots, tokens], true where a token is real; ``ids.json``, the film of each
plot. CLIP rests; a block on its tokens, or CoMM's fusion of them, is trained.
"""
