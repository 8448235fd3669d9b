"""pidjax/critics: conditions, and input that cannot be used, refused in words."""

import jax
import numpy as np
import pytest
from devices_script import CRITICS, WHOLE, data, parameters

from pidjax import bounds, critics
from pidjax.math.pairwise import default_tiling


@pytest.mark.parametrize("side", ["x", "y", "both"])
def test_conditions_are_appended(side):
    """[x, z], [y, z] or both; z of the pair."""
    x, y, z = np.ones((5, 2)), np.zeros((5, 3)), np.arange(10.0).reshape(5, 2)
    found = critics.condition(x, y, z, side)
    expected = (np.hstack([x, z]) if side != "y" else x), (np.hstack([y, z]) if side != "x" else y)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_a_conditional_critic_sees_the_condition():
    """Scores of a bilinear critic of [x, z] and y."""
    x, y, z = (np.random.default_rng(i).normal(size=(5, d)) for i, d in enumerate((2, 3, 4)))
    kernel = np.random.default_rng(3).normal(size=(6, 3))
    found = critics.bilinear().scores({"kernel": kernel}, *critics.condition(x, y, z, "x"))
    np.testing.assert_allclose(found, np.hstack([x, z]) @ kernel @ y.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.ones((5, 2)), np.ones((5, 2)), np.ones((4, 1))), ValueError, "as many rows"),
        ((np.ones((5, 2)), np.ones((5, 2)), np.ones((5, 1)), "left"), ValueError, "'x', 'y', 'both'"),
        ((np.ones((5, 2)), np.ones((5, 2)), np.ones((5, 1), int)), TypeError, "z must be floating"),
        ((np.ones((5, 2)), np.ones((5, 2)), np.ones(5)), ValueError, "matri"),
    ],
)
def test_unusable_conditions_are_refused(arguments, error, words):
    """Rows that do not match, an unknown side, class numbers, a vector."""
    with pytest.raises(error, match=words):
        critics.condition(*arguments)


BAD = {
    "no rows": ((np.ones((0, 4)), np.ones((0, 3))), {}, ValueError, "a row or more"),
    "mask": (
        (np.ones((8, 4)), np.ones((8, 3))),
        {"log_weights": np.ones((8, 8), bool)},
        TypeError,
        "floating.*jnp.where",
    ),
    "NaN negatives": (
        (np.ones((8, 4)), np.ones((8, 3))),
        {"log_weights": np.full((8, 8), np.nan)},
        ValueError,
        "NaN",
    ),
    "infinite weights": ((np.ones((8, 4)), np.ones((8, 3))), {"weight": np.full(8, np.inf)}, ValueError, "finite"),
    "rows": ((np.ones((8, 4)), np.ones((7, 3))), {}, ValueError, "as many rows"),
    "a vector": ((np.ones(8), np.ones((8, 3))), {}, ValueError, "matrices"),
    "a stack": ((np.ones((2, 8, 4)), np.ones((2, 8, 3))), {}, ValueError, "matrices"),
    "integers": ((np.ones((8, 4), int), np.ones((8, 3))), {}, TypeError, "x must be floating"),
    "width": ((np.ones((8, 5)), np.ones((8, 3))), {}, ValueError, "features"),
    "side": ((np.ones((8, 4)), np.ones((8, 3))), {"over": "z"}, ValueError, "'y', 'x', 'both'"),
    "positive of both": (
        (np.ones((8, 4)), np.ones((8, 3))),
        {"over": "both", "positive": np.arange(8)},
        ValueError,
        "columns of one side",
    ),
    "floating positive": ((np.ones((8, 4)), np.ones((8, 3))), {"positive": np.ones(8)}, TypeError, "integer"),
    "far positive": ((np.ones((8, 4)), np.ones((8, 3))), {"positive": np.full(8, 8)}, ValueError, "columns 0 to 7"),
    "weights": ((np.ones((8, 4)), np.ones((8, 3))), {"weight": np.ones(7)}, ValueError, "one number a row"),
    "negatives": ((np.ones((8, 4)), np.ones((8, 3))), {"log_weights": np.ones((8, 7))}, ValueError, "log_weights"),
    "empty row": (
        (np.ones((8, 4)), np.ones((8, 3))),
        {"log_weights": np.full((8, 8), -np.inf)},
        ValueError,
        "without a negative",
    ),
    "transform": ((np.ones((8, 4)), np.ones((8, 3))), {"transform": "exp"}, ValueError, "transform must be"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("name", ["bilinear", "concat", "separable", "gaussian"])
def test_unusable_input_is_refused(name, case):
    """In words, and for all critics alike."""
    inputs, options, error, words = BAD[case]
    params = jax.tree.map(np.float32, parameters(name))
    with pytest.raises(error, match=words):
        CRITICS[name].make(WHOLE).stats(params, *inputs, **options)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: critics.concat(()), "at least one layer"),
        (lambda: critics.concat(0), "hidden must be positive integers"),
        (lambda: critics.concat(tiling=default_tiling()._replace(chunk=0)), "chunk of a tiling must be at least 1"),
        (lambda: critics.concat((0,)), "hidden must be positive integers"),
        (lambda: critics.concat((2.5,)), "hidden must be positive integers"),
        (lambda: critics.concat(output="relu"), "'linear', 'softplus'"),
        (lambda: critics.separable(n_dims=0), "n_dims must be positive integers"),
        (lambda: critics.gaussian(log_variance="tanh"), "'free', 'network'"),
    ],
)
def test_unusable_settings_are_refused(make, words):
    """Widths and names, when the critic is made."""
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("name", CRITICS)
@pytest.mark.parametrize("width", [1, 5])
def test_another_width_of_y_is_refused(name, width):
    """Also where numpy would broadcast: pairs, tables and statistics of y [8, 1] or [8, 5] where 3 columns belong."""
    params, (x, _) = jax.tree.map(np.float32, (parameters(name), data(name)))
    critic, y = CRITICS[name].make(WHOLE), np.ones((8, width), np.float32)
    for function in (critic.paired, critic.scores, critic.stats):
        with pytest.raises(ValueError, match=r"one width|features"):
            function(params, x, y)


def test_parameters_of_another_depth_are_refused():
    """Not one layer more or fewer than the critic has."""
    for name, other in (("concat", "concat, deep"), ("concat, deep", "concat")):
        with pytest.raises(ValueError, match="hidden layers; found parameters of"):
            CRITICS[name].make(WHOLE).scores(parameters(other), *data(name))


def test_lists_are_arrays():
    """Whatever ``jnp.asarray`` takes."""
    (x, y), params = data("bilinear"), parameters("bilinear")
    critic = critics.bilinear()
    found = critic.stats(params, x.tolist(), y.tolist())
    jax.tree.map(np.testing.assert_array_equal, found, critic.stats(params, x, y))
    assert critics.condition([[1.0]], [[2.0]], [[3.0]])[0].shape == (1, 2)


@pytest.mark.parametrize("name", ["bilinear", "concat", "concat, deep", "separable", "gaussian"])
@pytest.mark.parametrize("rows", [None, 3])
def test_a_masked_nan_stays_in_its_row(name, rows):
    """A row of y that is NaN, of weight 0 and nobody's negative, changes nothing."""
    params, (x, y) = jax.tree.map(np.float32, (parameters(name), data(name)))
    critic = CRITICS[name].make(WHOLE._replace(rows=rows))
    weight, log_weights = np.ones(8, np.float32), np.zeros((8, 8), np.float32)
    weight[2], log_weights[:, 2], log_weights[2] = 0, -np.inf, 0
    broken = y.copy()
    broken[2] = np.nan
    value = jax.jit(lambda y: bounds.infonce(critic.stats(params, x, y, weight=weight, log_weights=log_weights)))
    # the mean of y, on which the Gaussian critic centres, moves with the row: rounding
    np.testing.assert_allclose(value(broken), value(y), rtol=1e-5)
