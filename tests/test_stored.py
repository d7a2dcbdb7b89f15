"""The labs as they are stored: what nbval lets through is caught here.

Each rule of tools/conventions.py is tried first on a notebook that breaks it.
"""

import copy
import re
from pathlib import Path

import book_model
import budget
import conventions
import nbformat
import pytest
import store
from conventions import STORED, WRITTEN, code, complaints
from nbformat import NotebookNode, v4

ROOT = Path(__file__).resolve().parent.parent
LABS = [lab.path for lab in book_model.read().labs]
TEMPLATE = ROOT / "tools" / "template.ipynb"

each_lab = pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    return notebook


@each_lab
def test_a_lab_is_written_by_the_conventions(path: Path) -> None:
    assert complaints(read(path), WRITTEN) == []


@each_lab
def test_a_lab_is_stored_as_a_whole_run_left_it(path: Path) -> None:
    assert complaints(read(path), STORED) == []


@each_lab
def test_a_lab_calls_itself_by_the_name_of_its_file(path: Path) -> None:
    source = "\n".join(cell.source for cell in code(read(path)))
    assert re.search(r"\bLab\(\s*[\"'](\w+)[\"']", source)[1] == path.stem


def test_the_template_follows_the_conventions() -> None:
    assert complaints(read(TEMPLATE), WRITTEN) == []


# --- the runs that the pages quote ---


def runs() -> dict:
    return book_model.read().runs


def test_every_lab_has_its_run_and_every_run_its_lab() -> None:
    assert sorted(runs()) == sorted(path.stem for path in LABS)


@each_lab
def test_every_proof_was_run_every_way_and_came_out_as_it_must(path: Path) -> None:
    proofs = runs()[path.stem]["proofs"]
    assert proofs
    for name, proof in proofs.items():
        shown = {run: proof.get(run) for run in conventions.WANTED}
        assert set(proof["halves"].values()) <= {"violated", "not useful"}, name
        assert proof["halves"], f"{name}: no half measure was shown"
        assert shown == conventions.WANTED, name


@each_lab
def test_a_run_tells_what_the_pages_quote(path: Path) -> None:
    told = runs()[path.stem]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", told["date"])
    alone = "numbers alone" in path.read_text("utf-8")  # and it says so
    assert told["servers"] or alone
    # twice the budget: the machine on which a lab is stored may be busy
    longest = 2 * budget.most_seconds(told)
    assert 0 < told["seconds"] <= longest, f"a lab takes {longest} s at most"
    assert 0 < told["peak_mb"] <= budget.MOST_MB, "a lab takes 2 GB at most"
    (line,) = told["ledger"]
    texts = {"endpoint", "promise", "setting", "owner", "alert", "runbook"}
    assert line.keys() == texts and all(line.values())


# --- each rule catches what it is there for ---


def picture(kind: str = "image/svg+xml") -> NotebookNode:
    return v4.new_output("display_data", {kind: "<svg/>", "text/plain": "<Figure>"})


def good() -> NotebookNode:
    """The template as a run would have left it, with one figure."""
    notebook = read(TEMPLATE)
    for cell in code(notebook):
        shown = [
            conventions.WANTED[run] for run in conventions.RUNS.findall(cell.source)
        ]
        cell.outputs = [v4.new_output("stream", name="stdout", text=" ".join(shown))]
    figure = by_id(notebook, "panel")
    figure.outputs = [picture()]
    figure.metadata.mystnb = {
        "image": {"alt": "A"},
        "figure": {"caption": "B", "name": "fig-c"},
    }
    return store.tidied(notebook)


def by_id(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


def widget_state(nb: NotebookNode) -> None:
    nb.metadata.widgets = {"state": {}}


def said_on_stderr(nb: NotebookNode) -> None:
    by_id(nb, "panel").outputs.append(v4.new_output("stream", name="stderr", text="!"))


def widget_view(nb: NotebookNode) -> None:
    by_id(nb, "panel").outputs[0].data[store.WIDGET] = {"model_id": "1"}


def no_alt(nb: NotebookNode) -> None:
    by_id(nb, "panel").metadata.mystnb.image.alt = ""


def no_caption(nb: NotebookNode) -> None:
    del by_id(nb, "panel").metadata.mystnb["figure"]


def no_name(nb: NotebookNode) -> None:
    del by_id(nb, "panel").metadata.mystnb.figure["name"]


def png(nb: NotebookNode) -> None:
    by_id(nb, "panel").outputs = [picture("image/png")]


def never_run(nb: NotebookNode) -> None:
    by_id(nb, "incident").execution_count = None


def out_of_order(nb: NotebookNode) -> None:
    by_id(nb, "incident").execution_count = 99


def error(nb: NotebookNode) -> None:
    by_id(nb, "control").outputs.append(
        v4.new_output("error", ename="E", evalue="e", traceback=[])
    )


def no_error_where_one_is_promised(nb: NotebookNode) -> None:
    by_id(nb, "control").metadata.tags = ["raises-exception"]


def other_verdict(nb: NotebookNode) -> None:
    by_id(nb, "incident").outputs[0].text = "holds"


def timestamps(nb: NotebookNode) -> None:
    by_id(nb, "control").metadata.execution = {"iopub.status.busy": "2026-01-01"}


def split_stream(nb: NotebookNode) -> None:
    outputs = by_id(nb, "control").outputs
    outputs.append(copy.deepcopy(outputs[0]))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (widget_state, "widget state is stored"),
        (said_on_stderr, "cell 'panel' wrote to stderr"),
        (widget_view, "stores a widget"),
        (no_alt, "no alt text"),
        (no_caption, "no caption"),
        (no_name, "no name"),
        (png, "is not SVG"),
        (never_run, "not run once each"),
        (out_of_order, "not run once each"),
        (error, "'control' raised"),
        (no_error_where_one_is_promised, "should have raised"),
        (other_verdict, "does not show that incident is violated"),
        (timestamps, "changes by itself"),
        (split_stream, "changes by itself"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_spoilt_run_is_found(spoil, complaint: str) -> None:
    notebook = good()
    assert complaints(notebook, STORED) == []
    spoil(notebook)
    assert any(complaint in text for text in complaints(notebook, STORED))


def long_cell(nb: NotebookNode) -> None:
    by_id(nb, "setup").source += "\nx = 1" * 15


def long_line(nb: NotebookNode) -> None:
    by_id(nb, "setup").source += "\nx = '" + "y" * 75 + "'"


def only_a_heading(nb: NotebookNode) -> None:
    nb.cells[nb.cells.index(by_id(nb, "incident")) - 1].source = "## Break it"


def no_introduction(nb: NotebookNode) -> None:
    del nb.cells[nb.cells.index(by_id(nb, "incident")) - 1]


def random_id(nb: NotebookNode) -> None:
    by_id(nb, "incident").id = "8f9fb3ce-1c55-4f2a-9a37-3e0f5f1d2c55"


def skipped(nb: NotebookNode) -> None:
    by_id(nb, "setup").metadata.tags = ["nbval-skip"]


def half_tagged(nb: NotebookNode) -> None:
    by_id(nb, "setup").metadata.tags = ["nbval-ignore-output"]


def uncompared_verdict(nb: NotebookNode) -> None:
    by_id(nb, "incident").metadata.tags = ["nbval-ignore-output", "timing"]


def semicolon(nb: NotebookNode) -> None:
    by_id(nb, "setup").source += "\nlab;"


def no_way_back(nb: NotebookNode) -> None:
    nb.cells.remove(by_id(nb, "unguarded"))


def no_half_measure(nb: NotebookNode) -> None:
    nb.cells.remove(by_id(nb, "half"))


def no_guess(nb: NotebookNode) -> None:
    by_id(nb, "incident").source = "proof.incident()\nshow.timeline(incident)"


def answered_first(nb: NotebookNode) -> None:
    by_id(nb, "incident").source = "proof.incident()"
    by_id(nb, "incident").outputs[0].text = "VIOLATED  13 of 20"


def closed(nb: NotebookNode) -> None:
    by_id(nb, "ledger").source += "\nlab.close()"


def too_much_code(nb: NotebookNode) -> None:
    by_id(nb, "evidence").source += "\nx = 1" * 250


def too_few_minutes(nb: NotebookNode) -> None:
    top = nb.cells[0]
    top.source = top.source.replace("to read it takes 10", "to\nread it takes 1")


def no_minutes(nb: NotebookNode) -> None:
    top = nb.cells[0]
    top.source = top.source.replace("to read it takes", "it takes")


def lost_when_alone(nb: NotebookNode) -> None:
    setup = by_id(nb, "setup")
    setup.source = setup.source.replace(f"{conventions.ALONE}\n", "")


def late_drama(nb: NotebookNode) -> None:
    by_id(nb, "proof").source += "\nx = 1" * 60


def guarded_first(nb: NotebookNode) -> None:
    one, other = by_id(nb, "incident"), by_id(nb, "guarded")
    one.source, other.source = other.source, one.source


def no_title(nb: NotebookNode) -> None:
    nb.cells[0].source = "A lab."


def healthy_after_broken(nb: NotebookNode) -> None:
    for cell in nb.cells:
        for one, other in (
            ("## Healthy", "## X"),
            ("## Break it", "## Healthy"),
            ("## X", "## Break it"),
        ):
            cell.source = cell.source.replace(one, other)


def two_panels(nb: NotebookNode) -> None:
    by_id(nb, "panel").source += "\nshow.explore(rows)"


def no_controls(nb: NotebookNode) -> None:
    by_id(nb, "live").source = "rows"


def untagged_controls(nb: NotebookNode) -> None:
    by_id(nb, "live").metadata.tags = []


def live_without_controls(nb: NotebookNode) -> None:
    by_id(nb, "panel").metadata.tags = ["live"]


def no_ledger(nb: NotebookNode) -> None:
    by_id(nb, "ledger").source = "lab.measure(a=1)"


def open_solution(nb: NotebookNode) -> None:
    by_id(nb, "solution-1").metadata.tags = ["solution"]


def unproved_solution(nb: NotebookNode) -> None:
    by_id(nb, "solution-1").source = "answer = 3"


def one_exercise(nb: NotebookNode) -> None:
    nb.cells.remove(by_id(nb, "exercise-2"))


def uncommented_solution(nb: NotebookNode) -> None:
    by_id(nb, "solution-1").source = 'lab.solution("count", 9)'


def solution_told_above(nb: NotebookNode) -> None:
    place = nb.cells.index(by_id(nb, "solution-1"))
    nb.cells[place - 1].source = "Nine of them. One solution:"


def role(nb: NotebookNode) -> None:
    nb.cells[0].source += "\n\nSee {doc}`read_replicas`."


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (long_cell, "more than 15"),
        (long_line, "has a line over 75"),
        (only_a_heading, "'incident' is not introduced"),
        (no_introduction, "'incident' is not introduced"),
        (random_id, "says nothing"),
        (skipped, "skipped by nbval"),
        (half_tagged, "has one of the tags"),
        (uncompared_verdict, "nobody compares"),
        (semicolon, "'setup' ends in a semicolon"),
        (no_way_back, "'take the guardrail away' is missing"),
        (no_half_measure, "'try half of it' is missing"),
        (no_guess, "'have it guessed' is missing"),
        (answered_first, "'incident' shows a violated verdict before it was guessed"),
        (closed, "'ledger' closes the lab"),
        (guarded_first, "'prove the guardrail' comes before 'guard it'"),
        (too_much_code, "lines of code, more than 250"),
        (too_few_minutes, "minutes, and 1 are told"),
        (no_minutes, "not told how long it is read"),
        (lost_when_alone, "above the first import of labkit"),
        (late_drama, "lines of code before the first violated verdict, more than 60"),
        (no_title, "does not begin with its one title"),
        (healthy_after_broken, "not in the template's order"),
        (two_panels, "2 cells make a panel"),
        (no_controls, "0 cells make a set of live controls"),
        (untagged_controls, "'live' has live controls or the tag live, but"),
        (live_without_controls, "'panel' has live controls or the tag live, but"),
        (no_ledger, "0 cells make a ledger line"),
        (open_solution, "is not folded"),
        (unproved_solution, "does not assert"),
        (one_exercise, "1 exercises"),
        (uncommented_solution, "does not open with '# A solution'"),
        (solution_told_above, "is introduced by more than"),
        (role, "raw text"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_spoilt_lab_is_found(spoil, complaint: str) -> None:
    notebook = good()
    spoil(notebook)
    assert any(complaint in text for text in complaints(notebook, WRITTEN))


@pytest.mark.parametrize("section", conventions.SECTIONS)
def test_a_lab_that_lacks_a_section_is_found(section: str) -> None:
    notebook = good()
    for cell in notebook.cells:
        cell.source = cell.source.replace(f"## {section}\n", "### Something else\n")
    found = complaints(notebook, WRITTEN)
    assert found == [f"the section '{section}' is missing"]


def test_a_heading_may_say_more_and_others_may_stand_between() -> None:
    notebook = good()
    for cell in notebook.cells:
        cell.source = cell.source.replace(
            "## Break it\n", "## A price list\n\nWords.\n\n## Break it: by hand\n"
        )
    assert complaints(notebook, WRITTEN) == []


# --- budgets ---


def test_blank_lines_comments_and_solutions_are_no_lines_of_code() -> None:
    cells = [
        v4.new_code_cell("# a comment\n\nx = 1  # counts\n\n  # none\ny = 2"),
        v4.new_code_cell("solved = 3", metadata={"tags": ["solution"]}),
        v4.new_markdown_cell("Two `words`, [a link](https://example.com/a/b).\n\n"),
    ]
    found = budget.size(cells)
    assert (found.code, found.words) == (2, 4)
    assert found.minutes == pytest.approx(2 / 15 + 4 / 200)


def test_lines_are_counted_up_to_the_first_cell_that_shows_a_violation() -> None:
    red = v4.new_code_cell("c = 3")
    red.outputs = [v4.new_output("stream", name="stdout", text="VIOLATED  3 of 4")]
    cells = [v4.new_code_cell("a = 1\nb = 2"), red, v4.new_code_cell("p.incident()")]
    assert budget.size(cells).before == 2
    red.outputs = []
    assert budget.size(cells).before == 3


def test_what_is_over_its_budget_is_marked() -> None:
    assert budget.marked(250, 250) == "250 "
    assert budget.marked(251, 250) == "251!"
    assert budget.marked(501, 2000, 500) == "501*"
