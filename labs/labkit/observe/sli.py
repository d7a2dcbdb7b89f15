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
event       consecutive ticks that each burn faster than allowed, above 1
page        an operation "page" of the pager, one a tick, whose value is whether it rang

Everything raises ValueError with a sentence when asked for something without meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, groupby

from ..checks import Findings, check
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

    @classmethod
    def spending(cls, share: float, long: int, period: int) -> Rule:
        """The rule that fires when the last `long` ticks spent more than `share` of the
        budget of `period` ticks; the short window is a twelfth of the long one."""
        return cls(long, max(1, long // 12), round(share * period / long, 6))

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


def fires_now(ticks: Sequence[SLI], slo: float, rule: Rule) -> bool:
    """Whether the rule fires on the last of these ticks. Cost: O(its long window)."""
    windows = (sum(ticks[-n:], SLI(0, 0)) for n in (rule.long, rule.short))
    return min(_burns(window, slo) for window in windows) > rule.burn


def significant(
    ticks: Sequence[SLI], slo: float, period: int, share: float = 0.02
) -> set[int]:
    """The ticks of every event whose bad operations are more than `share` of the budget
    of `period` ticks, at as many operations a tick as these ticks have on average."""
    most = Fraction(str(share)) * _spendable(ticks, slo, period)
    found: set[int] = set()
    for event in _events(ticks, slo):
        if sum(ticks[now].bad for now in event) > most:
            found.update(event)
    return found


def _events(ticks: Sequence[SLI], slo: float) -> list[list[int]]:
    return stretches(n for n, tick in enumerate(ticks) if _burns(tick, slo) > 1)


def _spendable(ticks: Sequence[SLI], slo: float, period: int) -> Fraction:
    """How many operations may be bad in `period` ticks like these."""
    everything = sum(ticks, SLI(0, 0))
    return _allowed(slo) * _some(everything.total) * period / len(ticks)


# The promise of a pager. Each kind of request has an indicator and a budget of its own:
# in a common one, a checkout that fails for all is hidden by the many pages that do not


def rang(history: History) -> set[int]:
    """The ticks on which the pager rang."""
    return {op.extra["tick"] for op in history.ops("page", outcome="ok") if op.value}


@check(
    "who suffers is seen in time",
    "ticks",
    "Somebody is paged before one event has spent the budget of {period} ticks.",
    "nobody called",
)
def paged_in_time(
    history: History,
    *,
    slo: float,
    period: int,
    good: Good = answered,
    disturbed: Callable[[History], Collection[int]] = lambda history: (),
) -> Findings:
    """Is somebody paged for what users suffer, before it has cost too much?

    Judged by what the clients saw, kind by kind of their operations. An event that
    spends more than the budget of `period` ticks must have a page on one of its ticks,
    at the end of which it had not yet spent more.

    disturbed: the ticks on which what the rule reads may have come from elsewhere. An
    event that was paged for on such ticks alone proves nothing: the verdict is unknown.

    Violation: a tick of an event that nobody was paged for in time.

    Counts: events that had to be paged.

    Cost: O(n) for each kind.
    """
    found, paged, luck = Findings(), rang(history), set(disturbed(history))
    found.counts = {"events": 0}
    missed: set[int] = set()
    for op, seen in _kinds(history, good):
        found.checked = max(found.checked, len(seen))
        most = _spendable(seen, slo, period)
        for event in _events(seen, slo):
            spent = list(accumulate(seen[now].bad for now in event))
            if spent[-1] <= most:
                continue
            found.counts["events"] += 1
            early = {n for n, cost in zip(event, spent, strict=True) if cost <= most}
            if paged & early and not (paged & early) - luck:
                found.doubt = (
                    f"{_when(event)}: paged where this computer was busy with "
                    "something else than the shop"
                )
            if not paged & early:
                late = "paged too late" if paged & set(event) else "nobody was paged"
                told = f"{_when(event)}: {spent[-1]} failed ({op}), {late}"
                for now in event:
                    bad = _bad(history, op, now, good)
                    if now in missed:  # by another kind: a tick counts once
                        found.where.update(one.op_id for one in bad)
                    else:
                        found.broke(told, event[0], ops=bad)
                missed |= set(event)
    return found


@check(
    "nobody is woken in vain",
    "ticks",
    "Nobody is paged but for an event that spent the budget of {least} ticks or more, "
    "until {after} ticks after its end.",
    "nobody called",
)
def woken_for_users(
    history: History, *, slo: float, least: int, after: int, good: Good = answered
) -> Findings:
    """Is nobody woken while users are fine, or for too little?

    Judged by what the clients saw, kind by kind of their operations.

    Violation: a tick on which the pager rang, that belongs to no event which spent the
    budget of `least` ticks or more, nor to the `after` ticks behind one.

    Cost: O(n) for each kind.
    """
    found, needed = Findings(), set[int]()
    for _, seen in _kinds(history, good):
        found.checked = max(found.checked, len(seen))
        enough = _spendable(seen, slo, least)
        for event in _events(seen, slo):
            if sum(seen[now].bad for now in event) >= enough:
                needed |= set(range(event[0], event[-1] + after + 1))
    for call in stretches(rang(history) - needed):
        for now in call:
            rung = [op for op in history.ops("page") if op.extra["tick"] == now]
            found.broke(f"{_when(call)}: somebody was woken in vain", call[0], ops=rung)
    return found


def monitored(history: History) -> History:
    """What a paging rule can know: the figures and pages so far, and none of the
    clients' own operations, which nobody writes down in life. Cost: O(n)."""
    made = History(history.lab, history.run)
    for op in history.ops(inner=True):
        made.add(op)
    return made


def replayed(history: History, way: Callable[[History, int], bool]) -> History:
    """The same day under another rule: what the pager would have done, had it been
    `way`(what was `monitored` so far, tick). Cost: O(n), and one call of `way` a tick.
    """
    made = History(history.lab, history.run)
    known = History(history.lab, history.run)
    for op in history.ops():
        value = way(known, op.extra["tick"]) if op.op == "page" else op.value
        made.add(replace(op, value=value))
        if op.inner:
            known.add(replace(op, value=value))
    return made


def _kinds(history: History, good: Good) -> Iterator[tuple[str, list[SLI]]]:
    for op in sorted({one.op for one in history.ops(inner=False)}):
        yield op, ticks(history, good, op)


def _bad(history: History, op: str, tick: int, good: Good) -> list[Op]:
    called = history.ops(op, inner=False)
    return [one for one in called if one.extra["tick"] == tick and not good(one)]


def _when(ticks: list[int]) -> str:
    first, last = ticks[0], ticks[-1]
    return f"tick {first}" if first == last else f"ticks {first} to {last}"


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
