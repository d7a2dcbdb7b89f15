"""Large histories, one a check, that make it do the work that its cost is about.

Each function takes a number of operations and returns a list of them and the parameters
of the check. A tenth or less breaks the promise. Staleness has two: its versions are
acknowledged upwards and, the hard case, downwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from labkit import checks
from labkit.history import History, Op

Work = tuple[Iterator[Op], dict[str, Any]]


def op(n: int, name: str, key: str | None, value: Any, **fields: Any) -> Op:
    """Operation n: operations overlap by one, and belong to one of 50 clients."""
    made = Op(n + 1, f"client{n % 50}", name, key, value, **fields)
    made.t_call, made.t_ret, made.outcome = n * 0.001, n * 0.001 + 0.0015, "ok"
    return made


def register(size: int) -> Work:
    """Half are writes of 20 keys; one read in ten is old."""
    rng = Random(7)

    def ops() -> Iterator[Op]:
        for n in range(size):
            key, version = f"key{n // 50 % 20}", n
            if n % 2:
                old = rng.random() < 0.1
                version = n - 1 - 2000 * old - 1000 * (n // 1000 % 2)
                yield op(n, "read", key, version, version=max(0, version))
            else:
                yield op(n, "write", key, n, version=n, extra={"based_on": n - 2})

    return ops(), {}


def fresh(size: int) -> Work:
    return register(size)[0], {"bound": 100}


def watched(size: int) -> Work:
    return register(size)[0], {"within": 2.5}


def downwards(size: int) -> Work:
    def ops() -> Iterator[Op]:
        for n in range(size):
            version = size - n
            name = "read" if n % 2 else "write"
            yield op(n, name, "key", version, version=version)

    return ops(), {"bound": size // 3}


def asked(size: int) -> Work:
    return (op(n, "read", "page", n, inner=n % 3 == 0) for n in range(size)), {}


def bounded(size: int) -> Work:
    where = {"bound": size // 2, "where": lambda op: op.value % 3 == 0, "of": "read"}
    return asked(size)[0], where


def messages(size: int) -> Work:
    """Half are produced to 12 partitions and then processed, one in 20 out of turn."""
    half = size // 2

    def ops() -> Iterator[Op]:
        for n in range(half):
            place = {"partition": n % 12, "offset": n // 12}
            yield op(n, "produce", f"store{n % 100}", n, extra=place)
        for n in range(half):
            m = n if n % 20 else min(half - 1, n + 100)
            place = {"partition": m % 12, "offset": m // 12}
            yield op(half + n, "process", f"store{m % 100}", m, extra=place)

    return ops(), {}


def rebuilds(size: int) -> Work:
    def ops() -> Iterator[Op]:
        for n in range(size):
            name = "expire" if n // 20 % 2 else "rebuild"
            yield op(n, name, f"key{n % 20}", None)

    return ops(), {}


def polls(size: int) -> Work:
    """Of 24 partitions one stands still with a lag that may be a commit marker."""

    def ops() -> Iterator[Op]:
        for n in range(size):
            p, turn = n % 24, n // 24
            extra = {"partition": p, "lag": 9, "committed": turn}
            if p == 5:
                extra |= {"lag": 1, "committed": 10}
            yield op(n, "poll", "orders", None, extra=extra)

    return ops(), {}


def polls_in_time(size: int) -> Work:
    return polls(size)[0], {"seconds": 1}


def stores(size: int) -> Work:
    def ops() -> Iterator[Op]:
        for n in range(size - 1):
            yield op(n, "write", "orders", n)
        there = [n for n in range(size - 1) if n % 20]
        yield op(size + 9, "read back", "orders", there)

    return ops(), {}


def counts(size: int) -> Work:
    def ops() -> Iterator[Op]:
        stock = 0
        for n in range(size):
            if n % 2:
                yield op(n, "count", "stock", stock + 2 * (n % 40 == 1))
            else:
                change = 1 if n % 4 else -1
                yield op(n, "add", "stock", change)
                stock += change

    return ops(), {}


WORK: dict[str, Callable[[int], Work]] = {
    "read_your_writes": register,
    "monotonic_reads": register,
    "recency": register,
    "staleness_bound": fresh,
    "staleness_bound, downwards": downwards,
    "seen_in_time": watched,
    "versions_written": register,
    "monotonic_writes": register,
    "writes_follow_reads": register,
    "consistent_prefix": register,
    "everybody_is_answered": asked,
    "at_most": bounded,
    "at_least": bounded,
    "duplicates": messages,
    "key_order": messages,
    "phantoms": messages,
    "delivery_gaps": messages,
    "rebuilds_per_expiry": rebuilds,
    "partition_progress": polls,
    "partition_progress_in_time": polls_in_time,
    "partition_skew": messages,
    "lost_acknowledged_writes": stores,
    "lost_updates": register,
    "counter": counts,
}


def prepared(name: str, size: int) -> Callable[[], checks.Verdict]:
    """The history is made; a call of what is returned runs the check over it."""
    from chance import judged

    ops, params = WORK[name](size)
    history = History()
    for one in ops:
        history.add(one)
    return lambda: judged(name.partition(",")[0], history, params)
