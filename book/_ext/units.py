"""A number and its unit stand on one line: the space between them does not break."""

import re

from docutils import nodes
from sphinx.application import Sphinx

UNIT = r"(?:%|(?:ms|s|min|h|kB|KB|MB|GB|TB|kbit|Mbit)\b)"
WITHIN = re.compile(rf"(?<=\d) (?={UNIT})")
AFTER_A_FIGURE = re.compile(rf"^ (?={UNIT})")  # one that a role has put before it
AS_IT_IS = (nodes.literal, nodes.literal_block, nodes.raw, nodes.comment, nodes.title)


def keep_together(app: Sphinx, doctree: nodes.document) -> None:
    """Join figures and units in the prose of a page."""
    for text in list(doctree.findall(nodes.Text)):
        words = joined(text.astext(), figure_before(text))
        if words != text.astext() and not verbatim(text):
            text.parent.replace(text, nodes.Text(words))


def joined(words: str, after_figure: bool = False) -> str:
    words = WITHIN.sub("\N{NO-BREAK SPACE}", words)
    return AFTER_A_FIGURE.sub("\N{NO-BREAK SPACE}", words) if after_figure else words


def figure_before(text: nodes.Text) -> bool:
    """Whether the words before this text, in the same paragraph, end in a digit."""
    place = text.parent.index(text)
    return place > 0 and text.parent[place - 1].astext()[-1:].isdigit()


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
