"""The promise of a cache at rest, what must still work, and commands that come late."""

from dataclasses import replace

import pytest

from labkit.history import History
from labkit.shop import prices
from labkit.shop.prices import Post, Price


def at_rest(*found):
    """The auditor's reads: for each key what the cache serves, version and price, or
    None, and what the database holds."""
    history = History()
    for number, (copy, held) in enumerate(found):
        key = f"product:{number}"
        with history.call("auditor", "get", key, node="redis") as op:
            op.version, op.value = copy or (None, None)
            op.extra["ttl_ms"] = 1000 if copy else -2
        with history.call("auditor", "read", key, node="primary") as op:
            op.version, op.value = held
    return history


def test_copies_that_equal_the_database_hold_and_a_key_without_one_too():
    verdict = prices.agrees(at_rest(((2, 900), (2, 900)), (None, (3, 500))))
    assert (verdict.state, verdict.checked) == ("holds", 2)


@pytest.mark.parametrize("copy", [(1, 900), (3, 900), (2, 800)])
def test_a_copy_of_another_version_or_price_breaks_it(copy):
    verdict = prices.agrees(at_rest((copy, (2, 900)), ((1, 500), (1, 500))))
    assert (verdict.state, verdict.violations) == ("violated", 1)
    assert "product:0" in verdict.examples[0]


def test_what_customers_saw_on_the_way_is_not_judged():
    history = at_rest(((2, 900), (2, 900)))
    with history.call("customer", "read", "product:0", node="redis") as op:
        op.version, op.value = 1, 800
    assert prices.agrees(history).holds


def test_two_keys_whose_copies_are_exchanged_break_it():
    good = at_rest(((2, 900), (2, 900)), ((1, 500), (1, 500)))
    mutated = History()
    for op in good:
        other = {"product:0": "product:1", "product:1": "product:0"}[op.key]
        mutated.add(replace(op, key=other if op.op == "get" else op.key))
    assert prices.agrees(mutated).violations == 2


def test_without_an_auditor_or_the_databases_side_it_says_nothing():
    alone = History()
    with alone.call("auditor", "get", "product:0", version=1):
        pass
    assert prices.agrees(History()).unknown
    assert prices.agrees(alone).unknown


def test_one_copy_of_twenty_is_not_enough():
    history = at_rest(((1, 5), (1, 5)), *[(None, (1, 5))] * 19)
    assert prices.agrees(history).holds
    assert prices.kept(20)(history).violated
    assert prices.kept(1)(history).holds


def test_a_copy_without_an_end_is_none_that_counts():
    history = at_rest(((1, 5), (1, 5)))
    history.ops("get")[0].extra["ttl_ms"] = -1
    assert prices.kept(1)(history).violated


def test_a_save_that_leaves_a_key_without_an_end_is_one_too_many():
    works = prices.works(copies=1, questions=0)
    for endless, state in ((0, "holds"), (1, "violated")):
        history = at_rest(((1, 5), (1, 5)))
        with history.call("owner", "write", "product:0", endless=endless):
            pass
        assert works(history).state == state


@pytest.mark.parametrize(
    "copies, questions, of_primary, state",
    [
        (1, 2, 1, "holds"),
        (2, 2, 1, "violated"),
        (1, 1, 1, "violated"),
        (1, 2, 0, "violated"),
        (1, 2, None, "holds"),
    ],
)
def test_what_must_work_has_a_bound_for_copies_questions_and_the_primary(
    copies, questions, of_primary, state
):
    history = at_rest(((1, 5), (1, 5)))
    for node in ("replica1", "primary"):
        with history.call("customer", "query", "product:0", node=node, inner=True):
            pass
    works = prices.works(copies, questions, of_primary)
    assert works(history).state == state


def test_a_slow_clients_commands_arrive_when_they_are_delivered_in_order():
    post, done = Post(), []
    with post.slow("reader", "assistant") as fault:
        post.send("reader", done.append, 1)
        post.send("owner", done.append, 2)
        post.send("assistant", done.append, 3)
        assert (done, fault.meter()) == ([2], 0)
        post.deliver()
        assert (done, fault.meter()) == ([2, 1, 3], 2)
    assert post.send("reader", lambda: "at once") == "at once"


def test_what_was_not_delivered_is_dropped_with_the_fault():
    post, done = Post(), []
    with post.slow("reader"):
        post.send("reader", done.append, 1)
    post.deliver()
    assert done == []


def test_a_price_is_text_with_its_version_in_front():
    assert Price(2, 80000).text == "2 80000"
