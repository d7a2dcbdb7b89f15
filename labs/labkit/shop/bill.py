"""What the shop's machines cost, month by month: rented, owned, and with people in it.

No server runs here. A *way* decides before each month, given what the shop has come to
know; the books then charge the whole bill, whatever the way has thought of.

    books = bill.Books(prices, months=36, peak=240)
    with books.campaign_ends(after=3, then=20):
        books.run(run, way)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil

from ..checks.common import exceeds
from ..checks.registry import Findings, check
from ..faults import Body, fault
from ..history import History
from .records import Recorder, figure

SECONDS = 30 * 24 * 3600  # of a month


@dataclass(frozen=True)
class Prices:
    """All in one currency. A machine is rented by the month, or bought for `lasts`
    months with one more as a spare, and stands in a cabinet with room for all.

    serves: orders a second of one machine. hour: of the people. kept: hours a month for
    what is owned, and each: for each machine of it; let: hours a month for what is
    rented. move: hours, once, to move from one to the other.
    """

    rent: float
    buy: float
    lasts: int
    cabinet: float
    hour: float
    serves: float
    kept: float = 30
    each: float = 1
    let: float = 4
    move: float = 320

    def machines(self, peak: float) -> int:
        """That are needed for so many orders a second."""
        return ceil(peak / self.serves)

    def once(self, owned: int) -> float:
        """To own so many: machines, a spare, and the people who move."""
        return (owned + 1) * self.buy + self.move * self.hour if owned else 0.0

    def owning(self, owned: int) -> float:
        """A month of so many machines: the cabinet, and people's hours."""
        hours = self.kept + self.each * owned
        return self.cabinet + hours * self.hour if owned else 0.0

    def renting(self, rented: int) -> float:
        """A month of so many machines: rent, and people's hours."""
        return rented * self.rent + self.let * self.hour if rented else 0.0

    def saves(self, machines: int) -> float:
        """A month of owning them in place of renting them; below zero: it costs."""
        return self.renting(machines) - self.owning(machines)

    def pays_after(self, machines: int) -> float | None:
        """Break-even: months after which owning has paid; None: it never does."""
        saved = self.saves(machines)
        return self.once(machines) / saved if saved > 0 else None


@dataclass(frozen=True)
class Known:
    """What is known before a month: its number, from 0; the peak that it will have, in
    orders a second; the peaks until then; machines owned."""

    month: int
    peak: float
    past: tuple[float, ...]
    owned: int


@dataclass(frozen=True)
class Plan:
    """What is bought before a month, and rented for it; where something is bought, from
    how many months on it is said to have paid, at the least and at the most."""

    rent: int
    buy: int = 0
    pays_within: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for machines in (self.rent, self.buy):
            if not isinstance(machines, int) or machines < 0:
                raise ValueError(
                    "a Plan rents and buys whole machines, none or more, and not"
                    f" {machines!r}"
                )
        if self.pays_within is not None:
            try:
                least, most = self.pays_within
                right = 0 <= least <= most
            except (TypeError, ValueError):
                right = False
            if not right:
                raise ValueError(
                    "pays_within is two numbers of months, the least and the most, and"
                    f" not {self.pays_within!r}"
                )


Way = Callable[[Known], Plan]


class Books:
    """The months of a shop, and who pays for them.

    peak: orders a second in the busiest minute of each month; share: of that, on
    average over the month.
    """

    def __init__(self, prices: Prices, months: int, peak: float, share: float) -> None:
        self.prices = prices
        self.months = months
        self.peak = peak
        self.share = share
        self._falls: tuple[int, float, float] | None = None

    @fault("the campaign ends")
    def campaign_ends(self, after: int, then: float, peak: float | None = None) -> Body:
        """After so many months the peak is another. Meter: by how much lower.

        peak: of the campaign, where it is not that of the books.
        """
        high = peak or self.peak
        self._falls = after, high, then
        yield lambda: high - then
        self._falls = None

    def peaks(self) -> list[float]:
        after, high, then = self._falls or (self.months, self.peak, self.peak)
        return [high if month < after else then for month in range(self.months)]

    def orders(self, peak: float) -> int:
        """Of a month."""
        return round(peak * self.share * SECONDS)

    def run(self, run: Recorder, way: Way) -> None:
        """All months: "month" by the shop, with what came and what was there in
        `extra`; the plan, an inner "plan"; and the bill, the figure "bill"."""
        owned, peaks = 0, self.peaks()
        for month, peak in enumerate(peaks):
            key = f"month {month + 1}"
            plan = way(Known(month, peak, tuple(peaks[:month]), owned))
            if not isinstance(plan, Plan):
                raise TypeError(f"a Plan is wanted for {key}, and not {plan!r}")
            once = self.prices.once(plan.buy) if plan.buy else 0.0
            owned += plan.buy
            running = self.prices.owning(owned) + self.prices.renting(plan.rent)
            with run.call("team", "plan", key, inner=True) as op:
                op.value = {"buy": plan.buy, "rent": plan.rent}
                op.extra["pays"] = plan.pays_within and [*plan.pays_within]
            with run.call("shop", "month", key) as op:
                op.extra |= {"peak": peak, "orders": self.orders(peak)}
                op.extra["serves"] = (owned + plan.rent) * self.prices.serves
            figure(run, "books", "bill", once + running, month=month)


def bills(history: History) -> list[float]:
    """By month: what was paid in it."""
    return [op.value for op in history.ops("figure", key="bill")]


def peaks_of(history: History) -> list[float]:
    return [op.extra["peak"] for op in history.ops("month")]


def hindsight(prices: Prices, peaks: Sequence[float]) -> float:
    """The least that these months could have cost somebody who knew them: so many
    machines bought at the best moment, or none, and the others rented."""
    needs = [prices.machines(peak) for peak in peaks]
    months = range(len(needs))

    def cost(owned: int, since: int) -> float:
        return prices.once(owned) + sum(
            prices.renting(max(0, need - (owned if month >= since else 0)))
            + (prices.owning(owned) if month >= since else 0)
            for month, need in enumerate(needs)
        )

    return min(
        cost(owned, since) for owned in range(max(needs) + 1) for since in months
    )


@check(
    "not too dear",
    "months",
    "All months together cost at most {times} times what they could have cost.",
    "no month was paid",
)
def not_too_dear(history: History, *, prices: Prices, times: float) -> Findings:
    """Was the bill one that a shop which cannot see ahead may have?

    Violation: the last month, when the bills of all months together are more than
    `times` what somebody would have paid who knew their peaks beforehand.

    Cost: O(m² k), of m months and k machines.
    """
    findings = Findings()
    months = history.ops("figure", key="bill")
    findings.checked = len(months)
    if months:
        least = hindsight(prices, peaks_of(history))
        ratio = sum(bills(history)) / least
        findings.counts = {"ratio": round(ratio, 2)}
        if exceeds(ratio, times):
            findings.broke(
                f"{ratio:.1f} times what it could have cost", ops=months[-1:]
            )
    return findings


@check(
    "the peak is served",
    "months",
    "In each month there are machines for its busiest minute.",
    "there was no month",
)
def peak_served(history: History) -> Findings:
    """Is the shop open at its best moment?

    Violation: a month whose machines serve less than its peak.

    Cost: O(n).
    """
    findings = Findings()
    for op in history.ops("month"):
        findings.checked += 1
        if exceeds(op.extra["peak"], op.extra["serves"]):
            findings.broke("machines were missing in the busiest minute", ops=[op])
    return findings


@check(
    "it pays when it was said to",
    "months",
    "What is bought has paid within the months that were named, and they are at most"
    " {wide:g} times apart.",
    "nothing was planned",
)
def pays_as_said(history: History, *, prices: Prices, wide: float) -> Findings:
    """Is the break-even known when something is bought?

    What is saved in a month is the difference to renting what was bought, while it is
    needed. A purchase that had no time to pay breaks nothing.

    Violation: a "plan" that buys and names no months, or names them further apart than
    `wide`, or whose purchase has paid in another month.

    Cost: O(m²), of m months.
    """
    findings = Findings()
    needs = [prices.machines(peak) for peak in peaks_of(history)]
    for month, op in enumerate(history.ops("plan")):
        findings.checked += 1
        bought = op.value["buy"]
        if not bought:
            continue
        pays = op.extra["pays"]
        if not pays or pays[1] > wide * pays[0]:
            findings.broke("bought, and nobody could say when it pays", ops=[op])
            continue
        saved = accumulate(
            prices.renting(min(need, bought)) - prices.owning(bought)
            for need in needs[month:]
        )
        paid = [n for n, sum_ in enumerate(saved, 1) if sum_ >= prices.once(bought)]
        if paid and not ceil(pays[0]) <= paid[0] <= ceil(pays[1]):
            told = f"it paid after {paid[0]} months, and that is not what was said"
            findings.broke(told, ops=[op])
    return findings
