"""The directive {server-table}: every server, its image, and how it runs as a process.

Read from the servers' own packages in labs/labkit/servers.
"""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from doc_tables import table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEADS = ("Server", "In containers", "As a process")
LABS = Path(__file__).resolve().parents[2] / "labs"


class ServerTable(SphinxDirective):
    """One row a server."""

    def run(self) -> list[nodes.Node]:
        if str(LABS) not in sys.path:
            sys.path.append(str(LABS))
        servers = import_module("labkit.servers")
        rows = [row(servers, kind) for kind in servers.kinds()]
        return [table(HEADS, rows, "server-table")]


def row(servers: ModuleType, kind: str) -> list[str]:
    """The name of its class, its image, and what its process.py says of itself."""
    container, process = servers.part(kind, "container"), servers.part(kind, "process")
    image = getattr(container, "image", "none: a process beside the containers")
    told = sys.modules[process.__module__].__doc__ or "" if process else ""
    return [
        servers.handle(kind).__name__,
        image if container else "not to be had",
        told.splitlines()[0].replace("`", "") if process else "not to be had",
    ]


def setup(app: Sphinx) -> dict:
    app.add_directive("server-table", ServerTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
