"""The directive {check-table}: every check, its promise, its violation and its cost.

Read from the checks themselves in labs/labkit/checks.
"""

import sys
from importlib import import_module
from pathlib import Path

from doc_tables import table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEADS = ("Check", "Promise", "A violation is", "Cost")
LABS = Path(__file__).resolve().parents[2] / "labs"


class CheckTable(SphinxDirective):
    """One row a check, family by family."""

    def run(self) -> list[nodes.Node]:
        if str(LABS) not in sys.path:
            sys.path.append(str(LABS))
        entries = import_module("labkit.checks").table()
        return [table(HEADS, [row(entry) for entry in entries], "check-table")]


def row(entry) -> list[nodes.Node]:
    """Its name and what it counts, then its definition's words as plain text."""
    told = (f"{entry.name} ({entry.unit})", entry.promise, entry.violation, entry.cost)
    return [plain(words) for words in told]


def plain(words: str) -> nodes.Node:
    """A name in code keeps its straight quotes; the marks of emphasis are left out."""
    line = nodes.inline("", "")
    for place, part in enumerate(words.replace("*", "").split("`")):
        line += nodes.literal("", part) if place % 2 else nodes.Text(part)
    return line


def setup(app: Sphinx) -> dict:
    app.add_directive("check-table", CheckTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
