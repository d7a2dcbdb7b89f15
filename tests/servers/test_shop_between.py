"""Between two commands of a client: what judges do there, and what they find."""

import json
from contextlib import suppress
from functools import partial

import pytest

from labkit import History, Lab, Op, Postgres, Redis
from labkit.answers import one_bound, one_expiry
from labkit.shop import pages
from labkit.shop.between import after_command

PAGE, BOUND_MS = pages.key(7), 2_000


@pytest.fixture(scope="module")
def shops():
    lab = Lab("test_shop_between")
    db, redis = lab.start(Postgres(settings=pages.COUNTED), Redis())
    yield pages.Pages(db, redis, ms=50)
    lab.close()


@pytest.fixture
def client(shops):
    shops.cache.flushall()
    return shops.cache


@pytest.mark.parametrize("number", [1, 2])
def test_it_happens_after_that_command_and_once(client, number):
    seen, pool = [], client.connection_pool
    with after_command(client, number, partial(client.incr, "acts")) as happened:
        for _ in range(4):
            seen.append(client.get("acts"))
    assert seen == [None] * number + ["1"] * (4 - number)
    assert happened == [True]
    assert client.connection_pool is pool


def test_it_does_not_happen_after_the_last_command_nor_for_zero(client):
    for number in (0, 2):
        with after_command(client, number, partial(client.incr, "acts")) as happened:
            client.get("acts")
        assert not happened
    client.get("acts")
    assert client.get("acts") is None


SCRIPT = """if redis.call('get', KEYS[1]) == ARGV[1]
 then return redis.call('del', KEYS[1]) end return 0"""


def watched(client, lock, token):
    with client.pipeline() as pipe:
        pipe.watch(lock)
        if pipe.get(lock) == token:
            pipe.multi()
            pipe.delete(lock)
            pipe.execute()


def put_back(client, lock, token):
    held = client.getdel(lock)
    if held and held != token:
        client.set(lock, held, nx=True)


def renamed(client, lock, token):
    if client.get(lock) == token:
        with suppress(Exception):
            client.rename(lock, "away")


GOOD = [lambda client, lock, token: client.eval(SCRIPT, 1, lock, token), watched]
BAD = [
    lambda client, lock, token: client.get(lock) == token and client.delete(lock),
    lambda client, lock, token: (
        client.get(lock) == token and client.execute_command("DEL", lock)
    ),
    lambda client, lock, token: (
        client.get(lock) == token and client.pipeline().delete(lock).execute()
    ),
    lambda client, lock, token: client.eval("redis.call('del', KEYS[1])", 1, lock),
    put_back,
    renamed,
]


@pytest.mark.parametrize(("answer", "good"), [(a, a in GOOD) for a in GOOD + BAD])
def test_a_lease_is_given_back_in_one_step_or_not_at_all(client, answer, good):
    wrong = [one_expiry.changing_hands(answer, client, n) for n in range(5)]
    assert (not any(wrong)) is good


KEEP = """local left = redis.call('pttl', KEYS[2])
 if left > 0 then redis.call('set', KEYS[1], ARGV[1], 'px', left) end"""


@pytest.mark.parametrize(("of_each", "too_old"), [(True, False), (False, True)])
def test_a_ticket_that_another_fill_renews_keeps_a_page_too_long(
    shops, of_each, too_old
):
    def fill(run, client):
        ticket = f"ticket:{client * of_each}"
        shops.cache.set(ticket, "1", px=BOUND_MS)
        made = shops.make(run, client, PAGE)
        shops.cache.eval(KEEP, 2, PAGE, ticket, json.dumps(made))
        return made

    assert one_bound.stands_still(fill, shops, PAGE, BOUND_MS) is too_old
    assert "make" not in vars(shops)


@pytest.mark.parametrize(
    ("made", "prices", "useful"),
    [(2, [1500], True), (3, [1500], False), (2, [], False), (2, None, False)],
)
def test_a_page_without_prices_or_too_many_rebuilds_is_no_use(made, prices, useful):
    run = History()
    for _ in range(made):
        with run.call("customer", "rebuild", PAGE):
            pass
    for _ in range(3):
        with run.call("customer", "read", PAGE) as op:
            op.value = prices
    assert pages.works(made=2, shown=3)(run).holds is useful


@pytest.mark.parametrize(
    ("prices", "late", "useful"),
    [([1500], 0, True), ([1500], 1, True), ([1500], 2, False), ([], 0, False)],
)
def test_pages_must_come_soon_and_nobody_but_one_waits_longer(prices, late, useful):
    run = History()
    for number in range(4):
        took = 3.0 if number < late else 0.1
        about = {"t_call": 0.0, "t_ret": took, "outcome": "ok"}
        run.add(Op(0, f"customer {number}", "read", PAGE, prices, **about))
    assert pages.soon(shown=2, within_s=3, but=1)(run).holds is useful


def test_the_lease_of_another_page_may_be_held_by_who_is_gone(shops):
    other = pages.key(8)
    shops.clean(PAGE)
    with pages.holder_gone(shops, PAGE, None, of=other):
        held = [shops.cache.exists(pages.lock(page)) for page in (PAGE, other)]
        assert (held, shops.cache.exists(PAGE)) == ([0, 1], 0)
    assert not shops.cache.exists(pages.lock(other))
