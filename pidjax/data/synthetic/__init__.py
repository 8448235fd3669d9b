"""Laws to draw from whose mutual information is known: ``Task(name, sample, truth, ...)``, in nats.

======================  ==============================================================  ====================
function                (X, Y)                                                          truth
======================  ==============================================================  ====================
``gaussian``            pairs of given correlations                                     closed form, Jeffreys
``gaussian_with_mi``    d equal correlations that share so many nats                    closed form, Jeffreys
``multinormal``         any covariance                                                  closed form, Jeffreys
``dense, two_pair``     bmi's Gaussians; ``bivariate_normal`` is one pair               closed form, Jeffreys
``student``             joint t: a scale is shared, no correlation                      closed form
``additive_uniform``    uniform, plus uniform noise                                     closed form
``independent_heavy``   normal and t, independent                                       0
``rings``               pairs near one or several circles                               quadrature
``cross``               pairs of correlation r or −r                                    quadrature
``concentric``          Y's scale depends on the radius of X                            quadrature
``mixture``             any mixture of Gaussians                                        Monte Carlo, error given
``bmi_tasks``           the 40 tasks of the bmi benchmark                               closed form
======================  ==============================================================  ====================

and of triples whose conditional information is known, ``ConditionalTask(name, sample, truth, mi, ...)``:

=============================  =======================================================  ====================
function                       (X, Y, Z)                                                truth
=============================  =======================================================  ====================
``model_one, model_two``       Y = X + a coordinate, or a projection, of Z + noise      closed form
``nonlinear``                  Y = f(2 f'(noise) + A·Z + noise)                         quadrature
``conditionally_independent``  Z explains all that X and Y share                        0
``discrete, discrete_chain``   any table p[x, y, z]; X → Z → Y                          closed form
=============================  =======================================================  ====================

and ``factors``: X1 and X2 of one shared and two private vectors, FactorCL's synthetic data, with what each X holds of
each vector and the best score of a label (``factor_label``, ``label_dims``, ``label_ceiling``).

``transformed(task, name, f, g)`` passes X and Y through one-to-one functions (``synthetic.transforms``) and keeps
the truth; ``standardised(task)`` scales each sample; ``monte_carlo_mi`` is how a truth is drawn.
"""

from pidjax.data.synthetic import transforms
from pidjax.data.synthetic.additive import additive_uniform
from pidjax.data.synthetic.bmi import bmi_tasks
from pidjax.data.synthetic.concentric import concentric
from pidjax.data.synthetic.conditional import (
    ConditionalTask,
    conditionally_independent,
    discrete,
    discrete_chain,
    model_one,
    model_two,
)
from pidjax.data.synthetic.cross import cross
from pidjax.data.synthetic.factors import FactorTask, factor_label, factors, label_ceiling, label_dims
from pidjax.data.synthetic.gaussian import bivariate_normal, dense, gaussian, gaussian_with_mi, multinormal, two_pair
from pidjax.data.synthetic.heavy import independent_heavy, student
from pidjax.data.synthetic.mixture import mixture
from pidjax.data.synthetic.monte_carlo import monte_carlo_mi
from pidjax.data.synthetic.nonlinear import nonlinear
from pidjax.data.synthetic.rings import rings
from pidjax.data.synthetic.task import Task, standardised, transformed

__all__ = [
    "ConditionalTask",
    "FactorTask",
    "Task",
    "additive_uniform",
    "bivariate_normal",
    "bmi_tasks",
    "concentric",
    "conditionally_independent",
    "cross",
    "dense",
    "discrete",
    "discrete_chain",
    "factor_label",
    "factors",
    "gaussian",
    "gaussian_with_mi",
    "independent_heavy",
    "label_ceiling",
    "label_dims",
    "mixture",
    "model_one",
    "model_two",
    "monte_carlo_mi",
    "multinormal",
    "nonlinear",
    "rings",
    "standardised",
    "student",
    "transformed",
    "transforms",
    "two_pair",
]
