"""The promise that an order and what tells of it are both there, or neither."""

import pytest

from labkit.history import History, Op
from labkit.shop import outbox


def day(stored, told, confirmed=(1,), doubt=(2,), name="receive"):
    """Customers, of whom some were confirmed; what was told; what is stored."""
    history = History()
    for number in (*confirmed, *doubt):
        outcome = "ok" if number in confirmed else "unknown"
        history.add(Op(0, "customer", "write", "orders", number, outcome=outcome))
    for number in told:
        history.add(Op(0, "fulfilment", name, "orders", number, outcome="ok"))
    if stored is not None:
        history.add(Op(0, "auditor", "read back", "orders", stored, outcome="ok"))
    return history


@pytest.mark.parametrize(
    ("stored", "told", "kind"),
    [
        ([1, 2], [1, 2], None),
        ([1], [1], None),
        ([1, 2], [1], "missing"),
        ([1, 2], [], "missing"),
        ([1], [1, 2], "phantom"),
        ([1], [1, 9], "phantom"),
        ([2], [2], "lost"),
        ([], [], "lost"),
    ],
)
def test_an_order_is_in_both_places_or_in_neither(stored, told, kind):
    verdict = outbox.agree(day(stored, told))
    assert verdict.state == ("violated" if kind else "holds")
    found = {name for name, count in verdict.counts.items() if count}
    assert found == ({kind} if kind else set())


def test_telling_twice_is_wrong_only_where_once_was_promised():
    history = day([1, 2], [1, 2, 2], name="process")
    assert outbox.agree(history, told="process").holds
    verdict = outbox.agree(history, told="process", what="parcel", once=True)
    assert verdict.examples == ("order 2 has its parcel more than once",)
    assert verdict.counts["twice"] == 1
    assert [history.ops()[n - 1].op for n in verdict.where] == ["process"]


def test_an_order_with_two_faults_is_counted_once():
    verdict = outbox.agree(day([2], [1, 1, 2]), once=True)
    assert (verdict.violations, verdict.checked) == (1, 2)
    kinds = {"missing": 0, "phantom": 1, "lost": 1, "twice": 1, "extra": 1}
    assert verdict.counts == kinds


def test_without_a_final_look_or_a_customer_nothing_is_said():
    assert outbox.agree(day(None, [1, 2])).unknown
    assert outbox.agree(day([], [], (), ())).unknown


def test_the_last_look_decides():
    history = day([1], [1])
    history.add(Op(0, "auditor", "read back", "orders", [1, 2], outcome="ok", t_call=1))
    assert outbox.agree(history).counts["missing"] == 1
