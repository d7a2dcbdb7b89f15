"""Promises of nginx as the shop's edge."""

import pytest
from promises import *  # noqa: F403

from labkit import Nginx, StartFailed, faults


@pytest.fixture(scope="module")
def server(edge):
    return edge


def test_the_edge_takes_turns_and_passes_over_a_dead_instance(app, edge):
    served = {edge.get("/stores/7").headers["x-served-by"] for _ in range(4)}
    assert served == {"app1", "app2"}
    with faults.killed(app.nodes[0]):
        answers = [edge.get("/stores/7") for _ in range(4)]
        assert {a.status for a in answers} == {200}
        assert {a.headers["x-served-by"] for a in answers} == {"app2"}
    edge.reload()  # which forgets that the first one was down


def test_the_new_configuration_alone_answers_when_reload_returns(edge):
    for n in range(3):
        edge.reload(server=f"location = /revision {{ return 200 {n}; }}")
        assert {edge.get("/revision").text for _ in range(5)} == {str(n)}


def test_a_refused_configuration_leaves_the_old_one_in_force(edge):
    edge.reload(server="location = /revision { return 200 good; }")
    with pytest.raises(StartFailed, match=r"unknown directive .nonsense."):
        edge.reload(server="nonsense;")
    assert edge.get("/revision").text == "good"
    edge.node.restart()
    assert edge.get("/revision").text == "good"


def test_an_edge_can_stand_before_an_edge_and_split_between_groups(lab, app, edge):
    front = Nginx(
        upstreams={"old": [edge], "new": [app.nodes[1]]},
        name="front",
        http='map $cookie_staff $version { "yes" new; default old; }',
        to="$version",
    )
    front = lab.start(front)
    for cookie, hops in (("no", 1), ("yes", 0)):
        before = len(edge.access_log())
        answer = front.get("/stores/7", headers={"Cookie": f"staff={cookie}"})
        assert answer.status == 200
        assert len(edge.access_log()) - before == hops
    front.stop()


def test_nginx_that_dies_at_its_start_shows_its_log_and_leaves_nothing(dies):
    dies(Nginx(upstreams=["127.0.0.1:9"], server="nonsense;"), "nonsense")
