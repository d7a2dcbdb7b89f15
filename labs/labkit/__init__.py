"""labkit: start real servers, break them, and prove what clients saw.

    from labkit import Lab, Postgres, checks, faults

Everything that a lab needs is importable from here; a lab's own cells hold the lesson.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":
    raise ImportError(
        "labkit starts servers that Windows cannot run. Use WSL (wsl --install), and "
        "clone and run the labs inside it."
    )

from . import checks, exercises, faults, observe, shop, show
from .checks import Verdict
from .faults import Fault
from .history import History, Op
from .lab import Lab
from .proof import Proof, ProofFailed, Run
from .runtimes import RuntimeUnavailable, StartFailed
from .wait import TimedOut, service_time, wait_until

if TYPE_CHECKING:
    from .servers.app import App
    from .servers.kafka import Kafka
    from .servers.nginx import Nginx
    from .servers.postgres import Postgres
    from .servers.prometheus import Prometheus
    from .servers.redis import Redis

__all__ = [
    "App",
    "Fault",
    "History",
    "Kafka",
    "Lab",
    "Nginx",
    "Op",
    "Postgres",
    "Prometheus",
    "Proof",
    "ProofFailed",
    "Redis",
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


def __getattr__(name: str) -> Any:
    """A server's class when it is first named, from the module of its name: a lab waits
    for no driver that it does not use."""
    if name in __all__:
        return getattr(import_module(f".servers.{name.lower()}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
