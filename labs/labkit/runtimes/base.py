"""What every runtime offers: nodes that can be started, hurt and stopped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.util import find_spec
from typing import Any


def has_module(package: str, kind: str) -> bool:
    """Whether a runtime has a module for a kind of server."""
    return find_spec(f"{package}.{kind}") is not None


class RuntimeUnavailable(Exception):
    """Servers cannot be run here in the way asked for; the text says what to do."""


class StartFailed(Exception):
    """A server did not come up. The text ends with the last lines of its log."""


class Node(ABC):
    """One server: a process with its children, or a container.

    Nodes are made by a runtime, registered with its session before they start, and are
    stopped in reverse order. `kill`, `pause` and `resume` act on all processes of the
    node at once, as pulling a plug or freezing a machine would.
    """

    name: str
    password: str

    @abstractmethod
    def start(self) -> None:
        """Launch; returns before the server is ready. Raises StartFailed."""

    @abstractmethod
    def address(self) -> tuple[str, int]:
        """Host and port for a client on this machine."""

    @abstractmethod
    def alive(self) -> bool:
        """True while the server's main process exists (paused counts as alive)."""

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
        """SIGKILL to all processes of the node; data stays."""

    @abstractmethod
    def pause(self) -> None: ...

    @abstractmethod
    def resume(self) -> None: ...

    @abstractmethod
    def frozen(self) -> bool:
        """Whether the server is there and, by its own state, stands still."""

    @abstractmethod
    def signal(self, pid: int, name: str) -> None:
        """Send "STOP", "CONT", "KILL" ... to one process of the node.

        pid: as the server itself reports it (in a container, its own numbering).
        """

    @abstractmethod
    def memory(self) -> int:
        """Bytes in use by the node, shared pages counted once where that can be told;
        0 when not running or not known."""

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
