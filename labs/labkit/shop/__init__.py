"""The running example: an online shop of many small stores.

What a lab needs besides its lesson. Each module imports its driver, and is imported
when its name is first used: a lab without Kafka waits for no Kafka client.

    traffic   what shopkeepers and customers do, drawn from a seeded generator
    schema    the shop's tables, and facts about them that need no server
    records   into the history: `figure` (a server's own number), `read_back` (what is
              left at the end), `refusable` (an operation that may get no answer)
    crowd     clients in threads: `at_once` (all from one moment), `Crowd` (one after
              another, until each is answered or waits)

    tables    PostgreSQL. `Tables(db)` makes the shop; `clean` and `create` go back to a
              clean one; `save`, `look`, `place`, `read_back` are its recorded work;
              `fill_orders`, `login` (a role). Sessions by name: `left_open`, `waiting`,
              `until_waiting`, `until_gone`, `hang_up`, `locks`. Statements counted by
              the server: `counted`, `calls`, `asking`. `pool`
    costs     what a page costs the database: `visit`, and checks that it costs no more
              than promised and shows all that there is
    month     reports that sort, and checkouts beside them, in a PostgreSQL with a
              memory limit: `Box`, its `Way`
    slots     a crowd and the connections it takes: ways to come by one, a slow moment
    releases  a migration beside clients in their own sessions
    appservers   application servers with a session each, and the `News` of who is
              primary, which may not reach all
    failover  losing the primary: `in_vain` (who waits for a replica that is not there),
              `cancel_waits`, `promote`, `ask_again`
    night     `Night`: a cleanup on the primary, reports on a replica, and a `Heart`
              whose beats are `watched` there
    staff     processes with a session that can be killed after any step of their work
    outbox    orders and what tells of them: an outbox, events, parcels, `agree`
    topics    Kafka. `Topics(kafka)`: `fresh` topics, `produce`, `work` (a worker for
              each partition, lag recorded), `lag`, `records`, `pending` and `done`,
              `set_aside`, `in_sync`, `records_to_mark`, `until_copied`
    carts     Redis. `clear`, carts (`fill_carts`, `read_carts`, `lie_idle`), pages
              (`page`, `keep_page`, `fill_pages`), `release` of a lease, `figures` of
              INFO, `let_pass`, `until_ms` and `due` by the server's clock, and
              `steady_clock`
    pages     pages of stores that PostgreSQL makes and Redis keeps: `Pages`, and the
              faults of whoever makes one
    bill      what machines cost, rented and owned, with people in it: `Prices`, `Books`
    line      an order's way through four stations, under a clock that a lab turns:
              `Line`, its weeks and what was measured in them
    listings  products with an index of them that is fed: `Listings`, its `Wire`, the
              `bad_hour`; the promise `agrees`
    renewal   an index that is made anew while the shop goes on: `Renewal`, its steps
    pods      the shop in pods of a Kubernetes, and its database in one: `Pods`, probes,
              `rush`, `until_decided`; a table that is locked, a process that hangs
    near      a copy of pages in the application's memory (CLIENT TRACKING)
    spread    pages on several servers, chosen by a hash of the key
    storefront   application servers that make pages, and a rush on all of them at once
    prices    prices in PostgreSQL with copies in Redis. `Prices`: `save`, `saving`,
              `look`, `audit`; the promise `agrees`; `Post`, commands that come late
    neighbours   stores that share workers and connections, in turns: a `Day` of
              requests, the `Way` they are let in, the `rush` of one store
    moving    a store that moves to another shard while it sells: `Shards`, a `Move` and
              its steps, the promise `nothing_lost`
    distance  a page of five trips for customers who are far: `visit`, `far_away`
    regions   a shop in two regions, each with its PostgreSQL: `Regions` replicates both
              ways; orders and prices are written in one and looked for in the other;
              the promise `missing`, how much a surface may lose
    homes     two regions that both sell: `Homes`, stores that live in one of them; the
              promise `agreed`
    recalls   price pages on edges, taken back: `PricePages`, `Agents` beside the edges,
              the `Desk` that confirms, `away` and `dies`; the promise `recalled`
    web       customers of the shop's web pages: `browse`, `buy`, `come`; what the edge
              tells of them (`AtEdge`); `follow`, one checkout into the database
    catalogue    `Catalogue`: products by many names, and shoppers who ask for them in
              words of their own
    sellers   `Market`: sellers who add products and look at lists that a search engine
              makes, whose refresh comes when it is told to
    edges     people who ask an edge for pages, what each was shown, and what the origin
              was asked: `visit`, `counted`; the promise `nobody_elses`
    machine   how busy a machine is, and a batch job that takes all of it
    evening   `Evening`: customers with patience, a caller that tries again, a machine
              with a queue, in time that is counted; the promise `recovered`
    days      a day counted in ticks, and what goes wrong in which (`Plan`)

Recorded work takes the run first and returns or yields the operation:

    shops = shop.tables.Tables(db)
    for change in shop.traffic.price_changes(run.rng, 100, store=7):
        saved = shops.save(run, change)
        shops.look(run, change.product, lambda: way(saved.token))

Everything may be done twice: tables are made anew, topics get new names, roles a new
password. What was drawn from the same seed is the same on every machine.
"""

from importlib import import_module
from types import ModuleType

from . import crowd, records, schema, traffic
from .crowd import Crowd, at_once
from .records import figure, figures, read_back, refusable
from .traffic import WHALE, Order, PriceChange

__all__ = [
    "WHALE",
    "Crowd",
    "Order",
    "PriceChange",
    "appservers",
    "at_once",
    "bill",
    "carts",
    "catalogue",
    "copies",
    "costs",
    "crowd",
    "days",
    "distance",
    "edges",
    "evening",
    "failover",
    "figure",
    "figures",
    "homes",
    "line",
    "listings",
    "machine",
    "month",
    "moving",
    "near",
    "neighbours",
    "night",
    "outbox",
    "packers",
    "pages",
    "pods",
    "prices",
    "read_back",
    "recalls",
    "records",
    "refusable",
    "regions",
    "releases",
    "renewal",
    "schema",
    "sellers",
    "slots",
    "spread",
    "staff",
    "storefront",
    "tables",
    "topics",
    "traffic",
    "web",
]


def __getattr__(name: str) -> ModuleType:
    """A module with a driver of its own, when it is first named."""
    if name in __all__:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
