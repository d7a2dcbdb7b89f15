"""What a page costs the database, counted by the server, and whether it shows all.

    with login() as session:
        costs.visit(run, db.primary, session, 7, page)
    costs.read_back(run, 7, there)
    costs.at_most(run.history, statements=2)
    costs.release(run, db.primary, ["create index concurrently ..."])

A page is page(ask, owner): it asks by `tables.asking` and returns what it shows. The
server must have loaded pg_stat_statements.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from psycopg.errors import LockNotAvailable

from ..checks import Findings, check
from ..history import History, Op
from ..wait import wait_until
from . import records, releases, tables
from .crowd import Crowd

if TYPE_CHECKING:
    from ..servers.postgres import PostgresNode

Page = Callable[[Callable[..., Any], int], Any]


def visit(
    run: records.Recorder,
    node: PostgresNode,
    session: tables.Connection,
    owner: int,
    page: Page,
) -> Op:
    """A shopkeeper opens a page: "read" on "page:7", with extra {statements, rows,
    blocks}: what the server executed meanwhile, by whatever connection. What it asks
    by the session is recorded as inner operations."""
    who = f"shopkeeper {owner}"
    call = run.call(who, "read", f"page:{owner}", node=node.name)
    with call as op, tables.counted(node, op.extra):
        op.value = page(tables.asking(run, who, session), owner)
    return op


def read_back(run: records.Recorder, owner: int, there: Any) -> Op:
    """Enter what the shopkeeper's page has to show, however it was found out."""
    return records.read_back(run, f"page:{owner}", there)


LIMIT_MS = 500  # milliseconds that an order waits for a lock
ORDER = "insert into orders values ({0}, 1, 1, 1, 500)"


def release(run: records.Recorder, node: PostgresNode, changes: Iterable[str]) -> None:
    """The changes of a release, one after another, while orders come in.

    A customer's order is being made when it begins. When it waits for that, or is over,
    another customer orders, and then goes on. Both orders are rolled back. Recorded:
    "migrate" by "release" as an inner operation, which ends at the first change that
    fails, and "write" by "customer 2", refusable.
    """

    def migrate() -> None:
        name = releases.MIGRATION
        with (
            node.connect(application_name=name) as session,
            records.refusable(run, "release", "migrate", "orders", inner=True),
        ):
            for change in changes:
                session.execute(change.encode())

    def in_the_way() -> bool:
        return not crowd.unanswered or bool(tables.waiting(node, releases.MIGRATION))

    limit = f"-c lock_timeout={LIMIT_MS}"
    with Crowd() as crowd, tables.left_open(node, ORDER.format(999_998)):
        crowd.send(migrate)
        wait_until(in_the_way, 20, "the release neither ends nor waits")
        with (
            node.connect(autocommit=False, options=limit) as session,
            records.refusable(run, "customer 2", "write", "orders"),
        ):
            session.execute(ORDER.format(999_999).encode())
            session.rollback()


def fail_at_the_end(node: PostgresNode, index: str) -> None:
    """A concurrent build of an index, while a report is open, gives up when it has to
    wait for the report. The index is left invalid, and is written by every order."""
    limit = "-c lock_timeout=100"
    with (
        tables.left_open(node, "select count(*) from stores"),
        node.connect(options=limit) as session,
        suppress(LockNotAvailable),
    ):
        session.execute(index.encode())


HUNDRED = """explain (analyze, wal, format json) insert into orders
 select 1000000 + n, n, n, 1, 500 from generate_series(1, 100) n"""


def records_an_order(node: PostgresNode) -> float:
    """How many records an order adds to the log: a hundred come in, are counted by
    `explain (wal)`, and are rolled back. There must be a hundred stores."""
    with node.connect(autocommit=False) as session:
        [told] = session.execute(HUNDRED).fetchone()  # type: ignore[misc]
        session.rollback()
    return round(told[0]["Plan"]["WAL Records"] / 100, 1)


def drop_indexes(node: PostgresNode, table: str) -> None:
    """Drop every index of a table, invalid ones too, except its primary key's."""
    query = """select indexrelid::regclass::text from pg_index
     where indrelid = %s::regclass and not indisprimary"""
    for (index,) in node.sql(query, [table]):
        node.sql(f"drop index {index}")


@check(
    "a page costs no more than promised",
    "pages",
    "No page takes more statements, rows or blocks than it may.",
    "nobody opened a page",
)
def at_most(
    history: History,
    *,
    statements: float = inf,
    rows: float = inf,
    blocks: float = inf,
) -> Findings:
    """Does every page keep its bounds?

    A page is an acknowledged "read" whose extra tells what it cost.

    Violation: a page that took more of something than its bound, or of which nobody
    knows what it took.

    Counts: statements, rows and blocks of the dearest page, where they are bounded.

    Cost: O(n).
    """
    findings = Findings()
    bounds = {"statements": statements, "rows": rows, "blocks": blocks}
    bounds = {what: most for what, most in bounds.items() if most < inf}
    findings.counts = dict.fromkeys(bounds, 0)
    for op in history.ops("read", outcome="ok"):
        findings.checked += 1
        took = {what: op.extra.get(what, inf) for what in bounds}
        for what, spent in took.items():
            findings.counts[what] = max(findings.counts[what], spent)
        over = [what for what in bounds if took[what] > bounds[what]]
        if over:
            told = " and ".join(f"{took[what]} {what}" for what in over)
            findings.broke(f"the page of {op.client} took {told}", ops=[op])
    return findings


@check(
    "a page shows all that there is",
    "pages",
    "Every page shows what was read back for it, no less, no more, in this order.",
    "nobody opened a page",
)
def complete(history: History) -> Findings:
    """Does every page show what it should?

    A page is an acknowledged "read", and what it should show the last "read back" of
    the same key. Tuples and lists are one.

    Violation: a page that shows something else, or for which nothing was read back.

    Cost: O(n).
    """
    findings = Findings()
    shown = partial(json.dumps, default=repr)  # what is no JSON is something else
    there = {op.key: shown(op.value) for op in history.ops("read back")}
    for op in history.ops("read", outcome="ok"):
        findings.checked += 1
        if shown(op.value) != there.get(op.key):
            findings.broke(f"the page of {op.client} shows something else", ops=[op])
    return findings
