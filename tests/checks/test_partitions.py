"""Partitions move and share the load."""

import random

import pytest
from hand import SEEDS, did, history_of, polled, spread

from labkit import checks


def poll(partition, committed, lag, **fields):
    extra = {"partition": partition, "committed": committed, "lag": lag}
    return did("poll", "orders", "monitor", extra=extra, **fields)


def produced(*loads):
    """A history in which each partition, by its place, got so many records."""
    return history_of(
        *(
            did("produce", extra={"partition": partition})
            for partition, records in enumerate(loads)
            for _ in range(records)
        )
    )


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
    woken = [poll(0, 25, 0)] + [poll(0, 25, 2) for _ in range(4)]
    assert checks.partition_progress(history_of(*woken)).holds
    assert checks.partition_progress(history_of(*woken, poll(0, 25, 2))).violated


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
    verdict = checks.partition_skew(produced(67, 44, 62, 51, 59, 917))
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
    history = produced(1, 1)
    assert checks.partition_skew(history, at_most=1.5).holds
    verdict = checks.partition_skew(history, partitions=6)
    assert (verdict.violations, verdict.checked) == (2, 6)
    assert verdict.counts["skew"] is None


def test_a_single_partition_has_nothing_to_share_with():
    assert checks.partition_skew(produced(1)).unknown


def test_of_two_partitions_neither_can_get_more_than_twice_the_median():
    history = produced(1, 9)
    for at_most in (2, 3):
        verdict = checks.partition_skew(history, at_most=at_most)
        assert (verdict.state, verdict.checked) == ("unknown", 2)
        assert "neither gets more than twice the median" in verdict.reason
        assert verdict.counts["skew"] == 1.8
    assert checks.partition_skew(history, at_most=1.5).violated
    assert checks.partition_skew(produced(0, 9), partitions=2).unknown


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


def test_an_offset_that_goes_back_and_forth_does_not_move():
    history = history_of(*(poll(0, 5 - n % 2, 9) for n in range(6)))
    verdict = checks.partition_progress(history)
    assert verdict.violated
    assert len(verdict.where) >= 5


def test_a_lag_of_one_may_be_a_commit_marker_unless_a_record_is_known_to_wait():
    def marked(**known):
        ops = [poll(0, 1, 1) for _ in range(5)]
        for op in ops:
            op.extra |= known
        return checks.partition_progress(history_of(*ops))

    assert "may be a commit marker" in marked().reason
    assert marked(waiting=0).holds
    assert marked(waiting=1).violated


def test_an_idle_partition_that_is_never_polled_again_is_unknown():
    busy = [poll(0, n, 9) for n in range(5)]
    verdict = checks.partition_progress(history_of(poll(1, 9, 0), *busy))
    assert verdict.reason == "partition 1 of orders was not polled to the end"
    for op in busy:
        op.op_id = 0
    watched = history_of(poll(1, 9, 0), *busy, poll(1, 9, 0, t_call=9, t_ret=9.5))
    assert checks.partition_progress(watched).holds


def test_standing_still_is_measured_by_the_clock_too():
    def verdict(*moments, seconds=10, committed=3):
        ops = [poll(0, committed, 9, t_call=t, t_ret=t + 1) for t in moments]
        return checks.partition_progress_in_time(history_of(*ops), seconds=seconds)

    assert verdict(0, 11).unknown, "certain are 10 s, from return to call"
    assert verdict(0, 11.5).violated
    assert verdict(0, 11.5).examples == (
        "partition 0 of orders stood still at offset 3 for more than 10 s, "
        "with records waiting",
    )
    assert verdict(0, 1.4, seconds=0.4).unknown, "1.4 - 1 is not more than 0.4"
    moves = [poll(0, n, 9, t_call=9.0 * n, t_ret=9.0 * n + 1) for n in range(4)]
    assert checks.partition_progress_in_time(history_of(*moves), seconds=10).holds


def test_a_partition_that_was_left_alone_for_too_long_is_unknown():
    idle = poll(1, 9, 0, t_call=0.0, t_ret=1.0)
    busy = [poll(0, n, 9, t_call=5.0 * n, t_ret=5.0 * n + 1) for n in range(5)]
    verdict = checks.partition_progress_in_time(history_of(idle, *busy), seconds=10)
    assert verdict.reason == "partition 1 of orders was not polled to the end"


def test_bounds_that_are_no_numbers_are_no_pass():
    history = history_of(*(poll(0, n, 9) for n in range(6)))
    for bound in (float("nan"), "5", None):
        assert checks.partition_progress(history, polls=bound).unknown
        assert checks.partition_progress_in_time(history, seconds=bound).unknown
        assert checks.partition_skew(produced(1, 1, 1), at_most=bound).unknown


def test_a_load_passes_a_ratio_only_by_more_than_arithmetic_adds():
    assert 115 > 1.15 * 100
    assert checks.partition_skew(produced(100, 100, 115), at_most=1.15).holds
