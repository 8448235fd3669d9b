"""Tables with known atoms, zero-padded to one shape so that one compiled program serves all."""

import numpy as np

SHAPE = (4, 4, 4)


def table(*outcomes, weights=None, shape=SHAPE):
    """p[x1, x2, y] of outcomes written (x1, x2, y), equiprobable unless weighted."""
    p = np.zeros(shape)
    for outcome, weight in zip(outcomes, weights or [1 / len(outcomes)] * len(outcomes), strict=True):
        p[tuple(int(c) for c in outcome)] += weight
    return p


def h(p):
    """Binary entropy, bits."""
    return float(-p * np.log2(p) - (1 - p) * np.log2(1 - p))


def padded(p):
    """p[..., n1, n2, ny] in a corner of zeros."""
    before = [(0, 0)] * (p.ndim - 3)
    return np.pad(p, before + [(0, n - m) for n, m in zip(SHAPE, p.shape[-3:], strict=True)])


BITS = [(a, b) for a in (0, 1) for b in (0, 1)]
RANDOM = np.random.default_rng(0).dirichlet(np.ones(27)).reshape(3, 3, 3)
W = float(np.log2(3))

# name: table, (R, U1, U2, S) in bits
GATES = {
    "RDN": (table("000", "111"), (1, 0, 0, 0)),
    "UNQ1": (table(*[(a, b, a) for a, b in BITS]), (0, 1, 0, 0)),
    "UNQ": (table(*[(a, b, 2 * a + b) for a, b in BITS]), (0, 1, 1, 0)),
    "XOR": (table(*[(a, b, a ^ b) for a, b in BITS]), (0, 0, 0, 1)),
    "AND": (table(*[(a, b, a & b) for a, b in BITS]), (h(1 / 4) - 1 / 2, 0, 0, 1 / 2)),
    "OR": (table(*[(a, b, a | b) for a, b in BITS]), (h(1 / 4) - 1 / 2, 0, 0, 1 / 2)),
    "SUM": (table(*[(a, b, a + b) for a, b in BITS]), (1 / 2, 0, 0, 1)),
    "XOR and AND": (table(*[(a, b, 2 * (a ^ b) + (a & b)) for a, b in BITS]), (1 / 2, 0, 0, 1)),
    "RDNXOR": (
        table(*[(2 * r + a, 2 * r + b, 2 * r + (a ^ b)) for a, b in BITS for r in (0, 1)]),
        (1, 0, 0, 1),
    ),
    "reduced OR": (
        table("000", "011", "101", weights=[1 / 2, 1 / 4, 1 / 4]),
        (h(1 / 4) - 1 / 2, 0, 0, 3 / 2 - h(1 / 4)),
    ),
    "RAND": (table(*[(a, b, c) for a, b in BITS for c in (a, b)]), (1 - h(1 / 4), 0, 0, h(1 / 4) - 1 / 2)),
    "pointwise unique": (table("011", "101", "022", "202"), (1 / 2, 0, 0, 1 / 2)),
    "redundant with errors": (
        table("000", "111", "011", "100", weights=[3 / 8, 3 / 8, 1 / 8, 1 / 8]),
        (1 - h(1 / 4), 0, h(1 / 4), 0),
    ),
    "imperfect": (
        table("000", "010", "111", weights=[0.499, 0.001, 0.5]),
        (0.989590079, 0.010409921, 0, 0),
    ),
    "W": (table("001", "010", "100"), (W - 4 / 3, 0, 0, 2 / 3)),
    "noisy XOR": (
        table(*[(a, b, a ^ b ^ e) for a, b in BITS for e in (0, 1)], weights=[0.225, 0.025] * 4),
        (0, 0, 0, 1 - h(0.1)),
    ),
    "random 3x3x3": (padded(RANDOM), (0.115089900, 0.049934464, 0.089079945, 0.241646653)),
}
NINE_DIGITS = ("imperfect", "random 3x3x3")
TABLES = np.stack([p for p, _ in GATES.values()])
TRUTHS = np.array([atoms for _, atoms in GATES.values()]) * np.log(2)
BATCH = len(TABLES)


def rdnunqxor():
    """X1 = (r, a, x), X2 = (r, b, y), Y = (r, a, b, x xor y): one bit of each atom."""
    p = np.zeros((8, 8, 16))
    for r, a, b, x, y in np.ndindex(2, 2, 2, 2, 2):
        p[4 * r + 2 * a + x, 4 * r + 2 * b + y, 8 * r + 4 * a + 2 * b + (x ^ y)] += 1 / 32
    return p


def draw(seed, shape=(3, 3, 3), kept=0.7, concentration=0.5, n=BATCH):
    """n random tables with random zeros, padded where they are smaller than SHAPE."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(np.prod(shape), concentration), n).reshape(n, *shape) + 1e-12
    keep = rng.random(p.shape) < kept
    keep[:, 0, 0, 0] = True
    p = p * keep
    p /= p.sum((1, 2, 3), keepdims=True)
    return padded(p) if max(shape) <= 4 else p
