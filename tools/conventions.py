"""What a lab must look like, beyond what nbval compares.

    python tools/conventions.py [lab ...]

nbval passes a cell that was never run, ignores pictures other than SVG, and knows
nothing of a lab's shape. Each rule here is a function from a notebook to complaints;
`written` holds those on what an author writes, `stored` those on what a run left.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterator

import book_model
import budget
import nbformat
import runner
import store
from nbformat import NotebookNode
from runner import code, tags

MOST_LINES = 15  # of a code cell
LONGEST_LINE = 75  # characters: the site's text column cuts what is longer
EXERCISES = 2
FIRST_LINE = "# A solution"  # of a solution
# above the first import, so that Python shows it to whoever opens a notebook by itself
ALONE = "# no labkit? Clone its book: github.com/bottleneck-always-moves/book"
INTRODUCTIONS = ("One solution:", "A solution:")
# The sections of a lab, in this order. Others may stand between them, and a heading may
# say more after a colon: "Break it: the cache forgets".
SECTIONS = (
    "Set up",
    "Start the servers",
    "Healthy",
    "Break it",
    "Read the evidence",
    "The guardrail",
    "Prove it",
    "What it costs",
    "Turn the knob",
    "Accepted for now",
    "Exercises",
)

Rule = Callable[[NotebookNode], Iterator[str]]

# The steps of a lab in the order in which a reader meets them, each by its call. Those
# in one group may come in any order.
STEPS = (
    {"set up": r"\bLab\("},
    {"start the servers": r"\blab\.start\("},
    {"healthy": r"\.control\(\)"},
    {"break it": r"\.incident\(\)"},
    {"have it guessed": r"\bshow\.guess\(", "draw it": r"\bshow\.timeline\("},
    {"guard it": r"\.guard\("},
    {
        "prove the guardrail": r"\.guarded\(\)",
        "try it on a quiet day": r"\.idle\(\)",
        "try half of it": r"\.half\(",
        "take the guardrail away": r"\.unguarded\(\)",
    },
    {"turn the knob": r"\bexplore\("},
    {"the ledger line": r"\blab\.ledger\("},
    {"exercises": r"\blab\.exercise\("},
)
LABKIT = re.compile(r"(from|import) labkit\b")
RUNS = re.compile(r"\.(control|incident|guarded|idle|unguarded)\(\)")
WANTED = {
    "control": "holds",
    "incident": "violated",
    "guarded": "holds",
    "idle": "holds",
    "unguarded": "violated",
}
PICTURES = {"image/svg+xml", "image/png", "image/jpeg"}


def prose(notebook: NotebookNode) -> str:
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


# --- what an author writes ---


def is_comment(line: str) -> bool:
    return line.startswith("#")


def cells_are_short(notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        lines = cell.source.splitlines()
        count = len(lines) - lines.count(ALONE)
        if "solution" in tags(cell):  # what explains it stands in no other cell
            count -= len([*itertools.takewhile(is_comment, lines)])
        if count > MOST_LINES:
            yield f"cell '{cell.id}' has {count} lines, more than {MOST_LINES}"
        for line in lines:
            if len(line) > LONGEST_LINE:
                yield f"cell '{cell.id}' has a line over {LONGEST_LINE}: {line[:40]}..."


def cells_are_introduced(notebook: NotebookNode) -> Iterator[str]:
    before = None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if not cell.source.strip():
                yield f"cell '{cell.id}' is empty"
            text = before.source if before and before.cell_type == "markdown" else ""
            sentences = [line for line in text.splitlines() if line.strip()]
            if not sentences or sentences[-1].startswith("#"):
                yield f"cell '{cell.id}' is not introduced by a sentence"
        before = cell


def cells_have_readable_ids(notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        if re.fullmatch(r"[0-9a-f]{8}(-.*)?", cell.id) or re.fullmatch(r"\W*", cell.id):
            yield f"cell id '{cell.id}' says nothing: give it a readable one"


def no_cell_escapes_comparison(notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        if "nbval-skip" in tags(cell):
            yield f"cell '{cell.id}' is skipped by nbval"
        if ("nbval-ignore-output" in tags(cell)) != ("timing" in tags(cell)):
            yield f"cell '{cell.id}' has one of the tags nbval-ignore-output and timing"
        if "timing" in tags(cell) and RUNS.search(cell.source):
            yield f"cell '{cell.id}' gives a verdict that nobody compares"


def nothing_hides_behind_a_semicolon(notebook: NotebookNode) -> Iterator[str]:
    # nbval runs cells without a history, and IPython looks for the semicolon there
    for cell in code(notebook):
        if cell.source.rstrip().endswith(";"):
            yield f"cell '{cell.id}' ends in a semicolon: nbval shows what it hides"


def steps_come_in_order(notebook: NotebookNode) -> Iterator[str]:
    source = "\n".join(cell.source for cell in code(notebook))
    before: dict[str, int] = {}
    for group in STEPS:
        places = {}
        for step, call in group.items():
            if found := re.search(call, source):
                places[step] = found.start()
            else:
                yield f"the step '{step}' is missing: no {call}"
        for early, late in itertools.product(before, places):
            if before[early] > places[late]:
                yield f"the step '{late}' comes before '{early}'"
        before = places or before


def it_fits_its_budget(notebook: NotebookNode) -> Iterator[str]:
    yield from budget.size(notebook.cells).complaints()


def its_reader_is_told_the_minutes(notebook: NotebookNode) -> Iterator[str]:
    told = re.search(r"to\s+read\s+it\s+takes\s+(\d+)\s+minutes", prose(notebook))
    minutes = round(budget.size(notebook.cells).minutes)
    if not told:
        yield "its reader is not told how long it is read: to read it takes ... minutes"
    elif int(told[1]) < minutes:
        yield f"it is read in {minutes} minutes, and {told[1]} are told"


def whoever_has_it_alone_is_told_what_to_do(notebook: NotebookNode) -> Iterator[str]:
    lines = "\n".join(cell.source for cell in code(notebook)).splitlines()
    first = next((n for n, at in enumerate(lines) if LABKIT.match(at)), 0)
    if not first or lines[first - 1] != ALONE:
        yield f"above the first import of labkit there is no line {ALONE!r}"


def the_reader_is_asked_first(notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        if "show.guess(" in cell.source:
            return
        if budget.VIOLATED.search(budget.shown(cell)):
            yield f"cell '{cell.id}' shows a violated verdict before it was guessed"
            return


def the_knobs_keep_their_servers(notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        if "lab.close()" in cell.source:
            yield (
                f"cell '{cell.id}' closes the lab: after Run All its controls would "
                "have no servers"
            )


def sections_guide_the_reader(notebook: NotebookNode) -> Iterator[str]:
    lines = prose(notebook).splitlines()
    if sum(line.startswith("# ") for line in lines) != 1 or not lines[0].startswith(
        "# "
    ):
        yield "the notebook does not begin with its one title"
    found = [line[3:].split(":")[0].strip() for line in lines if line.startswith("## ")]
    for section in SECTIONS:
        if section not in found:
            yield f"the section '{section}' is missing"
    first = list(dict.fromkeys(heading for heading in found if heading in SECTIONS))
    if len(first) == len(SECTIONS) and first != list(SECTIONS):
        yield f"the sections are not in the template's order: {', '.join(first)}"


LIVE = "set of live controls"
ONE_OF_EACH = {
    "panel": r"\bexplore\(",
    LIVE: r"\bshow\.live\(",
    "ledger line": r"\blab\.ledger\(",
}


def one_of_each(notebook: NotebookNode) -> Iterator[str]:
    source = "\n".join(cell.source for cell in code(notebook))
    for name, call in ONE_OF_EACH.items():
        if (found := len(re.findall(call, source))) != 1:
            yield f"{found} cells make a {name} instead of one"
    for cell in code(notebook):
        # `make incident` has no kernel to control, and leaves out what is so tagged
        if ("live" in tags(cell)) != bool(re.search(ONE_OF_EACH[LIVE], cell.source)):
            yield f"cell '{cell.id}' has live controls or the tag live, but not both"


def exercises_can_be_solved(notebook: NotebookNode) -> Iterator[str]:
    solved = [cell for cell in code(notebook) if "solution" in tags(cell)]
    asked = [
        c for c in code(notebook) if "lab.exercise(" in c.source and c not in solved
    ]
    if not len(asked) == len(solved) == EXERCISES:
        yield f"{len(asked)} exercises, {len(solved)} solutions: {EXERCISES} are wanted"
    for cell in solved:
        if "hide-cell" not in tags(cell):
            yield f"the solution '{cell.id}' is not folded"
        if not re.search(r"\blab\.solution\(|assert .*\.correct", cell.source):
            yield f"the solution '{cell.id}' does not assert that it is correct"
        if cell.source.partition("\n")[0] != FIRST_LINE:
            # which JupyterLab shows of what it folds
            yield f"the solution '{cell.id}' does not open with '{FIRST_LINE}'"


def solutions_are_introduced_without_an_answer(
    notebook: NotebookNode,
) -> Iterator[str]:
    for cell, after in itertools.pairwise(notebook.cells):
        if "solution" in tags(after) and cell.source not in INTRODUCTIONS:
            yield (
                f"the solution '{after.id}' is introduced by more than "
                f"'{INTRODUCTIONS[0]}': what explains it belongs into its comment"
            )


def links_are_plain(notebook: NotebookNode) -> Iterator[str]:
    for found in re.findall(
        r"\{[a-z:]+\}`[^`]*`|^:::.*|^\([\w-]+\)=$", prose(notebook), re.M
    ):
        yield f"{found} shows as raw text in JupyterLab"


# --- what a run left ---


def every_cell_ran_in_order(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"cells were not run once each from the top: {counts}"


def only_expected_errors(notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed != ("raises-exception" in tags(cell)):
            yield f"cell '{cell.id}' {'raised' if failed else 'should have raised'}"


def nothing_on_stderr(notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"cell '{cell.id}' wrote to stderr, about this computer: store again"


def no_widget_state(notebook: NotebookNode) -> Iterator[str]:
    if "widgets" in notebook.metadata:
        yield "widget state is stored"
    for cell in code(notebook):
        for output in cell.outputs:
            if store.WIDGET in output.get("data", {}):
                yield f"cell '{cell.id}' stores a widget that no page can show"


def figures_speak(notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        kinds = {kind for out in cell.outputs for kind in out.get("data", {})}
        if kinds & PICTURES:
            told = cell.metadata.get("mystnb", {})
            if not told.get("image", {}).get("alt"):
                yield f"the figure of '{cell.id}' has no alt text"
            if not told.get("figure", {}).get("caption"):
                yield f"the figure of '{cell.id}' has no caption"
            if not told.get("figure", {}).get("name"):
                yield f"the figure of '{cell.id}' has no name"
            if kinds & PICTURES != {"image/svg+xml"}:
                yield f"the figure of '{cell.id}' is not SVG, so nbval ignores it"


def verdicts_are_shown(notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        text = " ".join(
            out.get("text", "") + str(out.get("data", {}).get("text/plain", ""))
            for out in cell.outputs
        ).lower()
        for run in RUNS.findall(cell.source):
            if WANTED[run] not in text:
                yield f"cell '{cell.id}' does not show that {run} is {WANTED[run]}"


def stored_as_the_tool_stores(notebook: NotebookNode) -> Iterator[str]:
    again = store.tidied(nbformat.from_dict(notebook))
    if nbformat.writes(again) != nbformat.writes(notebook):
        yield "something in the file changes by itself: run make store"


WRITTEN: list[Rule] = [
    cells_are_short,
    cells_are_introduced,
    cells_have_readable_ids,
    no_cell_escapes_comparison,
    nothing_hides_behind_a_semicolon,
    steps_come_in_order,
    sections_guide_the_reader,
    it_fits_its_budget,
    its_reader_is_told_the_minutes,
    whoever_has_it_alone_is_told_what_to_do,
    the_reader_is_asked_first,
    the_knobs_keep_their_servers,
    one_of_each,
    exercises_can_be_solved,
    solutions_are_introduced_without_an_answer,
    links_are_plain,
]
STORED: list[Rule] = [
    every_cell_ran_in_order,
    only_expected_errors,
    no_widget_state,
    nothing_on_stderr,
    figures_speak,
    verdicts_are_shown,
    stored_as_the_tool_stores,
]


def complaints(notebook: NotebookNode, rules: list[Rule]) -> list[str]:
    """What these rules say against the notebook; nothing when all is well."""
    return [text for rule in rules for text in rule(notebook)]


def main(names: list[str]) -> int:
    found = 0
    for lab in book_model.labs_or_exit(names):
        for text in complaints(runner.read(lab.path), WRITTEN + STORED):
            found += 1
            print(f"{lab.name}: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
