"""What a grader promises: right is right, wrong says why, nothing ever raises."""

import json
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import book_model
import pytest

from labkit import Lab, checks, exercises, faults, show
from labkit.answers.diagnoses import CASES
from labkit.checks import Verdict
from labkit.exercises import (
    Day,
    agrees,
    attempt,
    check,
    choice,
    exercise,
    function,
    graded,
    guardrail,
    keep,
    keeps,
    number,
    on_another_day,
    parts,
    score,
    unfit,
)
from labkit.exercises import (
    grade as grades,
)
from labkit.history import History
from labkit.proof import Proof as RealProof


@pytest.fixture(autouse=True)
def a_kernel_of_its_own(monkeypatch):
    monkeypatch.setattr(grades, "_misses", type(grades._misses)())


def answered(grader, answer, **given):
    """The grade as `Lab.exercise` makes it."""
    return attempt(exercise(grader), answer, given)


# --- numbers ---


@pytest.mark.parametrize("answer", [None, ...])
def test_no_answer_is_neither_graded_nor_correct(answer):
    result = answered(number(3), answer)
    assert (result.correct, result.answered, result.score) == (False, False, 0)
    assert str(result).startswith("No answer yet: put yours")


def test_zero_is_an_answer():
    result = answered(number(0), 0)
    assert (result.correct, result.answered, result.score) == (True, True, 1)


@pytest.mark.parametrize("answer", [95, 100, 105, 97.5, Decimal(105)])
def test_a_number_within_the_margin_is_correct(answer):
    result = answered(number(100, within=5), answer)
    assert result.correct
    assert str(result) == f"Correct: {answer} (give or take 5)."


def test_a_margin_is_not_narrowed_by_binary_fractions():
    assert answered(number(1.0, within=0.1), 1.1).correct
    assert answered(number(0.3), 0.1 + 0.2).correct
    assert str(answered(number(0.3), 0.1 + 0.2)) == "Correct: 0.3."
    assert "0.3 is too low" in str(answered(number(1), 0.1 + 0.2))
    assert str(answered(number(1234567.5), 1234567.5)) == "Correct: 1234567.5."


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (94, "Not yet: 94 is too low."),
        (1, "Not yet: 1 is too low."),
        (106, "Not yet: 106 is too high."),
        (float("inf"), "Not yet: inf is too high."),
        (-(10**400), "is too low."),
        ("100", "and the text '100' is none: write it without quotation marks"),
        (True, "Not yet: a number is wanted, and True is none."),
        ([100], "Not yet: a number is wanted, and a list is none."),
        (float("nan"), "Not yet: a number is wanted, and nan is none."),
        (Decimal("sNaN"), "a number is wanted, and a Decimal is none."),
        (1j, "a number is wanted, and a complex is none."),
        (len, "and the function len is none."),
        (lambda: 100, "and the function <lambda> is none."),
    ],
)
def test_a_wrong_number_is_told_in_one_sentence(answer, text):
    result = answered(number(100, within=5, unit="reads"), answer)
    assert (result.correct, result.answered) == (False, True)
    assert text in str(result)


def test_a_wrong_number_does_not_give_the_answer_away():
    assert "100" not in answered(number(100, within=5), 7).text


@pytest.mark.parametrize(
    ("expected", "unit", "answer", "text"),
    [
        (99.15, "%", 0.9915, "0.9915 looks like a share: per cent is wanted."),
        (99.15, "%", 0.99, "looks like a share"),
        (0.5, "share", 50, "50 looks like per cent: a share of one is wanted."),
        (500, "ms", 0.5, "0.5 looks like seconds: milliseconds is wanted."),
        (2, "s", 2000, "2000 looks like milliseconds: seconds is wanted."),
        (300, "MB", 300_000_000, "looks like bytes: megabytes is wanted."),
    ],
)
def test_an_answer_in_another_unit_is_told_so(expected, unit, answer, text):
    result = answered(number(expected, within=0.01, unit=unit), answer)
    assert not result.correct
    assert text in result.text


@pytest.mark.parametrize("answer", [0, 0.2, 98, 9915])
def test_an_answer_that_is_right_in_no_unit_is_low_or_high(answer):
    assert " is too " in answered(number(99.15, within=0.06, unit="%"), answer).text


def test_an_expected_value_may_be_measured_by_the_lab():
    fullest = number(lambda fullest: fullest + 1)
    assert answered(fullest, 9, fullest=8, other=3).correct
    early = answered(fullest, 9)
    assert (early.correct, early.answered) == (False, False)
    assert early.text == "run the cells above first: fullest is not known yet."


@pytest.mark.parametrize(
    ("answer", "unit", "text"),
    [(1, "periods", "1 period."), (2, "periods", "2 periods."), (1, "s", "1 s.")],
)
def test_a_correct_number_agrees_with_its_unit(answer, unit, text):
    assert answered(number(answer, unit=unit), answer).text == text


# --- hints ---


def test_hints_come_one_by_one_and_the_formula_last():
    asked = exercise(number(3), "count the reads", "leave the misses out", "n - m")
    said = [attempt(asked, 4, {}, of=("lab", "reads")).text for _ in range(5)]
    assert said == [
        "4 is too high.",
        "4 is too high.\nHint 1 of 3: count the reads",
        "4 is too high.\nHint 2 of 3: leave the misses out",
        "4 is too high.\nHint 3 of 3: n - m",
        "4 is too high.\nHint 3 of 3: n - m",
    ]
    assert attempt(asked, 4, {}, of=("lab", "another")).text == "4 is too high."


@pytest.mark.parametrize("answer", [None, "4", [4], float("nan"), lambda: 4])
def test_what_is_no_answer_at_all_spends_no_hint(answer):
    asked = exercise(number(3), "n - m")
    for _ in range(3):
        assert "n - m" not in attempt(asked, answer, {}, of=("lab", "reads")).text


def test_an_answer_in_another_unit_spends_no_hint():
    asked = exercise(number(50, unit="%"), "half")
    for _ in range(3):
        assert "half" not in attempt(asked, 0.5, {}, of=("lab", "share")).text


# --- whatever an answer is or does ---


def divides(history):
    return 1 / 0


def leaves(history):
    raise SystemExit(3)


def recurses(history):
    return recurses(history)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (divides, "your answer raised ZeroDivisionError: division by zero in line "),
        (leaves, "your answer raised SystemExit: 3 in line "),
        (recurses, "your answer raised RecursionError: maximum recursion depth"),
        (3, "a function of 1 argument (history) is wanted, and 3 is none."),
        (
            lambda: 3,
            "a function of 1 argument (history) is wanted, and yours takes ().",
        ),
        (lambda a, b: 3, "is wanted, and yours takes (a, b)."),
    ],
)
def test_an_answer_that_fails_is_told_in_one_sentence(answer, text):
    calls = function("history")(lambda answer: graded(answer([]) == 1, "one."))
    result = answered(calls, answer)
    assert (result.correct, result.answered, result.missed) == (False, True, False)
    assert text in result.text
    assert len(result.text.splitlines()) == 1


def test_an_interrupt_by_the_reader_is_none_of_the_graders_business():
    def interrupted(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answered(interrupted, 1)


def test_a_function_is_compared_case_by_case_and_cannot_spoil_the_next():
    cases = {"small": ([[1, 2]], 2), "empty": ([[]], 0), "twice": ([[1, 1]], 1)}
    distinct = agrees(["values"], cases)
    assert answered(distinct, lambda values: len(set(values))).correct
    wrong = answered(distinct, len)
    assert (wrong.text, wrong.score) == (
        "it differs for 'twice', where it returned 2.",
        2 / 3,
    )
    assert not answered(distinct, lambda values: bool(values)).correct
    assert answered(distinct, lambda v: [len(set(v)), v.clear()][0]).correct
    assert answered(distinct, lambda v: [len(set(v)), v.clear()][0]).correct


def test_true_is_not_taken_for_one():
    assert not answered(agrees(["n"], {"one": ([1], 1)}), lambda n: True).correct
    assert not answered(agrees(["n"], {"one": ([1], True)}), lambda n: 1).correct


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"a": "Shopper ", "b": "analyst"}, "2 of 2 are right."),
        ({"a": "shopper", "b": "shopper"}, "1 of 2 are right."),
        ({"a": "shopper"}, "it has no value for 'b'."),
        (["shopper", "analyst"], "a dict with 'a', 'b' is wanted, not a list."),
        ("shopper", "a dict with 'a', 'b' is wanted, not the text 'shopper'."),
    ],
)
def test_an_answer_by_names_is_graded_name_by_name(answer, text):
    result = answered(parts("nights"), answer, nights={"a": "shopper", "b": "analyst"})
    assert (result.correct, result.text) == (text == "2 of 2 are right.", text)


@pytest.mark.parametrize(
    ("right", "correct", "text"),
    [
        ([True, True, True], True, "Correct: 3 of 3 are right."),
        ([True, False, True], False, "Not yet: 2 of 3 are right."),
        ([], False, "Not yet: 0 of 0 are right."),
        ([True], True, "Correct: 1 of 1 is right."),
    ],
)
def test_an_answer_in_parts_is_correct_when_all_are_right(right, correct, text):
    assert (score(iter(right)).correct, str(score(right))) == (correct, text)


# --- choices ---

LATE = {
    "network": "everything that was sent has been received.",
    "lock": "nobody holds a lock on that table.",
}


@pytest.mark.parametrize("answer", ["Replay paused", "replay-PAUSED."])
def test_a_choice_is_right_in_any_case(answer):
    result = answered(choice("replay paused", LATE, why="It waits."), answer)
    assert (result.correct, result.text) == (True, "replay paused. It waits.")


def test_a_wrong_choice_learns_what_rules_it_out_and_not_the_right_one():
    asked = choice("replay paused", LATE)
    wrong = answered(asked, "Network")
    assert wrong.text == "not network: everything that was sent has been received."
    assert "paused" not in answered(asked, "none of these").text
    assert answered(choice("none of these", LATE), "None of these").correct


@pytest.mark.parametrize("answer", ["cosmic rays", 3, ["lock"], ""])
def test_what_is_no_choice_learns_what_there_is(answer):
    result = answered(choice("replay paused", LATE), answer)
    assert not result.missed
    assert "lock, network, replay paused, none of these." in result.text


# --- guardrails and checks, on a proof that needs no server ---


def verdict(state, amount=2, check="read your writes"):
    broken = state == "violated"
    return Verdict(
        *(check, state, amount, int(broken)),
        ("shopkeeper read version 0",) if broken else (),
        *("", {}),
        reason="nothing to check: no reads" if state == "unknown" else "",
        unit="reads",
        amounts={check: amount},
    )


def run_of(name, state="holds", useful=None, reads=2, amount=2):
    history = History(lab="lab", run=name)
    for n in range(reads):
        with history.call("shopkeeper", "read", "price") as op:
            op.version = n if state == "holds" else -n
    return SimpleNamespace(
        name=name,
        history=history,
        verdict=verdict(state, amount),
        useful=useful and verdict(useful, 5, "replica answers"),
    )


class Proof:
    """As a proof that was run: `attempt` does what the way, a dict, says."""

    amounts = ""

    def __init__(self):
        states = {
            "control": "holds",
            "incident": "violated",
            "guarded": "holds",
            "idle": "holds",
            "unguarded": "violated",
        }
        self.runs = {name: run_of(name, state) for name, state in states.items()}
        self.halves = {"token too early": 1, "always the primary": 2}
        self.half_runs = {}

    def half(self, name):
        useless = name == "always the primary"
        run = run_of("half", *(["holds", "violated"] if useless else ["violated"]))
        self.half_runs[name] = run
        return run

    def attempt(self, way, fault_on=True, fault="fault"):
        if isinstance(way, Exception):
            raise way
        return run_of("attempt", **way[fault if fault_on else "idle"])


FINE = {"fault": {"useful": "holds"}, "idle": {"useful": "holds"}}


def test_a_guardrail_that_keeps_the_promise_and_the_shop_open_is_correct():
    result = answered(guardrail(), FINE, proof=Proof())
    assert result.correct
    assert result.text == (
        "the promise holds under the fault (2 reads checked), and the shop works when "
        "nothing is wrong."
    )


@pytest.mark.parametrize(
    ("way", "text"),
    [
        (
            {"fault": {"state": "violated"}},
            "under the fault, the promise is broken: 1 of 2 reads (read your writes).\n"
            "  shopkeeper read version 0",
        ),
        (
            {"fault": {"useful": "violated"}},
            "under the fault, the promise holds, but the shop does not work: 1 of 5",
        ),
        (
            {"idle": {"useful": "violated"}},
            "when nothing is wrong, the promise holds, but the shop does not work",
        ),
        ({"idle": {"state": "violated"}}, "when nothing is wrong, the promise is brok"),
        ({"fault": {"state": "unknown"}}, "nothing is proved: nothing to check"),
        ({"fault": {"reads": 1}}, "its clients did not do the same as those of the"),
        (
            {"fault": {"amount": 1}},
            "only for 1 read: in the control run 2 were.",
        ),
    ],
)
def test_a_guardrail_that_looks_right_learns_what_is_wrong_with_it(way, text):
    result = answered(guardrail(Proof()), FINE | way)
    assert not result.correct
    assert text in result.text
    assert "HOLDS" not in result.text


def test_a_guardrail_must_pass_every_proof_it_is_given():
    class Stricter(Proof):
        def attempt(self, way, fault_on=True):
            return run_of("attempt", "violated")

    assert answered(guardrail([Proof(), Proof()]), FINE).correct
    assert not answered(guardrail([Proof(), Stricter()]), FINE).correct


def test_a_guardrail_before_the_proof_was_run_is_not_graded():
    assert not answered(guardrail(), FINE).answered
    empty = Proof()
    empty.runs = {}
    assert not answered(guardrail(empty), FINE).answered


@pytest.mark.parametrize(
    ("another", "text"),
    [
        ({}, ""),
        ({"another": {"state": "violated"}}, "when a fill is late:\nVIOLATED"),
        ({"another": {"state": "unknown"}}, "when a fill is late:\nUNKNOWN"),
        ({"idle": {"useful": "violated"}}, "the shop does not work"),
    ],
)
def test_a_guardrail_may_have_to_stand_another_day_as_well(another, text):
    way = FINE | {"another": {}} | another
    grade, run = on_another_day(Proof(), way, "another", "when a fill is late")
    assert grade.correct is (run is not None) is (not text)
    assert text in grade.text


def test_a_way_that_raises_is_graded_and_not_correct():
    result = answered(guardrail(Proof()), KeyError("token"))
    assert str(result) == "Not yet: your answer raised KeyError: 'token'."


def test_a_way_that_keeps_the_promise_is_correct_and_shows_the_verdict():
    result = answered(keeps(Proof()), FINE)
    assert result.correct
    assert result.text.endswith("HOLDS     read your writes: 2 reads checked")


def test_a_way_at_too_high_a_price_is_not_correct():
    dear = keeps(Proof(), also=lambda run: f"it is {run.verdict.state}.")
    assert answered(dear, FINE).text == "the promise holds, but it is holds."
    broken = {"fault": {"state": "violated"}}
    assert "the promise is broken" in answered(dear, broken).text
    useless = {"fault": {"useful": "violated"}}
    assert not answered(keeps(Proof()), useless).correct


def growing(history):
    seen = [op.version for op in history.ops("read")]
    return seen == sorted(seen)


def test_a_check_that_judges_every_run_as_it_was_is_correct():
    result = answered(check(), growing, proof=Proof())
    assert (result.correct, result.text) == (
        True,
        "it judges 6 runs as they were.",
    )


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            lambda history: True,
            "it lets through the incident run; it lets through the unguarded run; "
            "it lets through the half measure 'token too early'.",
        ),
        (
            lambda history: False,
            "it refuses the control run; it refuses the guarded run; it refuses the "
            "idle run.",
        ),
        (lambda history: history.run != "incident", "it lets through the incident run"),
        (lambda history: None, "returns True, False or a Verdict, and yours returned"),
        (lambda history: "holds", "and yours returned the text 'holds'."),
        (lambda: True, "a function of 1 argument (history) is wanted"),
        (lambda history: verdict("unknown"), "it says nothing about the control run"),
    ],
)
def test_a_check_that_looks_right_learns_which_run_it_misjudges(answer, text):
    result = answered(check(Proof()), answer)
    assert not result.correct
    assert text in result.text


def test_a_check_cannot_spoil_the_recorded_runs():
    proof = Proof()

    def spoils(history):
        for op in history:
            op.version = 0
        return True

    answered(check(proof), spoils)
    assert answered(check(proof), growing).correct


def test_a_check_is_tried_on_days_that_no_run_shows():
    def goes_back(history):
        history.ops("read")[0].version = 99

    def reads_nothing(history):
        for op in history.ops("read"):
            op.version = 1

    def judge(*days):
        return answered(check(Proof(), days=days), growing)

    bad = Day("a day on which it goes back", False, goes_back)
    good = Day("a day on which nothing is written", True, reads_nothing)
    assert judge(bad, good).text == "it judges 8 runs as they were."
    assert judge(bad._replace(good=True)).text == (
        "it refuses a day on which it goes back."
    )
    assert judge(good._replace(good=False)).text == (
        "it lets through a day on which nothing is written."
    )


def test_a_check_of_usefulness_is_tried_on_the_half_that_closes_the_shop():
    proof = Proof()
    result = answered(check(proof, about="useful"), lambda history: True)
    assert result.text == "it lets through the half measure 'always the primary'."


def test_a_check_before_all_runs_were_made_is_not_graded():
    proof = Proof()
    del proof.runs["idle"]
    early = answered(check(proof), growing)
    assert not early.answered
    assert early.text == "run the cells above first: the idle run is missing."


# --- in a lab ---


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.setenv("LABS_RUNTIME", "processes")
    monkeypatch.delenv("LABS_GRADES", raising=False)
    made = Lab("template")
    yield made
    made.close()


def test_a_lab_finds_what_is_expected_by_name(lab):
    lab.measure(backwards=9)
    assert lab.exercise("count", 9).correct
    assert str(lab.exercise("count", 8)) == "Not yet: 8 is too low."
    assert lab.exercise("count", 8).text.endswith("What has each of them seen?")
    assert not lab.exercise("the check", None).answered


def test_an_exercise_that_is_nowhere_says_where_it_should_be(lab):
    with pytest.raises(LookupError, match=r"template\.py has no exercise 'cuont'; it"):
        lab.exercise("cuont", 9)
    lab.name = "no_such_lab"
    with pytest.raises(LookupError, match=r"labs/labkit/answers/no_such_lab\.py is"):
        lab.exercise("count", 9)


def test_a_solution_must_be_correct_and_is_not_kept(lab, monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_GRADES", str(tmp_path))
    lab.measure(backwards=9)
    solved = lab.solution("count", 9)
    assert solved.correct and solved.folded
    with pytest.raises(AssertionError, match="'count' is not correct: Not yet: 8 is"):
        lab.solution("count", 8)
    assert list(tmp_path.iterdir()) == []
    lab.exercise("count", 8)
    assert "Hint" not in lab.exercise("count", None).text


def test_a_grade_keeps_its_line_breaks_on_the_page():
    assert "first<br>second" in show.grade(graded(False, "first\nsecond")).html


# --- grades kept ---


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_attempt_is_kept_for_the_teacher(lab, monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_GRADES", str(tmp_path / "class"))
    monkeypatch.setenv("LABS_STUDENT", "Zoë / 7")
    lab.measure(backwards=9)
    for answer in (None, 8, 9):
        lab.exercise("count", answer)
    first, second = lines(tmp_path / "class" / "Zoë_7.jsonl")
    assert first.pop("time") <= second.pop("time")
    assert first == {
        "student": "Zoë / 7",
        "lab": "template",
        "exercise": "count",
        "title": "count",
        "correct": False,
        "score": 0.0,
        "attempts": 1,
    }
    assert (second["correct"], second["score"], second["attempts"]) == (True, 1.0, 2)


def test_grades_may_go_to_one_file(monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_GRADES", str(tmp_path / "all.json"))
    for student in ("a", "b"):
        monkeypatch.setenv("LABS_STUDENT", student)
        keep("lab", "one", "", graded(True, "yes."), 1)
    assert [line["student"] for line in lines(tmp_path / "all.json")] == ["a", "b"]


def test_grades_that_cannot_be_kept_cost_one_line_and_no_lab(
    monkeypatch, tmp_path, capsys
):
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("LABS_GRADES", str(tmp_path / "taken" / "grades"))
    keep("lab", "one", "", graded(True, "yes."), 1)
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith("The grade is not kept (LABS_GRADES=")


def test_grades_are_kept_only_when_asked_for(monkeypatch, tmp_path):
    monkeypatch.delenv("LABS_GRADES", raising=False)
    monkeypatch.chdir(tmp_path)
    keep("lab", "one", "", graded(True, "yes."), 1)
    assert list(tmp_path.iterdir()) == []


def test_not_yet_is_never_followed_by_holds():
    assert "Not yet: HOLDS" not in str(graded(False, "HOLDS     no loss: 3 checked"))
    assert str(graded(True, "HOLDS     no loss")).startswith("Correct: HOLDS")


def test_unfit_and_not_correct_are_told_apart():
    assert exercises.Grade(False, "no.").missed
    assert not unfit("a list.").missed


# --- the modules with the answers, and the real proof ---

ANSWERS = sorted((Path(exercises.__file__).parents[1] / "answers").glob("[a-z]*.py"))


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_every_exercise_has_a_hint_for_whoever_is_stuck(path):
    module = import_module(f"labkit.answers.{path.stem}")
    for name in vars(module).get("EXERCISES", ()):
        found = exercises.find(path.stem, name)
        assert found.hints, name
        assert all(hint and hint[-1] in ".?`)" for hint in found.hints), name


@pytest.mark.parametrize("name", CASES)
def test_a_report_is_diagnosed_and_gives_nothing_away(name):
    case = CASES[name]
    asked = exercises.find("any lab", name)
    right = attempt(asked, case.right.upper(), {})
    assert right.correct and case.why in right.text
    assert 4 <= len(case.causes) <= 7
    shown = str(exercises.report(name))
    assert case.why not in shown
    for wrong in {*case.causes} - {case.right}:
        said = attempt(asked, wrong, {})
        assert said.missed and not said.correct
        assert len(said.text) > len(wrong) + 15, wrong
        if case.right != "none of these":
            assert case.right.lower() not in said.text.lower(), wrong


@pytest.mark.parametrize("name", CASES)
def test_a_report_fits_a_page(name):
    shown = str(exercises.report(name)).splitlines()
    assert max(map(len, shown)) <= 110
    assert len(shown) <= 40


def test_a_report_says_the_same_in_html_and_text():
    shown = exercises.report("carts at ten")
    for line in CASES["carts at ten"].views["primary, INFO commandstats"].split():
        assert line in shown.text and line in shown.html


def test_every_report_is_met_once_in_a_lab_or_in_a_chapter():
    book = book_model.read()
    labs = ["\n".join(cell["source"] for cell in lab.cells()) for lab in book.labs]
    chapters = [chapter.path.read_text("utf-8") for chapter in book.chapters]
    for name in CASES:
        met = [text for text in labs if f'"{name}"' in text]
        met += [text for text in chapters if f"```{{report}} {name}\n" in text]
        assert len(met) == 1, name


def test_an_unknown_report_names_those_there_are():
    with pytest.raises(LookupError, match="no report is named 'x'; there are"):
        exercises.report("x")


def real_proof():
    """Read the copy where it has the version, and the original otherwise."""
    shop = SimpleNamespace(value=0, copy=0, copying=True)

    @faults.fault("copying stopped")
    def stopped():
        shop.copying = False
        yield lambda: 1
        shop.copying = True

    def schedule(run, way):
        shop.value = shop.copy = 0
        for n in range(1, 6):
            with run.call("shopkeeper", "write", key="price", value=n) as op:
                shop.value = op.version = n
                shop.copy = n if shop.copying else shop.copy
            with run.call("shopkeeper", "read", key="price") as op:
                op.node = way(shop, n)
                op.version = shop.copy if op.node == "copy" else shop.value

    proof = RealProof(
        "read your writes",
        schedule=schedule,
        check=checks.read_your_writes,
        fault=stopped,
        without=lambda shop, n: "copy",
        useful=checks.at_most(1, "reads of the original", where=spoilt, of="read"),
        useful_in="idle",
    )
    proof.control()
    proof.incident()
    halves = {
        "one version behind is enough": lambda s, n: caught_up(s, n - 1),
        "always the original": lambda shop, n: "original",
    }
    proof.guard(caught_up, halves=halves)
    proof.guarded()
    proof.idle()
    proof.unguarded()
    return proof


def spoilt(op):
    return op.node == "original"


def caught_up(shop, n):
    return "copy" if shop.copy >= n else "original"


def test_the_judge_tells_guardrails_apart_on_a_real_proof():
    judge = guardrail(real_proof())
    assert answered(judge, caught_up).correct
    always = answered(judge, lambda shop, n: "original").text
    assert always.startswith("when nothing is wrong, the promise holds, but the shop")
    never = answered(judge, lambda shop, n: "copy").text
    assert never.startswith("under the fault, the promise is broken: 5 of 5 reads")
    assert "takes" in answered(judge, lambda n: "copy").text


def test_the_judge_tells_checks_apart_on_a_real_proof():
    proof = real_proof()

    def own(history):
        written = 0
        for op in history:
            if op.op == "write":
                written = op.version
            elif op.version < written:
                return False
        return True

    assert answered(check(proof), own).text == "it judges 6 runs as they were."
    assert answered(check(proof), checks.read_your_writes).correct
    blinded = answered(check(proof), checks.monotonic_reads).text
    assert "lets through the incident run" in blinded
    works = check(proof, about="useful")
    assert answered(works, proof.useful).correct
    nothing = answered(works, lambda history: True).text
    assert nothing == "it lets through the half measure 'always the original'."
