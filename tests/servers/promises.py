"""What every server promises. The tests of one take all of them over,

    from promises import *

and have a fixture `server`: that server, started.
"""

import socket

import psutil
import pytest

from labkit import faults


def test_it_listens_on_the_loopback_interface_alone(server):
    ours = {node.machine.address()[1] for node in server.nodes}
    listening = {
        c.laddr.ip
        for c in psutil.net_connections("tcp")
        if c.status == psutil.CONN_LISTEN and c.laddr.port in ours
    }
    # the application beside containers, at the engine's bridge: see `test_containers`
    beside = [getattr(node.machine, "beside", None) for node in server.nodes]
    assert listening == {"127.0.0.1", *(port.host for port in beside if port)}


def test_it_tells_its_product_and_its_version(server):
    product, version = server.name_and_version().rsplit(" ", 1)
    assert product == server.product
    assert version[0].isdigit() and "." in version
    assert all(node.name in server.describe() for node in server.nodes)


@pytest.mark.parametrize("fault", [faults.paused, faults.killed])
def test_a_hurt_node_comes_back_at_its_address(fault, server):
    for node in server.nodes:
        before = node.machine.address()
        with fault(node) as hurt:
            assert hurt.meter() == 1
        assert node.answers()
        assert node.machine.address() == before


def test_the_port_of_a_node_is_no_strangers_while_it_runs_or_is_down(server):
    node = server.nodes[-1]
    assert not can_be_taken(node.machine.address())
    node.kill()
    assert not can_be_taken(node.machine.address())
    node.start()


def can_be_taken(address):
    """Whether another program could listen there, which then is sent passwords."""
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            stranger.bind(address)
            stranger.listen()
        except OSError:
            return False
        return True


def test_a_node_that_is_killed_is_named_with_the_way_it_ended(server):
    node = server.nodes[-1]
    node.kill()
    assert node.machine.exit_reason() == "ended by signal SIGKILL"
    node.start()
