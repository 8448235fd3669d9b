"""An experiment's ``main`` as a command."""

from __future__ import annotations

import sys
from collections.abc import Callable

import tyro

from pidjax._checks import InputError
from pidjax.train import TrainingError


def command(main: Callable[..., None]) -> None:
    """Run ``main`` by the words of the command line.

    As of ``pidjax``, what cannot be used is said in one line with status 2, a training that failed with status 1.
    """
    try:
        tyro.cli(main)
    except (InputError, TrainingError) as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 1)
