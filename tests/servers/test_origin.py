"""Promises of the shop's pages behind the edges."""

import threading

import pytest
from promises import *  # noqa: F403

from labkit import Origin, wait_until
from labkit.servers import http

PAGES = {
    "/products/7": {"version": 3, "headers": {"Cache-Control": "public, max-age=60"}},
    "/account*": {"shows": ["user"], "headers": {"Set-Cookie": "seen=1"}},
    "/account/help": {"status": 410},
    "/about": {"shows": ["host", "language"], "size": 5000},
}


@pytest.fixture(scope="module")
def server(lab):
    return lab.start(Origin(PAGES))


def test_a_page_has_the_headers_the_version_and_the_size_that_it_was_given(server):
    page = server.get("/products/7")
    assert page.json() == {"path": "/products/7", "version": 3}
    assert page.headers["cache-control"] == "public, max-age=60"
    about = server.get(
        "/about", headers={"X-Forwarded-Host": "evil.example", "Accept-Language": "de"}
    )
    assert about.json()["host"] == "evil.example"
    assert about.json()["language"] == "de"
    assert len(about.text) == 5000


def test_the_longest_beginning_that_fits_is_the_page(server):
    ann = server.get("/account/orders?page=2", headers={"Cookie": "session=ann"})
    bob = server.get("/account", headers={"Authorization": "Bearer bob"})
    assert [one.json()["user"] for one in (ann, bob)] == ["ann", "bob"]
    assert server.get("/account/help").status == 410
    assert server.get("/nothing").status == 404


def test_a_page_that_was_not_changed_is_not_sent_again(server):
    tag = {"If-None-Match": server.get("/products/7").headers["etag"]}
    again = server.get("/products/7", headers=tag)
    assert (again.status, again.text) == (304, "")
    server.put("/products/7", version=4)
    assert server.get("/products/7", headers=tag).json()["version"] == 4


def test_a_header_may_differ_with_every_request(server):
    server.put("/cart", headers={"Set-Cookie": "cart={request}"})
    given = {server.get("/cart").headers["set-cookie"] for _ in range(3)}
    assert len(given) == 3


def test_every_request_is_counted_before_it_is_answered(server):
    server.put("/slow", held=True)
    asked = [threading.Thread(target=server.get, args=("/slow",)) for _ in range(5)]
    for one in asked:
        one.start()
    wait_until(lambda: len(server.requests("/slow")) == 5, 20, "not all arrived")
    assert all(one.is_alive() for one in asked)
    server.put("/slow", held=False)
    for one in asked:
        one.join()
    assert len(server.requests("/slow")) == 5


def test_pages_that_were_changed_stay_so_over_a_restart(server):
    server.put("/new", version=9)
    server.node.kill()
    server.node.start()
    assert server.get("/new").json()["version"] == 9


def test_nobody_comes_in_without_the_key(server):
    address = server.node.machine.address()
    for method, path in (("GET", "/products/7"), ("PUT", "/-/pages")):
        before = len(server.requests())
        assert http.request(address, method, path).status == 403
        assert len(server.requests()) == before
