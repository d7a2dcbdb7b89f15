"""Under the title of every lab: what its stored run proved, on what, and when."""

import stored_runs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
RUNS = ("control", "incident", "guarded", "idle", "unguarded")
SYMBOLS = {"holds": "✓", "violated": "✗", "unknown": "?"}


def insert(app: Sphinx, doctree: nodes.document) -> None:
    """Put the status after the title of a page that is a lab."""
    docname = app.env.docname
    if not docname.startswith("labs/"):
        return
    run = stored_runs.load(app.env, docname).get(docname.removeprefix("labs/"))
    title = next(iter(doctree.findall(nodes.title)), None)
    if run is None or title is None:
        what = "stored run in labs/runs.json" if run is None else "title"
        logger.warning("lab without a %s", what, location=docname)
        return
    title.parent.insert(title.parent.index(title) + 1, status(run))


def status(run: dict) -> nodes.container:
    """The verdicts of each proof's runs, then servers, duration, memory and day."""
    proofs = [_proof(name, states) for name, states in run["proofs"].items()]
    return nodes.container("", *proofs, _stored(run), classes=["lab-status"])


def _proof(name: str, states: dict) -> nodes.paragraph:
    line = nodes.paragraph("", "", nodes.strong("", name), classes=["lab-proof"])
    for run in RUNS:
        if run in states:
            state = states[run]
            words = f"{run} {SYMBOLS[state]} {state}"
            line += [nodes.Text(" "), nodes.inline("", words, classes=[f"lab-{state}"])]
    if halves := states.get("halves"):
        words = f"half measures tried in this run: {len(halves)} ✗ refused"
        line += [nodes.Text(" "), nodes.inline("", words, classes=["lab-violated"])]
    return line


def _stored(run: dict) -> nodes.paragraph:
    words = (
        f"Stored run: {stored_runs.servers(run)}, as {run['runtime']}, "
        f"{stored_runs.seconds(run)}, at most {stored_runs.memory(run)}, "
        f"{stored_runs.day(run)}."
    )
    return nodes.paragraph("", words, classes=["lab-stored"])


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", insert)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
