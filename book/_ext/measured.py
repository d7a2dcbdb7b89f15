"""The roles {measured} and {given}: where the numbers in a chapter come from.

    {measured}`read_your_writes:facts.fallbacks`    a number of a stored run
    {measured}`read_your_writes:facts.share|.0%`    the same in a format, as in Python
    {measured}`bad_partition:facts.salts|words`     "twelve"; |Words gives "Twelve"
    {given}`60 s`                                   so by definition, not measured

A value that no run has is a warning, and the book is built with warnings as errors.
tools/chapters.py finds numbers that have neither role and should.
"""

import number_words
import stored_runs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

logger = logging.getLogger(__name__)


def words(runs: dict[str, dict], text: str) -> str:
    """The text that `text`, an address with an optional format, stands for.

    Raises stored_runs.Missing for an unknown address, or a value that cannot be shown.
    """
    address, _, form = text.partition("|")
    value = stored_runs.lookup(runs, address.strip())
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise stored_runs.Missing(f"{address!r} is neither a number nor a text")
    try:
        if form:
            return in_form(value, form.strip())
    except ValueError as error:
        raise stored_runs.Missing(f"{text!r}: {error}") from error
    return value if isinstance(value, str) else stored_runs.number(value)


def in_form(value: float | str, form: str) -> str:
    """A value in a format; "words" and "Words" are numbers spelt out."""
    if form.lower() != "words":
        return format(value, form)
    spelt = number_words.spelt(value)
    return spelt.capitalize() if form == "Words" else spelt


class Measured(SphinxRole):
    """Replaces an address by the stored value, marked as measured."""

    def run(self):
        runs = stored_runs.load(self.env, self.env.docname)
        try:
            shown = words(runs, self.text)
        except stored_runs.Missing as missing:
            logger.warning("measured: %s", missing, location=self.get_location())
            shown = "?"
        lab = self.text.partition(":")[0]
        return [nodes.inline("", shown, classes=["measured", f"from-{lab}"])], []


class Given(SphinxRole):
    """Shows its text as it stands."""

    def run(self):
        return [nodes.inline("", self.text, classes=["given"])], []


def setup(app: Sphinx) -> dict:
    app.add_role("measured", Measured())
    app.add_role("given", Given())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
