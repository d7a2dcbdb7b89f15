"""An evening of the shop, in time that is counted: customers who do not wait for ever,
a caller that asks for them and asks again, and a machine with workers and a queue.

Nobody's clock is looked at. A tick stands for TICK_S seconds, and what takes time takes
ticks: a page PAGE steps of the SPEED steps of work that the machine does in a tick, a
refusal one. What a page reads and a checkout writes is real: each worker has a session
of PostgreSQL, and one whose statement waits for a lock does nothing else until it is
let through. So an evening comes out the same on a computer that has much else to do.

    evening = shop.evening.Evening(db, per_s=48)
    lock = evening.locked       # a fault: somebody locks the ratings for two seconds
    evening.go(run, way)        # the schedule
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from .. import checks
from ..checks.common import exceeds
from ..faults import Body, Fault, fault
from ..history import History, Op
from ..wait import service_time, wait_until
from . import days, schema, tables, traffic
from .crowd import Crowd

if TYPE_CHECKING:
    from random import Random

    from ..proof import Run
    from ..servers.postgres import Postgres

TICK_S = 0.05
A_SECOND = round(1 / TICK_S)  # in ticks
SPEED, PAGE, REFUSAL = 8, 2, 1  # steps in a tick; of work for a page, for a refusal
LOOK_S = 0.05  # seconds between two looks at statements under way
AT_ONCE = 2  # steps that one worker can do in a tick
ROLE, LOCKED = "shop", "ratings"
BROWSE, CHECKOUT = "browse", "checkout"
BUYERS = 6  # one in so many customers checks out
LOST = 13  # one in so many tries is lost on its way, whatever the shop does
GONE, REFUSED = "no answer", "not now"

RATINGS = """
drop table if exists ratings;
create table ratings (product_id integer primary key, stars integer not null);
insert into ratings select id, 1 + id % 5 from products;
"""
STORE_PAGE = """select name, price_cents, stars from products
 join ratings on product_id = id where store_id = %s"""


@dataclass(eq=False)
class Try:
    """One try to have a request answered.

    request: its number; kind: "browse" or "checkout"; nth: 1 for the first try. sent
    and deadline, in ticks: whoever has no answer by then has stopped listening.
    """

    request: int
    kind: str
    nth: int
    sent: int
    deadline: int
    told: str = ""  # how it ended for the caller: "ok", GONE or REFUSED
    ended: int = 0
    left: int = 0  # steps of work, once a worker has it
    statement: Future[Any] | None = None
    began: int = 0
    made: int | None = None  # when the machine had finished

    @property
    def for_nobody(self) -> bool:
        """Whether the machine finished what nobody waited for any more."""
        return self.made is not None and self.told != "ok"


class Caller(Protocol):
    """Who asks for the customers, and decides whether to ask again."""

    def asked(self) -> None:
        """A new request has come."""

    def again(self, tries: int, kind: str) -> float | None:
        """After so many tries that failed: ticks until the next, None for no more."""


@dataclass(frozen=True)
class Way:
    """How requests are called for and served: what an evening's runs differ in.

    caller: makes the caller of one evening. queue(waiting, now): the tries that the
    machine keeps, in the order in which it will take them; the others are refused.
    workers: how many tries it has in work; kept_free of them take no browsing.
    timeout: ticks for which the caller waits.
    """

    caller: Callable[[], Caller]
    queue: Callable[[list[Try], int], Sequence[Try]]
    workers: int = 4
    kept_free: int = 0
    timeout: int = 6


@dataclass
class Request:
    number: int
    kind: str
    came: int
    order: traffic.Order | None
    ended: int | None = None
    told: str = ""


class Evening:
    """Customers, so many in a second, whatever becomes of those before them.

    seconds: how long they come. trouble: in which ticks something is wrong, if a fault
    is there. patience: ticks after which a customer leaves. pace_s: seconds that a tick
    takes at least; with TICK_S the evening goes by the clock.
    """

    def __init__(
        self,
        db: Postgres,
        per_s: float = 48,
        seconds: int = 8,
        trouble: range = range(20, 60),
        patience: int = A_SECOND,
        pace_s: float = 0,
    ) -> None:
        self.db = db
        self.per_s = per_s
        self.seconds = seconds
        self.trouble = trouble
        self.patience = patience
        self.pace_s = pace_s
        self.plan = days.Plan()
        self.page = PAGE  # steps of work
        self.slowed = 0  # pages that took longer
        self.lock_held = False
        self.tables = tables.Tables(db, more=RATINGS)
        self.connect = self.tables.login(ROLE)
        db.primary.sql(f"grant insert on orders to {ROLE}")

    def go(self, run: Run, way: Way) -> None:
        """The evening, entered into the run's history in seconds that are counted.

        A customer's request is a "browse" or "checkout", ok when it was answered before
        the customer left. Inner operations: a "try" of it, and a "page" for each that
        the machine finished, with `for_nobody` in extra. At the end the orders are read
        back.
        """
        shift = _Shift(self, way, self.customers(run.rng))
        with shift.open():
            for ticks, trouble in self.plan.day(self.seconds * A_SECOND):
                with trouble:
                    for now in ticks:
                        shift.tick(now)
                        service_time(self.pace_s)
            end = self.seconds * A_SECOND
            for now in range(end, end + self.patience):
                shift.tick(now)
        shift.enter(run.history)
        self.tables.read_back(run)

    def customers(self, rng: Random) -> dict[int, list[Request]]:
        """Who comes in which tick; every sixth checks out."""
        count = round(self.per_s * self.seconds)
        orders = iter(traffic.orders(rng, count, stores=schema.STORES))
        found: dict[int, list[Request]] = defaultdict(list)
        for number in range(1, count + 1):
            tick = int((number - 1) * A_SECOND / self.per_s)
            order = next(orders) if number % BUYERS == 0 else None
            kind = CHECKOUT if order else BROWSE
            found[tick].append(Request(number, kind, tick, order))
        return found

    def locked(self) -> Fault:
        """The fault: a migration holds a lock on the ratings that store pages show.
        Meter: locks granted to it."""
        return self._in_trouble(partial(_locked, self))

    def slow(self, times: int = 3) -> Fault:
        """The fault: a page takes so many times as much work, as when a backup reads
        the same disk. Meter: pages that did."""
        return self._in_trouble(partial(_slow, self, times))

    def _in_trouble(self, make: Callable[[], Fault]) -> Fault:
        made = self.plan.fault({self.trouble: make})
        made.span = self.trouble.start * TICK_S, self.trouble.stop * TICK_S
        return made


@fault("ratings locked")
def _locked(evening: Evening) -> Body:
    with days.locked(evening.db.primary, LOCKED) as lock:
        evening.lock_held = True
        yield lock.meter
        evening.lock_held = False


@fault("pages slow")
def _slow(evening: Evening, times: int) -> Body:
    evening.page, evening.slowed = times * PAGE, 0
    yield lambda: evening.slowed
    evening.page = PAGE


@dataclass
class _Shift:
    """One evening under way: the caller's tries, the machine's queue and its work."""

    evening: Evening
    way: Way
    customers: dict[int, list[Request]]
    requests: dict[int, Request] = field(default_factory=dict)
    tries: list[Try] = field(default_factory=list)
    due: dict[int, list[tuple[Request, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    waiting: list[Try] = field(default_factory=list)
    working: list[Try] = field(default_factory=list)
    unread: list[Try] = field(default_factory=list)  # not even refused in this tick

    def __post_init__(self) -> None:
        self.caller = self.way.caller()
        self.free: list[tables.Connection] = []
        self.session: dict[int, tables.Connection] = {}  # by id of a try in work
        self.listening: dict[int, Try] = {}  # tries without an answer, by id
        self.crowd = Crowd()

    def open(self) -> ExitStack:
        """The workers' sessions, until the end of the block."""
        stack = ExitStack()
        for _ in range(self.way.workers):
            self.free.append(stack.enter_context(self.evening.connect()))
        stack.enter_context(self.crowd)
        return stack

    def tick(self, now: int) -> None:
        self.give_up(now)
        self.call(now)
        steps = self.refuse(now)
        self.take(now)
        self.work(now, steps)

    def give_up(self, now: int) -> None:
        """Callers whose time is over stop listening, and customers leave."""
        for one in [t for t in self.listening.values() if t.deadline <= now]:
            self.failed(one, GONE, now)
        leaves = now - self.evening.patience
        for request in self.requests.values():
            if request.ended is None and request.came <= leaves:
                request.ended, request.told = now, GONE

    def failed(self, one: Try, why: str, now: int) -> None:
        del self.listening[id(one)]
        one.told, one.ended = why, now
        request = self.requests[one.request]
        wait = self.caller.again(one.nth, one.kind)
        if wait is not None:
            # whoever was refused learns it in the next tick
            soonest = now + (why == REFUSED)
            self.due[soonest + round(wait)].append((request, one.nth + 1))
        elif request.ended is None:
            request.ended, request.told = now, why

    def call(self, now: int) -> None:
        """New requests, and further tries of old ones, are sent."""
        for request in self.customers.pop(now, []):
            self.requests[request.number] = request
            self.caller.asked()
            self.due[now].append((request, 1))
        for request, nth in sorted(self.due.pop(now, []), key=_in_order):
            one = Try(request.number, request.kind, nth, now, now + self.way.timeout)
            self.tries.append(one)
            self.listening[id(one)] = one
            if len(self.tries) % LOST:
                self.waiting.append(one)

    def refuse(self, now: int) -> int:
        """Whom the queue does not keep is told so; returns the steps that are left.

        Reading and refusing comes before all other work, as it does in a server that
        accepts connections. Whoever cannot even be refused in this tick waits on.
        """
        steps = SPEED
        kept = list(self.way.queue(list(self.waiting), now))
        ids = set(map(id, kept))
        self.unread = []
        for one in self.waiting:
            if id(one) in ids or id(one) not in self.listening:
                continue
            if steps < REFUSAL:
                self.unread.append(one)
            else:
                steps -= REFUSAL
                self.failed(one, REFUSED, now)
        self.waiting = kept
        return steps

    def take(self, now: int) -> None:
        """Workers that are free take the next in the queue."""
        for one in list(self.waiting):
            if not self.free:
                break
            browsing = sum(t.kind == BROWSE for t in self.working)
            room = self.way.workers - self.way.kept_free
            if one.kind == BROWSE and browsing >= room:
                continue
            self.waiting.remove(one)
            self.working.append(one)
            one.began, one.left = now, self.evening.page
            session = self.session[id(one)] = self.free.pop()
            request = self.requests[one.request]
            if request.order:
                one.statement = self.ask(one, tables.insert, session, request.order)
            else:
                store = 1 + request.number % schema.STORES
                one.statement = self.ask(one, _show, session, store)
        self.waiting += self.unread

    def ask(self, one: Try, act: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run a statement; in a thread of its own if it is going to wait."""
        if self.evening.lock_held and one.kind == BROWSE:
            return self.crowd.send(act, *args)
        done: Future[Any] = Future()
        done.set_result(act(*args))
        return done

    def settle(self) -> None:
        """Wait until each statement is done or, while there is a lock, waits for it."""
        acts = [t.statement for t in self.working if t.statement]

        def settled() -> bool:
            if not self.evening.lock_held:
                return not wait_for(acts, LOOK_S).not_done
            open_ = sum(not act.done() for act in acts)
            return tables.waiting(self.evening.db.primary, ROLE) >= open_

        if not all(act.done() for act in acts):
            late = "a statement is neither done nor waits for the lock"
            wait_until(settled, 20, late)

    def work(self, now: int, steps: int) -> None:
        """The machine's steps go to the tries in work, the oldest first."""
        self.settle()
        for one in list(self.working):
            assert one.statement is not None
            if not one.statement.done():
                continue
            one.statement.result()
            done = min(AT_ONCE, one.left, steps)
            steps -= done
            one.left -= done
            if one.left == 0:
                self.finish(one, now + 1)

    def finish(self, one: Try, now: int) -> None:
        self.working.remove(one)
        self.free.append(self.session.pop(id(one)))
        self.evening.slowed += self.evening.page > PAGE
        one.made = now
        if id(one) in self.listening and now <= one.deadline:
            del self.listening[id(one)]
            one.told, one.ended = "ok", now
            request = self.requests[one.request]
            if request.ended is None:
                request.ended, request.told = now, "ok"

    def enter(self, history: History) -> None:
        for request in self.requests.values():
            order = request.order.order_id if request.order else None
            ended = inf if request.ended is None else request.ended
            op = Op(0, f"customer {request.number}", request.kind, value=order)
            history.add(_timed(op, request.came, ended, request.told))
        for one in self.tries:
            key = f"request {one.request}"
            op = Op(0, "caller", "try", key, inner=True, extra={"nth": one.nth})
            history.add(_timed(op, one.sent, one.ended or inf, one.told))
            if one.made is not None:
                extra = {"for_nobody": one.for_nobody, "kind": one.kind}
                op = Op(0, "machine", "page", key, inner=True, extra=extra)
                history.add(_timed(op, one.began, one.made, "ok"))


def _in_order(due: tuple[Request, int]) -> tuple[int, int]:
    request, nth = due
    return nth, request.number


def _timed(op: Op, since: int, until: float, told: str) -> Op:
    op.t_call = since * TICK_S
    op.t_ret = None if until == inf else until * TICK_S
    op.outcome = "ok" if told == "ok" else "fail"
    if told != "ok":
        # a checkout without an answer may have been done
        op.outcome = "unknown" if op.op == CHECKOUT and told != REFUSED else "fail"
        op.error = told or None
    return op


def _show(session: tables.Connection, store: int) -> list[Any]:
    shown = session.execute(STORE_PAGE, [store]).fetchall()
    assert len(shown) == schema.PRODUCTS_PER_STORE, f"store {store} shows {len(shown)}"
    return shown


@checks.check(
    "the trouble ends when it is over",
    "seconds",
    "From {since:g} s on, {share:.0%} of those who come in each second are answered.",
    "nobody came after it",
)
def recovered(history: History, *, since: float, share: float = 0.9) -> checks.Findings:
    """Is the shop itself again when the trouble is over?

    A request belongs to the second in which it came; it is answered when it is ok.

    Violation: a second, from `since` on, in which fewer than `share` were answered.

    Cost: O(n).
    """
    findings = checks.Findings()
    by_second: dict[int, list[Op]] = defaultdict(list)
    for op in history:
        if not op.inner and op.t_call >= since - TICK_S / 2:
            by_second[int(op.t_call + TICK_S / 2)].append(op)
    for second, ops in sorted(by_second.items()):
        findings.checked += 1
        missed = [op for op in ops if op.outcome != "ok"]
        if exceeds(len(missed), (1 - share) * len(ops)):
            told = f"{len(ops) - len(missed)} of {len(ops)} were answered"
            sentence = f"in second {second + 1}, {told}"
            findings.broke(sentence, second, ops=missed)
    return findings


def by_second(history: History) -> list[dict[str, int]]:
    """What happened in each second: requests that came and those of them that were
    answered, tries that were sent, pages finished, and of these for nobody."""
    last = 1 + max(int(op.t_call + TICK_S / 2) for op in history if not op.inner)
    names = "second", "requests", "answered", "tries", "made", "for nobody"
    rows = [dict.fromkeys(names, 0) | {"second": n + 1} for n in range(last)]

    def count(name: str, seconds: float) -> None:
        place = int(seconds + TICK_S / 2)
        if place < last:
            rows[place][name] += 1

    for op in history:
        if op.op in (BROWSE, CHECKOUT):
            count("requests", op.t_call)
            if op.outcome == "ok":
                count("answered", op.t_call)
        elif op.op == "try":
            count("tries", op.t_call)
        elif op.op == "page" and op.t_ret is not None:
            count("made", op.t_ret)
            if op.extra["for_nobody"]:
                count("for nobody", op.t_ret)
    return rows


def total(history: History, name: str, since: int = 0) -> int:
    """A column of `by_second`, added up from a second on, counted from 0."""
    return sum(row[name] for row in by_second(history)[since:])
