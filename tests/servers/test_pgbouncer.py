"""PgBouncer before PostgreSQL. Skipped where the program is not installed."""

import psycopg
import pytest
from promises import *  # noqa: F403

from labkit import PgBouncer, RuntimeUnavailable, shop, wait_until
from labkit.runtimes.processes import ProcessMachine
from labkit.servers.pgbouncer import process

SIZE = 2


@pytest.fixture(scope="module")
def server(lab, db):
    try:
        return lab.start(PgBouncer(db, size=SIZE))
    except RuntimeUnavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def login(db):
    db.primary.sql("create role visitor login password 'secret'")
    return {"user": "visitor", "password": "secret"}


def test_more_clients_than_connections_are_served_by_as_few(server, login, db):
    pid = "select pg_backend_pid()"
    clients = [server.node.connect(**login) for _ in range(5 * SIZE)]
    found = {client.execute(pid).fetchone() for client in clients}
    assert len(found) <= SIZE
    assert shop.tables.sessions(db.primary, "visitor") <= SIZE
    for client in clients:
        client.close()


def test_who_finds_no_connection_free_waits_and_is_counted(server, login):
    clients = [server.node.connect(False, **login) for _ in range(SIZE + 1)]
    for client in clients[:SIZE]:
        client.execute("select 1")  # a transaction left open keeps its connection
    with shop.Crowd() as crowd:
        crowd.send(clients[-1].execute, "select 1")
        wait_until(lambda: server.node.waiting() == 1, 10, "nobody waits")
        clients[0].rollback()
    assert server.node.waiting() == 0
    for client in clients:
        client.close()


def test_a_password_that_is_wrong_is_refused(server, login):
    with pytest.raises(psycopg.OperationalError, match="failed"):
        server.node.connect(user="visitor", password="another")


def test_where_it_is_not_installed_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr(process.shutil, "which", lambda *_, **__: None)
    with pytest.raises(RuntimeUnavailable, match="apt-get install pgbouncer"):
        process.installed()
    assert not PgBouncer.installed()
    assert issubclass(process.Process, ProcessMachine)
