"""Customers of the shop's web pages, each request recorded and refusable.

A request carries the trace that belongs to its operation, so that logs, spans and the
statements in the database can be found from the history.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

from .. import observe
from ..history import Op
from ..servers.http import Answer
from .records import Recorder, refusable
from .traffic import Order


class Site(Protocol):
    """What answers requests: an `Nginx` or an `App`."""

    def get(self, path: str, **more: Any) -> Answer: ...

    def post(self, path: str, body: Any, **more: Any) -> Answer: ...


def browse(
    run: Recorder,
    site: Site,
    client: str,
    store: int,
    patience: float = 1,
    **extra: Any,
) -> Op:
    """Open a store's page: "browse" on "store:7"."""
    call = (client, "browse", f"store:{store}")
    return _ask(run, call, extra, patience, site.get, f"/stores/{store}")


def buy(
    run: Recorder,
    site: Site,
    client: str,
    order: Order,
    patience: float = 1,
    **extra: Any,
) -> Op:
    """Check out: "checkout" on "orders", value the order's id.

    patience: seconds for which the customer waits.
    """
    call = (client, "checkout", "orders", order.order_id)
    return _ask(run, call, extra, patience, site.post, "/checkout", asdict(order))


def _ask(
    run: Recorder,
    call: tuple[Any, ...],
    extra: dict[str, Any],
    patience: float,
    send: Callable[..., Answer],
    *request: Any,
) -> Op:
    with refusable(run, *call, **extra) as op:
        header = {"traceparent": observe.traceparent(op)}
        send(*request, timeout=patience, headers=header).ok()
    return op
