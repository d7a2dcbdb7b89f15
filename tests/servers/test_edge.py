"""Promises of nginx as edges and as their shield."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from promises import *  # noqa: F403

from labkit import Edge, Origin, wait_until

KEEP = "proxy_cache edge;"
PRICE = "/products/7"
ONE = "proxy_cache edge; proxy_cache_lock on;"
STALE = "proxy_cache edge; proxy_cache_background_update on;"


def page(cache="public, max-age=3600", **more):
    headers = {"Cache-Control": cache, **more.pop("headers", {})}
    return {"headers": headers, **more}


@pytest.fixture(scope="module")
def origin(lab):
    return lab.start(Origin({PRICE: page(), "/p/*": page()}))


@pytest.fixture(scope="module")
def shield(lab, origin):
    return lab.start(Edge([origin], name="shield", location=KEEP))


@pytest.fixture(scope="module")
def edges(lab, origin, shield):
    return lab.start(
        Edge([shield], name="eu", location=KEEP), Edge([origin], name="us")
    )


@pytest.fixture(scope="module")
def server(edges):
    return edges[1]


@pytest.fixture
def edge(server):
    """An edge straight before the origin, which keeps what it may."""
    server.reload(location=KEEP)
    server.empty()
    return server


def caches(edge, path, times=2, **headers):
    """What it says of its copy, answer by answer."""
    asked = [edge.get(path, headers=headers) for _ in range(times)]
    return [answer.headers.get("x-cache") for answer in asked]


def test_it_answers_from_its_copy_and_says_so(edge, origin):
    before = len(origin.requests(PRICE))
    assert caches(edge, PRICE, 3) == ["MISS", "HIT", "HIT"]
    assert len(origin.requests(PRICE)) - before == 1
    assert edge.get(PRICE).headers["x-edge"] == "us"
    assert [line["cache"] for line in edge.access_log()[-2:]] == ["HIT", "HIT"]


def test_an_edge_that_is_told_to_keep_nothing_says_nothing_of_copies(edge):
    edge.reload(location="")
    assert caches(edge, PRICE) == [None, None]
    assert edge.copies() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "private, max-age=60"},
        {"Cache-Control": "no-store"},
        {"Cache-Control": "public, max-age=60", "Set-Cookie": "session=ann"},
        {},
    ],
)
def test_what_the_origin_does_not_give_to_all_is_not_kept(headers, edge, origin):
    origin.put("/p/own", headers=headers)
    assert caches(edge, "/p/own") == ["MISS", "MISS"]


def test_the_key_of_the_origin_is_the_edges_own(edge, origin):
    origin.put("/p/who", headers={}, shows=["user"])
    answer = edge.get("/p/who", headers={"X-Edge-Key": "guessed"})
    assert answer.status == 200
    token = edge.get("/p/who", headers={"Authorization": "Bearer bob"})
    assert token.json()["user"] == "bob"


def test_each_edge_and_the_shield_have_copies_of_their_own(edges, shield, origin):
    eu, us = edges
    us.reload(location=KEEP)
    for edge in (eu, us, shield):
        edge.empty()
    before = len(origin.requests(PRICE))
    assert caches(eu, PRICE) == ["MISS", "HIT"]
    assert len(shield.copies()) == 1
    assert caches(us, PRICE) == ["MISS", "HIT"]
    assert len(origin.requests(PRICE)) - before == 2
    assert shield.get(PRICE).headers["x-edge"] == "shield"
    shield.empty()
    assert caches(eu, PRICE) == ["HIT", "HIT"]


def test_a_copy_tells_its_key_its_life_and_the_origins_headers(edge, origin):
    origin.put("/p/tagged", **page(headers={"Cache-Tag": "price, product-7"}))
    edge.get("/p/tagged?page=2")
    (copy,) = edge.copies()
    assert copy.key == "shop.example/p/tagged?page=2"
    assert copy.tags == ["price", "product-7"]
    assert copy.headers["cache-control"] == "public, max-age=3600"
    assert copy.ends > 0


def test_a_purge_forgets_one_address_on_one_edge(edge):
    caches(edge, PRICE)
    caches(edge, "/p/other")
    assert edge.purge(PRICE) is True
    assert edge.purge(PRICE) is False
    assert caches(edge, PRICE) == ["MISS", "HIT"]
    assert caches(edge, "/p/other", 1) == ["HIT"]
    edge.empty()
    assert edge.copies() == []


def test_of_answers_that_vary_a_purge_by_address_forgets_the_first(edge, origin):
    vary = page(headers={"Vary": "Accept-Language"}, shows=["language"])
    origin.put("/p/vary", **vary)
    for language in ("en", "de"):
        said = caches(edge, "/p/vary", **{"Accept-Language": language})
        assert said == ["MISS", "HIT"]
    origin.put("/p/vary", version=2)
    assert edge.purge("/p/vary") is True
    english = edge.get("/p/vary", headers={"Accept-Language": "en"}).json()
    german = edge.get("/p/vary", headers={"Accept-Language": "de"}).json()
    assert (english["version"], german["version"]) == (2, 1)
    assert edge.purge_all("/p/vary") == 2
    german = edge.get("/p/vary", headers={"Accept-Language": "de"}).json()
    assert german["version"] == 2


def test_a_purge_by_tag_forgets_every_page_with_the_word_and_no_other(edge, origin):
    for name, tags in (("a", "product-7, home"), ("b", "product-7"), ("c", "home")):
        origin.put(f"/p/{name}", **page(headers={"Cache-Tag": tags}))
        edge.get(f"/p/{name}")
    assert edge.purge_tag("product-7") == 2
    assert [copy.key[-1] for copy in edge.copies()] == ["c"]


def test_a_copy_whose_life_has_ended_is_asked_for_again(edge, origin):
    caches(edge, PRICE)
    origin.put(PRICE, version=2)
    assert edge.get(PRICE).json()["version"] == 1
    assert edge.end_life(PRICE) == 1
    answer = edge.get(PRICE)
    assert (answer.headers["x-cache"], answer.json()["version"]) == ("EXPIRED", 2)
    assert caches(edge, PRICE, 1) == ["HIT"]


def test_old_is_served_within_the_bound_of_the_origin_and_not_beyond(edge, origin):
    edge.reload(location=STALE)
    origin.put(
        "/p/bound", **page("public, max-age=60, stale-while-revalidate=60"), version=1
    )
    for ago, first in ((5, "STALE"), (3600, "EXPIRED")):
        edge.empty()
        edge.get("/p/bound")
        edge.end_life("/p/bound", ago=ago)
        assert caches(edge, "/p/bound", 1) == [first]
        hits = lambda: caches(edge, "/p/bound", 1) == ["HIT"]  # noqa: E731
        wait_until(hits, 20, "it was not asked for again")


def test_one_of_many_who_miss_at_once_asks_the_origin(edge, origin):
    edge.reload(location=ONE)
    origin.put("/p/new", **page(), seconds=0.2)
    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(lambda _: edge.get("/p/new"), range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len(origin.requests("/p/new")) == 1


def test_copies_outlive_a_crash_of_the_edge(edge):
    caches(edge, PRICE)
    edge.node.kill()
    edge.node.start()
    assert caches(edge, PRICE, 1) == ["HIT"]


def test_nginx_keeps_what_is_answered_to_a_token_unless_it_is_told(edge, origin):
    origin.put("/p/token", headers={"Cache-Control": "max-age=60"}, shows=["user"])
    ann, bob = ({"Authorization": f"Bearer {name}"} for name in ("ann", "bob"))
    edge.get("/p/token", headers=ann)
    assert edge.get("/p/token", headers=bob).json()["user"] == "ann"
    edge.reload(location=KEEP + " proxy_no_cache $http_authorization;")
    edge.empty()
    edge.get("/p/token", headers=ann)
    assert edge.get("/p/token", headers=bob).json()["user"] == "bob"


def test_old_stands_in_for_an_origin_that_is_gone_and_not_for_one_that_says_503(
    lab,
):
    says = page("public, max-age=60, stale-if-error=600")
    origin = Origin({"/p/error": says, "/p/gone": says}, name="sick")
    edge = lab.start(Edge([origin], name="nurse", location=KEEP))
    for path in ("/p/error", "/p/gone"):
        edge.get(path).ok()
        edge.end_life(path, ago=300)
    origin.put("/p/error", status=503)
    assert edge.get("/p/error").status == 503
    origin.node.kill()
    answer = edge.get("/p/gone")
    assert (answer.status, answer.headers["x-cache"]) == (200, "STALE")
    edge.end_life("/p/gone", ago=700)
    assert edge.get("/p/gone").status == 502
    edge.stop()


def test_a_copy_that_is_being_written_is_waited_for(edge, origin):
    origin.put("/p/late", **page(size=200_000))
    for _ in range(20):
        edge.get("/p/late")
        assert edge.purge("/p/late") is True
