"""experiments.high_shared: the smoke preset runs to its table; files are read as they were written."""

import gzip
import json

import jax
import numpy as np
import pytest

from experiments.high_shared import __main__ as experiment
from experiments.high_shared import methods
from experiments.high_shared.config import PRESETS
from experiments.high_shared.pictures import CIFAR, load_pictures, write_pictures
from pidjax._checks import InputError
from pidjax.evaluate import linear as probe
from pidjax.train import metrics
from pidjax.typing import Encoder, Objective


def linear(*_):
    """An encoder that mixes a picture's mean colour."""

    def apply(params, state, x, key=None, *, train=False, mask=None):
        return x.mean((1, 2)) @ params, state

    return Encoder(lambda key: (jax.random.normal(key, (3, 2)), {}), apply)


def test_it_runs_and_keeps_what_it_made(tmp_path, monkeypatch):
    """Two steps on MNIST's files; what was published beside; a second run trains nothing."""
    monkeypatch.setattr(metrics, "WRITERS", {})  # they import torch where there is one
    monkeypatch.setattr(probe, "STRENGTHS", probe.STRENGTHS[:1])
    monkeypatch.setattr(experiment, "two_steps", lambda full: [])
    monkeypatch.setattr(methods, "encoder", linear)
    given = {"out": tmp_path, "sets": ("mnist",), "method": ("simclr",)}
    experiment.main("smoke", **given)
    (found,) = json.loads((tmp_path / "smoke" / "result.json").read_text())["sets"]["mnist"]["simclr"]
    assert 0 <= found["accuracy"] <= 1 and found["n"] == 40
    assert "98.84" in (tmp_path / "smoke" / "table.md").read_text()
    assert (tmp_path / "smoke" / "accuracy.png").stat().st_size > 5_000
    monkeypatch.setattr(experiment, "learned", None)
    experiment.main("smoke", **given)


def test_views_are_of_the_sample():
    """To train on, each side its own augmentation of the picture, here a mirror or none; the picture itself
    otherwise."""
    base = Objective(lambda key, batch: ({}, {}), lambda p, s, batch, key=None, *, train: (batch, s), None)
    made = methods.of_views(base, 4, {"crop": None, "jitter_rate": 0.0, "grey_rate": 0.0, "blur_rate": 0.0})
    x = np.random.default_rng(0).integers(256, size=(32, 4, 4, 3), dtype=np.uint8)
    same, _ = made.encode({}, {}, {"x1": x, "x2": x}, train=False)
    np.testing.assert_allclose(same["x2"], x / 255, rtol=1e-6)
    seen, _ = jax.jit(made.encode, static_argnames="train")(
        {}, {}, {"x1": x, "x2": x}, jax.random.split(jax.random.key(0), 32), train=True
    )
    mirrored = {}
    for side, views in seen.items():
        plain, mirror = (np.abs(views - y / 255).max((1, 2, 3)) < 1e-5 for y in (x, x[:, :, ::-1]))
        assert (plain ^ mirror).all()
        mirrored[side] = mirror
    assert 0 < (mirrored["x1"] ^ mirrored["x2"]).sum() < 32


def test_the_encoder_gives_a_vector():
    net = methods.encoder(PRESETS["smoke"])
    x = jax.ShapeDtypeStruct((2, 28, 28, 3), np.float32)
    assert jax.eval_shape(lambda x: net.apply(*net.init(jax.random.key(0)), x)[0], x).shape == (2, 4)


@pytest.mark.parametrize("name, shape, train", [("cifar10", (32, 32, 3), 180), ("mnist", (28, 28, 3), 36)])
def test_pictures(tmp_path, name, shape, train):
    """Nine tenths to train on; classes in order, brightness by class."""
    parts = load_pictures(write_pictures(tmp_path), name)
    assert {part: x.shape for part, (x, _) in parts.items()} == {
        "train": (train, *shape),
        "validation": (train // 9, *shape),
        "test": (40, *shape),
    }
    x, y = parts["test"]
    np.testing.assert_array_equal(y, np.arange(40) % 10)
    np.testing.assert_allclose(x.mean((1, 2, 3)), 49.5 + 15 * y, atol=4)


def test_layouts(tmp_path):
    """Where the bytes of one picture go: CIFAR-10 has red, green, blue row by row; MNIST rows of grey."""
    write_pictures(tmp_path, each=2)
    pixels = np.zeros((3, 32, 32), np.uint8)
    pixels[1, 2, 5] = 7
    (tmp_path / CIFAR / "test_batch.bin").write_bytes(bytes([9]) + pixels.tobytes())
    x, y = load_pictures(tmp_path, "cifar10")["test"]
    assert y.tolist() == [9] and np.argwhere(x).tolist() == [[0, 2, 5, 1]] and x[0, 2, 5, 1] == 7
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 2, 5] = 7
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(
        bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28]) + image.tobytes()
    )
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 1, 4])))
    x, y = load_pictures(tmp_path, "mnist")["test"]
    assert y.tolist() == [4] and np.argwhere(x).tolist() == [[0, 2, 5, c] for c in range(3)]


def test_files_that_are_absent_or_cut_off(tmp_path):
    """Which, what they must be, where they are obtained."""
    with pytest.raises(InputError, match=r"no .*data_batch_1.bin: unpack cifar-10-binary.tar.gz"):
        load_pictures(tmp_path, "cifar10")
    with pytest.raises(InputError, match=r"no .*train-images-idx3-ubyte: put MNIST"):
        load_pictures(tmp_path, "mnist")
    write_pictures(tmp_path, each=2)
    for path in tmp_path.glob("t10k*"):
        path.unlink()
    with pytest.raises(InputError, match=r"no .*t10k-images-idx3-ubyte: put MNIST"):  # before CIFAR-10 is trained on
        experiment.main(data=tmp_path, out=tmp_path / "out", config=PRESETS["smoke"])
    (tmp_path / CIFAR / "data_batch_2.bin").write_bytes(bytes(3000))
    with pytest.raises(InputError, match=r"data_batch_2.bin must be pictures of 3073 bytes; found 3000"):
        load_pictures(tmp_path, "cifar10")
    packed = tmp_path / "train-images-idx3-ubyte.gz"
    whole = packed.read_bytes()
    for content in (whole[:-9], b"no gzip", whole[:20] + bytes(9) + whole[29:]):  # cut off, another kind, damaged
        packed.write_bytes(content)
        with pytest.raises(InputError, match=r"train-images-idx3-ubyte.gz is cut off \(.*\): copy it again"):
            load_pictures(tmp_path, "mnist")
    packed.write_bytes(whole)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2]))
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte is no whole idx file of bytes with 1 axes"):
        load_pictures(tmp_path, "mnist")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]))
    with pytest.raises(InputError, match=r"hold 2 pictures and 3 labels"):
        load_pictures(tmp_path, "mnist")
