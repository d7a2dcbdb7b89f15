"""Promises of an index that is fed and of one that is made anew, on real servers."""

from random import Random

import pytest

from labkit import History, Lab, Postgres, Run, Search
from labkit.shop import listings, refusable, renewal
from labkit.shop.listings import Listing, delete, external, items, upsert
from labkit.shop.renewal import NEW, OLD, SHOP


@pytest.fixture(scope="module")
def servers():
    lab = Lab("test_shop_search_feeds")
    yield lab.start(Postgres(), Search())
    lab.close()


@pytest.fixture
def market(servers):
    market = listings.Listings(*servers)
    for _ in range(2):  # a cell may be run again
        market.clean()
    yield market
    market.session.close()


@pytest.fixture
def shop(servers):
    shop = renewal.Renewal(*servers)
    for _ in range(2):
        shop.clean()
    return shop


def a_run():
    return Run("attempt", True, False, "holds", History(), Random(7))


def outcomes(answer):
    return [item["status"] for item in items(answer)]


# --- an index that is fed ---


def test_table_and_index_begin_alike(market):
    assert market.held() == market.found()
    assert len(market.held()) == len(listings.THERE)


def test_an_older_version_is_refused_and_a_newer_one_taken(market):
    newer, older = Listing(7, 500, 3), Listing(7, 400, 2)
    wire = market.wire
    assert outcomes(wire.bulk(upsert(newer, **external(3)))) == [200]
    assert outcomes(wire.bulk(upsert(older, **external(2)))) == [409]
    assert [7, 3] in market.found()


def test_a_removal_has_a_version_too(market):
    late = upsert(Listing(7, 400, 2), **external(2))
    assert outcomes(market.wire.bulk(delete(7, **external(3)))) == [200]
    assert outcomes(market.wire.bulk(late)) == [409]
    assert 7 not in dict(market.found())


def test_a_request_that_is_held_arrives_later_and_once(market):
    market.wire.hold(7)
    market.wire.bulk(upsert(Listing(8, 1, 2)))
    with pytest.raises(TimeoutError):
        market.wire.bulk(upsert(Listing(7, 1, 2)))
    market.wire.bulk(upsert(Listing(7, 1, 3)))
    assert market.wire.arrive() == 1
    assert dict(market.found())[7] == 2
    assert market.wire.arrive() == 0


def test_an_index_that_refuses_answers_two_hundred_with_errors(market):
    market.refuse(True)
    answer = market.wire.bulk(upsert(Listing(7, 1, 2)))
    market.refuse(False)
    assert answer["errors"]
    assert outcomes(answer) == [403]


def test_the_bad_hour_is_measured(market):
    with listings.bad_hour(market):
        market.day(a_run(), listings.Way())
    assert market.befallen == 1 + len(listings.REMOVED)  # nothing was sent or held


def compared(true, copy):
    run = History()
    for key, value in (("database", true), ("index", copy)):
        with run.call("auditor", "read back", key) as op:
            op.value = value
    return listings.agrees(run)


@pytest.mark.parametrize(
    ("copy", "kind"),
    [
        ([[1, 1]], "missing"),
        ([[1, 1], [2, 1], [3, 1]], "left over"),
        ([[1, 1], [2, 2]], "other version"),
    ],
)
def test_every_kind_of_difference_is_found(copy, kind):
    verdict = compared([[1, 1], [2, 1]], copy)
    assert verdict.violated
    assert verdict.violations == verdict.counts[kind] == 1


def test_an_index_that_equals_the_table_agrees():
    assert compared([[1, 1], [2, 1]], [[1, 1], [2, 1]]).holds


def test_where_nobody_compared_nothing_is_known():
    assert listings.agrees(History()).state == "unknown"


# --- an index that is made anew ---


def test_a_copied_row_does_not_overwrite_what_the_feed_has_brought(shop):
    old = shop.rows()
    shop.make(NEW)
    shop.feed_too(NEW, shop.end_of_log(), renewal.with_a_number)
    shop.primary.sql(renewal.SAVE, ["700", 1])
    shop.feed()
    assert shop.copy(NEW, old, renewal.with_a_number) == []
    assert shop.differ(NEW) == 0


def test_documents_of_another_type_are_refused_and_counted(shop):
    shop.make(NEW)
    refused = shop.copy(NEW, shop.rows(), renewal.as_it_is)
    assert refused == [10, 20, 30, 40]
    assert len(shop.refused) == 4
    assert shop.differ(NEW) == 4


def test_the_alias_changes_in_one_call(shop):
    shop.make(NEW)
    assert not shop.numbers()
    shop.point([NEW], away=[OLD])
    assert shop.numbers()
    assert shop.found(SHOP) == []


def test_a_day_without_a_renewal_shows_the_whole_shop(shop):
    run = a_run()
    shop.day(run, lambda shop: iter(()))
    assert renewal.whole_shop(run.history).holds
    assert renewal.works(run.history).holds


def searched(true, found, outcome="ok"):
    run = History()
    with run.call("auditor", "read back", "search 1") as op:
        op.value = true
    with run.call("shopper", "search", "search 1") as op:
        op.value = found
    op.outcome = outcome
    return renewal.whole_shop(run)


@pytest.mark.parametrize("found", [[], [[1, 1]], [[1, 1], [2, 1], [2, 2]], [[1, 2]]])
def test_a_search_that_shows_anything_else_is_a_violation(found):
    assert searched([[1, 1], [2, 2]], found).violated


def test_a_search_that_shows_the_whole_shop_is_none():
    assert searched([[1, 1], [2, 2]], [(1, 1), (2, 2)]).holds


def test_a_search_without_an_answer_is_a_violation():
    assert searched([[1, 1]], [[1, 1]], outcome="fail").violated


def test_an_error_of_the_search_engine_is_an_outcome_and_not_the_labs_end(shop):
    run = History()
    with refusable(run, "shopper", "search", "shop"):
        shop.found("no_such_index")
    [op] = run.ops("search")
    assert op.outcome == "fail"
    assert "index_not_found_exception" in op.error
