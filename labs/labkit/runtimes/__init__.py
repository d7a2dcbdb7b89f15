"""How servers are started: in containers, or as plain processes.

Nothing outside this folder and the servers' packages knows which of the two is in use.
"""

from __future__ import annotations

import os

from .base import Machine, Runtime, RuntimeUnavailable, StartFailed
from .bounds import Counted, Limits
from .session import Session

__all__ = [
    "Counted",
    "Limits",
    "Machine",
    "Runtime",
    "RuntimeUnavailable",
    "Session",
    "StartFailed",
    "choose",
]

NAMES = ("containers", "processes")


def choose(session: Session) -> Runtime:
    """The runtime that LABS_RUNTIME names, else containers where an engine answers.

    Raises RuntimeUnavailable when the one asked for cannot be had.
    """
    asked = os.environ.get("LABS_RUNTIME", "").strip()
    if asked and asked not in NAMES:
        raise RuntimeUnavailable(
            f"LABS_RUNTIME is {asked!r}, which is no runtime. "
            f"Use {' or '.join(NAMES)}, or leave it unset."
        )
    if asked == "processes":
        return _processes(session)
    from .containers import ContainerRuntime, engine_problem

    problem = engine_problem()
    if not problem:
        return ContainerRuntime(session)
    if asked:
        raise RuntimeUnavailable(
            "LABS_RUNTIME asks for containers, but no Docker engine answers: "
            f"{problem}. Start Docker, or use LABS_RUNTIME=processes"
        )
    return _processes(session)


def _processes(session: Session) -> Runtime:
    from .limits import require_loopback, require_ports
    from .processes import ProcessRuntime

    require_loopback()
    require_ports()
    return ProcessRuntime(session)
