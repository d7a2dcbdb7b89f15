"""Reports on the month in PostgreSQL, and the memory that they take in its box.

    box = shop.month.Box(db)          # a Postgres with a memory limit
    box.deploy(way)
    with box.checkouts(run, 6):        # each in a transaction of its own
        box.ask_for(run, 6)            # reports; how many at once, is the day's to say
    box.audit(run)

The box is PostgreSQL's memory limit, `Postgres().within(memory_mib=256)`. A report is
read page by page, by a cursor, and keeps its memory until it is read.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from .. import faults
from ..history import History
from ..proof import Run
from ..wait import until_set, wait_until
from . import records, tables
from .crowd import Crowd
from .schema import STORES
from .traffic import Order

if TYPE_CHECKING:
    from ..servers.postgres import Postgres

ROWS, TEXT = 20_000, 1_900  # orders of the month, one a buyer; bytes of each row's text
MONTH = f"""
drop table if exists month, buyers;
create table month as
    select 1 + n * 7919 % {ROWS} as buyer, rpad(n::text, {TEXT}, 'x') as note
    from generate_series(1, {ROWS}) n;
create table buyers as
    select 1 + n * 6007 % {ROWS} as buyer, rpad(n::text, {TEXT}, 'x') as address
    from generate_series(1, {ROWS}) n;
analyze month, buyers;
create extension if not exists pg_prewarm;
"""
# two sorts, whose rows are merged: both keep their memory until the last row is read
REPORT = """select buyer, note, address from month join buyers using (buyer)
 order by buyer"""
DECLARE = f"declare report cursor for {REPORT}".encode()
PAGE = 20  # rows
MANY = 1_000  # sessions: as many as come
Session = contextlib.AbstractContextManager[tables.Connection]
ROLE = "reports"
LONG_S = 60.0
FULL = "too many connections for role"
READY = "database system is ready to accept connections"
TEMPORARY = re.compile(r"temporary file: path .*, size (\d+)")
SAID = re.compile(
    ".* was terminated by signal|Failed process|terminating any other|"
    f"all server processes|database system was not|{READY}"
)
SHARED = "shared_buffers"
MIB = 1 << 20
ROOM_MIB = 1024


@dataclass(frozen=True)
class Way:
    """How memory is shared out. box_mib: the limit of all. everybody_mib: the server's
    work_mem. reports_mib: that of the role of the reports; None: as everybody. at_once:
    connections that the role may have, 0 for none; None: any number.

    dashboard_mib, dashboard_pool: what the dashboard, one of the two programs that make
    reports, sets for its own sessions, and how many of them it has. more: further
    settings of the role.
    """

    box_mib: int
    everybody_mib: int
    reports_mib: int | None = None
    at_once: int | None = None
    dashboard_mib: int | None = None
    dashboard_pool: int | None = None
    more: tuple[tuple[str, str], ...] = ()


class Box:
    """db: a Postgres with a memory limit, started."""

    def __init__(self, db: Postgres) -> None:
        self.db = db
        self.node = db.primary
        self.shop = tables.Tables(db, more=MONTH)
        self._together, self._tabs, self._analysts = False, 1, 0
        self._asked = 0

    # --- what is deployed ---

    def deploy(self, way: Way) -> None:
        """The settings, and full buffers, as of a server that has been up for days."""
        self.way = way
        self.shop.clean()
        self.node.limit(memory_mib=way.box_mib)
        self.node.set(work_mem=f"{way.everybody_mib}MB")
        limit = -1 if way.at_once is None else way.at_once
        self._login = self.shop.login(ROLE, limit)
        self.node.sql(f"alter role {ROLE} reset all")
        if way.reports_mib is not None:
            self.node.sql(f"alter role {ROLE} set work_mem = '{way.reports_mib}MB'")
        for name, value in way.more:
            self.node.sql(f"alter role {ROLE} set {name} = '{value}'")
        self.node.sql("select pg_prewarm('month')")
        self._asked = 0
        self._began = self._killed = self.node.counted().killed
        log = self.node.whole_log()
        self._log_from, self._started, self._left = len(log), log.count(READY), 0
        self._dashboard = threading.Semaphore(way.dashboard_pool or MANY)

    def _starts(self) -> int:
        return self.node.logs().count(READY)

    # --- the day ---

    @contextlib.contextmanager
    def checkouts(self, run: Run, buyers: int) -> Iterator[None]:
        """So many checkouts are under way, each with its order written and the payment
        asked for, until the block ends."""
        self._crowd = Crowd(within=2 * LONG_S)
        self._paid, self._read = threading.Event(), threading.Event()
        self._at: dict[str, str] = {}
        for number in range(1, buyers + 1):
            self._crowd.send(self._check_out, run, number)
        wait_until(
            lambda: list(self._at.values()).count("under way") == buyers,
            LONG_S,
            "not all checkouts are under way",
        )
        try:
            yield
        finally:
            self._read.set()
            self._paid.set()
            self._crowd.join()

    def _check_out(self, run: Run, number: int) -> None:
        who = f"buyer {number}"
        order = Order(number, 1 + number % STORES, 1, 1, 500)
        with records.refusable(run, who, "checkout", "basket"):
            session = self.node.connect(autocommit=False, application_name="storefront")
            with contextlib.closing(session):
                tables.insert(session, order)
                self._at[who] = "under way"
                until_set(self._paid, 2 * LONG_S, "nobody has paid")
                session.commit()

    def ask_for(self, run: Run, sellers: int) -> None:
        """Each seller asks for a report: one after another, or all before the first has
        read theirs. The next one comes when the one before is reading, stands in line,
        or has nothing to wait for, and the server is up."""
        if not self._together:
            self._read.set()
        for number in range(1, self._analysts + 1):
            who = f"analyst {number}"
            self._ask(run, who, self._unbound(), inner=True)
        for tab in range(1, self._tabs + 1):
            for number in range(1, sellers + 1):
                who = f"seller {number}" + f", tab {tab}" * (tab > 1)
                session = self._session(who, dashboard=number > sellers // 2)
                self._ask(run, who, session, inner=tab > 1)
        self._asked = self._together * sellers * self._tabs

    def _ask(self, run: Run, who: str, session: Session, inner: bool) -> None:
        made = self._crowd.send(self._report, run, who, session, inner)
        if not self._together:
            made.result(LONG_S)
        self._until_seen(who)
        self._until_up()

    def _report(self, run: Run, who: str, session: Session, inner: bool) -> None:
        try:
            called = records.refusable(run, who, "report", "month", inner=inner)
            with called as op, session as connected:
                connected.execute(DECLARE)
                connected.execute(f"fetch {PAGE} from report".encode())
                self._at[who] = "reading"
                until_set(self._read, LONG_S, "the reports are not read")
                rest = connected.execute("move all in report")
                op.extra["rows"] = PAGE + rest.rowcount
                connected.commit()
        finally:
            self._at[who] = "gone"

    @contextlib.contextmanager
    def _unbound(self) -> Iterator[tables.Connection]:
        """A connection of somebody who has another role."""
        session = self.node.connect(autocommit=False, application_name="analyst")
        with contextlib.closing(session):
            yield session

    @contextlib.contextmanager
    def _session(self, who: str, dashboard: bool) -> Iterator[tables.Connection]:
        """A connection as the role of the reports, for which one may stand in line."""
        own = dashboard and self.way.dashboard_mib
        options = f"-c work_mem={own}MB" if own else ""

        looks, left = itertools.count(), [self._left]

        def let_in() -> tables.Connection | None:
            # a refusal costs the server a process: again when somebody has left, whose
            # process may take a moment more, and now and then
            if next(looks) % 3 and left[-1] == self._left:
                return None
            left.append(self._left)
            try:
                return self._login(autocommit=False, options=options)
            except psycopg.OperationalError as error:
                if FULL not in str(error) or self.way.at_once == 0:
                    raise
            self._at[who] = "in line"
            return None

        with self._pool(who) if dashboard else contextlib.nullcontext():
            session = wait_until(let_in, LONG_S, f"{who} is not let in")
            assert session is not None
            with contextlib.closing(session):
                yield session
        self._left += 1

    @contextlib.contextmanager
    def _pool(self, who: str) -> Iterator[None]:
        """The dashboard's own."""
        if not self._dashboard.acquire(blocking=False):
            self._at[who] = "in line"
            wait_until(
                lambda: self._dashboard.acquire(blocking=False),
                LONG_S,
                f"the dashboard has no connection for {who}",
            )
        try:
            yield
        finally:
            self._dashboard.release()

    def _until_seen(self, who: str) -> None:
        wait_until(lambda: self._at.get(who), LONG_S, f"{who} is not seen to wait")

    def _until_up(self) -> None:
        """When a process was killed, until PostgreSQL has started anew: it ends all
        sessions first, and who comes meanwhile is refused."""
        killed = self.node.counted().killed
        if killed > self._killed:
            wait_until(
                lambda: self._starts() > self._started, LONG_S, "it does not recover"
            )
            self._killed, self._started = self.node.counted().killed, self._starts()

    def audit(self, run: Run) -> None:
        """The size of the box, processes killed, MiB of temporary files, as figures."""
        self.node.ready()
        records.figure(run, self.node.name, "box", self.way.box_mib)
        killed = self.node.counted().killed - self._began
        records.figure(run, self.node.name, "killed", killed)
        records.figure(run, self.node.name, "on disk", self._on_disk(self._log_from))

    def _on_disk(self, log_from: int) -> int:
        written = TEMPORARY.findall(self.node.whole_log()[log_from:])
        return round(sum(map(int, written)) / MIB)

    # --- what goes wrong ---

    def month_ends(self, tabs: int = 1, analysts: int = 0) -> faults.Fault:
        """All sellers ask before the first has read, in so many tabs each, and before
        them analysts, who have another role. Meter: reports that sellers asked for."""

        def body() -> faults.Body:
            self._together, self._tabs, self._analysts = True, tabs, analysts
            try:
                yield lambda: self._asked
            finally:
                self._together, self._tabs, self._analysts = False, 1, 0

        return faults.Fault("the month ends", body)

    # --- measuring, in a box with room enough ---

    def said(self) -> list[str]:
        """What the server's log has had to say of processes since the last `deploy`,
        without times and numbers of processes, each line once."""
        log = self.node.whole_log()[self._log_from :].splitlines()
        lines = [re.sub(r"\(PID \d+\)", "(PID ...)", line) for line in log]
        told = [line.partition(":  ")[2] for line in lines]
        return list(dict.fromkeys(filter(SAID.match, told)))

    def base(self, sessions: int) -> dict[str, float]:
        """What is held, in MiB, at rest, and by each session that has done a little."""
        self.deploy(Way(ROOM_MIB, everybody_mib=4))
        tables.until_gone(self.node, ROLE)
        rest = self.node.counted().held
        with contextlib.ExitStack() as opened:
            for _ in range(sessions):
                session = opened.enter_context(self.node.connect())
                session.execute("select count(*) from products join stores on true")
            each = (self.node.counted().held - rest) / sessions
        shared = self.node.value("select pg_size_bytes(current_setting(%s))", [SHARED])
        return {
            "shared buffers": round(shared / MIB),
            "the rest": round((rest - shared) / MIB),
            "each session": round(each / MIB, 1),
        }

    def peaks(self, work_mems: list[int]) -> list[dict[str, Any]]:
        """What one report takes at its peak, in memory and on disk, in MiB, with one
        work_mem and another."""
        self.deploy(Way(ROOM_MIB, everybody_mib=4))
        rows = []
        for work_mem in work_mems:
            log_from = len(self.node.whole_log())
            with contextlib.closing(self._login(autocommit=False)) as session:
                rest = self._peak(session)
                session.execute(f"set work_mem = '{work_mem}MB'".encode())
                session.execute(DECLARE)
                session.execute("move all in report")
                took = self._peak(session) - rest
                session.commit()
            row = {"work_mem": work_mem, "in memory": took}
            rows.append(row | {"on disk": self._on_disk(log_from)})
        return rows

    def _peak(self, session: tables.Connection) -> int:
        """MiB of its own that the session's process has had at most: all but what it
        sees of the shared memory."""
        pid = session.info.backend_pid
        told = dict(
            line.split(":", 1)
            for line in self._run("cat", f"/proc/{pid}/status").splitlines()
        )
        kib = {name: int(told[name].split()[0]) for name in ("VmHWM", "RssShmem")}
        return round((kib["VmHWM"] - kib["RssShmem"]) / 1024)

    def _run(self, *words: str) -> str:
        machine: Any = self.node.machine
        return machine.run(*words)


def told(history: History) -> dict[str, int]:
    """Checkouts that were cut, reports that nobody got, processes killed, MiB on
    disk."""

    def lost(what: str) -> int:
        return sum(op.outcome != "ok" for op in history.ops(what))

    (killed,) = records.figures(history, "killed")
    (on_disk,) = records.figures(history, "on disk")
    return {
        "checkouts cut": lost("checkout"),
        "no report": lost("report"),
        "killed": killed,
        "MiB on disk": on_disk,
    }
