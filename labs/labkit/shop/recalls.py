"""Price pages on edges, and what it takes to take a price back everywhere.

Beside each edge runs an *agent*, a process that forgets copies when it is told to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import checks
from ..checks import Verdict
from ..faults import Body, fault
from ..history import History, Op
from .records import Recorder, figure, refusable
from .staff import Died
from .tables import key

if TYPE_CHECKING:
    from ..servers.edge import Edge
    from ..servers.origin import Origin

LANGUAGES = ("en", "de")
HELD_UP = "recalls held up"  # though every agent is there


def nothing() -> None:
    """What happens in between where nothing does."""


def path_of(product: int) -> str:
    return f"/products/{product}"


class PricePages:
    """The page of each product, in several languages under one address.

    life: seconds for which an edge may keep one.
    """

    def __init__(
        self, origin: Origin, edges: Sequence[Edge], products: Iterable[int], life: int
    ) -> None:
        self.origin, self.edges, self.products = origin, edges, list(products)
        self.headers = {
            "Cache-Control": f"public, max-age={life}",
            "Vary": "Accept-Language",
        }
        self.version = dict.fromkeys(self.products, 0)

    def clean(self) -> None:
        """Every page at version 1, and no copies."""
        for product in self.products:
            self.version[product] = 0
            self.change(product)
        for edge in self.edges:
            edge.empty()

    def change(self, product: int) -> int:
        """The origin shows another price from now on; its version."""
        self.version[product] += 1
        self.origin.put(
            path_of(product),
            headers=self.headers,
            shows=["language"],
            version=self.version[product],
        )
        return self.version[product]

    def look(self, run: Recorder, edge: Edge, product: int, language: str) -> Op:
        """A customer near this edge looks at a price: "read", extra {language, cache},
        cache being what the edge says of its copy."""
        who = f"customer {edge.name}"
        about = {"node": edge.name, "language": language, "cache": None}
        with refusable(run, who, "read", key(product), **about) as op:
            headers = {"Accept-Language": language}
            answer = edge.get(path_of(product), headers=headers).ok()
            op.version = answer.json()["version"]
            op.extra["cache"] = answer.headers.get("x-cache")
        return op

    def look_everywhere(self, run: Recorder, *products: int) -> list[Op]:
        """Once each: at every edge, in every language, all products or these."""
        return [
            self.look(run, edge, product, language)
            for edge in self.edges
            for product in products or self.products
            for language in LANGUAGES
        ]


class Agents:
    """The agents beside the edges: which of them run, and what each does when it works.

    A subclass says how they are told, in `tell(path)`, whose answer is the recall's
    ticket; what one does about it, in `hear(edge)`; and whether a recall is `done`.
    """

    change_first = True  # the origin is changed before anybody is told

    def __init__(self, edges: Sequence[Edge]) -> None:
        self.edges = edges
        self.running: dict[str, Edge] = {}
        self.doomed = ""  # the edge whose agent dies at its next purge
        self.meanwhile: list[Callable[[], object]] = []
        for edge in edges:
            self.start(edge)

    def start(self, edge: Edge) -> None:
        self.running[edge.name] = edge

    def stop(self, edge: Edge) -> None:
        self.running.pop(edge.name, None)

    def complete(self) -> bool:
        return all(edge.name in self.running for edge in self.edges)

    def work(self) -> None:
        """Each that runs does what there is to do."""
        for edge in list(self.running.values()):
            try:
                self.hear(edge)
            except Died:
                self.stop(edge)

    def forget(self, edge: Edge, path: str) -> None:
        """Forget every copy of an address on this edge."""
        if self.doomed == edge.name:
            self.doomed = ""
            raise Died(f"the agent of {edge.name} was killed")
        self.purge(edge, path)
        self.go_on()

    def go_on(self) -> None:
        """What was to happen while an agent is at work happens, once."""
        while self.meanwhile:
            self.meanwhile.pop()()

    def purge(self, edge: Edge, path: str) -> None:
        edge.purge_all(path)

    def tell(self, path: str) -> Any:
        raise NotImplementedError

    def hear(self, edge: Edge) -> None:
        raise NotImplementedError

    def done(self, ticket: Any) -> bool:
        raise NotImplementedError


class Desk:
    """Where prices are recalled: "write" by "seller", under way until the agents say
    that it is done. One that is not done when the desk closes has failed to be."""

    def __init__(self, run: Recorder, pages: PricePages, agents: Agents) -> None:
        self.run, self.pages, self.agents = run, pages, agents
        self.waiting: list[tuple[Any, ExitStack]] = []

    def recall(self, product: int, meanwhile: int | None = None) -> Op:
        """Change a price and have its copies forgotten; customers look in between.

        meanwhile: another product, whose price is recalled in the middle of the first
        agent's work, without a look in between; after it, where no agent has any.
        """

        def work() -> None:
            if meanwhile is not None:
                self.agents.meanwhile.append(partial(self._recall, meanwhile))
            self.agents.work()
            self.agents.go_on()

        look = partial(self.pages.look_everywhere, self.run, product)
        op = self._recall(product, look, work)
        self.confirm()
        return op

    def _recall(
        self,
        product: int,
        between: Callable[[], object] = nothing,
        work: Callable[[], object] = nothing,
    ) -> Op:
        """between: what happens between the change and what the agents are told. work:
        what they do then."""
        with ExitStack() as opened:
            call = refusable(self.run, "seller", "write", key(product))
            op = opened.enter_context(call)
            ticket = None

            def change() -> None:
                op.version = self.pages.change(product)

            def tell() -> None:
                nonlocal ticket
                ticket = self.agents.tell(path_of(product))
                work()

            steps: list[Callable[[], None]] = [change, tell]
            if not self.agents.change_first:
                steps.reverse()
            steps[0]()
            between()
            steps[1]()
            self.waiting.append((ticket, opened.pop_all()))
        return op

    def confirm(self) -> None:
        """The agents work; recalls that are done are acknowledged. How many are not,
        although every agent is there, is entered as a figure."""
        self.agents.work()
        for entry in list(self.waiting):
            ticket, opened = entry
            if self.agents.done(ticket):
                self.waiting.remove(entry)
                opened.close()
        held_up = len(self.waiting) if self.agents.complete() else 0
        figure(self.run, "desk", HELD_UP, held_up)

    def close(self) -> None:
        """The seller is told of the rest that nobody knows."""
        self.confirm()
        error = TimeoutError("not every edge has told that it is done")
        for _, opened in self.waiting:
            opened.__exit__(TimeoutError, error, None)
        self.waiting.clear()


class Trouble:
    """What befalls agents while prices are recalled. times: how often one was gone when
    it ended."""

    def __init__(self) -> None:
        self.begin: Callable[[Agents], object] = lambda agents: None
        self.end = self.begin
        self.times = 0

    def _put(self, begin: Callable[[Agents], object], edge: Edge) -> None:
        def goes(agents: Agents) -> None:
            self.times += edge.name not in agents.running
            agents.start(edge)
            agents.work()

        self.times = 0
        self.begin, self.end = begin, goes

    def _lift(self) -> None:
        self.begin = self.end = lambda agents: None


@fault("an agent is away")
def away(trouble: Trouble, edge: Edge) -> Body:
    """The agent of this edge is stopped before the recalls, and started after them."""
    trouble._put(lambda agents: agents.stop(edge), edge)
    yield lambda: trouble.times
    trouble._lift()


@fault("an agent dies at its work")
def dies(trouble: Trouble, edge: Edge) -> Body:
    """The agent of this edge is killed at its next purge, and started afterwards."""
    trouble._put(lambda agents: setattr(agents, "doomed", edge.name), edge)
    yield lambda: trouble.times
    trouble._lift()


def recalled(history: History) -> Verdict:
    """The promise: nobody sees an older price than the last confirmed one."""
    return checks.staleness_bound(history, bound=0)


def works(recalls: int, asked: int) -> Callable[[History], Verdict]:
    """What must still work: all recalls are confirmed, none of them late while every
    agent is there, all customers are answered, and at most `asked` looks are not
    answered from a copy."""
    confirmed = checks.at_least(
        recalls, "recalls confirmed", of="write", where=lambda op: op.outcome == "ok"
    )
    held_up = checks.at_most(
        0, HELD_UP, of="figure", where=lambda op: op.key == HELD_UP and op.value > 0
    )
    unanswered = checks.at_most(
        0, "looks without an answer", of="read", where=lambda op: op.outcome != "ok"
    )
    spared = checks.at_most(
        asked,
        "looks that the origin had to answer",
        of="read",
        where=lambda op: op.extra["cache"] != "HIT",
    )

    def works(history: History) -> Verdict:
        parts = (confirmed, held_up, unanswered, spared)
        return checks.combine(*(part(history) for part in parts))

    return works


def cost(run: Any) -> dict[str, Any]:
    """What a run cost: looks that were not spared the origin, and recalls that nobody
    could confirm while the trouble lasted."""
    looks = run.history.ops("read")
    recalls = run.history.ops("write")
    first = {
        op.key: min(o.t_call for o in recalls if o.key == op.key) for op in recalls
    }
    late = [
        op
        for op in looks
        if op.key in first and op.t_call > first[op.key] and op.version == 1
    ]
    return {
        "asked of the origin": sum(op.extra["cache"] != "HIT" for op in looks),
        "old prices seen, promised or not": len(late),
    }
