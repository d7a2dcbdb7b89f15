"""The one reading of _toc.yml: chapters with several labs, names that have gone."""

import json
from pathlib import Path

import book_model
import pytest

TOC = """
root: book/index
parts:
  - caption: Before
    chapters:
      - file: book/how_to_read
  - caption: Queues
    chapters:
      - file: book/promise
        sections:
          - file: labs/kept
          - file: labs/lost
      - file: book/order
        sections:
          - file: labs/twice
"""
CONFIG = """
sphinx:
  config:
    moved_labs:
      whole: [kept, lost]
      again: [twice]
"""


@pytest.fixture
def book(tmp_path: Path) -> book_model.Book:
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "_config.yml").write_text(CONFIG)
    (tmp_path / "labs").mkdir()
    cells = [
        {"cell_type": "markdown", "source": ["Words.\n", "# A title\n"]},
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"]},
    ]
    for name in ("kept", "lost", "twice", "a_draft"):
        path = tmp_path / "labs" / f"{name}.ipynb"
        path.write_text(json.dumps({"cells": cells}))
    return book_model.read(tmp_path)


def names(pages: list) -> list[str]:
    return [page.name for page in pages]


def test_a_chapter_may_have_several_labs(book) -> None:
    assert names(book.chapters) == ["promise", "order"]
    assert names(book.chapters[0].labs) == ["kept", "lost"]
    assert names(book.labs) == ["kept", "lost", "twice"]
    assert book.chapter_of("lost").name == "promise"
    assert book.chapter_of("a_draft") is None


def test_every_page_has_its_place_in_reading_order(book) -> None:
    assert " ".join(book.docnames) == (
        "book/index book/how_to_read book/promise labs/kept labs/lost "
        "book/order labs/twice"
    )


@pytest.mark.parametrize(
    ("lab", "after"), [("kept", "lost"), ("lost", "twice"), ("twice", ""), ("x", "")]
)
def test_the_next_lab_is_the_next_in_reading_order(book, lab, after) -> None:
    found = book.after(lab)
    assert (found.name if found else "") == after


def test_a_lab_is_found_by_its_name_also_before_it_is_in_the_contents(book) -> None:
    assert names(book.find(["twice", "labs/kept.ipynb", "a_draft"])) == [
        *("twice", "kept", "a_draft")
    ]
    assert names(book.find([])) == ["kept", "lost", "twice"]


@pytest.mark.parametrize(
    ("old", "sentence"),
    [
        ("whole", "The lab 'whole' has been split: kept, lost."),
        ("again", "The lab 'again' goes by another name now: twice."),
        ("nope", "No lab named 'nope'. There are: kept, lost, twice, a_draft."),
    ],
)
def test_a_name_that_is_no_labs_is_told_in_one_sentence(book, old, sentence) -> None:
    with pytest.raises(book_model.Unknown) as caught:
        book.find([old])
    assert str(caught.value) == sentence


def test_a_lab_knows_its_title_and_its_cells(book) -> None:
    (lab,) = book.find(["kept"])
    assert lab.title == "A title"
    assert [cell["source"] for cell in lab.cells()] == ["a = 1\nb = 2"]


def test_without_stored_runs_there_are_none(book) -> None:
    assert book.runs == {}


def test_labs_that_have_moved_lead_to_labs_that_are_there() -> None:
    book = book_model.read()
    there = set(names(book.labs))
    for old, new in book.moved.items():
        assert old not in there, f"{old} is still there"
        assert new, f"{old} leads nowhere"
        assert set(new) <= there, f"{old} leads to a lab that is not there"
