"""A store that moves: what is promised, and what a move may cost."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.history import History, Op
from labkit.shop import moving
from labkit.shop.moving import REFUSED
from labkit.shop.traffic import WHALE

ORDERS = f"orders:{WHALE}"


def op(client: str, what: str, key: str, at: float, **more: Any) -> Op:
    more = {"outcome": "ok", **more}
    return Op(0, client, what, key, t_call=at, t_ret=at + 0.1, **more)


def a_day(left: list[int], seen: int | None = 1, price: int = 1) -> History:
    """An order 7041, looked up at once, and a price that is saved and looked at; `left`
    are the orders that are where the directory says."""
    history = History()
    for each in (
        op("customer 1", "write", ORDERS, 1, value=7041, version=1),
        op("customer 1", "read", ORDERS, 2, version=seen),
        op("shopkeeper", "write", "product:31", 3, value=900, version=1),
        op("shopkeeper", "read", "product:31", 4, version=price),
        op("auditor", "read back", ORDERS, 5, value=left, inner=True),
    ):
        history.add(each)
    return history


def moved(refused: int = 0, **figures: int) -> History:
    """A day on which so many were refused, and what was found in the end."""
    found = {"moves to do": 0, "stores moved": 1, "rows without a way back": 0}
    found |= {name.replace("_", " "): value for name, value in figures.items()}
    history = History()
    for number in range(refused):
        history.add(op("customer", "write", ORDERS, number, outcome="fail"))
    for name, value in found.items():
        history.add(op("monitor", "figure", name, 100, value=value, inner=True))
    return history


@pytest.mark.parametrize(
    ("history", "state"),
    [
        (a_day([7001, 7041]), "holds"),
        (a_day([7001]), "violated"),
        (a_day([7001, 7041], seen=None), "violated"),
        (a_day([7001, 7041], price=0), "violated"),
    ],
)
def test_an_order_is_kept_and_seen_and_so_is_a_price(history, state) -> None:
    assert moving.nothing_lost(history).state == state


@pytest.mark.parametrize(
    ("history", "state"),
    [
        (moved(), "holds"),
        (moved(refused=REFUSED), "holds"),
        (moved(refused=REFUSED + 1), "violated"),
        (moved(moves_to_do=1, stores_moved=0), "violated"),
        (moved(stores_moved=0), "holds"),
        (moved(stores_moved=2), "violated"),
        (moved(rows_without_a_way_back=1), "violated"),
        (History(), "violated"),
    ],
)
def test_a_move_is_made_at_a_small_price_and_can_be_undone(history, state) -> None:
    assert moving.worth_it(history).state == state


def test_the_way_back_is_the_same_move_in_the_other_direction() -> None:
    move = moving.Move(None, WHALE, 3, 4)  # type: ignore[arg-type]
    assert move.back().back() == move and move.back().source == 4
