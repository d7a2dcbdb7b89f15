"""Keep every page to its own host, and to what it uses.

Thebe would run cells in the page, needs a server, and its script throws an error on
every page because Jupyter Book declares one constant twice. The theme's icons come as
1.5 MB of script and 270 kB of fonts: icons.css, made by tools/icons.py, replaces both,
so the rules for fonts are taken out of the theme's style sheet.
"""

import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx

FONT_RULE = re.compile(r"@font-face\{[^}]*Font Awesome[^}]*\}")
ICON = r"\.fa(?:-[\w-]+|[brs]?)(?::{1,2}before)?"
ICON_RULE = re.compile(rf"(?<=[}}/])(?:{ICON},)*{ICON}\{{[^}}]*\}}")


def trim(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Leave out of the page the scripts and style sheets that it has no use for."""
    unused = ["thebe"]
    if "sd-" not in context.get("body", ""):  # no card, tab or grid on this page
        unused += ["sphinx-design", "design-tabs"]
    for kind in ("script_files", "css_files"):
        every = context.get(kind, [])
        every[:] = [e for e in every if not any(word in _text(e) for word in unused)]


def _text(asset) -> str:
    body = getattr(asset, "attributes", {}).get("body", "")
    return f"{getattr(asset, 'filename', asset)} {body}".lower()


def slim(app: Sphinx, error: Exception | None) -> None:
    """Take the icon fonts and the maps for debuggers out of the built site."""
    static = Path(app.outdir, "_static")
    styles = static / "styles" / "pydata-sphinx-theme.css"
    if error or not styles.exists():
        return
    styles.write_text(without_icons(styles.read_text("utf-8")), "utf-8")
    shutil.rmtree(static / "vendor" / "fontawesome", ignore_errors=True)
    for source_map in static.rglob("*.map"):
        source_map.unlink()


def without_icons(css: str) -> str:
    """A style sheet without the fonts of Font Awesome and without its icons."""
    return ICON_RULE.sub("", FONT_RULE.sub("", css))


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", trim, priority=950)
    app.connect("build-finished", slim)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
