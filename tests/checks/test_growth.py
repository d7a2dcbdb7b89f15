"""No check grows faster than n log n."""

import time

import pytest
from large import WORK, prepared

from labkit import checks

SMALL, LARGE = 4_000, 16_000


@pytest.mark.parametrize("name", WORK)
def test_four_times_the_operations_take_less_than_eight_times_as_long(name):
    """A quadratic check takes sixteen times as long. CPU time, and the best of some
    rounds, because other work on the machine only ever adds."""
    small, large = prepared(name, SMALL), prepared(name, LARGE)
    took_small = took_large = float("inf")
    for _ in range(6):
        took_small = min(took_small, cpu(small))
        took_large = min(took_large, cpu(large))
        if took_large < 8 * took_small:
            break
    assert took_large < 8 * took_small


def cpu(run):
    began = time.process_time()
    run()
    return max(time.process_time() - began, 1e-4)


def test_every_check_is_measured():
    measured = {name.partition(",")[0] for name in WORK}
    assert measured == {entry.function for entry in checks.table()}
