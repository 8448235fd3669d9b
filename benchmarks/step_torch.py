"""The steps of ``benchmarks/step.py`` in PyTorch, as one would write them: the releases' algorithms, written anew.

Charitable where it costs no reader anything: batches are expanded and not copied, the positives are the diagonal of
the same table, nothing is evaluated twice, and no gradient is taken that is thrown away. Weights are pidjax's.
"""

from __future__ import annotations

import os
from typing import Any

import jax
import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.step_methods import PROBLEMS, start, stepped
from benchmarks.worker import Built

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def step(problem: str, sizes: dict[str, Any]) -> Built:
    """A step of the problem, weights and batch copied from pidjax's."""
    torch.set_num_threads(os.cpu_count() or 1)
    made = PROBLEMS[problem](**sizes)
    params = jax.tree.map(np.asarray, start(made).params)
    batch = {name: torch.tensor(x, device=DEVICE) for name, x in made.batch.items()}
    run = {"factorcl": _factorcl, "comm": _comm}[problem](params, batch, sizes)
    return stepped(run, _facts())


def _facts() -> dict[str, Any]:
    if DEVICE == "cpu":
        return {"device": "cpu"}
    torch.cuda.reset_peak_memory_stats()

    def memory() -> float:
        return (torch.cuda.max_memory_allocated() - torch.cuda.memory_allocated()) / 2**20

    return {"device": torch.cuda.get_device_name(), "memory_mib": memory}


def _set(parameter: nn.Parameter, array: np.ndarray) -> None:
    with torch.no_grad():
        parameter.copy_(torch.tensor(array))


def _linear(weights: dict[str, np.ndarray]) -> nn.Linear:
    layer = nn.Linear(*weights["kernel"].shape, bias="bias" in weights, device=DEVICE)
    _set(layer.weight, weights["kernel"].T)
    if "bias" in weights:
        _set(layer.bias, weights["bias"])
    return layer


def _norm(weights: dict[str, np.ndarray], kind: type[nn.Module] = nn.LayerNorm) -> nn.Module:
    layer = kind(len(weights["scale"]), device=DEVICE)
    _set(layer.weight, weights["scale"])
    _set(layer.bias, weights["shift"] if "shift" in weights else weights["bias"])
    return layer


def _mlp(layers: list[dict[str, np.ndarray]]) -> nn.Sequential:
    parts = [part for layer in layers for part in (_linear(layer), nn.ReLU())]
    return nn.Sequential(*parts[:-1])


# --- FactorCL --------------------------------------------------------------------------------------------


def _critic(weights: dict[str, Any]) -> nn.Sequential:
    first = {"kernel": np.concatenate([weights["x"], weights["y"]]), "bias": weights["bias"]}
    return _mlp([first, *weights["hidden"], weights["out"]])


def _scores(critic: nn.Sequential, x: Tensor, y: Tensor) -> Tensor:
    """The published table: [x_i, y_j] for all pairs, N² rows of a perceptron."""
    n = len(x)
    pairs = torch.cat([x[:, None].expand(n, n, -1), y[None].expand(n, n, -1)], dim=-1)
    return critic(pairs)[..., 0]


def _infonce(critic: nn.Sequential, x: Tensor, y: Tensor) -> Tensor:
    scores = _scores(critic, x, y)
    return (scores.diagonal() - torch.logsumexp(scores, 1)).mean() + float(np.log(len(x)))


def _club(critic: nn.Sequential, x: Tensor, y: Tensor) -> Tensor:
    scores = _scores(critic, x, y)
    return scores.diagonal().mean() - scores.mean()


def _factorcl(params: dict[str, Any], batch: dict[str, Tensor], sizes: dict[str, Any]):
    critics = {n: _critic(w) for n, w in (params["theta"] | params["phi"]).items() if n.startswith(("nce", "club"))}
    nets = {n: _mlp(list(w["layers"].values())) for n, w in params["theta"].items() if n not in critics}
    phi = [p for n in params["phi"] for p in critics[n].parameters()]
    theta = [p for n in params["theta"] for p in (critics | nets)[n].parameters()]
    outer_optimiser, inner_optimiser = torch.optim.Adam(theta, lr=1e-4), torch.optim.Adam(phi, lr=1e-4)
    (x1, v1), (x2, v2) = (x.unbind(1) for x in batch.values())

    def outer_loss() -> Tensor:
        e1, ev1, e2, ev2 = nets["encoder1"](x1), nets["encoder1"](v1), nets["encoder2"](x2), nets["encoder2"](v2)

        def views(h: str) -> tuple[Tensor, Tensor]:
            """[h(x), h(x')] of both modalities."""
            return tuple(
                torch.cat([nets[h + i](e), nets[h + i](ev)], dim=1) for i, e, ev in (("1", e1, ev1), ("2", e2, ev2))
            )

        return (
            _club(critics["club12c"], *views("b"))
            + _club(critics["club12"], nets["d1"](e1), nets["d2"](e2))
            - _infonce(critics["nce12"], nets["a1"](e1), nets["a2"](e2))
            - _infonce(critics["nce1"], nets["c1"](e1), nets["c1"](ev1))
            - _infonce(critics["nce2"], nets["c2"](e2), nets["c2"](ev2))
            - _infonce(critics["nce12c"], *views("g"))
        )

    def inner_loss() -> Tensor:
        with torch.no_grad():
            e1, ev1, e2, ev2 = nets["encoder1"](x1), nets["encoder1"](v1), nets["encoder2"](x2), nets["encoder2"](v2)
            b1 = torch.cat([nets["b1"](e1), nets["b1"](ev1)], dim=1)
            b2 = torch.cat([nets["b2"](e2), nets["b2"](ev2)], dim=1)
            d1, d2 = nets["d1"](e1), nets["d2"](e2)
        return -_infonce(critics["club12"], d1, d2) - _infonce(critics["club12c"], b1, b2)

    def run() -> float:
        for p in phi:
            p.requires_grad_(False)
        outer_optimiser.zero_grad()
        loss = outer_loss()
        loss.backward()
        outer_optimiser.step()
        for p in phi:
            p.requires_grad_(True)
        inner_optimiser.zero_grad()
        inner_loss().backward()
        inner_optimiser.step()
        return loss.item()

    return run


# --- CoMM ------------------------------------------------------------------------------------------------


def _comm(params: dict[str, Any], batch: dict[str, Tensor], sizes: dict[str, Any]):
    theta = params["theta"]
    encoders = [_encoder(theta[f"encoder{i}"], sizes) for i in (1, 2)]
    fusion, head = _Fusion(theta["fusion"], sizes["fusion_heads"]), _head(theta["head"])
    model = nn.ModuleList([*encoders, fusion, head])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    views = list(zip(*(x.unbind(1) for x in batch.values()), strict=True))

    def run() -> float:
        optimiser.zero_grad()
        embedded = []
        for x1, x2 in views:
            t1, t2 = encoders[0](x1), encoders[1](x2)
            embedded.append([head(fusion(tokens)) for tokens in ([t1], [t2], [t1, t2])])
        (*first, first_both), (*second, second_both) = embedded
        loss = _ntxent(first_both, second_both)
        for a, b in zip(first, second, strict=True):
            loss = loss + (_ntxent(a, second_both) + _ntxent(b, first_both)) / 2
        loss = loss / (len(first) + 1)
        loss.backward()
        optimiser.step()
        return loss.item()

    return run


def _encoder(weights: dict[str, Any], sizes: dict[str, Any]) -> nn.Sequential:
    """A linear map to the width and ``torch.nn.TransformerEncoderLayer`` times the depth."""
    width, heads, forward = (sizes[name] for name in ("width", "heads", "forward"))
    blocks = []
    for layer in weights["blocks"].values():
        block = nn.TransformerEncoderLayer(width, heads, forward, dropout=0.0, batch_first=True, device=DEVICE)
        _set_attention(block.self_attn, layer["attention"])
        block.linear1, block.linear2 = _linear(layer["up"]), _linear(layer["down"])
        block.norm1, block.norm2 = _norm(layer["norm1"]), _norm(layer["norm2"])
        blocks.append(block)
    return nn.Sequential(_linear(weights["embedding"]["maps"][0]), *blocks)


def _set_attention(attention: nn.MultiheadAttention, weights: dict[str, dict[str, np.ndarray]]) -> None:
    width = attention.embed_dim
    parts = [weights[name] for name in ("query", "key", "value")]
    # a bias of keys is nothing that a softmax sees, and may be missing
    biases = [part.get("bias", np.zeros(width, np.float32)).reshape(width) for part in parts]
    _set(attention.in_proj_weight, np.concatenate([part["kernel"].reshape(width, width) for part in parts], 1).T)
    _set(attention.in_proj_bias, np.concatenate(biases))
    _set(attention.out_proj.weight, weights["out"]["kernel"].reshape(width, width).T)
    _set(attention.out_proj.bias, weights["out"]["bias"])


class _Fusion(nn.Module):
    """[CLS] and the tokens of some modalities through one pre-norm block; what is read is [CLS]."""

    def __init__(self, weights: dict[str, Any], heads: int):
        super().__init__()
        block = weights["blocks"][0]
        self.cls = nn.Parameter(torch.tensor(weights["cls"][0], device=DEVICE))
        self.norm1, self.norm2, self.norm = _norm(block["norm1"]), _norm(block["norm2"]), _norm(weights["norm"])
        self.attention = nn.MultiheadAttention(self.cls.shape[0], heads, batch_first=True, device=DEVICE)
        _set_attention(self.attention, block)
        self.up, self.down = _linear(block["up"]), _linear(block["down"])

    def forward(self, tokens: list[Tensor]) -> Tensor:
        x = torch.cat([self.cls.expand(len(tokens[0]), 1, -1), *tokens], dim=1)
        u = self.norm1(x)
        x = x + self.attention(u, u, u, need_weights=False)[0]
        h = self.up(self.norm2(x))
        return self.norm(x + self.down(h * torch.sigmoid(1.702 * h)))[:, 0]


def _head(layers: list[dict[str, np.ndarray]]) -> nn.Sequential:
    parts: list[nn.Module] = []
    for layer in layers[:-1]:
        parts += [_linear(layer), _norm(layer, nn.BatchNorm1d), nn.ReLU()]
    return nn.Sequential(*parts, _linear(layers[-1]))


def _ntxent(a: Tensor, b: Tensor) -> Tensor:
    z = nn.functional.normalize(torch.cat([a, b]))
    scores = z @ z.T / 0.1
    scores.fill_diagonal_(-torch.inf)
    n = len(a)
    partner = torch.arange(2 * n, device=DEVICE).roll(n)
    return nn.functional.cross_entropy(scores, partner)
