"""Stores that share an application: what is decided at its door, and what is judged."""

from __future__ import annotations

import pytest

from labkit.history import History, Op
from labkit.shop import neighbours
from labkit.shop.neighbours import (
    CHECKOUT,
    IMPORT,
    NIGHT,
    PAGE,
    STORES,
    WHALE,
    Application,
    Request,
    Visit,
    Way,
)


def asked(store: int, kind: str, turns: int | None, rush: bool = False) -> Op:
    extra = {"store": store, "kind": kind, "came": 1, "turns": turns, "tries": 1}
    return Op(0, "shopper", "read", outcome="ok", extra=extra | {"rush": rush})


def seen(*ops: Op) -> History:
    history = History()
    for op in ops:
        history.add(op)
    return history


def came(app: Application, *stores: int) -> list[Visit]:
    visits = [Visit(Request(n, store, PAGE, 1)) for n, store in enumerate(stores)]
    for visit in visits:
        app.come(visit)
    return visits


def test_every_store_has_shoppers_and_imports_come_at_night() -> None:
    plan = neighbours.plan()
    shopping = [request for request in plan if request.kind != IMPORT]
    assert {request.store for request in shopping} == set(range(1, STORES + 1))
    assert {request.turn for request in plan if request.kind == IMPORT} == {NIGHT}
    assert [request.number for request in plan] == list(range(1, len(plan) + 1))


def test_who_comes_first_has_a_worker_and_a_connection_first() -> None:
    app = Application(Way(workers=3, connections=2))
    first, second, third, fourth = came(app, 1, 2, 3, 4)
    assert app.hand_on(turn=5) == 2
    assert app.running == [first, second] and app.waiting == [third]
    assert app.line == [fourth] and first.until == 5
    app.leave(first)
    assert app.hand_on(turn=6) == 1
    assert app.running == [second, third] and app.waiting == [fourth]


def test_who_is_not_admitted_takes_no_worker_and_comes_again() -> None:
    way = Way(admits=lambda request, inside: not inside, workers=2)
    app = Application(way)
    first, second = came(app, 7, 7)
    app.hand_on(turn=1)
    assert app.again == [second] and not app.line
    app.leave(first)
    app.come_again()
    app.hand_on(turn=2)
    assert app.running == [second] and second.tries == 2


def test_who_may_not_begin_is_passed_by_the_next() -> None:
    way = Way(begins=lambda request, running, waiting: request.store != WHALE)
    app = Application(way)
    whale, other = came(app, WHALE, 3)
    app.hand_on(turn=1)
    assert app.running == [other] and app.waiting == [whale]


def test_who_has_not_begun_at_the_end_is_sent_away() -> None:
    with Application(Way(connections=1)) as app:
        first, second = came(app, 1, 2)
        app.hand_on(turn=1)
    assert second.told.is_set() and not second.until and first.until == 1


@pytest.mark.parametrize(
    ("op", "state"),
    [
        (asked(3, PAGE, 3), "holds"),
        (asked(3, PAGE, 4), "violated"),
        (asked(3, CHECKOUT, None), "violated"),
        (asked(WHALE, CHECKOUT, 40), "holds"),
        (asked(3, IMPORT, 40), "holds"),
    ],
)
def test_only_neighbours_who_shop_are_promised_anything(op: Op, state: str) -> None:
    history = seen(asked(4, PAGE, 1), op)
    assert neighbours.in_time(history, turns=3).state == state


def test_a_neighbour_whose_page_fails_was_not_answered() -> None:
    failed = asked(3, PAGE, 1)
    failed.outcome = "fail"
    assert neighbours.in_time(seen(failed), turns=3).violated


@pytest.mark.parametrize(
    ("op", "state"),
    [
        (asked(WHALE, IMPORT, 80), "holds"),
        (asked(WHALE, IMPORT, 81), "violated"),
        (asked(WHALE, CHECKOUT, 3), "holds"),
        (asked(WHALE, CHECKOUT, 4), "violated"),
        (asked(WHALE, CHECKOUT, 81, rush=True), "holds"),
        (asked(3, CHECKOUT, 81), "holds"),
        (asked(WHALE, CHECKOUT, None), "violated"),
    ],
)
def test_everything_is_done_in_the_end_and_imports_in_time(op: Op, state: str) -> None:
    assert neighbours.done(seen(asked(4, PAGE, 1), op), turns=80, own=3).state == state


def test_fairness_is_one_when_all_wait_alike_and_less_when_one_waits() -> None:
    alike = seen(*(asked(store, PAGE, 5) for store in (1, 2, 3, 4)))
    assert neighbours.fairness(alike) == pytest.approx(1)
    one_served = seen(asked(1, PAGE, 1), *(asked(n, PAGE, None) for n in (2, 3, 4)))
    assert neighbours.fairness(one_served) == pytest.approx(1 / 4)
