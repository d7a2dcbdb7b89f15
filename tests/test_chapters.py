"""The chapters: their shape, their length, and where each of their numbers comes from.

Each rule of tools/chapters.py is tried first on a page that breaks it.
"""

import book_model
import chapters
import number_words
import pytest
from chapters import SECTIONS, Chapter, complaints

BOOK = book_model.read()
each_chapter = pytest.mark.parametrize("name", [c.name for c in BOOK.chapters])


@each_chapter
def test_a_chapter_follows_the_template_and_takes_its_numbers_from_runs(name) -> None:
    assert complaints(chapters.read(name)) == []


def test_every_numbered_part_is_made_of_chapters_with_labs() -> None:
    assert BOOK.chapters
    assert all(lab.path.exists() for lab in BOOK.labs)


def test_every_chapter_says_what_a_class_can_do_afterwards() -> None:
    teaching = (BOOK.root / "book" / "teaching.md").read_text("utf-8")
    told = teaching.partition("```{objectives}\n")[2].partition("```")[0]
    names = [line.split(": ")[0] for line in told.splitlines()]
    assert sorted(names) == sorted(chapter.name for chapter in BOOK.chapters)


# --- a page that is as it should be, and what spoils it ---

FILLER = "A sentence of plain words that says nothing at all about a run. " * 10


def test_every_lab_has_its_minutes_and_its_paragraph_for_teachers() -> None:
    teaching = (BOOK.root / "book" / "teaching.md").read_text("utf-8")
    for lab in (lab.name for lab in BOOK.labs):
        rows = [s for s in teaching.splitlines() if f"(../labs/{lab}.ipynb)" in s]
        assert [row[:2] for row in rows] == ["| ", "**"], lab


FOLD = """Guess, and run [the lab](../labs/x.ipynb).

:::{admonition} What the lab showed
:class: dropdown

Much was lost, {measured}`x:proofs.p.counts.incident.lost` of it.
:::"""


def page(**said: str) -> Chapter:
    """A good page; `said` adds text to sections, each named by its first word."""
    parts = ["# A title", FILLER]
    for section in SECTIONS:
        first = section.replace("The ", "").split()[0].strip(",").lower()
        fold = FOLD if first == "incident" else ""
        parts += [f"## {section}", FILLER, fold, said.pop(first, "")]
    assert not said
    text = "\n\n".join(parts)
    return Chapter(text, knobs={"SALTS": 12, "CUSTOMERS": 40}, facts={"lost": 50})


def test_a_good_page_passes() -> None:
    assert complaints(page()) == []


@pytest.mark.parametrize("section", SECTIONS)
def test_a_chapter_that_lacks_a_section_fails(section: str) -> None:
    chapter = page()
    chapter.text = chapter.text.replace(f"## {section}\n", "")
    assert complaints(chapter) == [f"the section '{section}' is missing"]


def test_sections_out_of_order_fail() -> None:
    chapter = page()
    chapter.text = (
        chapter.text.replace("## The incident", "## X")
        .replace("## The mechanism", "## The incident")
        .replace("## X", "## The mechanism")
    )
    assert any("not in the template's order" in text for text in complaints(chapter))


def test_a_section_of_the_chapters_own_comes_after_the_guardrail() -> None:
    assert not complaints(page(guardrail="\n\n## The other end\n\nWords."))
    (found,) = complaints(page(ledger="\n\n## An afterthought\n\nWords."))
    assert "'An afterthought' does not follow" in found


@pytest.mark.parametrize(("times", "fails"), [(0, False), (15, True)])
def test_a_chapter_that_is_too_long_fails(times: int, fails: bool) -> None:
    found = complaints(page(promise=FILLER * times))
    assert bool(found) == fails
    assert all("words of prose instead of" in text for text in found)


def test_a_chapter_that_is_too_short_fails() -> None:
    chapter = page()
    chapter.text = chapter.text.replace(FILLER, "Few words.")
    (found,) = complaints(chapter)
    assert "words of prose instead of" in found


def test_code_drawings_tables_and_further_reading_are_not_counted_as_prose() -> None:
    uncounted = (
        "```sql\nselect words, that, are, code\n```\n\n"
        "```{raw} html\n<figure><text>words in a drawing</text></figure>\n```\n\n"
        "| a row | of words |\n\n"
        "## Further reading\n\nA list of words."
    )
    counted = "Two words and [two more](https://example.com/not/these) and {term}`x y`."
    assert chapters.words(f"{counted}\n\n{uncounted}") == 7


# --- the answer ---


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (":class: dropdown", ":class: note", "the incident has no fold"),
        ("](../labs/x.ipynb)", "](x.md)", "before it sends the reader to the lab"),
        ("Guess", "Of {measured}`x:proofs.p.counts.a`, guess", "before the fold"),
    ],
)
def test_an_answer_before_the_question_fails(old, new, complaint) -> None:
    chapter = page()
    chapter.text = chapter.text.replace(old, new)
    (found,) = complaints(chapter)
    assert complaint in found


def test_an_answer_in_an_earlier_section_fails() -> None:
    (found,) = complaints(page(situation="{measured}`x:proofs.p.counts.a` are lost."))
    assert "x:proofs is told before the fold" in found


def test_the_words_of_a_drawing_in_a_box_are_not_prose() -> None:
    drawing = "```{raw} html\n<figure><text>40 words</text></figure>\n```"
    box = f":::{{admonition}} A box\n:class: dropdown\n\nTwo words.\n\n{drawing}\n:::"
    assert chapters.words(box) == 2


# --- numbers ---

TYPED = [
    dict(incident="All 40 customers were told so."),
    dict(incident="Of these, 0 were lost."),
    dict(incident="Forty customers were told so."),
    dict(incident="- nothing\n- twenty-five of them"),
    dict(how="The alarm rings at the third poll, after 12.5 ms."),
    dict(how="| bytes | 1,024 |\n|---|---|\n| pages | few |"),
    dict(guardrail="A record gets three attempts."),
    dict(guardrail="The delay is -1 again."),
    dict(guardrail="\n\n## The other end\n\nIt took 50 ms."),
    dict(incident="```{admonition} Note\n:class: note\n\nIt took 50 ms.\n```"),
    dict(mechanism="In the lab 40 customers come."),
    dict(situation="Our run had 40 customers."),
    dict(mechanism="Of 100 looks {measured}`x:facts.lost` were stale."),
    dict(incident="{measured}`x:facts.a` of 40, see [them](https://example.com)."),
    dict(it="Of 40 there, {measured}`x:facts.lost` are [ours](https://example.com)."),
]


@pytest.mark.parametrize("said", TYPED, ids=str)
def test_a_number_typed_by_hand_where_the_lab_speaks_fails(said: dict) -> None:
    (found,) = complaints(page(**said))
    assert "typed by hand in:" in found


RIGHT = [
    dict(incident="All {measured}`x:facts.customers` customers were told so."),
    dict(incident="{measured}`x:facts.salts|Words` keys, one or two of them twice."),
    dict(how="`TTL` says `-1`, and replica1 has all of PostgreSQL 18 and RFC 5861."),
    dict(how="```sql\nset lock_timeout = '200ms';\n```"),
    dict(
        guardrail="{given}`Three` ways to get it wrong; the default is {given}`10 s`."
    ),
    dict(guardrail="A helper begins at 100 ms [and grows](https://example.com)."),
    dict(guardrail="It was [43 seconds](https://example.com/43) then."),
    dict(incident="Since 3 March 2026 thousands of people know, the first at once."),
    dict(mechanism="At 400 requests a second, about 40 wait."),
    dict(situation="A page takes 114 queries."),
    dict(it="On 21 October 2018 it took 24 hours and 11 minutes."),
]


@pytest.mark.parametrize("said", RIGHT, ids=str)
def test_a_number_that_has_its_source_passes(said: dict) -> None:
    assert complaints(page(**said)) == []


def test_a_knob_of_the_lab_does_not_pass_for_a_number_by_definition() -> None:
    (found,) = complaints(page(incident="{given}`Forty` customers."))
    assert "is CUSTOMERS of a lab" in found
    assert not complaints(page(incident="{given}`Twelve` reasons."))


@pytest.mark.parametrize("before", ["", "It was noon. ", "**At noon.** ", "Was it? "])
def test_a_number_in_words_that_begins_a_sentence_has_a_capital(before: str) -> None:
    (found,) = complaints(
        page(incident=before + "{measured}`x:facts.salts|words` came.")
    )
    assert "begins a sentence" in found
    assert not complaints(page(incident="Of {measured}`x:facts.salts|words` one came."))


def test_a_number_by_definition_is_a_number() -> None:
    (found,) = complaints(page(incident="It is {given}`many`."))
    assert "gives no number" in found


@pytest.mark.parametrize("part", ["title", "desc", "figcaption"])
def test_a_drawing_shows_no_number_that_no_lab_has(part: str) -> None:
    figure = f"```{{raw}} html\n<figure><{part} id='a'>%s</{part}></figure>\n```"
    right = "Forty customers, 50 lost, version 1 of twelve."
    assert not complaints(page(mechanism=figure % right))
    (found,) = complaints(page(mechanism=figure % "41 customers."))
    assert found.startswith("41 in a drawing is neither fact nor knob")


def test_the_knobs_of_a_lab_are_read_from_its_cells() -> None:
    tree = chapters.ast.parse("A, B = 1, 2\nRATE = 0.5\nON = True\nn = 3\nC = A + B")
    found = {}
    for node in tree.body:
        found |= dict(chapters.numbers_set(node.targets[0], node.value))
    assert found == {"A": 1, "B": 2, "RATE": 0.5}
    assert chapters.read("bad_partition").knobs["PARTITIONS"] == 6


def test_a_number_in_words_is_worth_what_it_says() -> None:
    spelt = [number_words.spelt(number).removeprefix("a ") for number in range(101)]
    assert [number_words.VALUES[words] for words in spelt] == [*range(101)]
    assert number_words.spelt(42) == "forty-two"


@pytest.mark.parametrize("number", [-1, 101, 2.5])
def test_a_number_that_prose_would_not_spell_out_is_refused(number: float) -> None:
    with pytest.raises(ValueError):
        number_words.spelt(number)
