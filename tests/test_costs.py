"""What a page costs and whether it shows all: judged from the history alone."""

from dataclasses import replace
from math import inf

import pytest

from labkit import History, Op, checks
from labkit.shop import costs, slots


def page(owner=1, value=(), statements=1, rows=1, outcome="ok", seconds=1.0):
    return Op(
        0,
        f"shopkeeper {owner}",
        "read",
        f"page:{owner}",
        value,
        t_call=0.0,
        t_ret=seconds,
        outcome=outcome,
        error=None if outcome == "ok" else "OperationalError: FATAL:  no slot",
        extra={"statements": statements, "rows": rows},
    )


def history(*ops):
    made = History()
    for op in ops:
        made.add(op)
    return made


def there(owner, value):
    return replace(costs.read_back(History(), owner, value), op_id=0)


@pytest.mark.parametrize(
    ("spent", "state"),
    [
        ({"statements": 2, "rows": 100}, "holds"),
        ({"statements": 3, "rows": 1}, "violated"),
        ({"statements": 1, "rows": 101}, "violated"),
    ],
)
def test_each_bound_of_a_page_is_kept_by_itself(spent, state):
    verdict = costs.at_most(history(page(), page(2, **spent)), statements=2, rows=100)
    assert verdict.state == state
    assert verdict.checked == 2
    assert verdict.violations == (state == "violated")


def test_a_page_whose_cost_nobody_knows_breaks_the_bound():
    verdict = costs.at_most(history(page(statements=1)), blocks=50)
    assert verdict.violated and verdict.counts["blocks"] == inf


def test_no_page_at_all_proves_nothing_about_pages():
    assert costs.at_most(History(), statements=2).unknown
    assert costs.complete(History()).unknown
    refused = history(page(outcome="fail"))
    assert costs.at_most(refused, statements=2).unknown


@pytest.mark.parametrize(
    ("shown", "holds"),
    [
        ([["Store 1", 3]], True),
        ([("Store 1", 3)], True),
        ([["Store 1", 15]], False),
        ([], False),
        ([["Store 1", 3], ["Store 1", 3]], False),
        ({"no", "JSON"}, False),
    ],
)
def test_a_page_shows_what_there_is_no_less_and_no_more(shown, holds):
    run = history(page(1, shown), there(1, [("Store 1", 3)]))
    assert costs.complete(run).holds == holds


def test_a_page_is_held_against_its_own_owners_rows():
    run = history(page(1, ["a"]), page(2, ["a"]), there(1, ["a"]), there(2, ["b"]))
    verdict = costs.complete(run)
    assert verdict.violations == 1 and "shopkeeper 2" in verdict.examples[0]


def test_a_page_for_which_nothing_was_read_back_does_not_count_as_complete():
    assert costs.complete(history(page(1, ["a"]))).violated


def test_an_answer_that_comes_too_late_is_no_answer():
    run = history(page(1, seconds=5.9), page(2, seconds=6.1), page(3, outcome="fail"))
    assert slots.answered(run, within_s=7).violations == 1
    verdict = slots.answered(run, within_s=6)
    assert verdict.violations == 2 and verdict.checked == 3
    assert "no answer within 6 s" in " ".join(verdict.examples)
    assert checks.everybody_is_answered(run).violations == 1
