"""The directive {what-moved}: which constraint each chapter moved, and where to.

Its content is a line a chapter, "edge: the origin -> who may see a copy".
"""

import book_model
import stored_runs  # noqa: F401  (finds the tools)
from doc_tables import page, table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
HEADS = ("Chapter", "The constraint was", "And then it was")


class WhatMoved(SphinxDirective):
    """One row a chapter, in the order of the book."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        here = self.env.docname
        told = dict(line.split(": ", 1) for line in self.content if line.strip())
        chapters = [one.name for one in book_model.read().chapters]
        if unknown := sorted(told.keys() - set(chapters)):
            place = self.get_location()
            logger.warning("what-moved: %s", ", ".join(unknown), location=place)
        rows = [
            [page(f"book/{name}", source=here), *told[name].split(" -> ")]
            for name in chapters
            if name in told
        ]
        return [table(HEADS, rows, "what-moved")]


def setup(app: Sphinx) -> dict:
    app.add_directive("what-moved", WhatMoved)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
