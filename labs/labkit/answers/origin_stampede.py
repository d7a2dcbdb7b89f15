"""Answers to labs/origin_stampede.ipynb: spoilers ahead."""

from ..exercises import check, exercise, number

EXERCISES = {
    "the check": exercise(
        check(),
        "Two things can be wrong, and one of them is a figure by itself.",
        "An answer is old when its page had been written before, with a later version; "
        "how long ago its copy ended is a figure of the same node.",
        "Violated when a figure `fetches of ...` is above 1, or when a read with an "
        "old version comes from a node whose figure `ended ...` is above OLD_S.",
    ),
    "the bill": exercise(
        number(252, within=0.5, unit="dollars"),
        "How many gigabytes leave the origin before, and how many after?",
        "Both owners send a bill: all that is delivered passes the edges.",
        "6,000 GB × 0.09 without edges; 1,200 GB × 0.09 + 6,000 GB × 0.03 with them.",
    ),
}
