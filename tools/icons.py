"""Make the site's icons: the few of Font Awesome that its pages show, as a style sheet.

    python tools/icons.py [_build/html]

Reads a built site for the names in use, and the theme for their outlines. Writes
book/_static/icons.css, which draws each as a mask in the colour of the text, and
book/_static/scripts/fontawesome.js, an empty script in the place of the theme's 1.5 MB.
Run it again when a page shows an empty square, or after an update of the theme.
"""

import re
import sys
from pathlib import Path

import pydata_sphinx_theme

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "book" / "_static"
THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme"
SOURCE = THEME / "static" / "scripts" / "fontawesome.js"

# What book.css draws by itself, in front of the titles of boxes.
BOXES = ("circle-info", "coins", "lightbulb", "triangle-exclamation")

# The three families stand in the script one after another, each ended by this call.
FAMILIES = ("brands", "regular", "solid")
LETTERS = {"fab": "brands", "far": "regular", "fas": "solid"}
OUTLINE = re.compile(
    r'[{,]"?(?P<name>[a-z0-9-]+)"?:\[(?P<w>\d+),(?P<h>\d+),\[(?P<aliases>[^\]]*)\],'
    r'"[^"]*","(?P<path>[^"]*)"\]'
)

HEAD = """/* The icons that this site shows, as masks, from Font Awesome Free
   (https://fontawesome.com, CC BY 4.0). Made by tools/icons.py; do not edit. */
"""
RULES = """[class*="fa-"]::before {
  content: "";
  display: inline-block;
  width: 1.15em;
  height: 1em;
  vertical-align: -.125em;
  background: currentColor;
  -webkit-mask: var(--icon) center / contain no-repeat;
  mask: var(--icon) center / contain no-repeat;
}
[class*="fa-"]::before { forced-color-adjust: none; }
.fa-lg { font-size: 1.25em; }
"""
EMPTY = "/* The site's icons are in icons.css. */\n"


def outlines(script: str) -> dict[str, dict[str, str]]:
    """For each family, the SVG of each icon by its name and by its other names."""
    found: dict[str, dict[str, str]] = {}
    for family in FAMILIES:
        part, _, script = script.partition(f'"fa-{family}",p)')
        found[family] = named = {}
        for icon in OUTLINE.finditer(part):
            aliases = re.findall(r'"([^"]+)"', icon["aliases"])
            for name in (icon["name"], *aliases):
                named.setdefault(name, svg(icon["w"], icon["h"], icon["path"]))
    return found


def svg(width: str, height: str, path: str) -> str:
    """A data address of one icon."""
    drawn = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'>"
        f"<path d='{path}'/></svg>"
    )
    return "data:image/svg+xml," + drawn.replace("<", "%3C").replace(">", "%3E")


def in_use(site: Path) -> dict[str, str]:
    """The icons that a built site shows: the family by name."""
    names = dict.fromkeys(BOXES, "solid")
    for file in sorted(
        [*site.rglob("*.html"), *site.glob("_static/scripts/*theme.js")]
    ):
        for classes in re.findall(
            r"fa[bsr]? fa-[a-z0-9 -]+|fa-[a-z]+ fa-[a-z0-9 -]+",
            file.read_text(encoding="utf-8"),
        ):
            words = classes.split()
            family = LETTERS.get(words[0], words[0].removeprefix("fa-"))
            for word in words[1:]:
                names.setdefault(word.removeprefix("fa-"), family)
    return names


def main(site: Path) -> None:
    """Write the style sheet and the empty script."""
    drawn = outlines(SOURCE.read_text(encoding="utf-8"))
    used = {
        name: drawn.get(family, {}).get(name) or drawn["solid"].get(name)
        for name, family in sorted(in_use(site).items())
    }
    icons = {name: icon for name, icon in used.items() if icon}
    known = "".join(
        f'  --icon-{name}: url("{icon}");\n' for name, icon in icons.items()
    )
    rules = "".join(f".fa-{name} {{ --icon: var(--icon-{name}); }}\n" for name in icons)
    (STATIC / "icons.css").write_text(f"{HEAD}:root {{\n{known}}}\n{RULES}{rules}")
    (STATIC / "scripts" / "fontawesome.js").write_text(EMPTY)
    print(f"{len(icons)} icons: {', '.join(icons)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html")
