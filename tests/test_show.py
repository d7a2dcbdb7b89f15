"""What readers see: the same bytes every time, safe, self-contained, for everybody."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from random import Random
from types import SimpleNamespace

import ipywidgets
import pytest
from IPython.core.formatters import DisplayFormatter

from labkit import show
from labkit.checks import Verdict
from labkit.exercises import Grade, attempt, exercise, number
from labkit.history import History, Op
from labkit.proof import Run
from labkit.show import figures, shown

NASTY = "<script>alert(\"x\")</script> & 'quotes'"
ROWS = [
    {"bound": bound, "stale": 100 - bound, "p99": bound / 7, "note": "n"}
    for bound in (0, 10, 40, 100)
]
BRANCHES = [
    show.Branch(0, "customer read page:1", "ok", began=0, took=40),
    show.Branch(1, "customer look page:1", "ok", began=1, took=2),
    show.Branch(1, "customer rebuild page:1", "TimeoutError", began=4, took=None),
]
DARK_PAGES = ("#121212", "#111111")  # the book's, JupyterLab's


def verdict(state="violated", **changes):
    given = Verdict(
        check="read your writes",
        state=state,
        checked=100,
        violations=100 if state == "violated" else 0,
        examples=tuple(f"read number {n} was old" for n in range(1, 4)),
        definition="Clients read what they wrote.",
        counts={"acknowledged": 100},
        reason="nothing to check" if state == "unknown" else "",
        unit="reads",
    )
    return replace(given, **changes)


def a_run():
    """A run as a proof makes it, where `run` is one with all that a card shows."""
    return Run("attempt", True, False, "", History(), Random(7), verdict())


def run(**changes):
    given = {
        "name": "incident",
        "fault_on": True,
        "guardrail_on": False,
        "expected": "violated",
        "verdict": verdict(),
        "meter": 4096,
        "cost": {"ms": 1.0},
    }
    return SimpleNamespace(**{**given, **changes})


def panel(rows=ROWS, **changes):
    given = {"knob": "bound", "measures": ["stale", "p99"], "units": {"p99": "ms"}}
    return show.explore(rows, **{**given, **changes})


def guess_box(question="How many reads are old?", *answer, **changes):
    return show.guess(question, *(answer or (verdict(), "A sentence.")), **changes)


def an_incident(clients=3, operations=30, **changes):
    """A run in which every client writes and reads; while the fault is there, every
    read of the first client is old, breaks the promise and is marked."""
    history, where = History(), []
    for n in range(operations):
        client, read = f"client {n % clients}", n // clients % 2
        op = Op(0, client, "read" if read else "write", "k", t_call=n, t_ret=n + 0.5)
        op.version, op.outcome = n // clients // 2, "ok"
        if read and client == "client 0" and n > operations // 2:
            op.version = 0
            where.append(n + 1)
        history.add(op)
    given = {"history": history, "fault_at": (operations / 2, operations - 1.0)}
    seen = SimpleNamespace(**{**vars(verdict()), "where": tuple(where)})
    return run(**{**given, "verdict": seen, **changes})


FORMS = {
    "table": lambda: show.table(ROWS, "recorded"),
    "verdict": lambda: show.verdict(verdict()),
    "run": lambda: show.run(run()),
    "grade": lambda: show.grade(Grade(True, "every read was old")),
    "explore": panel,
    "guess": lambda: guess_box(),
    "choices": lambda: guess_box(choices=("lock", "batch", NASTY)),
    "timeline": lambda: show.timeline(an_incident()),
    "busy timeline": lambda: show.timeline(an_incident(3, 300)),
    "tree": lambda: show.tree(BRANCHES, "a trace"),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


class Nasty:
    __str__ = __repr__ = lambda self: NASTY


def nasty_run():
    history = History()
    history.add(Op(0, NASTY, NASTY, NASTY, node=NASTY, error=NASTY))
    return run(history=history, name=NASTY)


class Elements(HTMLParser):
    """The elements of some HTML, each as its tag, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.found, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        element = SimpleNamespace(tag=tag, text="", **{"attrs": dict(attrs)})
        self.found.append(element)
        if tag not in ("input", "br", "img"):
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def named(self, tag):
        return [element for element in self.found if element.tag == tag]


def contrast(one, other):
    """The contrast of two colours as WCAG 2 defines it, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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


def test_a_run_tells_which_switches_were_on():
    text = Elements(show.run(run()).html).found[0].text
    assert "incident" in text
    assert "fault on, seen by its meter" in text
    assert "guardrail off" in text


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


def test_a_grade_says_it_once():
    text = (
        Elements(show.grade(attempt(exercise(number(3)), None, {})).html).found[0].text
    )
    assert text.lower().count("no answer yet") == 1


def test_every_input_of_a_panel_has_a_name_and_a_value_in_words():
    inputs = Elements(panel().html).named("input")
    assert len(inputs) == 1
    assert inputs[0].attrs["aria-label"] == "bound"
    assert inputs[0].attrs["aria-valuetext"] == "0"


def test_a_panel_without_its_script_does_not_pretend_to_work():
    assert "disabled" in Elements(panel().html).named("input")[0].attrs


def test_a_panel_starts_at_the_first_row_and_keeps_all_of_them():
    elements = Elements(panel().html)
    outputs = [e.text for e in elements.named("output")]
    data = json.loads(elements.named("script")[0].text)
    assert outputs == data[0] == ["0", "100", "0 ms"]
    assert data[-1] == ["100", "0", "14.3 ms"]
    cells = [e.text for e in elements.named("details")[0:1]]
    assert all(row[1] in cells[0] for row in data)


def test_measures_of_one_unit_share_a_scale_and_others_have_their_own():
    rows = [{"k": 1, "a": 50, "b": 100, "c": 3}]
    html = panel(rows, knob="k", measures=["a", "b", "c"], units={"c": "s"}).html
    assert re.findall(r"height:([\d.]+)%", html) == ["50.0", "100.0", "100.0"]


def test_a_panel_of_zeros_is_drawn():
    html = panel([{"k": 1, "a": 0}], knob="k", measures=["a"]).html
    assert re.findall(r"height:([\d.]+)%", html) == ["0.0"]


def test_the_script_of_a_panel_is_small():
    script = Elements(panel().html).named("script")[1].text
    assert len(script.encode()) < 2048


@pytest.mark.parametrize(
    ("rows", "changes"),
    [
        ([], {}),
        (ROWS, {"measures": []}),
        (ROWS, {"measures": ["note"]}),
        ([{"bound": 1, "stale": None, "p99": 2}], {}),
    ],
)
def test_a_panel_refuses_what_it_cannot_draw(rows, changes):
    with pytest.raises(ValueError, match=r"at least one row|is not a number"):
        panel(rows, **changes)


def test_a_guess_box_without_its_script_is_a_question_and_a_folded_answer():
    box = Elements(guess_box().html)
    assert not box.named("form") + box.named("input") + box.named("button")
    (fold,) = box.named("details")
    assert "open" not in fold.attrs
    assert "100 of 100 reads" in fold.text
    assert "How many reads are old?" in box.found[0].text.replace(fold.text, "")


def test_a_guess_box_tells_its_question_before_its_answer():
    lines = guess_box().text.splitlines()
    assert lines[0] == "How many reads are old?"
    assert lines[1:-1] == str(verdict()).splitlines()
    assert lines[-1] == "A sentence."


def test_a_guess_box_can_be_asked_elsewhere():
    box = guess_box("Why?", 1, 2)
    assert (box.question, box.answer) == ("Why?", (1, 2))


def test_a_guess_needs_an_answer():
    with pytest.raises(ValueError, match="needs an answer"):
        show.guess("How many?")


def test_a_style_sheet_stands_once_in_a_guess_box():
    box = guess_box("?", *[verdict()] * 3).html
    assert box.count(shown.asset("card.css")) == 1


def test_a_timeline_has_a_lane_for_every_client_and_marks_what_broke_the_promise():
    shown = show.timeline(an_incident())
    lanes = [e.text for e in Elements(shown.html).named("li")]
    assert lanes[0].startswith("client 0: 10 operations, ")
    assert lanes[0].endswith(" broke the promise")
    assert lanes[1:] == ["client 1: 10 operations", "client 2: 10 operations"]
    assert shown.html.count('class="lk-old"') > 1


def test_the_text_of_a_timeline_tells_nothing_that_differs_from_run_to_run():
    one, other = an_incident(), an_incident()
    for op in other.history:
        op.t_call, op.t_ret = op.t_call * 1.7, op.t_ret * 1.9
    other.fault_at = None
    assert show.timeline(one).text == show.timeline(other).text
    assert "3 clients, " in show.timeline(one).text


def test_the_order_in_which_clients_came_does_not_move_their_lanes():
    history = History()
    for n, client in enumerate(("client 10", "auditor", "client 9")):
        history.add(Op(0, client, "read", t_call=n, t_ret=n, outcome="ok"))
    lanes = Elements(show.timeline(run(history=history)).html).named("li")
    assert [e.text.split(":")[0] for e in lanes] == ["auditor", "client 9", "client 10"]


def test_the_lanes_of_a_timeline_can_be_chosen():
    def names(lanes):
        shown = show.timeline(an_incident(), lanes=lanes)
        return [e.text.split(":")[0] for e in Elements(shown.html).named("li")]

    assert names(["client 2", "client 0"]) == ["client 2", "client 0"]
    assert names(lambda op: op.op) == ["read", "write"]
    with pytest.raises(ValueError, match="no operation of nobody"):
        names(["nobody"])


def test_a_crowd_is_drawn_as_groups():
    history = History()
    for n in range(34):
        history.add(Op(0, f"customer-{n}", "read", t_call=n, t_ret=n, outcome="ok"))
    history.add(Op(0, "auditor", "read", t_call=40, t_ret=41, outcome="ok"))
    lanes = Elements(show.timeline(run(history=history)).html).named("li")
    assert [e.text for e in lanes] == [
        "34 customers: 34 operations",
        "auditor: 1 operation",
    ]


def test_every_outcome_has_a_shape_of_its_own():
    def shape(outcome, t_ret=1.0):
        history = History()
        history.add(Op(0, "c", "write", t_call=0.0, t_ret=t_ret, outcome=outcome))
        history.add(Op(0, "c", "write", t_call=2.0, t_ret=3.0, outcome="ok"))
        drawn = Elements(show.timeline(run(history=history)).html).named("path")[1]
        return drawn.attrs["class"], re.sub(r"[\d.]+", "", drawn.attrs["d"])

    assert shape("ok")[0] == "lk-ok"
    assert shape("fail") != shape("ok")
    assert shape("unknown")[0] == shape("unknown", None)[0] == "lk-open"


@pytest.mark.parametrize(
    ("clients", "operations"), [(1, 1), (1, 120), (6, 600), (12, 5000), (40, 5000)]
)
def test_a_timeline_is_small_however_much_happened(clients, operations):
    html = show.timeline(an_incident(clients, operations)).html
    drawing = html[html.index("<svg") : html.index("</svg>")]
    assert len(drawing.encode()) <= 25_000
    assert not Elements(html).open


def test_a_timeline_draws_the_fault_where_it_is_known():
    assert 'class="lk-band"' in show.timeline(an_incident()).html
    assert 'class="lk-band"' not in show.timeline(an_incident(fault_at=None)).html


def test_a_verdict_that_marks_no_operation_is_drawn_without_marks():
    shown = show.timeline(an_incident(verdict=verdict()))
    assert "marked" not in shown.text
    assert 'class="lk-bad"' not in shown.html


def test_a_run_in_which_nothing_happened_says_so():
    assert show.timeline(run(history=History())).text.endswith("nothing happened")


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


@pytest.mark.parametrize("thing", [a_run(), verdict(), Grade(True, "yes")])
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
