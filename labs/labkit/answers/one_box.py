"""Answers to labs/one_box.ipynb: spoilers ahead."""

from ..exercises import check, exercise, number

EXERCISES = {
    "the check": exercise(
        check(more=False),
        "Two things can be wrong: who gets no answer, and what the kernel has done.",
        "A checkout whose outcome is in doubt was not answered.",
        "False when a checkout is not ok, or a figure 'killed' is above 0.",
    ),
    "another box": exercise(
        number(6, unit="reports"),
        "What is there before the first report?",
        "A hash table may have hash_mem_multiplier times work_mem, which is 2.",
        "548 MiB are left, and a report takes 3 x 16 + 2 x 16 of them.",
    ),
}
