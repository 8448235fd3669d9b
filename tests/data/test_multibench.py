"""pidjax/data/multibench: files in MultiBench's format, its rules, and what is refused."""

import os
import pickle
import random

import jax
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.data import array_batches
from pidjax.data.multibench import WIDTHS, affect, load_arrays, mimic

RNG = np.random.default_rng(0)
STEPS = 7


def written(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_are_what_was_pickled(tmp_path, protocol):
    """Of every protocol, type and order; large ones are views of the file where it holds their bytes."""
    content = {
        "train": {"x": RNG.normal(size=(300, 7, 9)), "f": np.arange(6.0, dtype=np.float32).reshape(3, 2).T},
        "id": np.array(["a", "bb"], object),
        "names": np.array(["abc", "d"]),
        "kept": (1, "x", [2.5, None]),
        "scalar": np.float64(3.5),
    }
    found = load_arrays(written(tmp_path / "a.pkl", content, protocol))
    jax.tree.map(np.testing.assert_array_equal, found, content)
    assert found["train"]["x"].dtype == np.float64 and not found["train"]["x"].flags.writeable
    base = found["train"]["x"]
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, memoryview) == (protocol >= 3)


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("hacked",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_pickle_is_named_and_not_run(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"names \w+\.mkdir, which is no part of a numpy array"):
        load_arrays(written(tmp_path / "a.pkl", {"x": np.ones(3), "y": Hostile()}, protocol))
    assert not (tmp_path / "hacked").exists()


def program(*parts):
    """A pickle written by hand: names, calls and changes of what they made."""
    return pickle.PROTO + b"\x04" + b"".join(parts) + pickle.STOP


def name(module, of):
    return pickle.GLOBAL + f"{module}\n{of}\n".encode()


def value(x):
    return pickle.dumps(x, 3)[2:-1]


DTYPE = name("numpy", "dtype")
BYTES = np.array([1, 2], np.int64).tobytes()
ATTACKS = {
    "objects whose flag is cleared": (
        *(name("numpy.core.numeric", "_frombuffer"), pickle.MARK, value(BYTES), DTYPE),
        *(value(("O8", False, True)), pickle.REDUCE, value((3, "|", None, None, None, -1, -1, 0)), pickle.BUILD),
        *(value((2,)), value("C"), pickle.TUPLE, pickle.REDUCE),
    ),
    "fields beyond the entry": (DTYPE, value(("V8", False, True)), pickle.REDUCE),
    "fields of a number": (
        *(DTYPE, value(("f8", False, True)), pickle.REDUCE),
        *(value((3, "<", None, ("a",), {"a": (1, 2)}, 8, 1, 0)), pickle.BUILD),
    ),
    "a change of a function": (
        *(name("numpy.core.numeric", "_frombuffer"), value((None, {"__defaults__": ("F",)})), pickle.BUILD),
    ),
    "a call of a call": (DTYPE, value(("f8",)), pickle.REDUCE, value(()), pickle.REDUCE),
    "an extension": (pickle.EXT1 + b"\xc8",),
    "an instance": (pickle.MARK, pickle.INST + b"os\ngetcwd\n"),
    "a name alone": (name("numpy", "ndarray"),),
    "itself": (pickle.EMPTY_LIST, pickle.BINPUT + b"\x00", pickle.BINGET + b"\x00", pickle.APPEND),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_programs_in_the_names_of_arrays_are_refused(tmp_path, attack):
    (tmp_path / "a.pkl").write_bytes(program(*ATTACKS[attack]))
    with pytest.raises(InputError, match="not opened"):
        load_arrays(tmp_path / "a.pkl")


def test_what_is_shared_is_opened_once(tmp_path):
    """Lists that hold the one before twice, forty times: as many lists, not as many as paths."""
    found = [np.ones(2)]
    for _ in range(40):
        found = [found, found]
    opened = load_arrays(written(tmp_path / "a.pkl", found))
    assert opened[0] is opened[1]


def test_files_that_are_no_pickle_are_refused(tmp_path):
    whole = pickle.dumps({"x": np.ones((200, 200))})
    for content, message in (
        (whole[: len(whole) // 2], "cut off"),
        (whole[:50], "cut off"),
        (b"", "empty"),
        (b"hello", "no pickle"),
    ):
        (tmp_path / "a.pkl").write_bytes(content)
        with pytest.raises(InputError, match=message):
            load_arrays(tmp_path / "a.pkl")
    with pytest.raises(InputError, match="absent"):
        load_arrays(tmp_path / "b.pkl")


def spoken(n=16, widths=WIDTHS["mosi"]):
    """One part: padded in front by 0 to 6 steps, two rows without words, −inf in the sound, labels with 0."""
    arrays = {name: RNG.normal(size=(n, STEPS, p)) for name, p in zip(("vision", "audio", "text"), widths, strict=True)}
    first = np.arange(n) % STEPS
    for x in arrays.values():
        x[np.arange(STEPS) < first[:, None]] = 0
    arrays["text"][[row for row in (2, 9) if row < n]] = 0
    arrays["audio"][3, 5, 0] = -np.inf
    labels = np.round(RNG.uniform(-3, 3, (n, 1, 1)), 1)
    labels[:3, 0, 0] = 0, 1.5, -2
    return arrays | {"labels": labels, "id": np.array([f"v{i}" for i in range(n)])}


def whole():
    return {"train": spoken(), "valid": spoken(4), "test": spoken(10)}


def test_affect(tmp_path):
    """Rows with words, moved to the front; masks of what is real; a batch reads what the whole holds."""
    content = whole()
    found = affect(written(tmp_path / "mosi_data.pkl", content), "mosi", ("vision", "audio", "text"))
    assert {part: len(by["y"]) for part, by in found.items()} == {"train": 14, "validation": 3, "test": 8}
    train, stored = found["train"], content["train"]
    kept = [i for i in range(16) if i not in (2, 9)]
    for k, name in enumerate(("vision", "audio", "text"), 1):
        x, mask = np.asarray(train[f"x{k}"]), train[f"mask{k}"]
        assert x.dtype == np.float32 and x.shape == train[f"x{k}"].shape == (14, STEPS, WIDTHS["mosi"][k - 1])
        for row, i in enumerate(kept):
            first = i % STEPS
            expected = np.where(np.isinf(stored[name][i, first:]), 0, stored[name][i, first:])
            np.testing.assert_allclose(x[row, : STEPS - first], expected, rtol=1e-6)
            assert (x[row, STEPS - first :] == 0).all()
            assert mask[row].sum() == STEPS - first and mask[row, : STEPS - first].all()
    np.testing.assert_allclose(train["value"], stored["labels"][kept, 0, 0], rtol=1e-6)
    assert (train["y"] == (stored["labels"][kept, 0, 0] > 0)).all()
    np.testing.assert_array_equal(train["x1"][3], np.asarray(train["x1"])[3])
    batch = array_batches(jax.random.key(0), train, 5)(1)
    memory = array_batches(jax.random.key(0), jax.tree.map(np.asarray, train), 5)(1)
    jax.tree.map(np.testing.assert_array_equal, batch, memory)
    released = affect(tmp_path / "mosi_data.pkl", released=True)["train"]
    assert set(released) == {"x1", "mask1", "x2", "mask2", "y", "value"} and released["y"][0] == 1 != train["y"][0]


def test_words_are_what_is_finite(tmp_path):
    """A row whose words are −inf has none, one that begins with −inf begins behind it; a silent row of sound stays."""
    content = whole()
    content["train"]["text"][5] = -np.inf
    content["train"]["text"][6] = 1
    content["train"]["text"][6, :3] = -np.inf
    content["train"]["audio"][7] = 0
    train = affect(written(tmp_path / "a.pkl", content), "mosi", ("audio", "text"))["train"]
    kept = [i for i in range(16) if i not in (2, 5, 9)]
    np.testing.assert_allclose(train["value"], content["train"]["labels"][kept, 0, 0], rtol=1e-6)
    assert train["mask2"][kept.index(6)].sum() == STEPS - 3
    assert not train["x1"][kept.index(7)].any() and train["mask1"][kept.index(7)].all()


def test_bad_affect_files_are_refused(tmp_path):
    def refused(message, **changes):
        content = whole()
        content["train"] = {k: v for k, v in (content["train"] | changes).items() if v is not None}
        with pytest.raises(InputError, match=message):
            affect(written(tmp_path / "a.pkl", content), "mosi")

    refused("lacks 'vision'", vision=None)
    refused("vision of mosi has 20 features; found 21", vision=np.ones((16, STEPS, 21)))
    refused("vision must be", vision=np.ones((16, STEPS + 1, 20)))
    refused("vision must hold numbers; found <U1", vision=np.full((16, STEPS, 20), "x"))
    refused("labels must be numbers", labels=np.array(["good"] * 16))
    refused("labels must be finite", labels=np.full(16, np.nan))
    refused("no row has a word", text=np.zeros((16, STEPS, 300)))
    refused("no row has a word", text=np.full((16, STEPS, 300), -np.inf))
    with pytest.raises(InputError, match="lacks the part test"):
        affect(written(tmp_path / "a.pkl", {"train": spoken(), "valid": spoken()}))
    humour = whole() | {"train": spoken() | {"labels": np.arange(16) % 2}}
    with pytest.raises(InputError, match="never below 0"):
        affect(written(tmp_path / "a.pkl", humour), released=True)
    with pytest.raises(InputError, match="must be a dict of arrays"):
        affect(written(tmp_path / "a.pkl", whole() | {"test": 1}))
    with pytest.raises(InputError, match=r"absent: MultiBench .* links to"):
        affect(tmp_path / "b.pkl")
    with pytest.raises(InputError, match="must hold a dict"):
        affect(written(tmp_path / "a.pkl", [1]))
    with pytest.raises(InputError, match="modalities must be one of"):
        affect(tmp_path / "a.pkl", modalities=("video",))


N = 60


def admissions():
    content = {
        "ep_tdata": RNG.normal(3, 2, (N, 24, 12)),
        "adm_features_all": RNG.normal(5, 1, (N, 5)),
        "adm_labels_all": np.zeros((N, 6)),
        "y_icd9": RNG.integers(0, 2, (N, 20)),
    }
    content["ep_tdata"][0, 0, :2] = np.nan, np.inf
    content["adm_features_all"][:, 4] = 1
    content["adm_labels_all"][:, 2] = np.arange(N) % 3 == 0
    content["adm_labels_all"][:, 5] = np.arange(N) % 2 == 0
    return content


def test_mimic(tmp_path):
    """The published division; standardised by training rows, or by all as released; what never varies is 0."""
    content = admissions()
    path = written(tmp_path / "im.pk", content)
    found, leaky = mimic(path), mimic(path, released=True)
    rows = list(range(N))
    random.seed(10)
    random.shuffle(rows)
    for part, of in (("validation", rows[:6]), ("test", rows[6:12]), ("train", rows[12:])):
        assert (found[part]["y"] == content["y_icd9"][of, 7]).all()
        assert found[part]["x1"].shape == (len(of), 5) and found[part]["x2"].shape == (len(of), 24, 12)
    for x, axis in ((found["train"]["x1"][:, :4], 0), (found["train"]["x2"], (0, 1))):
        np.testing.assert_allclose(x.mean(axis), 0, atol=1e-5)
        np.testing.assert_allclose(x.std(axis), 1, atol=1e-5)
    everyone = np.concatenate([leaky[part]["x2"] for part in leaky])
    np.testing.assert_allclose(everyone.mean((0, 1)), 0, atol=1e-5)
    assert (found["test"]["x1"][:, 4] == 0).all() and all(np.isfinite(by["x2"]).all() for by in found.values())
    dead = mimic(path, -1)["validation"]["y"]
    assert dead.tolist() == [2 if i % 3 == 0 else 5 if i % 2 == 0 else 0 for i in rows[:6]]


def test_bad_mimic_files_are_refused(tmp_path):
    for changes, message in (
        ({"y_icd9": None}, "lacks 'y_icd9'"),
        ({"ep_tdata": np.ones((N, 12))}, r"ep_tdata must be \[n, 24, 12\]"),
        ({"y_icd9": np.ones((N - 1, 20))}, "of one length"),
        ({"adm_features_all": np.ones((N, 9))}, r"adm_features_all must be \[n, 5\]"),
        ({"adm_features_all": np.full((N, 5), "x")}, "must hold numbers"),
    ):
        content = {k: v for k, v in (admissions() | changes).items() if v is not None}
        with pytest.raises(InputError, match=message):
            mimic(written(tmp_path / "im.pk", content))
    few = {k: x[:9] for k, x in admissions().items()}
    with pytest.raises(InputError, match="10 admissions or more; found 9"):
        mimic(written(tmp_path / "im.pk", few))
    with pytest.raises(InputError, match="columns 1 to 5 of deaths; found 5 columns"):
        mimic(written(tmp_path / "im.pk", admissions() | {"adm_labels_all": np.zeros((N, 5))}), -1)
    with pytest.raises(InputError, match="one of 20 groups"):
        mimic(written(tmp_path / "im.pk", admissions()), 20)
