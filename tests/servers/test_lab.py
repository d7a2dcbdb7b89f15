"""A lab and its servers: what is started when, and what is told when it fails."""

from graphlib import CycleError

import pytest

from labkit import App, Lab, Nginx, Postgres, Redis, StartFailed


def test_a_closed_lab_says_so_when_it_is_asked_to_start_a_server():
    lab = Lab("closed")
    lab.close()
    with pytest.raises(RuntimeError, match="this lab is closed: run its set-up cell"):
        lab.start(Redis())


def test_a_set_up_cell_that_is_run_again_ends_what_it_had_started():
    first = Lab("again")
    cache = first.start(Redis())
    second = Lab("again")
    assert not cache.primary.alive()
    assert not first._session.directory.exists()
    assert second.start(Redis()).client().ping()
    second.close()


def test_a_server_killed_in_mid_lab_is_named_with_the_way_it_ended(lab):
    cache = lab.start(Redis())
    cache.primary.kill()
    with pytest.raises(StartFailed, match=r"redis died .*(SIGKILL|137)"):
        cache.primary.until(cache.primary.answers, 5, "answer")


class WithoutItsDatabase(Redis):
    """Answers, and needs something more that never comes."""

    def start(self):
        super().start()
        self.primary.come_up(lambda: False, "reach its database", within=0.1)


def test_a_server_that_answers_and_never_gets_ready_is_a_start_that_failed():
    late = Lab("late")
    with pytest.raises(StartFailed, match="did not reach its database"):
        late.start(WithoutItsDatabase())
    assert not late._session.directory.exists()


def test_what_a_server_stands_on_starts_before_it_and_is_the_labs():
    lab = Lab("stands_on")
    try:
        edge = lab.start(Nginx(upstreams=[App(database=Postgres())]))
        assert edge.get("/health").status == 200
        assert [type(server) for server in lab._servers] == [Postgres, App, Nginx]
    finally:
        lab.close()
    assert not edge.running()


def test_what_runs_already_is_not_started_again(lab, db):
    before = db.primary.value("select pg_postmaster_start_time()")
    app, edge = App(database=db), Nginx(upstreams=["127.0.0.1:9"])
    edge.stands_on.append(app)  # though it was named first
    lab.start(edge, app)
    assert db.primary.value("select pg_postmaster_start_time()") == before
    edge.stop()
    app.stop()


def test_servers_that_stand_on_each_other_are_refused():
    one, other = Redis(), Redis()
    one.stands_on, other.stands_on = [other], [one]
    lab = Lab("circle")
    with pytest.raises(CycleError):
        lab.start(one)


def test_a_renewed_server_is_the_same_with_nothing_in_it(lab):
    cache = lab.start(Redis())
    cache.client().set("cart", "a mug")
    node, address = cache.primary, cache.primary.machine.address()
    lab.renew(cache)
    assert cache.client().get("cart") is None
    assert cache.primary is node and node.machine.address() == address
    assert lab._servers.count(cache) == 1
    cache.stop()
