"""Which errors of Redis settle an operation. Imports nothing: see `servers`."""

from __future__ import annotations


def settled(error: BaseException, classes: set[str]) -> bool | None:
    """True for an error reply."""
    return True if "redis.ResponseError" in classes else None
