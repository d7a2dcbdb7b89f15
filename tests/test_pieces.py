"""What customers must not notice while a part of the shop is replaced."""

import pytest

from labkit.history import History
from labkit.shop import facade, moves
from labkit.shop.facade import BY_CUSTOMER, BY_REQUEST, split

# --- one price, one storefront, one order ---


def visits(*seen, price=500, orders=(), placed=()):
    """A day: (customer, storefront, price shown), then orders and what was placed."""
    history = History()
    with history.call("auditor", "read back", "prices") as op:
        op.value = [["/stores/1", [price]]]
    for customer, node, shown in seen:
        with history.call(customer, "read", "/stores/1", node=node) as op:
            op.value = [shown]
    for number in orders:
        with history.call("ann", "checkout", "orders", number, node="old"):
            pass
    with history.call("auditor", "read back", "orders") as op:
        op.value = list(placed)
    return history


@pytest.mark.parametrize(
    ("day", "broken"),
    [
        (visits(("ann", "old", 500), ("ann", "new", 500)), 0),
        (visits(("ann", "new", 499)), 1),
        (visits(("ann", "old", 500), orders=[1], placed=[1]), 0),
        (visits(("ann", "old", 500), orders=[1], placed=[1, 1]), 1),
        (visits(("ann", "old", 500), orders=[1], placed=[]), 1),
    ],
)
def test_customers_see_the_shops_price_and_each_order_is_placed_once(day, broken):
    assert facade.as_before(day).violations == broken


def test_who_was_moved_may_be_taken_back_with_all_others_and_not_alone():
    ann, bob = ("ann", "new", 500), ("bob", "new", 500)
    back = ("ann", "old", 500)
    assert facade.as_before(visits(ann, bob, back)).holds
    assert facade.as_before(visits(ann, back, bob)).violations == 1


def test_a_price_that_changes_is_asked_for_from_then_on():
    history = visits(("ann", "old", 500))
    with history.call("auditor", "read back", "prices") as op:
        op.value = [["/stores/1", [600]]]
    for shown in (600, 500):
        with history.call("ann", "read", "/stores/1", node="old") as op:
            op.value = [shown]
    assert facade.as_before(history).violations == 1


def ended(share, page="", differ=()):
    history = History()
    for name, value in (("share of the new", share), ("taken back for", page)):
        with history.call("monitor", "figure", name) as op:
            op.value = value
    with history.call("auditor", "read back", "differ") as op:
        op.value = list(differ)
    return facade.works(history).state


def test_a_release_ends_with_everybody_or_for_a_page_that_differs():
    assert ended(100) == "holds"
    assert ended(50) == "violated"
    assert ended(0, "/stores/1", ["/stores/1"]) == "holds"
    assert ended(0, "/stores/2", ["/stores/1"]) == "violated"
    assert ended(1, "/stores/1", ["/stores/1"]) == "violated"
    assert ended(100, "/stores/1", ["/stores/1"]) == "violated"


def test_a_share_of_none_or_of_all_needs_no_hash():
    assert "default old;" in split(0, BY_CUSTOMER)
    assert "default new;" in split(100, BY_REQUEST)
    assert "10% new;" in split(10, BY_CUSTOMER)


# --- the price that was saved last ---


def looks(*steps):
    """A day of ("read" or "write", price, outcome), of one product that costs 500."""
    history = History()
    with history.call("auditor", "read back", "prices") as op:
        op.value = [[1, 500]]
    for name, cents, outcome in steps:
        with history.call("ann", name, "product:1", cents) as op:
            pass
        op.outcome = outcome
    return moves.shows_the_last(history)


@pytest.mark.parametrize(
    ("steps", "broken"),
    [
        ([("read", 500, "ok"), ("write", 600, "ok"), ("read", 600, "ok")], 0),
        ([("read", 501, "ok")], 1),
        ([("write", 600, "ok"), ("read", 500, "ok")], 1),
        ([("write", 600, "fail"), ("read", 500, "ok")], 1),  # the save alone
        ([("read", None, "ok")], 1),
        ([("read", None, "fail")], 1),
    ],
)
def test_a_look_shows_the_last_price_and_a_save_is_taken(steps, broken):
    assert looks(*steps).violations == broken


def test_a_save_in_doubt_leaves_everything_open():
    assert looks(("write", 600, "unknown"), ("read", 600, "ok")).unknown


def moved(tables, in_time):
    history = History()
    with history.call("auditor", "read back", "tables") as op:
        op.value = tables
    with history.call("monitor", "figure", "moves done in time") as op:
        op.value = in_time
    return moves.works(history).state


def test_a_move_is_done_when_the_new_table_is_there_alone_and_in_time():
    assert moved(["prices"], 1) == "holds"
    assert moved(["prices"], 0) == "violated"
    assert moved(["prices", "shelf"], 1) == "violated"
