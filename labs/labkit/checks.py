"""Promises, checked against what the clients saw.

A check is a pure function from a `History` to a `Verdict`. Its docstring defines every
term, then says what counts as a violation, then what the check costs for n operations.

Terms that all checks share:

acknowledged   the outcome is "ok": the client was told that it was done
in doubt       the outcome is "unknown": it may or may not have been done, so it is
               neither owed nor forbidden
before         A is before B when A returned no later than B was called; operations that
               overlap in time have no order, and no check pretends that they do
read           an acknowledged "read" or "get". Without value and version, a "read"
               found nothing, which is older than every version; a "get" was a miss of
               a cache, which shows its client nothing and is not checked. A value
               without its version cannot be judged: the verdict is unknown
write          a "write" that carries a version; versions of a key only grow
message        what "produce" sends and "process" handles: known by extra["id"] if
               there is one, else by key and value, so each needs its own

A violation is reported only where the history leaves no other reading. A check with
nothing to check, or one that crashes, is unknown: red, and never a pass.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from statistics import median
from typing import Any

from .history import History, Op

MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Verdict:
    """What a check found in one history.

    check       the promise's name: "read your writes"
    state       "holds", "violated" or "unknown"
    checked     how many `unit` were checked; violations: how many of them broke it
    examples    at most three different sentences about what a client saw
    definition  the promise in one sentence
    counts      further numbers by name, for prose and tables
    reason      why the state is unknown, else ""
    unit        what was checked, in the plural: "reads"

    The same history gives an equal verdict, word for word: no times, no random ids.
    """

    check: str
    state: str
    checked: int
    violations: int
    examples: tuple[str, ...]
    definition: str
    counts: dict[str, Any]
    reason: str = ""
    unit: str = "operations"

    @property
    def holds(self) -> bool:
        return self.state == "holds"

    @property
    def violated(self) -> bool:
        return self.state == "violated"

    @property
    def unknown(self) -> bool:
        return self.state == "unknown"

    def __str__(self) -> str:
        total = counted(self.checked, self.unit)
        found = {
            "holds": f"{total} checked",
            "violated": f"{self.violations} of {total}",
            "unknown": self.reason,
        }
        first = f"{self.state.upper():<8}  {self.check}: {found[self.state]}"
        return "\n".join([first, *(f"  {example}" for example in self.examples)])


def counted(number: int, plural: str) -> str:
    """ "1 read", "2 reads", "1 entry": a count and its noun, which agree."""
    if number != 1:
        return f"{number} {plural}"
    singular = re.sub("ies$", "y", plural)
    return f"1 {singular.removesuffix('s') if singular == plural else singular}"


def combine(*verdicts: Verdict) -> Verdict:
    """One verdict for several: violated if any is, else unknown if any is, else holds.

    It counts promises, keeps the first three examples, and counts the states.
    """
    by_state = {
        state: [verdict for verdict in verdicts if verdict.state == state]
        for state in ("violated", "unknown", "holds")
    }
    names = list(dict.fromkeys(verdict.check for verdict in verdicts))
    definitions = dict.fromkeys(verdict.definition for verdict in verdicts)
    reasons = [f"{verdict.check}: {verdict.reason}" for verdict in by_state["unknown"]]
    state = next((state for state, found in by_state.items() if found), "unknown")
    examples = [line for verdict in by_state["violated"] for line in verdict.examples]
    return Verdict(
        check=_listed(names) or "no check",
        state=state,
        checked=len(verdicts),
        violations=len(by_state["violated"]),
        examples=tuple(examples[:MOST_EXAMPLES]),
        definition=" ".join(definitions),
        counts={state: len(found) for state, found in by_state.items()},
        reason=("; ".join(reasons) or "no verdicts") if state == "unknown" else "",
        unit="promises",
    )


# How a check becomes a verdict


@dataclass
class Findings:
    """What a check gathers: how many it `checked`, and what `broke` the promise."""

    checked: int = 0
    broken: list[tuple[list, str]] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    doubt: str = ""  # why nothing can be said although something was checked

    def broke(self, sentence: str, *order: Any) -> None:
        """Note one violation. Examples are chosen by `order`, not by time: which of
        two concurrent clients came first differs from run to run."""
        self.broken.append(([_natural(part) for part in order], sentence))

    def examples(self) -> tuple[str, ...]:
        ranked = sorted(self.broken, key=lambda pair: pair[0])
        different = dict.fromkeys(sentence for _, sentence in ranked)
        return tuple(different)[:MOST_EXAMPLES]


def check(
    name: str, unit: str, definition: str, needs: str
) -> Callable[[Callable[..., Findings]], Callable[..., Verdict]]:
    """Make a function that returns `Findings` into a check that returns a `Verdict`.

        @check("small pages", "pages", "A page is small.", "nobody opened a page")
        def small_pages(history):
            found = Findings()
            for op in history.ops("read", outcome="ok"):
                found.checked += 1
                if op.extra["bytes"] > 1000:
                    found.broke(f"{op.client} waited for a large page", op.client)
            return found

    `definition` may name parameters in braces; `needs` ends "nothing to check: ...".
    An exception inside the check makes the verdict unknown, with its text as reason;
    a call that does not fit the check's signature raises TypeError as usual.
    """

    def decorate(find: Callable[..., Findings]) -> Callable[..., Verdict]:
        signature = inspect.signature(find)

        @functools.wraps(find)
        def checked(history: History, **params: Any) -> Verdict:
            bound = signature.bind(history, **params)
            bound.apply_defaults()
            reason, findings = "", Findings()
            try:
                findings = find(*bound.args, **bound.kwargs)
            except Exception as error:
                reason = f"the check crashed: {type(error).__name__}: {error}"
            if not reason and not findings.checked:
                reason = findings.doubt or f"nothing to check: {needs}"
            violations = len(findings.broken)
            if not reason and not violations:
                reason = findings.doubt
            state = "violated" if violations else "holds"
            return Verdict(
                check=name,
                state="unknown" if reason else state,
                checked=findings.checked,
                violations=violations,
                examples=findings.examples(),
                definition=definition.format(**bound.arguments),
                counts=findings.counts,
                reason=reason,
                unit=unit,
            )

        return checked

    return decorate


# Checks of what a client reads


@check(
    "read your writes",
    "reads",
    "A client that has been told that its write is done never reads an older version.",
    "no client read what it had written",
)
def read_your_writes(history: History) -> Findings:
    """Does a client see its own acknowledged writes?

    A client's *own write* to a key is an acknowledged write by the same client. A read
    is *owed* the highest version among the client's own writes of that key that are
    before it. Reads to which nothing is owed are not checked. A write in doubt is not
    owed; a read that shows it, or shows another client's later version, is fine.

    Violation: a read whose version is below the one that it is owed.

    Cost: O(n) after a sort by time.
    """
    findings, several_keys = Findings(), _several_keys(history)
    owed: dict[tuple, float] = {}
    for op, returned in _in_time(_reads(history) + _writes(history)):
        own = (op.client, op.key)
        if op.op == "write" and returned:
            owed[own] = max(_version(op), owed.get(own, -inf))
        elif op.op != "write" and not returned and own in owed:
            findings.checked += 1
            if _version(op) < owed[own]:
                wrote = f"wrote version {owed[own]}{_of(op, several_keys)}"
                findings.broke(f"{op.client} {wrote} and then {_read(op)}", *own)
    return findings


@check(
    "monotonic reads",
    "reads",
    "A client that has seen a version never reads an older one afterwards.",
    "no client read the same key twice",
)
def monotonic_reads(history: History) -> Findings:
    """Does time run forwards for a client?

    A read *follows* the client's reads of the same key that are before it, and only
    reads that follow another are checked. Two reads that overlap may see either order.

    Violation: a read whose version is below the highest that it follows. Deleting a key
    is not modelled: finding nothing after having found something is a violation.

    Cost: O(n) after a sort by time.
    """
    findings, several_keys = Findings(), _several_keys(history)
    highest: dict[tuple, float] = {}
    for op, returned in _in_time(_reads(history)):
        own = (op.client, op.key)
        if returned:
            highest[own] = max(_version(op), highest.get(own, -inf))
        elif own in highest:
            findings.checked += 1
            if _version(op) < highest[own]:
                saw = f"read version {highest[own]}{_of(op, several_keys)}"
                findings.broke(f"{op.client} {saw} and then {_read(op)}", *own)
    return findings


@check(
    "staleness bound",
    "reads",
    "No read is older than the bound in {in_}: {bound:g}.",
    "no read came after an acknowledged write of its key",
)
def staleness_bound(
    history: History, *, bound: float, in_: str = "versions"
) -> Findings:
    """Is what a client reads fresh enough?

    A version of a key is *superseded* when the write of a later version of that key is
    acknowledged, at the moment that write returned, whoever wrote. A read's *age in
    versions* is the number of later versions acknowledged before it; its *age in
    seconds* is the time from the first of those acknowledgements to the read's call.
    Versions in doubt supersede nothing. Reads that no acknowledged write of their key
    is before are not checked.

    Violation: a read older than `bound` versions or seconds, as `in_` says.

    Cost: O(n log n).
    """
    if in_ not in ("versions", "seconds"):
        raise ValueError(f"in_ is 'versions' or 'seconds', not {in_!r}")
    findings, several_keys = Findings(), _several_keys(history)
    acknowledged: dict[Any, list[float]] = defaultdict(list)  # in order, by key
    distinct: dict[Any, set[float]] = defaultdict(set)  # the same, to look up
    writes = _writes(history)
    superseded = _superseded(writes)
    for op, returned in _in_time(_reads(history) + writes):
        versions = acknowledged[op.key]
        if op.op == "write" and returned and _version(op) not in distinct[op.key]:
            distinct[op.key].add(_version(op))
            insort(versions, _version(op))
        elif op.op != "write" and not returned and versions:
            findings.checked += 1
            behind = len(versions) - bisect_right(versions, _version(op))
            when = f"when version {versions[-1]} was acknowledged"
            when += f": {counted(behind, 'versions')} behind, and {bound:g} allowed"
            age: float = behind
            if behind and in_ == "seconds":
                age = op.t_call - superseded(op)
                limit = "1 second" if bound == 1 else f"{bound:g} seconds"
                when = f"more than {limit} after a later one was acknowledged"
            if age > bound:
                what = _read(op, _of(op, several_keys))
                findings.broke(f"{op.client} {what} {when}", op.client, op.key)
    return findings


# Checks of who is answered


@check(
    "everybody is answered",
    "requests",
    "Whoever asks is answered, and not with an error.",
    "nobody asked",
)
def everybody_is_answered(history: History, *, asks: str = "read") -> Findings:
    """Is everybody answered?

    A *request* is an operation named `asks` that a client set out to do; what the
    system does in answer (`inner`) is none. It is *answered* when it is acknowledged.

    Violation: a request that was not answered, whether it failed or is in doubt. The
    examples are what clients were told; which of them were refused is often luck.

    Counts: answered.

    Cost: O(n).
    """
    findings = Findings()
    for op in history.ops(asks, inner=False):
        findings.checked += 1
        if op.outcome != "ok":
            # an error of a connection begins with an address, which differs
            told = re.split(r"(?:FATAL|failed): +", op.error or "nothing")[-1]
            findings.broke(f"a client was told: {told}", told)
    findings.counts = {"answered": findings.checked - len(findings.broken)}
    return findings


# Checks of what is stored and what is processed


@check(
    "no acknowledged write is lost",
    "acknowledged writes",
    "A write that a client was told is done is still there at the end.",
    "no write was acknowledged",
)
def lost_acknowledged_writes(history: History, *, survived: Iterable[Any]) -> Findings:
    """Is everything still there that a client was told is stored?

    A *write* here is a "write" or a "produce", with or without a version, whose value
    no other write replaces: an order, a row, a record of a log. *Survived* are the
    values that were read back at the end. A write in doubt is never lost: it may
    survive or not. A value that survived under another type (3 and "3") makes the
    verdict unknown, because the comparison, not the server, is at fault.

    Violation: an acknowledged write whose value did not survive.

    Counts: acknowledged, lost, in_doubt, in_doubt_survived, and unexpected: values that
    survived although no write that was acknowledged or is in doubt carries them.

    Cost: O(n + number of survivors).
    """
    findings = Findings()
    there = {_same(value): value for value in survived}
    texts = {_text(value) for value in there.values()}
    writes = history.ops("write") + history.ops("produce")
    told = [op for op in writes if op.outcome == "ok"]
    doubt = {_same(op.value) for op in writes if op.outcome == "unknown"}
    for op in told:
        findings.checked += 1
        if _same(op.value) in there:
            continue
        if _text(op.value) in texts:
            raise TypeError(f"{op.value!r} survived, but as a value of another type")
        stored = f"{op.client} was told that {_message(op)} was stored"
        findings.broke(f"{stored}, and it is gone", op.client, op.key, op.value)
    known = {_same(op.value) for op in told}
    findings.counts = {
        "acknowledged": len(told),
        "lost": len(findings.broken),
        "in_doubt": len(doubt - known),
        "in_doubt_survived": len((doubt - known) & there.keys()),
        "unexpected": len(there.keys() - known - doubt),
    }
    return findings


@check(
    "no duplicates",
    "messages",
    "No message is processed more than once.",
    "no message was processed",
)
def duplicates(history: History) -> Findings:
    """Is each message processed once?

    A message is *processed* by an acknowledged "process"; one in doubt may have had no
    effect, so it makes no duplicate. Each message is counted once, however often it
    was processed; that it is processed at all is not checked here.

    Violation: a message that was processed more than once.

    Counts: processed, and extra: how many of those were one too many.

    Cost: O(n).
    """
    findings = Findings()
    processed: dict[str, list[Op]] = defaultdict(list)
    for op in history.ops("process", outcome="ok"):
        processed[_identity(op)].append(op)
    for ops in processed.values():
        findings.checked += 1
        if len(ops) > 1:
            clients = sorted({op.client for op in ops}, key=_natural)
            times = f"processed {_times(len(ops))} by {_listed(clients)}"
            first = ops[0]
            name = _message(first)
            findings.broke(f"{name} was {times}", first.key, name)
    total = sum(map(len, processed.values()))
    findings.counts = {"processed": total, "extra": total - len(processed)}
    return findings


@check(
    "order by key",
    "messages",
    "Messages of one key are processed in the order in which they were produced.",
    "no two messages of one key were produced and processed",
)
def key_order(history: History) -> Findings:
    """Are the messages of one key processed in the order in which they were produced?

    A message is *produced* from its first call of "produce" that did not fail until the
    first that was acknowledged; while it is only in doubt, it is not known to be before
    any other. It is *processed* by the first acknowledged "process" of it; later ones
    are duplicates, which are another check's business, and so are messages that are
    never processed. A message is checked when its produce is in the history and another
    message of its key was processed before it.

    Violation: a message processed after one whose production it was before.

    Cost: O(n) after a sort by time.
    """
    findings = Findings()
    called: dict[str, Op] = {}
    settled: dict[str, float] = {}
    for op in history.ops("produce"):
        name = _identity(op)
        if op.outcome != "fail":
            called.setdefault(name, op)
        if op.outcome == "ok":
            settled[name] = min(_returned(op), settled.get(name, inf))
    first: dict[str, Op] = {}
    for op in history.ops("process", outcome="ok"):
        if _identity(op) in called:
            first.setdefault(_identity(op), op)
    latest: dict[Any, Op] = {}  # by key: the processed message that was produced last
    for op, returned in _in_time(first.values()):
        name, last = _identity(op), latest.get(op.key)
        if returned:
            if last is None or called[name].t_call > last.t_call:
                latest[op.key] = called[name]
        elif last is not None:
            findings.checked += 1
            if settled.get(name, inf) <= last.t_call:
                late = f"{op.client} processed {_message(op)} after {_message(last)}"
                sentence = f"{late}, which was produced later"
                findings.broke(sentence, op.key, _message(op))
    return findings


@check(
    "rebuilds per expiry",
    "periods",
    "Per expiry, a key's value is rebuilt no more often than allowed: {allowed}.",
    "nothing was rebuilt",
)
def rebuilds_per_expiry(history: History, *, allowed: int = 1) -> Findings:
    """Does an expiry cost one rebuild, or one from every client that noticed?

    A key's *period* runs from the call of one "expire" of that key to the next; the
    first begins with the history, when the cache is cold. An "expire" that failed
    delimits nothing. A "rebuild" belongs to the period in which it was called, and
    counts whatever its outcome: the source was asked. Periods without a rebuild are
    not checked.

    Violation: a period with more than `allowed` rebuilds.

    Counts: rebuilds, and most: the highest number in one period.

    Cost: O(n) after a sort by time.
    """
    findings = Findings()
    expiries: Counter[Any] = Counter()
    rebuilds: Counter[tuple[Any, int]] = Counter()
    for op in history:
        if op.op == "expire" and op.outcome != "fail":
            expiries[op.key] += 1
        elif op.op == "rebuild":
            rebuilds[op.key, expiries[op.key]] += 1
    for (key, period), count in rebuilds.items():
        findings.checked += 1
        if count > allowed:
            when = f"after expiry {period}" if period else "before its first expiry"
            rebuilt = f"{key} was rebuilt {_times(count)} {when}"
            findings.broke(f"{rebuilt}, and {allowed} allowed", key, period)
    findings.counts = {
        "rebuilds": rebuilds.total(),
        "most": max(rebuilds.values(), default=0),
    }
    return findings


# Checks of partitions


@check(
    "every partition moves",
    "partitions",
    "No partition that has lag keeps the same committed offset for {polls} polls.",
    "no partition was polled",
)
def partition_progress(history: History, *, polls: int = 5) -> Findings:
    """Does every partition that has work move?

    A *poll* is an acknowledged "poll" with extra {partition, lag, committed}: for one
    partition, how many records wait and the consumer's committed offset (None before
    the first commit). The polls of a partition are taken in order of call; partitions
    of different topics are told apart by `key`. A partition is *decided* when it had
    at least `polls` polls or its last poll showed no lag; if none stood still and one
    is not decided, the verdict is unknown.

    Violation: a partition that *stood still*, which is `polls` polls (two or more) in a
    row that all show lag and the same committed offset.

    Counts: lag (the sum over all partitions of the last poll), stalled (how many stood
    still), stalled_partitions (which).

    Cost: O(n) after a sort by time.
    """
    if polls < 2:
        raise ValueError("one poll cannot show that an offset stands still")
    findings, still, lag = Findings(), [], 0
    seen: dict[tuple, list[Op]] = defaultdict(list)
    for op in history.ops("poll", outcome="ok"):
        seen[op.key, op.extra["partition"]].append(op)
    for (key, partition), ops in sorted(seen.items(), key=lambda i: _natural(i[0])):
        last_lag = ops[-1].extra["lag"]
        lag += last_lag
        name = f"partition {partition}" + (f" of {key}" if key else "")
        stood = next((op for op, row in _standing(ops) if row >= polls), None)
        if stood:
            still.append(partition)
            at = stood.extra["committed"]
            where = "before its first commit" if at is None else f"at offset {at}"
            stay = f"{name} stood still {where} for {polls} polls"
            findings.broke(f"{stay}, with records waiting", key, partition)
        elif len(ops) < polls and last_lag > 0:
            findings.doubt = f"{name} still had lag after {counted(len(ops), 'polls')}"
            continue
        findings.checked += 1
    findings.counts = {"lag": lag, "stalled": len(still), "stalled_partitions": still}
    return findings


@check(
    "partitions share the load",
    "partitions",
    "No partition gets more than {at_most:g} times the median number of records.",
    "records went to fewer than two partitions",
)
def partition_skew(
    history: History, *, at_most: float = 3.0, partitions: int | None = None
) -> Findings:
    """Do the partitions share the records?

    A partition's *load* is the number of acknowledged "produce" operations with its
    number as extra["partition"]. The *median* is over `partitions` partitions if that
    is given, else over those that got a record: a history cannot show the empty ones.
    With fewer than two partitions there is nothing to share; of two, neither can get
    more than twice the median, so the verdict is unknown if `at_most` is 2 or more.

    Violation: a partition whose load is more than `at_most` times the median.

    Counts: records, most, median, skew (most / median; None when the median is 0).

    Cost: O(n).
    """
    findings = Findings()
    load = Counter(op.extra["partition"] for op in history.ops("produce", outcome="ok"))
    loads = [*load.values()] + [0] * ((partitions or 0) - len(load))
    if len(loads) < 2 or not load:
        return findings
    findings.checked, records, middle = len(loads), load.total(), median(loads)
    if len(loads) == 2 and at_most >= 2:  # their median is half of all records
        findings.doubt = "of two partitions, neither gets more than twice the median"
    for partition, count in load.items():
        if count > at_most * middle:
            got = f"partition {partition} got {count} of {counted(records, 'records')}"
            ratio = f"{count / middle:.1f} times the median" if middle else "median: 0"
            findings.broke(f"{got}, {ratio}", partition)
    findings.counts = {
        "records": records,
        "most": max(loads),
        "median": middle,
        "skew": round(max(loads) / middle, 1) if middle else None,
    }
    return findings


# What the checks share


def _reads(history: History) -> list[Op]:
    ops = history.ops("read", outcome="ok") + history.ops("get", outcome="ok")
    # a value alone is kept, so that `_version` tells of the version that was forgotten
    return [
        op for op in ops if op.op == "read" or (op.version, op.value) != (None, None)
    ]


def _writes(history: History) -> list[Op]:
    return [o for o in history.ops("write", outcome="ok") if o.version is not None]


def _in_time(ops: Iterable[Op]) -> Iterator[tuple[Op, bool]]:
    """Calls (False) and returns (True) in order of time.

    At one instant, returns come before calls, save that an operation of no length does
    not return before its own call.
    """
    moments = []
    for op in ops:
        end = _returned(op)
        moments.append((op.t_call, 1, op.op_id, op))
        moments.append((end, 0 if end > op.t_call else 2, op.op_id, op))
    for _, rank, _, op in sorted(moments, key=lambda moment: moment[:3]):
        yield op, rank != 1


def _version(op: Op) -> float:
    """The version written or seen; below every version when a read found nothing."""
    if op.version is None and op.value is not None:
        raise ValueError(f"operation {op.op_id} has a value but carries no version")
    return -inf if op.version is None else op.version


def _returned(op: Op) -> float:
    if op.t_ret is None:
        raise ValueError(f"operation {op.op_id} is {op.outcome} but never returned")
    return op.t_ret


def _superseded(writes: Iterable[Op]) -> Callable[[Op], float]:
    """A read of a superseded version -> when that version was, in seconds."""
    by_key: dict[Any, list[tuple[float, float]]] = defaultdict(list)
    for op in sorted(writes, key=_version, reverse=True):
        earlier = by_key[op.key][-1][1] if by_key[op.key] else inf
        by_key[op.key].append((_version(op), min(_returned(op), earlier)))
    for pairs in by_key.values():
        pairs.reverse()

    def when(read: Op) -> float:
        pairs = by_key[read.key]
        place = bisect_right(pairs, _version(read), key=lambda pair: pair[0])
        return pairs[place][1]

    return when


def _standing(polls: Iterable[Op]) -> Iterator[tuple[Op, int]]:
    """Each poll, with how many in a row have shown lag and its committed offset."""
    row, before = 0, object()
    for op in polls:
        committed = op.extra["committed"]
        row = 0 if op.extra["lag"] <= 0 else row + 1 if committed == before else 1
        before = committed
        yield op, row


def _same(value: Any) -> str:
    """A value's JSON: hashable, and the same for a saved and a loaded history."""
    return json.dumps(value, sort_keys=True, default=str)


def _identity(op: Op) -> str:
    return _same(op.extra.get("id", [op.key, op.value]))


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _natural(value: Any) -> list:
    """A sort key that puts client2 before client10."""
    parts: list = re.split(r"([0-9]+)", _text(value))
    parts[1::2] = map(int, parts[1::2])
    return parts


# Words


def _message(op: Op) -> str:
    kind, name = "message", op.extra.get("id")
    if name is None:
        kind, name = "value", op.value
    name = name if isinstance(name, str) else f"{kind} {name}"
    return name if op.key is None else f"{name} of {op.key}"


def _read(op: Op, of: str = "") -> str:
    saw = "nothing" if op.version is None else f"version {op.version}"
    return f"read {saw}{of}" + (f" from {op.node}" if op.node else "")


def _several_keys(history: History) -> bool:
    return len({op.key for op in _reads(history) + _writes(history)}) > 1


def _of(op: Op, needed: bool) -> str:
    """The key, where leaving it out would leave the reader guessing."""
    return f" of {op.key}" if needed else ""


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _listed(names: list[str]) -> str:
    *most, last = names or [""]
    return f"{', '.join(most)} and {last}" if most else last
