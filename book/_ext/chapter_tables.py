"""Tables with a row a chapter, as their content tells it.

{what-hurts}: "bad_partition: Orders of one shop stand still", from what a reader
suffers to where it is told; a line for each chapter.
{what-moved}: "edge: the origin -> who may see a copy", which constraint a chapter
moved, and where to; in the order of the book.
{objectives}: "edge: say of a response ...", how "after this class you can ..." goes on,
with the chapter's drawings; a line for each chapter, in the order of the book.
"""

import re
from collections.abc import Iterable
from html import unescape

import book_model
import stored_runs  # noqa: F401  (finds the tools)
from doc_tables import page, table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
DRAWN = re.compile(r'<title id="[^"]*">(.*?)</title>')


class ChapterTable(SphinxDirective):
    """Reads "chapter: what is told of it" from each line."""

    has_content = True

    def told(self) -> dict[str, str]:
        return dict(line.split(": ", 1) for line in self.content if line.strip())

    def chapters(self) -> dict[str, book_model.Chapter]:
        return {one.name: one for one in book_model.read().chapters}

    def refuse(self, wrong: Iterable[str]) -> None:
        """Warn of chapters that are not there, or not told of; a build ends then."""
        if names := ", ".join(sorted(wrong)):
            place = self.get_location()
            logger.warning("%s: %s", self.name, names, location=place)

    def link(self, chapter: str) -> nodes.Node:
        return page(f"book/{chapter}", source=self.env.docname)


class WhatHurts(ChapterTable):
    """With the labs that prove it."""

    def run(self) -> list[nodes.Node]:
        told, chapters = self.told(), self.chapters()
        self.refuse(told.keys() ^ chapters.keys())
        rows = [
            [pain, self.link(name), self.labs(chapters[name])]
            for name, pain in told.items()
            if name in chapters
        ]
        return [table(("What hurts", "Read why", "Break it"), rows, self.name)]

    def labs(self, chapter: book_model.Chapter) -> nodes.Node:
        return below(page(lab.docname, source=self.env.docname) for lab in chapter.labs)


class WhatMoved(ChapterTable):
    """Not each chapter moves a constraint."""

    def run(self) -> list[nodes.Node]:
        told, chapters = self.told(), self.chapters()
        self.refuse(told.keys() - chapters.keys())
        rows = [
            [self.link(name), *told[name].split(" -> ")]
            for name in chapters
            if name in told
        ]
        heads = ("Chapter", "The constraint was", "And then it was")
        return [table(heads, rows, self.name)]


class Objectives(ChapterTable):
    """Each chapter has one."""

    def run(self) -> list[nodes.Node]:
        told, chapters = self.told(), self.chapters()
        self.refuse(told.keys() ^ chapters.keys())
        rows = [
            [self.link(name), told[name], self.drawings(chapter)]
            for name, chapter in chapters.items()
            if name in told
        ]
        heads = ("Chapter", "After this class you can", "Draw on the board")
        return [table(heads, rows, self.name)]

    def drawings(self, chapter: book_model.Chapter) -> nodes.Node:
        """Links to where a chapter's drawings are, named by their titles."""
        titles = DRAWN.findall(chapter.path.read_text("utf-8"))
        here = self.env.docname
        return below(page(chapter.docname, unescape(t), here) for t in titles)


def below(links: Iterable[nodes.Node]) -> nodes.Node:
    """Links, one below the other."""
    return nodes.inline("", "", *[nodes.inline("", "", link) for link in links])


def setup(app: Sphinx) -> dict:
    app.add_directive("objectives", Objectives)
    app.add_directive("what-hurts", WhatHurts)
    app.add_directive("what-moved", WhatMoved)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
