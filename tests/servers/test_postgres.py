"""PostgreSQL's promises."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from promises import *  # noqa: F403

from labkit import Lab, Postgres, checks, faults, wait_until
from labkit.proof import Proof, ProofFailed


@pytest.fixture(scope="module")
def server(db):
    return db


def write(db, n):
    db.primary.sql("insert into notes values (%s)", [n])


def seen(node, n):
    return node.value("select count(*) from notes where n = %s", [n]) > 0


def test_a_row_written_to_the_primary_is_read_on_every_replica(db):
    write(db, 1)
    for replica in db.replicas:
        replica.wait_for(db.primary.lsn())
        assert seen(replica, 1)


def test_its_whole_log_has_what_it_logged_last_though_the_log_comes_late(
    db, monkeypatch
):
    begun, comes = db.primary.logs(), db.primary.logs
    looks = itertools.count()
    late = lambda: comes() if next(looks) > 3 else begun  # noqa: E731
    db.primary.sql("do $$ begin raise log 'the last words'; end $$")
    monkeypatch.setattr(db.primary, "logs", late)
    assert "the last words" not in db.primary.logs()
    assert "the last words" in db.primary.whole_log()


@pytest.mark.parametrize("fault", [faults.paused, faults.killed])
def test_a_hurt_server_has_its_data_and_its_replicas_follow(fault, db):
    write(db, 4)
    for node in db.nodes:
        with fault(node):
            pass
    db.replica.wait_for(db.primary.lsn())
    assert seen(db.primary, 4) and seen(db.replica, 4)


def test_a_restart_keeps_the_data(db):
    write(db, 5)
    db.primary.restart()
    assert seen(db.primary, 5)


def test_a_replica_follows_again_after_it_was_stopped(db):
    db.replica.stop()
    write(db, 6)
    db.replica.start()
    db.replica.wait_for(db.primary.lsn())
    assert seen(db.replica, 6)


def test_postgres_vacuums_only_when_it_is_told_to(db):
    launchers = "select count(*) from pg_stat_activity where backend_type like 'auto%'"
    assert [node.value(launchers) for node in db.nodes] == [0] * len(db.nodes)


def test_rows_without_columns_are_rows_all_the_same(db):
    assert db.primary.sql("select from generate_series(1, 2)") == [(), ()]
    assert db.primary.sql("select from generate_series(1, 0)") == []


def test_a_replica_refuses_writes(db):
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        db.replica.sql("insert into notes values (0)")


def test_postgres_lets_nobody_in_without_the_password(db):
    for node in db.nodes:
        wrong = psycopg.conninfo.make_conninfo(node.conninfo, password="wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication"):
            psycopg.connect(wrong)


def test_two_labs_have_different_passwords_and_ports(db):
    other = Lab("another")
    try:
        second = other.start(Postgres())
        assert second.primary.machine.password != db.primary.machine.password
        assert second.primary.machine.address() != db.primary.machine.address()
    finally:
        other.close()


def test_a_setting_is_in_force_when_set_returns(db):
    db.replica.set(max_standby_streaming_delay="123ms")
    assert db.replica.value("show max_standby_streaming_delay") == "123ms"
    db.replica.set(max_standby_streaming_delay=None)
    assert db.replica.value("show max_standby_streaming_delay") == "30s"


def test_a_setting_given_at_the_start_can_be_changed_later(db):
    assert db.primary.value("show synchronous_commit") == "on"
    db.primary.set(synchronous_commit="off")
    with db.primary.connect() as connection:
        assert connection.execute("show synchronous_commit").fetchone() == ("off",)
    db.primary.set(synchronous_commit=None)


def test_replay_paused_hides_a_write_and_healing_shows_it(db):
    with faults.replay_paused(db.replica) as fault:
        write(db, 2)
        wait_until(fault.meter, 10, "no WAL came")
        assert not seen(db.replica, 2)
    assert seen(db.replica, 2)


def test_a_replica_settles_when_it_has_replayed_or_stands_still(db):
    db.primary.sql("create table settled (n int)")
    db.replica.settle(db.primary.lsn())
    assert db.replica.sql("select * from settled") == []
    with faults.replay_paused(db.replica):
        db.primary.sql("insert into settled values (1)")
        db.replica.settle(db.primary.lsn())
        assert not db.replica.has_replayed(db.primary.lsn())
    with faults.receiver_frozen(db.replica):
        db.primary.sql("insert into settled values (2)")
        assert not db.replica.has_settled(db.primary.lsn()), "it has not arrived"


def test_a_replica_behind_a_reader_has_settled_when_it_waits_for_ever(db):
    db.primary.sql("create table read_there as select generate_series(1, 1000) n")
    db.replica.wait_for(db.primary.lsn())
    with db.replica.connect(autocommit=False) as reader:
        reader.execute("select count(*) from read_there")
        db.replica.set(max_standby_streaming_delay="-1")
        db.primary.sql("alter table read_there add column note text")
        db.replica.settle(db.primary.lsn())
        assert not db.replica.has_replayed(db.primary.lsn())
        db.replica.set(max_standby_streaming_delay="30s")
        assert not db.replica.has_settled(db.primary.lsn())
    db.replica.set(max_standby_streaming_delay=None)
    db.replica.wait_for(db.primary.lsn())


SWEPT = """select n, pg_sleep(case n when 1000 then 60 else 0 end)
           from (select count(*) n from swept) counted"""


@pytest.mark.parametrize("asks", ["value", "ask"])
def test_replay_cancels_a_clients_statement_and_labkits_own_is_put_again(db, asks):
    cancelled = """select confl_snapshot from pg_stat_database_conflicts
                   where datname = current_database()"""
    db.primary.sql("drop table if exists swept")
    db.primary.sql("create table swept as select generate_series(1, 1000) n")
    db.replica.wait_for(db.primary.lsn())
    db.replica.set(max_standby_streaming_delay="0")
    before = db.replica.ask(cancelled)
    with ThreadPoolExecutor(1) as other:
        looked = other.submit(getattr(db.replica, asks), SWEPT)
        with db.replica.connect() as watcher:
            active = "select 1 from pg_stat_activity where query = %s"
            wait_until(lambda: watcher.execute(active, [SWEPT]).fetchone(), 10, "idle")
        db.primary.sql("delete from swept where n <= 500")
        db.primary.sql("vacuum swept")
        if asks == "ask":
            assert looked.result(30) == 500, "the second try sees what was replayed"
        else:
            with pytest.raises(psycopg.errors.SerializationFailure):
                looked.result(30)
    wait_until(lambda: db.replica.ask(cancelled) > before, 10, "nobody was cancelled")
    db.replica.set(max_standby_streaming_delay=None)


def test_a_frozen_receiver_hides_a_write_and_healing_shows_it(db):
    with faults.receiver_frozen(db.replica) as fault:
        write(db, 3)
        assert fault.meter() > 0
        replayed = lambda: db.replica.bytes_unreplayed() == 0  # noqa: E731
        wait_until(replayed, 10, "what came before the fault is not replayed")
        assert not seen(db.replica, 3)
    assert seen(db.replica, 3)


def test_postgres_that_dies_at_its_start_shows_its_log_and_leaves_nothing(dies):
    dies(Postgres(settings={"shared_buffers": "nonsense"}), "shared_buffers")


def test_a_client_sees_no_setting_of_its_readers(monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    monkeypatch.setenv("PGSSLMODE", "require")
    lab = Lab("a_readers_settings")
    try:
        db = lab.start(Postgres())
        db.primary.sql("create table written ()")
    finally:
        lab.close()


def test_a_state_that_is_not_reached_in_time_leaves_the_verdict_unknown(db):
    beyond = "FFFFFFFF/0"  # WAL that will never be written
    proof = Proof(
        "a wait with a bound",
        schedule=lambda run, way: db.replicas[0].wait_for(beyond, within=0.2),
        check=checks.duplicates,
        fault=None,
        without=None,
        guardrail=None,
    )
    with pytest.raises(ProofFailed, match=r"is unknown.*did not replay"):
        proof.control()
