"""experiments/command.py: what went wrong in one line, with the status of pidjax; other errors keep their traces."""

import pytest

from experiments.command import command
from pidjax._checks import InputError
from pidjax.train import TrainingError


@pytest.mark.parametrize("error, status", [(InputError("give 2."), 2), (TrainingError("NaN at 3."), 1)])
def test_errors_are_lines(monkeypatch, capsys, error, status):
    def main(batch: int = 1) -> None:
        """Fail.

        Args:
            batch: Of rows.
        """
        assert batch == 5
        raise error

    monkeypatch.setattr("sys.argv", ["experiment", "--batch", "5"])
    with pytest.raises(SystemExit) as ended:
        command(main)
    assert ended.value.code == status and capsys.readouterr().err == f"{error}\n"
    monkeypatch.setattr("sys.argv", ["experiment"])
    with pytest.raises(AssertionError):
        command(main)
