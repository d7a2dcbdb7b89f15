"""Promises of the shop on real servers, the same in both runtimes.

LABS_RUNTIME chooses one. Everything is done twice: a cell may be run again.
"""

from random import Random
from types import SimpleNamespace

import psycopg
import pytest
from redis.exceptions import NoPermissionError

from labkit import App, History, Kafka, Lab, Nginx, Postgres, Redis, Run, checks, shop
from labkit.shop import (
    carts,
    costs,
    days,
    line,
    neighbours,
    outbox,
    prices,
    schema,
    staff,
    tables,
    topics,
    traffic,
    web,
)


@pytest.fixture(scope="module")
def lab():
    lab = Lab("test_shop_servers")
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def db(lab):
    loaded = {"shared_preload_libraries": "pg_stat_statements"}
    return lab.start(Postgres(replicas=1, settings=loaded))


@pytest.fixture
def shops(db):
    return tables.Tables(db)


@pytest.fixture(scope="module")
def kafka(lab):
    return lab.start(Kafka())


@pytest.fixture(scope="module")
def redis(lab):
    return lab.start(Redis())


@pytest.fixture
def cache(redis):
    client = redis.client()
    carts.clear(client)
    return client


def orders(count=5, seed=7):
    return traffic.orders(Random(seed), count, stores=20)


def changes(count=3):
    return traffic.price_changes(Random(7), count, store=7)


def test_a_clean_shop_is_as_new_on_every_node_and_cleaning_twice_is_as_once(shops):
    for change in changes():
        shops.save_price(change)
    shops.fill_orders(10)
    for again in (shops.clean, shops.clean, shops.create, shops.create):
        again()
        for node in shops.db.nodes:
            assert node.sql("select id from orders") == []
            prices = node.sql("select id, price_cents, version from products")
            assert all(row[1:] == (shop.schema.list_price(row[0]), 0) for row in prices)


def test_a_transaction_left_open_does_not_stop_a_clean_start(shops):
    report = shops.db.primary.connect(autocommit=False)
    report.execute("lock table products, orders")
    shops.clean()
    shops.create()
    with pytest.raises(psycopg.OperationalError):
        report.execute("select 1")


def test_sql_of_the_labs_own_is_run_whenever_the_tables_are_made(db):
    more = "drop table if exists outbox; create table outbox (id int)"
    mine = tables.Tables(db, more=more)
    db.primary.sql("insert into outbox values (1)")
    mine.create()
    assert db.replica.sql("select * from outbox") == []


def test_a_saved_price_is_seen_by_whoever_has_replayed_its_token(shops):
    run = History()
    for change in changes():
        saved = shops.save(run, change)
        assert saved.version == change.version
        shops.db.replica.wait_for(saved.token)
        seen = shops.look(run, change.product, lambda: shops.db.replica)
        assert (seen.version, seen.value) == (change.version, change.price_cents)
        assert seen.node == "replica1" and seen.key == saved.key
    assert checks.read_your_writes(run).holds


def test_orders_placed_are_read_back_and_placed_again_are_there_once(shops):
    run = History()
    with shops.db.primary.connect() as session:
        for order in orders():
            shops.place(run, order)
            shops.place(run, order, session, inner=True)
    shops.catch_up()
    assert shops.read_back(run).value == [1, 2, 3, 4, 5]
    assert shops.read_back(run, shops.db.replica).node == "replica1"
    assert {op.outcome for op in run} == {"ok"}


def test_orders_are_compared_as_a_whole_where_that_is_asked_for(shops):
    run = History()
    for order in orders(3):
        shops.place(run, order, whole=True)
    shops.read_back(run, whole=True)
    assert checks.lost_acknowledged_writes(run).holds
    shops.db.primary.sql("update orders set amount_cents = 0 where id = 2")
    shops.read_back(run, whole=True)
    assert checks.lost_acknowledged_writes(run).violations == 1


def test_an_order_that_is_refused_is_in_the_history_as_failed(shops):
    run = History()
    nowhere = traffic.Order(1, store=999, product=1, quantity=1, amount_cents=1)
    assert shops.place(run, nowhere).outcome == "fail"
    assert shops.read_back(run).value == []


def test_orders_filled_in_fit_the_shop(shops):
    for _ in range(2):
        shops.fill_orders(100, stores=10)
        wrong = """select count(*) from orders o join products p on p.id = product_id
                   where p.store_id <> o.store_id"""
        each = "select distinct count(*) from orders group by store_id"
        assert shops.db.primary.value(wrong) == 0
        assert shops.db.primary.sql(each) == [(10,)]


def test_a_role_reads_the_shop_also_when_its_tables_are_made_anew(shops):
    shops.login(limit=1)
    storefront = shops.login(limit=1)
    shops.create()
    with storefront() as session:
        assert session.execute("select count(*) from products").fetchone() == (100,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("delete from products")
        with pytest.raises(psycopg.OperationalError, match="too many"):
            storefront()
    tables.until_gone(shops.db.primary, "storefront")


def test_who_holds_a_lock_and_who_waits_is_told_by_name(shops):
    primary = shops.db.primary
    for _ in range(2):
        with (
            shop.Crowd() as crowd,
            primary.connect(application_name="page") as page,
            tables.left_open(primary, "lock table products", name="migration"),
        ):
            crowd.send(page.execute, "select count(*) from products")
            tables.until_waiting(primary, "page")
            assert tables.waiting(primary) == tables.waiting(primary, "page") == 1
            assert tables.waiting(primary, "migration") == 0
            assert tables.locks(primary, "migration") == 1
            assert tables.hang_up(primary, "migration") == 1
            assert tables.locks(primary, "migration") == 0


def test_a_report_left_open_keeps_its_snapshot(shops):
    count = "select count(*) from orders"
    with tables.left_open(shops.db.primary, count) as report:
        shops.place(History(), orders(1)[0])
        assert report.execute(count).fetchone() == (0,)
    tables.until_gone(shops.db.primary, "report")


def test_statements_are_counted_as_the_server_counts_them(shops):
    run, cost, primary = History(), {}, shops.db.primary
    with shops.login()() as session:
        ask = tables.asking(run, "shopkeeper 1", session)
        for _ in range(2):
            with tables.counted(primary, cost):
                ask("select name from stores where id = %s", [1])
                ask("select name from products where store_id = %s", [1])
        assert cost["statements"] == 2 and cost["blocks"] > 0
        assert tables.calls(primary, "from products") == 1
        with tables.counted(primary, cost):
            primary.sql("select name from stores where id = 1")
        assert cost["statements"] == 1  # though another role has asked
    assert [(op.key, op.extra["rows"]) for op in run][:2] == [
        ("stores", 1),
        ("products", 5),
    ]


def test_a_statement_is_recorded_under_the_table_that_it_reads(shops):
    run = History()
    with shops.login()() as session:
        ask = tables.asking(run, "shopkeeper 1", session)
        ask("SELECT name\nFROM stores WHERE id = %s", [1])
        ask("select 1")
    assert [op.key for op in run] == ["stores", None]


INDEX = "create index {} of_trial on orders (store_id)"
BROKEN = "create index on nowhere (id)"


@pytest.mark.parametrize(
    ("changes", "migrated", "ordered"),
    [
        ([], "ok", "ok"),
        ([INDEX.format("concurrently")], "ok", "ok"),
        ([INDEX.format("")], "ok", "fail"),
        ([BROKEN, INDEX.format("")], "fail", "ok"),
    ],
)
def test_orders_come_in_during_a_release_unless_it_locks_them_out(
    shops, changes, migrated, ordered
):
    run, primary = History(), shops.db.primary
    costs.release(run, primary, changes)
    assert [op.outcome for op in run.ops("migrate")] == [migrated]
    assert [op.outcome for op in run.ops("write")] == [ordered]
    assert shops.order_ids() == []
    costs.drop_indexes(primary, "orders")


def test_an_index_that_failed_at_the_end_is_invalid_and_written(db):
    tables.Tables(db, stores=100).fill_orders(20)
    primary = db.primary
    before = costs.records_an_order(primary)
    for _ in range(2):
        costs.drop_indexes(primary, "orders")
        costs.fail_at_the_end(primary, INDEX.format("concurrently"))
    state = (
        "select indisvalid, indisready from pg_index where indexrelid = %s::regclass"
    )
    assert primary.sql(state, ["of_trial"]) == [(False, True)]
    assert costs.records_an_order(primary) == before + 1
    costs.drop_indexes(primary, "orders")


def test_a_pool_has_as_many_connections_as_it_was_asked_for(shops):
    pid = "select pg_backend_pid()"
    with tables.pool(shops.db.primary, 2, application_name="pooled") as pool:
        assert tables.sessions(shops.db.primary, "pooled") == 2
        with pool.connection() as one, pool.connection() as other:
            assert one.execute(pid).fetchone() != other.execute(pid).fetchone()
    tables.until_gone(shops.db.primary, "pooled")


def insert(process, order):
    tables.insert(process.session, order)


def commit(process, order):
    process.session.commit()


def test_a_batch_of_an_import_changes_one_row_so_that_two_cannot_deadlock(shops):
    with shops.db.primary.connect() as session:
        for product in schema.products_of(traffic.WHALE):
            assert session.execute(neighbours.LOAD, [product]).rowcount == 1


def test_a_process_is_killed_once_for_each_meant_order_and_then_replaced(shops):
    team, met = staff.Staff(shops.db.primary, every=2), []
    for _ in range(2):
        shops.create()
        with team.killed("checkout 1", "relay 1") as fault:
            for order in [*orders(6), *orders(6)]:
                process = team.the("checkout")
                process.memory.append(order)
                try:
                    team.does("checkout", [insert, commit], order, [order.order_id])
                    assert team.the("checkout") is process
                except staff.Died:
                    met.append(order.order_id)
                    assert not team.the("checkout").memory
            assert fault.meter() == 2
        assert shops.order_ids() == [1, 2, 3, 4, 5, 6]
        team.dismiss()
    assert met == [2, 6, 2, 6]  # order 4 is meant for a relay
    team.does("checkout", [insert, commit], orders(2)[1], [2])  # no fault, no death
    team.dismiss()


def test_each_step_is_recorded_if_there_is_a_run_and_the_one_killed_was_done(shops):
    team, run, order = staff.Staff(shops.db.primary, every=2), History(), orders(2)[1]
    with (
        team.killed("checkout 2"),
        shop.refusable(run, "customer 2", "write", "orders", 2),
    ):
        steps = [insert, commit, insert]
        team.does("checkout", steps, order, [2], run, "customer 2")
    assert [(op.client, op.op, op.outcome) for op in run] == [
        ("customer 2", "write", "unknown"),
        ("customer 2", "insert", "ok"),
        ("customer 2", "commit", "ok"),
    ]
    assert shops.order_ids() == [2]
    team.does("relay", [commit], None, [1, 3], run)
    assert [(op.client, op.value) for op in run][-1] == ("relay", [1, 3])
    team.dismiss()


def test_a_relay_and_a_worker_that_are_killed_go_on_from_what_was_stored(db, kafka):
    desk, run = outbox.Shop(db, kafka, every=4), History()
    seen = []

    def send(process, events):
        outbox.send(desk.events, events)

    def mark(process, events):
        ids = [event.number for event in events]
        process.session.execute(
            "update outbox set sent_at = now() where id = any(%s)", [ids]
        )

    def pack(process, record):
        seen.append(outbox.event_of(record).order)

    def offset(process, record):
        desk.events.done(record)

    for _ in range(2):
        desk.reset()
        seen.clear()
        for order in orders(8):
            steps = outbox.save, outbox.to_outbox, outbox.commit
            desk.team.does("checkout", steps, order, [order.order_id])
        with desk.team.killed("relay 1", "worker 1") as fault:
            desk.relay(run, [send, mark, outbox.commit], batch=4)
            desk.work(run, [pack, offset])
            assert fault.meter() == 2
        assert seen == [1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 8]
    desk.team.dismiss()


def test_checkouts_overlap_as_planned_and_who_is_refused_leaves_nothing(db):
    desk, run = outbox.Shop(db), History()
    plans = outbox.Plans(db.primary, "AAA BBB .")
    numbers = "select order_id from outbox order by id"
    seen = []

    def group(number):
        desk.reset()
        here = {
            who: outbox.checkout(run, desk.team.the(f"checkout {who}"), order, rows)
            for who, order, rows in zip("AB", orders(2), (1, 3), strict=True)
        }
        plans.play(number, here, lambda: seen.append(db.primary.sql(numbers)))

    group(0)
    with plans.replaced("AAA BBB .", "AA BBB . a AAA") as fault:
        group(1)
        assert fault.meter() == 1
    assert plans.plans == ("AAA BBB .",)
    assert seen == [[(1,), (2,), (2,), (2,)], [(2,), (2,), (2,)]]
    assert desk.tables.order_ids() == [2]
    assert [op.outcome for op in run.ops("write", client="customer 1")] == [
        "ok",
        "fail",
    ]
    desk.team.dismiss()


def test_somebody_commits_in_the_midst_of_a_look_with_a_colon(db):
    desk, run = outbox.Shop(db), History()
    plans = outbox.Plans(db.primary, "AA : A")
    count = "select count(*) from outbox"
    desk.reset()
    [order] = orders(1)
    here = {"A": outbox.checkout(run, desk.team.the("checkout A"), order)}
    seen = []
    plans.play(0, here, lambda: seen.extend(db.primary.value(count) for _ in "12"))
    assert seen == [0, 1]
    assert db.primary.value(count) == 1
    desk.team.dismiss()


def test_a_relay_that_dies_when_it_sends_is_replaced_and_one_that_never_marks_rests(
    db, kafka
):
    desk, run, tries = outbox.Shop(db, kafka), History(), []
    desk.reset()
    for order in orders(2):
        steps = outbox.save, outbox.to_outbox, outbox.commit
        desk.team.does("checkout", steps, order, [order.order_id])

    def relay():
        tries.append(desk.team.the("relay").backend)
        outbox.send(desk.events, [outbox.Event(1, 1)])

    with topics.worker_dies(desk.events, "send") as death:
        desk.keep_at(relay)
        assert death.meter() == 1
    assert len(set(tries)) == 2
    assert len(desk.events.records()) == 1
    desk.relay(run, [outbox.commit], batch=1)  # for ever, but for its bound
    assert len(run.ops("commit")) == outbox.TURNS
    desk.team.dismiss()


def test_connected_replicas_have_received_what_the_primary_has(shops):
    shops.place(History(), orders(1)[0])
    tables.until_received(shops.db.primary)
    end = shops.db.primary.lsn()
    assert shops.db.replica.value("select pg_last_wal_receive_lsn() >= %s", [end])


def test_customers_of_the_web_pages_are_recorded_and_refusable(lab, shops):
    site, run = lab.start(App(database=shops.db)), History()
    for _ in range(2):
        web.browse(run, site, "customer 1", store=7, tick=1)
        web.browse(run, site, "customer 1", store=999)
        web.buy(run, site, "customer 2", orders(1)[0])
    assert [op.outcome for op in run.ops("browse")] == ["ok", "unknown"] * 2
    assert [op.outcome for op in run.ops("checkout")] == ["ok", "fail"]
    assert run.ops()[0].extra["tick"] == 1
    traces = {line["traceparent"] for line in site.request_log()}
    assert len(traces) == 6


def test_a_week_of_orders_passes_four_stations_as_the_laws_say(lab, db):
    shops = tables.Tables(db, more=line.SQL)
    app = App(db, name="line", workers=2, pool_size=1, pool_timeout=60, authorise=True)
    site = Nginx(upstreams=[app], name="gate", http=line.ZONE, timeout=60)
    app, site = lab.start(app, site)
    start = {"nginx": 1, "app": 2, "pool": 1, "row": 1}
    stations, run = line.Line(site, app, shops, start), History()
    for _ in range(2):
        week = line.Rush(stations, run, 0, 30).of(orders(3))
        nginx, workers, pool, row = week.stations
        assert (week.took, nginx.working, nginx.waiting) == (18, 1, 1)
        assert [one.service for one in week.stations] == [6, 6, 2, 1]
        assert (workers.held, pool.limit, row.held) == (0.5, 0.5, 1 / 6)
        stations.reset()
    wide = stations.try_out({"nginx": 8, "app": 8}, orders=4)
    assert wide.took == 6 + 3 * 2  # the pool gives one back every two ticks
    row_alone = stations.try_out({"nginx": 8, "app": 8, "pool": 8}, orders=4)
    assert (row_alone.took, row_alone.stations[3].working) == (6 + 3, 4 / 9)
    assert stations.try_out({"nginx": 8}, orders=4, end=6).took is None
    stations.reset()
    late = line.Rush(stations, run, 1, 2).of(orders(2))
    assert late.took is None
    assert [op.extra["ticks"] for op in run.ops("order", key="week 1")] == [None] * 2


def test_orders_sent_are_read_in_order_from_a_topic_that_nobody_used(kafka):
    for _ in range(2):
        shelf = topics.Topics(kafka)
        name, run = shelf.fresh(partitions=3), History()
        shelf.produce(run, orders(50), at_once=20)
        places = [(op.extra["partition"], op.extra["offset"]) for op in run]
        found = shelf.records()
        assert [topics.place_of(r) for r in found] == sorted((name, *p) for p in places)
        assert len({op.value for op in run.ops("produce", outcome="ok")}) == 50
        assert shelf.records(partition=1, start=2) == [
            r for r in found if r.partition == 1 and r.offset >= 2
        ]


def test_workers_take_what_is_there_and_the_lag_is_in_the_history(kafka):
    shelf, done = topics.Topics(kafka), []
    shelf.fresh(partitions=2)
    run = History()
    shelf.produce(run, orders(60))
    shelf.work(run, lambda record: not done.append(record), polls=6, batch=10)
    assert len({topics.place_of(record) for record in done}) == len(done) == 60
    assert [lag for _, lag in shelf.offsets()] and shelf.lag(run) == [0, 0]
    first = [op.extra["lag"] for op in run.ops("poll")[:2]]
    assert sum(first) == 60
    assert checks.partition_progress(run, polls=5).holds


def test_a_record_that_is_not_done_holds_up_its_partition_alone(kafka):
    shelf, tries = topics.Topics(kafka), []
    shelf.fresh(partitions=2)
    run = History()
    shelf.produce(run, orders(60))
    bad = shelf.records(partition=0)[3]

    def handle(record):
        if topics.place_of(record) == topics.place_of(bad):
            tries.append(record)
            return False
        return True

    shelf.work(run, handle, polls=6, batch=10)
    assert len(tries) == shelf.attempts[topics.place_of(bad)] == 6
    assert shelf.offsets()[0][0] == 3
    assert shelf.lag(run)[1] == 0
    assert checks.partition_progress(run, polls=5).violated


def test_a_record_set_aside_says_where_it_came_from(kafka):
    shelf, run = topics.Topics(kafka), History()
    for _ in range(2):
        assert shelf.ensure("orders-dead") == "orders-dead"
    name = shelf.fresh()
    shelf.produce(run, orders(1))
    [record] = shelf.records()
    shelf.set_aside(run, record, "O-1", ValueError("a comma"), to="orders-dead")
    dead = shelf.records("orders-dead")[-1]
    assert (dead.key, dead.value) == (record.key, record.value)
    assert topics.headers_of(dead) == {
        "topic": name,
        "partition": "0",
        "offset": "0",
        "error": "a comma",
    }
    [op] = run.ops("set aside")
    assert (op.key, op.value) == (record.key.decode(), "O-1")


def test_a_worker_that_dies_comes_again_to_what_it_had_not_committed(kafka):
    for before, copies in (("set aside", 1), ("commit", 2)):
        shelf, run = topics.Topics(kafka), History()
        shelf.ensure("orders-dead")
        shelf.fresh()
        shelf.produce(run, orders(5))

        def handle(record, shelf=shelf, run=run):
            if record.offset == 3:
                shelf.set_aside(run, record, "O-4", "bad", to="orders-dead")
            return True

        with topics.worker_dies(shelf, before) as death:
            shelf.work(run, handle, polls=3)
            assert death.meter() == 1
        assert len(shelf.apart("orders-dead")) == copies
        assert shelf.lag(run) == [0]
        assert not shelf.deadly


def test_the_auditor_reads_what_waits_and_what_was_set_aside(kafka):
    shelf, run = topics.Topics(kafka), History()
    shelf.ensure("orders-dead")
    shelf.fresh()
    with topics.poison_message(shelf, 2) as poison:
        shelf.produce(run, orders(5))
        assert poison.meter() == 1
    _, bad, *_ = shelf.records()
    shelf.set_aside(run, bad, "O-2", "a comma", to="orders-dead")
    shelf.done(bad)
    [apart] = shelf.audit(run, "orders-dead", topics.amount)
    assert topics.place_of(apart)[0] == "orders-dead"
    found = {op.value: op.extra for op in run.ops("find")}
    assert found.pop("O-2") == {"aside": True, "readable": False}
    waits = {"aside": False, "readable": True}
    assert found == {"O-3": waits, "O-4": waits, "O-5": waits}
    with shelf.processing(run, shelf.records()[0]):
        pass
    assert sorted(topics.accounted(run)) == [f"O-{n}" for n in range(1, 6)]
    assert shelf.as_record(orders()[1]) == topics.as_json(orders()[1])


def test_what_waits_too_long_is_found_and_a_look_too_early_proves_nothing(kafka):
    shelf, run = topics.Topics(kafka), History()
    shelf.fresh(partitions=2)
    shelf.produce(run, orders(60))
    shelf.work(run, lambda record: True, polls=4, batch=12)
    empty = topics.polls_until_empty(run)
    assert empty == -(-max(shelf.kafka.end_offsets(shelf.name)) // 12)
    assert topics.worked_off(run, by=empty).holds
    late = topics.worked_off(run, by=empty - 1)
    assert late.violated and "waiting after poll" in late.examples[0]
    assert topics.worked_off(run, by=5).unknown
    assert topics.polls_until_empty(History()) == "never"


def test_a_message_without_a_key_is_known_by_its_name(kafka):
    shelf, run = topics.Topics(kafka), History()
    shelf.fresh()
    known = {"known_as": lambda order: None}
    shelf.produce(run, orders(2), **known)
    shelf.produce(
        run, orders(1), value=topics.as_cancelled, name=topics.cancelled, **known
    )
    assert [op.extra["id"] for op in run] == ["O-1", "O-2", "O-1 cancelled"]
    for record in reversed(shelf.records()):
        which = topics.order_in(record)
        with shelf.processing(run, record, key=which.split()[0], id=which):
            pass
    assert checks.key_order(run).violations == 1  # cancelled before it was placed


def test_what_is_done_is_not_pending_any_more(kafka):
    for _ in range(2):
        shelf = topics.Topics(kafka, group="relay")
        shelf.fresh()
        shelf.produce(History(), orders(3))
        first, *others = shelf.pending()
        shelf.done(first)
        assert shelf.pending() == others and len(others) == 2
        shelf.done(others[-1])
        assert shelf.pending() == []


def test_records_are_read_to_a_mark_without_the_marks(kafka):
    shelf = topics.Topics(kafka)
    shelf.fresh(partitions=2)
    shelf.produce(History(), orders(30))
    before = shelf.until_copied([1])
    for _ in range(2):
        assert shelf.records_to_mark(partitions=(0, 1)) == [
            record for record in shelf.records() if record.value != topics.MARK
        ]
    after = shelf.until_copied([1], above=before)
    assert all(after[part][1] > before[part][1] for part in (0, 1))


def test_the_state_of_a_topic_is_what_the_brokers_say(kafka):
    shelf = topics.Topics(kafka, base="mirrored")
    shelf.fresh(assignments={0: [1], 1: [1]}, retention_ms="60000")
    shelf.in_sync(1)
    assert [part["leader_id"] for part in shelf.state()] == [1, 1]
    assert shelf.led_by_others(2) == [1, 1] and shelf.led_by_others(1) == []
    assert shelf.load(orders(30), partitions=3) == shelf.kafka.end_offsets(shelf.name)


def test_carts_that_are_there_are_read_and_those_that_are_not_are_none(cache):
    run = History()
    carts.fill_carts(run, cache, 3)
    cache.delete("cart:02")
    carts.read_carts(run, cache, 3)
    values = [op.value for op in run.ops("read")]
    assert values == ["2 x product 1", None, "1 x product 3"]


def test_a_renamed_column_is_not_there_and_comes_back(db, shops):
    with days.renamed(db.primary, "products", "price_cents") as release:
        assert release.meter() == 1
        with pytest.raises(psycopg.errors.UndefinedColumn):
            db.primary.sql("select price_cents from products")
    assert db.primary.sql("select price_cents from products where id = 1")


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu"])
def test_keys_that_lie_idle_have_been_used_long_ago_and_their_time_goes_on(
    cache, policy
):
    cache.config_set("maxmemory-policy", policy)
    for key, ttl_s in (("cart:1", None), ("cart:2", 7_200), ("cart:3", 1_800)):
        cache.set(key, "a lamp", ex=ttl_s)
    cache.set("page:1", "new")
    carts.lie_idle(cache, "cart:*", 3_600)
    if policy == "allkeys-lru":
        assert cache.object("idletime", "cart:1") >= 3_600
    else:
        assert cache.object("freq", "cart:1") < cache.object("freq", "page:1")
    assert cache.get("cart:1") == "a lamp"
    assert cache.ttl("cart:1") == -1
    assert 0 < cache.ttl("cart:2") <= 3_600
    assert cache.get("cart:3") is None
    cache.config_set("maxmemory-policy", "noeviction")


def test_one_more_cart_is_seen_by_the_shopper_who_filled_it(cache):
    forgets = SimpleNamespace(set=lambda *_, **__: True, get=cache.get)
    for client, kb in ((forgets, 0), (cache, 192)):
        run = History()
        carts.one_more_cart(run, client)
        [filled], [seen] = run.ops("fill"), run.ops("see")
        assert (filled.outcome, seen.value, seen.inner) == ("ok", kb, True)


def test_a_full_server_evicts_or_refuses_and_its_figures_are_in_the_history(cache):
    cache.config_set("maxmemory-policy", "allkeys-lru")
    for policy in ("allkeys-lru", "noeviction"):
        carts.clear(cache)
        run = History()
        carts.fill_carts(run, cache, 5)
        carts.lie_idle(cache, "cart:*")
        cache.config_set("maxmemory-policy", policy)
        cache.config_set("maxmemory", cache.info("memory")["used_memory"] + 2**18)
        refused = carts.fill_pages(cache, 1000)
        seen = carts.figures(run, cache, "stats", "evicted_keys", "no such figure")
        assert (refused > 0) == (policy == "noeviction")
        assert carts.refused_writes(cache) == refused
        assert (seen["evicted_keys"] > 0) == (policy == "allkeys-lru")
        assert shop.figures(run, "evicted_keys") == [seen["evicted_keys"]]
        assert seen["no such figure"] == 0
    carts.clear(cache)
    assert cache.config_get("maxmemory")["maxmemory"] == "0"


def test_a_page_is_read_as_it_was_cached_and_is_gone_after_its_time(cache):
    made = {"version": 1, "prices": [500, 637]}
    assert carts.page(cache, "page:store:7") is None
    assert carts.keep_page(cache, "page:store:7", made, ttl_ms=5000) == made
    assert carts.page(cache, "page:store:7") == made
    carts.read_often(cache, "page:store:7", 10)
    assert 0.5 < carts.hit_ratio(cache.info("stats")) < 1
    carts.keep_page(cache, "page:store:8", made, ttl_ms=20)
    carts.let_pass(cache, 40)
    assert carts.page(cache, "page:store:8") is None


def test_a_lease_is_given_back_by_its_holder_alone(cache):
    cache.set("lock:page", "mine")
    assert not carts.release(cache, "lock:page", "another's")
    assert carts.release(cache, "lock:page", "mine")
    assert not carts.release(cache, "lock:page", "mine")


def test_whoever_finds_no_page_has_noticed_its_expiry(cache):
    run = Run("control", False, False, "holds", History(), Random(7))
    carts.keep_page(cache, "page:store:7", {"version": 1})
    assert carts.look(run, cache, "customer 1", "page:store:7") == {"version": 1}
    carts.note_expiry(run, "page:store:7")
    assert run.history.ops("expire") == []
    cache.delete("page:store:7")
    assert carts.look(run, cache, "customer 2", "page:store:7") is None
    carts.note_expiry(run, "page:store:7")
    assert [op.value for op in run.history.ops("look")] == ["hit", "miss"]
    assert len(run.history.ops("expire", key="page:store:7")) == 1


def test_something_is_due_once_in_its_time(cache):
    assert carts.due(cache, "view", 60_000)
    assert not carts.due(cache, "view", 60_000)
    assert carts.due(cache, "price", 60_000)


def test_a_server_that_is_renewed_has_forgotten_everything(lab):
    server = lab.start(Redis(name="second"))
    for _ in range(2):
        server.client().set("cart:01", "a mug")
        lab.renew(server)
        assert server.client().get("cart:01") is None


@pytest.fixture
def priced(shops, cache):
    return prices.Prices(shops, cache)


def test_a_copy_is_looked_for_first_and_a_miss_asks_a_database(priced, cache):
    run, keep = History(), priced.from_primary(60_000)
    assert priced.look_at_all(run, [31, 31], keep) == ["primary", "redis"]
    assert [op.node for op in run.ops("query")] == ["primary"]
    first, second = run.ops("read")
    assert (first.version, first.value) == (second.version, second.value)
    assert 0 < cache.pttl("product:31") <= 60_000


def test_a_tombstone_is_no_copy(priced, cache):
    cache.set("product:31", "4")
    assert priced.copy(31) is None
    cache.set("product:31", "4 900")
    assert priced.copy(31) == prices.Price(4, 900)


def test_a_save_has_committed_when_the_cache_is_told(priced):
    run, told = History(), []
    priced.save(run, 31, 900, lambda key, price: told.append((price, priced.held(31))))
    assert told == [(prices.Price(1, 900),) * 2]
    assert run.ops("write")[0].version == 1


def test_a_save_that_takes_its_time_is_seen_at_its_end(priced):
    run = History()
    with priced.saving(run, 31, 900) as op:
        assert priced.held(31).version == 0
        assert op.outcome == "unknown"
    assert priced.held(31) == (op.version, 900) == (1, 900)


def test_the_auditor_compares_copies_with_the_primary(priced, cache):
    run = History()
    cache.set("product:31", priced.held(31).text, px=60_000)
    priced.audit(run, [31, 32])
    assert prices.agrees(run).checked == 2
    assert prices.kept(1)(run).holds and prices.kept(2)(run).violated
    cache.set("product:32", "7 1")
    priced.audit(run, [32])
    assert prices.agrees(run).violated


def test_prices_begin_at_a_version_and_without_copies(priced, cache):
    cache.set("product:31", "4 900")
    priced.clean(8)
    assert (priced.copy(31), priced.held(31).version) == (None, 8)
    priced.clean()
    assert priced.held(31).version == 0


def test_a_cache_may_refuse_deletions_for_a_while(cache):
    before = prices.refused_commands(cache)
    prices.let_delete(cache, False)
    try:
        with pytest.raises(NoPermissionError):
            cache.delete("product:31")
        assert prices.refused_commands(cache) == before + 1
    finally:
        prices.let_delete(cache, True)
    cache.delete("product:31")
