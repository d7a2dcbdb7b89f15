"""What the checks share: which operations count, their order, and their words."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from math import inf
from typing import Any

from ..history import History, Op
from .registry import Findings, text

Moment = tuple[float, bool]  # see `called` and `ended`

TOLERANCE = 1e-9  # by so much a float may pass a bound: arithmetic is not exact


# Which operations count


def named(history: History, *names: str) -> list[Op]:
    """The operations of these names, in order of call."""
    wanted = frozenset(names)
    return [op for op in history.ops() if op.op in wanted]


def acknowledged(findings: Findings, ops: Iterable[Op]) -> list[Op]:
    """Those that are ok; one that has no return all the same puts all in doubt."""
    kept = []
    for op in ops:
        if op.outcome == "ok" and op.t_ret is not None:
            kept.append(op)
        elif op.outcome == "ok":
            doubt(findings, f"operation {op.op_id} is ok but never returned")
    return kept


def reads(findings: Findings, history: History) -> list[Op]:
    """Reads that show their client something, or that nothing is there."""
    kept = []
    for op in acknowledged(findings, named(history, "read", "get")):
        if op.version is not None or (op.op == "read" and op.value is None):
            kept.append(op)
        elif op.value is not None:
            lacks = "has a value but carries no version"
            doubt(findings, f"operation {op.op_id} {lacks}")
    return kept


def writes(findings: Findings, history: History) -> list[Op]:
    told = acknowledged(findings, named(history, "write"))
    return [op for op in told if op.version is not None]


def doubt(findings: Findings, why: str) -> None:
    """The first reason why nothing can be said is kept."""
    findings.doubt = findings.doubt or why


# Their order


def called(op: Op) -> Moment:
    """When it was called. A is before B when ended(A) <= called(B): at one instant,
    an operation of no length has no order with another of no length."""
    return op.t_call, op.t_ret != op.t_call


def ended(op: Op) -> Moment:
    """When it returned; never, while no answer has come."""
    return (inf, True) if op.t_ret is None else (op.t_ret, op.t_ret == op.t_call)


def before(a: Op, b: Op) -> bool:
    return ended(a) <= called(b)


def in_time(ops: Iterable[Op]) -> Iterator[tuple[Op, bool]]:
    """Calls (False) and returns (True), so that what is before a call comes before it
    and nothing else does. An operation without an answer returns at the end."""
    calls = sorted(ops, key=called)
    ends = sorted(calls, key=ended)
    due = 0
    for op in calls:
        now = called(op)
        while ended(ends[due]) <= now:
            yield ends[due], True
            due += 1
        yield op, False
    for op in ends[due:]:
        yield op, True


def exceeds(number: float, bound: float) -> bool:
    """More than the bound, and by more than floating point may have added: 0.4 - 0.1
    does not exceed 0.3. The tolerance is a billionth, of the bound if that is above 1.
    """
    return number > bound + TOLERANCE * max(1.0, abs(bound))


# What they say


def version_of(op: Op) -> float:
    """The version written or seen; below every version when a read found nothing."""
    return -inf if op.version is None else op.version


def same(value: Any) -> str | int:
    """What is equal for equal values of one type: hashable, and the same for a saved
    and a loaded history. What JSON lacks (a datetime, a Decimal) equals no text."""
    if isinstance(value, str):
        return '"' + value
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return json.dumps(value, sort_keys=True, default=_typed)


def alike(value: Any) -> str:
    """The same text for values that may be one another in another type.

    A number and its text, 1 and 1.0 and Decimal(1) and true, a moment and its text,
    bytes and their text, and lists and objects made of such.
    """
    if isinstance(value, dict):
        pairs = sorted((str(key), alike(part)) for key, part in value.items())
        return json.dumps(pairs)
    if isinstance(value, list | tuple | set | frozenset):
        return json.dumps([alike(part) for part in value])
    if isinstance(value, date):
        return _moment(value)
    words = str(int(value)) if isinstance(value, bool) else text(value).strip()
    try:
        plain = Decimal(words)
        return words if plain.is_nan() else str(plain.normalize() + 0)
    except InvalidOperation:
        pass
    try:
        return _moment(datetime.fromisoformat(words))
    except ValueError:
        return words


def identity(op: Op) -> Hashable:
    """What makes two messages one: their id, else their key and value."""
    named = op.extra.get("id")
    return (op.key, same(op.value)) if named is None else same(named)


def _typed(value: Any) -> Any:
    return [type(value).__name__, str(value)]


def _moment(value: date) -> str:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return (value.astimezone(UTC) if value.tzinfo else value).isoformat()


# Their words


def message_of(op: Op) -> str:
    kind, name = "message", op.extra.get("id")
    if name is None:
        kind, name = "value", op.value
    name = name if isinstance(name, str) else f"{kind} {name}"
    return name if op.key is None else f"{name} of {op.key}"


def read_of(op: Op, of: str = "") -> str:
    saw = "nothing" if op.version is None else f"version {op.version}"
    return f"read {saw}{of}" + (f" from {op.node}" if op.node else "")


def several_keys(ops: Iterable[Op]) -> bool:
    return len({op.key for op in ops}) > 1


def of_key(op: Op, needed: bool) -> str:
    """The key, where leaving it out would leave the reader guessing."""
    return f" of {op.key}" if needed else ""


def times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def is_write(op: Op) -> bool:
    return op.op == "write"


def is_read(op: Op) -> bool:
    return op.op != "write"


def backwards(
    findings: Findings,
    ops: list[Op],
    sentence: Callable[[Op, float, str], str],
    *,
    series: Callable[[Op], tuple] = lambda op: (op.client, op.key),
    sets: Callable[[Op], bool] = lambda op: True,
    owes: Callable[[Op], bool] = lambda op: True,
) -> Findings:
    """Operations with a version below the highest of those before them in their series.

    series: a client's, of one key, or another. sets: which operations raise the
    highest. owes: which must not be below it; those with one before them are checked.
    sentence: of such an operation, the highest version and its key.
    """
    several = several_keys(ops)
    highest: dict[tuple, float] = {}
    for op, returned in in_time(ops):
        own = series(op)
        if returned and sets(op):
            highest[own] = max(version_of(op), highest.get(own, -inf))
        elif not returned and owes(op) and own in highest:
            findings.checked += 1
            if version_of(op) < highest[own]:
                said = sentence(op, highest[own], of_key(op, several))
                findings.broke(said, op.client, op.key, ops=[op])
    return findings
