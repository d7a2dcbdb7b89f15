"""Who is answered, and how often something is done."""

import random
from math import nan

import pytest
from hand import SEEDS, history_of, read, write

from labkit import checks
from labkit.history import History, Op


def reads_of(*nodes):
    history = History()
    for second, node in enumerate(nodes):
        op = Op(0, "shopper", "read", node=node, t_call=second, t_ret=second + 0.5)
        op.outcome = "ok"
        history.add(op)
    return history


def few(bound, of="read"):
    what = "reads asked of the primary"
    return checks.at_most(bound, what, where=lambda op: op.node == "primary", of=of)


def enough(bound):
    what = "reads spared"
    return checks.at_least(bound, what, where=lambda op: op.node != "primary")


def test_a_bound_that_is_kept_says_what_was_found():
    verdict = few(1)(reads_of("primary", "replica", "replica"))
    assert verdict.holds
    assert verdict.where == ()
    assert verdict.amounts == {"reads asked of the primary": 3}
    assert str(verdict) == (
        "HOLDS     reads asked of the primary: 3 operations checked\n"
        "  reads asked of the primary: 1, and at most 1 is allowed"
    )


def test_every_operation_that_counts_is_a_violation_of_a_bound_that_is_broken():
    verdict = few(1)(reads_of("primary", "replica", "primary"))
    assert verdict.where == (1, 3)
    assert str(verdict) == (
        "VIOLATED  reads asked of the primary: 2 of 3 operations\n"
        "  reads asked of the primary: 2, and at most 1 is allowed"
    )


def test_what_was_needed_and_did_not_happen_is_a_violation():
    assert enough(2)(reads_of("primary", "replica", "replica")).holds
    verdict = enough(2)(reads_of("primary", "replica", "primary"))
    assert verdict.where == (1, 3)
    assert verdict.examples == ("reads spared: 1, and at least 2 are needed",)
    short = enough(2)(reads_of("replica"))
    assert (short.state, short.violations, short.where) == ("violated", 1, ())


def test_where_nothing_was_tried_a_bound_is_unknown():
    verdict = few(5, of=("read", "get"))(History())
    assert verdict.reason == "nothing to check: no operation named read or get"
    assert few(5, of="write")(reads_of("primary")).unknown
    assert enough(0)(History()).unknown


@pytest.mark.parametrize("bound", [nan, "5", None, True])
def test_a_bound_that_is_no_number_is_refused(bound):
    with pytest.raises(ValueError, match="bound must be a number"):
        few(bound)


def test_a_bounds_words_may_have_braces():
    brace = checks.at_most(1, "{odd} words", where=lambda op: True)
    assert brace(reads_of("a")).definition == "{odd} words: at most 1 is allowed."


def test_a_client_that_is_told_an_error_or_nothing_was_not_answered():
    refused = (
        'OperationalError: connection to server at "127.0.0.1", port 4711 failed: '
        "FATAL:  too many connections"
    )
    history = history_of(
        read(1),
        read(None, client="shopper 10", outcome="fail", error=refused),
        read(None, client="shopper 9", outcome="unknown"),
    )
    verdict = checks.everybody_is_answered(history)
    assert (verdict.checked, verdict.violations) == (3, 2)
    assert verdict.counts == {"answered": 1}
    assert verdict.examples == (
        "a client was told: nothing",
        "a client was told: too many connections",
    )


def test_what_the_system_does_for_an_answer_is_no_request():
    history = history_of(read(None, outcome="fail", inner=True))
    assert checks.everybody_is_answered(history).unknown
    history.add(read(1))
    verdict = checks.everybody_is_answered(history)
    assert verdict.holds
    assert verdict.checked == 1


def test_only_the_operation_that_is_asked_about_counts():
    history = history_of(read(None, outcome="fail"), write(1))
    assert checks.everybody_is_answered(history, asks="write").holds
    assert checks.everybody_is_answered(history).violated


@pytest.mark.parametrize("seed", SEEDS)
def test_one_answer_taken_away_is_found(seed):
    rng = random.Random(seed)
    ops = [read(n, client=f"shopper {n}") for n in range(1, rng.randint(2, 20))]
    assert checks.everybody_is_answered(history_of(*ops)).holds
    rng.choice(ops).outcome = rng.choice(["fail", "unknown"])
    assert checks.everybody_is_answered(history_of(*ops)).violations == 1
