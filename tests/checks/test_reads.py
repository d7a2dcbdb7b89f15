"""What clients read: their own writes, time forwards, fresh enough, and real."""

import random
from math import nan

import pytest
from hand import SEEDS, before, did, history_of, read, register, write

from labkit import checks


def test_the_verdict_shows_what_a_client_saw():
    ops = [op for n in (1, 2, 3, 4) for op in (write(n), read(0))]
    verdict = checks.read_your_writes(history_of(*ops))
    assert str(verdict) == (
        "VIOLATED  read your writes: 4 of 4 reads\n"
        "  shopkeeper wrote version 1 and then read version 0 from replica1\n"
        "  shopkeeper wrote version 2 and then read version 0 from replica1\n"
        "  shopkeeper wrote version 3 and then read version 0 from replica1"
    )
    assert verdict.violated
    assert len(verdict.examples) == 3


def test_the_same_thing_seen_often_is_one_example():
    seen = [write(2), read(1), read(1), read(0), read(1), read(1)]
    assert checks.read_your_writes(history_of(*seen)).examples == (
        "shopkeeper wrote version 2 and then read version 1 from replica1",
        "shopkeeper wrote version 2 and then read version 0 from replica1",
    )


def test_a_verdict_that_holds_is_one_line():
    verdict = checks.read_your_writes(history_of(write(1), read(1)))
    assert str(verdict) == "HOLDS     read your writes: 1 read checked"


def test_an_example_names_the_key_when_there_are_several():
    ops = [write(1, key="store:7"), write(5, key="store:8"), read(0, key="store:7")]
    verdict = checks.read_your_writes(history_of(*ops))
    assert verdict.examples == (
        "shopkeeper wrote version 1 of store:7 and then read version 0 from replica1",
    )


def test_a_client_is_not_owed_what_another_client_wrote():
    verdict = checks.read_your_writes(
        history_of(write(1), write(2, client="other"), read(1), read(0, client="third"))
    )
    assert verdict.holds
    assert verdict.checked == 1


def test_a_read_called_before_the_write_returned_is_owed_nothing():
    late = write(1, t_call=0.0, t_ret=2.0)
    assert checks.read_your_writes(
        history_of(late, read(0, t_call=1.0, t_ret=3.0))
    ).unknown
    late = write(1, t_call=0.0, t_ret=2.0)
    assert checks.read_your_writes(
        history_of(late, read(0, t_call=2.0, t_ret=3.0))
    ).violated


@pytest.mark.parametrize("outcome", ["fail", "unknown"])
def test_a_write_without_acknowledgement_is_not_owed(outcome):
    doubt = write(2, outcome=outcome)
    for version in (1, 2):
        verdict = checks.read_your_writes(history_of(write(1), doubt, read(version)))
        assert verdict.holds
        doubt = write(2, outcome=outcome)


def test_a_read_that_finds_nothing_is_older_than_every_version():
    verdict = checks.read_your_writes(history_of(write(0), read(None)))
    assert verdict.examples == (
        "shopkeeper wrote version 0 and then read nothing from replica1",
    )
    assert checks.monotonic_reads(history_of(read(0), read(None))).violated
    assert checks.staleness_bound(history_of(write(0), read(None)), bound=0).violated


def test_a_cache_miss_shows_its_client_nothing():
    miss = did("get", node="redis")
    verdict = checks.read_your_writes(history_of(write(1), miss, read(1)))
    assert (verdict.state, verdict.checked) == ("holds", 1)
    stale = did("get", node="redis", version=0)
    assert checks.read_your_writes(history_of(write(1), stale)).violated


@pytest.mark.parametrize("op", ["read", "get"])
def test_a_value_without_its_version_is_unknown_and_not_a_pass(op):
    unversioned = did(op, value=30)
    verdict = checks.read_your_writes(history_of(write(1), unversioned))
    assert verdict.unknown
    assert "carries no version" in verdict.reason


def test_operations_of_no_length_at_one_instant_have_no_order():
    at_once = {"t_call": 1.0, "t_ret": 1.0}
    assert checks.monotonic_reads(history_of(read(1, **at_once))).unknown
    history = history_of(write(1, **at_once), read(0, **at_once))
    assert checks.read_your_writes(history).unknown


def test_an_acknowledged_operation_that_never_returned_is_no_pass():
    history = history_of(write(1), read(1))
    history.ops("read")[0].t_ret = None
    verdict = checks.read_your_writes(history)
    assert verdict.unknown
    assert "operation 2 is ok but never returned" in verdict.reason


def test_a_failed_read_is_not_checked():
    failed = read(None, outcome="fail")
    assert checks.read_your_writes(history_of(write(1), failed)).unknown


def test_a_client_that_sees_time_run_backwards_is_found():
    verdict = checks.monotonic_reads(history_of(read(3), read(2, node="replica2")))
    assert verdict.examples == (
        "shopkeeper read version 3 and then read version 2 from replica2",
    )
    reads = [read(3), read(2, client="other"), read(4)]
    assert checks.monotonic_reads(history_of(*reads)).holds


def test_a_read_may_be_as_old_as_the_bound_and_no_older():
    ops = [write(1), write(2), write(3), read(1)]
    assert checks.staleness_bound(history_of(*ops), bound=2).holds
    verdict = checks.staleness_bound(history_of(*ops), bound=1)
    assert verdict.examples == (
        "shopkeeper read version 1 from replica1 when version 3 was acknowledged: "
        "2 versions behind, and 1 allowed",
    )


def test_seconds_count_from_the_acknowledgement_that_superseded_the_version():
    def at(t_call, bound):
        ops = [write(1), write(2, t_call=1.0, t_ret=4.0), write(3, t_call=5, t_ret=6)]
        history = history_of(*ops, read(1, t_call=t_call, t_ret=99.0))
        return checks.staleness_bound(history, bound=bound, in_="seconds")

    assert at(9.0, bound=5).holds
    assert at(9.1, bound=5).violated
    assert at(3.0, bound=0).holds
    assert at(9.1, bound=1).examples == (
        "shopkeeper read version 1 from replica1 more than 1 second after a later one "
        "was acknowledged",
    )


def watch(*seen, until=0.0):
    """A write of version 1 at 0, and a look every second from 0.5 on."""
    looks = [
        read(version, t_call=n + 0.5, t_ret=n + 0.6) for n, version in enumerate(seen)
    ]
    return history_of(write(1, t_call=-1.0, t_ret=until), *looks)


def test_a_write_is_in_time_when_readers_see_it_before_it_is_due():
    history = watch(0, 0, 0, 0, 1, 1)
    assert checks.seen_in_time(history, within=4.6).holds
    verdict = checks.seen_in_time(history, within=3)
    assert verdict.examples == (
        "version 1 was acknowledged, and more than 3 seconds later shopkeeper read "
        "version 0 from replica1",
    )
    assert verdict.where == (1,)


@pytest.mark.parametrize(
    ("seen", "within", "reason"),
    [
        ((0,), 5, "nobody looked in time"),  # the readers left before it was due
        ((0, 1), 1.2, "nobody looked in time"),  # and in between nobody looked
        ((0, 0, 0, 1), 2.2, "readers who looked too seldom"),
    ],
)
def test_a_write_that_nobody_looked_for_in_time_is_in_doubt(seen, within, reason):
    verdict = checks.seen_in_time(watch(*seen), within=within)
    assert verdict.unknown
    assert reason in verdict.reason


def test_readers_who_are_stuck_at_an_older_version_need_not_have_looked_often():
    def night(stuck_at):
        looks = [read(0, t_call=n, t_ret=n + 0.01) for n in (0.2, 0.4, 0.6, 1.1)]
        looks.append(read(stuck_at, t_call=2.1, t_ret=2.2))
        second = write(2, t_call=0.9, t_ret=1.0)
        return history_of(write(1, t_call=-1.0, t_ret=0.0), second, *looks)

    verdict = checks.seen_in_time(night(stuck_at=0), within=1)
    assert verdict.violations == 2
    verdict = checks.seen_in_time(night(stuck_at=1), within=1)
    assert verdict.violations == 1  # nobody knows about the second


def test_a_replica_that_is_seen_late_is_not_excused_by_another_that_is_in_time():
    ops = [read(1, t_call=0.1, t_ret=0.2)]
    ops += [read(0, t_call=n, t_ret=n + 0.1) for n in (0.3, 0.4, 0.5, 2.0)]
    history = history_of(write(1, t_call=-1.0, t_ret=0.0), *ops)
    assert checks.seen_in_time(history, within=1).violated


def test_an_unknown_unit_of_staleness_is_no_pass():
    verdict = checks.staleness_bound(history_of(write(1)), bound=1, in_="hours")
    assert verdict.unknown


@pytest.mark.parametrize("seed", SEEDS)
def test_a_register_keeps_every_promise_to_its_readers(seed):
    history = register(random.Random(seed))
    assert checks.read_your_writes(history).holds
    assert checks.monotonic_reads(history).holds
    assert checks.staleness_bound(history, bound=0).holds
    assert checks.staleness_bound(history, bound=0, in_="seconds").holds
    behind = register(random.Random(seed), behind=2)
    assert checks.staleness_bound(behind, bound=2).holds


@pytest.mark.parametrize("seed", SEEDS)
def test_one_read_older_than_the_clients_own_write_is_found(seed):
    rng = random.Random(seed)
    history = register(rng)
    owed = [
        (r, max(w.version for w in own))
        for r in history.ops("read")
        if (
            own := [
                w
                for w in history.ops("write", client=r.client, key=r.key)
                if before(w, r)
            ]
        )
    ]
    victim, version = rng.choice(owed)
    victim.version = version - 1
    verdict = checks.read_your_writes(history)
    assert (verdict.state, verdict.violations) == ("violated", 1)
    for w in history.ops("write"):  # every acknowledgement dropped: nothing is owed
        w.outcome = "unknown"
    assert checks.read_your_writes(history).unknown


@pytest.mark.parametrize("seed", SEEDS)
def test_two_swapped_reads_are_found(seed):
    rng = random.Random(seed)
    history = register(rng)
    pairs = [
        (a, b)
        for a in history.ops("read")
        for b in history.ops("read", client=a.client, key=a.key)
        if before(a, b) and a.version < b.version
    ]
    a, b = rng.choice(pairs)
    a.version, b.version = b.version, a.version
    assert checks.monotonic_reads(history).violated


@pytest.mark.parametrize("seed", SEEDS)
def test_one_read_beyond_the_bound_is_found(seed):
    rng = random.Random(seed)
    history = register(rng, behind=2)
    late = [
        (r, acknowledged[-4])
        for r in history.ops("read")
        if len(
            acknowledged := sorted(
                w.version for w in history.ops("write", key=r.key) if before(w, r)
            )
        )
        > 3
    ]
    victim, version = rng.choice(late)
    victim.version = version
    assert checks.staleness_bound(history, bound=2).violated


def test_examples_follow_clients_in_their_natural_order_whatever_came_first():
    clients = ["c10", "c2", "c1", "c3"]
    for order in (clients, clients[::-1]):
        ops = [op for c in order for op in (write(1, client=c), read(0, client=c))]
        found = checks.read_your_writes(history_of(*ops)).examples
        assert [example.split()[0] for example in found] == ["c1", "c2", "c3"]


# Bounds that are none, floats, and what cannot be judged


def test_a_bound_that_is_no_number_is_no_pass():
    for bound in (nan, "2", None, True):
        history = history_of(write(1), read(1))
        verdict = checks.staleness_bound(history, bound=bound)
        assert "bound must be a number" in verdict.reason


def test_floats_pass_a_bound_only_by_more_than_arithmetic_adds():
    writes = [write(0, t_call=0, t_ret=0.01), write(1, t_call=0.05, t_ret=0.1)]
    history = history_of(*writes, read(0, t_call=0.4, t_ret=0.5))
    assert 0.4 - 0.1 > 0.3
    seconds = {"in_": "seconds"}
    assert checks.staleness_bound(history, bound=0.3, **seconds).holds
    assert checks.staleness_bound(history, bound=0.2999, **seconds).violated


def test_versions_acknowledged_downwards_are_counted_as_those_upwards():
    ops = [write(version) for version in (5, 4, 3, 2)]
    verdict = checks.staleness_bound(history_of(*ops, read(3)), bound=1)
    assert "when version 5 was acknowledged: 2 versions behind" in verdict.examples[0]


@pytest.mark.parametrize(
    "check",
    [checks.read_your_writes, checks.monotonic_reads, checks.recency],
)
def test_all_checks_agree_on_a_value_without_its_version(check):
    unversioned = did("read", value=30)
    verdict = check(history_of(write(1), read(1), read(1), unversioned))
    assert verdict.reason == "operation 4 has a value but carries no version"
    late = check(history_of(write(2), read(2), read(1), did("read", value=30)))
    assert (late.state, late.where) == ("violated", (3,))


def test_an_operation_of_no_length_is_before_one_that_begins_then():
    at_once = {"t_call": 1.0, "t_ret": 1.0}
    history = history_of(write(1, **at_once), read(0, t_call=1.0, t_ret=2.0))
    assert checks.read_your_writes(history).violated


# Recency, and versions from nowhere


def test_what_one_client_saw_no_other_may_miss_afterwards():
    history = history_of(read(2, client="ann"), read(1, client="bob"))
    assert checks.monotonic_reads(history).unknown
    verdict = checks.recency(history)
    assert verdict.examples == (
        "bob read version 1 from replica1 after version 2 had been read",
    )
    at_once = {"t_call": 0.0, "t_ret": 1.0}
    overlapping = [read(2, client="ann", **at_once), read(1, client="bob", **at_once)]
    assert checks.recency(history_of(*overlapping)).unknown


def test_a_version_that_nobody_wrote_is_found():
    verdict = checks.versions_written(history_of(write(1), read(1), read(7)))
    assert verdict.examples == (
        "shopkeeper read version 7 from replica1, which nobody wrote",
    )


def test_a_version_that_is_read_before_its_write_was_called_is_found():
    verdict = checks.versions_written(history_of(write(1), read(2), write(2)))
    assert verdict.examples == (
        "shopkeeper read version 2 from replica1 before its write was called",
    )
    slow = write(2, t_call=1.2, t_ret=9.0)
    assert checks.versions_written(history_of(write(1), read(2), slow)).holds


def test_versions_from_before_the_history_and_from_writes_in_doubt_are_fine():
    assert checks.versions_written(history_of(write(5), read(4), read(5))).holds
    doubt = did("write", outcome="unknown", value=9)
    assert checks.versions_written(history_of(write(1), doubt, read(2))).holds


def test_a_version_whose_write_failed_refutes_the_outcome():
    failed = write(2, outcome="fail")
    verdict = checks.versions_written(history_of(write(1), failed, read(2)))
    assert verdict.unknown
    assert "is said to have failed" in verdict.reason
