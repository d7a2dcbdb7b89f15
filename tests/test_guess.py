"""The guess box: asks first, and gives nothing away before."""

import pytest
from forms import Elements, guess_box, verdict

from labkit import show
from labkit.show import shown


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


FOLLOWING = """<p id="next">Next.</p>
<section id="below"><h3>Below</h3><p id="deep">Deep.</p></section></section>
<section><h2>Another part</h2><p id="other">Other.</p></section>"""


def lab(box):
    """A page with the box in a cell of a part, more of that part, and another part."""
    return f'<section><h2>Break it</h2><div class="cell">{box.html}</div>{FOLLOWING}'


def visible(tab):
    return [n for n in ("next", "deep", "other") if tab.locator(f"#{n}").is_visible()]


def uncovered(tab):
    """What can be seen once a guess has been taken, which is a moment after its key."""
    tab.locator("#next").wait_for()
    return visible(tab)


ALL = ["next", "deep", "other"]


def test_a_guess_by_keyboard_uncovers_the_answer_and_stays_beside_it(opened):
    tab = opened(lab(guess_box(unit="reads", of=100)))
    assert visible(tab) == ["other"]
    assert tab.get_by_text("The rest of this part comes after").is_visible()
    assert not tab.get_by_text("100 of 100 reads").is_visible()
    tab.keyboard.press("Tab")
    name = tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert name == "How many reads are old? of 100 reads"
    tab.keyboard.type("20")
    tab.keyboard.press("Enter")
    assert tab.locator("[role=status]").inner_text() == "Your guess: 20 of 100 reads"
    assert tab.get_by_text("100 of 100 reads", exact=True).is_visible()
    assert not tab.locator("form").count()
    assert tab.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert uncovered(tab) == ALL


def test_a_guess_can_be_made_by_enter_where_a_page_cancels_line_breaks(opened):
    tab = opened(lab(guess_box()))
    tab.evaluate("addEventListener('beforeinput', (event) => event.preventDefault())")
    field = tab.locator("input")
    field.evaluate("(field) => field.value = 20")
    field.press("Enter")  # of which JupyterLab has no line break made, nor a click
    assert tab.locator("[role=status]").inner_text() == "Your guess: 20"


def test_an_empty_guess_uncovers_nothing(opened):
    tab = opened(lab(guess_box()))
    tab.get_by_role("button").press("Enter")
    assert visible(tab) == ["other"]


def test_a_guess_can_be_one_of_several_words(opened):
    tab = opened(lab(guess_box(choices=("the lock", "the batch"))))
    tab.get_by_role("button", name="the batch").press("Enter")
    assert tab.locator("[role=status]").inner_text() == "Your guess: the batch"
    assert uncovered(tab) == ALL


def test_an_answer_can_be_had_without_a_guess(opened):
    tab = opened(lab(guess_box()))
    fold = tab.locator("summary")
    assert fold.inner_text() == "Show the answer without guessing"
    fold.press("Enter")
    assert uncovered(tab) == ALL
    assert tab.locator("[role=status]").text_content() == ""


def test_a_guess_is_remembered_while_the_tab_is_open(opened):
    tab = opened(lab(guess_box()))
    tab.locator("input").fill("7")
    tab.locator("input").press("Enter")
    tab.reload()
    assert tab.locator("[role=status]").inner_text() == "Your guess: 7"
    assert uncovered(tab) == ALL


def test_a_guess_works_where_nothing_can_be_remembered(opened):
    tab = opened("")
    tab.goto("about:blank")
    with pytest.raises(Exception, match="sessionStorage"):
        tab.evaluate("sessionStorage.length")
    tab.set_content(lab(guess_box()))
    tab.locator("input").fill("7")
    tab.locator("input").press("Enter")
    assert uncovered(tab) == ALL


def test_a_second_question_goes_on_covering_what_follows_it(opened):
    second = guess_box("And how many later?")
    inner = FOLLOWING.replace("<p id", f'<div class="cell">{second.html}</div><p id', 1)
    tab = opened(lab(guess_box()).replace(FOLLOWING, inner))
    tab.locator("input").first.fill("7")
    tab.locator("input").first.press("Enter")
    tab.get_by_text("And how many later?").wait_for(state="visible")
    assert visible(tab) == ["other"]


def test_a_question_in_a_subsection_covers_the_next_one_too(opened):
    box = f'<section><h3>One</h3><div class="cell">{guess_box().html}</div></section>'
    tab = opened(f"<section><h2>Break it</h2>{box}{FOLLOWING}")
    assert visible(tab) == ["other"]


@pytest.mark.parametrize("place", ["#below", "#deep"])
def test_a_link_into_what_is_covered_uncovers_it(opened, place):
    tab = opened(lab(guess_box()), place)
    assert uncovered(tab) == ALL
    assert not tab.get_by_text("100 of 100 reads").is_visible()


@pytest.mark.parametrize("place", ["#other", "#nowhere", "#%"])
def test_a_link_to_elsewhere_uncovers_nothing(opened, place):
    assert visible(opened(lab(guess_box()), place)) == ["other"]


def test_without_scripts_nothing_is_covered_but_the_answer(opened):
    tab = opened(lab(guess_box()), java_script_enabled=False)
    assert uncovered(tab) == ALL
    assert not tab.get_by_text("100 of 100 reads").is_visible()
    tab.locator("summary").click()
    assert tab.get_by_text("100 of 100 reads").is_visible()


def test_on_paper_nothing_is_covered(opened):
    tab = opened(lab(guess_box()))
    tab.emulate_media(media="print")
    assert uncovered(tab) == ALL
    assert tab.get_by_text("100 of 100 reads").is_visible()
    assert not tab.locator("form").is_visible()
