"""Keep every page to its own host, and to what it uses.

Thebe would run cells in the page, needs a server, and its script throws an error on
every page because Jupyter Book declares one constant twice. The theme's icons come as
1.5 MB of script and 270 kB of fonts: icons.css, made by tools/icons.py, replaces both,
so the rules for fonts are taken out of the theme's style sheet.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

STYLES = "_static/styles/pydata-sphinx-theme.css"
FONT_RULE = re.compile(r"@font-face\{[^}]*Font Awesome[^}]*\}")
ICON = r"\.fa(?:-[\w-]+|[brs]?)(?::{1,2}before)?"
ICON_RULE = re.compile(rf"(?<=[}}/])(?:{ICON},)*{ICON}\{{[^}}]*\}}")


def drop_thebe(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Leave Thebe's scripts and style sheets out of the page."""
    for kind in ("script_files", "css_files"):
        kept = [each for each in context.get(kind, []) if "thebe" not in _text(each)]
        context[kind][:] = kept


def _text(asset) -> str:
    body = getattr(asset, "attributes", {}).get("body", "")
    return f"{getattr(asset, 'filename', asset)} {body}".lower()


def slim(app: Sphinx, error: Exception | None) -> None:
    """Take the rules of the icon fonts out of the built style sheet."""
    styles = Path(app.outdir, STYLES)
    if error or not styles.exists():
        return
    styles.write_text(without_icons(styles.read_text("utf-8")), "utf-8")


def without_icons(css: str) -> str:
    """A style sheet without the fonts of Font Awesome and without its icons."""
    return ICON_RULE.sub("", FONT_RULE.sub("", css))


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", drop_thebe, priority=950)
    app.connect("build-finished", slim)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
