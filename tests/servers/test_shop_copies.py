"""Promises of the shop's topics with copies, and of its packers, on real servers."""

from random import Random

import pytest

from labkit import History, Kafka, Lab, Postgres, Run, checks, shop
from labkit.shop.packers import Way
from labkit.wait import wait_until

SETTINGS = {
    "broker.session.timeout.ms": "9000",  # a busy machine is slow to look
    "broker.heartbeat.interval.ms": "200",
    "unclean.leader.election.interval.ms": "500",
}


@pytest.fixture(scope="module")
def lab():
    lab = Lab("test_shop_copies")
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def copies(lab):
    kafka = lab.start(Kafka(brokers=3, settings=SETTINGS))
    return shop.copies.Copies(kafka, {0: [1, 2, 3]})


@pytest.fixture(scope="module")
def team(lab):
    kafka, db = lab.start(Kafka(), Postgres())
    return shop.packers.Packers(kafka, db, interval_ms=1000, slow_s=3)


def a_run():
    return Run("attempt", True, False, "holds", History(), Random(7))


def sell(copies, run, orders, producer=None):
    producer = producer or copies.ready()
    sent = copies.sell(run, producer, orders, patience=5)
    copies.second_answers(run, sent)


def test_a_leader_that_is_lost_is_followed_by_who_has_everything(copies):
    for _ in range(2):  # the broker that was lost is back for the next run
        run = a_run()
        copies.begin(min_insync_replicas="2")
        sell(copies, run, [1, 2, 3])
        copies.strike()  # nothing is wrong
        copies.lose_leader()
        assert copies.seen["leaders"] == [2]
        assert copies.read_back(run) == [1, 2, 3]
        assert checks.lost_acknowledged_writes(run.history).holds


def test_a_frozen_follower_stays_in_sync_and_has_nothing_of_what_came(copies):
    run = a_run()
    copies.begin()
    hasty = copies.ready(acks=1)  # one that is new might ask the frozen broker first
    with copies.frozen(2) as fault:
        sell(copies, run, [1])
        copies.strike()
        sell(copies, run, [2, 3], hasty)
        copies.lose_leader()
        # the probes before and after, the early order and the two: all but that one
        assert fault.meter() == copies.seen["taken"] - copies.seen["visible"] == 4
        assert copies.read_back(run) == [1]
    assert checks.lost_acknowledged_writes(run.history).violations == 2


def test_brokers_leave_step_by_step_and_one_that_crashed_is_not_eligible(copies):
    for crash, eligible in ((False, True), (True, False)):
        copies.begin(min_insync_replicas="2")
        with copies.one_by_one(3, 2, 1, crash=crash) as fault:
            for _ in range(3):
                copies.strike()
            assert fault.meter() == 3
        # who crashed is struck off when it comes back, and somebody has to choose
        assert copies.seen["elected by hand"] is not eligible
        steps = copies.seen["steps"]
        assert [row["in sync"] for row in steps] == ["[1, 2]", "[1]", "[2, 3]"]
        assert steps[1]["eligible"] == "[2]"


def test_who_comes_back_first_leads_where_anybody_may_however_quickly_others_start(
    copies,
):
    # brokers start sooner than the last one is missed: nine seconds are allowed
    run = a_run()
    copies.begin(min_insync_replicas="2", unclean_leader_election_enable="true")
    with copies.one_by_one(3, 2, 1):
        sell(copies, run, [1])
        copies.strike()  # kafka3 is gone
        sell(copies, run, [2])
        copies.strike()
        copies.strike()
        assert copies.read_back(run) == [1]
    assert [row["leader"] for row in copies.seen["steps"]] == [1, 1, 3]
    assert checks.lost_acknowledged_writes(run.history).violations == 1


def pack_then_commit(packer, orders):
    for n in orders:
        packer.pack(n)
    packer.commit()


def test_packers_that_are_slow_or_killed_are_replaced_and_their_orders_come_again(team):
    for _ in range(2):
        run = a_run()
        team.begin(run, range(1, 9))
        with team.bad_day(slow=2, kill=7) as fault:
            team.work(run, Way(pack_then_commit, at_once=4))
            assert fault.meter() == 2
        packed = [
            (op.value, op.client) for op in run.history.ops("process", outcome="ok")
        ]
        assert sorted(packed) == [
            *((n, f"packer {who}") for n in (1, 2, 3, 4) for who in (1, 2)),
            *((n, f"packer {who}") for n in (5, 6) for who in (2, 3)),
            (7, "packer 3"),
            (8, "packer 3"),
        ]
        refused = [op.client for op in run.history.ops("commit") if op.outcome != "ok"]
        assert refused == ["packer 1"]


def test_a_successor_may_be_killed_with_the_batch_that_it_took_over(team):
    run = a_run()
    team.begin(run, range(1, 5))
    with team.bad_day(slow=2, kill=3) as fault:
        team.work(run, Way(pack_then_commit, at_once=4))
        assert fault.meter() == 2
    assert team.left() == 0
    assert checks.lost_acknowledged_writes(run.history).holds


def test_a_packer_that_waits_for_a_colleague_gives_up_and_takes_the_batch_again(team):
    run = a_run()

    def alone(packer, orders):
        for n in orders:
            with packer.session.transaction():
                packer.session.execute("select pg_advisory_xact_lock(%s)", [n])
                if not packer.look(n):
                    packer.pack(n)
        packer.commit()

    team.begin(run, range(1, 5))
    with team.bad_day(slow=2, kill=3):
        team.work(run, Way(alone, at_once=4))
    assert checks.duplicates(run.history).holds
    assert checks.lost_acknowledged_writes(run.history).holds
    assert team.left() == 0


def test_a_packing_that_was_rolled_back_with_its_packer_has_failed(team):
    run = a_run()

    def all_or_none(packer, orders):
        with packer.session.transaction():
            for n in orders:
                packer.pack(n)
        packer.commit()

    team.begin(run, range(1, 5))
    with team.bad_day(slow=99, kill=3):
        team.work(run, Way(all_or_none, at_once=4))
    ops = run.history.ops("process")
    outcomes = [(op.client, op.outcome) for op in ops if op.value == 1]
    assert outcomes == [("packer 1", "fail"), ("packer 2", "ok")]
    assert checks.duplicates(run.history).holds


def test_a_transaction_that_is_refused_leaves_nothing_that_others_wait_for(
    team, monkeypatch
):
    run = a_run()
    team.begin(run, range(1, 4))
    late, next_, last = (team.hire(run, Way(pack_then_commit)) for _ in range(3))
    assert late.take() == [1, 2, 3]
    member = late.consumer.group_metadata()  # it does not hear that it was given up
    monkeypatch.setattr(late.consumer, "group_metadata", lambda: member)
    wait_until(lambda: not team.members(), 20, "it is still in the group")
    assert next_.take() == [1, 2, 3]
    late.commit_in_transaction()
    [refused] = run.history.ops("commit")
    assert refused.outcome != "ok"
    next_.consumer.close()
    assert last.take() == [1, 2, 3]
    last.commit_in_transaction()
    assert team.left() == 0
    for packer in (late, next_, last):
        packer.session.close()
        packer.consumer.close()
