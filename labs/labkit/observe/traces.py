"""Traces: the history, operation by operation, with what each one caused.

within   A is within B when B was called before A and A had returned when B returned; an
         operation without an answer has not returned, so it is within none that has
parent   of an inner operation: among the operations that it is within, those of the
         same client, or where there are none those of the same key; of these the one
         called last, which is the narrowest. A client's own operation has no parent
trace    an operation without a parent, its root, and all that have it as parent or
         as parent's parent. Its id is the root's op_id as 32 hexadecimal digits
span     one operation in its trace. Its id is the op_id as 16 hexadecimal digits

A trace tells where one operation spent its time. An operation that was quick and wrong
has an ordinary trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..history import History, Op

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


class Placed(NamedTuple):
    """An operation, its parent (None for a root), and the root of its trace."""

    op: Op
    parent: Op | None
    root: Op


def placed(history: History) -> list[Placed]:
    """Each operation and its place, in order of call. Cost: O(n) for an inner one."""
    before: list[Op] = []
    roots: dict[int, Op] = {}
    found = []
    for op in history.ops():
        parent = _parent(op, before) if op.inner else None
        roots[op.op_id] = roots[parent.op_id] if parent else op
        found.append(Placed(op, parent, roots[op.op_id]))
        before.append(op)
    return found


def _parent(op: Op, before: list[Op]) -> Op | None:
    around = [other for other in before if _within(op, other)]
    same_client = [other for other in around if other.client == op.client]
    same_key = [other for other in around if op.key and other.key == op.key]
    candidates = same_client or same_key
    return candidates[-1] if candidates else None


def _within(op: Op, other: Op) -> bool:
    if other.t_ret is None:
        return True
    return op.t_ret is not None and op.t_ret <= other.t_ret


def trace_id(root: Op) -> str:
    return f"{root.op_id:032x}"


def span_id(op: Op) -> str:
    return f"{op.op_id:016x}"


def traceparent(op: Op) -> str:
    """The W3C header that carries a client's operation to the servers it calls:
    version, trace id, parent span id, and 01 for "recorded".

    Raises ValueError for an inner operation: its trace is that of its client.
    Source: https://www.w3.org/TR/trace-context/#traceparent-header
    """
    if op.inner:
        raise ValueError(
            f"operation {op.op_id} is inner: it belongs to its client's trace, so pass "
            "on the header of the client's operation"
        )
    return f"00-{trace_id(op)}-{span_id(op)}-01"


def spans(history: History) -> list[ReadableSpan]:
    """One OpenTelemetry span an operation, in order of call.

    Times are nanoseconds since the history began; an operation without an answer has no
    end. Attributes: client, op, outcome, and key, node, version where known. Status: OK
    for ok, ERROR for fail and for unknown (OpenTelemetry has no word for doubt; the
    attribute tells the two apart), UNSET without an answer. An error is also an event
    "exception" with exception.type and exception.message.
    """
    from opentelemetry.sdk.resources import Resource

    shop = Resource({"service.name": "shop"})
    return [_span(*place, shop) for place in placed(history)]


def _span(op: Op, parent: Op | None, root: Op, resource: Any) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanKind

    return ReadableSpan(
        name=" ".join(filter(None, (op.op, op.key))),
        context=_context(op, root),
        parent=_context(parent, root) if parent else None,
        resource=resource,
        attributes=_attributes(op),
        events=_events(op),
        kind=SpanKind.INTERNAL if op.inner else SpanKind.CLIENT,
        status=_status(op),
        start_time=_ns(op.t_call),
        end_time=None if op.t_ret is None else _ns(op.t_ret),
    )


def _context(op: Op, root: Op) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(root.op_id, op.op_id, is_remote=False, trace_flags=flags)


def _attributes(op: Op) -> dict[str, Any]:
    known: dict[str, Any] = {"client": op.client, "op": op.op, "key": op.key}
    known |= {"node": op.node, "version": op.version, "outcome": op.outcome}
    return {name: value for name, value in known.items() if value is not None}


def _events(op: Op) -> list[Any]:
    from opentelemetry.sdk.trace import Event

    if not op.error:
        return []
    kind, _, message = op.error.partition(": ")
    told = {"exception.type": kind, "exception.message": message}
    return [Event("exception", told, _ns(op.t_call if op.t_ret is None else op.t_ret))]


def _status(op: Op) -> Any:
    from opentelemetry.trace import Status, StatusCode

    if op.outcome == "ok":
        return Status(StatusCode.OK)
    if op.t_ret is None:
        return Status(StatusCode.UNSET)
    return Status(StatusCode.ERROR, op.error or f"the outcome is {op.outcome}")


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
