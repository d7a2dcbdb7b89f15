"""Mend what the theme's own pages and scripts keep from some readers.

Who hears a page gets a name for every control and a landmark for every part; who types
does not stop at each copy button; who prints gets light pages, whatever is on the
screen; who searches finds numbers, as error codes are.
"""

import re
from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

# the button that folds a chapter's labs away, beside the link to the chapter
FOLD = re.compile(
    r"(<a [^>]*>)([^<]*)(</a><details[^>]*><summary)(?=><span class=\"toc)"
)
# above a column of names: a heading without words is no heading
CORNER = re.compile(r'<th class="head[^>]*>\s*(<p>\s*</p>)?\s*</th>')
SEARCH = '<i class="fa-solid fa-magnifying-glass"></i>\n <span class="search'
PAGE = {
    # each has words of its own, which a label would put out of hearing
    '<summary aria-label="Toggle hidden content">': "<summary>",
    'title="Search" aria-label="Search" data-bs-placement="bottom" '
    f'data-bs-toggle="tooltip">\n {SEARCH}': f'type="button">\n {SEARCH}',
    '<div id="pst-primary-sidebar" class': '<div id="pst-primary-sidebar" '
    'role="region" aria-label="The book" class',
}
SCRIPTS = {
    "copybutton.js": {
        '<button class="copybtn': '<button tabindex="-1" aria-label="Copy" '
        'class="copybtn',
    },
    # beside words of its own
    "togglebutton.js": {"<svg xmlns": '<svg aria-hidden="true" xmlns'},
    # numbers are in the index; only the search box leaves them out
    "searchtools.js": {
        "stopwords.indexOf(queryTermLower) !== -1 ||\n"
        "        queryTerm.match(/^\\d+$/)": "stopwords.indexOf(queryTermLower) !== -1",
    },
}
RULE = re.compile(r"[^{}]*\{[^{}]*\}")
THEME = re.compile(r"\[data-theme=\"?(light|dark)\"?\]")


def mend(app: Sphinx, error: Exception | None) -> None:
    """Go through the built site; what was mended before is left as it is."""
    static = Path(app.outdir, "_static")
    if error or not (static / "styles" / "pydata-sphinx-theme.css").exists():
        return
    for page in Path(app.outdir).rglob("*.html"):
        rewrite(page, named)
    for name, changes in SCRIPTS.items():
        rewrite(static / name, lambda text, c=changes, n=name: changed(text, c, n))
    for sheet in (*static.glob("*.css"), *static.glob("styles/*.css")):
        rewrite(sheet, light_on_paper)


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text("utf-8")
    if (new := change(text)) != text:
        path.write_text(new, "utf-8")


def named(html: str) -> str:
    """A page whose controls have names and whose parts are landmarks."""
    html = FOLD.sub(r'\1\2\3 aria-label="Labs of \2"', html)
    html = CORNER.sub("<td></td>", html)
    for old, new in PAGE.items():
        html = html.replace(old, new)
    return html


def changed(script: str, changes: dict[str, str], name: str) -> str:
    """A script with these changes. Raises ExtensionError where one has no place."""
    for old, new in changes.items():
        if old not in script and new not in script:
            raise ExtensionError(f"{name} has changed: there is no {old!r} to mend")
        script = script.replace(old, new)
    return script


def light_on_paper(css: str) -> str:
    """A style sheet whose dark rules are for screens; its light ones are for paper too,
    where a page that is dark on the screen is printed."""
    if PRINTED in css or not THEME.search(css):
        return css
    return PRINTED + RULE.sub(lambda rule: on_paper(rule[0]), css)


PRINTED = "/* dark rules are for screens */\n"


def on_paper(rule: str) -> str:
    themes = set(THEME.findall(rule.partition("{")[0]))
    if themes == {"dark"}:
        return f"@media screen{{{rule}}}"
    if themes == {"light"}:
        return f"{rule}@media print{{{THEME.sub('[data-theme]', rule)}}}"
    return rule


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", mend, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
