"""Two regions that both sell: pieces of which there is one, and their prices.

Each of the stores may have a **home**, the region that alone changes its things; a row
of the table `homes` says which, and is sent to the other region like all else. A write
goes where its client is, or over the link to the store's home, where it waits for as
long as the link is cut.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import checks
from ..checks import Findings, Verdict, check
from ..checks.common import named
from ..faults import Body, fault
from ..history import History, Op
from ..wait import until_set, wait_until
from .crowd import Crowd
from .records import Recorder, refusable
from .regions import Regions, tell_position

if TYPE_CHECKING:
    from ..servers.postgres import Postgres
    from .tables import Connection

STORES = 6  # with one product each, of which there is one piece; half live in A
MOVED = 1  # the store that moves from A to B on a day of a move
TRIES = 3  # that a write makes when its store's home has moved meanwhile
TABLES = f"""
drop table if exists stock, offers, homes;
create table homes (store_id integer primary key, region text not null);
create table stock (
    store_id integer primary key, pieces integer not null,
    changed_at timestamptz not null
);
create table offers (
    store_id integer primary key, price_cents integer not null,
    version integer not null, changed_at timestamptz not null
);
insert into homes select n, case when n > {STORES // 2} then 'region_b'
    else 'region_a' end from generate_series(1, {STORES}) n;
insert into stock select n, 1, now() from generate_series(1, {STORES}) n;
insert into offers select n, 500, 0, now() from generate_series(1, {STORES}) n;
alter publication shop add table stock, offers, homes;
create or replace function sell(customer integer, store integer, at timestamptz)
returns void as $$ begin
    update stock set pieces = pieces - 1, changed_at = at
    where store_id = store and pieces > 0;
    if not found then raise 'sold out'; end if;
    insert into orders values (customer, store, (store - 1) * 5 + 1, 1, 500);
end $$ language plpgsql;
"""
NOW = "clock_timestamp() - %s * interval '1 s'"  # by a clock that is so much slow
SELL = f"select sell(%s, %s, {NOW})"
SAVE = f"""update offers set price_cents = %s, version = %s, changed_at = {NOW}
 where store_id = %s"""
PRICE = "select price_cents, version from offers where store_id = %s"
NOBODY = {"link": 0, "held": 0}  # who waits, and for what
TABLE = {SELL: "stock", SAVE: "offers"}
HOME = "select region from homes where store_id = %s"
MOVE = "update homes set region = %s where store_id = %s"
WAITED_FOR = "select 1 from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
ELSEWHERE = "lives elsewhere"  # what a refusal says when the home is another region


class Homes:
    """Clients of two regions. way: has `home(homes, here, store, table)`, the region to
    which a write of "stock" or "offers" goes, and `guard`, SQL that every region is
    given before a day begins.

    slow: seconds by which a region's clock is slow.
    """

    def __init__(self, both: Regions) -> None:
        self.both = both
        self.a, self.b = both.links
        self.slow = {self.a: 0.0, self.b: 0.0}
        self.moves = False  # whether a home is moved while writes are under way
        self.kept_back = self.moved = 0
        self._asked: dict[Postgres, Connection] = {}
        self._waiting = Counter(NOBODY)
        self._lock = threading.Lock()

    def region(self, name: str) -> Postgres:
        return next(db for db in (self.a, self.b) if db.name == name)

    def says(self, here: Postgres, store: int) -> Postgres:
        """The home of a store, as a region knows it."""
        # one session for all: it does one thing after another, whoever asks
        found = self._asked[here].execute(HOME, [store]).fetchall()
        return self.region(found[0][0])

    def begin(self, guard: str) -> None:
        self.kept_back = self.moved = 0
        self._waiting = Counter(NOBODY)
        for session in self._asked.values():
            session.close()
        self._asked = {db: db.primary.connect() for db in (self.a, self.b)}
        for db in (self.a, self.b):
            with db.primary.connect() as session:
                session.execute(f"alter database shop set shop.region = '{db.name}'")
                session.execute(guard.encode())

    # What clients do

    def buy(self, run: Recorder, way: Any, here: Postgres, store: int) -> None:
        """A customer wants the last piece: "write" on "piece:3", value her number."""
        number = store if here is self.a else 100 + store
        call = f"customer {number}", "write", f"piece:{store}", number
        self._write(run, way, here, store, call, SELL, (number, store))

    def save(
        self, run: Recorder, way: Any, here: Postgres, store: int, version: int
    ) -> None:
        """A shopkeeper saves her price of that version: "write" on "price:3"."""
        cents = 500 + 10 * version
        call = f"shopkeeper {store}", "write", f"price:{store}", cents
        self._write(run, way, here, store, call, SAVE, (cents, version), (store,))

    def look(self, run: Recorder, here: Postgres, store: int) -> None:
        """She looks at her price in a region: "read" on "price:3"."""
        who, place = f"shopkeeper {store}", f"price:{store}"
        with run.call(who, "read", place, node=here.name) as op:
            op.value, op.version = here.primary.sql(PRICE, [store])[0]

    def _write(
        self,
        run: Recorder,
        way: Any,
        here: Postgres,
        store: int,
        call: tuple[Any, ...],
        statement: str,
        before: tuple[Any, ...],
        after: tuple[Any, ...] = (),
    ) -> None:
        for tried in range(TRIES):
            there = way.home(self, here, store, TABLE[statement])
            more = {"node": there.name, "inner": tried > 0}
            with refusable(run, *call, **more) as op:
                op.version = before[1] if statement == SAVE else None
                op.extra["forwarded"] = there is not here
                with self._session(here, there) as session, session.transaction():
                    session.execute(statement, (*before, self.slow[there], *after))
                    if self.moves and here is there is self.a and store == MOVED:
                        self._hold(session, statement)
            if ELSEWHERE not in (op.error or ""):
                return

    @contextmanager
    def _session(self, here: Postgres, there: Postgres) -> Iterator[Connection]:
        """A session in the region where it is, or over the link in the other one."""
        if here is there:
            with here.primary.connect() as session:
                yield session
            return
        host, port = self.both.links[there].address()
        with (
            self._waits("link"),
            there.primary.connect(host=host, port=port, connect_timeout=60) as session,
        ):
            yield session

    @contextmanager
    def _waits(self, what: str) -> Iterator[None]:
        """What is done inside may take as long as the link is cut ("link"), or as a
        write is held back ("held")."""
        with self._lock:
            self._waiting[what] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[what] -= 1

    # What is under way while its store's home is moved

    def _hold(self, session: Connection, statement: str) -> None:
        """It commits when somebody waits for it, or late."""
        self._under_way[statement].set()
        mine = session.info.backend_pid
        with self._waits("held"), self.a.primary.connect() as watch:
            wait_until(
                lambda: (
                    self._over.is_set() or watch.execute(WAITED_FOR, [mine]).fetchall()
                ),
                60,
                "nobody waits",
            )

    def _move(self) -> None:
        for begun in self._under_way.values():
            until_set(begun, 60, "a change that was to be under way has not begun")
        with self.a.primary.connect() as session:
            session.execute(MOVE, [self.b.name, MOVED])
        self.moved = 1

    def _go_on_moved(self, run: Recorder, way: Any, crowd: Crowd, first: Any) -> None:
        """What was held back ends, and the shopkeeper whose store has moved saves in B
        what she saves later."""
        first.result(60)
        crowd.send(self.save, run, way, self.b, MOVED, 2)
        self._settle(crowd)

    # The day

    def day(self, run: Recorder, way: Any, takes_over: bool = False) -> None:
        """In A everybody buys and saves, then in B. Where the link was cut it is mended
        then, and in the end each shopkeeper looks at her price in both regions."""
        self._under_way = {one: threading.Event() for one in (SELL, SAVE)}
        self._over = threading.Event()
        stores = range(1, STORES + 1)
        first: dict[int, Any] = {}
        with Crowd(within=60) as crowd:
            for store in stores:
                crowd.send(self.buy, run, way, self.a, store)
                first[store] = crowd.send(self.save, run, way, self.a, store, 1)
            if self.moves:
                crowd.send(self._move).result(60)
            self._settle(crowd)
            self._meet()
            if self.moves:
                self._link(cut=True)
            if takes_over:
                self.b.primary.sql("update homes set region = 'region_b'")
            for store in stores:
                crowd.send(self.buy, run, way, self.b, store)
                if not (self.moves and store == MOVED):
                    crowd.send(self._then_save, run, way, store, first[store])
            self._settle(crowd)
            self._over.set()
            if self.moves:
                self._go_on_moved(run, way, crowd, first[MOVED])
            self.mend()
        self._meet()
        for store in stores:
            for db in (self.a, self.b):
                self.look(run, db, store)

    def _then_save(self, run: Recorder, way: Any, store: int, first: Any) -> None:
        """The same shopkeeper, who has an answer by then."""
        if not first.done():
            with self._waits("link"):
                first.result(60)
        self.save(run, way, self.b, store, 2)

    def _settle(self, crowd: Crowd) -> None:
        """Until each client is answered or waits for what does not come by itself."""
        if self.both.parted():
            crowd.settle(lambda: self._waiting.total())
        else:  # over a whole link everybody is answered
            crowd.settle(lambda: self._waiting["held"])

    def _meet(self) -> None:
        for db in (self.a, self.b):
            self.both.arrive(db)

    def mend(self) -> None:
        """Let through what the links have kept back."""
        if self.both.parted():
            for db in (self.a, self.b):
                tell_position(db)
                self.kept_back += self.both.behind(db)
            self._link(cut=False)

    def _link(self, cut: bool) -> None:
        for link in self.both.links.values():
            link.set(cut=cut)

    # What goes wrong

    def parted(self, slow_s: float = 0.0) -> Any:
        """A fault: the regions do not reach each other, and B's clock is so slow."""
        return _parted(self, slow_s)

    def handed_over(self) -> Any:
        """A fault: store 1 moves to B while a sale and a price of it in A are under
        way; then the regions do not reach each other until the evening."""
        return _handed_over(self)


@fault("the regions are parted")
def _parted(homes: Homes, slow_s: float) -> Body:
    """Meter: bytes that were kept back until the link was mended."""
    homes.slow[homes.b] = slow_s
    homes._link(cut=True)
    yield lambda: homes.kept_back
    homes.slow[homes.b] = 0.0
    homes._link(cut=False)


@fault("a store moves while its writes are under way")
def _handed_over(homes: Homes) -> Body:
    """Meter: stores that have moved."""
    homes.moves = True
    yield lambda: homes.moved
    homes.moves = False
    homes._link(cut=False)


# The promise


@check(
    "no piece is sold twice",
    "pieces",
    "Of a piece that is there once, one customer is told that it is hers.",
    "nobody wanted a piece",
)
def sold_once(history: History) -> Findings:
    """Is something sold that is gone?

    A *sale* is a "write" on a key "piece:...", and its value is the customer's number;
    it is *confirmed* when it is acknowledged. Two with one number are one sale. A piece
    is checked if somebody wanted it.

    Violation: a piece with more than one confirmed sale; the operations are those after
    the first.

    Cost: O(n).
    """
    findings = Findings()
    sales: dict[str, dict[Any, Op]] = {}
    for op in named(history, "write"):
        if op.key and op.key.startswith("piece:"):
            confirmed = sales.setdefault(op.key, {})
            if op.outcome == "ok":
                confirmed.setdefault(op.value, op)
    for piece, confirmed in sales.items():
        findings.checked += 1
        if len(confirmed) > 1:
            first, second, *_ = told = [*confirmed.values()]
            whose = f"{first.client} and {second.client}"
            said = f"{whose} were both told that {piece} is theirs"
            findings.broke(said, piece, ops=told[1:])
    return findings


def agreed(history: History) -> Verdict:
    """Each piece is sold once, and both regions show each shopkeeper her last price."""
    return checks.combine(sold_once(history), checks.read_your_writes(history))


def answers(run: Any) -> dict[str, int]:
    """What clients were told at the first try, for a proof's `cost`."""
    first = run.history.ops("write", inner=False)
    return {
        "confirmed": sum(op.outcome == "ok" for op in first),
        "sent to the home": sum(bool(op.extra.get("forwarded")) for op in first),
    }
