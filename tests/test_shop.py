"""The running example gives the same traffic for the same seed, as it was asked."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from labkit.shop import WHALE, schema, traffic

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
