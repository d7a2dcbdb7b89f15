"""What the clients saw: every operation, when it was called, when it returned, how.

A history is the only evidence that a check may use. It holds what clients sent and
what they were told, never what a server should have done.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, get_args

Outcome = Literal["ok", "fail", "unknown"]

# Operations that change nothing: when one raises, it failed, and nothing is in doubt.
READS = frozenset({"count", "get", "list", "poll", "read", "read back", "search"})


@dataclass
class Op:
    """One operation of one client.

    op_id    1, 2, ... in order of call; 0 lets `History.add` choose the next
    client   who called: "shopkeeper"
    op       what: "read", "write", "produce", "process", "rebuild", ... in lower case
    key      on what: "store:7"
    value    what was written or read; must be JSON-able
    version  the version written or seen
    node     the server that answered: "primary", "replica1", "redis", "kafka"
    t_call   seconds from the history's beginning to the call
    t_ret    the same for the return; None while no answer has come
    outcome  "ok"       the client was told that it was done
             "fail"     it was certainly not done
             "unknown"  it may or may not have been done
    token    evidence carried with the operation: an LSN, an offset, a lease token
    error    the exception's name and first line, if one was raised
    inner    done by the system in answer to a client (a rebuild, a retry, a fallback)
    extra    anything else that is JSON-able: partition, offset, attempt, age
    """

    op_id: int
    client: str
    op: str
    key: str | None = None
    value: Any = None
    version: int | None = None
    node: str | None = None
    t_call: float = 0.0
    t_ret: float | None = None
    outcome: Outcome = "unknown"
    token: str | None = None
    error: str | None = None
    inner: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long the client waited for its answer; for ever while there is none."""
        return inf if self.t_ret is None else self.t_ret - self.t_call


def outcome_of(op: str, error: BaseException) -> Outcome:
    """The outcome of an `op` that raised `error`: "fail" or "unknown".

    It failed when it only reads, or when the server itself refused it, as the server's
    package tells (`servers.settled`). Any other error leaves a write unknown.
    """
    if op in READS:
        return "fail"
    from . import servers  # not before an error: most runs see none

    return "fail" if servers.settled(error) else "unknown"


def _wrong(op: Op) -> str:
    """What cannot be about an operation, as a sentence that names the field; or ""."""
    if not isinstance(op.op_id, int) or isinstance(op.op_id, bool) or op.op_id < 0:
        return f"op_id is {op.op_id!r}, and must be a whole number, 1 or more"
    for name in ("client", "op"):
        if not isinstance(getattr(op, name), str):
            return f"{name} is {getattr(op, name)!r}, and must be a text"
    if op.outcome not in get_args(Outcome):
        known = " or ".join(map(repr, get_args(Outcome)))
        return f"outcome is {op.outcome!r}, and must be {known}"
    if op.version is not None and type(op.version) is not int:
        return f"version is {op.version!r}, and must be a whole number or None"
    if not _is_time(op.t_call):
        return f"t_call is {op.t_call!r}, and must be a number of seconds"
    if op.t_ret is not None and not _is_time(op.t_ret):
        return f"t_ret is {op.t_ret!r}, and must be a number of seconds or None"
    if op.t_ret is not None and op.t_ret < op.t_call:
        return f"t_ret is {op.t_ret!r}, before t_call, which is {op.t_call!r}"
    if not isinstance(op.inner, bool):
        return f"inner is {op.inner!r}, and must be True or False"
    if not isinstance(op.extra, dict):
        return f"extra is {op.extra!r}, and must be an object of names and values"
    return ""


def _is_time(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and isfinite(value)


class History:
    """The operations of all clients of one run. Safe to use from many threads."""

    def __init__(self, lab: str = "", run: str = "") -> None:
        self.lab = lab
        self.run = run
        self._ops: dict[int, Op] = {}
        self._last = 0  # the highest op_id given so far
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def now(self) -> float:
        """Seconds since the history began, by the clock of its operations."""
        return time.monotonic() - self._began

    @contextmanager
    def call(
        self,
        client: str,
        op: str,
        key: str | None = None,
        value: Any = None,
        *,
        version: int | None = None,
        node: str | None = None,
        token: str | None = None,
        inner: bool = False,
        **extra: Any,
    ) -> Iterator[Op]:
        """Record one operation around the block that carries it out; yields its `Op`.

        The block may fill in `value`, `version`, `node`, `token` and `extra`. The
        operation is ok when the block ends. When the block raises, `outcome_of`
        decides, and the exception propagates.
        """
        with self._lock:  # one lock for both, so that op_id is the order of t_call
            record = Op(self._last + 1, client, op, key, value, version, node)
            record.token, record.inner, record.extra = token, inner, extra
            record.t_call = time.monotonic() - self._began
            self._keep(record)
        try:
            yield record
        except BaseException as error:
            ended = time.monotonic() - self._began
            lines = str(error).splitlines() or [""]
            record.error = f"{type(error).__name__}: {lines[0]}".rstrip(": ")
            record.outcome = outcome_of(op, error)
            record.t_ret = ended  # last: who watches meanwhile sees no half an end
            raise
        ended = time.monotonic() - self._began
        record.outcome = "ok"
        record.t_ret = ended

    def add(self, op: Op) -> Op:
        """Add an operation written by hand; an op_id of 0 becomes the next free one.

        Raises ValueError when the op_id is taken, or when the operation cannot be: it
        returned before its call, say. The sentence names the operation and the field.
        """
        with self._lock:
            number = op.op_id or self._last + 1
            if wrong := _wrong(op):
                raise ValueError(f"operation {number}: {wrong}")
            op.op_id = number
            if op.op_id in self._ops:
                raise ValueError(f"operation {op.op_id} is in the history already")
            self._keep(op)
        return op

    def ops(
        self,
        op: str | None = None,
        *,
        client: str | None = None,
        key: str | None = None,
        outcome: Outcome | None = None,
        inner: bool | None = None,
    ) -> list[Op]:
        """The operations that match every argument given, in order of t_call."""
        wanted: dict[str, Any] = {"op": op, "client": client, "key": key}
        wanted |= {"outcome": outcome, "inner": inner}
        with self._lock:
            found = list(self._ops.values())
        for name, value in wanted.items():
            if value is not None:
                found = [o for o in found if getattr(o, name) == value]
        return sorted(found, key=attrgetter("t_call", "op_id"))

    def schedule(self) -> list[tuple[str, str, str | None, Any]]:
        """What the clients set out to do: (client, op, key, value), client by client.

        Inner operations are left out, and so is what a read returned (None), so two
        runs of one schedule give equal lists, whatever the servers did.
        """
        steps = [
            (o.client, o.op, o.key, None if o.op in READS else o.value)
            for o in self.ops(inner=False)
        ]
        return sorted(steps, key=lambda step: step[0])

    def save(self, path: str | Path) -> None:
        """Write JSON lines, one operation each: {"lab": ..., "run": ..., "op_id": ...}.

        Raises TypeError when a value or an extra is not JSON-able.
        """
        head = {"lab": self.lab, "run": self.run}
        lines = [json.dumps(head | asdict(op)) for op in self] or [json.dumps(head)]
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> History:
        """Read what `save` wrote.

        Raises ValueError for a line that is no operation, or one that cannot be; the
        sentence names the line and, where it has one, the field.
        """
        history = cls()
        text = Path(path).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                row = json.loads(line)
                history.lab, history.run = row.pop("lab"), row.pop("run")
                if row:  # an empty history is saved as its lab and run alone
                    history.add(Op(**row))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                why = f": {error}" if type(error) is ValueError else ""
                said = f"{path}, line {number}: not an operation{why}"
                raise ValueError(said) from error
        return history

    def _keep(self, op: Op) -> None:
        self._ops[op.op_id] = op
        self._last = max(self._last, op.op_id)

    def __len__(self) -> int:
        return len(self._ops)

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops())
