"""What all servers share: nodes with a name, a log, and ways to hurt them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from ..runtimes import Node, Runtime, StartFailed
from ..wait import TimedOut, wait_until

T = TypeVar("T")


class ServerNode:
    """One node of a server, as a lab handles it.

    name: what histories and verdicts call it ("primary", "replica1", "redis").
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.name = node.name

    def logs(self) -> str:
        """The server's log since its first start."""
        return self.node.logs()

    def alive(self) -> bool:
        return self.node.alive()

    def pause(self) -> None:
        """Freeze the node: connections stay open and nothing answers."""
        self.node.pause()

    def resume(self) -> None:
        self.node.resume()

    def stop(self) -> None:
        """Stop in the server's own orderly way."""
        self.forget()
        self.node.stop()

    def kill(self) -> None:
        """End the node as a power cut would end its processes; its data stays."""
        self.forget()
        self.node.kill()

    def start(self) -> None:
        """Start (again), with the same data, address and password, and wait for it."""
        self.node.start()
        self.ready()

    def restart(self) -> None:
        self.stop()
        self.start()

    def ready(self) -> None:
        """Wait until the node answers."""
        self.come_up(self.answers, "answer")

    def come_up(
        self, condition: Callable[[], object], what: str, within: float = 60
    ) -> None:
        """Wait for a state without which the node is not started.

        Raises StartFailed with the end of its log, also when the bound expires.
        """
        try:
            self.until(condition, within, what)
        except TimedOut as error:
            raise StartFailed(str(error)) from error

    def answers(self) -> Any:
        """True when a client can use the node."""
        raise NotImplementedError

    def forget(self) -> None:
        """Close what is connected to the node."""

    def until(self, condition: Callable[[], T], within: float, what: str) -> T:
        """Wait for a state of this node.

        Raises TimedOut with the end of its log when the bound expires, so that a
        verdict that needed the state is unknown, and StartFailed when the node has
        died.
        """

        def alive_and_true() -> T:
            if not self.node.alive():
                raise StartFailed(
                    f"{self.name} died before it could {what}: "
                    f"{self.node.exit_reason()}. Its log ends:\n{self.node.log_tail()}"
                )
            return condition()

        def late() -> str:
            return f"{self.name} did not {what}. Its log ends:\n{self.node.log_tail()}"

        return wait_until(alive_and_true, within, late)


class Server(ABC):
    """What a lab can start: `lab.start(Postgres(replicas=1))`.

    A subclass makes its nodes in `attach`, and knows its product's name and version.
    Adding a server touches no other module of labkit but the face.
    """

    product: str  # "PostgreSQL"

    def __init__(self) -> None:
        self.members: list[ServerNode] = []

    @abstractmethod
    def attach(self, runtime: Runtime) -> None:
        """Make all nodes, none started: `members`, in the order of their start."""

    @abstractmethod
    def version(self) -> str:
        """As the running server reports it."""

    def start(self) -> None:
        """Launch the nodes and wait until all of them answer."""
        side_by_side([member.node.start for member in self.members])
        for member in self.members:
            member.ready()

    def stop(self) -> None:
        """Stop the nodes in reverse order; each is tried, the first error is raised."""
        errors = []
        for member in reversed(self.members):
            try:
                member.stop()
            except Exception as error:  # the others must be stopped all the same
                errors.append(error)
        if errors:
            raise errors[0]

    def describe(self) -> str:
        """ "PostgreSQL 18.6 (primary, replica1)" """
        return f"{self.name_and_version()} ({', '.join(m.name for m in self.members)})"

    def name_and_version(self) -> str:
        return f"{self.product} {self.version()}"


def side_by_side(work: list[Callable[[], object]]) -> None:
    """Do several things at once; the first error is raised when all have ended."""
    errors: list[BaseException] = []

    def do(one: Callable[[], object]) -> None:
        try:
            one()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=do, args=(one,), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
