"""What machines cost, rented and owned: judged from the history alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from labkit import History
from labkit.shop import bill
from labkit.shop.bill import Books, Plan, Prices

RUNS = Path(__file__).parents[1] / "labs" / "runs.json"
# easy to reckon with: a machine serves one order a second, and nobody is paid
PRICES = Prices(rent=10, buy=20, lasts=60, cabinet=5, hour=0, serves=1)
BOOKS = Books(PRICES, months=10, peak=4, share=0.1)


def played(way, falls=None):
    history = History()
    if falls:
        with BOOKS.campaign_ends(*falls) as fault:
            assert fault.meter() > 0
            BOOKS.run(history, way)
    else:
        BOOKS.run(history, way)
    return history


def renting(known):
    return Plan(rent=PRICES.machines(known.peak))


def buying(months=(2, 4), machines=4):
    def way(known):
        if known.month:
            return Plan(rent=0)
        return Plan(rent=0, buy=machines, pays_within=months)

    return way


def test_a_bill_has_machines_a_spare_a_cabinet_and_people():
    paid = replace(PRICES, hour=1, kept=2, each=1, let=3, move=7)
    assert (paid.once(4), paid.owning(4), paid.renting(4)) == (107, 11, 43)
    assert (paid.once(0), paid.owning(0), paid.renting(0)) == (0, 0, 0)
    assert paid.pays_after(4) == 107 / 32
    assert replace(paid, rent=1).pays_after(4) is None


def test_the_books_charge_each_month_whatever_was_planned_in_it():
    assert bill.bills(played(renting)) == [40] * 10
    assert bill.bills(played(renting, (3, 1))) == [40] * 3 + [10] * 7
    assert bill.bills(played(buying())) == [105] + [5] * 9


@pytest.mark.parametrize(
    ("peaks", "cabinet", "least"),
    [
        ([4] * 10, 5, 100 + 10 * 5),  # all at once
        ([4] * 2 + [1] * 8, 5, 40 + 10 * 5 + 2 * 30),  # one, and the others rented
        ([4] * 2 + [1] * 8, 15, 2 * 40 + 8 * 10),  # none
        ([1] * 5 + [4] * 5, 15, 5 * 10 + 100 + 5 * 15),  # all, when they are needed
    ],
)
def test_who_knows_what_comes_buys_at_the_best_moment_or_never(peaks, cabinet, least):
    assert bill.hindsight(replace(PRICES, cabinet=cabinet), peaks) == least


def test_a_bill_is_too_dear_from_so_many_times_on():
    for times, state in ((400 / 150, "holds"), (2.6, "violated")):
        seen = bill.not_too_dear(played(renting), prices=PRICES, times=times)
        assert seen.state == state
    assert seen.counts == {"ratio": 2.67}


@pytest.mark.parametrize(
    ("way", "state"),
    [(renting, "holds"), (buying(), "holds"), (buying(machines=3), "violated")],
)
def test_a_month_without_machines_for_its_peak_closes_the_shop(way, state):
    assert bill.peak_served(played(way)).state == state


@pytest.mark.parametrize(
    ("months", "falls", "state"),
    [
        ((2.5, 3.5), None, "holds"),  # 100 once, 35 a month: in the third
        ((1.0, 1.5), None, "violated"),
        ((4.5, 6.0), None, "violated"),
        ((1.0, 9.0), None, "violated"),  # who says so says nothing
        (None, None, "violated"),
        ((1.0, 1.5), (1, 1), "holds"),  # 35, and then 5 a month: no time to pay
        ((20.0, 25.0), (2, 1), "violated"),
    ],
)
def test_what_was_bought_pays_when_it_was_said_to(months, falls, state):
    seen = played(buying(months), falls)
    assert bill.pays_as_said(seen, prices=PRICES, wide=2).state == state


@pytest.mark.parametrize(
    "given",
    [{"rent": -11}, {"rent": 0.5}, {"rent": 1, "buy": -1}]
    + [{"rent": 1, "buy": 1, "pays_within": months} for months in (9, (9, 3), "ab")],
)
def test_a_plan_that_cannot_be_is_refused_where_it_is_made(given):
    with pytest.raises(ValueError, match=r"a Plan rents|pays_within is"):
        Plan(**given)


def test_who_returns_no_plan_is_told_so():
    with pytest.raises(TypeError, match="a Plan is wanted for month 1, and not None"):
        played(lambda known: None)


def test_where_no_month_was_planned_or_paid_nothing_is_said():
    for seen in (
        bill.not_too_dear(History(), prices=PRICES, times=2),
        bill.peak_served(History()),
        bill.pays_as_said(History(), prices=PRICES, wide=2),
    ):
        assert seen.unknown


def test_a_machine_of_the_bill_serves_what_the_lab_before_it_has_measured():
    lowest = json.loads(RUNS.read_text())["moving_bottleneck"]["facts"]["lowest"]
    assert f"serves={10 * lowest:.1f}" in (RUNS.parent / "the_bill.ipynb").read_text()
