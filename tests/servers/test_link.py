"""Promises of the link: distance between two servers, in both runtimes."""

import errno
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from promises import *  # noqa: F403
from timed import quickest

from labkit import Edge, Link, Nginx, Origin, faults, wait_until
from labkit.servers.base import side_by_side
from labkit.servers.link import relay

PAGE = "/products/7"


@pytest.fixture(scope="module")
def origin(lab):
    return lab.start(Origin({PAGE: {"size": 1000}, "/picture": {"size": 200_000}}))


@pytest.fixture(scope="module")
def link(lab, origin):
    return lab.start(Link(to=origin))


@pytest.fixture(scope="module")
def server(link):
    return link


@pytest.fixture(scope="module")
def far(lab, link):
    """An edge that reaches the origin by the link, and keeps nothing."""
    return lab.start(Nginx([link], name="far", location='add_header X-Far "yes";'))


@pytest.fixture
def straight(link):
    yield
    link.set(delay=0.0, bandwidth=None, cut=False)


class Echo:
    """A server that sends back what it gets; `got` is all of it."""

    def __init__(self, greeting=b""):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.greeting, self.got = greeting, b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.echo, args=(client,), daemon=True).start()

    def echo(self, client):
        client.sendall(self.greeting)
        with client:
            while data := client.recv(1 << 16):
                self.got += data
                client.sendall(data)


@pytest.fixture
def echo(lab):
    made = Echo()
    made.link = lab.start(Link(to=made.place, name="echo"))
    yield made
    made.link.stop()
    made.socket.close()


def trip(client, data=b"x"):
    """Seconds until what was sent has come back."""
    began = time.perf_counter()
    client.sendall(data)
    got = b""
    while len(got) < len(data):
        got += client.recv(1 << 16)
    assert got == data
    return time.perf_counter() - began


def test_a_round_trip_takes_the_delay_of_both_directions(echo):
    with socket.create_connection(echo.link.address()) as client:
        trip(client)
        for delay, least in ((0.1, 0.2), ((0.2, 0.0), 0.2), ((0.0, 0.15), 0.15)):
            echo.link.set(delay=delay)
            took = quickest(lambda: trip(client), least + 0.15)
            assert least <= took < least + 0.15
        echo.link.set(delay=0.0)
        assert quickest(lambda: trip(client), 0.05) < 0.05


def test_to_open_a_connection_is_a_round_trip_more(echo):
    echo.link.set(delay=0.1)

    def first():
        with socket.create_connection(echo.link.address()) as client:
            return trip(client)

    with socket.create_connection(echo.link.address()) as client:
        assert trip(client) >= 0.4
        assert trip(client) >= 0.2
        carried = echo.link.carried()
        assert carried["connections"] == 1
        assert carried["trips"] == 3
        assert quickest(lambda: trip(client), 0.4) < 0.4
    assert quickest(first, 0.6) < 0.6


def test_a_server_that_speaks_first_is_heard_after_the_round_trip(lab):
    greeter = Echo(b"hello")
    link = lab.start(Link(to=greeter.place, name="greeter", delay=(0.1, 0.15)))

    def heard():
        began = time.perf_counter()
        with socket.create_connection(link.address()) as client:
            assert client.recv(5) == b"hello"
            return time.perf_counter() - began

    assert 0.25 <= quickest(heard, 0.4) < 0.4
    link.stop()


def test_a_narrow_line_takes_a_second_for_its_bytes_a_second(echo):
    echo.link.set(bandwidth=(1_000_000, None))
    with socket.create_connection(echo.link.address()) as client:
        assert trip(client, bytes(300_000)) > 0.29
    carried = echo.link.carried()
    assert carried["bytes_there"] == carried["bytes_back"] == 300_000
    with socket.create_connection(echo.link.address()) as client:
        large = lambda: trip(client, bytes(300_000))  # noqa: E731
        assert quickest(large, 0.6) < 0.6


def test_its_bandwidth_is_that_of_all_connections_together(echo):
    echo.link.set(bandwidth=(1_000_000, None))
    began = time.perf_counter()

    def send():
        with socket.create_connection(echo.link.address()) as client:
            trip(client, bytes(100_000))

    side_by_side([send] * 3)
    assert time.perf_counter() - began > 0.29


def test_much_that_is_sent_at_once_arrives_whole_and_in_order(echo):
    data = bytes(range(256)) * 8000
    echo.link.set(delay=0.01)
    with socket.create_connection(echo.link.address()) as client:
        threading.Thread(target=client.sendall, args=(data,)).start()
        got = b""
        while len(got) < len(data):
            got += client.recv(1 << 16)
        assert got == data


def test_what_is_sent_into_a_cut_arrives_when_it_is_healed(echo):
    with socket.create_connection(echo.link.address()) as client:
        trip(client)
        with faults.link_cut(echo.link) as fault:
            assert fault.meter() > 0
            client.sendall(b"late")
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.recv(4)
            assert echo.got == b"x"
        client.settimeout(5)
        assert client.recv(4) == b"late"


def test_a_cut_of_the_way_back_leaves_the_work_done_and_the_client_in_doubt(echo):
    with socket.create_connection(echo.link.address()) as client:
        with faults.link_cut(echo.link, there=False):
            client.sendall(b"pay")
            wait_until(lambda: echo.got == b"pay", 20, "it did not arrive")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(3)
        client.settimeout(5)
        assert client.recv(3) == b"pay"


def test_the_end_of_one_direction_is_passed_on_and_the_other_stays(echo):
    with socket.create_connection(echo.link.address()) as client:
        client.sendall(b"all")
        client.shutdown(socket.SHUT_WR)
        got = b""
        while data := client.recv(100):
            got += data
        assert got == b"all"


def test_a_link_to_nobody_closes_the_connection(lab):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{nobody.getsockname()[1]}"
        link = lab.start(Link(to=place, name="none"))
        with pytest.raises(ConnectionResetError):  # at the connect, on a slow machine
            socket.create_connection(link.address(), timeout=5).recv(1)
    link.stop()


def test_an_end_that_has_gone_meanwhile_keeps_nothing_from_the_others():
    """What a line kept is passed on to all that are left."""

    class Gone:
        def is_closing(self):
            return False

        def write_eof(self):
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    line = relay.Direction()
    line.cut = True
    end = relay.End(line)
    end.other = SimpleNamespace(transport=Gone())
    arrived = []
    line.kept = [(0, end._end), (0, lambda: arrived.append("the next"))]
    line.set(delay=0.0, bandwidth=None, cut=False)
    assert arrived == ["the next"]


def test_an_edge_reaches_the_origin_by_the_link_and_waits_as_long(
    link, far, origin, straight
):
    before = link.carried()
    assert far.get(PAGE).status == 403  # nginx without the origin's key
    assert link.carried()["connections"] == before["connections"] + 1
    link.set(delay=0.1)
    far.get(PAGE)
    assert far.access_log()[-1]["upstream_seconds"] >= 0.4
    link.set(delay=0.0, cut=True)
    far.reload(timeout=0.3)
    assert far.get(PAGE).status == 504


def test_a_kept_connection_saves_the_round_trip_that_opens_one(lab, link, straight):
    kept = lab.start(Edge([link], name="kept"))
    kept.get(PAGE)
    before = link.carried()
    link.set(delay=0.05)
    assert [kept.get(PAGE).status for _ in range(3)] == [200] * 3
    after = link.carried()
    assert after["connections"] == before["connections"]
    assert after["trips"] == before["trips"] + 3
    kept.stop()


def test_forty_at_once_do_not_wait_for_each_other(link, far, straight):
    link.set(delay=0.1)

    def all_forty():
        began = time.perf_counter()
        with ThreadPoolExecutor(40) as pool:
            assert len(list(pool.map(lambda _: far.get(PAGE).status, range(40)))) == 40
        return time.perf_counter() - began

    assert quickest(all_forty, 40 * 0.1) < 40 * 0.1


def test_an_option_that_a_link_has_not_is_refused(link):
    with pytest.raises(TypeError, match="a Link has no jitter"):
        link.set(jitter=1)
