"""A number and its unit stand on one line: the space between them does not break."""

import re

from docutils import nodes
from sphinx.application import Sphinx

UNIT = r"(?:%|(?:ms|s|min|h|km|[kKMGT]B|[KMGT]iB|[kM]bit)\b)"
WITHIN = re.compile(rf"(?<=\d) (?={UNIT})")
AFTER_A_FIGURE = re.compile(rf"^ (?={UNIT})")
FIGURES = {"measured", "given"}  # of the roles that put a number before its unit
AS_IT_IS = (
    *(nodes.literal, nodes.literal_block, nodes.doctest_block, nodes.raw),
    *(nodes.comment, nodes.math, nodes.math_block, nodes.title),
)


def keep_together(app: Sphinx, doctree: nodes.document) -> None:
    """Join figures and units in the prose of a page."""
    for text in list(doctree.findall(nodes.Text)):
        place = where(text)
        words = joined(text.astext(), after_figure(text.parent, place))
        if words != text.astext() and not verbatim(text):
            text.parent[place] = nodes.Text(words)


def where(text: nodes.Text) -> int:
    """Its place in its parent. Texts of the same words are equal, so not by index."""
    return next(n for n, node in enumerate(text.parent.children) if node is text)


def joined(words: str, after_figure: bool = False) -> str:
    words = WITHIN.sub("\N{NO-BREAK SPACE}", words)
    return AFTER_A_FIGURE.sub("\N{NO-BREAK SPACE}", words) if after_figure else words


def after_figure(parent: nodes.Element, place: int) -> bool:
    before = parent[place - 1] if place else None
    return isinstance(before, nodes.inline) and bool(FIGURES & {*before["classes"]})


def verbatim(text: nodes.Node) -> bool:
    node = text.parent
    while node is not None:
        if isinstance(node, AS_IT_IS):
            return True
        node = node.parent
    return False


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", keep_together, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
