"""Pages that application servers make, and pages spread over several servers."""

import random
import threading

import pytest

from labkit import History, Lab, Postgres, Redis, wait_until
from labkit.shop import carts, figures, refusable, spread, storefront

SHELF = 4


@pytest.fixture(scope="module")
def servers():
    lab = Lab("test_shop_storefront")
    yield lab.start(Postgres(), Redis(name="one"), Redis(name="two"))
    lab.close()


@pytest.fixture
def shop(servers):
    db, redis, _ = servers
    made = storefront.Storefront(db, redis, SHELF, servers=2, connections=2, ms=10)
    made.warm()
    return made


def view(run, ask, customer, page):
    with refusable(run, customer, "read", page) as op:
        op.value = ask(run, page)


def test_whoever_comes_first_is_served_and_the_others_are_refused(shop):
    shop.cache.flushall()
    run = History()
    shop.rush(run, lambda server: server.make, view)
    assert len(run.ops("read", outcome="ok")) == 2
    refused = run.ops("read", outcome="fail")
    assert len(refused) == SHELF - 2
    assert all("too many connections" in op.error for op in refused)
    assert shop.cache.dbsize() == 2


def test_whoever_waits_for_a_place_is_served_when_one_is_given_back(shop):
    def one_at_a_time(server):
        places = server.places(1)

        def ask(run, page):
            assert places.take(20)
            try:
                return server.make(run, page)
            finally:
                places.give_back()

        return ask

    shop.cache.flushall()
    run = History()
    shop.rush(run, one_at_a_time, view)
    assert sorted(op.value for op in run.ops("read")) == [
        f"Product {number}" for number in range(1, SHELF + 1)
    ]
    assert shop.cache.dbsize() == SHELF


def test_a_page_is_the_one_that_was_asked_for_only_if_it_shows_its_product():
    run = History()
    shown = ("Product 1", "Product 2", storefront.LATER, "", None)
    for value in shown:
        with run.call("customer", "read", "page:1") as op:
            op.value = value
    with refusable(run, "customer", "read", "page:1", "Product 1"):
        raise OSError
    seen = [storefront.shows_its_product(op) for op in run.ops()]
    assert seen == [True, False, False, False, False, False]


def test_the_fault_leaves_nothing_in_the_cache_and_counts_who_looks_in_vain(shop):
    with storefront.cache_lost(shop) as lost:
        assert shop.cache.dbsize() == 0
        assert lost.meter() == 0
        shop.cache.get(shop.pages[0])
        assert lost.meter() == 1


def test_a_place_is_taken_given_back_and_waited_for():
    places = storefront.Places(1)
    assert places.take(0)
    assert not places.take(0)
    taken = []
    waits = threading.Thread(target=lambda: taken.append(places.take()))
    waits.start()
    wait_until(lambda: places.waiting == 1, 20, "nobody waits")
    places.give_back()
    waits.join(20)
    assert (taken, places.waiting) == ([True], 0)


def test_a_page_lies_on_one_server_which_counts_who_asks(servers):
    nodes = [server.primary for server in servers[1:]]
    clients = [node.client() for node in nodes]
    pages = spread.Spread(nodes)
    spread.clear(*clients)
    keys = [f"page:{number}" for number in range(20)]
    for key in keys:
        pages.set(key, {"version": 1})
    assert all(pages.get(key) == {"version": 1} for key in keys)
    assert pages.get("page:none") is None
    assert sum(spread.asked(node) for node in nodes) == 21
    assert all(spread.asked(node) for node in nodes)
    for key in keys:  # whoever asks in another way is counted as well
        client = pages.of(key).client()
        client.mget(key)
        client.getrange(key, 0, -1)
    assert sum(spread.asked(node) for node in nodes) == 61
    spread.clear(*clients)
    assert [spread.asked(node) for node in nodes] == [0, 0]
    assert [client.dbsize() for client in clients] == [0, 0]


def test_an_application_server_remembers_how_many_pages_it_has_kept_at_most():
    def read(app, key):
        if app.views > 3:
            app.kept.clear()
        app.kept[key] = {"page": key, "version": 1}
        return app.kept[key]

    app, run = spread.App("app"), History()
    spread.view(run, read, [app], ["a", "b", "c", "d"])
    spread.figures(run, [], [app])
    assert (len(app.kept), figures(run, "kept nearby")) == (1, [3])


def test_a_page_is_shown_only_if_it_is_the_one_that_was_wanted():
    run = History()
    for found in ({"page": "a", "version": 3}, {"page": "b", "version": 3}, None):
        spread.view(run, lambda app, key: found, [spread.App("app")], ["a"])  # noqa: B023
    assert [op.version for op in run.ops("get")] == [3, None, None]


def test_the_key_that_is_used_most_is_found(servers):
    client = servers[1].client()
    client.flushall()
    client.config_set("maxmemory-policy", "allkeys-lfu")
    client.set("often", "x")
    client.set("seldom", "x")
    for _ in range(100):
        client.get("often")
    assert spread.often_used(client)[0] == "often"
    client.config_set("maxmemory-policy", "noeviction")


def test_a_broadcast_changes_what_is_wanted_and_ends():
    demand = spread.Demand(["a", "b"], "hot")
    with spread.on_television(demand, 0.9) as broadcast:
        wanted = demand.draw(random.Random(1), 100)
        assert broadcast.meter() == wanted.count("hot") > 70
    assert "hot" not in demand.draw(random.Random(1), 100)


def test_a_client_that_reads_nothing_is_kept_until_there_is_a_limit(servers):
    client = servers[1].client()
    client.set("photo", "x" * 100_000)
    kept = []
    for limit in ("0", "1mb"):
        client.config_resetstat()
        client.config_set("maxmemory-clients", limit)
        with carts.reads_nothing(servers[1], "photo", 200) as connected:
            kept.append(connected)
    client.config_set("maxmemory-clients", "0")
    assert kept == [True, False]
