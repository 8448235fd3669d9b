"""Synergy of real content: pictures of digits and spoken digits, and what only both together say.

python -m experiments.synergy_real --preset smoke   # seconds
python -m experiments.synergy_real --preset full    # three seeds

As in Trifeature's Experiment 2: pairs to train on follow a rule, (digit seen + digit heard) mod 10 = 0, and carry no
label; pairs to probe follow none. Synergy is whether a pair follows the rule: neither digit alone tells anything of it,
both tell h(0.1) = 0.325 nats. Redundancy is trained on pairs of one digit, and asks which. Uniqueness asks, of pairs
without a rule, for the digit seen and the digit heard.
"""
