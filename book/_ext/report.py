"""The directive {report}: an incident's report to diagnose, with its answer folded.

    ```{report} carts at nine
    ```

Reads labs/labkit/answers/diagnoses.py, as the labs do that show a report.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from check_table import plain
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
LABS = Path(__file__).resolve().parents[2] / "labs"
ANSWERS = LABS / "labkit" / "answers" / "diagnoses.py"


class Report(SphinxDirective):
    """What was told and seen, the question; a hint and the answer, each folded."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ANSWERS))
        if str(LABS) not in sys.path:
            sys.path.append(str(LABS))
        cases = import_module("labkit.answers.diagnoses").CASES
        (name,) = self.arguments
        if name not in cases:
            place = self.get_location()
            logger.warning("report: there is none named %r", name, location=place)
            return []
        return [shown(name, cases[name])]


def shown(name: str, case) -> nodes.admonition:
    """The whole report `name`, a Case."""
    choices = f"One of: {', '.join(case.causes)}."
    cause = case.right[0].upper() + case.right[1:]
    right = nodes.paragraph("", "", nodes.strong("", f"{cause}."))
    right += [nodes.Text(" "), *plain(case.why).children]
    others = [f"Not {cause}: {why}" for cause, why in case.ruled_out.items()]
    points = [nodes.list_item("", paragraph(text)) for text in others]
    return box(
        f"A report to diagnose: {name}",
        [
            paragraph(case.story),
            *[part for title, text in case.views.items() for part in view(title, text)],
            nodes.paragraph("", "", nodes.strong("", case.question)),
            paragraph(choices),
            box("A hint", [paragraph(case.hint)], "dropdown"),
            box("The answer", [right, nodes.bullet_list("", *points)], "dropdown"),
        ],
        "report",
    )


def box(title: str, content: Sequence[nodes.Node], kind: str) -> nodes.admonition:
    return nodes.admonition("", nodes.title("", title), *content, classes=[kind])


def view(title: str, text: str) -> list[nodes.Node]:
    """A view's title, a command where it has options, and what it showed as it was."""
    body = text.strip("\n")
    command, comma, more = title.partition(", ")
    what = nodes.literal if "--" in command else nodes.inline  # or -- becomes a dash
    head = nodes.paragraph("", "", what("", command), nodes.Text(f"{comma}{more}:"))
    return [head, nodes.literal_block(body, body, language="text")]


def paragraph(text: str) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.Text(text))


def setup(app: Sphinx) -> dict:
    app.add_directive("report", Report)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
