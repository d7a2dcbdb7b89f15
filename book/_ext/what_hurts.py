"""The directive {what-hurts}: from what a reader suffers to where it is told.

Its content is a line a chapter, "bad_partition: Orders of one shop stand still".
"""

import book_model
import stored_runs  # noqa: F401  (finds the tools)
from doc_tables import page, table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
HEADS = ("What hurts", "Read why", "Break it")


class WhatHurts(SphinxDirective):
    """One row a chapter, with the labs that prove it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        here = self.env.docname
        chapters = {one.name: one for one in book_model.read().chapters}
        told = dict(line.split(": ", 1) for line in self.content if line.strip())
        if told.keys() != chapters.keys():
            wrong = ", ".join(sorted(told.keys() ^ chapters.keys()))
            logger.warning("what-hurts: %s", wrong, location=self.get_location())
        rows = [
            [pain, page(f"book/{name}", source=here), labs(chapters[name], here)]
            for name, pain in told.items()
            if name in chapters
        ]
        return [table(HEADS, rows, "what-hurts")]


def labs(chapter: book_model.Chapter, here: str) -> nodes.Node:
    """Links to the labs of a chapter, one below the other."""
    links = [page(lab.docname, source=here) for lab in chapter.labs]
    return nodes.inline("", "", *[nodes.inline("", "", link) for link in links])


def setup(app: Sphinx) -> dict:
    app.add_directive("what-hurts", WhatHurts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
