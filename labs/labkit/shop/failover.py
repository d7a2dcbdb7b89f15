"""Losing the primary: who waits for a replica in vain, the promotion, asking again.

An order waits (`SyncRep`) until as many replicas as `synchronous_standby_names` wants
have it. Where fewer of them are connected, it waits in vain.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .crowd import Crowd
from .records import Recorder
from .tables import Tables, insert
from .traffic import Order

if TYPE_CHECKING:
    from ..history import History
    from ..proof import Run
    from ..servers.postgres import PostgresNode, Primary, Replica

WAITING = "from pg_stat_activity where wait_event = 'SyncRep'"
# the setting names how many it wants: "ANY 2 (replica1, replica2)"
IN_VAIN = f"""select count(*) {WAITING} and (
    select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')
) < substring(current_setting('synchronous_standby_names') from '[0-9]+')::int"""


LONG = f"""select count(*) {WAITING}
    and clock_timestamp() - query_start > %s * interval '1 s'"""


def waiting_long(primary: Primary, seconds: float) -> int:
    """How many sessions have waited for a replica for longer than that."""
    return primary.value(LONG, [seconds])


def confirmed(primary: Primary, orders: Iterable[Order], patience_s: float) -> int:
    """Place the orders at once, each in a session of its own: how many are confirmed
    within `patience_s` seconds. The others' waits are then cancelled."""
    sessions = []
    with Crowd() as crowd:
        for order in orders:
            sessions.append(primary.connect())
            crowd.send(insert, sessions[-1], order)
        crowd.settle(lambda: waiting_long(primary, patience_s))
        answered = len(sessions) - crowd.unanswered
        cancel_waits(primary)
    for session in sessions:
        session.close()
    return answered


def in_vain(primary: Primary) -> int:
    """How many sessions wait for more replicas than are connected."""
    return primary.value(IN_VAIN)


def cancel_waits(primary: Primary) -> int:
    """End all waits for a replica by hand; how many. Each session gets its answer, the
    usual one, and a warning."""
    return len(primary.sql(f"select pg_cancel_backend(pid) {WAITING}"))


def promote(replica: Replica) -> Replica:
    """Make a replica a primary, and wait until it is one."""
    if not replica.value("select pg_promote(wait_seconds => 30)"):
        raise RuntimeError(f"{replica.name} was not promoted")
    return replica


def ask_again(
    run: Recorder,
    history: History,
    shops: Tables,
    node: PostgresNode,
    orders: Iterable[Order],
) -> None:
    """Customers in doubt send the same order again, under its number, to another node.
    Recorded as inner: the second answer is not one at the first try."""
    doubtful = {op.value for op in history.ops("write", outcome="unknown")}
    with node.connect() as session:
        for order in orders:
            if order.order_id in doubtful:
                shops.place(run, order, session, inner=True)


def first_answers(run: Run) -> dict[str, int]:
    """What customers were told at the first try, for a proof's `cost`."""
    first = [op.outcome for op in run.history.ops("write", inner=False)]
    return {"confirmed": first.count("ok"), "in doubt": first.count("unknown")}
