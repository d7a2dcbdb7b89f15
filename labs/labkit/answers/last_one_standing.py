"""Answers to labs/last_one_standing.ipynb."""

from ..exercises import agrees, exercise, parts

SETTINGS = ("replicas", "minimum", "unclean", "acks")

EXERCISES = {
    "five copies": exercise(
        parts({"gone until refused": 3, "lost without loss": 2}),
        "Orders are taken while the in-sync list has at least the minimum.",
        "Replicas less the minimum, and one more; the minimum less one.",
    ),
    "the audit": exercise(
        agrees(
            SETTINGS,
            {
                "the guardrail": ((3, 2, False, "all"), True),
                "acks=-1": ((3, 2, False, -1), True),
                "no unclean election alone": ((3, 1, False, "all"), False),
                "the minimum alone": ((3, 2, True, "all"), False),
                "a producer with acks=1": ((3, 2, False, 1), False),
                "a producer with acks=0": ((3, 2, False, 0), False),
                "a minimum of three": ((3, 3, False, "all"), False),
                "five copies, a minimum of two": ((5, 2, False, "all"), True),
                "two copies": ((2, 2, False, "all"), False),
                "five copies": ((5, 3, False, "all"), True),
            },
        ),
        "Which number must the minimum be above, and which below?",
        "acks is all or -1, no unclean election, and 2 <= minimum < replicas.",
    ),
}
