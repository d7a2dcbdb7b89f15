"""labkit: start real servers, break them, and prove what clients saw.

    from labkit import Lab, Postgres, checks, faults

Everything that a lab needs is importable from here; a lab's own cells hold the lesson.
"""

import sys
from typing import Any

if sys.platform == "win32":
    raise ImportError(
        "labkit starts servers that Windows cannot run. Use WSL (wsl --install), and "
        "clone and run the labs inside it."
    )

from . import shadows

shadows.prefer_packages()  # before anything else is imported

from . import checks, exercises, faults, observe, servers, shop, show
from .checks import Verdict
from .faults import Fault
from .history import History, Op
from .lab import Lab
from .proof import Proof, ProofFailed, Run
from .runtimes import RuntimeUnavailable, StartFailed, surroundings
from .wait import TimedOut, service_time, wait_until

__all__ = [
    "Fault",
    "History",
    "Lab",
    "Op",
    "Proof",
    "ProofFailed",
    "Run",
    "RuntimeUnavailable",
    "StartFailed",
    "TimedOut",
    "Verdict",
    "checks",
    "exercises",
    "faults",
    "observe",
    "service_time",
    "shop",
    "show",
    "wait_until",
]

surroundings.be_patient()


def __getattr__(name: str) -> Any:
    """A server's class when it is first named: a lab waits for no driver that it does
    not use."""
    return servers.named(name)
