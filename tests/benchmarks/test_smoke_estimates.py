"""benchmarks of estimators: smoke presets run as their commands, leave what they promise, and are not run twice."""

import math

from smoke import twice


def test_figure3(tmp_path):
    """Every bound of every protocol; InfoNCE stays below its ceiling, Jeffreys is the closed form."""
    result = twice("figure3", tmp_path)
    assert {row["protocol"] for row in result["rows"]} == {"published", "variants", "fair"}
    assert all(max(row["mean"]) <= math.log(80) for row in result["rows"] if row["bound"] == "InfoNCE")
    expected = [5 * (math.exp(2 * mi / 5) - 1) for mi in (1, 2)]
    assert all(
        math.isclose(a, b, rel_tol=1e-6) for a, b in zip(result["exact"]["5"]["Jeffreys"], expected, strict=True)
    )


def test_bmi_and_bracket(tmp_path):
    """Classical methods on two tasks; the summary's bias is value less truth."""
    result = twice("bmi", tmp_path / "bmi", "--methods", "copula", "ksg", "--seeds", "2")
    row = result["tasks"]["Bivariate normal 1x1"]["copula"]
    assert row["seeds"] == 2 and math.isclose(row["bias"], row["value"] - row["truth"])
    assert row["solved"] == (abs(row["bias"]) <= 0.05)
    other = result["tasks"]["Uniform 1x1, additive noise 0.75"]
    assert not other["copula"]["solved"] and other["ksg"]["solved"]
    bracket = twice("bracket", tmp_path / "bracket", "--seeds", "1", "--bmi-out", str(tmp_path / "bmi"))
    found = bracket["tasks"]["Gaussian d=2, 1 nats"]["l1out"]
    assert found["both_hold"] == (found["lower"] <= found["truth"] <= found["upper"])


def test_cmi(tmp_path):
    """A linear model and a link that folds; the truth, I(X; Y) and I(X, Z; Y) stand beside."""
    result = twice("cmi", tmp_path, "--methods", "gaussian", "frenzel_pompe", "--seeds", "2")
    linear, link = (result["tasks"][f"{name}, n=300"] for name in ("Model II, dz=1", "X = tanh, Y = cos, dz=2"))
    assert (
        abs(linear["gaussian"]["bias"]) < 4 / math.sqrt(600) < linear["gaussian"]["joint"] - linear["gaussian"]["truth"]
    )
    assert link["gaussian"]["mi"] < link["gaussian"]["truth"] and link["frenzel_pompe"]["seeds"] == 2


def test_cost(tmp_path):
    """Both critics and every size are timed."""
    result = twice("cost", tmp_path)
    assert {name for name, row in result["fits"].items() if row["seconds_per_step"]["pidjax"] > 0} == {
        "separable",
        "concat",
    }
    assert set(result["estimates"]) == {"copula", "ksg"}
