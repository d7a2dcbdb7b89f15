"""A release day on PostgreSQL: a migration in one session, clients in theirs.

Clients' sessions are opened before anything happens, so that an operation is the
statement alone, and have a `statement_timeout`: who is not answered in time is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import checks
from ..history import History, Op
from ..wait import wait_until
from . import tables
from .crowd import Crowd, names
from .records import Recorder, figure, refusable

if TYPE_CHECKING:
    from ..proof import Run
    from ..servers.postgres import PostgresNode

MIGRATION = "migration"  # the name of its session
# A column that is to be filled. `fill(id)` takes the milliseconds of the setting
# shop.row_ms, and counts what it has done in a sequence, which everybody sees at once.
NOTES = """alter table products add column note text;
drop sequence if exists filled; create sequence filled;
create or replace function fill(id integer) returns text language sql
as $$ select pg_sleep(current_setting('shop.row_ms')::float / 1000);
      select 'note ' || nextval('filled') $$"""
FILLED = "select last_value - (not is_called)::int from filled"
HAS_NOTE = """select count(*) from pg_attribute
 where attrelid = 'products'::regclass and attname = 'note'"""
Client = tuple[str, tables.Connection]  # name, session


@contextmanager
def clients(
    node: PostgresNode, who: str, count: int, limit_ms: int
) -> Iterator[list[Client]]:
    """Sessions of "shopper 1" to "shopper 20", closed at the end of the block.

    limit_ms: milliseconds that a statement of theirs may take.
    """
    options = f"-c statement_timeout={limit_ms}"
    opened: list[Client] = []
    try:
        for name in names(who, count):
            opened.append((name, node.connect(application_name=name, options=options)))
        yield opened
    finally:
        for _, session in opened:
            session.close()


def ask(run: Recorder, client: Client, product: int) -> Op:
    """A page of one product, recorded: "read", refusable."""
    name, session = client
    with refusable(run, name, "read", tables.key(product)) as op:
        op.version, op.value = session.execute(tables.LOOK, [product]).fetchone()  # type: ignore[misc]
    return op


def save(run: Recorder, client: Client, product: int, query: str, key: str) -> Op:
    """A save of one product, recorded: "write" on `key`, value its id, refusable.

    query: takes the product's id.
    """
    name, session = client
    with refusable(run, name, "write", key, product) as op:
        session.execute(query.encode(), [product])
    return op


def deploy(
    run: Recorder,
    node: PostgresNode,
    way: Callable[[Recorder, Any], object],
    left: str = "",
) -> Crowd:
    """Start a migration, way(run, session), in a thread: "migrate", refusable.

    left: a query for one value, asked when the migration is over, whether it failed or
    not, and entered as the figure "left": what it says of itself may be wrong.
    """

    def migrate() -> None:
        with (
            node.connect(application_name=MIGRATION) as session,
            refusable(run, "release", "migrate", "products"),
        ):
            try:
                way(run, session)
            finally:
                if left:
                    [[value]] = session.execute(left.encode()).fetchall()
                    figure(run, node.name, "left", value)

    release = Crowd()
    release.send(migrate)
    return release


def until_it_waits(
    run: Run, release: Crowd, node: PostgresNode, wave: int, within: float = 20
) -> None:
    """Wait until the migration waits for a lock, has ended, or has tried in vain more
    than `wave` times: one that never stands in the queue lets clients come as well."""

    def in_the_way() -> bool:
        tries = [one for one in run.history.ops("try") if one.t_ret is not None]
        waits = len(tries) > wave or tables.waiting(node, MIGRATION)
        return bool(waits) or not release.unanswered

    late = "the migration neither ends nor waits nor tries"
    wait_until(in_the_way, within, late)


def until_filled(
    release: Crowd, node: PostgresNode, rows: int, within: float = 20
) -> None:
    """Wait until that many rows have a note, or the migration has ended."""

    def begun() -> bool:
        return not release.unanswered or node.value(FILLED) >= rows

    wait_until(begun, within, "the fill does not begin")


def within(ms: float, of: str | tuple[str, ...]) -> checks.Check:
    """A check: no operation named `of` takes longer than `ms` milliseconds."""
    return checks.at_most(
        0,
        f"answers that took over {ms:g} ms",
        of=of,
        where=lambda op: op.seconds > ms / 1000,
    )


@checks.check(
    "the table opens in between",
    "tries",
    "After a try that failed the next one leaves {room:g} s for others.",
    "nobody tried",
)
def opens_between_tries(history: History, *, room: float) -> checks.Findings:
    """Does a migration let others through between two of its tries?

    A *try* is an operation "try", acknowledged or not; its *next* is the one after it
    in order of call. Nothing is asked of the last.

    Violation: a try whose next is called less than `room` seconds after its return.

    Cost: O(n log n).
    """
    findings, tries = checks.Findings(), history.ops("try")
    for number, one in enumerate(tries):
        findings.checked += 1
        after = tries[number + 1].t_call if number + 1 < len(tries) else None
        if after is not None and (one.t_ret is None or after - one.t_ret < room):
            findings.broke("a migration queued again at once", ops=[one])
    return findings
