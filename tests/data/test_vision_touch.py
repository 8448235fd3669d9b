"""pidjax/data/multibench/vision_touch: files in the layout of Vision & Touch, its rows, its division."""

import h5py
import jax
import numpy as np
import pytest

from pidjax._checks import InputError
from pidjax.data import array_batches
from pidjax.data.multibench import vision_touch
from pidjax.data.multibench.vision_touch import trajectory_of

STEPS = 4


def arrays(seed):
    rng = np.random.default_rng(seed)
    return {
        "image": rng.integers(0, 256, (STEPS, 128, 128, 3), np.uint8),
        "ee_forces_continuous": rng.normal(0, 3, (STEPS, 50, 6)),
        "proprio": rng.normal(size=(STEPS, 9)),
        "contact": np.arange(STEPS)[:, None] * np.eye(1, 50) * (seed % 2),
    }


def write(path, content):
    with h5py.File(path, "w") as file:
        for name, x in content.items():
            file.create_dataset(name, data=x)


def name(trajectory, window):
    return f"20190408_183047_triangle_0_journal_{trajectory}_{window}_1000.h5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten trajectories of two windows."""
    found = tmp_path_factory.mktemp("triangle_real_data")
    for i in range(10):
        for k in range(2):
            write(found / name(i, k), arrays(2 * i + k))
    return found


def test_rows_are_what_was_written(folder):
    """Steps but the last, forces cut and squashed, the next step's contact and pose; a batch reads its rows."""
    found = vision_touch(folder, "contact", ("image", "proprio", "force"))
    assert {part: len(by["y"]) for part, by in found.items()} == {"train": 42, "validation": 6, "test": 12}
    poses = vision_touch(folder, "end_effector", ("image", "force"))
    for part, by in found.items():
        numbers = by["x1"].of
        assert (numbers == poses[part]["x1"].of).all() and poses[part]["y"].shape == (len(numbers), 4)
        whole = {key: np.asarray(by[key]) for key in ("x1", "x2", "x3")}
        for row in range(0, len(numbers), 7):
            path, step = by["x1"].files[numbers[row]], by["x1"].step[row]
            i, k = (int(n) for n in path.stem.split("_")[-3:-1])
            stored = arrays(2 * i + k)
            assert step < STEPS - 1
            np.testing.assert_array_equal(whole["x1"][row], stored["image"][step])
            np.testing.assert_allclose(whole["x2"][row], stored["proprio"][step, :8], rtol=1e-6)
            np.testing.assert_allclose(whole["x3"][row], np.tanh(stored["ee_forces_continuous"][step, -32:]), rtol=1e-6)
            assert by["y"][row] == (stored["contact"][step + 1].sum() > 0)
            np.testing.assert_allclose(poses[part]["y"][row], stored["proprio"][step + 1, :4], rtol=1e-6)
        assert whole["x1"].dtype == np.uint8 and by["x1"].shape == whole["x1"].shape
    train = found["train"]
    batch = array_batches(jax.random.key(0), train, 5)(1)
    memory = array_batches(jax.random.key(0), {key: np.asarray(x) for key, x in train.items()}, 5)(1)
    jax.tree.map(np.testing.assert_array_equal, batch, memory)
    np.testing.assert_array_equal(train["x2"][3], train["x2"][[3, 3]][1])


def test_no_trajectory_is_in_two_parts(folder):
    """As released, windows of one trajectory are, and what is validated on is tested."""

    def of(part):
        return {trajectory_of(part["x1"].files[i].name) for i in part["x1"].of}

    found = vision_touch(folder)
    parts = [of(by) for by in found.values()]
    assert len(set().union(*parts)) == sum(map(len, parts)) == 10
    leaky = vision_touch(folder, released=True)
    assert of(leaky["train"]) & of(leaky["test"])
    assert (leaky["validation"]["x1"].of == leaky["test"]["x1"].of).all()
    assert len(leaky["test"]["y"]) == 12 and len(leaky["train"]["y"]) == 48
    assert trajectory_of(name(3, 11)) == "20190408_183047_triangle_0_journal_3"


def test_pictures_with_colours_first_and_larger_ones(tmp_path):
    """Turned, and cut to their middle."""
    shown = np.random.default_rng(0).integers(0, 256, (STEPS, 130, 132, 3), np.uint8)
    for i in range(3):
        image = shown if i == 0 else shown.transpose(0, 3, 2, 1)
        write(tmp_path / name(i, 0), arrays(i) | {"image": image})
    for by in vision_touch(tmp_path).values():
        np.testing.assert_array_equal(by["x1"][1], shown[1, 1:129, 2:130])


def test_what_is_not_finite_is_refused_when_it_is_read(tmp_path):
    for i in range(3):
        write(tmp_path / name(i, 0), arrays(i) | {"ee_forces_continuous": np.full((STEPS, 50, 6), np.inf)})
    train = vision_touch(tmp_path, "contact", ("image", "force"))["train"]
    assert train["x1"][:1].dtype == np.uint8
    with pytest.raises(InputError, match="holds force that is not finite: leave the file out"):
        train["x2"][:1]


def test_bad_files_are_refused(tmp_path):
    def refused(message, **changes):
        content = {key: x for key, x in (arrays(0) | changes).items() if x is not None}
        write(tmp_path / name(0, 0), content)
        with pytest.raises(InputError, match=message):
            vision_touch(tmp_path, "contact", ("image", "force"))

    refused("lacks 'contact'", contact=None)
    refused("lacks 'image'", image=None)
    refused(r"image is \(4, 64, 64, 3\); there must be image", image=np.zeros((STEPS, 64, 64, 3), np.uint8))
    refused(r"ee_forces_continuous is \(4, 50, 5\)", ee_forces_continuous=np.zeros((STEPS, 50, 5)))
    refused(r"contact is \(3, 50\)", contact=np.zeros((3, 50)))
    refused("contact must hold numbers; found object", contact=np.array(["touch"] * STEPS, object))
    refused("contact that is not finite: leave the file out", contact=np.full((STEPS, 50), np.nan))
    refused("pictures must be uint8; found float64", image=np.zeros((STEPS, 128, 128, 3)))
    with pytest.raises(InputError, match=r"proprio is \(4, 7\)"):
        write(tmp_path / name(0, 0), arrays(0) | {"proprio": np.zeros((STEPS, 7))})
        vision_touch(tmp_path)
    with h5py.File(tmp_path / name(0, 0), "a") as file:
        del file["contact"]
        file.create_group("contact")
    with pytest.raises(InputError, match="lacks 'contact'"):
        vision_touch(tmp_path)
    refused("3 trajectories or more; found 1 in 1 files")
    (tmp_path / name(0, 0)).write_bytes((tmp_path / name(0, 0)).read_bytes()[:5000])
    with pytest.raises(InputError, match="cut off or no HDF5 file"):
        vision_touch(tmp_path)
    with pytest.raises(InputError, match=r"holds no \.h5 file: unpack downloads\.cs\.stanford\.edu"):
        vision_touch(tmp_path / "other")
    with pytest.raises(InputError, match="task must be one of"):
        vision_touch(tmp_path, "yaw")
    with pytest.raises(InputError, match="modalities must be one of"):
        vision_touch(tmp_path, "contact", ("depth",))
