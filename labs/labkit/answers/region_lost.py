"""Answers to labs/region_lost.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import Grade, agrees, exercise, function, guardrail


@function("token")
def knows(answer: Any, proof: Any, way: Any) -> Grade:
    """Right when the day keeps its promise, with the fault and without it."""
    return guardrail()(replace(way, shows=answer), proof=proof)


LATE = "region_a 0/A000010"
EXERCISES = {
    "without the table": exercise(
        knows,
        "pg_stat_subscription tells of a worker that runs. Which view still knows when "
        "A is gone?",
        "pg_replication_origin_status has a row for each origin.",
        "True when a remote_lsn there is >= the token's LSN, or the token is B's own.",
    ),
    "what is missing": exercise(
        agrees(
            ("tokens", "positions"),
            {
                "all is there": (
                    (["region_a 0/10", "region_a 0/20"], {"region_a": "0/20"}),
                    [],
                ),
                "the last is not": (
                    (["region_a 0/10", "region_a 0/20"], {"region_a": "0/1F"}),
                    ["region_a 0/20"],
                ),
                "one more digit": (
                    (
                        ["region_a 0/9FFFFF8", "region_a 0/10000000"],
                        {"region_a": "0/9FFFFF8"},
                    ),
                    ["region_a 0/10000000"],
                ),
                "another four gigabytes": (
                    (
                        ["region_a 9/10", "region_a A/8"],
                        {"region_a": "9/FF000000"},
                    ),
                    ["region_a A/8"],
                ),
                "confirmed in B": (
                    (["region_b 0/FF000000", LATE], {"region_a": "0/9FFFFF8"}),
                    [LATE],
                ),
                "A was never heard of": ((["region_a 0/8"], {}), ["region_a 0/8"]),
            },
        ),
        "As texts, 0/9 would be later than 0/10.",
        "Compare int(high, 16) and then int(low, 16).",
        "Missing: a token of another region than B whose LSN is above the position of "
        "its region.",
    ),
}
