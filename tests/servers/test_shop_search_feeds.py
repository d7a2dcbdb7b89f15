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
    assert [7, 3, 500] in market.found()


def test_a_removal_has_a_version_too(market):
    late = upsert(Listing(7, 400, 2), **external(2))
    assert outcomes(market.wire.bulk(delete(7, **external(3)))) == [200]
    assert outcomes(market.wire.bulk(late)) == [409]
    assert 7 not in versions(market)


def versions(market):
    return {number: version for number, version, _ in market.found()}


def spoilt(market, fate):
    """The version of product 7 after a request with version 2, of which its sender
    knows nothing."""
    market.wire.next = fate
    with pytest.raises(TimeoutError):
        market.wire.bulk(upsert(Listing(7, 1, 2)))
    assert market.wire.spoilt == 1
    return versions(market)[7]


def test_a_late_request_arrives_later_and_once(market):
    assert spoilt(market, "late") == 1
    market.wire.bulk(upsert(Listing(7, 1, 3)))
    assert market.wire.arrive() == 1
    assert versions(market)[7] == 2
    assert market.wire.arrive() == 0


def test_a_lost_request_never_arrives_and_an_unanswered_one_does(market):
    assert spoilt(market, "lost") == 1
    assert market.wire.arrive() == 0
    market.wire.spoilt = 0
    assert spoilt(market, "unanswered") == 2


def test_a_removal_without_a_version_is_undone_by_a_late_write(market):
    late = upsert(Listing(7, 400, 3), **external(3))
    market.wire.bulk(delete(7))
    assert outcomes(market.wire.bulk(late)) == [201]


def test_an_index_that_refuses_answers_two_hundred_with_errors(market):
    market.refuse(True)
    answer = market.wire.bulk(upsert(Listing(7, 1, 2)))
    market.refuse(False)
    assert answer["errors"]
    assert outcomes(answer) == [403]


def test_the_bad_hour_is_measured(market):
    with listings.bad_hour(market):
        market.day(a_run(), listings.Way())
    assert market.befallen == 1 + len(listings.REMOVED)  # nothing was sent
    assert market.wire.spoilt == 0


def compared(true, copy):
    run = History()
    for key, value in (("database", true), ("index", copy)):
        with run.call("auditor", "read back", key) as op:
            op.value = value
    return listings.agrees(run)


@pytest.mark.parametrize(
    ("copy", "kind"),
    [
        ([[1, 1, 5]], "missing"),
        ([[1, 1, 5], [2, 1, 5], [3, 1, 5]], "left over"),
        ([[1, 1, 5], [2, 2, 5]], "other version"),
        ([[1, 1, 5], [2, 1, 6]], "other price"),
    ],
)
def test_every_kind_of_difference_is_found(copy, kind):
    verdict = compared([[1, 1, 5], [2, 1, 5]], copy)
    assert verdict.violated
    assert verdict.violations == verdict.counts[kind] == 1


def test_an_index_that_equals_the_table_agrees():
    assert compared([[1, 1, 5]], [[1, 1, 5]]).holds


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
    shop.point([NEW], away=[OLD])
    assert shop.found(SHOP) == []


def test_prices_are_sorted_once_they_are_numbers(shop):
    assert not shop.sorts_by_price()
    shop.make(NEW)
    shop.write(NEW, shop.rows(), renewal.with_a_number)
    shop.point([NEW], away=[OLD])
    assert shop.sorts_by_price()


def test_an_index_without_prices_is_no_renewal(shop):
    shop.make(NEW)
    shop.write(NEW, shop.rows(), lambda one: {"version": one.version})
    shop.point([NEW], away=[OLD])
    assert not shop.sorts_by_price()


def test_a_log_replayed_from_its_beginning_does_not_make_an_index(shop):
    shop.make(NEW)
    shop.feed_too(NEW, 0, renewal.with_a_number)
    shop.feed()
    assert shop.differ(NEW) == renewal.PRODUCTS - 1


def copied_in(parts):
    """A renewal whose copy is made in so many parts, and no comparison."""

    def way(shop):
        position = shop.end_of_log()
        shop.make(NEW)
        size = renewal.PRODUCTS // parts
        rows = shop.rows()
        for part in range(parts):
            shop.copy(NEW, rows[part * size :][:size], renewal.with_a_number)
            yield
        shop.feed_too(NEW, position, renewal.with_a_number)
        shop.feed()
        shop.point([NEW], away=[OLD])

    return way


def test_a_copy_at_a_stroke_is_not_how_a_shop_goes_on(shop):
    judged = []
    for parts in (4, 1):
        shop.clean()
        run = a_run()
        with renewal.renewal_due(shop):
            shop.day(run, copied_in(parts))
        assert renewal.whole_shop(run.history).holds
        judged.append(renewal.works(run.history).state)
    assert judged == ["holds", "violated"]


def test_a_part_that_is_refused_is_missing_from_the_copy(shop):
    run = a_run()
    with renewal.part_refused(shop) as refused:
        shop.day(run, copied_in(4))
        assert refused.meter() == renewal.PER_ROUND
    assert renewal.whole_shop(run.history).violated


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


def test_products_that_are_shown_twice_are_counted():
    [told] = searched([[1, 1], [2, 2]], [[1, 1], [1, 1], [2, 2]]).examples
    assert told.endswith("shown twice: 1")


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
