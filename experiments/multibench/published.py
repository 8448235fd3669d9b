"""What was published, in per cent, and why some of it cannot be compared."""

FIVE = ("mimic", "mosei", "mosi", "urfunny", "mustard")
"""Columns of FactorCL's tables."""


def _of(*numbers: str) -> dict[str, str]:
    return dict(zip(FIVE, numbers, strict=True))


PUBLISHED: dict[str, dict[str, dict[str, str]]] = {
    "accuracy": {
        "simclr": _of("66.7 ± 0.0", "71.9 ± 0.3", "47.8 ± 1.8", "50.1 ± 1.9", "53.5 ± 2.9"),
        "cross_self": _of("65.2 ± 0.0", "71.1 ± 0.2", "48.6 ± 1.2", "56.5 ± 0.7", "53.9 ± 4.5"),
        "cross_self_fact": _of("65.5 ± 0.0", "71.9 ± 0.2", "49.0 ± 1.1", "59.9 ± 0.9", "53.9 ± 4.0"),
        "ourcl_ssl": _of("65.2 ± 0.0", "71.2 ± 0.2", "49.0 ± 0.8", "58.8 ± 1.3", "54.0 ± 2.5"),
        "factorcl_ssl": _of("67.3 ± 0.0", "74.5 ± 0.1", "51.2 ± 1.6", "60.5 ± 0.8", "55.8 ± 0.9"),
        "supcon": _of("67.4 ± 0.0", "71.0 ± 0.1", "47.2 ± 1.2", "50.1 ± 2.0", "52.7 ± 2.2"),
        "ourcl_sup": _of("68.2 ± 0.0", "71.1 ± 0.2", "65.3 ± 0.8", "58.3 ± 1.1", "65.1 ± 1.8"),
        "factorcl_sup": _of("76.8 ± 0.0", "77.8 ± 0.3", "69.1 ± 0.6", "63.5 ± 0.8", "69.9 ± 1.9"),
        "factorcl_sup, S": _of("63.77", "77.17", "70.12", "63.42", "57.25"),
        "factorcl_sup, U1": _of("55.90", "77.06", "70.11", "62.00", "59.42"),
        "factorcl_sup, U2": _of("69.08", "71.01", "52.33", "54.35", "53.62"),
    },
    "balanced_accuracy": {
        "comm": {
            "mimic": "66.4 ± 0.32",
            "mosi": "67.5 ± 1.3",
            "urfunny": "63.1 ± 0.65",
            "mustard": "63.9 ± 3.01",
            "urfunny3": "64.6",
        },
        "comm, fine-tuned": {
            "mimic": "68.18 ± 0.23",
            "mosi": "74.98 ± 0.43",
            "urfunny": "65.96 ± 0.44",
            "mustard": "70.42 ± 0.15",
        },
        "cmc": {"urfunny3": "59.2"},
    },
}
"""By score, row and set: Liang et al. 2023, Tables 6 and 4; Dufumier et al. 2025, Tables 1 and 3."""
RELEASED = """\
With --released: MIMIC is standardised by all rows, tested ones too, and sentiment (mosei, mosi) is positive from 0 on,
as FactorCL has it; FactorCL, OurCL and Cross+Self are augmented by the released one of four (sequences: their order
changed, noise, a fifth of the steps hidden, nothing; a table: noise or nothing, where the released one has mixup too,
drawn once a batch). What is said below of these is of runs without. Not made here: FactorCL's score of MIMIC on the
rows that its probe was fitted on, and CoMM's second fit of its probe, on training and validation rows.
"""
CAVEATS = """\
In brackets what was published: of FactorCL and its baselines accuracies (Table 6; the parts are Table 4), of CoMM and
CMC balanced accuracies (Tables 1 and 3). CoMM's Table 1 quotes the former: its Cross is simclr, its Cross+Self is
cross_self_fact, its FactorCL is factorcl_ssl. Published ± are deviations over five runs, those here standard errors.

- FactorCL calls sentiment positive from 0 on, CoMM and this table above 0.
- Published probes have C = 1 (FactorCL) or are fitted again on training and validation rows (CoMM); here the penalty is
  chosen on validation rows and nothing is fitted on them.
- FactorCL's notebook scores MIMIC on its training rows, and both standardise it by all rows; here by training rows.
- The published simclr and supcon are not normalised and at least partly collapsed; here they are normalised, with
  FactorCL's rate and epochs (the released supcon: 1e-3, T of 0.5, 5 to 100 epochs).
- FactorCL-SSL and OurCL-SSL have the unique augmentations of Table 5, Cross+Self its standard ones, which no released
  code has. It gives no strengths; here 15 % of the words are hidden, noise has a deviation of 0.1, a moment moves by a
  fifth of the time, and each number of a table is another admission's with probability 0.5. Frames are silent where the
  words' features are 0: where a set has few such steps, its unique views are nearly what they were. MIMIC's table is
  taken to be age, AIDS, blood cancer, metastases and the kind of admission, of which the first and the last are not
  clinical; FactorCL says age, gender and ethnicity.
- CoMM says that fine-tuning stops early by validation accuracy, not after how long (its code does not stop): here it is
  looked at after every tenth of its steps, ends when two looks in a row had no better balanced accuracy of validation
  rows, and the best one is tested.
- MIMIC's table is 15 wide in simclr and supcon, which compare it with the series as it is; 10 elsewhere, as published.
- Published encoders see padding; here nothing does, FactorCL's read the last word and CoMM's have positions.
- Where CoMM's code is told one augmentation for both modalities (drop+noise; of mimic each has its own), one coin says
  of both whether it is applied; here each modality has its own coin.
- Table 2 differs from Table 6 by more than two of its deviations in six places (mosei: simclr 71.03, cross_self_fact
  71.07, factorcl_ssl 74.88, supcon 72.71; mosi: cross_self_fact 52.37, factorcl_sup 70.69).
- CoMM's notebook has 66.7, 65.1, 62.2 and 64.9 for comm (mimic, mosi, urfunny, mustard); InfMasking's authors, who ran
  its code, found 66.4 ± 0.4, 63.7 ± 2.5, 63.3 ± 0.5 and 64.4 ± 1.1.
- FactorCL's text makes video modality 1 (MUStARD: video says most, and U1 is best), as it is here, and contradicts
  Table 4 with it: of MOSEI and MOSI words are said to say most and S and U2 to be best, where the table has U1 six to
  eighteen points above U2. Of MIMIC it says nothing; here 1 is the table.
- One binomial error of one test set is 1.8 points of mosi, 1.5 of urfunny, 4.1 of mustard, 0.8 of mimic: published
  differences below two of them are none.
"""
