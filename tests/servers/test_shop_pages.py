"""Pages of stores: made by PostgreSQL, kept by Redis, nearer in an application."""

import pytest

from labkit import History, Lab, Postgres, Redis, TimedOut, wait_until
from labkit.shop import Crowd, carts, near, pages, tables

BUSY = pages.key(7)


@pytest.fixture(scope="module")
def shops():
    lab = Lab("test_shop_pages")
    db, redis = lab.start(Postgres(settings=pages.COUNTED), Redis())
    yield pages.Pages(db, redis, ms=50)
    lab.close()


@pytest.fixture(autouse=True)
def clean(shops):
    shops.clean()


def test_a_page_is_made_of_the_prices_that_its_query_found(shops):
    run = History()
    shops.save(run, BUSY, 1_500)
    made = shops.make(run, "customer", BUSY, token="mine")
    assert made["version"] == 1
    assert 1_500 in made["prices"]
    [op] = run.ops("rebuild", key=BUSY)
    assert (op.version, op.token, op.inner) == (1, "mine", True)
    assert shops.asked() == 1
    assert shops.newest(BUSY) == 1


def test_a_price_that_changes_in_mid_rebuild_is_not_on_the_page(shops):
    run = History()
    with Crowd() as crowd, shops.unfinished(BUSY) as until_read:
        made = crowd.send(shops.make, run, "customer", BUSY)
        until_read()
        shops.save(run, BUSY, 1_500)
        assert not made.done()
    assert made.result()["version"] == 0
    [save], [rebuild] = run.ops("write"), run.ops("rebuild")
    assert rebuild.t_ret - save.t_ret > shops.ms / 1000


def test_a_morning_leaves_the_pages_that_were_asked_for_and_counters_at_zero(shops):
    shops.clean(BUSY, views=10)
    assert carts.page(shops.cache, BUSY)["version"] == 0
    assert (shops.asked(), shops.misses()) == (0, 0)


def test_a_holder_that_is_gone_leaves_its_lease_for_as_long_as_that_lasts(shops):
    with pages.holder_gone(shops, BUSY, 5_000) as gone:
        assert 0 < shops.cache.pttl(pages.lock(BUSY)) <= 5_000
        assert carts.page(shops.cache, BUSY) is None
        assert gone.meter() > 0


def test_a_rebuild_that_is_cancelled_fails_and_is_lost(shops):
    run = History()
    with pages.rebuilds_cancelled(shops, BUSY) as cancelled:
        with pytest.raises(Exception, match="canceling statement"):
            shops.make(run, "customer", BUSY, token="mine")

        def unlocked():
            carts.read_often(shops.cache, BUSY, 50)  # as those who wait for it do
            return not tables.sessions(shops.db.primary, "migration")

        wait_until(unlocked, 10, "the table stays locked")
    assert cancelled.meter() == 1
    assert pages.lost(run, BUSY, lease_s=60)


@pytest.mark.parametrize(
    "token, lease_s, lost", [("mine", 60, 0), ("mine", 0.01, 1), (None, 0.01, 0)]
)
def test_only_a_rebuild_under_a_lease_can_outlast_it(shops, token, lease_s, lost):
    run = History()
    shops.make(run, "customer", BUSY, token)
    assert len(pages.lost(run, BUSY, lease_s)) == lost


def test_a_fill_that_is_held_up_arrives_late_and_after_its_end_not_at_all(shops):
    run = History()
    with pages.fill_held_up(shops, BUSY, 100) as held:
        end = carts.now_ms(shops.cache) + shops.ms + 50
        made = shops.make(run, "customer", BUSY)
        carts.keep_page(shops.cache, BUSY, made, until_ms=end)
    assert held.meter() == 100
    assert carts.now_ms(shops.cache) >= end + 50
    assert carts.page(shops.cache, BUSY) is None


def test_only_the_next_fill_is_held_up_and_none_of_another_page(shops):
    run = History()
    with pages.fill_held_up(shops, BUSY, 60_000) as held:
        shops.make(run, "customer", pages.key(8))
        carts.keep_page(shops.cache, pages.key(8), {}, 60_000)
        assert held.meter() == 0
        shops.make(run, "customer", BUSY)
        assert held.meter() == 60_000
        shops.cache.client_unpause()
        shops.make(run, "customer", BUSY)
        carts.keep_page(shops.cache, BUSY, {}, 60_000)
    assert held.meter() == 60_000


def test_a_clock_that_is_set_meanwhile_ends_in_doubt(shops):
    class Set:
        def __init__(self, seconds):
            self.seconds = iter(seconds)

        def time(self):
            seconds, micros = shops.cache.time()
            return seconds + next(self.seconds), micros

    with carts.steady_clock(Set([0, 0])):
        pass
    for step in (-3600, 3600):
        with (
            pytest.raises(TimedOut, match="clock was set"),
            carts.steady_clock(Set([0, step])),
        ):
            pass


def test_a_nearer_copy_asks_once_until_it_hears_of_a_change(shops):
    copy = near.Near(shops.redis)
    carts.keep_page(shops.cache, BUSY, {"version": 1}, 60_000)
    assert [copy.page(BUSY)["version"] for _ in range(5)] == [1] * 5
    assert copy.asked == 1
    carts.keep_page(shops.cache, BUSY, {"version": 2}, 60_000)
    wait_until(lambda: copy.page(BUSY)["version"] == 2, 20, "it heard of no change")
    shops.cache.flushall()
    wait_until(lambda: copy.page(BUSY) is None, 20, "it heard of no flush")


@pytest.mark.parametrize("own_end, version", [(True, 2), (False, 1)])
def test_a_nearer_copy_that_hears_nothing_lives_until_its_own_end(
    shops, own_end, version
):
    copy = near.Near(shops.redis, own_end)
    carts.keep_page(shops.cache, BUSY, {"version": 1}, 2_000)
    with near.deaf(copy) as deaf:
        assert copy.page(BUSY)["version"] == 1
        carts.until_ms(shops.cache, carts.now_ms(shops.cache) + 2_020)
        carts.keep_page(shops.cache, BUSY, {"version": 2}, 60_000)
        assert copy.page(BUSY)["version"] == version
        assert deaf.meter() == 1
