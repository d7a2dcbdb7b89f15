"""What all servers share: nodes with a name, a log, and ways to hurt them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from graphlib import TopologicalSorter
from typing import Any, Generic, Self, TypeVar

from ..runtimes import Counted, Limits, Machine, Runtime, StartFailed
from ..wait import TimedOut, wait_until

T = TypeVar("T")


class Node:
    """One node of a server, as a lab handles it.

    name: what histories and verdicts call it ("primary", "replica1", "redis").
    machine: the process or container that it runs on.
    """

    def __init__(self, machine: Any) -> None:
        self.machine: Machine = machine
        self.name: str = machine.name

    def logs(self) -> str:
        """The server's log since its first start."""
        return self.machine.logs()

    def alive(self) -> bool:
        return self.machine.alive()

    def frozen(self) -> bool:
        """Whether it is there and, by its own state, stands still."""
        return self.machine.frozen()

    def limit(self, memory_mib: int | None = None, cpus: float | None = None) -> None:
        """Other limits than those of its start: see `Server.within`."""
        self.machine.limit(Limits(memory_mib, cpus))

    def counted(self) -> Counted:
        """What the kernel has counted of a node with limits."""
        return self.machine.counted()

    def pause(self) -> None:
        """Freeze the node: connections stay open and nothing answers."""
        self.machine.pause()

    def resume(self) -> None:
        self.machine.resume()

    def stop(self) -> None:
        """Stop in the server's own orderly way."""
        self.forget()
        self.machine.stop()

    def kill(self) -> None:
        """End the node as a power cut would end its processes; its data stays."""
        self.forget()
        self.machine.kill()

    def start(self) -> None:
        """Start (again), with the same data, address and password, and wait for it."""
        self.machine.start()
        self.ready()

    def restart(self) -> None:
        self.stop()
        self.start()

    def ready(self) -> None:
        """Wait until the node answers, and nobody in its place is asked."""
        self.come_up(self.machine.listens, "listen")
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
            if not self.machine.alive():
                raise StartFailed(
                    f"{self.name} died before it could {what}: "
                    f"{self.machine.exit_reason()}. {self._end_of_log()}"
                )
            return condition()

        def late() -> str:
            return f"{self.name} did not {what}. {self._end_of_log()}"

        return wait_until(alive_and_true, within, late)

    def _end_of_log(self) -> str:
        return f"Its log ends:\n{self.machine.log_tail()}"


N = TypeVar("N", bound=Node)


class Server(ABC, Generic[N]):
    """What a lab can start: `lab.start(Postgres(replicas=1))`.

    A subclass makes its nodes in `attach`, and knows its product's name and version.

    given: what it was made with. The servers among it are those that it stands on: they
    are started before it, by the lab and as the lab's, where they do not run yet.
    """

    package: str  # the one that holds it: `__name__` in its __init__.py
    product: str  # "PostgreSQL"

    def __init__(self, *given: object) -> None:
        self.stands_on = [one for one in given if isinstance(one, Server)]
        self.nodes: list[N] = []
        self.limits: Limits | None = None

    def within(self, memory_mib: int | None = None, cpus: float | None = None) -> Self:
        """Limit each of its nodes, before its start: `Redis().within(memory_mib=64)`.

        memory_mib: MiB of all its processes; above it the kernel ends one. cpus: of the
        processors' time, 0.5 for half of one's. None: no limit. `start` raises
        RuntimeUnavailable where limits cannot be had.
        """
        self.limits = Limits(memory_mib, cpus)
        return self

    @abstractmethod
    def attach(self, runtime: Runtime) -> None:
        """Make all nodes, none started: `nodes`, in the order of their start."""

    @abstractmethod
    def version(self) -> str:
        """As the running server reports it."""

    def start(self) -> None:
        """Launch the nodes and wait until all of them answer."""
        if self.limits:
            for node in self.nodes:
                node.machine.limit(self.limits)
        side_by_side([node.machine.start for node in self.nodes])
        for node in self.nodes:
            node.ready()

    def running(self) -> bool:
        return any(node.alive() for node in self.nodes)

    def stop(self) -> None:
        """Stop the nodes in reverse order; each is tried, the first error is raised."""
        errors = []
        for node in reversed(self.nodes):
            try:
                node.stop()
            except Exception as error:  # the others must be stopped all the same
                errors.append(error)
        if errors:
            raise errors[0]

    def renew(self) -> None:
        """Start again with nothing in it: the same nodes, at their addresses."""
        for node in self.nodes:
            node.forget()
        side_by_side([node.machine.renew for node in self.nodes])
        self.start()

    def describe(self) -> str:
        """ "PostgreSQL 18.6 (primary, replica1)" """
        return (
            f"{self.name_and_version()} ({', '.join(node.name for node in self.nodes)})"
        )

    def name_and_version(self) -> str:
        return f"{self.product} {self.version()}"


def waves(servers: Iterable[Server[Any]]) -> Iterator[tuple[Server[Any], ...]]:
    """The servers and those that they stand on and that do not run yet, in groups that
    may start side by side, each when the ones before it have started.

    Raises graphlib.CycleError for servers that stand on each other.
    """
    order: TopologicalSorter[Server[Any]] = TopologicalSorter()
    wanted = list(servers)
    for server in wanted:  # which grows meanwhile
        below = [one for one in server.stands_on if not one.running()]
        order.add(server, *below)
        wanted += [one for one in below if one not in wanted]
    order.prepare()
    while order.is_active():
        ready = order.get_ready()
        yield ready
        order.done(*ready)


def machines_of(group: Sequence[Any]) -> list[Any]:
    """Servers, nodes and addresses as a machine takes them: machines, and texts."""
    found: list[Any] = []
    for one in group:
        found += [
            getattr(node, "machine", node) for node in getattr(one, "nodes", [one])
        ]
    return found


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
