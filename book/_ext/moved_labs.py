"""Pages in the place of labs that have gone, so that links to them still lead on.

`moved_labs` in _config.yml says under which names a lab goes now. A lab that was only
renamed sends its readers on at once; one that was split names its parts.
"""

import html
from collections.abc import Iterator

from sphinx.application import Sphinx

ON = '<meta http-equiv="refresh" content="0; url={}">'


def pages(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """Name, context and template of a page for each lab that has gone."""
    for old, new in app.config.moved_labs.items():
        here = f"labs/{old}"
        links = [link(app, here, f"labs/{name}") for name in new]
        items = "".join(f"<li>{one}</li>" for one in links)
        words = "This lab is now" if len(new) == 1 else "This lab has been split into"
        yield (
            here,
            {
                "title": "A lab that has moved",
                "body": f"<h1>A lab that has moved</h1><p>{words}:</p><ul>{items}</ul>",
                "metatags": ON.format(address(app, here, f"labs/{new[0]}"))
                if len(new) == 1
                else "",
            },
            "page.html",
        )


def link(app: Sphinx, here: str, page: str) -> str:
    title = app.env.titles[page].astext()
    return f'<a href="{address(app, here, page)}">{html.escape(title)}</a>'


def address(app: Sphinx, here: str, page: str) -> str:
    return app.builder.get_relative_uri(here, page)


def out_of_the_sitemap(app: Sphinx, config) -> None:
    gone = [f"labs/{old}.html" for old in config.moved_labs]
    config.sitemap_excludes = [*getattr(config, "sitemap_excludes", []), *gone]


def setup(app: Sphinx) -> dict:
    app.add_config_value("moved_labs", {}, "html", dict)
    app.connect("html-collect-pages", pages)
    app.connect("config-inited", out_of_the_sitemap)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
