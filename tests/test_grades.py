"""Grades that labs kept become a gradebook's rows."""

import csv
import io
import json
from pathlib import Path

import grades
import pytest

from labkit.exercises import Grade, keep


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two students: one needed three attempts, the other has half of it."""
    monkeypatch.setenv("LABS_GRADES", str(tmp_path))
    for student, scores in (("ann", [0, 1, 0]), ("ben", [0.5])):
        monkeypatch.setenv("LABS_STUDENT", student)
        for n, score in enumerate(scores, start=1):
            grade = Grade(score == 1, "text", score=score)
            keep("a_lab", "count", "Count them", grade, n)
    return tmp_path


def rows(where: Path) -> list[dict]:
    out = io.StringIO()
    assert grades.main([str(where)], out) == 0
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_a_spreadsheet_gets_the_best_score_of_each_student(folder: Path) -> None:
    ann, ben = rows(folder)
    assert (ann["student"], ann["score"], ann["attempts"]) == ("ann", "1.0", "3")
    assert (ben["student"], ben["score"], ben["attempts"]) == ("ben", "0.5", "1")
    assert (ben["lab"], ben["title"]) == ("a_lab", "Count them")


def test_an_autograder_gets_points_and_their_maximum(folder: Path) -> None:
    out = io.StringIO()
    grades.main([str(folder / "ann.jsonl"), "--results"], out)
    assert json.loads(out.getvalue()) == {
        "tests": [
            {
                "name": "a_lab: Count them",
                "score": 1.0,
                "max_score": 1.0,
                "output": "attempts: 3",
            }
        ]
    }
    out = io.StringIO()
    grades.main([str(folder), "--results"], out)
    assert list(json.loads(out.getvalue())) == ["ann", "ben"]


def test_a_line_that_is_no_grade_is_named_and_left_out(folder: Path, capsys) -> None:
    with (folder / "ben.jsonl").open("a") as file:
        file.write("half a li\n")
    assert len(rows(folder)) == 2
    assert "ben.jsonl, line 2: not a grade" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["nowhere"], ["a", "b"]])
def test_a_folder_that_is_not_there_is_asked_for(words: list[str], capsys) -> None:
    assert grades.main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1
