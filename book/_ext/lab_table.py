"""The directive {lab-table}: every lab with its promise and its stored run."""

import stored_runs
from doc_tables import page, table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
HEADS = ("Lab", "Promise", "Servers", "Takes", "Memory", "Stored run")


class LabTable(SphinxDirective):
    """One row a lab of the book, in reading order."""

    def run(self) -> list[nodes.Node]:
        here = self.env.docname
        labs = stored_runs.in_reading_order(self.env, here)
        if not labs:
            logger.warning(
                "lab-table: no lab has a stored run", location=self.get_location()
            )
            return []
        return [table(HEADS, [row(name, run, here) for name, run in labs], "lab-table")]


def row(name: str, run: dict, here: str) -> list:
    """The cells of one lab."""
    promises = "; ".join(line["promise"] for line in run["ledger"])
    return [
        page(f"labs/{name}", source=here),
        promises,
        stored_runs.servers(run),
        stored_runs.seconds(run),
        stored_runs.memory(run),
        f"{stored_runs.day(run)}, as {run['runtime']}",
    ]


def setup(app: Sphinx) -> dict:
    app.add_directive("lab-table", LabTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
