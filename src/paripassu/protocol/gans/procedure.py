"""The procedure of every comparison, in words; pages show it."""

PROTOCOL = """\
Every arm has the same number of trials. A trial is one run with a point of the search space: the generator's
learning rate, the ratio of the discriminator's rate to it, and how both fall over the run. The points are the
first of one scrambled Sobol sequence, the same for every arm but for the middle of the range of rates. Each
trial runs on one tuning seed, and may be shorter than the runs that confirm. The best trials run again at
full length on further tuning seeds, and the best of them on those seeds is chosen. It runs again on fresh
confirmation seeds. Only those runs are reported and compared, paired by seed, so that no arm gains by having
been selected.

A result is compared on the scale of *scores*. If more of the metric is better, the score is the metric. If
less is better, the score is minus its natural logarithm.

A game may have a further metric that decides, because it is nearer to what people see. It takes longer, so it
is measured of the last checkpoint of each confirmation run alone. Where a rule says something else by the
metric that tunes, the page says so.

How easily an arm is tuned follows from its trials on the first tuning seed. The *expected best* after n
trials is the mean of the best of n of them, drawn with replacement (Dodge et al. 2019, arXiv:1909.03004).
The *ease* is the mean of the expected best score over n from 1 to all trials. Its intervals resample trials,
for two arms together, since trial n of both is the same point.

A diverged run gets the worst value of the metric seen in any run on that game, including before training.
Where an arm's settings are chosen, it gets the worst value of the arm's own tuning runs. By a further metric,
it gets the worst value of the confirmation runs and of the untrained networks of those that diverged. For a
measure computed from records, it gets the largest value among the confirmation runs. If no confirmation run
of an arm has a value, the measure of this arm is unknown, and a rule that reads it is undecided.
"""
