"""Make the site's faces: the letters that its pages use, of two free families.

    python tools/fonts.py

Fetches Adobe's Source Sans and Source Code with npm, keeps of each what CHARACTERS
lists and the weights that the style sheet asks for, and writes them to
book/_static/fonts with their licences, and to book/_static/fonts.css. Run it again when
a test finds a character on a page that no face has. The same versions give the same
bytes.

The licence (SIL OFL 1.1) reserves the name "Source" for what Adobe publishes, so what
is cut out here goes by other names.
"""

import io
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from book_model import ROOT
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

STATIC = ROOT / "book" / "_static"
FONTS = STATIC / "fonts"

# what is printable of Latin-1, and then of typography, arrows, mathematics and shapes
CHARACTERS = "".join(
    [
        *map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)]),
        "–—‘’“”„†•…‰′″€™←↑→↓↗−≈≠≤≥▴▾✓✗",
    ]
)
LINES = "─│┌┐└┘├┤┬┴┼"  # that draw trees and tables in code
FEATURES = ("kern", "mark", "ccmp", "locl", "tnum", "case", "zero")
NAMES_KEPT = (0, 13, 14)  # copyright, licence, its address


@dataclass(frozen=True)
class Face:
    """One file: what it is cut out of, and what it is for."""

    file: str
    family: str
    package: str
    source: str  # in the package
    weights: tuple[int, int]
    characters: str = CHARACTERS
    style: str = "normal"


SANS, CODE = "source-sans@3.52.0", "source-code-pro@2.42.0"
FACES = (
    Face("text", "Book Text", SANS, "VF/SourceSans3VF-Upright.ttf", (400, 700)),
    Face(
        "italic",
        "Book Text",
        SANS,
        "VF/SourceSans3VF-Italic.ttf",
        (400, 400),
        style="italic",
    ),
    Face(
        "code",
        "Book Code",
        CODE,
        "VF/SourceCodeVF-Upright.ttf",
        (400, 600),
        CHARACTERS + LINES,
    ),
)

# What stands in until a face has come is as wide, so that no line breaks anew.
SAMPLE = (
    "A shopkeeper saves a price and looks at her page. The replica that answers has "
    "not replayed her save, and the page shows an older price than the one she has "
    "saved."
)
WIDTH = {"Arial": 74.16, "Courier New": 0.6 * len(SAMPLE)}  # of the sample, in em
STAND_IN = {
    "Book Text": ("Arial", "Liberation Sans", "Roboto"),
    "Book Code": ("Courier New", "Liberation Mono"),
}


def fetched(package: str, folder: Path) -> tarfile.TarFile:
    """The package as npm has it; none of its scripts is run."""
    pack = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
    name = subprocess.run(pack, check=True, capture_output=True, text=True).stdout
    return tarfile.open(folder / name.strip())


def cut(source: bytes, face: Face) -> TTFont:
    """The face with its characters and weights alone, under its own name."""
    font = TTFont(io.BytesIO(source), recalcTimestamp=False)
    options = Options(layout_features=FEATURES, hinting=False, name_IDs=NAMES_KEPT)
    subsetter = Subsetter(options)
    subsetter.populate(text=face.characters)
    subsetter.subset(font)
    whole = io.BytesIO()
    font.save(whole)
    whole.seek(0)
    font = TTFont(whole, recalcTimestamp=False)
    least, most = face.weights
    instantiateVariableFont(font, {"wght": (least, most)}, inplace=True)
    for place, words in ((1, face.family), (2, face.style), (4, face.family)):
        font["name"].setName(words, place, 3, 1, 0x409)
    font.flavor = "woff2"
    return font


def rule(face: Face) -> str:
    """The style sheet's words for a face."""
    least, most = face.weights
    weight = f"{least} {most}" if most > least else f"{least}"
    return (
        "@font-face {\n"
        f'  font-family: "{face.family}";\n'
        f"  font-style: {face.style};\n"
        f"  font-weight: {weight};\n"
        "  font-display: swap;\n"
        f'  src: url("fonts/{face.file}.woff2") format("woff2");\n'
        "}\n"
    )


def stand_in(family: str, font: TTFont) -> str:
    """The style sheet's words for a face of the system, made as wide and as high."""
    names = STAND_IN[family]
    em, advances = font["head"].unitsPerEm, font["hmtx"]
    glyphs = font.getBestCmap()
    width = sum(advances[glyphs[ord(letter)]][0] for letter in SAMPLE) / em
    scale = width / WIDTH[names[0]]
    high = {
        "ascent": font["hhea"].ascent,
        "descent": -font["hhea"].descent,
        "line-gap": font["hhea"].lineGap,
    }
    heights = "".join(
        f"  {what}-override: {value / em / scale:.1%};\n"
        for what, value in high.items()
    )
    local = ", ".join(f'local("{name}")' for name in names)
    return (
        "@font-face {\n"
        f'  font-family: "{family} until it comes";\n'
        f"  src: {local};\n"
        f"  size-adjust: {scale:.1%};\n{heights}}}\n"
    )


HEAD = """/* The site's faces, cut out of Adobe's Source Sans and Source Code (SIL Open
   Font License 1.1, in fonts/). Made by tools/fonts.py; do not edit. */
"""


def main() -> None:
    """Write the faces, their licences and the style sheet."""
    FONTS.mkdir(exist_ok=True)
    rules, families = [], {}
    with tempfile.TemporaryDirectory() as folder:
        packages = {
            name: fetched(name, Path(folder)) for name in {f.package for f in FACES}
        }
        for face in FACES:
            package = packages[face.package]
            read = package.extractfile(f"package/{face.source}")
            font = cut(read.read(), face)
            font.save(FONTS / f"{face.file}.woff2")
            rules.append(rule(face))
            families.setdefault(face.family, font)
            licence = package.extractfile("package/LICENSE.md").read()
            name = face.package.partition("@")[0]
            (FONTS / f"LICENSE-{name}.md").write_bytes(licence)
            size = (FONTS / f"{face.file}.woff2").stat().st_size
            missing = set(map(ord, face.characters)) - set(font.getBestCmap())
            print(f"{face.file}: {size / 1000:.1f} kB", *sorted(map(chr, missing)))
    rules += [stand_in(family, font) for family, font in families.items()]
    (STATIC / "fonts.css").write_text(HEAD + "".join(rules), "utf-8")


if __name__ == "__main__":
    main()
