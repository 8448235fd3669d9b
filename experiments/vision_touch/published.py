"""What was published, and why some of it cannot be compared."""

PUBLISHED: dict[str, dict[str, dict[str, str]]] = {
    "mse": {
        "clip": {"end_effector": "33.09 ± 3.67"},
        "cross_self": {"end_effector": "7.56 ± 0.31"},
        "factorcl_ssl": {"end_effector": "10.82 ± 0.56"},
        "comm": {"end_effector": "4.55 ± 0.30"},
        "comm, fine-tuned": {"end_effector": "1.34 ± 0.01"},
    },
    "balanced_accuracy": {
        "clip": {"contact": "84.4"},
        "cross_self": {"contact": "86.8"},
        "comm": {"contact": "88.1", "contact3": "94.2"},
        "cmc": {"contact3": "94.1"},
    },
}
"""By score, row and set: Dufumier et al. 2025, Tables 1 and 3."""
RELEASED = """\
With --released: files are divided, not trajectories, and validation rows are test rows. What is said below of either
is of runs without. The released probe is also fitted again on training and validation rows, so on test rows; this is
not made here: of test rows the penalty and when fine-tuning stops are chosen, no more.
"""
CAVEATS = """\
In brackets what was published: Table 1 (end_effector) and Table 3 (contact) of CoMM, whose Cross is clip. Table 3 says
accuracy; the released probe computes the mean over classes. Published ± are deviations over five runs, those here
standard errors.

- The released code validates and tests on the same files and fits its probe again on training and validation rows, so
  on what it scores; here nothing is fitted on validation rows, and test rows enter no choice.
- It divides files, windows of 50 steps, so that neighbouring windows of one trajectory are trained on and tested; here
  trajectories are divided, which are told from the files' names by a guess (`help(pidjax.data.multibench.vision_touch)`
  says which: some 150 are expected).
- It replaces the last step of each file by a random other one; here that step, which has no next, is left out.
- Fine-tuning stops early by the error of a probe on validation rows, looked at after every tenth of its steps, when two
  looks in a row were no better; CoMM says that it stops early, not after how long.
- InfMasking's authors, who ran CoMM's code, found 7.96 ± 2.13 (end_effector) and 87.0 ± 1.8 (contact) for comm.
- The number beside factorcl_ssl is CoMM's authors' own, with a probe fitted on training rows alone; FactorCL has no
  Vision & Touch. Their 1.72 for "FactorCL-SUP" is factorcl_ssl with a squared error on top, which is not made here.
- The released clip, cross_self and cmc lack modules and do not run: their heads, mean tokens and augmentations are
  taken from what is said of other sets.
- Encoders start from nothing; the layers of forces see all 32 readings, each two neighbours, without padding.
- Rows of one trajectory are alike: errors of independent rows are too small.
"""
