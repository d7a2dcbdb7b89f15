"""What is stored: writes that are lost or overwritten, and counts."""

import random

import pytest
from hand import SEEDS, did, history_of

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
