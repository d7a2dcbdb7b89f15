"""The shop's pages behind edges: what people are shown, and what is judged of it."""

import pytest

from labkit import Edge, History, Op, Origin
from labkit.shop import edges


@pytest.fixture(scope="module")
def origin(lab):
    return lab.start(Origin(edges.PAGES))


@pytest.fixture(scope="module")
def eu(lab, origin):
    return lab.start(Edge([origin], name="eu", location="proxy_cache edge;"))


@pytest.fixture(scope="module")
def shops(lab, origin, eu):
    shield = lab.start(Edge([origin], name="shield", location="proxy_cache edge;"))
    return edges.Campaign(origin, shield, [eu])


def seen(client, key="/account", **more):
    op = Op(0, client, "read", key, node="eu")
    op.outcome, op.t_ret, op.version = "ok", 0.0, more.pop("version", 1)
    op.extra = {"page": key, "made_for": "", "handed": "", "cache": "HIT", **more}
    return op


def figure(key, value, node="eu"):
    op = Op(0, "monitor", "figure", key, value, node=node, inner=True)
    op.outcome, op.t_ret = "ok", 0.0
    return op


def written(version, key="/campaign"):
    op = Op(0, "shop", "write", key, version=version)
    op.outcome, op.t_ret = "ok", 0.0
    return op


def history(*ops):
    made = History()
    for n, op in enumerate(ops):
        op.t_call = op.t_ret = float(n)
        made.add(op)
    return made


def test_a_day_at_an_edge_that_heeds_the_origin_holds_and_works(origin, eu):
    run = History()
    with edges.counted(run, origin, edges.SHARED):
        edges.everybody_opens_everything(run, eu)
    assert edges.nobody_elses(run).holds
    assert edges.works(run).holds
    assert edges.fetches(run) == len(edges.SHARED)


@pytest.mark.parametrize("wrong", [{"made_for": "ann"}, {"handed": "cart=1"}])
def test_what_was_made_for_another_is_found_in_page_and_cookie(wrong):
    ann = seen("ann", made_for="ann", handed="cart=1")
    verdict = edges.nobody_elses(history(ann, seen("guest 1", **wrong)))
    assert verdict.violated and verdict.violations == 1
    assert edges.nobody_elses(history(ann, seen("guest 1"))).holds


def test_ones_own_page_and_cookie_may_be_seen_again():
    twice = [seen("ann", made_for="ann", handed="cart=1") for _ in range(2)]
    assert edges.nobody_elses(history(*twice)).holds


def test_a_failed_read_shows_nothing_and_nobody_is_no_verdict():
    failed = Op(0, "bob", "read", "/account")
    failed.outcome = "fail"
    assert edges.nobody_elses(history(failed)).state == "unknown"


@pytest.mark.parametrize(
    "key, wrong",
    [
        ("/products/7", {"page": ""}),
        ("/products/7", {"page": "/account"}),
        ("/account", {"made_for": ""}),
        ("/", {"handed": ""}),
    ],
)
def test_a_shop_whose_pages_do_not_show_what_they_should_does_not_work(key, wrong):
    def day(**changed):
        usual = {
            "/products/7": {},
            "/account": {"made_for": "ann"},
            "/": {"handed": "cart=1"},
        }
        usual[key] = usual[key] | changed
        asked = [seen("ann", path, **more) for path, more in usual.items()]
        return history(*asked, figure("fetches of /products/7", 1))

    assert edges.works(day()).holds
    assert edges.works(day(**wrong)).violated


def test_a_shared_page_that_is_fetched_twice_is_not_spared():
    pages = [seen("ann", "/products/7"), seen("ann", made_for="ann")]
    pages.append(seen("ann", "/", handed="cart=1"))
    for fetched, state in ((1, "holds"), (2, "violated")):
        judged = edges.works(history(*pages, figure("fetches of /products/7", fetched)))
        assert judged.state == state


def test_fetched_once_counts_each_page_by_itself():
    once = [figure("fetches of /a", 1), figure("fetches of /b", 0)]
    assert edges.fetched_once(history(*once)).holds
    verdict = edges.fetched_once(history(figure("fetches of /a", 2), *once[1:]))
    assert (verdict.violations, verdict.checked) == (1, 2)
    assert edges.fetched_once(history(figure("ended /a", 9))).state == "unknown"


@pytest.mark.parametrize(
    "ended, version, state",
    [
        (60, 1, "holds"),  # old, and not for too long
        (61, 1, "violated"),
        (61, 2, "holds"),  # not old
        (-5, 1, "holds"),  # its copy lives
    ],
)
def test_old_is_judged_by_the_copy_at_its_own_edge(ended, version, state):
    read = seen("ann", "/campaign", version=version)
    there = [figure("ended /campaign", ended), figure("ended /campaign", 999, "us")]
    day = history(*there, written(2), read)
    assert edges.not_too_old(day, bound=60).state == state


def test_a_page_that_was_changed_after_the_look_was_not_old_then():
    early = seen("ann", "/campaign", version=1)
    day = history(figure("ended /campaign", 999), early, written(2))
    assert edges.not_too_old(day, bound=60).holds


def test_a_rush_asks_before_anybody_is_answered(origin, eu, shops):
    shops.morning(["/c", "/n", "/q"], "public, max-age=60")
    run = History()
    eu.reload(location="")
    shops.rush(run, "/c", 10)
    assert edges.fetches(run) == 10
    assert all(edges.sees_it(op) for op in run.ops("read"))
    eu.reload(location="proxy_cache edge;")


def test_at_noon_copies_have_ended_or_are_gone(origin, eu, shops):
    shops.morning(["/c", "/n", "/q"], "public, max-age=60")
    with shops.noon(ago=5) as fault:
        assert fault.meter() == 0
        shops.strike("/c", "/n", "/q")
        assert fault.meter() == 2
        run = History()
        shops.note_ends(run, "/c")
        assert [op.value >= 5 for op in run.ops("figure")] == [True]
        assert eu.get("/n").headers["x-cache"] == "MISS"
        assert eu.get("/c").headers["x-cache"] == "EXPIRED"


def test_an_origin_that_is_down_at_noon_is_back_afterwards(origin, eu, shops):
    shops.morning(["/c", "/n", "/q"], "public, max-age=60")
    with shops.noon(origin_down=True):
        shops.strike("/c", "/n", "/q")
        assert not origin.running()
        assert eu.get("/n").headers["x-cache"] == "HIT"
    assert origin.get("/c").status == 200
