"""The running example: the same traffic for the same seed; crowds; what is recorded.

No server is needed here: those that do are in test_shop_servers.py.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from labkit import History, TimedOut, faults, shop, wait_until
from labkit.shop import (
    WHALE,
    Crowd,
    at_once,
    figure,
    figures,
    read_back,
    refusable,
    schema,
    traffic,
)
from labkit.wait import until_set

STORES = 240


def orders(seed: int = 7, **wanted):
    return traffic.orders(Random(seed), 1200, STORES, **wanted)


def test_the_same_seed_gives_the_same_orders_and_another_seed_others():
    assert orders(seed=7, whale_share=0.7) == orders(seed=7, whale_share=0.7)
    assert orders(seed=7, whale_share=0.7) != orders(seed=8, whale_share=0.7)


def test_orders_are_numbered_from_one_without_a_gap():
    assert [order.order_id for order in orders()] == list(range(1, 1201))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.7, 1.0])
def test_the_whale_brings_exactly_the_share_that_was_asked(share):
    of_whale = sum(order.store == WHALE for order in orders(whale_share=share))
    assert of_whale == round(1200 * share)


def test_the_orders_of_the_whale_are_spread_over_the_whole_list():
    stores = [order.store for order in orders(whale_share=0.7)]
    for start in range(0, 1200, 200):
        assert 100 < stores[start : start + 200].count(WHALE) < 180


def test_without_a_whale_no_store_stands_out():
    per_store = Counter(order.store for order in orders())
    assert set(per_store) <= set(range(1, STORES + 1))
    assert max(per_store.values()) < 20


def test_an_order_is_for_a_product_of_its_store_and_costs_what_it_costs():
    for order in orders(whale_share=0.3):
        assert order.product in schema.products_of(order.store)
        assert order.amount_cents == order.quantity * schema.list_price(order.product)


@pytest.mark.parametrize("share", [-0.1, 1.1, 70])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        orders(whale_share=share)


def test_a_shop_too_small_to_hold_the_whale_is_refused():
    with pytest.raises(ValueError, match="at least 7 stores"):
        traffic.orders(Random(1), 10, stores=3, whale_share=0.5)


def test_the_same_seed_gives_the_same_price_changes():
    first = traffic.price_changes(Random(7), 100, store=7)
    assert first == traffic.price_changes(Random(7), 100, store=7)
    assert first != traffic.price_changes(Random(8), 100, store=7)


def test_versions_of_a_product_count_up_from_one():
    changes = traffic.price_changes(Random(7), 100, store=7)
    versions = {product: [] for product in schema.products_of(7)}
    for change in changes:
        versions[change.product].append(change.version)
    for seen in versions.values():
        assert seen == list(range(1, len(seen) + 1))


def test_every_price_change_really_changes_the_price():
    prices = {product: schema.list_price(product) for product in schema.products_of(7)}
    for change in traffic.price_changes(Random(7), 2000, store=7):
        assert change.price_cents != prices[change.product]
        assert change.price_cents > 0
        prices[change.product] = change.price_cents


def test_no_two_stores_share_a_product():
    products = [p for store in range(1, 21) for p in schema.products_of(store)]
    assert products == list(range(1, 101))


class Psycopg(Exception):
    """An error as psycopg's are, told by its module."""

    __module__ = "psycopg.errors"


@pytest.mark.parametrize("error", [Psycopg(), ConnectionResetError(), TimeoutError()])
def test_an_operation_without_an_answer_is_recorded_and_goes_on(error):
    history = History()
    with refusable(history, "customer 1", "write", "orders", 1):
        raise error
    [op] = history
    assert op.outcome == "unknown" and op.error


def test_a_mistake_in_the_lab_itself_is_not_swallowed():
    history = History()
    with pytest.raises(ZeroDivisionError), refusable(history, "customer 1", "write"):
        _ = 1 / 0
    assert len(history) == 1


def test_a_figure_is_in_the_history_with_its_node_and_time():
    history = History()
    assert figure(history, "primary", "blocks read", Decimal(7)) == 7
    assert figure(history, "primary", "blocks read", lambda: 8.5) == 8.5
    [first, _] = history.ops("figure", key="blocks read")
    assert first.node == "primary" and first.t_ret is not None
    assert figures(history, "blocks read") == [7, 8.5]
    assert figures(history, "another") == []


def test_a_figure_that_cannot_be_asked_for_is_no_figure():
    history = History()
    with pytest.raises(ConnectionError):
        figure(history, "redis", "evicted_keys", dead)
    assert figures(history, "evicted_keys") == []


def test_what_is_read_back_is_a_list_and_no_part_of_the_schedule():
    history = History()
    assert read_back(history, "orders", {3}).value == [3]
    assert read_back(history, "orders", lambda: (n for n in (1, 2))).value == [1, 2]
    assert [op.op for op in history] == ["read back", "read back"]
    assert history.schedule() == []


def test_a_history_with_figures_and_what_was_read_back_can_be_saved(tmp_path):
    history = History()
    figure(history, "primary", "blocks read", Decimal("7.5"))
    read_back(history, "orders", [Decimal(1)])
    history.save(tmp_path / "history.jsonl")
    assert [op.value for op in History.load(tmp_path / "history.jsonl")] == [7.5, [1]]


def test_all_clients_begin_before_one_of_them_has_ended():
    began = []

    def act(client):
        began.append(client)
        wait_until(lambda: len(began) == 20, 10, "somebody has not begun")
        return client * 2

    assert at_once(range(20), act) == [n * 2 for n in range(20)]


def test_nobody_at_once_is_nobody():
    assert at_once([], dead) == []


def test_an_error_of_a_client_is_raised_when_all_have_ended():
    ended = []

    def act(client):
        if client == 0:
            raise KeyError("client 0")
        ended.append(client)

    with pytest.raises(KeyError, match="client 0"):
        at_once(range(5), act)
    assert sorted(ended) == [1, 2, 3, 4]


def test_a_crowd_whose_client_hangs_says_so_within_its_bound():
    forever = threading.Event()
    with pytest.raises(TimedOut, match="1 of 2 clients hang"), Crowd(0.1) as crowd:
        crowd.send(forever.wait)
        crowd.send(str).result(10)
    forever.set()


def test_a_client_that_failed_is_named_as_the_reason_why_others_hang():
    forever = threading.Event()
    with pytest.raises(TimedOut) as late, Crowd(0.1) as crowd:
        crowd.send(forever.wait)
        assert crowd.send(dead).exception(10)
    forever.set()
    assert isinstance(late.value.__cause__, ConnectionError)


def test_an_error_of_the_block_comes_before_those_of_its_clients():
    with pytest.raises(KeyError), Crowd() as crowd:
        crowd.send(dead)
        raise KeyError


def test_a_crowd_has_settled_when_each_is_answered_or_waits():
    go, queue = threading.Event(), []

    def act():
        queue.append(1)
        go.wait(10)

    with Crowd() as crowd:
        crowd.send(str)
        crowd.send(act)
        crowd.settle(waiting=lambda: len(queue))
        assert crowd.unanswered == 1
        with pytest.raises(TimedOut, match="neither answered nor waits"):
            crowd.settle(waiting=lambda: 0, within=0.05)
        go.set()
    assert crowd.join() == ["", None]


def test_who_waits_for_an_event_in_vain_says_so_and_does_not_go_on():
    event = threading.Event()
    with pytest.raises(TimedOut, match="nobody comes"):
        until_set(event, 0.01, "nobody comes")
    event.set()
    until_set(event, 0.01, "nobody comes")


def test_a_crowd_goes_on_for_as_long_as_one_of_its_clients_does():
    go = threading.Event()
    with Crowd() as crowd:
        crowd.send(go.wait, 10)
        assert crowd.going_on() and crowd.going_on()
        go.set()
        wait_until(lambda: not crowd.going_on(), 10, "it goes on for ever")


def dead():
    raise ConnectionError("nobody there")


def test_the_shop_itself_imports_no_driver():
    code = "import labkit, sys; print(*sys.modules)"
    labs = Path(schema.__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=labs, capture_output=True, check=True
    )
    assert not {"kafka", "psycopg", "redis"} & set(ran.stdout.decode().split())


def test_a_name_that_the_shop_has_not_is_refused():
    with pytest.raises(AttributeError, match="bakery"):
        _ = shop.bakery


def test_every_name_that_the_shop_offers_is_there():
    for name in shop.__all__:
        assert getattr(shop, name)


TWO_THREADS = """
import hashlib, threading
def work():
    while True: hashlib.sha256(bytes(10_000_000))
threading.Thread(target=work, daemon=True).start()
work()"""


def test_a_machine_is_busy_with_the_batch_and_no_longer_than_that(tmp_path):
    idle = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    machine = shop.machine.Machine(1, idle.pid)
    wait_until(lambda: machine.busy() == 0, 10, "a process that waits, runs")
    with machine.batch(tmp_path) as had:
        assert machine.busy_while(iter([1, 1, 0]).__next__) == 1
        assert had() > 0
    assert machine.busy() == 0
    idle.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="threads are not seen elsewhere")
def test_a_processor_is_counted_for_each_thread_that_wants_one():
    busy = subprocess.Popen([sys.executable, "-c", TWO_THREADS])
    machine = shop.machine.Machine(4, busy.pid)
    try:
        wait_until(lambda: machine.busy() == 0.5, 10, "two threads never want to run")
    finally:
        busy.kill()
        busy.wait()


def test_a_full_machine_without_its_batch_tells_nothing_of_the_shop():
    def ticks(*figures):
        made = History()
        for tick, (value, batch) in enumerate(figures):
            shop.figure(made, "app", "cpu", value, tick=tick, batch=batch)
        return shop.machine.disturbed(made)

    full, none = (0.95, False), (0.3, False)
    assert ticks(none, full, full, none, full) == {1, 2}
    assert ticks(none, full, none, (1, True), (1, True)) == set()


# A day in ticks


def marked(seen, name, reading=1):
    @faults.fault(name)
    def made():
        seen.append(f"{name} begins")
        yield lambda: reading
        seen.append(f"{name} ends")

    return made


def test_a_plan_has_each_fault_there_in_its_ticks_and_no_others():
    plan, seen = shop.days.Plan(), []

    def day():
        for ticks, trouble in plan.day(6):
            with trouble:
                seen.append(ticks)

    faulty = {range(1, 3): marked(seen, "one"), range(3, 4): marked(seen, "two")}
    with plan.fault(faulty) as bad_day:
        day()
        assert bad_day.meter() == 1
    assert seen == [
        *([0], "one begins", [1, 2], "one ends"),
        *("two begins", [3], "two ends", [4, 5]),
    ]
    seen.clear()
    day()
    assert seen == [[0, 1, 2, 3, 4, 5]]


def test_steps_of_a_schedule_meet_what_a_plan_has_for_their_ticks():
    plan, seen = shop.days.Plan(), []
    with plan.fault({range(1, 2): marked(seen, "one")}):
        seen.extend(plan.through("abc"))
    assert seen == ["a", "one begins", "b", "one ends", "c"]


def test_a_day_is_as_bad_as_the_least_of_its_faults_read():
    plan = shop.days.Plan()
    whole, none = marked([], "whole"), marked([], "none", reading=0)
    with plan.fault({range(2): whole, range(2, 3): none}) as bad_day:
        for _, trouble in plan.day(2):
            with trouble:
                pass
        assert bad_day.meter() == 0  # one has not been there
        for _, trouble in plan.day(3):
            with trouble:
                pass
        assert bad_day.meter() == 0  # it has, and did nothing


class Log:
    def __init__(self):
        self.lines = [{"path": "/stores/1", "status": 200, "seconds": 0.1}]

    def access_log(self):
        return list(self.lines)


def test_the_edge_tells_of_each_tick_what_is_new_in_its_log():
    edge, made = Log(), History()
    watch = shop.web.AtEdge(edge, patience=1)
    edge.lines += [
        {"path": "/stores/2", "status": 200, "seconds": 0.9},
        {"path": "/stores/2", "status": 200, "seconds": 1.1},
        {"path": "/checkout", "status": 504, "seconds": 0.2},
        {"path": "/checkout", "status": 409, "seconds": 0.2},  # the client's own fault
        {"path": "/favicon.ico", "status": 500, "seconds": 0.2},
    ]
    watch.note(made, 0)
    watch.note(made, 1)
    counted = [shop.web.at_edge(made, page) for page in ("browse", "checkout")]
    assert [[(t.good, t.total) for t in page] for page in counted] == [
        [(1, 2), (0, 0)],
        [(1, 2), (0, 0)],
    ]
