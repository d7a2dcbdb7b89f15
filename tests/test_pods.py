"""What programs in pods read of the kernel, on machines of either kind."""

from types import SimpleNamespace

import pytest

from labkit import History
from labkit.shop.pods import bursts, serve

VERSION_2 = """usage_usec 61250
user_usec 60000
system_usec 1250
nr_periods 41
nr_throttled 24
throttled_usec 2220000
nr_bursts 0
burst_usec 0
"""
VERSION_1 = """nr_periods 41
nr_throttled 24
throttled_time 2220000000
"""
NO_LIMIT = "usage_usec 61250\nuser_usec 60000\nsystem_usec 1250\n"


@pytest.mark.parametrize(
    ("place", "text"),
    [("", VERSION_2), ("cpu", VERSION_1), ("cpu,cpuacct", VERSION_1)],
)
def test_a_limits_strikes_are_counted_in_control_groups_of_both_versions(
    tmp_path, place, text
):
    folder = tmp_path / place
    folder.mkdir(exist_ok=True)
    (folder / "cpu.stat").write_text(text)
    assert serve.limit(tmp_path) == {"periods": 41, "stopped": 24}


@pytest.mark.parametrize("text", [NO_LIMIT, ""])
def test_where_there_is_no_limit_nothing_is_counted(tmp_path, text):
    if text:
        (tmp_path / "cpu.stat").write_text(text)
    assert serve.limit(tmp_path) == {"periods": 0, "stopped": 0}


def test_average_use_is_taken_over_whole_rounds_and_nobody_waits_after_the_last(
    monkeypatch,
):
    waits: list[float] = []
    monkeypatch.setattr(bursts, "service_time", waits.append)
    clock = iter(range(100))
    told = {"periods": 0, "stopped": 0}
    desk = SimpleNamespace(
        ask=lambda pod, path, timeout: {"version": "1", "stopped": 0, "ms": 1},
        # a second passes between two looks, in which half of one is used
        desk=lambda pod, path="": {**told, "now": (n := next(clock)), "used": n / 2},
    )
    shops = object.__new__(bursts.Bursts)
    shops.box, shops.names, shops._changes = desk, ["a"], False
    shops.wanted, shops.asked_m = 1, 100
    history = History()
    shops.visits(history, rounds=3)
    (used,) = history.ops("figure", key="used")
    assert used.value == {"average": 500, "asked": 100, "periods": 0, "stopped": 0}
    assert len(waits) == 3 and waits[0] == 0
    assert len(history.ops("read")) == 9
