"""What readers see: the same bytes every time, safe, self-contained, for everybody."""

import io
import re
from types import SimpleNamespace

import ipywidgets
import pytest
from axe_playwright_python.sync_playwright import Axe
from forms import (
    BRANCHES,
    DARK_PAGES,
    NASTY,
    ROWS,
    Elements,
    Nasty,
    an_incident,
    contrast,
    guess_box,
    nasty_run,
    panel,
    run,
    verdict,
)
from IPython.core.formatters import DisplayFormatter

from labkit import checks, show
from labkit.exercises import Grade, attempt, exercise, number
from labkit.show import figures, shown

FORMS = {
    "table": lambda: show.table(ROWS, "recorded"),
    "verdict": lambda: show.verdict(verdict()),
    "run": lambda: show.run(run()),
    "grade": lambda: show.grade(Grade(True, "every read was old")),
    "solution": lambda: show.grade(Grade(True, "9 of 100 were old", folded=True)),
    "explore": panel,
    "guess": lambda: guess_box(),
    "choices": lambda: guess_box(choices=("lock", "batch", NASTY)),
    "timeline": lambda: show.timeline(an_incident()),
    "busy timeline": lambda: show.timeline(an_incident(3, 300)),
    "tree": lambda: show.tree(BRANCHES, "a trace"),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


@every_form
def test_the_same_data_give_the_same_bytes(form):
    assert form() == form()


@every_form
def test_the_text_form_holds_no_html(form):
    text = form().text
    assert text.strip()
    assert not re.search(r"</?[a-z]", text)


@every_form
def test_a_form_carries_no_ids_that_could_clash_on_a_page(form):
    elements = Elements(form().html)
    assert not elements.open
    assert not [e for e in elements.found if "id" in e.attrs]


@every_form
def test_a_form_fetches_nothing(form):
    assert not re.search(r"https?:|url\(|@import|src=|href=", form().html)


@pytest.mark.parametrize("open_", [False, True], ids=["folded", "unfolded"])
def test_a_form_can_be_used_by_everybody(opened, open_):
    """As far as axe can tell, a program that knows the rules of the web."""
    tab = opened("".join(f'<div class="cell">{f().html}</div>' for f in FORMS.values()))
    for fold in tab.locator("details").all():
        fold.evaluate("(fold, open) => { fold.open = open }", open_)
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()


@every_form
def test_a_notebook_is_offered_text_and_html(form):
    assert sorted(form()._repr_mimebundle_()) == ["text/html", "text/plain"]


@pytest.mark.parametrize(
    "html",
    [
        show.table([{NASTY: NASTY}], NASTY).html,
        show.verdict(verdict(check=NASTY, examples=(NASTY,), definition=NASTY)).html,
        show.verdict(verdict("unknown", reason=NASTY, counts={NASTY: 1})).html,
        show.run(run(name=NASTY)).html,
        show.grade(Grade(False, NASTY)).html,
        show.tree([show.Branch(0, NASTY, NASTY)], NASTY).html,
        guess_box(NASTY, NASTY, Nasty(), unit=NASTY, choices=[NASTY]).html,
        show.timeline(nasty_run(), label=NASTY).html,
        panel([{"b": NASTY, NASTY: 1}], knob="b", measures=[NASTY], alt=NASTY).html,
        panel([{"b": 1, NASTY: 1}], knob="b", measures=[NASTY], caption=NASTY).html,
    ],
)
def test_values_cannot_become_markup(html):
    elements = Elements(html)
    assert not elements.open
    assert 'alert("x")</' not in html
    scripts = [e.attrs.get("type") for e in elements.named("script")]
    assert scripts in ([], [None], ["application/json", None])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (1234, "1234"),
        (12345, "12,345"),
        (0.02134, "0.0213"),
        (0.00001, "0.00001"),
        (2.0, "2"),
        (1234.5, "1234"),
        (float("nan"), "nan"),
        ("as is", "as is"),
    ],
)
def test_a_number_is_written_for_people(value, text):
    assert shown.number(value) == text


def test_a_table_has_a_head_for_every_row_and_column():
    table = Elements(FORMS["table"]().html)
    scopes = [e.attrs["scope"] for e in table.named("th")]
    assert scopes == ["col"] * 4 + ["row"] * 4
    assert [e.text for e in table.named("caption")] == ["recorded"]


def test_a_table_without_rows_says_so():
    assert show.table([], "lag").text == "lag: nothing to show"


def test_rows_too_wide_for_a_terminal_are_read_as_records():
    text = show.table([{"endpoint": "GET /x", "promise": "word " * 30}]).text
    assert text.startswith("endpoint  GET /x\npromise   word word")
    assert max(map(len, text.splitlines())) < 90


def test_an_empty_cell_is_no_head():
    cells = Elements(show.table([{"": "", "a": 1}]).html).named("th")
    assert [cell.text for cell in cells] == ["a"]


def test_a_key_that_a_later_row_lacks_is_a_dash():
    assert show.table([{"a": 1, "b": 2}, {"a": 3}]).text.endswith("3  –")


def test_a_tree_nests_what_belongs_together():
    deep = [show.Branch(d, f"b{n}") for n, d in enumerate((0, 1, 2, 1, 0))]
    shown = show.tree(deep)
    assert shown.text.splitlines() == ["b0", "├─ b1", "│  └─ b2", "└─ b3", "b4"]
    inside = [e.text for e in Elements(shown.html).named("li")]
    assert inside == ["b0b1b2b3", "b1b2", "b2", "b3", "b4"]
    assert show.tree([], "spans").text == "spans\nnothing to show"


def test_what_has_not_ended_has_a_bar_to_the_end_of_the_tree():
    *_, open_end = Elements(show.tree(BRANCHES).html).named("i")
    assert open_end.attrs["style"] == "margin-left:10.0%;width:90.0%"


@pytest.mark.parametrize("state", ["holds", "violated", "unknown"])
def test_a_card_says_its_state_in_a_word_and_a_symbol(state):
    card = Elements(show.verdict(verdict(state)).html)
    word = next(e.text for e in card.found if "lk-word" in e.attrs.get("class", ""))
    symbols = {"holds": "✓", "violated": "✗", "unknown": "?"}
    assert word == f"{symbols[state]} {state}"


def test_a_card_counts_and_defines_and_shows_three_examples_at_most():
    many = tuple(f"read number {n} was old" for n in range(1, 6))
    card = Elements(show.verdict(verdict(examples=many)).html)
    assert len(card.named("li")) == 3
    text = card.found[0].text
    assert "100 of 100 reads" in text
    assert "Clients read what they wrote." in text


def test_an_unknown_verdict_gives_its_reason_instead_of_a_count():
    text = Elements(show.verdict(verdict("unknown")).html).found[0].text
    assert "nothing to check" in text
    assert "100 reads" not in text


def test_a_run_tells_what_must_still_work():
    works = verdict("holds", check="reads spared")
    text = Elements(show.run(run(verdict=works, useful=works)).html).found[0].text
    assert "✓ holds: reads spared, 100 reads checked" in text
    assert "✓ useful: reads spared, 100 reads checked" in text


def test_what_keeps_the_promise_and_is_of_no_use_is_red():
    of_no_use = run(verdict=verdict("holds"), useful=verdict(), half="ask the primary")
    card = Elements(show.run(of_no_use).html).found[0]
    assert "lk-violated" in card.attrs["class"]
    assert "✗ not useful: read your writes, 100 of 100 reads" in card.text


def test_a_half_measure_says_by_what_it_fails_and_says_it_once():
    text = Elements(show.run(run(half="token too early")).html).found[0].text
    assert "half measure, token too early: " in text
    assert "guardrail in part." in text
    assert "Holds without it? No, violated: read number 1 was old" in text
    assert text.count("read number 1 was old") == 1


def test_what_is_useful_is_told_once():
    history = an_incident().history
    enough = checks.at_least(9, "pages read", of="read", where=lambda op: True)(history)
    card = show.run(run(verdict=verdict("holds"), useful=enough)).html
    told = enough.examples[0]
    assert told.startswith("pages read: ") and card.count(told) == 1
    assert "counted" not in card and "at least 9 are needed." not in card
    other = verdict("holds", examples=("all of it",), counts={"in_doubt": 3})
    card = show.run(run(verdict=verdict("holds"), useful=other)).html
    assert other.definition in card and "3 in doubt" in card


def test_words_of_a_table_stand_at_the_left_where_its_style_is_taken_away():
    cells = Elements(show.table([{"edge": "eu", "hits": 3}]).html).found
    style = {e.text: e.attrs.get("style") for e in cells if e.tag in ("th", "td")}
    assert style == {
        **dict.fromkeys(("edge", "eu"), "text-align:left"),
        **dict.fromkeys(("hits", "3")),
    }


@every_form
def test_words_do_not_run_together_where_there_is_no_style(form):
    bare = re.sub(r"<(style|script).*?</\1>", "", form().html, flags=re.DOTALL)
    inline = r"</(b|span|i)>"
    assert not re.search(rf"\w(?:{inline})+(?:<(b|span|i)\b[^>]*>)+\w", bare)


def test_a_run_tells_which_switches_were_on():
    text = Elements(show.run(run()).html).found[0].text.rpartition("}")[2]
    assert "incident" in text
    assert "fault on, seen by its meter" in text
    assert "guardrail off" in text
    assert text.index("incident") < text.index("violated") < text.index("100 of 100")


def test_a_fault_that_its_meter_did_not_see_is_not_called_seen():
    assert "seen by its meter" not in show.run(run(meter=0)).html


def test_what_differs_from_run_to_run_is_not_on_the_card():
    card = show.run(run(meter=4096, cost={"ms": 1.0})).html
    assert card == show.run(run(meter=8192, cost={"ms": 9.9})).html


@pytest.mark.parametrize(
    ("grade", "word"),
    [
        (Grade(True, "yes"), "✓ correct"),
        (Grade(False, "look again"), "→ not yet"),
        (Grade(False, "try it", answered=False), "→ no answer yet"),
    ],
)
def test_a_grade_says_how_the_answer_fared(grade, word):
    assert word in show.grade(grade).html


def test_the_grade_of_a_solution_is_folded_since_it_may_tell_the_answer():
    card = FORMS["solution"]()
    assert card.text == "Correct: 9 of 100 were old"
    [fold] = Elements(card.html).named("details")
    assert "open" not in fold.attrs
    assert "9 of 100" in fold.text
    assert "9 of 100" not in card.html.replace(fold.text, "").split("<details")[0]


def test_a_grade_says_it_once():
    text = (
        Elements(show.grade(attempt(exercise(number(3)), None, {})).html).found[0].text
    )
    assert text.lower().count("no answer yet") == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_of_the_cards_can_be_read(theme):
    light, dark = shown.asset("base.css").split("[data-theme=dark]")
    pages = ("#ffffff",) if theme == "light" else DARK_PAGES
    sheet = light if theme == "light" else dark
    tones = dict(re.findall(r"--lk-(good|bad|odd|mark): (#[0-9a-f]{6})", sheet))
    assert len(tones) == 4
    for page in pages:
        assert min(contrast(tone, page) for tone in tones.values()) >= 4.5


def test_a_figure_is_the_same_bytes_every_time_and_tells_no_date():
    def drawn():
        _, ax = show.axes("time", "lag")
        ax.plot([1, 4, 9])
        saved = io.BytesIO()
        ax.figure.canvas.print_figure(saved, format="svg", **figures.SAVED)
        plt.close(ax.figure)
        return saved.getvalue().decode()

    plt = show.setup()
    first = drawn()
    assert first == drawn()
    assert "<dc:date>" not in first
    assert ">lag</text>" in first, "text must stay text"


@pytest.mark.parametrize("page", ["#ffffff", *DARK_PAGES])
def test_the_colours_of_figures_can_be_seen_on_light_and_dark_pages(page):
    for colour in (*figures.COLOURS, figures.GREY):
        assert contrast(colour, page) >= 3
    assert contrast(figures.GREY, "#ffffff") >= 4.5


def test_no_line_of_a_figure_hangs_on_colour_alone():
    lines = [
        (entry["linestyle"], entry["marker"])
        for entry in figures.look()["axes.prop_cycle"]
    ]
    assert len(set(lines)) == len(lines) == len(figures.COLOURS)


def test_live_controls_are_stored_as_one_sentence():
    bundle = show.live(lambda n: n, n=(1, 5, 2))._repr_mimebundle_()
    assert bundle["text/plain"].count(".") == 1
    assert bundle["text/plain"] in bundle["text/html"]
    assert not re.search(r"[0-9a-f]{32}", bundle["text/plain"] + bundle["text/html"])


def test_live_controls_run_with_the_values_that_are_set():
    live = show.live(
        lambda n, share, salted, kind: f"{n} {share} {salted} {kind}",
        n=(1, 5, 2),
        share=(0.0, 1.0, 0.5),
        salted=True,
        kind=["a", "b"],
    )
    live.inputs["n"].value = 4
    live.press()
    assert live.result.value == "<pre>4 0.5 True a</pre>"


def test_live_controls_show_tables_and_failures():
    live = show.live(lambda ok: show.table(ROWS) if ok else 1 / 0, ok=True)
    live.press()
    assert "<table" in live.result.value
    live.inputs["ok"].value = False
    live.press()
    assert live.result.value == "<pre>ZeroDivisionError: division by zero</pre>"


@pytest.mark.parametrize("thing", [run(), verdict(), Grade(True, "yes")])
def test_live_controls_show_a_card_where_a_cell_would(thing):
    live = show.live(lambda n: thing, n=(1, 5, 2))
    live.press()
    assert "lk-card" in live.result.value


def test_live_controls_never_hold_an_output_widget():
    live = show.live(lambda n: n, n=(1, 5, 2))
    assert not [w for w in live.children if isinstance(w, ipywidgets.Output)]


@pytest.mark.parametrize(
    ("thing", "html"),
    [
        (verdict(), show.verdict(verdict()).html),
        (Grade(True, "yes"), show.grade(Grade(True, "yes")).html),
    ],
)
def test_a_notebook_shows_what_labs_return_as_text_and_card(thing, html):
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    assert show.install(shell)
    bundle, _ = shell.display_formatter.format(thing)
    assert bundle["text/plain"] == str(thing)
    assert bundle["text/html"] == html


def test_without_a_notebook_nothing_is_registered():
    assert not show.install()
