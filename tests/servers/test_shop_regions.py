"""Two regions: what changes in one comes to the other, and what may be missing."""

from collections.abc import Iterator
from random import Random

import psycopg
import pytest
from parted import two_regions

from labkit import History, RuntimeUnavailable, faults
from labkit.history import Op
from labkit.shop import Crowd, Order, failover, regions

ORDER = Order(7, 1, product=1, quantity=1, amount_cents=637)
[CHANGE] = regions.price_changes(Random(1), 1)


@pytest.fixture(scope="module")
def started() -> Iterator[regions.Regions]:
    with two_regions("test_shop_regions") as both:
        yield both


@pytest.fixture
def both(started: regions.Regions) -> regions.Regions:
    started.renew()
    return started


def test_what_is_written_in_either_region_comes_to_the_other(both):
    a, b = both.links
    run = History()
    regions.write(run, ORDER, a)
    regions.write(run, CHANGE, b)
    both.arrive(a)
    both.arrive(b)
    assert both.tables[b].order_ids() == [0, 7]
    both.read_back(run, a)
    [price] = [[one.product, one.price_cents] for one in [CHANGE]]
    assert price in run.ops("read back", key="prices")[0].value


def test_regions_that_cannot_reach_each_other_are_refused_at_once(started, monkeypatch):
    def unreached(machine, others):
        raise RuntimeUnavailable(f"{machine.name}: {[other.name for other in others]}")

    one, *_ = started.links
    monkeypatch.setattr(type(one.primary.machine), "must_reach", unreached)
    link = started.links[started.other(one)].node.machine
    with pytest.raises(RuntimeUnavailable) as caught:
        regions.Regions(started.lab, started.links)
    assert str(caught.value) == f"{one.primary.machine.name}: ['{link.name}']"


def test_a_token_names_a_position_that_the_other_region_reaches(both):
    a, b = both.links
    told = regions.write(History(), ORDER, a).token
    region, lsn = told.split()
    reached = "select lsn >= %s from position where region = %s"
    with faults.link_cut(both.links[a]):
        both.arrive(a)
        assert not b.primary.value(reached, [lsn, region])
    both.arrive(a)
    assert region == "region_a"
    assert b.primary.value(reached, [lsn, region])


def test_a_commit_that_waits_is_confirmed_when_the_other_region_has_it(both):
    a, b = both.links
    with Crowd() as crowd, faults.link_cut(both.links[a]):
        crowd.send(regions.write, History(), ORDER, a, "on")
        both.settle(crowd, a)
        assert crowd.unanswered == 1
        assert both.tables[b].order_ids() == [0]
    assert both.tables[b].order_ids() == [0, 7]


def test_a_wait_that_is_ended_by_hand_is_answered_as_if_it_were_done(both):
    a, b = both.links
    run = History()
    with faults.link_cut(both.links[a]):
        with Crowd() as crowd:
            crowd.send(regions.write, run, ORDER, a, "on")
            both.settle(crowd, a)
            failover.cancel_waits(a.primary)
        assert [op.outcome for op in run.ops("write")] == ["ok"]
        assert both.tables[b].order_ids() == [0]


def test_what_is_under_way_is_counted_until_the_other_region_confirms_it(both):
    a, _ = both.links
    run = History()
    with faults.link_cut(both.links[a]):
        for change in regions.price_changes(Random(2), 3):
            regions.write(run, change, a)
        regions.write(run, ORDER, a)
        assert regions.under_way(run, a, "prices") == 3
        assert regions.under_way(run, a, "orders") == 1
    both.arrive(a)
    assert regions.under_way(run, a, "prices") == 0


def test_a_region_that_is_gone_leaves_what_it_has_not_confirmed_under_way(both):
    a, b = both.links
    run = History()
    b.primary.kill()
    regions.write(run, CHANGE, a)
    assert regions.under_way(run, a, "prices") == 1


def test_clients_go_on_in_the_other_region_and_look_for_their_own(both):
    a, b = both.links
    run = History()
    a.primary.kill()
    with pytest.raises(psycopg.OperationalError):
        a.primary.connect()
    asked = [(one, regions.write(run, one, a)) for one in (ORDER, CHANGE)]
    assert [op.outcome for _, op in asked] == ["unknown", "unknown"]
    regions.go_on(run, asked, b, lambda token: token.startswith("region_b"))
    assert [op.outcome for op in run.ops("write", inner=True)] == ["ok", "ok"]
    assert [op.version for op in run.ops("read")] == [7, 1]


def test_a_look_that_a_region_refuses_shows_nothing(both):
    a, b = both.links
    run = History()
    told = regions.write(run, ORDER, a)
    regions.look(run, told, b, lambda token: False)
    [look] = run.ops("read")
    assert look.outcome == "fail" and "NotHere" in look.error


# --- the promise ---


def day(orders_there: list[int], confirmed: int = 4) -> History:
    """Orders 1 to 4, of which so many are confirmed, and what is there in the end."""
    run = History()
    for n in range(1, 5):
        outcome = "ok" if n <= confirmed else "unknown"
        op = Op(0, f"customer {n}", "write", "orders", n, t_call=n, t_ret=n + 0.5)
        op.outcome = outcome
        run.add(op)
    last = Op(0, "auditor", "read back", "orders", orders_there, t_call=9, t_ret=10)
    last.outcome = "ok"
    run.add(last)
    return run


def test_as_much_may_be_missing_as_was_promised_and_no_more():
    gone = day([1, 2])
    assert regions.missing(gone, most={"orders": 2}).holds
    verdict = regions.missing(gone, most={"orders": 1})
    assert verdict.violated
    assert verdict.violations == 2 and verdict.where == (3, 4)
    assert verdict.counts["orders"] == 2


def test_what_nobody_was_told_of_is_not_missing():
    assert regions.missing(day([1, 2], confirmed=2), most={"orders": 0}).holds


def test_a_surface_is_judged_by_its_own_operations():
    run = day([1, 2, 3, 4])
    price = Op(0, "shopkeeper 1", "write", "product:3", [3, 500], t_call=5, t_ret=6)
    price.outcome, price.extra = "ok", {"surface": "prices"}
    run.add(price)
    back = Op(0, "auditor", "read back", "prices", [[3, 400]], t_call=9, t_ret=10)
    back.outcome = "ok"
    run.add(back)
    assert regions.missing(run, most={"orders": 0}).holds
    assert regions.missing(run, most={"orders": 0, "prices": 0}).violated
    assert regions.missing(run, most={"orders": 0, "prices": 1}).holds


@pytest.mark.parametrize("there", [None, []])
def test_a_surface_that_nobody_read_back_is_unknown(there):
    run = day([])
    if there is None:
        kept = History()
        for op in run.ops("write"):
            kept.add(op)
        run = kept
    assert regions.missing(run, most={"orders": 0}).unknown
