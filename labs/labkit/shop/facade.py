"""A new storefront beside the old one, and the edge before both that divides customers.

    site = Facade(db, old, new, edge)
    site.day(run, way)     # way(site, percent) decides before each step

Both read the same products, each through a view of its own, and each writes its orders
into a table of its own. A step is a number of customers' visits, with a share of them
meant for the new storefront.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import chain
from random import Random
from typing import TYPE_CHECKING, Any

from .. import checks, faults
from ..checks import Findings, Verdict, check
from ..history import History, Op
from ..servers.http import KEY, Answer
from ..wait import wait_until
from . import schema
from .records import Recorder, figure, read_back, refusable
from .traffic import Order

if TYPE_CHECKING:
    from ..servers.app import App
    from ..servers.nginx import Nginx
    from ..servers.postgres import Postgres

OLD, NEW = "old", "new"  # names of the storefronts, and of their schemas
PAGES = 40  # stores with a page each, and five products on it
CUSTOMERS = 20
STEPS = {1: 20, 10: 20, 50: 40, 100: 40}  # per cent meant for the new: visits
ORDERS = 10  # of so many visits, one ends in an order
YESTERDAY = 200  # visits before the day
PATIENCE = 30  # seconds for an answer: a busy machine is no fault of the release
TAX = 1.25
# A quarter more than these is half a cent above an even number. All others are whole
# euros, and so is what a customer pays for them.
ODD = {8: 1010, 33: 1810, 134: 2610}  # product: cents before tax
# one alone, on a page that is not among the requests before the last step
FEW = {178: 1010}
LATE = 50  # the step before which they are set, where they come late
EXACT, FLOATING = "numeric", "double precision"
TABLES = f"""
update products set price_cents = 100 * (5 + id % 40);
drop schema if exists {OLD}, {NEW} cascade;
create schema {OLD};
create schema {NEW};
create table {OLD}.orders (like public.orders including all);
create table {NEW}.orders (like public.orders including all);
"""
VIEW = """create or replace view {schema}.products as
 select id, store_id, name, round(price_cents * {tax}::{kind})::integer price_cents,
 version from public.products"""
SET_PRICE = "update products set price_cents = %s where id = %s"
RAISE_PRICE = "update products set price_cents = price_cents + 100 where id = %s"
TRUTH = f"""select store_id, array_agg(price_cents order by id) from {OLD}.products
 group by store_id order by store_id"""
DIFFER = f"""select distinct o.store_id
 from {OLD}.products o join {NEW}.products n using (id)
 where o.price_cents <> n.price_cents order by 1"""
PLACED = (
    f"select id from {OLD}.orders union all select id from {NEW}.orders order by id"
)
BY_CUSTOMER, BY_REQUEST = "$cookie_visitor", "$http_x_request_id"
# what is mirrored goes to the new storefront as well, and its answer to nobody
MIRROR = f"""location = /-/mirror {{
            internal;
            proxy_pass http://{NEW}$request_uri;
            proxy_set_header Authorization "Bearer {KEY}";
        }}"""


def split(percent: int, by: str) -> str:
    """nginx's lines for a share of what is hashed, which give $storefront."""
    if percent in (0, 100):
        side = NEW if percent else OLD
        return f"map $host $storefront {{ default {side}; }}"
    return f"split_clients {by} $storefront {{ {percent}% {NEW}; * {OLD}; }}"


class Facade:
    """The shop's edge, with the two storefronts behind it.

    edge: an Nginx with both in its upstreams by these names, and $storefront as `to`.
    """

    def __init__(self, db: Postgres, old: App, new: App, edge: Nginx) -> None:
        self.primary = db.primary
        self.storefronts = {OLD: old, NEW: new}
        self.edge = edge
        self.kind = EXACT  # how the new storefront multiplies
        self.late = False  # whether the odd prices come during the day
        self.odd = ODD  # the odd prices that sellers set today
        self.restless = False  # whether a seller saves while pages are compared
        self.hash, self.mirrored, self.share = BY_CUSTOMER, False, -1
        self.visits = 0
        with db.primary.connect() as session:
            session.execute(f"drop schema if exists {OLD}, {NEW} cascade".encode())
            schema.create(session, stores=PAGES)
        self.clean()
        rng = Random(7)
        for _ in range(YESTERDAY):
            self.visit(History(), rng.randint(1, CUSTOMERS), rng.randint(1, PAGES))
        self.yesterday = self._paths()

    def clean(self) -> None:
        """No orders, list prices, and everybody on the old storefront."""
        with self.primary.connect() as session:
            session.execute(TABLES.encode())
        for side in (OLD, NEW):
            self.make_view(side, self.kind if side == NEW else EXACT)
        self.seen = len(self.edge.access_log())
        self.differing: str | None = None  # the page for which it was taken back
        self.besides = self.between = self.visits = 0
        self.given: list[tuple[str, str]] = []  # pages, and who served them
        self._run: Recorder = History()
        self.route(0)

    def make_view(self, side: str, kind: str) -> None:
        self.primary.sql(VIEW.format(schema=side, tax=TAX, kind=kind))

    # --- what a release is made of ---

    def route(self, percent: int, by: str = BY_CUSTOMER, mirror: bool = False) -> None:
        """Send a share to the new storefront, in force when it returns.

        by: what is hashed, `BY_CUSTOMER` or `BY_REQUEST`. mirror: whether every request
        goes to the new one as well.
        """
        if (percent, by, mirror) != (self.share, self.hash, self.mirrored):
            self.share, self.hash, self.mirrored = percent, by, mirror
            self.edge.reload(
                http=split(percent, by),
                server=MIRROR if mirror else "",
                location="mirror /-/mirror;" if mirror else "",
            )

    def take_back(self, page: str) -> None:
        """Everybody to the old storefront, because of this page."""
        self.route(0)
        self.differing = page

    @property
    def taken_back(self) -> bool:
        return self.differing is not None

    def asked(self, number: int) -> list[str]:
        """The addresses of the last pages that customers asked for, from the edge's
        log: yesterday's and today's."""
        paths = [*self.yesterday, *self._paths()]
        if len(paths) < number:
            raise LookupError(
                f"the log has {len(paths)} requests, and {number} are to be compared: "
                "look for a larger RATE, or be content to be less SURE"
            )
        return paths[-number:]

    def both(self, page: str) -> tuple[Answer, Answer]:
        """What the old and the new storefront answer, asked past the edge, one after
        the other."""
        self.besides += 2
        old = self.storefronts[OLD].get(page, timeout=PATIENCE)
        if self.restless and not self.between:
            self.between += 1
            self.primary.sql(RAISE_PRICE, [first_product(page)])
            self.tell_prices(self._run)
        return old, self.storefronts[NEW].get(page, timeout=PATIENCE)

    def answered_by(self, side: str) -> list[str]:
        """The addresses of today's pages that a storefront gave to customers."""
        return [page for page, served in self.given if served == side]

    def errors(self) -> int:
        """How many answers of status 500 or higher customers were given today."""
        return sum(line["status"] >= 500 for line in self._log())

    def _log(self) -> list[dict[str, Any]]:
        return self.edge.access_log()[self.seen :]

    def _paths(self) -> list[str]:
        return [line["path"] for line in self._log() if line["method"] == "GET"]

    # --- a day ---

    def day(self, run: Any, way: Way) -> None:
        """Before each step the way decides, and then customers come: in each of the
        last two steps, every page is opened once.

        Recorded besides: the prices as the shop asks them, whenever they change; what
        became of the release; and in the end the pages that differ, and all orders.
        """
        self._run, rng = run, Random(run.rng.random())
        turns = chain.from_iterable(
            rng.sample(range(1, PAGES + 1), min(many, PAGES)) for many in STEPS.values()
        )
        if not self.late:
            self.set_prices()
        self.tell_prices(run)
        for percent, many in STEPS.items():
            if self.late and percent == LATE:
                self.set_prices()
                self.tell_prices(run)
            way(self, percent)
            for _ in range(many):
                customer = 1 + self.visits % CUSTOMERS
                look = self.visit(run, customer, next(turns))
                if self.visits % ORDERS == 0 and look.outcome == "ok":
                    self.order(run, customer, self.visits // ORDERS, look)
        self.until_mirrored(self.visits // ORDERS)
        figure(run, "edge", "share of the new", self.share)
        figure(run, "edge", "taken back for", self.differing or "")
        figure(run, "edge", "asked besides", self.besides)
        read_back(run, "differ", [f"/stores/{n}" for (n,) in self.primary.sql(DIFFER)])
        read_back(run, "orders", [number for (number,) in self.primary.sql(PLACED)])

    def set_prices(self) -> None:
        for product, cents in self.odd.items():
            self.primary.sql(SET_PRICE, [cents, product])

    def tell_prices(self, run: Recorder) -> None:
        rows = self.primary.sql(TRUTH)
        read_back(run, "prices", [[f"/stores/{n}", prices] for n, prices in rows])

    def visit(self, run: Recorder, customer: int, page: int) -> Op:
        """A customer opens a page: "read", value its prices, node the storefront."""
        path = f"/stores/{page}"
        self.visits += 1
        with refusable(run, f"customer {customer}", "read", path) as op:
            how = {"headers": self.headers(customer), "timeout": PATIENCE}
            answer = self.edge.get(path, **how).ok()
            op.node = answer.headers["x-served-by"]
            op.value = prices_of(answer)
            self.given.append((path, op.node))
        return op

    def order(self, run: Recorder, customer: int, number: int, look: Op) -> Op:
        """And orders the first product on it: "checkout", value the order's number."""
        page = look.key or ""
        amount = look.value[0]
        order = Order(number, number_of(page), first_product(page), 1, amount)
        call = (run, f"customer {customer}", "checkout", "orders", number)
        with refusable(*call) as op:
            how = {"headers": self.headers(customer), "timeout": PATIENCE}
            answer = self.edge.post("/checkout", asdict(order), **how).ok()
            op.node = answer.headers["x-served-by"]
        return op

    def headers(self, customer: int) -> dict[str, str]:
        """Who asks, and the number of the request, as a gateway would give it."""
        cookie = f"visitor={customer}"
        return {"Cookie": cookie, "X-Request-Id": f"{customer}-{self.visits}"}

    def until_mirrored(self, orders: int) -> None:
        """Wait until what was mirrored has been answered: nobody else waits for it.
        nginx ends, and logs, a request when its mirror has been answered."""

        def all_logged() -> bool:
            posts = [line for line in self._log() if line["method"] == "POST"]
            return len(posts) >= orders

        if self.mirrored:
            wait_until(all_logged, PATIENCE, "a request that is mirrored does not end")


Way = Callable[[Facade, int], object]


def number_of(page: str) -> int:
    """31, of "/stores/31"."""
    return int(page.rpartition("/")[2])


def first_product(page: str) -> int:
    return schema.products_of(number_of(page))[0]


def prices_of(answer: Answer) -> list[int]:
    """What is on a page: its prices in cents."""
    return [product["price_cents"] for product in answer.json()["products"]]


@faults.fault("the new storefront rounds otherwise")
def rounds_otherwise(
    site: Facade, late: bool = False, few: bool = False
) -> faults.Body:
    """The new storefront multiplies with floating point numbers, so that it rounds half
    a cent to the even side. And sellers are at work: between the first two questions
    about a page, one of them saves a price of it. late: no price has half a cent before
    the step `LATE`. few: one price has it, and no other. Meter: pages on
    which the storefronts differ."""
    site.late, site.restless, site.odd = late, True, FEW if few else ODD
    site.kind = FLOATING
    site.make_view(NEW, FLOATING)
    yield lambda: len(site.primary.sql(DIFFER))
    site.kind, site.late, site.restless, site.odd = EXACT, False, False, ODD
    site.make_view(NEW, EXACT)


@check(
    "one price, one storefront, one order",
    "visits and orders",
    "A page shows the shop's price; who was moved stays; an order is placed once.",
    "nobody came",
)
def as_before(history: History) -> Findings:
    """Do customers notice nothing of the release?

    A *visit* is a "read", an *order* a "checkout", its node the storefront that
    answered. The shop's prices of a page are those of the last "read back" of "prices"
    before the visit, a list of [page, prices]. A customer is *sent back* who is
    answered by the old storefront after having been answered by the new one, while the
    new one goes on to answer somebody. (When all are taken back, nobody is.)

    Violation: a visit or order that is not acknowledged; a visit that shows other
    prices; one of somebody who was sent back; an acknowledged order that is not exactly
    once in the last "read back" of "orders".

    Counts: wrong prices, sent back, orders placed again or lost.

    Cost: O(n) after a sort by time.
    """
    findings = Findings()
    ops = history.ops()
    last_new = max((n for n, op in enumerate(ops) if op.node == NEW), default=-1)
    backs = [op for op in ops if op.op == "read back" and op.key == "orders"]
    placed = backs[-1].value if backs else []
    prices: dict[str, list[int]] = {}
    moved: set[str] = set()
    wrong = {"wrong prices": 0, "sent back": 0, "orders twice or lost": 0}
    for number, op in enumerate(ops):
        if op.op == "read back" and op.key == "prices":
            prices = dict(op.value)
        if op.op not in ("read", "checkout"):
            continue
        findings.checked += 1
        if op.node == NEW:
            moved.add(op.client)
        kind, told = "", ""
        if op.outcome != "ok":
            told = f"{op.client} was told: {op.error or 'nothing'}"
        elif op.op == "read" and op.value != prices.get(op.key or ""):
            kind = "wrong prices"
            told = f"{op.key} {difference(op.value, prices.get(op.key or '', []))}"
        elif op.op == "checkout" and placed.count(op.value) != 1:
            kind = "orders twice or lost"
            told = f"order {op.value} was placed {placed.count(op.value)} times"
        elif op.node == OLD and op.client in moved and number < last_new:
            kind = "sent back"
            told = f"{op.client} was on the new storefront, and is on the old again"
        if told:
            wrong |= {kind: wrong[kind] + 1} if kind else {}
            findings.broke(told, op.key, op.client, ops=[op])
    findings.counts = wrong
    return findings


def difference(shown: list[int], right: list[int]) -> str:
    """ "showed 1262, and the price is 1263": of the first that differs."""
    pairs = [pair for pair in zip(shown, right, strict=False) if pair[0] != pair[1]]
    one, other = pairs[0] if pairs else (shown, right)
    return f"showed {one}, and the price is {other}"


def works(history: History) -> Verdict:
    """What must still work: in the end all customers are on the new storefront; or all
    are on the old one, for a page that really differs."""
    told = history.ops("read back", key="differ")
    differ = told[-1].value if told else []
    back = any(op.value in differ for op in history.ops("figure", key="taken back for"))

    def ends_well(op: Op) -> bool:
        all_there = op.value == 100 and not back
        return op.key == "share of the new" and (all_there or (back and op.value == 0))

    well = checks.at_least(1, "releases that end well", of="figure", where=ends_well)
    return well(history)


def cost(run: Any) -> dict[str, Any]:
    """Visits to the new storefront, what was wrong, and what was asked besides, to
    compare."""
    reads = run.history.ops("read")
    [besides] = run.history.ops("figure", key="asked besides")
    return {
        "visits to the new": sum(op.node == NEW for op in reads),
        **(run.verdict.counts or {}),
        "asked besides": besides.value,
    }
