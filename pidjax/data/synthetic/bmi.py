"""The 40 tasks of the bmi benchmark, version 1."""

from __future__ import annotations

from functools import partial

from pidjax.data.synthetic import transforms as to
from pidjax.data.synthetic.additive import additive_uniform
from pidjax.data.synthetic.gaussian import bivariate_normal, dense, two_pair
from pidjax.data.synthetic.heavy import student
from pidjax.data.synthetic.task import Task, standardised, transformed


def bmi_tasks(standardise: bool = True) -> dict[str, Task]:
    """All 40 tasks by name, in the order of the benchmark, with exact mutual information in nats.

    Parameters
    ----------
    standardise : bool
        Scale each coordinate of a sample by its own mean and standard deviation (``standardised``), as the
        benchmark's estimators do; False gives the raw variables, whose rows are exactly independent.

    Returns
    -------
    dict of str to Task

    References
    ----------
    Czyż, Grabowski, Vogt, Beerenwinkel, Marx 2023, Beyond Normal: On the Evaluation of Mutual Information
    Estimators, NeurIPS; package ``benchmark-mi``, list of version 1.
    """
    normal = bivariate_normal(0.75)
    uniform = transformed(normal, "Normal CDF @ bivariate normal 1x1", to.normal_cdf)
    cauchy = student(1, 1, 1)._replace(name="Student-t 1x1 dof 1")
    pairs = [two_pair(d) for d in (3, 5, 25)]
    uniform_pairs = [transformed(t, f"Normal CDF @ {t.name}", to.normal_cdf) for t in pairs]
    tasks = [
        normal,
        uniform,
        additive_uniform(0.1),
        additive_uniform(0.75),
        transformed(normal, "Bimodal 1x1", to.bimodal_x, to.bimodal_y),
        transformed(normal, "Wiggly @ bivariate normal 1x1", to.wiggly_x, to.wiggly_y),
        transformed(normal, "Half-cube @ bivariate normal 1x1", to.half_cube),
        cauchy,
        transformed(cauchy, "Asinh @ St 1x1 dof 1", to.asinh),
        transformed(uniform, "Swiss roll 2x1", to.swiss_roll, lambda y: y),
        *(dense(d) for d in (2, 3, 5, 25, 50)),
        *(two_pair(d) for d in (2, 3, 5, 25)),
        *(student(d, d, dof) for d, dof in ((2, 1), (2, 2), (3, 2), (3, 3), (5, 2), (5, 3))),
        *uniform_pairs,
        *(transformed(t, f"Half-cube @ {t.name}", to.half_cube) for t in pairs),
        *(_spiral(t, d) for base in (pairs, uniform_pairs) for t, d in zip(base, (3, 5, 25), strict=True)),
        *(_asinh(student(d, d, dof)) for d, dof in ((2, 1), (3, 2), (5, 2))),
    ]
    return {t.name: standardised(t) if standardise else t for t in tasks}


def _spiral(task: Task, d: int) -> Task:
    turn_x = partial(to.spiral, plane=(0, 1), speed=1 / d)
    turn_y = partial(to.spiral, plane=(1, 2), speed=1 / d)
    return transformed(task, f"Spiral @ {task.name}", turn_x, turn_y)


def _asinh(task: Task) -> Task:
    return transformed(task, f"Asinh @ {task.name}", to.asinh)
