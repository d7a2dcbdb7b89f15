"""What is stored: writes that are lost or overwritten, and counts."""

import random
from datetime import date, datetime
from decimal import Decimal

import pytest
from hand import SEEDS, did, history_of, write

from labkit import checks


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
    assert verdict.counts["unexpected"] == verdict.counts["refuted"] == 1
    assert verdict.unknown
    assert "is said to have failed" in verdict.reason


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
    assert checks.lost_acknowledged_writes(history, survived=[{"a": 3}]).violated


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


# Survivors are read-backs


def back(*values, **fields):
    return did(
        "read back", fields.pop("key", None), "auditor", value=[*values], **fields
    )


def test_the_read_backs_of_all_keys_are_one_end():
    orders = [did("write", "orders", value=n) for n in (1, 2, 3)]
    both = [back(1, key="p0"), back(2, 3, key="p1")]
    assert checks.lost_acknowledged_writes(history_of(*orders, *both)).holds
    orders = [did("write", "orders", value=n) for n in (1, 2, 3)]
    verdict = checks.lost_acknowledged_writes(history_of(*orders, back(1), back(2)))
    assert verdict.where == (1, 3), "of one key, the last read-back is the end's"


def test_what_is_acknowledged_after_the_end_has_begun_is_not_owed():
    late = did("write", value=2, t_call=0.5, t_ret=9.0)
    history = history_of(did("write", value=1), late, back(1))
    verdict = checks.lost_acknowledged_writes(history)
    assert (verdict.state, verdict.checked) == ("holds", 1)


@pytest.mark.parametrize("seen", [did("read", value=2), did("list", value=[1, 2])])
def test_a_write_in_doubt_that_was_read_and_is_gone_is_lost(seen):
    doubt = did("write", value=2, outcome="unknown")
    history = history_of(did("write", value=1), doubt, seen, back(1))
    verdict = checks.lost_acknowledged_writes(history)
    assert verdict.where == (2,)
    assert "it was read, and it is gone" in verdict.examples[0]
    seen.op_id, seen.t_ret = 0, None
    unread = history_of(
        did("write", value=1), did("write", value=2, outcome="unknown"), back(1)
    )
    assert checks.lost_acknowledged_writes(unread).holds


def test_an_earlier_read_back_shows_what_was_there():
    doubt = did("write", value=2, outcome="unknown")
    history = history_of(did("write", value=1), doubt, back(1, 2), back(1))
    assert checks.lost_acknowledged_writes(history).where == (2,)


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        ([], "nobody read back"),
        ([back()], "nothing at all was read back"),
        ([back(1, key="p0"), back(key="p1", outcome="fail")], "got no answer"),
    ],
)
def test_an_end_that_was_not_wholly_read_is_unknown(ends, why):
    for end in ends:
        end.op_id = 0
    verdict = checks.lost_acknowledged_writes(history_of(did("write", value=2), *ends))
    assert verdict.unknown
    assert why in verdict.reason


@pytest.mark.parametrize(
    ("wrote", "found"),
    [
        (1, 1.0),
        (1, Decimal(1)),
        (1, True),
        (1, "1"),
        ("1", Decimal("1.0")),
        ("2026-11-29T10:00:00", datetime(2026, 11, 29, 10)),
        ("2026-11-29", date(2026, 11, 29)),
        ("tea", b"tea"),
        ([1, "2"], ["1", 2]),
    ],
)
def test_a_value_that_came_back_in_another_type_is_unknown(wrote, found):
    history = history_of(did("write", value=wrote), did("write", value="other"))
    verdict = checks.lost_acknowledged_writes(history, survived=[found, "other"])
    assert verdict.unknown
    assert "another type" in verdict.reason


def test_a_survivor_that_another_write_explains_saves_nobody_elses():
    history = history_of(did("write", value=3), did("write", value="3"))
    verdict = checks.lost_acknowledged_writes(history, survived=["3"])
    assert (verdict.state, verdict.where) == ("violated", (1,))


def test_a_survivor_twice_is_counted_as_a_copy():
    history = history_of(did("write", value=1), back(1, 1))
    assert checks.lost_acknowledged_writes(history).counts["copies"] == 1


def test_a_survivor_whose_write_failed_refutes_its_outcome():
    failed = did("write", value=2, outcome="fail")
    history = history_of(did("write", value=1), failed, back(1, 2))
    verdict = checks.lost_acknowledged_writes(history)
    assert verdict.counts["refuted"] == 1
    assert verdict.unknown
    again = history_of(did("write", value=1), did("write", value=2), back(1, 2))
    assert checks.lost_acknowledged_writes(again).holds


# Lost updates and counters


def update(version, based_on, client):
    return write(version, client=client, extra={"based_on": based_on})


def test_an_update_that_overwrites_one_it_has_not_seen_is_found():
    history = history_of(write(1), update(2, 1, "ann"), update(3, 1, "bob"))
    verdict = checks.lost_updates(history)
    assert (verdict.checked, verdict.where) == (2, (3,))
    assert verdict.examples == (
        "bob wrote version 3 of store:7 from version 1 and overwrote version 2",
    )
    fine = history_of(write(1), update(2, 1, "ann"), update(3, 2, "bob"))
    assert checks.lost_updates(fine).holds


def test_two_updates_to_one_version_lose_one_of_them():
    history = history_of(write(1), update(2, 1, "ann"), update(2, 1, "bob"))
    assert checks.lost_updates(history).where == (3,)


def test_an_update_in_doubt_is_not_overwritten_for_certain():
    doubt = update(2, 1, "ann")
    doubt.outcome = "unknown"
    assert checks.lost_updates(history_of(write(1), doubt, update(3, 1, "bob"))).holds


def stock(shown, *sold, outcome="ok"):
    adds = [did("add", value=value) for value in sold[:-1]]
    adds.append(did("add", value=sold[-1], outcome=outcome))
    return checks.counter(history_of(*adds, did("count", value=shown)), initial=10)


def test_a_count_shows_what_was_added_and_taken():
    assert stock(7, -1, -2).holds
    verdict = stock(8, -1, -2)
    assert verdict.examples == ("shopkeeper counted 8 of store:7, and it can be 7",)


def test_an_addition_in_doubt_leaves_a_range():
    for shown, state in ((9, "holds"), (7, "holds"), (6, "violated"), (10, "violated")):
        verdict = stock(shown, -1, -2, outcome="unknown")
        assert verdict.state == state
        assert verdict.counts == {"possible": 1}
    assert stock(9, -1, -2, outcome="fail").holds


def test_an_addition_that_overlaps_the_count_may_be_in_it_or_not():
    for shown in (10, 9):
        sale = did("add", value=-1, t_call=0.0, t_ret=5.0)
        count = did("count", value=shown, t_call=1.0, t_ret=2.0)
        assert checks.counter(history_of(sale, count), initial=10).holds
