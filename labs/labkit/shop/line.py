"""An order's way through the shop, station by station, under a clock that a lab turns.

    nginx   lets in so many orders at a time (`limit_conn`); the others are told 429 and
            come again at the next tick
    app     so many workers; each keeps its order to the end, asks the payment provider,
            and then writes the order
    pool    so many connections; the order's transaction keeps one, checks, and writes
    row     each order gets an invoice with the next number, without gaps: so many
            series of numbers, each with a row that is locked until the commit

Work takes ticks, not seconds: it waits for an advisory lock of PostgreSQL that the
clock holds until the tick is over. A tick ends when every order stands somewhere, at
work or in line. So what is counted does not depend on how fast this computer is.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from random import Random
from statistics import mean
from typing import TYPE_CHECKING

from ..checks.common import exceeds
from ..checks.registry import Findings, check
from ..faults import Body, fault
from ..history import History, Op
from ..wait import wait_until
from . import traffic
from .crowd import Crowd
from .records import Recorder, figure, refusable
from .traffic import Order

if TYPE_CHECKING:
    from ..servers.app import App
    from ..servers.nginx import Nginx
    from ..servers.postgres import PostgresNode
    from .tables import Tables

STATIONS = ("nginx", "app", "pool", "row")
PROVIDER, CHECK, NUMBER = KINDS = (1, 2, 3)  # of work, as the locks have it
TAKES = {PROVIDER: 4, CHECK: 1, NUMBER: 1}  # ticks
SELLER = "seller"
TOLD_TO_WAIT = 429
ZONE = "limit_conn_zone $server_port zone=orders:1m;"

WORK = {PROVIDER: "provider", CHECK: "check", NUMBER: "number"}
WORK_AT = {  # what work an order does at a station
    "nginx": tuple(WORK.values()),
    "app": tuple(WORK.values()),
    "pool": ("check", "number"),
    "row": ("number",),
}
INSIDE = {  # the places of whoever has a server of a station; "app" is in line for app
    "nginx": (*WORK.values(), "app", "pool", "row"),
    "app": (*WORK.values(), "pool", "row"),
    "pool": ("check", "number", "row"),
    "row": ("number",),
}
RENT = {"nginx": 0.0, "app": 30.0, "pool": 2.0, "row": 0.0}  # euros a week, of one
SELLER_AT = 16  # tick
MOMENT_S = 0.01

SQL = f"""
drop table if exists series, invoices;
create table series (name int primary key);
create table invoices (
    series int, number int, subject text, primary key (series, number)
);

-- the tick that work waits for; 0: none. A sequence's value is seen before any commit
drop sequence if exists clock;
create sequence clock minvalue 0 start 0;

create or replace function takes(kind int, ticks int) returns void as $$
declare due int;
begin
    for n in 1 .. ticks loop
        select last_value into due from clock;
        exit when due = 0;
        perform pg_advisory_lock_shared(kind, due);
        perform pg_advisory_unlock_shared(kind, due);
    end loop;
end $$ language plpgsql;

create or replace function wait_for_tick(due int) returns void as $$
begin
    perform pg_advisory_lock(kind, due) from unnest(array{[*KINDS]}) kind;
    perform setval('clock', due);
end $$ language plpgsql;

create or replace function authorise(id bigint) returns void language sql as
    $$ select takes({PROVIDER}, {TAKES[PROVIDER]}) $$;

create or replace function check_order() returns trigger language plpgsql as $$
begin
    perform takes({CHECK}, {TAKES[CHECK]});
    return new;
end $$;

-- the row is locked and not changed, so that who waits for it gets it in turn
create or replace function invoice(mine int, about text) returns void as $$
begin
    perform from series where name = mine for update;
    insert into invoices
        select mine, 1 + coalesce(max(number), 0), about
        from invoices where series = mine;
end $$ language plpgsql;

create or replace function invoice_order() returns trigger language plpgsql as $$
declare mine int;
begin
    select name into mine from series order by name for update skip locked limit 1;
    if mine is null then
        mine := new.id % (select count(*) from series);
    end if;
    perform invoice(mine, 'order ' || new.id);
    perform takes({NUMBER}, {TAKES[NUMBER]});
    return new;
end $$;

create trigger checks before insert on orders
    for each row execute function check_order();
create trigger invoices after insert on orders
    for each row execute function invoice_order();
"""
SERIES = "insert into series select n from generate_series(0, %s - 1) n"
BY_HAND = "/*{}*/ select invoice(0, 'by hand')"
WAITING = """select locktype, classid::int, query from pg_locks
 join pg_stat_activity using (pid)
 where not granted and locktype in ('advisory', 'transactionid', 'tuple')"""
TRACE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Station:
    """What was measured of a station in one week.

    servers: how many orders it can serve at a time. service: ticks of work that an
    order takes there, without what it waits for inside. held: share of the servers that
    had an order, mean of the ticks; working: share that worked. waiting: orders in line
    before it.
    """

    name: str
    servers: int
    service: float
    held: float
    working: float
    waiting: float

    @property
    def limit(self) -> float:
        """Orders a tick that it can serve at most: the utilisation law at 100 %."""
        return self.servers / self.service


@dataclass(frozen=True)
class Week:
    """What was measured: how many orders came, all at once, and how many ticks it took
    to the last answer; None where it was not given before the clock stopped."""

    number: int
    orders: int
    took: int | None
    stations: tuple[Station, ...]


@dataclass(frozen=True)
class Decision:
    """What is changed before a week: servers by station; and after how many ticks its
    last order is expected to be answered, None where nobody has said."""

    change: Mapping[str, int]
    expects: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.change, Mapping):
            told = "a Decision changes servers by station, {'pool': 6}, and not"
            raise TypeError(f"{told} {self.change!r}")
        for name, servers in self.change.items():
            if name not in STATIONS:
                raise ValueError(f"no station is called {name!r}: {STATIONS}")
            if not isinstance(servers, int) or servers < 1:
                told = f"a station has whole servers, at least one: {name} {servers!r}"
                raise ValueError(told)
        if not isinstance(self.expects, int | float | None):
            told = f"ticks are expected, or None, and not {self.expects!r}"
            raise TypeError(told)


Way = Callable[[Week, int], Decision]


class Clock:
    """Ticks that work waits for. While it does not run, work takes no time.

    turn: grows when whoever was told to wait may come again.
    """

    def __init__(self, node: PostgresNode) -> None:
        self.node = node
        self.tick = 0
        self.turn = 0
        self.running = False
        self._turned = threading.Condition()

    @contextmanager
    def runs(self) -> Iterator[None]:
        """From tick 0 to the end of the block; then whatever waits goes on."""
        with self.node.connect(application_name="clock") as self._session:
            self.tick = 0
            self._session.execute("select wait_for_tick(1)")
            self.running = True
            try:
                yield
            finally:
                self.running = False
                self._session.execute("select setval('clock', 0)")
                self._session.execute("select pg_advisory_unlock_all()")
                self.come_again()

    def next(self, settle: Callable[[], object], in_line: bool) -> None:
        """One tick. Where orders are in line for a row or outside, whoever holds a row
        goes on first: who comes later does not pass them."""
        self._session.execute("select wait_for_tick(%s)", [self.tick + 2])
        self.tick += 1
        if in_line:
            self._go_on(NUMBER)
            settle()
            self._go_on(PROVIDER, CHECK)
        else:
            self._go_on(*KINDS)
        self.come_again()
        settle()

    def come_again(self) -> None:
        with self._turned:
            self.turn += 1
            self._turned.notify_all()

    def wait(self, turn: int) -> None:
        """Until the turn is another one; where the clock no longer runs, for a moment,
        in which somebody may leave."""
        with self._turned:
            bound = None if self.running else MOMENT_S
            self._turned.wait_for(lambda: self.turn != turn, bound)

    def _go_on(self, *kinds: int) -> None:
        unlock = "select pg_advisory_unlock(kind, %s) from unnest(%s) kind"
        self._session.execute(unlock, [self.tick, [*kinds]])


class Line:
    """The four stations, and the weeks in which orders pass through them.

    start: servers of each station. Made by a lab of servers that run: the application
    must `authorise` and nginx have `ZONE` in its block http.
    """

    def __init__(
        self, edge: Nginx, app: App, tables: Tables, start: Mapping[str, int]
    ) -> None:
        self.edge = edge
        self.app = app
        self.tables = tables
        self.start = dict(start)
        self.servers: dict[str, int] = {}
        self.clock = Clock(tables.db.primary)
        self._sizes: Sequence[int] = ()
        self.reset()

    def reset(self) -> None:
        """No orders and no invoices, and as many servers as at the start."""
        self.tables.clean()
        self.tables.db.primary.sql("truncate invoices")
        self.set(self.start)

    def set(self, servers: Mapping[str, int]) -> None:
        """Give stations so many servers. Not while orders are under way."""
        new = {name: n for name, n in servers.items() if self.servers.get(name) != n}
        self.servers |= new
        if "nginx" in new:
            told = f"limit_conn_status {TOLD_TO_WAIT};"
            self.edge.reload(location=f"limit_conn orders {new['nginx']}; {told}")
        sizes = {"workers": new.get("app"), "pool_size": new.get("pool")}
        if sizes := {name: size for name, size in sizes.items() if size}:
            self.app.resize(**sizes)
        if "row" in new:
            node = self.tables.db.primary
            node.sql("truncate series, invoices")
            node.sql(SERIES, [new["row"]])

    @fault("the shop grows")
    def grows(self, sizes: Sequence[int]) -> Body:
        """So many orders in each week, and not as many as in the first. Meter: by how
        many the last week is above the first."""
        self._sizes = sizes
        yield lambda: sizes[-1] - sizes[0]
        self._sizes = ()

    def weeks(self, run: Recorder, way: Way, first: int, count: int, end: int) -> None:
        """A week of `first` orders, and then `count` more, before each of which `way`
        decides, given the week before and how many orders are announced. end: see
        `Rush`.

        The decision is an inner "decide" of the team, its value what was changed; with
        what was expected, the orders, and the rent after it in `extra`.
        """
        sizes = self._sizes or [first] * (count + 1)
        orders = iter(traffic.orders(Random(first), sum(sizes), self.tables.stores))
        last = Rush(self, run, 0, end).of([*islice(orders, sizes[0])])
        for number, announced in enumerate(sizes[1:], start=1):
            decision = way(last, announced)
            if not isinstance(decision, Decision):
                raise TypeError(f"a Decision is wanted, and not {decision!r}")
            with run.call("team", "decide", f"week {number}", inner=True) as op:
                op.value = dict(decision.change)
                op.extra |= {"expects": decision.expects, "orders": announced}
                self.set(decision.change)
                op.extra["rent"] = rent(self.servers)
            last = Rush(self, run, number, end).of([*islice(orders, announced)])

    def try_out(self, servers: Mapping[str, int], orders: int, end: int = 200) -> Week:
        """A week of so many orders with these servers, the others as at the start."""
        self.reset()
        self.set(servers)
        placed = traffic.orders(Random(orders), orders, self.tables.stores)
        return Rush(self, History(), 0, end).of(placed)


class Rush:
    """The orders of one week, all at once, and where each of them stands.

    end: after so many ticks the clock stops; who is late is then served at once.
    """

    def __init__(self, line: Line, run: Recorder, week: int, end: int) -> None:
        self.line = line
        self.run = run
        self.week = week
        self.key = f"week {week}"
        self.end = end
        self.clock = line.clock
        self._node = line.tables.db.primary
        self._lock = threading.Lock()
        self._inside: set[str] = set()  # trace ids
        self._refused: dict[str, int] = {}  # the turn in which it was
        self._now: dict[str, str] = {}  # where they stand
        self._seen: list[dict[str, str]] = []  # the same, tick by tick
        self._done: dict[str, int] = {}  # their ticks, where these are known

    def of(self, orders: Sequence[Order]) -> Week:
        """The week: "sell" by the shop, each order an inner "order" with its ticks in
        `extra`, None where it was late; "write" by the seller, who meanwhile writes
        an invoice by hand. What was measured is entered as the figure "week", and
        returned."""
        with (
            self.run.call("shop", "sell", self.key),
            Crowd(within=60) as self._crowd,
            self.clock.runs(),
        ):
            for order in orders:
                self._crowd.send(self._order, order)
            self._tick_by_tick()
        done = [self._done.get(trace) for trace in self._seen[0]]
        took = None if None in done else max(filter(None, done))
        week = Week(self.week, len(orders), took, self._measured())
        figure(self.run, "line", "week", asdict(week))
        return week

    def _tick_by_tick(self) -> None:
        self._settle()
        self._seen.append(self._now)
        seller = False
        while (self._inside and self.clock.tick < self.end) or not seller:
            if self.clock.tick == min(SELLER_AT, self.end) or not self._inside:
                seller = True
                self._crowd.send(self._by_hand)
                self._settle()
            self.clock.next(
                self._settle, in_line=bool({"row", "nginx"} & {*self._now.values()})
            )
            self._seen.append(self._now)

    def _order(self, order: Order) -> None:
        call = f"customer {order.order_id}", "order", self.key, order.order_id
        with refusable(self.run, *call, inner=True) as op:
            with self._under_way(op) as trace:
                header = {"traceparent": f"00-{trace}-{trace[16:]}-01"}
                ask = partial(
                    self.line.edge.post,
                    "/checkout",
                    asdict(order),
                    headers=header,
                    timeout=60,
                )
                while (answer := ask()).status == TOLD_TO_WAIT:
                    self._wait_outside(trace)
                answer.ok()
            op.extra["ticks"] = self._done.get(trace)

    def _by_hand(self) -> None:
        with refusable(self.run, SELLER, "write", self.key, "an invoice") as op:
            began = self.clock.tick
            with (
                self._under_way(op) as trace,
                self._node.connect(application_name=SELLER) as session,
            ):
                session.execute(BY_HAND.format(trace).encode())
            told = self._done.pop(trace, None)
            op.extra["ticks"] = None if told is None else told - began

    @contextmanager
    def _under_way(self, op: Op) -> Iterator[str]:
        trace = f"{op.op_id:032x}"
        with self._lock:
            self._inside.add(trace)
        try:
            yield trace
            if self.clock.running:
                self._done[trace] = self.clock.tick
        finally:
            with self._lock:
                self._inside.remove(trace)

    def _wait_outside(self, trace: str) -> None:
        turn = self.clock.turn
        with self._lock:
            self._refused[trace] = turn
        self.clock.wait(turn)

    def _settle(self) -> None:
        wait_until(self._all_stand, 30, "an order is neither at work nor in line")

    def _all_stand(self) -> bool:
        """Each of those under way stands at one place: who is seen at none, or at two,
        is going from one to the other."""
        with self._lock:
            inside = set(self._inside)
            outside = [t for t, at in self._refused.items() if at == self.clock.turn]
        if self._crowd.unanswered != len(inside):
            return False
        found = [(trace, "nginx") for trace in outside if trace in inside]
        for kind, number, query in self._node.sql(WAITING):
            place = WORK[number] if kind == "advisory" else "row"
            found += [(trace, place) for trace in TRACE.findall(query)[:1]]
        if len(found) < len(inside):
            lines = self.line.app.get("/lines", timeout=30).json()
            if not lines["still"]:
                return False
            found += [(trace, "app") for trace in lines["worker"]]
            found += [(trace, "pool") for trace in lines["connection"]]
        self._now = dict(found)
        return Counter(trace for trace, _ in found) == Counter(inside)

    def _measured(self) -> tuple[Station, ...]:
        """Of the orders, while there were any; work, of those that were answered."""
        orders = self._seen[0].keys()
        ticks = [[p for t, p in now.items() if t in orders] for now in self._seen]
        counts = [Counter(places) for places in ticks if places]
        answered = self._done.keys() & orders
        work = Counter(p for now in self._seen for t, p in now.items() if t in answered)

        def average(places: Iterable[str]) -> float:
            return mean(sum(count[place] for place in places) for count in counts)

        return tuple(
            Station(
                name,
                servers=self.line.servers[name],
                service=sum(work[p] for p in WORK_AT[name]) / max(1, len(answered)),
                held=average(INSIDE[name]) / self.line.servers[name],
                working=average(WORK_AT[name]) / self.line.servers[name],
                waiting=average([name]),
            )
            for name in STATIONS
        )


def measured(history: History) -> list[Week]:
    """The weeks of a history, as they were entered."""
    found = []
    for week in (op.value for op in history.ops("figure", key="week")):
        stations = tuple(Station(**one) for one in week["stations"])
        found.append(Week(**{**week, "stations": stations}))
    return found


def rent(servers: Mapping[str, int]) -> float:
    """Of all servers, euros a week."""
    return sum(RENT[name] * number for name, number in servers.items())


@check(
    "everybody in time",
    "answers",
    "Each order is answered within {within} ticks, and the seller within {seller}.",
    "nobody asked",
)
def in_time(history: History, *, within: int, seller: int) -> Findings:
    """Is everybody answered in time?

    An answer is an "order", or the seller's "write", with its ticks in `extra`.

    Violation: one that failed, or has no ticks, or more than `within`, or `seller` for
    the seller.

    Counts: orders, sellers: late ones.

    Cost: O(n).
    """
    findings = Findings()
    late: Counter[str] = Counter()
    for op in history:
        if op.op in ("order", "write"):
            findings.checked += 1
            bound = seller if op.op == "write" else within
            ticks = op.extra.get("ticks")
            if op.outcome != "ok" or ticks is None or ticks > bound:
                late[op.op] += 1
                who = "the seller" if op.op == "write" else "an order"
                told = f"{who} of {op.key} was not answered within {bound} ticks"
                findings.broke(told, op.op, op.key, ops=[op])
    findings.counts = {"orders": late["order"], "sellers": late["write"]}
    return findings


@check(
    "one change a week",
    "weeks",
    "At most one station is changed in a week.",
    "nothing was decided",
)
def one_change(history: History) -> Findings:
    """Is it known what a change has done?

    Violation: a "decide" that changes several stations.

    Cost: O(n).
    """
    findings = Findings()
    for op in history.ops("decide"):
        findings.checked += 1
        if len(op.value) > 1:
            findings.broke(f"{len(op.value)} stations were changed at once", ops=[op])
    return findings


@check(
    "foretold",
    "weeks",
    "How long a week's orders take was foretold, within {share:.0%}.",
    "nothing was decided",
)
def foretold(history: History, *, share: float) -> Findings:
    """Did a week come out as it was expected to?

    Violation: a "decide" that expects nothing, or another number of ticks than the week
    took, by more than `share` of it. A week that was not over in time took longer than
    any.

    Cost: O(n).
    """
    findings = Findings()
    took = {week.number: week.took for week in measured(history)}
    for op in history.ops("decide"):
        findings.checked += 1
        expects, ticks = op.extra["expects"], took.get(int((op.key or "").split()[1]))
        if expects is None:
            findings.broke("nobody said how long it would take", ops=[op])
        elif ticks is None or abs(expects - ticks) > share * ticks:
            findings.broke(f"{op.key} took another time than expected", ops=[op])
    return findings


@check(
    "the rent follows the orders",
    "weeks",
    "In the end the rent has grown by no larger factor than the orders.",
    "nothing was decided",
)
def rent_follows(history: History, *, rent: float, orders: int) -> Findings:
    """Is what was added paid for?

    Violation: the last "decide", when the rent after it is a larger multiple of `rent`,
    that of the start, than its week's orders are of `orders`.

    Cost: O(n).
    """
    findings = Findings()
    decided = history.ops("decide")
    findings.checked = len(decided)
    for op in decided[-1:]:
        if exceeds(op.extra["rent"] / rent, op.extra["orders"] / orders):
            findings.broke("the rent has grown by a larger factor", ops=[op])
    return findings
