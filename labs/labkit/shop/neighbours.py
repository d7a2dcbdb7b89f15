"""Stores that share one application and its connections, and one store that is large.

    day = neighbours.Day(db)
    day.run(run, way)             # a `Way`, mostly with rules of the lab's own
    day.rush(neighbours.import_of(WHALE))      # a fault: all of these at once

Time is counted in *turns*: a statement holds its connection for one, or for several,
and a turn ends when everybody has come as far as it lets them. A lock in PostgreSQL is
the turn: statements wait for it until it is given up. So how fast a machine is says
nothing here, and who waited behind whom says all.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import mean
from typing import TYPE_CHECKING, Any

from ..checks import Findings, check
from ..faults import Body, fault
from ..history import History, Op
from ..wait import until_set, wait_until
from . import schema
from .crowd import Crowd
from .records import Recorder, figure, refusable
from .tables import Tables, insert, pool, waiting
from .traffic import WHALE, Order

if TYPE_CHECKING:
    from ..servers.postgres import Postgres, PostgresNode

STORES = 20
OPEN = 12  # turns for which shoppers come
RUSH = 3  # the turn in which a rush comes
NIGHT = OPEN + 1  # the turn in which imports come, if nothing goes wrong
LAST = 100  # turns; whoever has no answer by then gives up
PAGES, CHECKOUTS, WHALES = 2, 1, 3  # a turn: of small stores, of the whale's shoppers
BATCHES = {WHALE: 24, 3: 4, 11: 4}  # of the import of each store that has one
BATCH_TURNS = 4  # for which a batch holds its connection
IMPORT, PAGE, CHECKOUT = "import", "page", "checkout"
TRY_AGAIN = "try again"


@dataclass(frozen=True)
class Request:
    """One request. number: in order of coming on an ordinary day. turn: in which it
    comes then. turns: for which it holds a connection. address: whence it comes; each
    shopper has her own, and an import uses five."""

    number: int
    store: int
    kind: str
    turn: int
    turns: int = 1
    address: str = ""

    @property
    def client(self) -> str:
        if self.kind == IMPORT:
            return f"import of store {self.store}"
        who = "whale's shopper" if self.store == WHALE else "shopper"
        return f"{who} {self.number}"


def plan() -> list[Request]:
    """What comes on an ordinary day, in order."""
    small = [store for store in range(1, STORES + 1) if store != WHALE]
    kinds = [PAGE] * PAGES + [CHECKOUT] * CHECKOUTS
    turns = range(1, OPEN + 1)
    shopping = [
        (store, kind, turn)
        for turn in turns
        for store, kind in [(WHALE, CHECKOUT)] * WHALES
        + [
            (small[(n + (turn - 1) * len(kinds)) % len(small)], kind)
            for n, kind in enumerate(kinds)
        ]
    ]
    shoppers = [
        Request(number, *what, address=f"shopper {number}")
        for number, what in enumerate(shopping, start=1)
    ]
    imports = [(store, n) for store, many in BATCHES.items() for n in range(many)]
    return shoppers + [
        Request(number, store, IMPORT, NIGHT, BATCH_TURNS, f"importer {store}/{n % 5}")
        for number, (store, n) in enumerate(imports, start=len(shoppers) + 1)
    ]


def import_of(*stores: int) -> Callable[[Request], bool]:
    return lambda request: request.kind == IMPORT and request.store in stores


def checkouts_of(store: int) -> Callable[[Request], bool]:
    return lambda request: request.kind == CHECKOUT and request.store == store


# The application


def everybody(request: Request, inside: Sequence[Request]) -> bool:
    return True


def first_come(
    request: Request, running: Sequence[Request], waiting: Sequence[Request]
) -> bool:
    return True


@dataclass(frozen=True)
class Way:
    """An application: how large it is, and its two rules.

    admits(request, inside): whether a request that has come to a worker is let in, or
    is told to try again. inside: those that have one, running or waiting.
    begins(request, running, waiting): whether a request may have a connection when one
    is free; asked of those that wait, in the order in which they came.
    workers: requests that it can have inside; the others stand in a line before it.
    connections: of its pool.
    """

    admits: Callable[[Request, Sequence[Request]], bool] = everybody
    begins: Callable[[Request, Sequence[Request], Sequence[Request]], bool] = first_come
    workers: int = 20
    connections: int = 8


@dataclass(eq=False)
class Visit:
    """A request under way. told: set when there is something to tell its client.
    until: the turn at whose end it gives its connection back; 0 while it has none."""

    request: Request
    tries: int = 1
    until: int = 0
    told: threading.Event = field(default_factory=threading.Event)


class Application:
    """A line of requests, workers and connections. What happens in it is decided in one
    place, `hand_on`, and so in the same order in every run."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.line: list[Visit] = []
        self.waiting: list[Visit] = []
        self.running: list[Visit] = []
        self.again: list[Visit] = []  # told to try again
        self._lock = threading.Lock()

    def come(self, visit: Visit) -> None:
        with self._lock:
            self.line.append(visit)

    def come_again(self) -> None:
        """Who was told to try again comes again, the oldest first."""
        with self._lock:
            self.again.sort(key=lambda visit: visit.request.number)
            for visit in self.again:
                visit.tries += 1
            self.line += self.again
            self.again = []

    def leave(self, visit: Visit) -> None:
        with self._lock:
            self.running.remove(visit)

    def hand_on(self, turn: int) -> int:
        """Workers go to those in the line, connections to those that wait. How many
        were given."""
        way, given = self.way, 0
        with self._lock:
            while self.line and len(self.inside) < way.workers:
                visit = self.line.pop(0)
                let_in = way.admits(visit.request, requests(self.inside))
                (self.waiting if let_in else self.again).append(visit)
            for visit in list(self.waiting):
                others = [other for other in self.waiting if other is not visit]
                seen = requests(self.running), requests(others)
                free = len(self.running) < way.connections
                if free and way.begins(visit.request, *seen):
                    self.waiting = others
                    self.running.append(visit)
                    visit.until = turn + visit.request.turns - 1
                    visit.told.set()
                    given += 1
        return given

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *_: object) -> None:
        """Who has not begun by now is sent away for good."""
        with self._lock:
            for visit in [*self.line, *self.waiting, *self.again]:
                visit.told.set()
            self.line, self.waiting, self.again = [], [], []

    @property
    def under_way(self) -> list[Visit]:
        return [*self.running, *self.waiting, *self.line, *self.again]

    @property
    def inside(self) -> list[Visit]:
        return [*self.running, *self.waiting]


def requests(visits: Sequence[Visit]) -> list[Request]:
    return [visit.request for visit in visits]


class Turns:
    """Turn n is over when lock n of the database is given up, by its only owner."""

    def __init__(self, node: PostgresNode) -> None:
        self.now = 1
        self._node = node
        self._owner = node.connect(application_name="turns")
        take = "select pg_advisory_lock(n) from generate_series(1, %s) n"
        self._owner.execute(take, [LAST + BATCH_TURNS])

    def begin_next(self) -> None:
        self.now += 1
        self._owner.execute("select pg_advisory_unlock(%s)", [self.now - 1])

    def waiting(self) -> int:
        """How many statements wait for the end of a turn that has not ended."""
        query = """select count(*) from pg_locks
         where locktype = 'advisory' and not granted"""
        return self._node.value(query)

    def __enter__(self) -> Turns:
        return self

    def __exit__(self, *_: object) -> None:
        """All turns are over: nobody waits for one any more."""
        self._owner.close()


HOLD = "select pg_advisory_xact_lock_shared(%s)"  # until the end of that turn
NAME = "select set_config('application_name', %s, false)"
SHOW = "select name, price_cents from products where store_id = %s"
# one row a batch: two that update several rows, each in its own order, may deadlock
LOAD = """update products set version = version + 1, price_cents = price_cents + 1
 where id = %s"""
HOLDERS = """select application_name, count(*)::int from pg_stat_activity
 where state = 'active' and application_name ~ '^(import|shopper|whale)'
 group by 1 order by 1"""


class Day:
    """One day of requests, the same in every run. A fault lets some of them come in one
    turn instead of their own."""

    def __init__(self, db: Postgres) -> None:
        self.db = db
        self.tables = Tables(db, stores=STORES)
        self.plan = plan()
        self._rush: Callable[[Request], bool] | None = None
        self._most = 0  # of the rush under way at once, while shoppers came

    def rush(self, who: Callable[[Request], bool]) -> Any:
        """A fault: all requests of which `who` is true come in one turn, before the
        others of that turn. Meter: how many of them were under way at once, in turns
        in which shoppers came."""
        return _rush(self, who)

    def coming(self, turn: int) -> list[Request]:
        """The requests of a turn, in order."""
        early = [r for r in self.plan if self._rush and self._rush(r)]
        due = [r for r in self.plan if r.turn == turn and r not in early]
        return early + due if turn == RUSH else due

    def run(self, run: Recorder, way: Way) -> None:
        """The day. Recorded: "read" of pages, "write" of orders and of batches, with
        extra {store, kind, came, rush, turns, tries}. turns: from the one in which it
        came to the one in which it was answered, both counted; None for who never was.
        rush: whether it is a part of the rush."""
        app = Application(way)
        with (
            pool(self.db.primary, way.connections) as sessions,
            Crowd() as crowd,
            Turns(self.db.primary) as turns,
            app,
        ):
            for turn in range(1, LAST + 1):
                begun = app.hand_on(turn)
                app.come_again()
                for request in self.coming(turn):
                    self._send(crowd, run, app, turns, sessions, request)
                if begun + app.hand_on(turn):
                    self._settle(app, turns)
                self._look(run, app, turn)
                if turn > NIGHT and not app.under_way:
                    break
                turns.begin_next()
                if any(visit.until == turn for visit in app.running):
                    self._settle(app, turns)

    def _send(
        self,
        crowd: Crowd,
        run: Recorder,
        app: Application,
        turns: Turns,
        sessions: Any,
        request: Request,
    ) -> None:
        """Start the client, and wait until the request is recorded and in the line, so
        that all come in this order."""
        came = threading.Event()

        def client() -> None:
            more: dict[str, Any] = {"store": request.store, "kind": request.kind}
            more |= {"came": turns.now, "node": "primary"}
            more["rush"] = bool(self._rush and self._rush(request))
            with refusable(run, request.client, *self._asked(request), **more) as op:
                visit = Visit(request)
                app.come(visit)
                came.set()
                until_set(visit.told, 60, f"{request.client} is never told")
                op.extra |= {"turns": None, "tries": visit.tries}
                if not visit.until:
                    return
                try:
                    with sessions.connection() as session:
                        shown = self._work(session, request, visit.until)
                    op.value = shown or op.value
                    op.extra["turns"] = turns.now - op.extra["came"]
                finally:
                    app.leave(visit)  # last: then the next turn may begin

        crowd.send(client)
        until_set(came, 10, f"{request.client} does not come")

    def _asked(self, request: Request) -> tuple[str, str, Any]:
        if request.kind == PAGE:
            return "read", f"store:{request.store}", None
        if request.kind == CHECKOUT:
            return "write", "orders", request.number
        return "write", f"import:{request.store}", request.number

    def _work(self, session: Any, request: Request, until: int) -> Any:
        """The statements, of which the last holds the connection to that turn's end."""
        session.execute(NAME, [request.client.rstrip(" 0123456789")])
        rows = None
        if request.kind == PAGE:
            rows = [[*row] for row in session.execute(SHOW, [request.store])]
        elif request.kind == CHECKOUT:
            product = schema.products_of(request.store)[0]
            insert(session, Order(request.number, request.store, product, 1, 500))
        else:
            products = schema.products_of(request.store)
            session.execute(LOAD, [products[request.number % len(products)]])
        session.execute(HOLD, [until])
        return rows

    def _settle(self, app: Application, turns: Turns) -> None:
        """Wait until every request that has a connection holds it for this turn."""
        late = "a statement neither ends nor waits for the turn's end"
        wait_until(lambda: turns.waiting() == len(app.running), 20, late)

    def _look(self, run: Recorder, app: Application, turn: int) -> None:
        """Enter who holds a connection, as the database tells: the figure "held", by
        the name of the session; with it the turn, how many wait for one, and how many
        that have one wait for another's row."""
        if turn > OPEN + 1:
            return
        rush = [v for v in app.under_way if self._rush and self._rush(v.request)]
        self._most = max(self._most, len(rush))
        figure(
            run,
            "primary",
            "held",
            lambda: dict(self.db.primary.sql(HOLDERS)),
            turn=turn,
            waiting=len(app.under_way) - len(app.running),
            for_a_row=waiting(self.db.primary, event="transactionid"),
        )


@fault("a rush")
def _rush(day: Day, who: Callable[[Request], bool]) -> Body:
    day._rush, day._most = who, 0
    yield lambda: day._most
    day._rush = None


# What is promised, and what must still work


def small(history: History) -> list[Op]:
    """What shoppers of the small stores asked."""
    return [
        op
        for op in history
        if op.extra.get("kind") in (PAGE, CHECKOUT) and op.extra["store"] != WHALE
    ]


def taken(op: Op) -> float:
    """The turns that it took, without end for who was never answered."""
    turns = op.extra.get("turns") if op.outcome == "ok" else None
    return inf if turns is None else turns


@check(
    "neighbours are answered",
    "requests",
    "A shopper of a small store is answered within {turns:g} turns.",
    "no shopper of a small store came",
)
def in_time(history: History, *, turns: float) -> Findings:
    """Are the shoppers of small stores answered in time, whatever a large one does?

    A request is one of a page or of a checkout at any store but the whale, with extra
    {came, turns}: the turn in which it came, and how many it took.

    Violation: a request that took more turns, or was never answered.

    Counts: worst, the most turns that one took.

    Cost: O(n).
    """
    findings = Findings()
    for op in small(history):
        findings.checked += 1
        if taken(op) > turns:
            what = f"{op.client} of store {op.extra['store']} came in turn"
            took = f"waited {taken(op):g} turns for a {op.extra['kind']}"
            findings.broke(f"{what} {op.extra['came']} and {took}", op.op_id, ops=[op])
    findings.counts = {"worst": max(map(taken, small(history)), default=0)}
    return findings


@check(
    "everything is done",
    "requests",
    "All are answered in the end: batches within {turns:g} turns, and the whale's"
    " shoppers, where they are no rush themselves, within {own:g}.",
    "nobody came",
)
def done(history: History, *, turns: float, own: float) -> Findings:
    """Is everything done in the end, the large store's work too?

    Violation: a request that was never answered; a batch of an import that took longer
    than `turns`; a shopper of the whale who is no part of a rush and waited longer than
    `own` turns, for her own store's import.

    Cost: O(n).
    """
    findings = Findings()
    for op in history:
        kind = op.extra.get("kind")
        if kind is None:
            continue
        findings.checked += 1
        if taken(op) == inf:
            findings.broke("requests that were never answered", kind, ops=[op])
        elif kind == IMPORT and taken(op) > turns:
            findings.broke(f"batches later than {turns:g} turns", kind, ops=[op])
        elif own < taken(op) and is_own(op):
            findings.broke(f"whale's shoppers later than {own:g} turns", kind, ops=[op])
    return findings


def is_own(op: Op) -> bool:
    """Whether a shopper of the whale asked who is no part of a rush."""
    shops = op.extra["kind"] != IMPORT and op.extra["store"] == WHALE
    return shops and not op.extra["rush"]


def fairness(history: History) -> float:
    """Jain's index of the stores whose shoppers came, 1 when all are served alike, 1/n
    when one of n has all: (sum x)^2 / (n * sum x^2). x: the share of the time that a
    store's shoppers spent here in which they were served, and did not wait."""
    shares: dict[int, list[float]] = defaultdict(list)
    for op in history:
        if op.extra.get("kind") in (PAGE, CHECKOUT):
            shares[op.extra["store"]].append(1 / taken(op))
    each = [mean(share) for share in shares.values()]
    return sum(each) ** 2 / (len(each) * sum(x * x for x in each))


def cost(run: Any) -> dict[str, Any]:
    """Who waited how long, in turns, and how often somebody was told to try again."""
    ops = [op for op in run.history if "kind" in op.extra]
    whales = [op for op in ops if op.extra["store"] == WHALE]
    longest = lambda some: max(map(taken, some), default=0)  # noqa: E731
    return {
        "neighbours waited": longest(small(run.history)),
        "the whale's shoppers": longest(o for o in whales if o.extra["kind"] != IMPORT),
        "its import": longest(o for o in whales if o.extra["kind"] == IMPORT),
        "told to try again": sum(op.extra["tries"] - 1 for op in ops),
        "Jain's index": round(fairness(run.history), 2),
    }
