"""Servers for the tests of this folder; LABS_RUNTIME chooses the runtime."""

import os

import pytest

from labkit import App, Kafka, Lab, Nginx, Postgres, Redis, StartFailed, shop

pytest.register_assert_rewrite("promises")


@pytest.fixture(scope="module")
def lab(request):
    lab = Lab(request.module.__name__)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def db(lab):
    db = lab.start(Postgres(replicas=2))
    db.primary.sql("create table notes (n int)")
    with db.primary.connect() as connection:
        shop.schema.create(connection)
    return db


@pytest.fixture(scope="module")
def cache(lab):
    return lab.start(Redis(replicas=1))


@pytest.fixture(scope="module")
def queue(lab):
    return lab.start(Kafka())


@pytest.fixture(scope="module")
def app(lab, db):
    return lab.start(App(database=db, instances=2, pool_size=2, statement_timeout=5))


@pytest.fixture(scope="module")
def edge(lab, app):
    return lab.start(Nginx(upstreams=[app]))


@pytest.fixture
def dies():
    """Checks that a server dies at its start, says so with its log, leaves nothing."""

    def check(server, said):
        lab = Lab("dies")
        directory = lab._session.directory
        with pytest.raises(StartFailed, match=said):
            lab.start(server)
        assert not directory.exists()

    return check


@pytest.fixture(scope="session")
def cannot_run():
    """A skip; a failure where CI asks for containers and takes green for a proof."""

    def tell(why):
        asked = os.environ.get("LABS_RUNTIME") == "containers"
        (pytest.fail if os.environ.get("CI") and asked else pytest.skip)(why)

    return tell
