"""Which errors of a search engine settle an operation. Imports nothing: see
`servers`."""

from __future__ import annotations

ANSWERS = {"opensearchpy.TransportError", "elasticsearch.ApiError"}
TIMED_OUT = 408


def settled(error: BaseException, classes: set[str]) -> bool | None:
    """True for a refusal (a status in the four hundreds). A 500 may come after the
    work, and a connection that broke leaves the matter open."""
    if not classes & ANSWERS:
        return None
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and status // 100 == 4 and status != TIMED_OUT
