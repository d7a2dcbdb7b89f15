"""Which errors of PostgreSQL settle an operation. Imports nothing: see `servers`."""

from __future__ import annotations

# It can answer with an error and yet have done the work: connection exceptions (class
# 08), completion unknown, ended by an administrator or a crash during commit.
DOUBTFUL = ("08", "40003", "57P01", "57P02")


def settled(error: BaseException, classes: set[str]) -> bool | None:
    """True for a refusal by the server itself, which has an SQLSTATE."""
    sqlstate = getattr(error, "sqlstate", None)
    return not sqlstate.startswith(DOUBTFUL) if sqlstate else None
