"""Answers to labs/hot_partition.ipynb: spoilers ahead."""

from ..exercises import check, exercise, number

EXERCISES = {
    "more partitions": exercise(
        number(lambda twelve: max(twelve), within=15, unit="records"),
        "How many partitions does one key have?",
        "What else lands there is a share of the other records.",
        "The whale's records, and a twelfth of the others.",
    ),
    "the order": exercise(
        check(about="useful"),
        "Which records must keep their order among themselves?",
        "Number the records as they were produced; read the processing key by key.",
        "Violated when, within a key, a number is lower than the one before it.",
    ),
}
