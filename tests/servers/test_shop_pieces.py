"""Promises of a shop that is replaced piece by piece, on real servers."""

from random import Random

import pytest

from labkit import App, History, Lab, Nginx, Postgres, Run
from labkit.shop import facade, moves
from labkit.shop.facade import BY_CUSTOMER, NEW, OLD, Facade
from labkit.shop.moves import READS_NEW, WRITES_BOTH, WRITES_NEW, Site


@pytest.fixture(scope="module")
def lab():
    lab = Lab("test_shop_pieces")
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def db(lab):
    return lab.start(Postgres())


@pytest.fixture(scope="module")
def facade_of_two(lab, db):
    old, new = (App(db, name=side, schema=side) for side in (OLD, NEW))
    nginx = Nginx(
        {OLD: [old], NEW: [new]}, to="$storefront", http=facade.split(0, BY_CUSTOMER)
    )
    return Facade(db, old, new, lab.start(nginx))


@pytest.fixture
def site(facade_of_two):
    for _ in range(2):  # a cell may be run again
        facade_of_two.clean()
    return facade_of_two


@pytest.fixture
def tables(db):
    site = Site(db)
    yield site
    for session in site.sessions.values():
        session.close()


def a_run():
    return Run("attempt", True, False, "holds", History(), Random(7))


# --- two storefronts ---


def test_a_share_of_the_customers_goes_to_the_new_and_stays_there(site):
    def served_by():
        return [site.visit(History(), n, 1).node for n in range(1, 51)]

    site.route(50)
    first = served_by()
    assert {OLD, NEW} == set(first) and served_by() == first
    site.take_back("/stores/1")
    assert set(served_by()) == {OLD} and site.taken_back


def test_the_storefronts_differ_on_pages_with_an_odd_price_and_on_no_other(site):
    odd = sorted({1 + (product - 1) // 5 for product in facade.ODD})
    pages = [f"/stores/{number}" for number in (1, *odd)]

    def differing():
        answers = {page: site.both(page) for page in pages}
        return [page for page, (a, b) in answers.items() if a.json() != b.json()]

    site.set_prices()
    assert differing() == []
    with facade.rounds_otherwise(site) as fault:
        assert differing() == pages  # the first was saved between the two questions
        assert differing() == pages[1:]
        assert fault.meter() == len(facade.ODD)
    assert differing() == []


def test_an_order_that_is_mirrored_is_placed_twice(site):
    for mirror, times in ((False, 1), (True, 2)):
        site.clean()
        site.route(0, mirror=mirror)
        look = site.visit(History(), 1, 1)
        site.order(History(), 1, 7, look)
        site.until_mirrored(1)
        placed = site.primary.sql(facade.PLACED)
        assert placed == [(7,)] * times


# --- two tables ---


def price(site, server, product=1):
    op = site.look(History(), server, product)
    return op.version, op.value


def test_a_save_is_seen_by_whoever_reads_a_table_that_it_writes(tables):
    tables.make_new()
    tables.copy(moves.FOLLOWS[moves.NEW])
    tables.runs = {"server A": WRITES_BOTH, "server B": READS_NEW}
    for number, server in enumerate(("server A", "server B"), start=2):
        assert tables.save(History(), server, 1, 100 * number).version == number
        for one in tables.servers:
            assert price(tables, one) == (number, 100 * number)
    tables.runs["server B"] = WRITES_NEW
    tables.save(History(), "server B", 1, 400)
    assert price(tables, "server A") == (3, 300)
    assert [row[0] for row in tables.differ()] == [1]


def test_a_closed_shop_refuses_saves_and_nothing_is_in_doubt(tables):
    tables.closed = True
    assert tables.save(History(), "server A", 1, 100).outcome == "fail"
    tables.closed = False
    assert tables.save(History(), "server A", 1, 100).outcome == "ok"


def test_a_day_has_its_rounds_whatever_the_way_does(tables):
    def for_ever(site):
        site.make_new()
        for _ in range(20):
            site.copy(moves.FOLLOWS[moves.NEW])

    saves = []
    for way in (Site.make_new, for_ever):
        tables.clean()
        run = a_run()
        with moves.slow_releases(tables):
            tables.day(run, way)
        saves.append([(op.key, op.value) for op in run.history.ops("write")])
    assert saves[0] == saves[1]
