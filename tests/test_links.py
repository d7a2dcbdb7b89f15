"""Links within the book, read from the sources: none is dead, nor is its anchor.

tests/test_site.py asks the same of the built pages; this needs no build, and knows the
pages that are no part of the site.
"""

import json
import re
from functools import cache
from pathlib import Path

import book_model
import pytest
from mdit_py_plugins.anchors.index import slugify

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "book/**/*.md", "labs/*.ipynb")
    for path in ROOT.glob(pattern)
)
each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix()
)
CODE = re.compile(r"^(`{3,})(?!\{).*?^\1|(`+)(?!`).+?\2", re.S | re.M)
LINK = re.compile(r"\]\(\s*<?([^)>\s]+)|\b(?:href|src)=\"([^\"]+)\"")


@cache
def source(path: Path) -> str:
    """The Markdown of a page, or of all such cells of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = (c for c in json.loads(text)["cells"] if c["cell_type"] == "markdown")
    return "\n\n".join("".join(cell["source"]) for cell in cells)


@cache
def places(path: Path) -> set[str]:
    """What can be linked on a page: its headings, its labels, its ids."""
    text = source(path)
    headings = re.findall(r"^#{1,3} +(.*?) *$", CODE.sub(code_words, text), re.M)
    plain = [re.sub(r"\{[\w-]+\}|[`*]|\]\([^)]*\)", "", head) for head in headings]
    return {
        *(slugify(head) for head in plain),
        *re.findall(r"^\(([\w-]+)\)=", text, re.M),
        *re.findall(r"\bid=\"([^\"]+)\"", text),
        *re.findall(r"\{#([\w-]+)", text),
    }


def code_words(code: re.Match) -> str:
    """Code within a line keeps its words, for headings; a block has none."""
    return "" if code[1] else code[0].strip("`")


def dead(path: Path, text: str | None = None) -> list[str]:
    """The links of a page that lead nowhere within the repository."""
    found = CODE.sub("", source(path) if text is None else text)
    return [
        link
        for one, other in LINK.findall(found)
        if not leads_somewhere(path, link := one or other)
    ]


def leads_somewhere(path: Path, link: str) -> bool:
    if re.match(r"[a-z][a-z+.-]*:|//", link):
        return True
    file, _, place = link.partition("#")
    target = (path.parent / file).resolve() if file else path
    if not target.exists() or ROOT not in target.parents:
        return False
    return not place or place in places(target)


@each_page
def test_a_link_within_the_book_leads_somewhere(page: Path) -> None:
    assert dead(page) == []


PAGE = ROOT / "book" / "index.md"


@pytest.mark.parametrize(
    "link",
    [
        "[a page](no_such_page.md)",
        "[a lab](../labs/no_such_lab.ipynb)",
        "[a section](verdicts.md#no-such-section)",
        "[a section of this page](#no-such-section)",
        "[a section of a lab](../labs/read_your_writes.ipynb#no-such-section)",
        "![a picture](_static/no_such_picture.png)",
        '<a href="no_such_page.md">a page</a>',
        "[out of the book](../../elsewhere.md)",
    ],
)
def test_a_dead_link_is_found(link: str) -> None:
    assert len(dead(PAGE, f"Words and {link}.")) == 1


@pytest.mark.parametrize(
    "link",
    [
        "[a page](verdicts.md)",
        "[a section](read_replicas.md#the-guardrail-and-its-price)",
        "[a section of a lab](../labs/read_your_writes.ipynb#break-it)",
        "[elsewhere](https://example.com/no/such/page#place)",
        "`[code](no_such_page.md)`",
        "```\n[code](no_such_page.md)\n```",
    ],
)
def test_a_link_that_leads_somewhere_passes(link: str) -> None:
    assert dead(PAGE, f"Words and\n{link}") == []


# --- titles, by which pages are told apart ---


def title(path: Path) -> str:
    return re.search(r"^# +(.*?) *$", source(path), re.M)[1]


def shared(titles: list[str]) -> list[str]:
    """The titles that more than one page carries."""
    return sorted({one for one in titles if titles.count(one) > 1})


def test_no_two_pages_of_the_book_carry_the_same_title() -> None:
    files = [next(ROOT.glob(f"{name}.*")) for name in book_model.read().docnames]
    assert shared([title(path) for path in files]) == []


def test_a_title_that_two_pages_carry_is_found() -> None:
    assert shared(["Losing a primary", "Caching", "Losing a primary"]) == [
        "Losing a primary"
    ]
