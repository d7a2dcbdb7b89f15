"""A night in the shop on real servers: who looks, who reads for long, and who pays."""

import time
from dataclasses import replace

import pytest

from labkit import History, Lab, Op, Postgres, Run, checks, faults
from labkit.shop.night import Night, oldest_ms, price, until_met, waits_ms
from labkit.shop.tables import hang_up, left_open, until_gone


@pytest.fixture(scope="module")
def db():
    lab = Lab("test_shop_night")
    yield lab.start(Postgres(replicas=1))
    lab.close()


@pytest.fixture
def night(db):
    night = Night(db, 1000)
    for _ in range(2):  # a cell may be run again
        night.dusk()
    yield night
    night.reports.end()


@pytest.fixture
def run():
    return Run("attempt", False, False, "holds", History(), None)


def late(run, within):
    return checks.seen_in_time(run.history, within=within)


def test_readers_look_until_they_have_seen_the_last_beat(night, db, run):
    with night.heart.watched(run, db.replica, due=30):
        for number in (1, 2, 3):
            night.heart.beat(run, number)
    looks = run.history.ops("read", client="shopper", outcome="ok")
    assert looks[-1].version == 3
    assert all(look.inner and look.node == "replica1" for look in looks)
    assert late(run, 30).holds


def test_readers_leave_a_replica_that_stands_still_when_the_last_beat_is_due(
    night, db, run
):
    with (
        faults.replay_paused(db.replica),
        night.heart.watched(run, db.replica, due=2),  # some looks on any machine
    ):
        night.heart.beat(run, 1)
    assert run.history.ops("read")[-1].version == 0
    assert late(run, 2).violated


def test_an_error_in_a_night_ends_the_looking_and_is_raised(night, db, run):
    began = time.monotonic()
    with (
        pytest.raises(ZeroDivisionError),
        night.heart.watched(run, db.replica, due=300),
    ):
        night.heart.beat(run, 1)
        _ = 1 / 0
    assert time.monotonic() - began < 30


def test_a_report_that_replay_ends_has_failed_and_was_there(night, db, run):
    db.replica.set(max_standby_streaming_delay="0")
    with night.long_report(db.replica) as report:
        assert report.meter() == 1
        night.cleanup()
        db.replica.wait_for(db.primary.lsn())
        night.dawn(run, db.replica)
        assert report.meter() == 1
    [told] = run.history.ops("read", client="analyst")
    assert told.outcome == "fail"
    assert "due to conflict with recovery" in told.error
    run.verdict = late(run, 1)
    assert price(run)["long report"] == "lost"
    assert price(run)["dead rows"] == 0


def test_replay_that_waits_has_met_the_reader_and_her_report_is_finished(
    night, db, run
):
    db.replica.set(max_standby_streaming_delay="-1")
    seen = []
    held_up = lambda: seen.append(db.replica.bytes_unreplayed())  # noqa: E731
    night.cleanup_under_a_clerk(run, db.replica, held_up)
    assert seen[0] > 0
    [told] = run.history.ops("read", client="clerk")
    assert told.outcome == "ok"
    db.replica.wait_for(db.primary.lsn())
    until_met(db.replica)


def test_a_wait_of_replay_is_read_from_the_replicas_log(night, db):
    db.replica.set(max_standby_streaming_delay="100", deadlock_timeout="1ms")
    before = len(waits_ms(db.replica))
    with night.long_report(db.replica):
        night.cleanup()
        db.replica.wait_for(db.primary.lsn())
    db.replica.set(deadlock_timeout=None)
    assert sum(waits_ms(db.replica)[before:]) >= 100


def test_a_beat_is_as_old_as_the_next_one_is_done():
    history = History()
    for number, done in enumerate((1.0, 2.0, 3.0)):
        beat = Op(0, "heart", "write", "heartbeat", version=number, t_call=done)
        history.add(replace(beat, t_ret=done, outcome="ok"))
    # one sees what is newest, one what was so half a second before, one nothing
    for version, at, outcome in ((2, 4.0, "ok"), (1, 3.5, "ok"), (0, 9.0, "fail")):
        look = Op(0, "shopper", "read", "heartbeat", version=version, t_call=at)
        history.add(replace(look, t_ret=at, outcome=outcome))
    assert oldest_ms(Run("attempt", False, False, "holds", history, None)) == 500


def test_who_has_no_report_open_makes_a_short_one(night, db, run):
    night.dawn(run, db.replica)
    assert run.history.ops("read", client="analyst")[0].outcome == "ok"
    assert night.reports.there("analyst") == 0
    until_gone(db.replica, "analyst")  # it hangs up, and the server takes a moment


def test_a_shop_made_anew_is_not_held_up_by_a_report_that_was_forgotten(night, db):
    db.replica.set(max_standby_streaming_delay="-1")
    night.reports.begin(db.replica, "analyst")
    forgotten = night.reports
    Night(db, 1000).dusk()
    until_gone(db.replica, "analyst")  # it hangs up, and the server takes a moment
    forgotten.end()


def test_a_stuck_replica_has_received_all_beats_and_shows_none(night, db):
    db.replica.set(max_standby_streaming_delay="-1")
    with night.long_report(db.replica):
        night.stuck(5)
        assert db.replica.value("select beat from heartbeat") == 0
    assert db.replica.value("select beat from heartbeat") == 5


def test_a_report_that_has_ended_holds_nothing_back(db, night):
    dead = "select dead_tuple_count from pgstattuple('page_view')"
    primary = db.primary
    for _ in range(20):
        primary.sql("drop table if exists page_view")
        primary.sql("create table page_view as select generate_series(1, 100) product")
        with left_open(primary, "select count(*) from page_view"):
            primary.sql("delete from page_view")
        primary.sql("vacuum page_view")
        assert primary.value(dead) == 0


def test_a_session_that_the_server_has_ended_can_be_given_up(db):
    with left_open(db.primary, "select 1", name="gone") as session:
        hang_up(db.primary, "gone")
    assert session.closed


def test_a_stuck_night_is_known_on_the_primary(db, night):
    db.replica.set(max_standby_streaming_delay="-1")
    with night.long_report(db.replica):
        night.stuck(3)
        assert db.replica.told()
        assert db.replica.bytes_unreplayed() > 0
