"""What CLIP reads: texts as the tokens of its byte-level BPE, pictures cut to a square."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from pidjax._checks import InputError

START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
"""What is split before pairs are merged: endings, words, digits, runs of other signs."""
Tokenizer: TypeAlias = Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]
"""``tokenize(texts) -> (tokens int32 [n, length], mask bool [n, length])``, the mask true where a token is real."""


def load_tokenizer(folder: str | Path, length: int = 77) -> Tokenizer:
    """The tokenizer of ``folder``: CLIP's byte-level BPE by ``vocab.json`` and ``merges.txt``.

    Texts are put in Unicode's form NFC and lower case; START, the tokens that fit, END, padded with END to ``length``.
    What the vocabulary cannot spell, which with CLIP's own is nothing, is END.

    Raises
    ------
    InputError
        A file that is absent, or not of a byte-level BPE with CLIP's START and END.

    References
    ----------
    Radford et al. 2021, Sec. 2.4; Sennrich et al. 2016 (BPE).
    """
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import BPE

    vocabulary, merges = (str(need(folder, name)) for name in ("vocab.json", "merges.txt"))
    try:
        model = BPE.from_file(vocabulary, merges, end_of_word_suffix="</w>", unk_token=END)
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"{vocabulary} and {merges} are not one byte-level BPE: {error}.") from None
    bpe = Tokenizer(model)
    start, end = bpe.token_to_id(START), bpe.token_to_id(END)
    if start is None or end is None:
        raise InputError(f"{vocabulary} has no {START if start is None else END}: it is not a vocabulary of CLIP.")
    bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, start), (END, end)]
    )
    bpe.enable_truncation(length)
    bpe.enable_padding(length=length, pad_id=end, pad_token=END)

    def tokenize(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        found = bpe.encode_batch(list(texts))
        tokens = np.array([one.ids for one in found], np.int32).reshape(-1, length)
        return tokens, np.array([one.attention_mask for one in found], bool).reshape(-1, length)

    return tokenize


def crop_pictures(pictures: Iterable[np.ndarray], size: int = 224) -> np.ndarray:
    """Pictures uint8 [h, w, 3], of any sizes -> the squares in their middle, uint8 [n, size, size, 3].

    The shorter side becomes ``size`` by bicubic interpolation first, as CLIP was trained and as transformers does;
    ``clip_image`` normalises.

    Raises
    ------
    InputError
        A picture of another kind, by its number.
    """
    from PIL import Image

    squares = []
    for i, picture in enumerate(pictures):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[-1] != 3:
            raise InputError(
                f"pictures must be uint8 [height, width, 3]; found {picture.dtype} of shape {picture.shape} at {i}."
            )
        height, width, _ = picture.shape
        short = min(height, width)
        rows, columns = size * height // short, size * width // short
        image = Image.fromarray(picture).resize((columns, rows), Image.Resampling.BICUBIC)
        top, left = (rows - size) // 2, (columns - size) // 2
        squares.append(np.asarray(image)[top : top + size, left : left + size])
    return np.array(squares, np.uint8).reshape(-1, size, size, 3)


def need(folder: str | Path, name: str) -> Path:
    """The file of this name.

    Raises
    ------
    InputError
        It is absent.
    """
    path = Path(folder) / name
    if not path.exists():
        raise InputError(
            f"there is no {path}: put model.safetensors, config.json, vocab.json and merges.txt of a CLIP in "
            "transformers' layout there, such as of openai/clip-vit-base-patch32 on the Hugging Face hub; where that "
            "has pytorch_model.bin alone, transformers' save_pretrained(folder) writes the first two."
        )
    return path
