"""Tables of the shop, and the few facts about them that traffic needs as well.

Stores are numbered 1..n and products 1..m, so that whoever knows the size of the
shop knows every key without asking a database.
"""

from __future__ import annotations

from typing import Any

STORES = 20
PRODUCTS_PER_STORE = 5

TABLES = """
drop table if exists orders, products, stores;
create table stores (
    id   integer primary key,
    name text not null
);
create table products (
    id          integer primary key,
    store_id    integer not null references stores,
    name        text not null,
    price_cents integer not null check (price_cents > 0),
    version     integer not null default 0
);
create index products_by_store on products (store_id);
create table orders (
    id           bigint primary key,
    store_id     integer not null references stores,
    product_id   integer not null references products,
    quantity     integer not null check (quantity > 0),
    amount_cents integer not null
);
"""


def create(
    connection: Any,
    stores: int = STORES,
    products_per_store: int = PRODUCTS_PER_STORE,
) -> None:
    """Make the tables anew and fill in stores and products at version 0.

    Tables of an earlier call are dropped, so this is also the way back to a clean
    shop. `connection` is a psycopg connection; the work is committed.
    """
    shelf = [
        (product, store, f"Product {product}", list_price(product))
        for store in range(1, stores + 1)
        for product in products_of(store, products_per_store)
    ]
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        with cursor.copy("copy stores (id, name) from stdin") as rows:
            for store in range(1, stores + 1):
                rows.write_row((store, f"Store {store}"))
        with cursor.copy(
            "copy products (id, store_id, name, price_cents) from stdin"
        ) as rows:
            for product in shelf:
                rows.write_row(product)
    connection.commit()


def products_of(store: int, products_per_store: int = PRODUCTS_PER_STORE) -> range:
    """The ids of the products of one store, counted from 1 over all stores."""
    first = (store - 1) * products_per_store + 1
    return range(first, first + products_per_store)


def list_price(product: int) -> int:
    """The price in cents that a product has before anybody changes it."""
    return 500 + product * 137 % 4500
