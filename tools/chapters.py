"""What a chapter must look like: its sections, its length, and where numbers come from.

    python tools/chapters.py [chapter ...]

Each rule is a function from a chapter to complaints. CONTRIBUTING.md tells authors the
same in prose.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import book_model
from book_model import ROOT, Book, Lab

sys.path.append(str(ROOT / "book" / "_ext"))

from number_words import VALUES

SECTIONS = (
    "The promise, and who feels it",
    "The situation",
    "The mechanism",
    "The incident",
    "How to read it",
    "The guardrail, and its price",
    "It happened to others",
    "Accepted for now",
    "Ledger",
    "Further reading",
)
# Here every number is the lab's, unless the sentence links a source of its own. The
# same holds for sections that are not in the template; they follow the guardrail.
OF_THE_LAB = ("The incident", "How to read it", "The guardrail, and its price")
FEWEST, MOST = 1_200, 2_500  # words of prose
PLAIN = 12  # numbers up to this are too common to tell a knob from a coincidence


@dataclass
class Chapter:
    """A chapter's text and what its labs know: the numbers in them, by name."""

    text: str
    knobs: dict[str, float] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)


Rule = Callable[[Chapter], Iterator[str]]

# --- a page, taken apart ---

FENCE = re.compile(r"^(`{3,}|:{3,})(.*?)\n(.*?)^\1\s*$", re.S | re.M)
ROLE = re.compile(r"\{([\w-]+)\}`([^`]*)`")


def prose(text: str) -> str:
    """The page without code and drawings; the words in a box are prose."""

    def kept(fence: re.Match) -> str:
        if "{admonition}" not in fence[2]:
            return ""
        return prose(re.sub(r"^:\w+:.*$", "", fence[3], flags=re.M))

    return FENCE.sub(kept, text)


def sections(text: str) -> list[tuple[str, str]]:
    """Heading and prose of each section; what stands before them has no heading."""
    parts = re.split(r"^## +(.*?) *$", prose(text), flags=re.M)
    return [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]


def sentences(body: str) -> Iterator[str]:
    """The sentences of a section; a row of a table counts as one."""
    for block in re.split(r"\n\s*\n|\n(?=[|>*-] ?)", body):
        flat = " ".join(block.split())
        if flat.startswith("|"):
            yield flat
        elif not flat.startswith("#"):
            yield from re.split(r"(?<=[.!?])[*\"”)]*\s+(?=[^\w]*[A-Z]|[`{])", flat)


# --- sections and length ---


def sections_follow_the_template(chapter: Chapter) -> Iterator[str]:
    found = [heading for heading, _ in sections(chapter.text)[1:]]
    for section in SECTIONS:
        if section not in found:
            yield f"the section '{section}' is missing"
    known = [heading for heading in found if heading in SECTIONS]
    if len(known) == len(SECTIONS) and known != list(SECTIONS):
        yield f"the sections are not in the template's order: {', '.join(known)}"
    before = ""
    for heading in found:
        if heading in SECTIONS:
            before = heading
        elif before != OF_THE_LAB[-1]:
            yield f"the section '{heading}' does not follow '{OF_THE_LAB[-1]}'"


def words(text: str) -> int:
    """Words of prose: no code, drawing, table, heading or list of further reading."""
    body = "\n".join(b for h, b in sections(text) if h != "Further reading")
    body = ROLE.sub("word", re.sub(r"^[#|].*$", "", body, flags=re.M))
    body = re.sub(r"\]\([^)]*\)", "]", body)
    return sum(bool(re.search(r"\w", word)) for word in body.split())


def it_is_read_in_one_sitting(chapter: Chapter) -> Iterator[str]:
    if not FEWEST <= (found := words(chapter.text)) <= MOST:
        yield f"{found} words of prose instead of {FEWEST} to {MOST}"


# --- numbers ---

MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|"
    "December"
)
NAMED = "PostgreSQL|Redis|Valkey|Kafka|nginx|Python|[Vv]ersions?|RFC|KIP|Figure"
FROM_THREE = "|".join(
    word for word, value in sorted(VALUES.items(), reverse=True) if value > 2
)
NUMBER = re.compile(rf"(?<![\w.-])[-−]?\d(?:[\d.,]*\d)?|\b(?:{FROM_THREE})\b", re.I)
NO_NUMBERS = [
    ROLE,
    re.compile(r"(`+)(?!`).+?\1"),  # code
    re.compile(r"!?\[[^\]]*\]\(https?://[^)]*\)"),  # words of a source
    re.compile(r"\]\([^)]*\)|<[^>]+>"),  # addresses and markup
    re.compile(rf"\b(?:{NAMED}) \d[\d.]*"),
    re.compile(rf"(?:\b\d{{1,2}} )?\b(?:{MONTHS})\b(?: \d{{4}})?"),
]
SPEAKS_OF_THE_LAB = re.compile(r"\{measured\}`|\blabs?\b(?!/)|\bour (own )?run\b", re.I)
CITED = re.compile(r"\]\(https?://")
DRAWN = re.compile(r"<(title|desc|figcaption)\b[^>]*>(.*?)</\1>", re.S)


def value(number: str) -> float:
    """What a number, in digits or in words, is worth."""
    plain = number.lower().replace(",", "").replace("−", "-")
    return VALUES[plain] if plain in VALUES else float(plain)


def fed_by_the_lab(heading: str, sentence: str) -> bool:
    """Whether the numbers of this sentence must be those of the lab's run."""
    if SPEAKS_OF_THE_LAB.search(sentence):
        return True
    own = bool(heading) and heading not in set(SECTIONS) - set(OF_THE_LAB)
    return own and not CITED.search(sentence)


def typed(sentence: str) -> list[str]:
    """The numbers in a sentence that somebody has typed by hand."""
    for pattern in NO_NUMBERS:
        sentence = pattern.sub(" ", sentence)
    return NUMBER.findall(sentence)


def no_number_of_the_lab_is_typed(chapter: Chapter) -> Iterator[str]:
    for heading, body in sections(chapter.text):
        for sentence in sentences(body):
            if fed_by_the_lab(heading, sentence) and (found := typed(sentence)):
                yield f"{', '.join(found)} typed by hand in: {sentence}"


def no_knob_passes_for_given(chapter: Chapter) -> Iterator[str]:
    for role, text in ROLE.findall(chapter.text):
        if role != "given":
            continue
        numbers = [value(found) for found in NUMBER.findall(text)]
        if not numbers:
            yield f"{{given}}`{text}` gives no number"
        for name, knob in chapter.knobs.items():
            if knob > PLAIN and knob in numbers:
                yield f"{{given}}`{text}` is {name} of a lab: measure and quote it"


def drawings_show_what_a_lab_has(chapter: Chapter) -> Iterator[str]:
    there = {*chapter.knobs.values(), *chapter.facts.values()}
    for _, text in DRAWN.findall(chapter.text):
        for number in typed(text):
            if value(number) not in there:
                yield f"{number} in a drawing is neither fact nor knob: {text}"


SMALL = re.compile(r"(?:^|[.?!]\*{0,2} )(\{measured\}`[^`]*\|words`)", re.M)


def a_number_in_words_begins_a_sentence_large(chapter: Chapter) -> Iterator[str]:
    for found in SMALL.findall(prose(chapter.text)):
        yield f"{found} begins a sentence, so it is |Words"


# --- the answer ---

FOLDED = re.compile(r"^:{3,}\{admonition\}[^\n]*\n:class: dropdown$", re.M)
ANSWER = re.compile(r"\{measured\}`\w+:proofs\.")


def the_answer_is_folded(chapter: Chapter) -> Iterator[str]:
    """Readers are sent to the lab, then may unfold what it showed."""
    before, found, after = chapter.text.partition("\n## The incident\n")
    if not found:
        return  # another rule says so
    incident = after.partition("\n## ")[0]
    if not (fold := FOLDED.search(incident)):
        yield "the incident has no fold (:class: dropdown) with what the lab showed"
        return
    if "](../labs/" not in (told := incident[: fold.start()]):
        yield "the incident unfolds before it sends the reader to the lab"
    for early in ANSWER.findall(before + told):
        yield f"{early.rstrip('.')} is told before the fold"


RULES: list[Rule] = [
    sections_follow_the_template,
    it_is_read_in_one_sitting,
    no_number_of_the_lab_is_typed,
    no_knob_passes_for_given,
    drawings_show_what_a_lab_has,
    a_number_in_words_begins_a_sentence_large,
    the_answer_is_folded,
]


def complaints(chapter: Chapter) -> list[str]:
    """What the rules say against the chapter; nothing when all is well."""
    return [text for rule in RULES for text in rule(chapter)]


# --- the book ---


def knobs(lab: Lab) -> dict[str, float]:
    """The numbers to which a lab's cells set names in capitals."""
    found = {}
    for cell in lab.cells():
        for node in ast.parse(cell["source"]).body:
            if isinstance(node, ast.Assign):
                found |= dict(numbers_set(node.targets[0], node.value))
    return found


def numbers_set(target: ast.expr, to: ast.expr) -> Iterator[tuple[str, float]]:
    """Names and numbers of an assignment of literals: A = 1, or A, B = 1, 2."""
    if isinstance(target, ast.Tuple) and isinstance(to, ast.Tuple):
        for one, its in zip(target.elts, to.elts, strict=True):
            yield from numbers_set(one, its)
    elif isinstance(target, ast.Name) and target.id.isupper():
        number = to.value if isinstance(to, ast.Constant) else None
        if isinstance(number, int | float) and not isinstance(number, bool):
            yield target.id, number


def read(name: str, book: Book | None = None) -> Chapter:
    """A chapter, with the numbers of its own labs and of every lab that it quotes."""
    book = book or book_model.read()
    page = next(page for page in book.pages if page.name == name)
    text = page.path.read_text(encoding="utf-8")
    known = {lab.name: lab for lab in book.labs if lab.name in book.runs}
    quoted = {*re.findall(r"\{measured\}`(\w+):", text)} & set(known)
    chapter = Chapter(text)
    for lab in sorted(quoted | {lab.name for lab in page.labs} & set(known)):
        chapter.knobs |= knobs(known[lab])
        numbers = book.runs[lab]["facts"].items()
        chapter.facts |= {k: v for k, v in numbers if isinstance(v, int | float)}
    return chapter


def main(names: list[str]) -> int:
    found = 0
    book = book_model.read()
    for name in names or [chapter.name for chapter in book.chapters]:
        for text in complaints(read(Path(name).stem, book)):
            found += 1
            print(f"{Path(name).stem}: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
