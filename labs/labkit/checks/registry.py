"""How a function that gathers findings becomes a check, and the table of all checks."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from heapq import nsmallest
from math import isnan
from numbers import Real
from typing import Any

from ..history import History, Op
from .verdict import MOST_EXAMPLES, Verdict

Check = Callable[..., Verdict]


@dataclass
class Findings:
    """What a check gathers: how many it `checked`, and what `broke` the promise."""

    checked: int = 0
    broken: list[tuple[tuple, str]] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    doubt: str = ""  # why nothing can be said although something was checked
    shown: str = ""  # a sentence to show where nothing was broken
    where: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        if (gathered := _gathered.get()) is not None:
            gathered.append(self)

    def broke(self, sentence: str, *order: Any, ops: Iterable[Op | int] = ()) -> None:
        """Note one violation, and the operations `ops` (or their op_ids) that are it.

        Examples are chosen by `order`, not by time: which of two concurrent clients
        came first differs from run to run.
        """
        self.broken.append((order, sentence))
        self.where.update(op.op_id if isinstance(op, Op) else op for op in ops)

    def examples(self) -> tuple[str, ...]:
        if not self.broken:
            return (self.shown,) if self.shown else ()
        first: dict[str, list] = {}  # sentence -> the lowest order that it has
        for order, sentence in self.broken:
            rank = [natural(part) for part in order]
            if sentence not in first or rank < first[sentence]:
                first.pop(sentence, None)
                first[sentence] = rank
        return tuple(nsmallest(MOST_EXAMPLES, first, key=first.__getitem__))


# The findings that the check which runs has made, so that a crash does not lose them.
_gathered: ContextVar[list[Findings] | None] = ContextVar("gathered", default=None)


def number(value: Any, name: str) -> float:
    """The value, if it is a number by which something can be bounded.

    Raises ValueError for what is no number, for NaN, and for a truth value.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or isnan(value):
        raise ValueError(f"{name} must be a number, and is {value!r}")
    return float(value)


def natural(value: Any) -> list:
    """A sort key that puts client2 before client10."""
    return _natural(text(value))


@functools.lru_cache(maxsize=4096)
def _natural(words: str) -> list:
    parts: list = re.split(r"([0-9]+)", words)
    parts[1::2] = map(int, parts[1::2])
    return parts


def text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


@dataclass(frozen=True)
class Entry:
    """One row of the table of checks.

    function   its name in labkit.checks; family: the module that it stands in
    promise    the definition in one sentence, with the defaults of its parameters
    violation and cost: as the docstring says them
    """

    name: str
    function: str
    family: str
    promise: str
    unit: str
    violation: str
    cost: str


_checks: dict[tuple[str, str], Entry] = {}  # by family and function


def check(
    name: str, unit: str, definition: str, needs: str
) -> Callable[[Callable[..., Findings]], Check]:
    """Make a function that returns `Findings` into a check that returns a `Verdict`.

        @check("small pages", "pages", "A page is small.", "nobody opened a page")
        def small_pages(history):
            found = Findings()
            for op in history.ops("read", outcome="ok"):
                found.checked += 1
                if op.extra["bytes"] > 1000:
                    sentence = f"{op.client} waited for a large page"
                    found.broke(sentence, op.client, ops=[op])
            return found

    `definition` may name parameters in braces; `needs` ends "nothing to check: ...".
    An exception inside the check makes the verdict unknown, with its text as reason,
    unless a violation was found before it: then the verdict is violated, and the text
    stands in counts["note"]. A call that does not fit the check's signature raises
    TypeError as usual.
    """

    def decorate(find: Callable[..., Findings]) -> Check:
        register(name, unit, definition, find)
        return make(find, name, unit, definition, needs)

    return decorate


def make(
    find: Callable[..., Findings], name: str, unit: str, definition: str, needs: str
) -> Check:
    """What `check` makes of a function, without an entry in the table of checks."""
    signature = inspect.signature(find)

    @functools.wraps(find)
    def checked(history: History, **params: Any) -> Verdict:
        bound = signature.bind(history, **params)
        bound.apply_defaults()
        crash = ""
        with _gathering() as gathered:
            try:
                findings = find(*bound.args, **bound.kwargs)
            except Exception as error:
                crash = f"the check crashed: {type(error).__name__}: {error}"
                broken = [found for found in gathered if found.broken]
                findings = broken[0] if broken else Findings()
        try:
            told = {name: spelt(value) for name, value in bound.arguments.items()}
            says = definition.format(**told)
        except (TypeError, ValueError) as error:  # a parameter of a wrong kind
            says = definition
            crash = crash or f"the check crashed: {type(error).__name__}: {error}"
        return _verdict(name, unit, says, needs, findings, crash)

    return checked


def spelt(value: Any) -> Any:
    """A parameter as a definition tells it; amounts by name: "0 orders, 5 prices"."""
    if not isinstance(value, Mapping):
        return value
    return ", ".join(f"{amount} {name}" for name, amount in value.items())


def _verdict(
    name: str, unit: str, says: str, needs: str, findings: Findings, crash: str
) -> Verdict:
    reason, violations = crash, len(findings.broken)
    counts = findings.counts
    if violations:
        reason, counts = "", counts | ({"note": crash} if crash else {})
    elif not reason:
        nothing = "" if findings.checked else f"nothing to check: {needs}"
        reason = findings.doubt or nothing
    state = "violated" if violations else "unknown" if reason else "holds"
    return Verdict(
        check=name,
        state=state,
        checked=findings.checked,
        violations=violations,
        examples=findings.examples() if state != "unknown" else (),
        definition=says,
        counts=counts,
        reason=reason,
        unit=unit,
        where=tuple(sorted(findings.where)),
    )


@contextmanager
def _gathering() -> Iterator[list[Findings]]:
    gathered: list[Findings] = []
    token = _gathered.set(gathered)
    try:
        yield gathered
    finally:
        _gathered.reset(token)


# The table of checks


def register(name: str, unit: str, definition: str, find: Callable) -> None:
    """Enter a function that is a check, or that makes one, into the table of checks."""
    family = find.__module__.rpartition(".")
    entry = Entry(
        name=name,
        function=find.__name__,
        family=family[2] if family[0] == __package__ else "",
        promise=_with_defaults(definition, find),
        unit=unit,
        violation=_paragraph(find, "Violation"),
        cost=_paragraph(find, "Cost"),
    )
    _checks[find.__module__, find.__name__] = entry


def table() -> list[Entry]:
    """All checks of labkit, family by family, in the order of their definitions; those
    that a lab has made for itself are left out."""
    return [entry for entry in _checks.values() if entry.family]


def _with_defaults(definition: str, find: Callable) -> str:
    """The definition with each parameter's default, or n where it has none."""
    parameters = inspect.signature(find).parameters

    def value(match: re.Match) -> str:
        default = parameters[match["name"]].default
        if default is inspect.Parameter.empty:
            return "n"
        return f"{{:{match['spec'] or ''}}}".format(default)

    return re.sub(r"\{(?P<name>\w+)(:(?P<spec>\w+))?\}", value, definition)


def _paragraph(find: Callable, head: str) -> str:
    """The paragraph of the docstring that begins with "head: ", in one line."""
    match = re.search(
        rf"^{head}: (.+?)(?:\n\n|\Z)", inspect.getdoc(find) or "", re.M | re.S
    )
    return " ".join(match[1].split()) if match else ""
