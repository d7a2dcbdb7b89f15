"""What is produced, delivered and processed."""

import random

import pytest
from hand import SEEDS, did, history_of, orders

from labkit import checks


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


def test_an_id_that_is_none_is_no_id():
    apart = [did("process", value=n, extra={"id": None}) for n in (1, 2)]
    assert checks.duplicates(history_of(*apart)).holds
    again = [did("process", value=1, extra={"id": None}), did("process", value=1)]
    assert checks.duplicates(history_of(*again)).violated


# Phantoms, gaps, redelivery


def test_what_nobody_produced_and_is_processed_is_a_phantom():
    made = did("produce", value="order-1")
    history = history_of(made, *(did("process", value=f"order-{n}") for n in (1, 2)))
    verdict = checks.phantoms(history)
    assert verdict.where == (3,)
    assert verdict.counts == {"phantoms": 1, "early": 0}
    assert verdict.examples == (
        "shopkeeper processed order-2 of store:7, which nobody produced",
    )


def test_what_is_processed_before_it_was_produced_is_too_early():
    early = [did("process", value="order-1"), did("produce", value="order-1")]
    verdict = checks.phantoms(history_of(*early))
    assert verdict.counts == {"phantoms": 0, "early": 1}
    slow = did("produce", value="order-1", t_call=0.4, t_ret=9.0)
    assert checks.phantoms(history_of(did("process", value="order-1"), slow)).holds


def test_a_produce_in_doubt_may_be_processed_and_a_failed_one_refutes_its_outcome():
    for outcome, state in (("unknown", "holds"), ("fail", "unknown")):
        made = did("produce", value=1, outcome=outcome)
        assert checks.phantoms(history_of(made, did("process", value=1))).state == state


def record(op, offset, client="worker", **fields):
    place = {"partition": 0, "offset": offset}
    return did(op, None, client, value=f"order-{offset}", extra=place, **fields)


def produced(*offsets):
    return [record("produce", offset, "checkout") for offset in offsets]


def test_a_record_that_is_passed_over_is_a_gap():
    ops = [*produced(0, 1, 2, 3), *(record("process", offset) for offset in (0, 2))]
    verdict = checks.delivery_gaps(history_of(*ops))
    assert (verdict.checked, verdict.where) == (3, (2,))
    assert verdict.examples == (
        "offset 1 of partition 0 was never delivered, and offset 2 was",
    )


def test_an_offset_at_which_nobody_produced_is_no_gap():
    ops = [*produced(0, 2), *(record("process", offset) for offset in (0, 2))]
    assert checks.delivery_gaps(history_of(*ops)).holds


def test_redelivery_after_a_rebalance_is_told_apart_from_an_effect_that_came_twice():
    ops = [
        *produced(0),
        record("process", 0, outcome="fail"),
        record("process", 0),  # a retry
        did("rebalance", None, "worker"),
        record("process", 0, outcome="fail"),  # its own, after a rebalance
        record("process", 0, "other"),  # another's: its effect comes twice
    ]
    verdict = checks.delivery_gaps(history_of(*ops))
    assert verdict.holds
    assert verdict.counts == {
        "gaps": 0,
        "redelivered": 3,
        "after_rebalance": 2,
        "effects_twice": 1,
    }
