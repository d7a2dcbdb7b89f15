"""Two regions that both sell: homes, forwarding, and the day of a move."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from parted import two_regions

from labkit import History
from labkit.history import Op
from labkit.shop import homes

HERE = SimpleNamespace(home=lambda stores, here, store, table: here)
HOME = SimpleNamespace(home=lambda stores, here, store, table: stores.says(here, store))
REFUSES = """
create or replace function home_is_here() returns trigger as $$ begin
    perform from homes where store_id = new.store_id
    and region = current_setting('shop.region') for share;
    if not found then raise 'store % lives elsewhere', new.store_id; end if;
    return new; end $$ language plpgsql;
create trigger at_home before update on stock
    for each row execute function home_is_here();"""


@pytest.fixture(scope="module")
def started() -> Iterator[homes.Homes]:
    with two_regions("test_shop_homes", homes.TABLES) as both:
        yield homes.Homes(both)


@pytest.fixture
def stores(started: homes.Homes) -> homes.Homes:
    started.both.renew()
    started.begin("select 1")
    return started


def pieces(db, store: int) -> int:
    return db.primary.value("select pieces from stock where store_id = %s", [store])


def test_a_piece_is_sold_once_in_one_region_and_then_sold_out(stores):
    run = History()
    for _ in range(2):
        stores.buy(run, HERE, stores.a, 1)
    assert [op.outcome for op in run.ops("write")] == ["ok", "fail"]
    assert "sold out" in run.ops("write")[1].error
    stores.both.arrive(stores.a)
    assert pieces(stores.b, 1) == 0


def test_a_write_goes_over_the_line_to_the_stores_home(stores):
    run = History()
    stores.save(run, HOME, stores.b, 1, version=1)
    [save] = run.ops("write")
    assert (save.node, save.extra["forwarded"]) == ("region_a", True)
    stores.look(run, stores.a, 1)
    assert run.ops("read")[0].version == 1


def test_a_region_refuses_what_lives_elsewhere_and_is_asked_again_at_most_thrice(
    stores,
):
    stores.begin(REFUSES)
    run = History()
    stores.buy(run, HERE, stores.b, 1)
    assert [op.outcome for op in run.ops("write")] == ["fail"] * homes.TRIES
    assert pieces(stores.b, 1) == 1


def test_what_comes_in_from_the_home_is_not_refused(stores):
    stores.begin(REFUSES)
    stores.buy(History(), HERE, stores.a, 1)
    stores.both.arrive(stores.a)
    assert pieces(stores.b, 1) == 0


def test_a_store_moves_behind_the_sale_that_is_under_way(stores):
    stores.begin(REFUSES)
    run = History()
    with stores.handed_over() as fault:
        stores.day(run, HOME)
        assert fault.meter() == 1
    assert homes.sold_once(run).holds
    [mine] = [op for op in run.ops("write", key="piece:1") if op.outcome == "ok"]
    assert mine.client == "customer 1"
    assert stores.says(stores.a, 1) is stores.says(stores.b, 1) is stores.b


def test_parted_regions_keep_back_what_they_sell_until_the_line_is_mended(stores):
    run = History()
    with stores.parted(slow_s=5) as fault:
        stores.day(run, HERE)
        assert fault.meter() > 0
    assert homes.sold_once(run).violations == homes.STORES
    assert stores.slow[stores.b] == 0 and not stores.both.parted()


# --- the promise ---


def sale(number: int, outcome: str = "ok", piece: str = "piece:1") -> Op:
    op = Op(0, f"customer {number}", "write", piece, number, t_ret=1.0)
    op.outcome = outcome
    return op


@pytest.mark.parametrize(
    ("sales", "violations"),
    [
        ([sale(1)], 0),
        ([sale(1), sale(2)], 1),
        ([sale(1), sale(1)], 0),  # told again
        ([sale(1), sale(2, "unknown")], 0),
        ([sale(1), sale(2, "fail")], 0),
        ([sale(1, "fail")], 0),  # it is still there
        ([sale(1), sale(2, piece="piece:2")], 0),
        ([sale(1), sale(2), sale(3)], 1),
    ],
)
def test_a_piece_is_sold_twice_when_two_customers_were_told_so(sales, violations):
    run = History()
    for op in sales:
        run.add(op)
    verdict = homes.sold_once(run)
    assert verdict.violations == violations


def test_the_sales_after_the_first_are_the_ones_that_broke_it():
    run = History()
    for number in (1, 2, 3):
        run.add(sale(number))
    assert homes.sold_once(run).where == (2, 3)


def test_a_day_without_customers_proves_nothing():
    assert homes.sold_once(History()).unknown
