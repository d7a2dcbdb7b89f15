"""The line of stations: what a week tells, judged from the history alone."""

from dataclasses import asdict

import pytest

from labkit import History, Op
from labkit.shop import line
from labkit.shop.line import Decision, Station, Week

POOL = Station("pool", servers=6, service=2.0, held=0.8, working=0.3, waiting=4.0)


def history(*ops):
    made = History()
    for op in ops:
        made.add(op)
    return made


def answer(ticks, op="order", outcome="ok"):
    who = "seller" if op == "write" else "customer"
    return Op(0, who, op, "week 1", t_ret=1.0, outcome=outcome, extra={"ticks": ticks})


def decided(week=1, change=(), expects=20.0, rent=62.0, orders=2):
    told = {"expects": expects, "rent": rent, "orders": orders}
    value = dict.fromkeys(change, 2)
    return Op(0, "team", "decide", f"week {week}", value, extra=told)


def came(week=1, took=20):
    value = asdict(Week(week, 2, took, (POOL,)))
    return Op(0, "monitor", "figure", "week", value, outcome="ok")


@pytest.mark.parametrize(
    ("change", "expects"),
    [
        (None, 1),
        ("pool", 1),
        ({"disk": 1}, 1),
        ({"pool": 0}, 1),
        ({"pool": 1.5}, 1),
        ({}, "soon"),
    ],
)
def test_a_decision_that_cannot_be_is_refused_where_it_is_made(change, expects):
    with pytest.raises((TypeError, ValueError), match=r"Decision|station|ticks"):
        Decision(change, expects)


def test_a_station_serves_at_most_its_servers_divided_by_their_work():
    assert POOL.limit == 3.0


def test_a_week_is_read_back_as_it_was_entered():
    assert line.measured(history(came())) == [Week(1, 2, 20, (POOL,))]


@pytest.mark.parametrize(
    ("op", "state"),
    [
        (answer(30), "holds"),
        (answer(31), "violated"),
        (answer(None), "violated"),
        (answer(5, outcome="fail"), "violated"),
        (answer(8, "write"), "holds"),
        (answer(9, "write"), "violated"),
    ],
)
def test_who_is_answered_late_or_not_at_all_breaks_the_promise(op, state):
    assert line.in_time(history(op), within=30, seller=8).state == state


def test_late_orders_and_sellers_are_counted_apart():
    seen = history(answer(31), answer(None), answer(9, "write"), answer(1))
    counts = line.in_time(seen, within=30, seller=8).counts
    assert counts == {"orders": 2, "sellers": 1}


@pytest.mark.parametrize(
    ("change", "state"), [((), "holds"), (["app"], "holds"), ("ab", "violated")]
)
def test_of_two_changes_at_once_nobody_knows_which_it_was(change, state):
    assert line.one_change(history(decided(change=change))).state == state


@pytest.mark.parametrize(
    ("expects", "took", "state"),
    [
        (25.0, 20, "holds"),
        (25.1, 20, "violated"),
        (15.0, 20, "holds"),
        (14.9, 20, "violated"),
        (None, 20, "violated"),
        (20.0, None, "violated"),
    ],
)
def test_a_week_comes_as_it_was_foretold_or_breaks_the_forecast(expects, took, state):
    seen = history(decided(expects=expects), came(took=took))
    assert line.foretold(seen, share=0.25).state == state


@pytest.mark.parametrize(
    ("last", "state"), [(62.0, "violated"), (60.0, "holds"), (61.0, "violated")]
)
def test_the_rent_in_the_end_grows_by_no_larger_factor_than_the_orders(last, state):
    seen = history(decided(1, rent=600.0), decided(2, rent=last, orders=60))
    assert line.rent_follows(seen, rent=1.0, orders=1).state == state


def test_where_nobody_decided_or_asked_nothing_is_said():
    for judge in (
        line.in_time(History(), within=1, seller=1),
        line.one_change(History()),
        line.foretold(History(), share=1),
        line.rent_follows(History(), rent=1, orders=1),
    ):
        assert judge.unknown
