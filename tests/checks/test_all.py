"""What the checks promise, on good histories and on mutated ones.

Random histories come from seeds, so a failure names the seed that shows it.
"""

import random
from collections import Counter
from functools import partial
from math import inf

import pytest

from labkit import checks
from labkit.checks import Verdict, combine, counted
from labkit.history import History, Op

SEEDS = range(40)
EVERY_CHECK = {
    "read_your_writes": checks.read_your_writes,
    "monotonic_reads": checks.monotonic_reads,
    "lost_acknowledged_writes": partial(checks.lost_acknowledged_writes, survived=()),
    "duplicates": checks.duplicates,
    "staleness_in_versions": partial(checks.staleness_bound, bound=1),
    "staleness_in_seconds": partial(checks.staleness_bound, bound=1, in_="seconds"),
    "rebuilds_per_expiry": checks.rebuilds_per_expiry,
    "partition_progress": checks.partition_progress,
    "partition_skew": checks.partition_skew,
    "key_order": checks.key_order,
    "everybody_is_answered": checks.everybody_is_answered,
}


# Histories by hand and by chance


def did(op, key="store:7", client="shopkeeper", **fields):
    fields = {"outcome": "ok", **fields}
    return Op(0, client, op, key, **fields)


def write(version, **fields):
    return did("write", version=version, value=version, **fields)


def read(version, **fields):
    fields = {"node": "replica1", **fields}
    return did("read", version=version, value=version, **fields)


def history_of(*ops):
    """A history in which the operations follow one another, unless they say when."""
    history = History("lab", "run")
    for second, op in enumerate(ops):
        if op.t_ret is None:
            op.t_call, op.t_ret = float(second), second + 0.5
        history.add(op)
    return history


def register(rng, behind=0):
    """Clients of one register per key: every operation takes effect at one moment
    between call and return; a write in doubt at a later moment, or never. A read may
    show a version up to `behind` versions old."""
    ops = []
    for client in ("ann", "bob", "cho"):
        now = rng.random()
        for _ in range(20):
            op = did(rng.choice(["read", "write"]), rng.choice(["x", "y"]), client)
            op.t_call = now
            op.t_ret = now + rng.random()
            moment = rng.uniform(op.t_call, op.t_ret)
            if op.op == "write" and rng.random() < 0.2:
                op.outcome, moment = "unknown", rng.choice([moment + 3, inf])
            ops.append((moment, op))
            now = op.t_ret + rng.choice([0, rng.random()])
    version = Counter()
    for moment, op in sorted(ops, key=lambda pair: pair[0]):
        if op.op == "write" and moment < inf:
            version[op.key] += 1
        late = rng.randint(0, behind) if op.op == "read" else 0
        op.version = op.value = max(0, version[op.key] - late)
    return history_of(*(op for _, op in ops))


def scrambled(rng):
    """A register some of whose reads show any version at all, or nothing."""
    history = register(rng)
    for op in history.ops("read"):
        if rng.random() < 0.3:
            op.version = op.value = rng.choice([None, 0, 1, 2, 5, 9])
    return history


def orders(rng):
    """Orders of some stores, produced by two checkouts, processed by two workers that
    own one store each or more; some produces are in doubt, some messages come twice."""
    ops, now, count = [], 0.0, 0
    queue = {"store:1": [], "store:2": [], "store:3": []}
    for _ in range(60):
        key = rng.choice(list(queue))
        if rng.random() < 0.5 or not queue[key]:
            count += 1
            op = did("produce", key, f"checkout{count % 2}", value=f"order-{count}")
            op.extra["partition"] = 0
            op.outcome = "unknown" if rng.random() < 0.1 else "ok"
            queue[key].append(op.value)
        else:
            op = did("process", key, f"worker{key[-1]}", value=queue[key].pop(0))
        op.t_call, op.t_ret = now, now + rng.random()
        now = op.t_ret + rng.random()
        ops.append(op)
    return history_of(*ops)


def stampede_free(rng):
    ops, periods = [], rng.randint(2, 6)
    for period in range(periods):
        for key in ("x", "y"):
            if period:
                ops.append(did("expire", key, "clock"))
            ops += [
                did("get", key, f"c{n}", version=1) for n in range(rng.randint(0, 3))
            ]
            ops.append(did("rebuild", key, "c0", inner=True))
    return history_of(*ops)


def polled(rng, polls=12, partitions=4):
    """Polls of a consumer that moves each partition, if slowly: it rests for no more
    than three polls in a row while there is lag."""
    ops, end = [], [rng.randint(5, 40) for _ in range(partitions)]
    committed, rests = [0] * partitions, [0] * partitions
    for poll in range(polls):
        for p in range(partitions):
            if poll and (rests[p] == 3 or rng.random() < 0.6):
                committed[p] = min(end[p], committed[p] + rng.randint(1, 5))
                rests[p] = 0
            else:
                rests[p] += 1
            extra = {"partition": p, "committed": committed[p], "poll": poll}
            extra["lag"] = end[p] - committed[p]
            ops.append(did("poll", "orders", "monitor", extra=extra))
    return history_of(*ops)


def spread(rng, partitions=6):
    loads = [rng.randint(50, 100) for _ in range(partitions)]
    places = [p for p, load in enumerate(loads) for _ in range(load)]
    rng.shuffle(places)
    return history_of(*(did("produce", extra={"partition": p}) for p in places))


# A slow second opinion: each definition, pair by pair


def before(a, b):
    return a.outcome == "ok" and a.t_ret <= b.t_call


def seen(op):
    return -1 if op.version is None else op.version


def tally(history, op):
    """How many reads come after an `op` of the same client and key, and how many of
    those are older than one of them."""
    checked = broken = 0
    for r in history.ops("read"):
        own = [e for e in history.ops(op, client=r.client, key=r.key) if before(e, r)]
        checked += bool(own)
        broken += any(seen(r) < seen(e) for e in own)
    return checked, broken


def ages(history, in_):
    for r in history.ops("read"):
        known = [w for w in history.ops("write", key=r.key) if before(w, r)]
        later = [w for w in known if w.version > seen(r)]
        first = min((w.t_ret for w in later), default=r.t_call)
        versions = len({w.version for w in later})
        if known:
            yield versions if in_ == "versions" else r.t_call - first


# Every check


@pytest.mark.parametrize("name", EVERY_CHECK)
def test_an_empty_history_is_unknown_and_never_a_pass(name):
    verdict = EVERY_CHECK[name](History())
    assert verdict.unknown
    assert not verdict.holds
    assert verdict.checked == 0
    assert verdict.reason.startswith(("nothing to check", "no partition"))
    assert str(verdict).startswith("UNKNOWN   ")


@pytest.mark.parametrize("name", EVERY_CHECK)
def test_a_crash_inside_a_check_is_unknown_and_says_why(name):
    class Broken(History):
        def ops(self, *args, **kwargs):
            raise RuntimeError("the disk is gone")

    verdict = EVERY_CHECK[name](Broken())
    assert verdict.unknown
    assert verdict.reason == "the check crashed: RuntimeError: the disk is gone"


def test_a_call_that_does_not_fit_the_check_is_the_callers_error():
    with pytest.raises(TypeError):
        checks.staleness_bound(History())
    with pytest.raises(TypeError):
        checks.read_your_writes(History(), bound=1)


@pytest.mark.parametrize("name", EVERY_CHECK)
def test_every_check_defines_its_terms_and_its_violation_and_its_cost(name):
    check = EVERY_CHECK[name]
    text = (check.func if isinstance(check, partial) else check).__doc__
    terms, violation, cost = (text.index(w) for w in ("*", "Violation:", "Cost: O(n"))
    assert terms < violation < cost


@pytest.mark.parametrize("name", EVERY_CHECK)
@pytest.mark.parametrize("seed", range(5))
def test_a_saved_history_gives_the_same_verdict_word_for_word(name, seed, tmp_path):
    history, ids = History(), 0
    rng = random.Random(seed)
    for part in (scrambled(rng), orders(rng), polled(rng), stampede_free(rng)):
        for op in part:
            ids += 1
            op.op_id = ids
            history.add(op)
    check = EVERY_CHECK[name]
    verdict = check(history)
    history.save(tmp_path / "history.jsonl")
    loaded = check(History.load(tmp_path / "history.jsonl"))
    assert verdict.checked > 0 or name == "partition_skew"
    assert loaded == verdict == check(history)
    assert str(loaded) == str(verdict)


# Read your writes, monotonic reads, staleness


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
def test_the_checks_of_reads_count_what_their_definitions_say(seed):
    history = scrambled(random.Random(seed))
    for check, op in (
        (checks.read_your_writes, "write"),
        (checks.monotonic_reads, "read"),
    ):
        verdict = check(history)
        assert (verdict.checked, verdict.violations) == tally(history, op)
    for bound in (0, 1, 3):
        for in_ in ("versions", "seconds"):
            verdict = checks.staleness_bound(history, bound=bound, in_=in_)
            expected = [age > bound for age in ages(history, in_)]
            assert verdict.checked == len(expected)
            assert verdict.violations == sum(expected)


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


# Lost writes


def test_a_client_that_is_told_an_error_or_nothing_was_not_answered():
    refused = (
        'OperationalError: connection to server at "127.0.0.1", port 4711 failed: '
        "FATAL:  too many connections"
    )
    history = history_of(
        read(1),
        read(None, client="shopper 10", outcome="fail", error=refused),
        read(None, client="shopper 9", outcome="unknown"),
    )
    verdict = checks.everybody_is_answered(history)
    assert (verdict.checked, verdict.violations) == (3, 2)
    assert verdict.counts == {"answered": 1}
    assert verdict.examples == (
        "a client was told: nothing",
        "a client was told: too many connections",
    )


def test_what_the_system_does_for_an_answer_is_no_request():
    history = history_of(read(None, outcome="fail", inner=True))
    assert checks.everybody_is_answered(history).unknown
    history.add(read(1))
    verdict = checks.everybody_is_answered(history)
    assert verdict.holds
    assert verdict.checked == 1


def test_only_the_operation_that_is_asked_about_counts():
    history = history_of(read(None, outcome="fail"), write(1))
    assert checks.everybody_is_answered(history, asks="write").holds
    assert checks.everybody_is_answered(history).violated


@pytest.mark.parametrize("seed", SEEDS)
def test_one_answer_taken_away_is_found(seed):
    rng = random.Random(seed)
    ops = [read(n, client=f"shopper {n}") for n in range(1, rng.randint(2, 20))]
    assert checks.everybody_is_answered(history_of(*ops)).holds
    rng.choice(ops).outcome = rng.choice(["fail", "unknown"])
    assert checks.everybody_is_answered(history_of(*ops)).violations == 1


def test_a_check_of_a_labs_own_is_made_as_the_others_are():
    @checks.check("small pages", "pages", "Under {most} bytes.", "nobody looked")
    def small_pages(history, most=10):
        found = checks.Findings()
        for op in history.ops("read"):
            found.checked += 1
            if op.extra["bytes"] >= most:
                found.broke(f"{op.client} waited", op.client)
        return found

    history = history_of(read(1, extra={"bytes": 5}), read(1, extra={"bytes": 50}))
    verdict = small_pages(history)
    assert verdict.violated
    assert verdict.definition == "Under 10 bytes."
    assert str(verdict).startswith("VIOLATED  small pages: 1 of 2 pages")
    assert small_pages(history, most=51).holds
    assert small_pages(history_of()).reason == "nothing to check: nobody looked"
    assert small_pages(history_of(read(1))).unknown, "it crashed"


def test_a_write_that_was_acknowledged_and_is_gone_is_lost():
    history = history_of(*(did("produce", None, value=f"order-{n}") for n in range(3)))
    verdict = checks.lost_acknowledged_writes(history, survived={"order-0", "order-2"})
    assert str(verdict) == (
        "VIOLATED  no acknowledged write is lost: 1 of 3 acknowledged writes\n"
        "  shopkeeper was told that order-1 was stored, and it is gone"
    )
    assert verdict.counts["lost"] == 1


def test_a_write_in_doubt_is_never_lost_whether_it_survives_or_not():
    history = history_of(
        did("write", value=1), did("write", value=2, outcome="unknown")
    )
    for survived in ([1], [1, 2]):
        verdict = checks.lost_acknowledged_writes(history, survived=survived)
        assert verdict.holds
        assert verdict.counts["in_doubt"] == 1
        assert verdict.counts["in_doubt_survived"] == len(survived) - 1


def test_a_survivor_that_nobody_wrote_is_counted():
    history = history_of(did("write", value=1), did("write", value=2, outcome="fail"))
    verdict = checks.lost_acknowledged_writes(history, survived=[1, 2, 3])
    assert verdict.counts["unexpected"] == 2


def test_a_survivor_of_another_type_is_unknown_and_not_a_loss():
    verdict = checks.lost_acknowledged_writes(
        history_of(did("write", value=1)), survived=["1"]
    )
    assert verdict.unknown
    assert "another type" in verdict.reason


def test_values_that_are_not_hashable_can_be_compared():
    history = history_of(did("write", value={"b": [1], "a": 2}))
    good = checks.lost_acknowledged_writes(history, survived=[{"a": 2, "b": (1,)}])
    assert good.holds
    assert checks.lost_acknowledged_writes(history, survived=[]).violated


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dropped_write_is_found_and_without_its_acknowledgement_it_is_not(seed):
    rng = random.Random(seed)
    history = history_of(
        *(
            did("write", value=n, outcome=rng.choice(["ok", "ok", "unknown", "fail"]))
            for n in range(50)
        )
    )
    survived = {op.value for op in history if op.outcome == "ok"}
    survived |= {o.value for o in history.ops(outcome="unknown") if rng.random() < 0.5}
    assert checks.lost_acknowledged_writes(history, survived=survived).holds
    victim = rng.choice(history.ops(outcome="ok"))
    survived.discard(victim.value)
    verdict = checks.lost_acknowledged_writes(history, survived=survived)
    assert (verdict.state, verdict.violations) == ("violated", 1)
    assert f"value {victim.value} of" in verdict.examples[0]
    victim.outcome = "unknown"
    assert checks.lost_acknowledged_writes(history, survived=survived).holds


# Messages


def test_a_message_processed_twice_is_a_duplicate():
    ops = [did("process", value="order-1", client=c) for c in ("w10", "w2", "w2")]
    verdict = checks.duplicates(history_of(*ops, did("process", value="order-2")))
    assert str(verdict) == (
        "VIOLATED  no duplicates: 1 of 2 messages\n"
        "  order-1 of store:7 was processed 3 times by w2 and w10"
    )
    assert verdict.counts == {"processed": 4, "extra": 2}


def test_an_id_tells_equal_values_apart_and_unequal_ones_together():
    apart = [did("process", value="tea", extra={"id": n}) for n in (1, 2)]
    assert checks.duplicates(history_of(*apart)).holds
    same = [did("process", value=v, extra={"id": 1}) for v in ("tea", "milk")]
    assert checks.duplicates(history_of(*same)).examples == (
        "message 1 of store:7 was processed twice by shopkeeper",
    )


@pytest.mark.parametrize("outcome", ["fail", "unknown"])
def test_processing_without_effect_or_in_doubt_is_no_duplicate(outcome):
    again = did("process", value="order-1", outcome=outcome)
    assert checks.duplicates(history_of(did("process", value="order-1"), again)).holds


def test_a_message_that_overtakes_another_of_its_key_is_found():
    made = [did("produce", value=f"order-{n}", client="checkout") for n in (1, 2)]
    done = [did("process", value=f"order-{n}", client="worker") for n in (2, 1)]
    verdict = checks.key_order(history_of(*made, *done))
    assert str(verdict) == (
        "VIOLATED  order by key: 1 of 1 message\n"
        "  worker processed order-1 of store:7 after order-2 of store:7, which was "
        "produced later"
    )


def test_messages_of_different_keys_may_overtake_each_other():
    made = [did("produce", f"store:{n}", value=n) for n in (1, 2)]
    done = [did("process", f"store:{n}", value=n) for n in (2, 1)]
    assert checks.key_order(history_of(*made, *done)).unknown


def test_messages_produced_or_processed_at_the_same_time_have_no_order():
    def verdict(produced, processed):
        history = history_of(
            did("produce", value=1, t_call=0.0, t_ret=produced),
            did("produce", value=2, t_call=1.0, t_ret=2.0),
            did("process", value=2, t_call=4.0, t_ret=processed),
            did("process", value=1, t_call=6.0, t_ret=7.0),
        )
        return checks.key_order(history).state

    assert verdict(produced=0.5, processed=5.0) == "violated"
    assert verdict(produced=1.0, processed=6.0) == "violated"  # just in sequence
    assert verdict(produced=1.5, processed=5.0) == "holds"
    assert verdict(produced=0.5, processed=6.5) == "unknown"  # nothing in sequence


def test_a_redelivery_does_not_break_the_order():
    made = [did("produce", value=n) for n in (1, 2, 3)]
    done = [did("process", value=n) for n in (1, 2, 1, 2, 3)]
    assert checks.key_order(history_of(*made, *done)).holds


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_in_sequence_keep_their_promises(seed):
    history = orders(random.Random(seed))
    assert checks.duplicates(history).holds
    assert checks.key_order(history).holds


@pytest.mark.parametrize("seed", SEEDS)
def test_one_more_processing_is_found(seed):
    rng = random.Random(seed)
    history = orders(rng)
    twice = rng.choice(history.ops("process"))
    again = did("process", twice.key, "worker9", value=twice.value)
    again.t_call, again.t_ret = 900.0, 901.0
    history.add(again)
    verdict = checks.duplicates(history)
    assert (verdict.state, verdict.violations) == ("violated", 1)
    assert twice.value in verdict.examples[0]
    assert checks.key_order(history).holds


@pytest.mark.parametrize("seed", SEEDS)
def test_two_processings_swapped_within_a_key_are_found(seed):
    rng = random.Random(seed)
    history = orders(rng)
    known = {op.value for op in history.ops("produce", outcome="ok")}
    pairs = [
        (a, b)
        for a in history.ops("process")
        for b in history.ops("process", key=a.key)
        if a.op_id < b.op_id and {a.value, b.value} <= known
    ]
    a, b = rng.choice(pairs)
    a.value, b.value = b.value, a.value
    assert checks.key_order(history).violated
    assert checks.duplicates(history).holds


# Rebuilds


def test_a_stampede_is_found():
    stampede = [did("rebuild", client=f"c{n}", inner=True) for n in range(40)]
    verdict = checks.rebuilds_per_expiry(history_of(did("expire"), *stampede))
    assert str(verdict) == (
        "VIOLATED  rebuilds per expiry: 1 of 1 period\n"
        "  store:7 was rebuilt 40 times after expiry 1, and 1 allowed"
    )
    assert verdict.counts == {"rebuilds": 40, "most": 40}


def test_a_cold_cache_can_be_stampeded_too():
    verdict = checks.rebuilds_per_expiry(history_of(did("rebuild"), did("rebuild")))
    assert verdict.examples == (
        "store:7 was rebuilt twice before its first expiry, and 1 allowed",
    )


def test_a_rebuild_belongs_to_the_period_in_which_it_was_called():
    slow = did("rebuild", t_call=1.0, t_ret=9.0)
    expire = did("expire", t_call=2.0, t_ret=3.0)
    quick = did("rebuild", t_call=4.0, t_ret=5.0)
    assert checks.rebuilds_per_expiry(history_of(slow, expire, quick)).holds


def test_every_period_is_counted_and_the_worst_is_named():
    ops = [did("rebuild"), did("expire"), did("rebuild"), did("rebuild"), did("expire")]
    verdict = checks.rebuilds_per_expiry(history_of(*ops, did("rebuild")))
    assert (verdict.checked, verdict.violations) == (3, 1)
    assert verdict.counts == {"rebuilds": 4, "most": 2}
    forbidden = checks.rebuilds_per_expiry(history_of(did("rebuild")), allowed=0)
    assert "store:7 was rebuilt once before its first expiry" in forbidden.examples[0]


def test_an_expiry_that_nobody_noticed_is_nothing_to_check():
    verdict = checks.rebuilds_per_expiry(history_of(did("expire")))
    assert verdict.unknown
    assert verdict.counts == {"rebuilds": 0, "most": 0}


def test_a_failed_rebuild_still_asked_the_source_and_a_failed_expiry_ends_nothing():
    failed = did("rebuild", outcome="fail")
    assert checks.rebuilds_per_expiry(history_of(failed, did("rebuild"))).violated
    ops = [did("rebuild"), did("expire", outcome="fail"), did("rebuild")]
    assert checks.rebuilds_per_expiry(history_of(*ops)).violated


@pytest.mark.parametrize("seed", SEEDS)
def test_one_rebuild_too_many_or_one_expiry_missing_is_found(seed):
    rng = random.Random(seed)
    assert checks.rebuilds_per_expiry(stampede_free(rng)).holds
    ops = list(stampede_free(rng))
    extra = rng.choice([op for op in ops if op.op == "rebuild"])
    moment = {"t_call": extra.t_call, "t_ret": extra.t_ret}
    again = did("rebuild", extra.key, "c9", **moment)
    history = history_of(*with_fresh_ids(ops), again)
    assert checks.rebuilds_per_expiry(history).violations == 1
    assert checks.rebuilds_per_expiry(history, allowed=2).holds
    missing = rng.choice([op for op in ops if op.op == "expire"])
    rest = [op for op in ops if op is not missing]
    assert checks.rebuilds_per_expiry(history_of(*with_fresh_ids(rest))).violations == 1


def with_fresh_ids(ops):
    for op in ops:
        op.op_id = 0
    return ops


# Partitions


def poll(partition, committed, lag, **fields):
    extra = {"partition": partition, "committed": committed, "lag": lag}
    return did("poll", "orders", "monitor", extra=extra, **fields)


def test_a_partition_that_stands_still_with_lag_is_found():
    ops = [op for n in range(5) for op in (poll(0, n, 9), poll(5, 25, 892))]
    verdict = checks.partition_progress(history_of(*ops))
    assert str(verdict) == (
        "VIOLATED  every partition moves: 1 of 2 partitions\n"
        "  partition 5 of orders stood still at offset 25 for 5 polls, with records "
        "waiting"
    )
    assert verdict.counts == {"lag": 901, "stalled": 1, "stalled_partitions": [5]}


def test_standing_still_for_one_poll_less_or_without_lag_is_fine():
    moves = [poll(0, 25, 9) for _ in range(4)] + [poll(0, 26, 8)]
    assert checks.partition_progress(history_of(*moves)).holds
    idle = [poll(0, 25, 0) for _ in range(9)]
    assert checks.partition_progress(history_of(*idle)).holds
    woken = [poll(0, 25, 0)] + [poll(0, 25, 1) for _ in range(4)]
    assert checks.partition_progress(history_of(*woken)).holds
    assert checks.partition_progress(history_of(*woken, poll(0, 25, 1))).violated


def test_a_partition_that_recovers_has_still_stood_still():
    ops = [poll(0, 25, 9) for _ in range(5)] + [poll(0, 34, 0)]
    verdict = checks.partition_progress(history_of(*ops))
    assert verdict.violated
    assert verdict.counts["lag"] == 0


def test_a_consumer_that_never_commits_stands_still():
    verdict = checks.partition_progress(
        history_of(*(poll(0, None, 9) for _ in "12345"))
    )
    assert "before its first commit" in verdict.examples[0]


def test_too_few_polls_to_tell_is_unknown_and_a_drained_partition_is_not():
    few = history_of(poll(0, 1, 2), poll(0, 2, 1), poll(1, 9, 0))
    verdict = checks.partition_progress(few)
    assert verdict.unknown
    assert verdict.reason == "partition 0 of orders still had lag after 2 polls"
    assert checks.partition_progress(history_of(poll(0, 1, 9), poll(0, 9, 0))).holds


def test_a_failed_poll_shows_nothing():
    ops = [poll(0, 25, 9) for _ in range(4)] + [poll(0, 25, 9, outcome="fail")]
    assert checks.partition_progress(history_of(*ops)).unknown


def test_one_poll_cannot_show_that_an_offset_stands_still():
    assert checks.partition_progress(history_of(poll(0, 1, 9)), polls=1).unknown
    twice = history_of(poll(0, 1, 9), poll(0, 1, 9))
    assert checks.partition_progress(twice, polls=2).violated


@pytest.mark.parametrize("seed", SEEDS)
def test_a_frozen_offset_is_found_and_named(seed):
    rng = random.Random(seed)
    history = polled(rng)
    assert checks.partition_progress(history).holds
    frozen = rng.randrange(4)
    for op in history.ops("poll"):
        if op.extra["partition"] == frozen and op.extra["poll"] >= 7:
            op.extra |= {"committed": 3, "lag": 7}
    verdict = checks.partition_progress(history)
    assert (verdict.state, verdict.violations) == ("violated", 1)
    assert verdict.counts["stalled_partitions"] == [frozen]


def test_a_hot_partition_is_found():
    loads = [67, 44, 62, 51, 59, 917]
    ops = [
        did("produce", extra={"partition": p})
        for p, n in enumerate(loads)
        for _ in " " * n
    ]
    verdict = checks.partition_skew(history_of(*ops))
    assert str(verdict) == (
        "VIOLATED  partitions share the load: 1 of 6 partitions\n"
        "  partition 5 got 917 of 1200 records, 15.2 times the median"
    )
    assert verdict.counts == {
        "records": 1200,
        "most": 917,
        "median": 60.5,
        "skew": 15.2,
    }


def test_empty_partitions_count_when_their_number_is_known():
    ops = [did("produce", extra={"partition": p}) for p in (0, 1)]
    assert checks.partition_skew(history_of(*ops), at_most=1.5).holds
    verdict = checks.partition_skew(history_of(*ops), partitions=6)
    assert (verdict.violations, verdict.checked) == (2, 6)
    assert verdict.counts["skew"] is None


def test_a_single_partition_has_nothing_to_share_with():
    assert checks.partition_skew(
        history_of(did("produce", extra={"partition": 0}))
    ).unknown


def test_of_two_partitions_neither_can_get_more_than_twice_the_median():
    ops = [did("produce", extra={"partition": p}) for p in (0, *[1] * 9)]
    for at_most in (2, 3):
        verdict = checks.partition_skew(history_of(*ops), at_most=at_most)
        assert (verdict.state, verdict.checked) == ("unknown", 2)
        assert "neither gets more than twice the median" in verdict.reason
        assert verdict.counts["skew"] == 1.8
    assert checks.partition_skew(history_of(*ops), at_most=1.5).violated
    only_one = history_of(*(op for op in ops if op.extra["partition"]))
    assert checks.partition_skew(only_one, partitions=2).unknown


@pytest.mark.parametrize("seed", SEEDS)
def test_records_moved_to_one_partition_are_found(seed):
    rng = random.Random(seed)
    history = spread(rng)
    assert checks.partition_skew(history).holds
    hot = rng.randrange(6)
    for op in history.ops("produce"):
        if rng.random() < 0.8:
            op.extra["partition"] = hot
    verdict = checks.partition_skew(history)
    assert verdict.violated
    assert f"partition {hot} got" in verdict.examples[0]


# Verdicts together, and their words


def verdict(state, name="a promise", examples=()):
    reason = "nothing to check" if state == "unknown" else ""
    return Verdict(name, state, 1, len(examples), examples, "It holds.", {}, reason)


@pytest.mark.parametrize(
    ("states", "merged"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "unknown"], "unknown"),
        (["unknown", "violated", "holds"], "violated"),
        ([], "unknown"),
    ],
)
def test_violated_outweighs_unknown_and_unknown_outweighs_holds(states, merged):
    assert combine(*map(verdict, states)).state == merged


def test_a_merged_verdict_says_what_broke_and_what_is_unknown():
    bad = verdict("violated", "first", tuple("abcd"))
    merged = combine(verdict("holds", "second"), bad, verdict("unknown", "third"))
    assert str(merged) == (
        "VIOLATED  second, first and third: 1 of 3 promises\n  a\n  b\n  c"
    )
    assert merged.counts == {"violated": 1, "unknown": 1, "holds": 1}
    doubt = combine(verdict("holds", "first"), verdict("unknown", "second"))
    assert str(doubt) == "UNKNOWN   first and second: second: nothing to check"


def test_a_count_and_its_noun_agree():
    assert counted(1, "reads") == "1 read"
    assert counted(0, "reads") == "0 reads"
    assert counted(1, "acknowledged writes") == "1 acknowledged write"
    assert counted(1, "entries") == "1 entry"


def test_examples_follow_clients_in_their_natural_order_whatever_came_first():
    clients = ["c10", "c2", "c1", "c3"]
    for order in (clients, clients[::-1]):
        ops = [op for c in order for op in (write(1, client=c), read(0, client=c))]
        found = checks.read_your_writes(history_of(*ops)).examples
        assert [example.split()[0] for example in found] == ["c1", "c2", "c3"]
