"""What every runtime offers: machines that can be started, hurt and stopped."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from .bounds import Counted, Limits
from .ports import Port

if TYPE_CHECKING:
    from .session import Session


class RuntimeUnavailable(Exception):
    """Servers cannot be run here in the way asked for; the text says what to do."""


class StartFailed(Exception):
    """A server did not come up. The text ends with the last lines of its log."""


class Machine(ABC):
    """A thing that runs: a process with its children, or a container.

    Machines are made by a runtime, registered with its session before they start, and
    are stopped in reverse order. `kill`, `pause` and `resume` act on all processes of
    the machine at once, as pulling a plug would.
    """

    opened = True  # False from the start until `listens` was found true

    def __init__(self, runtime: Runtime, name: str, password: str = "") -> None:
        self.name = name
        self.password = password or secrets.token_urlsafe(18)
        self.directory = runtime.session.folder(name)
        self.port = Port()

    @abstractmethod
    def start(self) -> None:
        """Launch; returns before the server is ready. Raises StartFailed."""

    @abstractmethod
    def address(self) -> tuple[str, int]:
        """Host and port for a client on this computer."""

    @abstractmethod
    def reach(self, other: Any) -> str:
        """ "host:port" at which this machine finds another one; a text is its own."""

    def must_reach(self, others: Iterable[Machine | str]) -> None:
        """Raises RuntimeUnavailable when one of them cannot be reached from this
        machine, which runs, for a reason that lies in this computer."""
        return

    @abstractmethod
    def alive(self) -> bool:
        """True while the server's main process exists (paused counts as alive)."""

    def listens(self) -> bool:
        """Whether this machine, and nobody else, listens at its address. Nobody else
        can from then on."""
        return True

    @abstractmethod
    def exit_reason(self) -> str:
        """How the main process ended, in words."""

    @abstractmethod
    def logs(self) -> str:
        """Everything the server has logged since its first start."""

    @abstractmethod
    def stop(self) -> None:
        """Stop in the server's own orderly way; after a bound, kill."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL to all processes of the machine; data stays."""

    @abstractmethod
    def renew(self) -> None:
        """End it as `kill` does: its next start is like the first, with no data."""

    @abstractmethod
    def pause(self) -> None: ...

    @abstractmethod
    def resume(self) -> None: ...

    @abstractmethod
    def frozen(self) -> bool:
        """Whether the server is there and, by its own state, stands still."""

    @abstractmethod
    def signal(self, pid: int, name: str) -> None:
        """Send "STOP", "CONT", "KILL" ... to one process of the machine.

        pid: as the server itself reports it (in a container, its own numbering).
        """

    @abstractmethod
    def memory(self) -> int:
        """Bytes in use by the machine, shared pages counted once where that can be
        told; 0 when not running or not known."""

    def limit(self, limits: Limits) -> None:
        """What all its processes together may use, from now on or from the next start.

        Raises RuntimeUnavailable where that cannot be had, and OSError where it holds
        more than a lower limit of its memory.
        """
        raise RuntimeUnavailable(f"{self.name} cannot be given limits")

    def counted(self) -> Counted:
        """What the kernel has counted of it. Raises LookupError without limits."""
        raise LookupError(f"{self.name} has no limits: nothing is counted")

    def release(self) -> str:
        """The product's version, for servers that do not tell it to their clients."""
        raise NotImplementedError

    def configure(self, conf: dict[str, Any]) -> None:
        """Write another configuration, for servers that can change theirs."""
        raise NotImplementedError

    def reload(self) -> None:
        """Make the running server read its configuration again."""
        raise NotImplementedError

    def read(self, name: str) -> str:
        """A file that the server writes beside its log; "" before it does."""
        raise NotImplementedError

    def log_tail(self, lines: int = 15) -> str:
        tail = self.logs().strip().splitlines()[-lines:]
        return "\n".join("    " + line for line in tail) or "    (its log is empty)"


class Following(Machine):
    """A server with settings of its own; with `primary`, a replica of that one, whose
    password it shares."""

    def __init__(
        self,
        runtime: Runtime,
        name: str,
        settings: dict[str, str],
        primary: Self | None = None,
    ) -> None:
        super().__init__(runtime, name, primary.password if primary else "")
        self.settings = settings
        self.primary = primary


class Runtime(ABC):
    """Makes machines, of the one form that it knows.

    A server's package tells in the module of that form what to run: `process.py` holds
    `Process`, and `container.py` holds `Container`. A package without the module cannot
    be started by this runtime.
    """

    name: str  # "processes"
    form: str  # "process"
    elsewhere: str  # what to do about a server that has no such form

    def __init__(self, session: Session) -> None:
        self.session = session

    def has(self, package: str) -> bool:
        """Whether it can start the server in this package, "labkit.servers.redis"."""
        return find_spec(f"{package}.{self.form}") is not None

    def machine(self, package: str, name: str, **options: Any) -> Any:
        """A machine, not started, for the server in `package`; the options are its own.

        Raises RuntimeUnavailable for a server that has no form for this runtime.
        """
        if not self.has(package):
            kind = package.rpartition(".")[2]
            raise RuntimeUnavailable(f"{kind} {self.elsewhere}")
        module = import_module(f"{package}.{self.form}")
        return getattr(module, self.form.capitalize())(self, name, **options)
