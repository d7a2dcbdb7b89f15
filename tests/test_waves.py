"""A wave in front of pods: what the autoscaler is told, and what is paid for."""

from types import SimpleNamespace

import pytest

from labkit import History
from labkit.shop.pods import waves
from labkit.shop.pods.waves import Waves, Way


@pytest.mark.parametrize(
    ("quantity", "millicores"),
    [("93412345n", 93.412345), ("1500u", 1.5), ("12m", 12), ("2", 2000), ("0", 0)],
)
def test_processor_is_read_in_every_unit_of_the_metrics_server(quantity, millicores):
    assert waves.millicores(quantity) == pytest.approx(millicores)


@pytest.mark.parametrize(
    ("pods", "busy", "target", "wanted"),
    [
        (1, 1, 60, 1),
        (1, 2, 60, 2),  # two of three are 67 %
        (2, 6, 60, 4),
        (1, 2, 100, 1),
        (4, 0, 60, 4),  # it takes none away
        (8, 24, 10, 8),  # and has no more than it may
    ],
)
def test_the_scaler_asks_for_what_the_autoscalers_formula_says(
    pods, busy, target, wanted
):
    shops = SimpleNamespace(_front=["pod"] * pods, _busy=lambda: busy)
    way = Way(signal="busy", target=target, most=8)
    assert Waves._wanted(shops, way) == wanted


def shops_of(monkeypatch, free, patience_s=30.0):
    """A shop with one full pod, and another that has so many free workers."""
    shops = object.__new__(Waves)
    shops._front, shops.patience_s, shops._came = ["full"], patience_s, 0.0
    shops._latest = lambda: ["full", "new"]
    shops._ask_for_page = lambda pod: pod == "new" and free > 0
    clock = SimpleNamespace(monotonic=lambda: 10.0)
    monkeypatch.setattr(waves, "time", clock)
    return shops


def test_a_customer_in_time_is_let_into_a_pod_that_has_become_ready(monkeypatch):
    assert shops_of(monkeypatch, free=1)._page("nobody") == "fresh"


def test_a_customer_who_is_late_has_left_whatever_is_there_by_now(monkeypatch):
    with pytest.raises(waves.Left):
        shops_of(monkeypatch, free=1, patience_s=9.0)._page("nobody")


def test_whoever_finds_no_worker_is_shown_the_kept_page_and_others_are_not(monkeypatch):
    shops = shops_of(monkeypatch, free=1)
    assert shops._page("who finds no worker") == "kept"
    shops._front = ["new"]
    assert shops._page("who finds no worker") == "fresh"
    assert shops._page("everybody") == "kept"


@pytest.mark.parametrize(
    ("way", "night"),
    [
        (Way(by="hpa", base=4), 4),  # Kubernetes' own comes down to the least, in time
        (Way(by="every second", base=2), 2),
        (Way(by="every second", ends=False), 9),  # what stands
    ],
)
def test_what_stands_at_night_is_recorded_whoever_scales(way, night):
    shops = object.__new__(Waves)
    least = SimpleNamespace(spec=SimpleNamespace(min_replicas=way.base))
    shops._autoscaler = lambda app: least
    shops._without_autoscaler = lambda: None
    shops._settle = lambda run, pods: pods
    shops._pods = lambda: ["pod"] * 9
    history = History()
    shops.close(history, way)
    assert [op.value for op in history.ops("figure", key="pods at night")] == [night]


def test_pods_are_paid_for_from_when_they_are_asked_for():
    history = History()
    for at, pods in ((0, 1), (10, 4), (15, 1)):
        with history.call("monitor", "figure", "pods", inner=True) as op:
            op.value = pods
        op.t_call = at
    assert waves.pod_seconds(history) == 1 * 10 + 4 * 5
