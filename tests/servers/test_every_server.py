"""What every package of a server holds. The servers are found, not listed."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit import servers
from labkit.servers.base import Server

HERE = Path(__file__).parent
LABS = HERE.parents[1] / "labs"
each = pytest.mark.parametrize("kind", servers.kinds())


@each
def test_its_class_is_found_by_its_name_in_lower_case(kind):
    made = servers.handle(kind)
    assert issubclass(made, Server)
    assert made.package == f"labkit.servers.{kind}"
    assert servers.named(made.__name__) is made


@each
def test_it_can_be_started_in_one_runtime_at_least(kind):
    process, container = servers.part(kind, "process"), servers.part(kind, "container")
    assert process or container or servers.part(kind, "pods")
    if hasattr(container, "image"):
        assert ":" in container.image, "an image without a tag is another one tomorrow"
        assert container.variable() == f"LABS_IMAGE_{kind.upper()}"


@each
def test_it_has_tests_that_take_over_what_every_server_promises(kind):
    tree = ast.parse((HERE / f"test_{kind}.py").read_text())
    took = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    made = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert "promises" in took and "server" in made


def test_an_error_is_classified_without_a_driver_being_loaded():
    code = (
        "import sys\n"
        "from labkit.history import outcome_of\n"
        "print(outcome_of('write', ValueError()))\n"
        "from labkit import servers\n"
        "loaded = {f'labkit.servers.{kind}' for kind in servers.kinds()}\n"
        "print({*loaded, 'psycopg', 'redis', 'kafka'} & sys.modules.keys())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=LABS,
        env={**os.environ, "LABS_RUNTIME": "processes"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["unknown", "set()"], done.stderr


def test_a_name_that_is_no_servers_is_an_attribute_error_that_lists_them():
    with pytest.raises(AttributeError, match="no 'Posgres'; its servers: app, "):
        servers.named("Posgres")
    with pytest.raises(AttributeError):
        servers.named("redis")  # the driver that the package imports
