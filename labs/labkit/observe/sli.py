"""Indicators, objectives, budgets and the alerts on them: pure arithmetic.

indicator   (SLI) the share of a client's operations that were good, as the client sees
            it. What is good is a predicate that the lab writes down
objective   (SLO) the share that is aimed at: 0.999, above 0 and below 1
budget      how many bad operations the objective allows among so many: 1 of 1,000 at
            0.999. At 1.0 nothing could ever be changed, so 1.0 is refused
burn rate   the share of bad operations divided by the share that is allowed. At 1 the
            budget of a period is gone at its end, at 14.4 after a 14.4th of it
tick        a stretch of time, counted and not clocked: tick n is what happened in it
window      the last so many ticks, this one included; before the first tick nothing
            happened. A window without operations burns nothing
rule        two windows and one burn rate, which both must exceed: the long one, so that
            it matters, and the short one, so that it still goes on

Everything raises ValueError with a sentence when asked for something without meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from ..history import History, Op

MONTH_HOURS = 30 * 24  # the period that the workbook's budgets are for


@dataclass(frozen=True)
class SLI:
    """How many operations were good, of how many. Adds up: `one + other`."""

    good: int
    total: int

    @property
    def bad(self) -> int:
        return self.total - self.good

    @property
    def ratio(self) -> float:
        """The share that was good, 0 to 1. Raises ValueError without operations."""
        return self.good / _some(self.total)

    def __add__(self, other: SLI) -> SLI:
        return SLI(self.good + other.good, self.total + other.total)

    def __str__(self) -> str:
        if not self.total:
            return "no operations"
        return f"{self.good} of {self.total} good ({self.ratio:.2%})"


def answered(op: Op) -> bool:
    """Good in the poorest sense: the client got an answer that was no error."""
    return op.outcome == "ok"


Good = Callable[[Op], bool]


def sli(history: History, good: Good = answered, op: str | None = None) -> SLI:
    """The indicator over the clients' own operations, or those of them called `op`.

    Inner operations are no client's, and an operation in doubt is whatever `good` says
    of it. Raises ValueError when there are none: no traffic is not a good service.
    """
    found = [good(one) for one in history.ops(op, inner=False)]
    return SLI(sum(map(bool, found)), _some(len(found)))


def ticks(history: History, good: Good = answered, op: str | None = None) -> list[SLI]:
    """The same, tick by tick: extra["tick"] of an operation, 0, 1, ..., says which.

    A tick in which nobody called is SLI(0, 0). Raises ValueError when an operation has
    no tick, or when there are none.
    """
    by_tick: dict[int, SLI] = {}
    for one in history.ops(op, inner=False):
        tick = one.extra.get("tick")
        if type(tick) is not int or tick < 0:
            raise ValueError(f"operation {one.op_id} has no extra['tick'] of 0 or more")
        by_tick[tick] = by_tick.get(tick, SLI(0, 0)) + SLI(int(bool(good(one))), 1)
    _some(len(by_tick))
    return [by_tick.get(tick, SLI(0, 0)) for tick in range(max(by_tick) + 1)]


def budget(slo: float, total: int) -> float:
    """How many of `total` operations may be bad at the objective: 10 of 10,000 at
    0.999. Need not be a whole number."""
    return float(_allowed(slo) * _some(total))


def burn_rate(bad: int, total: int, slo: float) -> float:
    """How many times faster than allowed the budget is spent; 1 just spends it."""
    if not 0 <= bad <= _some(total):
        raise ValueError(f"{bad} bad operations of {total}: it cannot be so many")
    return float(Fraction(bad, total) / _allowed(slo))


# Alerts


@dataclass(frozen=True)
class Rule:
    """Fires on a tick when both windows, in ticks, burn more than `burn` times what is
    allowed. severity: "page" wakes somebody up, "ticket" waits for the morning."""

    long: int
    short: int
    burn: float
    severity: str = "page"

    def __post_init__(self) -> None:
        if not 1 <= self.short <= self.long:
            raise ValueError(
                f"the windows are {self.long} and {self.short} ticks: the long one "
                "comes first, and the short one has at least one tick"
            )
        if self.burn <= 0:
            raise ValueError(f"a burn rate of {self.burn} would always be exceeded")

    def spends(self, ticks_per_hour: int, period_hours: float = MONTH_HOURS) -> float:
        """The share of the period's budget that is gone when the burn has just been
        `burn` for the length of the long window: 0.02 for the first rule below."""
        return self.burn * self.long / (ticks_per_hour * period_hours)


def workbook_rules(ticks_per_hour: int = 12) -> tuple[Rule, ...]:
    """The three rules that the SRE workbook starts from, for a budget of 30 days.

        page    14.4 times over 1 hour and 5 minutes     2 % of the budget gone
        page    6 times over 6 hours and 30 minutes      5 %
        ticket  1 time over 3 days and 6 hours           10 %

    The short window is a twelfth of the long one, so an hour must be a whole number of
    twelve ticks: with 12, a tick is 5 minutes. Raises ValueError otherwise.
    Source: https://sre.google/workbook/alerting-on-slos/ (recommended parameters)
    """
    if ticks_per_hour < 12 or ticks_per_hour % 12:
        raise ValueError(
            f"{ticks_per_hour} ticks an hour: 5 minutes would be no whole number of "
            "them"
        )
    hour = ticks_per_hour
    return (
        Rule(hour, hour // 12, 14.4),
        Rule(6 * hour, hour // 2, 6),
        Rule(72 * hour, 6 * hour, 1, "ticket"),
    )


def fires(ticks: Sequence[SLI], slo: float, *rules: Rule) -> set[int]:
    """The ticks on which at least one of the rules fires. Cost: O(ticks) for a rule."""
    _allowed(slo)
    return {
        now
        for rule in rules
        for now, (long, short) in enumerate(
            zip(_windows(ticks, rule.long), _windows(ticks, rule.short), strict=True)
        )
        if min(_burns(long, slo), _burns(short, slo)) > rule.burn
    }


def significant(
    ticks: Sequence[SLI], slo: float, period: int, share: float = 0.02
) -> set[int]:
    """The truth: the ticks of every event that somebody should have been called for.

    event         consecutive ticks that each burn faster than allowed (above 1)
    significant   its bad operations are more than `share` of the budget of `period`
                  ticks, at as many operations a tick as these ticks have on average
    """
    everything = sum(ticks, SLI(0, 0))
    spendable = _allowed(slo) * _some(everything.total) * period / len(ticks)
    burning = {now for now, tick in enumerate(ticks) if _burns(tick, slo) > 1}
    found: set[int] = set()
    for event in stretches(burning):
        if sum(ticks[now].bad for now in event) > Fraction(str(share)) * spendable:
            found.update(event)
    return found


@dataclass(frozen=True)
class Score:
    """How well a rule's firing agrees with the truth, both being sets of ticks.

    precision   of the ticks on which it fired, the share on which somebody was needed;
                None for a rule that never fired
    recall      of the ticks on which somebody was needed, the share on which it fired;
                None when nobody ever was
    events      stretches of consecutive ticks on which somebody was needed
    caught      how many of them it fired in
    detection   ticks from an event's beginning to the first firing in it, the longest
                of the caught ones; None when it caught none
    reset       ticks for which it fired on after an event's end, the longest
    """

    precision: float | None
    recall: float | None
    events: int
    caught: int
    detection: int | None
    reset: int


def score(fired: Collection[int], truth: Collection[int]) -> Score:
    """Compare the ticks on which an alert fired, by any rule, with those on which it
    should have. Precision, recall, detection and reset time are the workbook's four
    measures of an alert, here counted in ticks."""
    fired, truth = set(fired), set(truth)
    right = len(fired & truth)
    events = stretches(truth)
    firsts = [[now - event[0] for now in event if now in fired][:1] for event in events]
    delays = [first for found in firsts for first in found]
    return Score(
        precision=right / len(fired) if fired else None,
        recall=right / len(truth) if truth else None,
        events=len(events),
        caught=len(delays),
        detection=max(delays, default=None),
        reset=max((_after(event[-1], fired, truth) for event in events), default=0),
    )


def _after(last: int, fired: set[int], truth: set[int]) -> int:
    """For how many ticks after `last` it fires on without need."""
    length = 0
    while last in fired and last + length + 1 in fired - truth:
        length += 1
    return length


def stretches(ticks: Iterable[int]) -> list[list[int]]:
    """Consecutive ticks together: 1, 2 and 5 are [1, 2] and [5]."""
    ranked = enumerate(sorted(ticks))
    groups = groupby(ranked, key=lambda pair: pair[1] - pair[0])
    return [[number for _, number in group] for _, group in groups]


def _windows(ticks: Sequence[SLI], length: int) -> Iterator[SLI]:
    """The sum of the last `length` ticks, at each tick."""
    total = SLI(0, 0)
    for now, tick in enumerate(ticks):
        total += tick
        if now >= length:
            gone = ticks[now - length]
            total = SLI(total.good - gone.good, total.total - gone.total)
        yield total


def _burns(window: SLI, slo: float) -> float:
    return burn_rate(window.bad, window.total, slo) if window.total else 0.0


def _allowed(slo: float) -> Fraction:
    """The share of operations that may be bad. Exact: in binary, 1 - 0.999 is a little
    more than 0.001, and a rule at its very limit would fire."""
    if not 0 < slo < 1:
        raise ValueError(
            f"an objective of {slo} is none: it lies above 0 and below 1, since at 1 "
            "there is no budget and at 0 there is no promise"
        )
    return 1 - Fraction(str(slo))


def _some(total: int) -> int:
    if total < 1:
        raise ValueError(f"of {total} operations no share can be told")
    return total
