"""Promises of a page of five trips, on real servers."""

import pytest

from labkit import Edge, History, Lab, Link, Origin
from labkit.history import Op
from labkit.shop import distance


@pytest.fixture(scope="module")
def shop():
    lab = Lab("test_shop_distance")
    origin = lab.start(Origin(distance.PARTS))
    home = lab.start(Edge([origin], name="home"))
    ocean = lab.start(Link(to=home, name="ocean"))
    near = lab.start(Edge([ocean], name="near", location="proxy_cache edge;"))
    yield origin, ocean, near
    lab.close()


def crossed(ocean, server):
    before = ocean.carried()["trips"]
    op = distance.visit(History(), "ann", server)
    assert op.outcome == "ok", op.error
    return ocean.carried()["trips"] - before


def test_a_page_takes_five_trips_and_one_where_an_edge_is_near(shop):
    _, ocean, near = shop
    assert crossed(ocean, ocean) == 5
    crossed(ocean, near)  # who comes first
    assert crossed(ocean, near) == 1


def test_who_is_far_waits_for_every_trip(shop):
    _, ocean, _ = shop
    with distance.far_away(ocean, 0.05):
        op = distance.visit(History(), "ann", ocean)
    assert min(op.extra["ms"]) >= 100
    assert distance.took(op) >= 5 * 0.1


def test_each_customer_is_shown_her_own_newest_price(shop):
    origin, ocean, near = shop
    run = History()
    distance.visits(run, near, 3, over=ocean)
    distance.set_price(run, origin, 7)
    distance.visits(run, near, 3, over=ocean)
    assert distance.right(run).holds
    assert {op.version for op in run.ops("read")[3:]} == {7}


def test_a_price_that_was_made_for_somebody_else_is_not_right():
    run = History()
    page = Op(1, "customer 1", "read", distance.PRICE, outcome="ok", version=1)
    page.t_call, page.t_ret, page.extra = 0.0, 1.0, {"shown_to": "customer-2"}
    run.add(page)
    assert distance.right(run).violated


@pytest.mark.parametrize(("late", "state"), [(5, "holds"), (6, "violated")])
def test_a_share_of_pages_may_be_late_and_no_more(late, state):
    run = History()
    for n in range(10):
        page = Op(n + 1, f"customer {n}", "read", distance.PRICE, outcome="ok")
        page.t_call, page.t_ret = 0.0, 0.8 if n < late else 0.7
        run.add(page)
    verdict = distance.complete_in_time(run, within=0.7, share=0.5)
    assert verdict.state == state
    assert verdict.violations == (late if state == "violated" else 0)


@pytest.mark.parametrize(("least_s", "state"), [(0.8, "violated"), (0.4, "unknown")])
def test_pages_that_are_late_for_another_reason_than_distance_prove_nothing(
    least_s, state
):
    run = History()
    page = Op(1, "ann", "read", distance.PRICE, outcome="ok")
    page.t_call, page.t_ret, page.extra = 0.0, 0.9, {"least_s": least_s}
    run.add(page)
    assert distance.complete_in_time(run, within=0.7, share=0.5).state == state


def test_a_page_that_did_not_come_is_late():
    run = History()
    lost = Op(1, "ann", "read", distance.PRICE, outcome="fail")
    lost.t_call, lost.t_ret = 0.0, 0.1
    run.add(lost)
    assert distance.complete_in_time(run, within=0.7, share=0.5).violated


WHOLE = '{"path": "/price/7", "version": 2, "user": "ann"}'


@pytest.mark.parametrize(
    ("path", "status", "text", "came"),
    [
        ("/price/7", 200, WHOLE, True),
        ("/price/7", 503, WHOLE, False),
        ("/price/7", 302, "", False),
        ("/price/7", 200, "{}", False),
        ("/price/7", 200, "7", False),
        ("/price/7", 200, WHOLE.replace("version", "price"), False),
        ("/price/7", 200, WHOLE.replace("user", "who"), False),
        ("/", 200, WHOLE.ljust(6_000), False),
        ("/", 200, WHOLE.replace("/price/7", "/"), False),
        ("/", 200, WHOLE.replace("/price/7", "/").ljust(6_000), True),
    ],
)
def test_a_page_has_come_when_each_part_is_there_and_whole(path, status, text, came):
    assert bool(distance.part(path, status, text)) == came


def test_light_in_glass_needs_five_microseconds_a_kilometre():
    assert distance.least_ms(1000) == pytest.approx(9.8, abs=0.1)
    assert distance.least_ms(1000, trips=5) == 5 * distance.least_ms(1000)
