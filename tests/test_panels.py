"""The panel: shows what a reader has visited, by any input, and hides no value."""

import json

import pytest
from forms import ROWS, Elements, panel

CHOICES = [{"mode": mode, "lost": lost} for mode, lost in (("off", 9), ("on", 0))]
SENTENCE = "A longer bound: fewer stale reads."


def choices():
    return panel(CHOICES, knob="mode", measures=["lost"], units={})


def data(shown):
    return json.loads(Elements(shown.html).named("script")[0].text)


def test_a_panel_without_its_script_is_a_folded_table():
    elements = Elements(panel(alt=SENTENCE).html)
    assert not elements.named("input") + elements.named("button")
    (fold,) = elements.named("details")
    assert "open" not in fold.attrs
    assert fold.text.startswith("All 4 recorded settings")
    assert SENTENCE in fold.text
    assert all(stop[1] in fold.text for stop in data(panel())["stops"])


def test_a_panel_has_all_rows_with_their_units():
    stops = data(panel())["stops"]
    assert stops[0] == ["0", "100", "0 ms"]
    assert stops[-1] == ["100", "0", "14.3 ms"]


def test_measures_of_one_unit_share_a_scale_and_others_have_their_own():
    rows = [{"k": 1, "a": 50, "b": 100, "c": 3}]
    shown = panel(rows, knob="k", measures=["a", "b", "c"], units={"c": "s"})
    assert data(shown)["shares"] == [[50], [100], [100]]


def test_a_panel_of_zeros_is_drawn():
    shown = panel([{"k": 1, "a": 0}], knob="k", measures=["a"])
    assert data(shown)["shares"] == [[0]]


def test_the_script_of_a_panel_is_small():
    script = Elements(panel().html).named("script")[1].text
    assert len(script.encode()) < 4096


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


def test_a_panel_draws_what_was_visited_and_then_says_what_it_shows(opened):
    tab = opened(panel(alt=SENTENCE).html)
    bars = tab.locator(".lk-bars").first.locator("i")

    def seen():
        return bars.evaluate_all("all => all.map(i => i.clientHeight > 0)")

    hint = tab.locator(".lk-hint")
    assert seen() == [True, False, False, False]
    assert hint.inner_text() == "3 more to try"
    knob = tab.locator("input")
    assert knob.get_attribute("aria-label") == "bound"
    knob.press("ArrowRight")
    assert seen() == [True, True, False, False]
    assert knob.get_attribute("aria-valuetext") == "10"
    assert tab.locator("output").all_text_contents() == data(panel())["stops"][1]
    knob.press("End")
    assert hint.inner_text() == SENTENCE


def test_what_is_no_number_is_chosen_by_buttons(opened):
    tab = opened(choices().html)
    assert not tab.locator("input").count()
    assert tab.locator("button").all_text_contents() == ["off", "on"]
    tab.locator("button").last.press("Enter")
    assert tab.locator("output").all_text_contents() == ["0"]
    pressed = "all => all.map(b => b.getAttribute('aria-pressed'))"
    assert tab.locator("button").evaluate_all(pressed) == ["false", "true"]


def test_a_zero_is_seen(opened):
    tab = opened(choices().html)
    tab.locator("button").last.click()
    content = "i => getComputedStyle(i, '::before').content"
    assert tab.locator(".lk-bars i").last.evaluate(content) == '"0"'
    assert tab.locator(".lk-bars i").first.evaluate(content) == "none"


def test_on_paper_a_panel_is_its_table(opened):
    tab = opened(panel(alt=SENTENCE).html)
    tab.emulate_media(media="print")
    assert tab.locator("table").is_visible()
    assert tab.get_by_text(SENTENCE).is_visible()
    assert not tab.locator("input").is_visible()


@pytest.mark.parametrize("made", [panel, choices])
def test_keys_for_a_panel_are_no_shortcuts_of_jupyterlabs(made, opened):
    tab = opened(made().html)
    control = tab.locator(".lk-explore input, .lk-explore button").first
    assert control.evaluate("(one) => !!one.closest('[data-lm-suppress-shortcuts]')")
