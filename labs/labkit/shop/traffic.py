"""What shopkeepers and customers do, drawn from a seeded random generator.

The caller brings the generator, so two runs with the same seed meet the same
traffic. Nothing here talks to a server.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from .schema import PRODUCTS_PER_STORE, list_price, products_of

WHALE = 7
"""The store that brings `whale_share` of all orders."""


@dataclass(frozen=True)
class PriceChange:
    """One save of a shopkeeper; `version` is the product's version after it."""

    store: int
    product: int
    price_cents: int
    version: int


@dataclass(frozen=True)
class Order:
    """One order of a customer: `quantity` pieces of one product of one store."""

    order_id: int
    store: int
    product: int
    quantity: int
    amount_cents: int


def price_changes(
    rng: Random,
    count: int,
    store: int,
    products_per_store: int = PRODUCTS_PER_STORE,
) -> list[PriceChange]:
    """`count` saves of one shopkeeper over the products of the store, in order.

    Every save really changes the price. The versions of one product count 1, 2, 3
    from the version 0 that `schema.create` makes.
    """
    products = products_of(store, products_per_store)
    prices = {product: list_price(product) for product in products}
    versions: Counter[int] = Counter()
    changes = []
    for _ in range(count):
        product = rng.choice(products)
        versions[product] += 1
        prices[product] = _another_price(rng, prices[product])
        changes.append(PriceChange(store, product, prices[product], versions[product]))
    return changes


def orders(
    rng: Random,
    count: int,
    stores: int,
    whale_share: float = 0.0,
    products_per_store: int = PRODUCTS_PER_STORE,
) -> list[Order]:
    """`count` orders, numbered from 1, spread over stores 1..`stores`.

    With a `whale_share` between 0 and 1, exactly that share of the orders (rounded
    to whole orders) goes to the store `WHALE`, in random places of the list, and
    the other stores divide the rest. Without one, every store is as likely as any
    other, the whale too.
    """
    if not 0 <= whale_share <= 1:
        raise ValueError(f"whale_share is a share, 0 to 1, not {whale_share}")
    if whale_share and stores < WHALE:
        raise ValueError(f"the whale is store {WHALE}: ask for at least {WHALE} stores")
    small = [s for s in range(1, stores + 1) if not (whale_share and s == WHALE)]
    whales = round(count * whale_share)
    buyers = [WHALE] * whales + [rng.choice(small) for _ in range(count - whales)]
    rng.shuffle(buyers)
    return [
        _order(rng, number, store, products_per_store)
        for number, store in enumerate(buyers, start=1)
    ]


def _order(rng: Random, number: int, store: int, products_per_store: int) -> Order:
    product = rng.choice(products_of(store, products_per_store))
    quantity = rng.randint(1, 3)
    return Order(number, store, product, quantity, quantity * list_price(product))


def _another_price(rng: Random, price: int) -> int:
    """A price between 5.00 and 50.00 that differs from `price`."""
    new = rng.randrange(500, 5000, 10)
    return new if new != price else new + 10
