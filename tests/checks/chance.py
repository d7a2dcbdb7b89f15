"""Small histories by chance: few clients and keys, whole seconds, every outcome.

Times are so coarse that operations often meet at one instant or have no length, since
there the definitions are easiest to get wrong. Each function takes a source of chance
and returns a history and the parameters of the check that it is for.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from labkit import checks
from labkit.history import History, Op

Case = tuple[History, dict[str, Any]]
CLIENTS = ("ann", "bob")
KEYS = ("x", "y")


def ops(rng: Random, make: Callable[[Random, str], Op], names: str, most: int = 11):
    """A history of up to `most` operations with these names."""
    history, span = History(), rng.choice((9, 9, 40))
    for _ in range(rng.randint(0, most)):
        op = make(rng, rng.choice(names.split()))
        op.t_call = rng.randint(0, span)
        op.t_ret = op.t_call + rng.choice((0, 1, 1, 2, 4))
        op.outcome = rng.choice(("ok",) * 6 + ("fail", "unknown"))
        if op.outcome == "unknown" and rng.random() < 0.5:
            op.t_ret = None
        elif rng.random() < 0.01:
            op.t_ret = None  # ok, and never returned: nothing can be said
        history.add(op)
    return history


def plain(rng: Random, name: str) -> Op:
    return Op(0, rng.choice(CLIENTS), name, rng.choice(KEYS))


def versioned(rng: Random, name: str) -> Op:
    op = plain(rng, name)
    op.version = op.value = rng.choice((None, 0, 1, 2, 3, 4, 5))
    if rng.random() < 0.02:
        op.value = 7
    if name == "write" and rng.random() < 0.7:
        op.extra["based_on"] = rng.choice((0, 1, 2, 3, 4))
    return op


def registers(rng: Random) -> Case:
    """Versions by chance, or as a register would show them, save one now and then."""
    history = ops(rng, versioned, "write write read read read get")
    latest = dict.fromkeys(KEYS, 0)
    for op in history if rng.random() < 0.6 else ():
        if op.op == "write":
            latest[op.key] += 1
        late = rng.choice((0,) * 8 + (1,)) if op.op != "write" else 0
        op.version = op.value = max(0, latest[op.key] - late)
    return history, {}


def staleness(rng: Random) -> Case:
    history, _ = registers(rng)
    in_ = rng.choice(("versions", "seconds"))
    return history, {"bound": rng.choice((0, 1, 2, 3)), "in_": in_}


def watched(rng: Random) -> Case:
    history, _ = registers(rng)
    return history, {"within": rng.choice((0, 1, 3)), "looks": rng.choice((0, 1, 3))}


def updates(rng: Random) -> Case:
    return ops(rng, versioned, "write"), {}


def answers(rng: Random) -> Case:
    history = ops(rng, plain, "read write")
    for op in history:
        op.inner = rng.random() < 0.2
    return history, {"asks": rng.choice(("read", "write"))}


def is_anns(op: Op) -> bool:
    return op.client == "ann"


def bounds(rng: Random) -> Case:
    history = ops(rng, plain, "read write")
    of = rng.choice((None, "read", "write"))
    return history, {"bound": rng.randint(0, 6), "where": is_anns, "of": of}


def message(rng: Random, name: str) -> Op:
    number = rng.randint(1, 5)
    op = Op(0, rng.choice(CLIENTS), name, KEYS[number % 2], number)
    if number > 3:
        op.extra = {"id": rng.choice((None, number))}
    if rng.random() < 0.8:
        op.extra |= {"partition": number % 2, "offset": rng.randint(0, 4)}
    return op


def messages(rng: Random) -> Case:
    return ops(rng, message, "produce produce process process rebalance"), {}


def orders(rng: Random) -> Case:
    """Mostly processed after all were produced."""
    history = ops(rng, message, "produce process process process")
    later = rng.choice((0, 5, 10))
    shifted = History()
    for op in history:
        if op.op == "process":
            op.t_call += later
            op.t_ret = None if op.t_ret is None else op.t_ret + later
        shifted.add(op)
    for number in range(rng.randint(0, 5)):
        op = message(rng, "produce")
        op.t_call, op.t_ret, op.outcome = number, number + 1, "ok"
        shifted.add(op)
    return shifted, {}


def rebuilds(rng: Random) -> Case:
    history = ops(rng, plain, "expire expire rebuild rebuild rebuild", most=9)
    return history, {"allowed": rng.choice((0, 1, 1, 1, 2))}


def poll(rng: Random, name: str) -> Op:
    extra = {"partition": rng.choice((0, 0, 0, 1)), "lag": rng.choice((0, 1, 2, 5, 5))}
    extra["committed"] = rng.choice((None, 3, 4, 5))
    if rng.random() < 0.2:
        extra["waiting"] = rng.choice((None, 0, 1))
    return Op(0, "monitor", name, rng.choice(("x", "x", "x", "y")), extra=extra)


def polls(rng: Random) -> Case:
    return ops(rng, poll, "poll", most=14), {"polls": rng.choice((2, 3, 4))}


def polls_in_time(rng: Random) -> Case:
    return ops(rng, poll, "poll", most=14), {"seconds": rng.choice((1, 2, 4))}


def placed(rng: Random, name: str) -> Op:
    return Op(0, "ann", name, extra={"partition": rng.choice((0, 0, 0, 1, 2))})


def loads(rng: Random) -> Case:
    params = {"at_most": rng.choice((1.5, 2, 3)), "partitions": rng.choice((None, 3))}
    return ops(rng, placed, "produce", most=14), params


VALUES = (1, 2, 3, "1", "2", "tea", 1.0, True)


def stored(rng: Random, name: str) -> Op:
    op = plain(rng, name)
    op.value = rng.choice(VALUES)
    if name in ("read back", "list"):
        op.value = rng.sample(VALUES, rng.randint(0, 5)) + rng.choices(VALUES, k=1)
        op.value = op.value[: rng.randint(0, 6)]
    return op


def stores(rng: Random) -> Case:
    history = ops(rng, stored, "write write write produce read list")
    end = max([op.t_ret or op.t_call for op in history], default=0)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        op = stored(rng, "read back")
        op.t_call = rng.choice((end, end, rng.randint(0, 9)))
        op.t_ret = op.t_call + rng.choice((0, 1))
        op.outcome = rng.choice(("ok",) * 9 + ("fail",))
        history.add(op)
    return history, {}


def added(rng: Random, name: str) -> Op:
    op = plain(rng, name)
    op.value = rng.choice((-2, -1, 1, 3)) if name == "add" else rng.randint(-3, 7)
    return op


def counts(rng: Random) -> Case:
    return ops(rng, added, "add add count"), {"initial": rng.choice((0, 0, 3))}


CASES: dict[str, Callable[[Random], Case]] = {
    "read_your_writes": registers,
    "monotonic_reads": registers,
    "recency": registers,
    "staleness_bound": staleness,
    "seen_in_time": watched,
    "versions_written": registers,
    "monotonic_writes": registers,
    "writes_follow_reads": registers,
    "consistent_prefix": registers,
    "everybody_is_answered": answers,
    "at_most": bounds,
    "at_least": bounds,
    "duplicates": messages,
    "key_order": orders,
    "phantoms": orders,
    "delivery_gaps": messages,
    "rebuilds_per_expiry": rebuilds,
    "partition_progress": polls,
    "partition_progress_in_time": polls_in_time,
    "partition_skew": loads,
    "lost_acknowledged_writes": stores,
    "lost_updates": updates,
    "counter": counts,
}


def judged(name: str, history: History, params: dict[str, Any]) -> checks.Verdict:
    """The check of this name over the history."""
    check = getattr(checks, name)
    if name in ("at_most", "at_least"):
        bound, rest = params["bound"], {k: params[k] for k in ("where", "of")}
        return check(bound, "what ann did", **rest)(history)
    return check(history, **params)
