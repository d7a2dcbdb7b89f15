"""Promises of what the labs on a lost primary stand on, the same in both runtimes."""

import pytest

from labkit import History, Lab, Postgres, StartFailed, faults, shop
from labkit.answers.two_primaries import Newcomers
from labkit.servers.postgres.backups import ARCHIVING, Backups
from labkit.shop import Crowd, Order, appservers, failover, tables

HANG_UP = """select pg_terminate_backend(pid, 5000) from pg_stat_activity
 where application_name = 'server 9'"""
BOTH = "ANY 1 (replica1, replica2)"


def order(number):
    return Order(number, 1, product=1, quantity=1, amount_cents=637)


@pytest.fixture(scope="module")
def lab():
    lab = Lab("test_losing_a_primary")
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def shops(lab):
    return tables.Tables(lab.start(Postgres(replicas=2, settings=ARCHIVING)))


@pytest.fixture
def fresh(lab, shops):
    shops.renew(lab)
    return shops


def test_a_renewed_cluster_knows_nothing_of_the_failover_before(fresh, lab):
    db = fresh.db
    db.primary.synchronous("ANY 1 (replica1)")
    tables.insert(db.primary, order(1))
    db.primary.kill()
    failover.promote(db.replica)
    tables.insert(db.replica, order(2))
    db.replicas[1].pause()  # nor of a node that stands still
    fresh.renew(lab)
    assert db.primary.value("show synchronous_standby_names") == ""
    tables.insert(db.primary, order(3))
    fresh.catch_up()
    for node in db.nodes:
        assert node.sql("select id from orders") == [(3,)]
        assert node.value("select timeline_id from pg_control_checkpoint()") == 1
    assert [n.value("select pg_is_in_recovery()") for n in db.nodes] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("fault", [faults.wal_not_sent, faults.stream_cut])
def test_what_is_written_under_the_fault_is_not_on_the_replica_until_it_heals(
    fresh, fault
):
    primary, replica = fresh.db.primary, fresh.db.replica
    with fault(replica) as there:
        tables.insert(primary, order(1))
        fresh.db.replicas[1].wait_for(primary.lsn())
        assert fresh.order_ids(replica) == []
        assert there.meter() == 1
    assert fresh.order_ids(replica) == [1]


def test_a_stream_that_is_cut_has_no_row_and_one_that_is_silent_has(fresh):
    row = "select 1 from pg_stat_replication where application_name = 'replica1'"
    with faults.wal_not_sent(fresh.db.replica):
        assert fresh.db.primary.sql(row)
    with faults.stream_cut(fresh.db.replica):
        assert not fresh.db.primary.sql(row)


@pytest.mark.parametrize("times", range(5))
def test_the_first_commit_after_synchronous_waits(fresh, times):
    with faults.stream_cut(*fresh.db.replicas):
        fresh.db.primary.synchronous(BOTH)
        placed = [order(number) for number in range(1, 6)]
        assert failover.confirmed(fresh.db.primary, placed, patience_s=0.2) == 0
        fresh.db.primary.synchronous(None)
        assert failover.confirmed(fresh.db.primary, [order(9)], patience_s=0.2) == 1


def test_only_who_waits_for_more_replicas_than_there_are_waits_in_vain(fresh):
    primary = fresh.db.primary
    with faults.stream_cut(fresh.db.replica):
        primary.synchronous(BOTH)
        tables.insert(primary, order(1))
        primary.synchronous("ANY 2 (replica1, replica2)")
        with primary.connect() as session, Crowd() as crowd:
            crowd.send(tables.insert, session, order(2))
            crowd.settle(lambda: failover.in_vain(primary))
            assert failover.in_vain(primary) == 1
            failover.cancel_waits(primary)
        primary.synchronous(None)


def test_a_customer_in_doubt_asks_again_and_the_order_is_there_once(fresh):
    run = History()
    fresh.place(run, order(1))
    with shop.refusable(run, "customer 2", "write", "orders", 2):
        raise ConnectionError("no answer")
    orders = [order(1), order(2)]
    failover.ask_again(run, run, fresh, fresh.db.primary, orders)
    assert [(op.value, op.inner) for op in run.ops("write", outcome="ok")] == [
        (1, False),
        (2, True),
    ]
    assert fresh.order_ids() == [1, 2]


def test_a_server_that_does_not_hear_stays_and_one_that_is_refused_asks(fresh):
    run, news = History(), appservers.News()
    old, new = fresh.db.primary, fresh.db.replica
    appservers.start(run, 2, news.of(old, epoch=1))
    deaf, hears = news.servers
    with news.lost_for("server 1") as there:
        with deaf.under_way(order(1)):
            assert fresh.order_ids() == []  # its commit is to come
            failover.promote(new)
            news.publish(new, epoch=2)
        assert there.meter() == 1
        assert (deaf.node, hears.node) == (old, new)
        deaf.take(order(2))
        old.set(default_transaction_read_only="on")
        deaf.take(order(3))
    assert fresh.order_ids() == [1, 2]
    assert fresh.order_ids(new) == [3]
    assert [op.outcome for op in run.ops("write")] == ["ok", "ok", "fail", "ok"]


def test_a_restore_stops_before_a_transaction_at_the_backup_or_at_the_end(fresh):
    primary = fresh.db.primary
    backups = Backups(primary)
    tables.insert(primary, order(1))
    backups.base()
    tables.insert(primary, order(2))
    with primary.connect(autocommit=False) as session:
        [xid] = session.execute("select pg_current_xact_id()::text").fetchone()
        session.execute("delete from orders")
    tables.insert(primary, order(3))
    ends_early = pytest.raises(StartFailed, match="recovery ended before")
    with ends_early, backups.restored(xid=xid):
        pass
    backups.archive_the_rest()
    found = {}
    for name, target in {
        "before": {"xid": xid},
        "backup": {"target": "immediate"},
        "end": {},
    }.items():
        with backups.restored(**target) as copy:
            found[name] = copy.rows("select id from orders order by id")
    assert found == {"before": [["1"], ["2"]], "backup": [["1"]], "end": [["3"]]}
    assert fresh.order_ids() == [3]  # the primary has noticed nothing


def test_rows_that_are_there_are_not_put_back_twice(fresh):
    tables.insert(fresh.db.primary, order(1))
    fresh.put_back([["1", "1", "1", "9", "9"], ["2", "1", "1", "1", "637"]])
    rows = fresh.db.primary.sql("select id, quantity from orders order by id")
    assert rows == [(1, 1), (2, 1)]


def test_an_order_begun_between_two_commands_of_a_fence_is_found(fresh):
    closes = lambda old: old.set(default_transaction_read_only="on")  # noqa: E731
    hangs_up = lambda old: old.sql(HANG_UP)  # noqa: E731
    for steps, confirmed in (
        ((hangs_up, closes), 1),
        ((closes, hangs_up), 0),
        ((hangs_up, closes, hangs_up), 0),
    ):
        newcomers = Newcomers(lambda old: [step(old) for step in steps])  # noqa: B023
        newcomers.fence(fresh.db.primary)
        fresh.db.primary.set(default_transaction_read_only=None)
        assert newcomers.confirmed == confirmed
