"""A crowd, and the connections that it takes of a server that has only so many."""

import pytest
from psycopg_pool import PoolTimeout
from timed import quickest

from labkit import History, Postgres, shop
from labkit.shop import slots

SLOTS, RESERVED = 12, 2


@pytest.fixture(scope="module")
def db(lab):
    few = {
        "max_connections": str(SLOTS),
        "superuser_reserved_connections": str(RESERVED),
        "log_line_prefix": "%e ",
    }
    return lab.start(Postgres(settings=few))


@pytest.fixture(scope="module")
def login(db):
    return shop.tables.Tables(db).login()


@pytest.fixture
def moment(db):
    shop.tables.hang_up(db.primary, "storefront")
    return slots.SlowMoment(db.primary)


def look(entrance, n):
    with entrance.connect(n) as session:
        query = "select name from products where id = %s"
        return session.execute(query, [n]).fetchone()


def answered(run):
    return sum(op.outcome == "ok" for op in run.ops("read"))


def test_a_crowd_behind_a_lock_fills_the_slots_and_the_rest_is_refused(
    db, login, moment
):
    run, before = History(), len(slots.refusals(db.primary))
    entrance = slots.Entrance(lambda n, timeout=None: login())
    with moment.fault() as fault:
        slots.come(run, SLOTS + 3, entrance, moment, look, lambda: None)
        assert fault.meter() == 1
    # the lock's own session and labkit's have a slot each
    served = SLOTS - RESERVED - 2
    assert answered(run) == served
    assert len(slots.refusals(db.primary)) - before == SLOTS + 3 - served


def test_behind_pools_nobody_is_refused_and_no_more_slots_are_taken(db, login, moment):
    run, seen = History(), []

    def then():
        seen.extend(slots.sessions(db.primary))

    with slots.pools(login, servers=2, size=2) as entrance, moment.fault():
        slots.come(run, SLOTS, entrance, moment, look, then)
    assert answered(run) == SLOTS
    assert sum(row[3] for row in seen if row[0] == "storefront") == 4


def test_who_waits_longer_than_the_queue_allows_is_told(db, login, moment):
    with slots.pools(login, servers=1, size=1, wait_s=0.05) as entrance:
        with entrance.connect(1), pytest.raises(PoolTimeout):
            look(entrance, 2)
        with entrance.connect(1), pytest.raises(PoolTimeout):
            entrance.connect(2, timeout=0.01).__enter__()


def test_a_long_moment_lasts_until_all_are_answered_or_its_time_is_over(
    db, login, moment
):
    run = History()
    limit = "-c statement_timeout=200ms"
    pools = slots.pools(login, servers=1, size=2, options=limit)
    with pools as entrance, moment.fault(longer=20):
        began = run.now()
        slots.come(run, 2, entrance, moment, look, lambda: None)
        assert 0.2 < run.now() - began < 20
    assert answered(run) == 0


def test_a_pool_that_does_not_get_all_its_connections_begins_all_the_same(
    login, moment
):
    # one pool: of two, the first may get all that there are
    with slots.pools(login, servers=1, size=SLOTS) as entrance:
        assert look(entrance, 1)


def test_requests_at_once_share_their_time(login, moment):
    slow = "select pg_sleep(0.1)"
    with slots.pools(login, servers=1, size=4) as entrance:
        one_by_one = slots.ms_each(entrance, slow, 4)
        together = quickest(lambda: slots.ms_each(entrance, slow, 8, at_once=8), 100)
    assert one_by_one >= 100 > together >= 25
