"""What a client may rely on from one operation to its next."""

import random

import pytest
from hand import SEEDS, before, did, history_of, read, register, write

from labkit import checks


def test_a_write_that_takes_effect_before_an_earlier_one_of_its_client_is_found():
    verdict = checks.monotonic_writes(history_of(write(2), write(1)))
    assert verdict.examples == ("shopkeeper wrote version 2 and then wrote version 1",)
    assert checks.monotonic_writes(history_of(write(1), write(2))).holds
    others = history_of(write(2), write(1, client="other"))
    assert checks.monotonic_writes(others).unknown


def test_a_write_that_takes_effect_before_what_its_client_had_read_is_found():
    verdict = checks.writes_follow_reads(history_of(read(3), write(2)))
    assert verdict.where == (2,)
    assert verdict.examples == ("shopkeeper read version 3 and then wrote version 2",)
    assert checks.writes_follow_reads(history_of(read(3), write(4))).holds
    overlapping = write(2, t_call=0.2, t_ret=3.0)
    assert checks.writes_follow_reads(history_of(read(3), overlapping)).unknown


def comments(seen_of_question):
    """A question, its answer, and a reader who sees the answer and then looks for
    the question."""
    return history_of(
        write(0, key="question"),
        write(1, key="question", client="ann"),
        write(1, key="answer", client="bob"),
        read(1, key="answer", client="cho"),
        read(seen_of_question, key="question", client="cho"),
    )


def test_an_answer_without_its_question_is_found():
    assert checks.consistent_prefix(comments(1)).holds
    verdict = checks.consistent_prefix(comments(0))
    assert (verdict.checked, verdict.where) == (1, (5,))
    assert verdict.examples == (
        "cho read version 0 of question from replica1 after a write that came after "
        "version 1",
    )
    assert checks.monotonic_reads(comments(0)).unknown, "it compares no keys"


def test_without_an_order_between_the_writes_there_is_no_prefix():
    history = comments(0)
    answer = history.ops("write", key="answer")[0]
    answer.t_call, answer.t_ret = 0.2, 2.5
    assert checks.consistent_prefix(history).unknown


def test_a_write_in_doubt_is_owed_to_nobody_but_shows_its_past():
    history = comments(0)
    history.ops("write", key="answer")[0].outcome = "unknown"
    assert checks.consistent_prefix(history).violated
    history.ops("write", key="question")[1].outcome = "unknown"
    assert checks.consistent_prefix(history).holds


def test_an_update_on_nothing_that_was_read_is_not_checked():
    assert checks.lost_updates(history_of(did("write", version=1))).unknown


# A register keeps every promise, and a damaged one is found

OF_A_REGISTER = (
    checks.recency,
    checks.monotonic_writes,
    checks.writes_follow_reads,
    checks.consistent_prefix,
    checks.versions_written,
)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_register_keeps_the_promises_between_operations(seed):
    history = register(random.Random(seed))
    assert [check(history).state for check in OF_A_REGISTER] == ["holds"] * 5


def ordered(history, first, second, **more):
    """Pairs of one key, the one before the other, with ascending versions."""
    return [
        (a, b)
        for a in history.ops(first, outcome="ok")
        for b in history.ops(second, outcome="ok", key=a.key)
        if before(a, b) and a.version < b.version and (not more or a.client == b.client)
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_versions_swapped_in_a_register_are_found(seed):
    for check, first, second, own in (
        (checks.monotonic_writes, "write", "write", {"own": True}),
        (checks.writes_follow_reads, "read", "write", {"own": True}),
        (checks.recency, "read", "read", {}),
    ):
        rng = random.Random(seed)
        history = register(rng)
        a, b = rng.choice(ordered(history, first, second, **own))
        a.version, b.version = b.version, a.version
        assert check(history).violated


@pytest.mark.parametrize("seed", SEEDS)
def test_a_read_from_nowhere_in_a_register_is_found(seed):
    rng = random.Random(seed)
    history = register(rng)
    victim = rng.choice(history.ops("read"))
    victim.version = 99
    verdict = checks.versions_written(history)
    assert (verdict.state, verdict.where) == ("violated", (victim.op_id,))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_late_read_that_goes_back_in_a_register_is_found(seed):
    rng = random.Random(seed)
    history = register(rng)
    for key, other in (("x", "y"), ("y", "x")):
        seen = max(history.ops("read", key=other), key=lambda op: op.version)
        late = read(0, key=key, client=seen.client, t_call=900.0, t_ret=901.0)
        history.add(late)
    assert checks.consistent_prefix(history).violated
