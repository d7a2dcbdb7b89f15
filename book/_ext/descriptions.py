"""What a search engine and a link tell of a lab: the promise that it breaks.

Else it would be the first words of the page, which are the verdicts of the stored run.
"""

from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
BEGINS = "The promise at stake:"


def remember(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the sentence with the facts of its page."""
    docname = app.env.docname
    if not docname.startswith("labs/"):
        return
    for paragraph in doctree.findall(nodes.paragraph):
        words = " ".join(paragraph.astext().split())
        if words.startswith(BEGINS):
            told = words.removeprefix(BEGINS).strip()
            app.env.metadata[docname]["promise"] = told[:1].upper() + told[1:]
            return
    logger.warning("lab that begins without %r", BEGINS, location=docname)


def describe(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Tell it in the head of the page, before the opengraph extension looks there."""
    promise = app.env.metadata.get(pagename, {}).get("promise")
    if promise:
        context["meta"] = {**(context.get("meta") or {}), "og:description": promise}
        tag = f'<meta name="description" content="{escape(promise, quote=True)}" />'
        context["metatags"] = context.get("metatags", "") + tag


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", remember)
    app.connect("html-page-context", describe, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
