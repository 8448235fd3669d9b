"""pidjax/math/pairwise: all-pairs kernels against their formulas, written on an array of all pairs."""

import functools
import itertools
import re

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from pidjax.math.pairwise import (
    Tiling,
    deep_table,
    default_tiling,
    dot_table,
    map_rows,
    relu_row_sums,
    relu_table,
)

CHUNK, BACK_CHUNK = 4, 3
ACTIVATIONS = 120
"""Small, so that a block of ``deep_table`` holds one or two rows."""


def layers_of(p):
    """(kernel, bias) of each hidden layer after the first."""
    return list(zip(p["kernels"], p["biases"], strict=True))


KERNELS = {
    "dot": lambda p: dot_table(p["a"], p["c"]),
    "relu": lambda p: relu_table(p["a"], p["c"], p["v"], CHUNK, BACK_CHUNK),
    "row sums": lambda p: relu_row_sums(p["a"], p["c"], p["v"]),
    "deep 2": lambda p: deep_table(p["a"], p["c"], layers_of(p), p["v"], ACTIVATIONS),
    "deep 3": lambda p: deep_table(p["a"], p["c"], layers_of(p), p["v"], ACTIVATIONS),
}
RELU = [name for name in KERNELS if name != "dot"]
WIDTHS = {"deep 2": (9, 11), "deep 3": (9, 11, 5)}
"""No multiples of 8 or of ``CHUNK``; 9 units in the other kernels."""
SHAPES = [(7, 5), (5, 7), (1, 6), (6, 1), (1, 1)]
"""Rows of a and of c; no multiples of ``CHUNK`` or of the rows of a block."""


def dense(name, p, xp=np, relu=lambda x: np.maximum(x, 0)):
    """The formula on an array of all pairs, in numpy or in JAX."""
    if name == "dot":
        return xp.einsum("id,jd->ij", p["a"], p["c"])
    h = relu(p["a"][:, None] + p["c"][None])
    for kernel, bias in layers_of(p):
        h = relu(xp.einsum("ijh,hk->ijk", h, kernel) + bias[None, None])
    table = xp.einsum("ijk,k->ij", h, p["v"])
    return table.sum(1) if name == "row sums" else table


def problem(name, n=7, m=5, seed=0, draw=np.random.Generator.standard_normal):
    """Inputs of a kernel in float64, generic unless ``draw`` says otherwise."""
    rng = np.random.default_rng(seed)
    widths = WIDTHS.get(name, (9,))
    p = {
        "a": draw(rng, (n, widths[0])),
        "c": draw(rng, (m, widths[0])),
        "kernels": [draw(rng, shape) for shape in itertools.pairwise(widths)],
        "biases": [draw(rng, (width,)) for width in widths[1:]],
        "v": draw(rng, (widths[-1],)),
    }
    return {k: p[k] for k in "ac"} if name == "dot" else p


def integers(rng, shape):
    """−2 … 2: sums are exact in any order, and a + c is often 0."""
    return rng.integers(-2, 3, shape).astype(float)


def cotangent(name, n=7, m=5, draw=np.random.Generator.standard_normal):
    """Not uniform, so that an exchanged row or column shows."""
    return draw(np.random.default_rng(1), (n,) if name == "row sums" else (n, m))


@functools.cache
def program(name):
    """Value and gradient of the kernel, and the gradient of the dense formula by autodiff."""

    def both(p, g):
        value, vjp = jax.vjp(KERNELS[name], p)
        return value, vjp(g)[0], jax.vjp(lambda p: dense(name, p, jnp, jax.nn.relu), p)[1](g)[0]

    return jax.jit(both)


def computed(name, p, g):
    """What ``program`` gives, in float64."""
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, program(name)(p, g))


def close(found, expected, tolerance=1e-12):
    """Leaf by leaf, relative to the leaf's largest number. The default is round-off of float64."""

    def compare(x, y):
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * max(np.abs(y).max(initial=0), 1))

    jax.tree.map(compare, found, expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_equal_the_dense_formula(name, shape):
    """Values against numpy, gradients in every input against dense autodiff."""
    p = problem(name, *shape)
    value, gradient, expected = computed(name, p, cotangent(name, *shape))
    assert value.dtype == np.float64
    close(value, dense(name, p))
    close(gradient, expected)


@pytest.mark.parametrize("name", KERNELS)
def test_gradients_equal_finite_differences(name):
    """Central differences of the numpy formula, in every input.

    Along one coordinate the formula is piecewise linear, so that a step of 1e-5 is exact between kinks, but for
    round-off of 1e-16 |F| / 1e-5, about 1e-9.
    """
    p, g = problem(name), cotangent(name)
    leaves, tree = jax.tree.flatten(p)

    def value(leaf, index, step):
        moved = [x.copy() for x in leaves]
        moved[leaf][index] += step
        return (g * dense(name, jax.tree.unflatten(tree, moved))).sum()

    expected = [np.zeros_like(x) for x in leaves]
    for leaf, x in enumerate(leaves):
        for index in np.ndindex(*x.shape):
            expected[leaf][index] = (value(leaf, index, 1e-5) - value(leaf, index, -1e-5)) / 2e-5
    close(jax.tree.leaves(computed(name, p, g)[1]), expected, 1e-8)


@pytest.mark.parametrize("name", RELU)
def test_ties_are_exact(name):
    """Integers, with a + c = 0 in many units: values to the last bit, gradients with relu'(0) = 0 as in JAX."""
    p, g = problem(name, draw=integers), cotangent(name, draw=integers)
    assert (p["a"][:, None] + p["c"] == 0).any()
    value, gradient, expected = computed(name, p, g)
    np.testing.assert_array_equal(value, dense(name, p))
    jax.tree.map(np.testing.assert_array_equal, gradient, expected)


@pytest.mark.parametrize("dead", ["v", "units", "a candidate"])
@pytest.mark.parametrize("name", RELU)
def test_dead_units_give_zero(name, dead):
    """v = 0, or nothing ever active: values are 0; the gradient is finite and that of the formula."""
    p, zero = problem(name), slice(None)
    if dead == "v":
        p["v"][:] = 0
    elif dead == "units":
        p["a"][:] = -1e30
        for bias in p["biases"]:
            bias[:] = -1e30
    else:
        p["c"][2] = -1e30
        zero = (zero, 2)
        for bias in p["biases"]:
            bias[:] = 0
    value, gradient, expected = computed(name, p, cotangent(name))
    if name != "row sums" or dead != "a candidate":
        assert (value[zero] == 0).all()
    close(value, dense(name, p))
    close(gradient, expected)


@pytest.mark.parametrize("where", ["a", "c", "v"])
@pytest.mark.parametrize("name", RELU)
def test_nan_is_not_swallowed(name, where):
    """A NaN among the inputs is a NaN in just those values that it touches."""
    p = problem(name)
    p[where][(1,) * p[where].ndim] = np.nan
    value = computed(name, p, cotangent(name))[0]
    assert np.isnan(value).any()
    np.testing.assert_array_equal(np.isnan(value), np.isnan(dense(name, p)))


@pytest.mark.parametrize("name", ["dot", "relu", "deep 2", "deep 3"])
def test_exchanging_a_and_c_transposes_the_table(name):
    """Also where there are more rows than columns."""
    p, g = problem(name), cotangent(name)
    value, gradient, _ = computed(name, p, g)
    exchanged, other, _ = computed(name, p | {"a": p["c"], "c": p["a"]}, g.T)
    close(exchanged.T, value)
    close(other | {"a": other["c"], "c": other["a"]}, gradient)


def test_row_sums_are_those_of_the_table():
    """13 x 11, no powers of two, with repeated values in a and in c and cotangents that differ from row to row."""
    rng = np.random.default_rng(0)
    a, c, v = (integers(rng, shape) / 2 for shape in ((13, 3), (11, 3), (3,)))
    g = rng.normal(size=13)

    def both(a, c, v):
        sums, back = jax.vjp(relu_row_sums, a, c, v)
        of_table, back_of_table = jax.vjp(lambda *p: relu_table(*p, CHUNK, BACK_CHUNK).sum(1), a, c, v)
        return (sums, of_table), (back(g), back_of_table(g))

    with jax.enable_x64(True):
        values, gradients = jax.jit(both)(a, c, v)
        np.testing.assert_array_equal(*values)
        close(*jax.tree.map(np.asarray, gradients))


@pytest.mark.parametrize("name", KERNELS)
def test_a_stack_of_critics_equals_each(name):
    """``vmap`` over a leading axis of all inputs."""
    each = [problem(name, seed=seed) for seed in range(3)]
    g = cotangent(name)

    def value_and_gradient(p):
        value, vjp = jax.vjp(KERNELS[name], p)
        return value, vjp(g)[0]

    with jax.enable_x64(True):
        stacked = jax.jit(jax.vmap(value_and_gradient))(jax.tree.map(lambda *x: np.stack(x), *each))
        for i, p in enumerate(each):
            close(jax.tree.map(lambda x, i=i: np.asarray(x[i]), stacked), computed(name, p, g)[:2])


@pytest.mark.parametrize(
    ("name", "part", "saved"),
    [
        ("relu", ["a"], r"while\("),
        ("relu", ["c"], r"while\("),
        ("row sums", ["a"], r"(scatter|while)\("),  # some emitters write a scatter as a loop
        ("row sums", ["v"], r"(scatter|while)\("),
        ("deep 2", ["a", "c"], r"dot\("),
        ("deep 3", ["a", "c"], r"dot\("),
    ],
)
def test_a_partial_gradient_costs_less(name, part, saved):
    """It equals its part of the whole gradient, and the program has fewer of the operations that are heavy."""
    p, g = problem(name), cotangent(name)

    def gradient(part, rest):
        return jax.vjp(lambda part: KERNELS[name](rest | part), part)[1](g)[0]

    with jax.enable_x64(True):
        kept = {k: p[k] for k in part}, {k: p[k] for k in p.keys() - set(part)}
        some, whole = (jax.jit(gradient).lower(*args).compile() for args in (kept, (p, {})))
        count_some, count_whole = (len(re.findall(saved, f.as_text())) for f in (some, whole))
        close(some(*kept), {k: computed(name, p, g)[1][k] for k in part})
    assert count_some < count_whole


def accumulated_in_bfloat16(a, c, v):
    """What a table would be if each sum over hidden units were held in bf16."""
    total = np.zeros((len(a), len(c)), ml_dtypes.bfloat16)
    for h in range(len(v)):
        total = total + v[h] * np.maximum(a[:, None, h] + c[None, :, h], ml_dtypes.bfloat16(0))
    return total.astype(float)


def test_sums_of_bfloat16_are_held_in_float32():
    """Within 1e-5 of the float64 value of the same numbers, where sums in bf16 would be off by more than 1e-2."""
    p = jax.tree.map(lambda x: x.astype(ml_dtypes.bfloat16), problem("deep 2", seed=2))
    rng = np.random.default_rng(0)
    wide = {
        k: rng.uniform(size=s).astype(ml_dtypes.bfloat16) for k, s in {"a": (7, 99), "c": (5, 99), "v": (99,)}.items()
    }
    inputs = {"dot": wide, "relu": wide, "row sums": wide, "deep 2": p, "deep 3": p}
    inputs = {name: inputs[name] | {"kernels": [], "biases": []} if inputs[name] is wide else p for name in inputs}
    found = jax.jit(lambda inputs: {name: KERNELS[name](p) for name, p in inputs.items()})(inputs)
    for name, value in found.items():
        exact = dense(name, jax.tree.map(lambda x: np.asarray(x, float), inputs[name]))
        assert value.dtype == np.float32
        close(value, exact, 1e-5)
    exact = dense("relu", jax.tree.map(lambda x: np.asarray(x, float), inputs["relu"]))
    assert np.abs(accumulated_in_bfloat16(**wide) - exact).max() > 1e-2 * exact.max()


@pytest.mark.parametrize("block", [1, 3, 7, 100])
def test_a_block_of_rows_at_a_time_equals_the_whole(block):
    """Pytrees with integers and None, in and out; value, gradient in the rows and in what they share."""
    rng = np.random.default_rng(0)
    rows = {"a": rng.normal(size=(7, 3)), "columns": np.arange(7) % 5, "none": None}
    c, g = rng.normal(size=(5, 3)), rng.normal(size=(7,))

    def f(c, rows):
        table = jnp.exp(rows["a"]) @ c.T
        at = jnp.take_along_axis(table, rows["columns"][:, None], axis=1)[:, 0]
        return {"total": jax.nn.logsumexp(table, axis=1), "at": at, "table": table}

    def value_and_gradient(c, a, block):
        out, vjp = jax.vjp(lambda c, a: map_rows(functools.partial(f, c), rows | {"a": a}, block), c, a)
        return out, vjp({"total": jnp.asarray(g), "at": jnp.asarray(g[::-1]), "table": g[:, None] * out["table"]})

    with jax.enable_x64(True):
        found, whole = jax.jit(lambda c, a: [value_and_gradient(c, a, b) for b in (block, 7)])(c, rows["a"])
        close(found, jax.tree.map(np.asarray, whole))


def test_padded_rows_of_a_block_do_not_count():
    """A function that is infinite at the zeros of padding: nothing of it reaches the gradient."""
    a, c = jnp.arange(1.0, 8), jnp.float32(2)
    gradient = jax.jit(jax.grad(lambda c: map_rows(lambda a: jnp.log(c * a), a, 3).sum()))(c)
    np.testing.assert_allclose(gradient, 7 / 2, rtol=1e-6)


def test_block_rows():
    """Asked for, between 1 and n; else all while the table fits, else as many as fit, at least one."""
    tiling = Tiling(rows=None, table=100, chunk=4, back_chunk=4, activations=100, sort=100)
    assert [tiling.block_rows(*shape) for shape in ((10, 10), (10, 11), (11, 10), (5, 101))] == [10, 9, 10, 1]
    assert [tiling._replace(rows=rows).block_rows(10, 10**6) for rows in (1, 3, 10, 64)] == [1, 3, 10, 10]


def test_default_tiling():
    """Sizes of each backend; those of a GPU for one that is not known, of the default backend without a name."""
    cpu, gpu, tpu, other = map(default_tiling, ("cpu", "gpu", "tpu", "quantum"))
    assert default_tiling() == cpu and other == gpu
    assert cpu.table < tpu.table <= gpu.table
    for tiling in (cpu, gpu, tpu):
        assert tiling.rows is None and min(tiling[1:]) > 0


def test_vectors_of_other_widths_are_refused():
    """An inner product of 3 and 4 features."""
    with pytest.raises(ValueError, match="vectors of one width"):
        dot_table(jnp.zeros((2, 3)), jnp.zeros((2, 4)))
