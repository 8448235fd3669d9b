"""Nats of factors in each head, beside what ideal observers have: ``python -m experiments.factors_found``.

Simulated from raw signals; 10 subjects of 60 trials to learn from without labels, 10 others of 200 trials to look at.
Seven tasks, seven methods and one more on request, three seeds; the law of the signals is not the one that the
decomposition was tuned on.
"""
