"""Promises of price pages on edges and of their recall, on real servers."""

import pytest

from labkit import Edge, History, Lab, Origin, shop
from labkit.shop.recalls import Agents, Desk, PricePages, Trouble, away, dies, works
from labkit.shop.records import refusable

KEEP = "proxy_cache edge;"


@pytest.fixture(scope="module")
def pages():
    lab = Lab("test_shop_recalls")
    origin = lab.start(Origin({}))
    edges = lab.start(
        Edge([origin], name="eu", location=KEEP),
        Edge([origin], name="us", location=KEEP),
    )
    yield PricePages(origin, edges, (1, 2), 3600)
    lab.close()


class ByHand(Agents):
    """They are told by name, and a recall is done when every agent runs and heard."""

    def __init__(self, edges):
        self.todo = {edge.name: [] for edge in edges}
        super().__init__(edges)

    def tell(self, path):
        for todo in self.todo.values():
            todo.append(path)
        return path

    def hear(self, edge):
        for path in list(self.todo[edge.name]):
            self.forget(edge, path)
            self.todo[edge.name].remove(path)

    def done(self, ticket):
        return not any(ticket in todo for todo in self.todo.values())


@pytest.fixture
def desk(pages):
    pages.clean()
    return Desk(History(), pages, ByHand(pages.edges))


def test_a_page_has_a_copy_for_each_language_at_each_edge(pages, desk):
    looks = pages.look_everywhere(desk.run)
    assert {look.extra["cache"] for look in looks} == {"MISS"}
    assert {look.version for look in looks} == {1}
    again = pages.look_everywhere(desk.run)
    assert {look.extra["cache"] for look in again} == {"HIT"}


def test_a_recall_is_acknowledged_when_every_agent_has_done_it(pages, desk):
    pages.look_everywhere(desk.run)
    op = desk.recall(1)
    assert op.outcome == "ok"
    assert {look.version for look in pages.look_everywhere(desk.run, 1)} == {2}
    assert shop.recalls.recalled(desk.run).holds


@pytest.mark.parametrize("befalls", [away, dies])
def test_a_recall_waits_for_an_agent_that_is_away_or_dies_at_its_work(
    befalls, pages, desk
):
    trouble, us = Trouble(), pages.edges[1]
    pages.look_everywhere(desk.run)
    with befalls(trouble, us) as fault:
        trouble.begin(desk.agents)
        op = desk.recall(1)
        assert op.t_ret is None
        trouble.end(desk.agents)
        desk.confirm()
        assert op.outcome == "ok"
        assert fault.meter() == 1


def test_an_agent_that_does_not_stop_was_never_away(pages, desk):
    trouble, us = Trouble(), pages.edges[1]
    with away(trouble, us) as fault:
        desk.agents.stop = lambda edge: None
        trouble.begin(desk.agents)
        trouble.end(desk.agents)
        assert fault.meter() == 0


def test_an_agent_that_had_no_work_has_not_died_at_it(pages, desk):
    trouble, us = Trouble(), pages.edges[1]
    with dies(trouble, us) as fault:
        trouble.begin(desk.agents)
        trouble.end(desk.agents)
        assert fault.meter() == 0


def test_a_recall_that_never_ends_is_not_confirmed(pages, desk):
    desk.agents.stop(pages.edges[1])
    op = desk.recall(1)
    desk.close()
    assert op.outcome != "ok"
    assert "not every edge" in op.error


@pytest.mark.parametrize(("asked", "state"), [(12, "holds"), (11, "violated")])
def test_looks_that_are_not_spared_the_origin_are_counted(pages, desk, asked, state):
    pages.look_everywhere(desk.run)
    desk.recall(1)
    pages.look_everywhere(desk.run)
    assert works(1, asked)(desk.run).state == state


class AtOnce(ByHand):
    """They have heard all that there is by the end of their work, they think."""

    def hear(self, edge):
        super().hear(edge)
        self.todo[edge.name].clear()


@pytest.mark.parametrize(("agents", "state"), [(ByHand, "holds"), (AtOnce, "violated")])
def test_a_price_may_be_recalled_while_an_agent_is_at_work_on_another(
    pages, agents, state
):
    pages.clean()
    desk = Desk(History(), pages, agents(pages.edges))
    pages.look_everywhere(desk.run)
    desk.recall(1, meanwhile=2)
    pages.look_everywhere(desk.run)
    desk.close()
    assert [op.outcome for op in desk.run.ops("write")] == ["ok", "ok"]
    assert shop.recalls.recalled(desk.run).state == state


def test_a_price_is_recalled_though_no_agent_is_at_work_meanwhile(pages, desk):
    desk.agents.work = lambda: None
    desk.recall(1, meanwhile=2)
    assert [op.key for op in desk.run.ops("write")] == ["product:1", "product:2"]


class Slow(ByHand):
    """They work when two recalls wait."""

    def hear(self, edge):
        if len(self.todo[edge.name]) > 1:
            super().hear(edge)


def test_a_recall_is_not_held_up_while_every_agent_is_there(pages):
    pages.clean()
    desk = Desk(History(), pages, Slow(pages.edges))
    desk.recall(1)
    desk.recall(2)
    desk.close()
    assert [op.outcome for op in desk.run.ops("write")] == ["ok", "ok"]
    verdict = works(2, 100)(desk.run)
    assert verdict.violated
    assert "held up" in verdict.examples[0]


def test_a_recall_may_wait_for_an_agent_that_is_away(pages, desk):
    us = pages.edges[1]
    desk.agents.stop(us)
    desk.recall(1)
    desk.agents.start(us)
    desk.close()
    assert works(1, 100)(desk.run).holds


def test_every_recall_must_be_confirmed(pages, desk):
    desk.agents.stop(pages.edges[1])
    desk.recall(1)
    desk.close()
    assert works(1, 100)(desk.run).violated


def test_every_look_must_be_answered(pages, desk):
    desk.recall(1)
    with refusable(desk.run, "customer eu", "read", "product:1", cache=None):
        raise ConnectionRefusedError
    assert works(1, 100)(desk.run).violated
