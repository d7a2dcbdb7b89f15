"""What a grader promises: right is right, wrong says why, no answer is not graded."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from labkit.checks import Verdict
from labkit.exercises import grade, graded, keeps, number, score


class Proof:
    """A stand-in: attempt(way) ends in the state `way`, or raises it."""

    def attempt(self, way):
        if isinstance(way, Exception):
            raise way
        example = ("shopkeeper read version 0",) if way == "violated" else ()
        reason = "nothing to check: no reads" if way == "unknown" else ""
        return SimpleNamespace(
            verdict=Verdict(
                *("read your writes", way, 2, len(example), example, "", {}),
                reason=reason,
                unit="reads",
            )
        )


def test_no_answer_is_neither_graded_nor_correct():
    result = grade(None, number(3))
    assert (result.correct, result.answered) == (False, False)
    assert str(result).startswith("No answer yet: put yours")


def test_zero_is_an_answer():
    result = grade(0, number(0))
    assert (result.correct, result.answered) == (True, True)


@pytest.mark.parametrize("answer", [95, 100, 105, 97.5, Decimal(105)])
def test_a_number_within_the_margin_is_correct(answer):
    result = number(100, within=5)(answer)
    assert result.correct
    assert str(result) == f"Correct: {answer} (give or take 5)."


def test_a_margin_is_not_narrowed_by_binary_fractions():
    assert number(1.0, within=0.1)(1.1).correct
    assert number(0.3)(0.1 + 0.2).correct


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (94, "Not yet: 94 is too low.\nHint: count the reads"),
        (106, "Not yet: 106 is too high.\nHint: count the reads"),
        ("100", "Not yet: a number is wanted, and '100' is none.\nHint: count the"),
        (True, "Not yet: a number is wanted, and True is none.\nHint: count"),
        (float("nan"), "Not yet: a number is wanted, and nan is none."),
    ],
)
def test_a_wrong_number_says_why_and_gives_the_hint(answer, text):
    result = number(100, within=5, hint="count the reads")(answer)
    assert not result.correct
    assert result.answered
    assert str(result).startswith(text)


def test_a_wrong_number_does_not_give_the_answer_away():
    assert "100" not in number(100, within=5)(7).text


def test_a_way_that_keeps_the_promise_is_correct():
    result = keeps(Proof())("holds")
    assert result.correct
    assert result.text.endswith("HOLDS     read your writes: 2 reads checked")


def test_a_way_that_keeps_the_promise_at_too_high_a_price_is_not_correct():
    dear = keeps(Proof(), hint="count", also=lambda run: f"it is {run.verdict.state}.")
    assert not dear("holds").correct
    assert dear("holds").text == "the promise holds, but it is holds.\nHint: count"
    assert "the promise is broken" in dear("violated").text
    assert keeps(Proof(), also=lambda run: "")("holds").correct


def test_a_way_that_breaks_the_promise_shows_what_a_client_saw():
    result = keeps(Proof(), hint="look at the token")("violated")
    assert not result.correct
    assert "the promise is broken" in result.text
    assert "shopkeeper read version 0" in result.text
    assert result.text.endswith("Hint: look at the token")


def test_a_way_that_proves_nothing_is_not_correct():
    result = keeps(Proof())("unknown")
    assert not result.correct
    assert "nothing is proved" in result.text


def test_a_way_that_raises_is_graded_and_not_correct():
    result = keeps(Proof())(KeyError("token"))
    assert not result.correct
    assert str(result) == "Not yet: the run ended with KeyError: 'token'"


def test_a_grader_of_a_labs_own_says_what_it_found():
    assert str(graded(True, "none is lost.")) == "Correct: none is lost."
    wrong = graded(False, "two are lost.")
    assert (wrong.correct, str(wrong)) == (False, "Not yet: two are lost.")


@pytest.mark.parametrize(
    ("right", "correct", "text"),
    [
        ([True, True, True], True, "Correct: 3 of 3 are right."),
        ([True, False, True], False, "Not yet: 2 of 3 are right."),
        ([], False, "Not yet: 0 of 0 are right."),
    ],
)
def test_an_answer_in_parts_is_correct_when_all_are_right(right, correct, text):
    assert (score(iter(right)).correct, str(score(right))) == (correct, text)
