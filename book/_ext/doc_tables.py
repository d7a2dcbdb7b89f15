"""Tables and links made by directives."""

from collections.abc import Sequence

from docutils import nodes
from sphinx.addnodes import pending_xref

Cell = str | nodes.Node


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell]], kind: str):
    """A table with one row of `heads`; `kind` is its class, for the style sheet."""
    body = nodes.tbody("", *[_row(row) for row in rows])
    head = nodes.thead("", _row(heads))
    columns = [nodes.colspec(colwidth=1) for _ in heads]
    group = nodes.tgroup("", *columns, head, body, cols=len(heads))
    return nodes.table("", group, classes=[kind])


def page(docname: str, words: str = "", source: str = "") -> pending_xref:
    """A link to the page `docname`, named by its title unless `words` are given."""
    return pending_xref(
        "",
        nodes.inline("", words or docname),
        refdoc=source,
        refdomain="std",
        reftype="doc",
        reftarget=f"/{docname}",
        refexplicit=bool(words),
        refwarn=True,
    )


def _row(cells: Sequence[Cell]) -> nodes.row:
    return nodes.row("", *[nodes.entry("", _paragraph(cell)) for cell in cells])


def _paragraph(cell: Cell) -> nodes.paragraph:
    words = nodes.Text(cell) if isinstance(cell, str) else cell
    return nodes.paragraph("", "", words)
