"""Show a page soon: one style sheet before its first paint, and every script after it.

The theme and the extensions come with a dozen style sheets and as many scripts, and a
browser paints nothing before it has them all. The style sheets are put into one,
site.css, in the order in which pages name them; scripts are deferred; and what only the
theme's search as one types would use is left to the page of the search. The template
book/_templates/layout.html writes the head of the page.

A style sheet that is not listed here is loaded by itself, and a test finds it.
"""

import functools
import hashlib
from fnmatch import fnmatch
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SHEETS = (
    "basic.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "togglebutton.css",
    "copybutton.css",
    "mystnb.*.css",
    "fonts.css",
    "icons.css",
    "hero.css",
    "book.css",
)
FACES = ("text.woff2",)  # what the first screen of every page shows
OPTIONS = "documentation_options.js"  # a few lines, which others of the page change


def lighten(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Leave out of the head what is in site.css, and defer the scripts."""
    static = Path(app.outdir, "_static")
    listed = [f"_static/{name}" for name in SHEETS]
    context["css_files"] = [
        sheet
        for sheet in context["css_files"]
        if not any(fnmatch(sheet.filename, name) for name in listed)
    ]
    context["sheet_version"] = version(static)
    context["first_faces"] = FACES
    if pagename != "search":  # its own scripts follow at once, and need these
        scripts = context["script_files"]
        context["script_files"] = [deferred(script, static) for script in scripts]


def deferred(script, static: Path):
    """The script, to be run when the page is there; what is inline stays as it is."""
    if not script.filename:
        return script
    if Path(script.filename).name == OPTIONS:
        body = (static / OPTIONS).read_text("utf-8")
        return type(script)("", priority=script.priority, body=body)
    return type(script)(
        script.filename,
        priority=script.priority,
        **script.attributes,
        defer="defer",
    )


@functools.cache
def version(static: Path) -> str:
    """Differs when a style sheet does, so that no browser shows an older one. One that
    is copied after the pages are written has its version in its name."""
    texts = [path.read_bytes() for name in SHEETS for path in static.glob(name)]
    return hashlib.sha256(b"".join(texts)).hexdigest()[:8]


def bundle(app: Sphinx, error: Exception | None) -> None:
    """Put the style sheets into one, when the other extensions have mended them."""
    static = Path(app.outdir, "_static")
    if error or app.builder.format != "html":
        return
    texts = []
    for name in SHEETS:
        paths = list(static.glob(name))
        if len(paths) != 1:
            raise ExtensionError(f"{name} should be one style sheet, not {len(paths)}")
        texts.append(paths[0].read_text("utf-8"))
    (static / "site.css").write_text("\n".join(texts), "utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", lighten, priority=960)
    app.connect("build-finished", bundle, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
