"""pidjax/encoders/clip: what transformers says of a tiny CLIP (``make_fixture.py``), and what is refused."""

import dataclasses
import functools
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.encoders.clip import (
    ClipConfig,
    clip_image,
    clip_scores,
    clip_text,
    crop_pictures,
    load_clip,
    load_tokenizer,
)
from pidjax.encoders.clip.towers import GIVES

pytest.importorskip("safetensors")
from safetensors.numpy import load_file, save_file

FOLDER = Path(__file__).parent
GOLDEN = np.load(FOLDER / "golden.npz")
PICTURES = [GOLDEN[f"picture{i}"] for i in range(3)]
LAYER = "text_model.encoder.layers.1"


@pytest.fixture(scope="module")
def clip():
    """Sizes and weights."""
    return load_clip(FOLDER)


@functools.partial(jax.jit, static_argnums=0)
def encoded(config, params, pictures, tokens, mask=None):
    """Everything both towers give, and scores, compiled as one program."""
    found = {}
    for gives in GIVES:
        found[f"image_{gives}"] = clip_image(config, gives=gives).apply(params["image"], {}, pictures)[0]
        found[f"text_{gives}"] = clip_text(config, gives=gives).apply(params["text"], {}, tokens, mask=mask)[0]
    found["scores"] = clip_scores(params["logit_scale"], found["image_projected"], found["text_projected"])
    return found


def test_outputs_are_those_of_transformers(clip):
    """Tokens, pooled and projected vectors and scores from uint8 pictures; the pooled text ends at its first END."""
    found = encoded(*clip, GOLDEN["crops"], GOLDEN["tokens"])
    for name, value in found.items():
        np.testing.assert_allclose(value, GOLDEN[name], rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("holes", [False, True])
def test_a_live_model_agrees(tmp_path, monkeypatch, holes):
    """Other sizes, other weights, with and without hidden tokens."""
    pytest.importorskip("transformers")
    monkeypatch.syspath_prepend(FOLDER)
    from make_fixture import outputs, tiny_model

    rng = np.random.default_rng(1)
    model = tiny_model(2, 40, num_hidden_layers=1, intermediate_size=18)
    model.save_pretrained(tmp_path)
    tokens = np.concatenate([rng.integers(38, size=(5, 9)), np.full((5, 3), 39)], axis=1).astype(np.int32)
    pictures = rng.uniform(size=(2, 32, 32, 3)).astype(np.float32)
    mask = rng.random((5, 12)) < 0.6
    mask[:, 0] = True  # whoever sees nothing at all sees whatever the implementation likes
    moments = np.array([[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]], np.float32)
    expected = outputs(model, tokens, (pictures - moments[0]) / moments[1], mask if holes else None)
    for name, value in encoded(*load_clip(tmp_path), pictures, tokens, mask if holes else None).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_texts_become_the_tokens_of_transformers():
    """Case, white space, endings, unknown letters, padding, and a text that is too long."""
    pytest.importorskip("tokenizers")
    texts = ["The cat's 12 dogs!", "  a   CAT\n&& don't ", "caf\u00e9 th\u00e9 ☃ cat", "dodo at the cat " * 6]
    tokens, mask = load_tokenizer(FOLDER, length=20)(texts)
    np.testing.assert_array_equal(tokens, GOLDEN["tokens"])
    np.testing.assert_array_equal(mask, GOLDEN["mask"])
    assert load_tokenizer(FOLDER)([])[0].shape == (0, 77)


def test_pictures_are_cut_as_by_transformers():
    """Wide, high and small ones, to the last bit."""
    np.testing.assert_array_equal(crop_pictures(PICTURES, 32), GOLDEN["crops"])


def test_a_token_sees_those_before_it_alone(clip):
    """What comes after END changes neither its vector nor those before; the word before END does."""
    x = GOLDEN["tokens"]
    after, before = x.copy(), x.copy()

    def run(x):
        return encoded(*clip, GOLDEN["crops"], x)["text_tokens"]

    after[0, 13], before[0, 10] = 3, 4
    np.testing.assert_allclose(run(after)[0, :13], run(x)[0, :13], atol=1e-6)
    assert np.abs(run(before)[0, 11] - run(x)[0, 11]).max() > 1e-2


def test_published_sizes():
    """ViT-B/32 has 151,277,313 parameters, the scale among them; its tokens are 50 and 77. Nothing is computed."""
    full = ClipConfig()
    shallow = dataclasses.replace(
        full, image=dataclasses.replace(full.image, depth=1), text=dataclasses.replace(full.text, depth=1)
    )
    pictures, texts = jax.ShapeDtypeStruct((2, 224, 224, 3), jnp.uint8), jax.ShapeDtypeStruct((2, 77), jnp.int32)
    total = 1
    for build, depth, x, shape in (
        (clip_image, full.image.depth, pictures, (2, 50, 768)),
        (clip_text, full.text.depth, texts, (2, 77, 512)),
    ):
        encoder = build(shallow, gives="tokens")
        params, state = jax.eval_shape(encoder.init, jax.random.key(0))
        assert jax.eval_shape(lambda p, x, apply=encoder.apply: apply(p, {}, x)[0], params, x).shape == shape
        assert not state
        whole, block = (sum(leaf.size for leaf in jax.tree.leaves(part)) for part in (params, params["blocks"][0]))
        total += whole + (depth - 1) * block
    assert total == 151_277_313


def written(folder, change=None, **said):
    """The fixture's weights, changed, and its config.json, with settings of the text changed."""
    weights, config = load_file(FOLDER / "model.safetensors"), json.loads((FOLDER / "config.json").read_text())
    if change is not None:
        change(weights)
    config |= {key: value for key, value in said.items() if key in config}
    config["text_config"] |= {key: value for key, value in said.items() if key not in config}
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_older_files_say_the_same(clip, tmp_path):
    """An end that config.json calls 2 is the last token; positions that are stored beside the weights are passed over;
    half precision is read."""

    def older(weights):
        weights |= {name: x.astype(np.float16) for name, x in weights.items()}
        weights["text_model.embeddings.position_ids"] = np.arange(20)[None]

    config, params = load_clip(written(tmp_path, older, eos_token_id=2))
    assert config == clip[0] and config.end == 85
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), params, clip[1])
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(params))


@pytest.mark.parametrize(
    "change, said, message",
    [
        (lambda w: w.pop("visual_projection.weight"), {}, "lacks visual_projection.weight: it is not of the model"),
        (lambda w: w.update({"head.bias": np.zeros(2, np.float32)}), {}, "beside CLIP's weights head.bias"),
        (
            lambda w: w.update({f"{LAYER}.self_attn.k_proj.bias": np.zeros(15, np.float32)}),
            {},
            r"layers.1.self_attn.k_proj.bias of shape \(15,\); by config.json it must be \(12,\)",
        ),
        (
            lambda w: [w.pop(name) for name in list(w) if name.startswith(LAYER)],
            {},
            r"lacks text_model.encoder.layers.1.*, .* and 13 more",
        ),
        (None, {"num_attention_heads": 5}, "multiple of its heads; found 12 and 5 of the texts"),
        (None, {"hidden_act": "gelu"}, "says hidden_act 'gelu' of its text model; pidjax's CLIP has 'quick_gelu'"),
        (None, {"model_type": "siglip"}, "describes a model of type 'siglip'"),
    ],
)
def test_weights_of_another_architecture_are_named(tmp_path, change, said, message):
    with pytest.raises(InputError, match=message):
        load_clip(written(tmp_path, change, **said))


def test_files_that_are_absent_or_cut_off(tmp_path):
    """Which, and where they are obtained."""
    with pytest.raises(InputError, match=r"no .*config.json: put .*openai/clip-vit-base-patch32 on the Hugging Face"):
        load_clip(tmp_path)
    with pytest.raises(InputError, match=r"no .*vocab.json: put"):
        load_tokenizer(tmp_path)
    written(tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-10])
    with pytest.raises(InputError, match=r"model.safetensors is no whole safetensors file .* obtain it again"):
        load_clip(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    pytest.importorskip("tokenizers")
    shutil.copy(FOLDER / "merges.txt", tmp_path)
    vocabulary = json.loads((FOLDER / "vocab.json").read_text())
    for changed, message in (
        ({k: v for k, v in vocabulary.items() if k != "<|startoftext|>"}, r"has no <\|startoftext\|>: it is not"),
        ({k: v for k, v in vocabulary.items() if k != "cat</w>"}, "are not one byte-level BPE"),
    ):
        (tmp_path / "vocab.json").write_text(json.dumps(changed))
        with pytest.raises(InputError, match=message):
            load_tokenizer(tmp_path)


def test_bad_inputs_are_refused_in_words(clip):
    """Sizes and kinds that this CLIP does not read."""
    config, params = clip
    tokens, encoders = GOLDEN["tokens"], {"image": clip_image(config), "text": clip_text(config)}
    for side, x, message in (
        ("image", np.zeros((1, 30, 32, 3), np.uint8), r"\[n, 32, 32, 3\]; .* with crop_pictures"),
        ("image", np.full((1, 32, 32, 3), 2.0, np.float32), r"must lie in \[0, 1\]"),
        ("text", np.tile(tokens, 2), r"up to 20\]; found int32 of shape \(4, 40\)"),
        ("text", tokens.astype(np.float32), "integer tokens .* load_tokenizer"),
        ("text", tokens + 1, "numbered 0 to 85 here; found 4 to 86: the tokenizer is of another model"),
    ):
        with pytest.raises(InputError, match=message):
            encoders[side].apply(params[side], {}, x)
    with pytest.raises(InputError, match=r"uint8 \[height, width, 3\]; found float64 of shape \(4, 4, 3\) at 1"):
        crop_pictures([PICTURES[0], np.zeros((4, 4, 3))])
    with pytest.raises(InputError, match="do not divide into patches of 5"):
        dataclasses.replace(config, patch=5)
    with pytest.raises(InputError, match="gives must be one of"):
        clip_image(config, gives="class")
