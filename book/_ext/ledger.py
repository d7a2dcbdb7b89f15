"""The directive {ledger}: every promise that the labs have entered, in one table."""

import stored_runs
from doc_tables import page, table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
COLUMNS = ("endpoint", "promise", "setting", "owner")


class Ledger(SphinxDirective):
    """One row a ledger line, with a link to the lab that proves it."""

    def run(self) -> list[nodes.Node]:
        here = self.env.docname
        rows = [
            [*(cell(line, name) for name in COLUMNS), page(f"labs/{lab}", source=here)]
            for lab, run in stored_runs.in_reading_order(self.env, here)
            for line in run["ledger"]
        ]
        if not rows:
            logger.warning(
                "ledger: no stored run has a ledger line", location=self.get_location()
            )
            return []
        heads = [column.capitalize() for column in COLUMNS]
        return [table([*heads, "Proved in"], rows, "ledger-table")]


def cell(line: dict[str, str], column: str) -> nodes.Node:
    """A setting keeps its straight quotes: curly ones would not work."""
    return nodes.inline("", line[column], support_smartquotes=column != "setting")


def setup(app: Sphinx) -> dict:
    app.add_directive("ledger", Ledger)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
