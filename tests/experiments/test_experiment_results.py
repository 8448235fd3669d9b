"""What an experiment leaves behind: a part is made once, and its time outlives an interruption."""

import json
import time

import pytest

from experiments import results


def test_minutes_are_those_of_all_calls(tmp_path, monkeypatch):
    """Ten seconds that were interrupted and twenty more; a later call of two seconds makes nothing again."""
    clock = [1000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])

    def takes(seconds, interrupted):
        def compute(folder):
            clock[0] += seconds
            if interrupted:
                raise KeyboardInterrupt
            return {"found": 1}

        return compute

    with pytest.raises(KeyboardInterrupt):
        results.kept_part(tmp_path, "one, 0.5 unique", takes(10, interrupted=True))
    started = clock[0]
    assert results.kept_part(tmp_path, "one, 0.5 unique", takes(20, interrupted=False)) == {"found": 1}
    clock[0] += 3
    assert results.seconds(tmp_path, "one, 0.5 unique") == 30
    assert results.minutes(tmp_path, started) == pytest.approx(33 / 60)

    started = clock[0]
    results.kept_part(tmp_path, "one, 0.5 unique", takes(99, interrupted=False))
    clock[0] += 2
    results.finish(tmp_path, started, ["a table"], [], {})
    assert json.loads((tmp_path / "result.json").read_text())["minutes"] == pytest.approx(32 / 60)
    assert "\n0.5 minutes." in (tmp_path / "table.md").read_text()

    (tmp_path / "parts" / "old.json").write_text("{}")
    assert results.minutes(tmp_path, started) is None
