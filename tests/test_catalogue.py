"""What shoppers must find, and what a page may show besides."""

import pytest

from labkit import History
from labkit.shop import catalogue as shelf
from labkit.shop import sellers

SOLD = list(range(1, 31))


def searched(shown, hits=None, sold=SOLD):
    history = History()
    with history.call("shopper", "search", "wish", typed="shoes", how="plural") as op:
        op.value = shown
        op.extra["hits"] = len(shown) if hits is None else hits
    with history.call("auditor", "read back", "wish") as op:
        op.value = sold
    return history


@pytest.mark.parametrize(
    ("shown", "state"),
    [(SOLD[:10], "holds"), ([99, 1], "holds"), ([], "violated"), ([99], "violated")],
)
def test_a_search_finds_something_that_was_wanted(shown, state):
    assert shelf.finds_what_is_sold(searched(shown)).state == state


def test_a_search_that_failed_found_nothing():
    history = searched(SOLD)
    history.ops("search")[0].outcome = "fail"
    assert shelf.finds_what_is_sold(history).violated


def test_searches_for_what_is_not_sold_alone_prove_nothing():
    assert shelf.finds_what_is_sold(searched([], sold=[])).unknown


@pytest.mark.parametrize(
    ("others", "state"), [(0, "holds"), (1, "holds"), (2, "violated")]
)
def test_a_page_shows_as_many_others_as_it_may(others, state):
    shown = [*SOLD[: 10 - others], *range(100, 100 + others)]
    assert shelf.little_else(searched(shown), most=1).state == state


@pytest.mark.parametrize(("hits", "state"), [(0, "holds"), (1, "violated")])
def test_what_is_not_sold_is_not_found_on_a_later_page_either(hits, state):
    assert shelf.little_else(searched([], hits=hits, sold=[])).state == state


def test_its_sentences_say_what_was_typed():
    assert '"shoes": nothing' in str(shelf.finds_what_is_sold(searched([])))


# --- sellers ---


def evening(shown, saved="7-4", had=("7-1", "7-2")):
    history = History()
    with history.call("seller 7", "write", "store:7") as op:
        op.value = saved
    with history.call("seller 7", "list", "store:7") as op:
        op.value = shown
    with history.call("auditor", "read back", "store:7", inner=True) as op:
        op.value = list(had)
    return history


def test_a_seller_finds_what_she_was_told_is_saved():
    assert sellers.finds_her_own(evening(["7-1", "7-2", "7-4"])).holds
    assert sellers.finds_her_own(evening(["7-1", "7-2"])).violated


@pytest.mark.parametrize("outcome", ["fail", "unknown"])
def test_a_save_that_was_not_confirmed_is_not_owed(outcome):
    history = evening(["7-1", "7-2"])
    history.ops("write")[0].outcome = outcome
    assert sellers.finds_her_own(history).unknown


def test_a_save_that_returned_after_the_look_is_not_owed():
    history = evening(["7-1"])
    write, look = history.ops("write")[0], history.ops("list")[0]
    write.t_ret = look.t_call + 1
    assert sellers.finds_her_own(history).unknown


def test_a_list_without_what_was_in_it_is_not_whole():
    assert sellers.whole(evening(["7-1", "7-2", "7-4"])).holds
    lost = sellers.whole(evening(["7-4"]))
    assert lost.violated and "1 product, and she had 2 before" in str(lost)
    assert sellers.whole(evening(["7-4"], had=())).violated


def test_a_list_with_products_of_others_is_not_hers():
    everybodys = sellers.whole(evening(["7-1", "7-2", "7-4", "8-1"]))
    assert everybodys.violated and "1 product of others" in str(everybodys)


@pytest.mark.parametrize(
    ("order", "state"),
    [(["reprice", "refresh"], "holds"), (["refresh", "reprice"], "violated")],
)
def test_a_price_change_that_ends_after_the_refresh_was_held_up(order, state):
    history = History()
    for op in order:
        with history.call("somebody", op, "products"):
            pass
    assert sellers.feed_flows(history).state == state


@pytest.mark.parametrize(("asked", "state"), [(2, "holds"), (3, "violated")])
def test_refreshes_are_few_up_to_the_bound(asked, state):
    history = History()
    with history.call("monitor", "figure", "refreshes asked for") as op:
        op.value = asked
    assert sellers.few_refreshes(history, most=2).state == state
