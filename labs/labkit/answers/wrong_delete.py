"""Answers to labs/wrong_delete.ipynb: spoilers ahead."""

import re
from collections.abc import Callable
from typing import Any

from ..exercises import Grade, exercise, function, graded, parts
from ..runtimes import StartFailed


@function("xid")
def by_time(answer: Any, proof: Any, way: Callable[..., Any], job: Any) -> Grade:
    """A repair is right when the day keeps its promise although no number is told."""

    def blindly(_: Any) -> None:
        job.xid = "no number was noted"
        answer(job.xid)

    for fault_on in (True, False):
        try:
            run = proof.attempt(way(blindly), fault_on=fault_on)
        except StartFailed as error:
            return graded(False, f"no server comes back: {reason(error)}.")
        when = "under the fault" if fault_on else "when nothing was deleted"
        if not run.verdict.holds:
            return graded(False, f"{when}, orders are gone.\n{run.verdict}")
    return graded(True, f"all orders are back.\n{run.verdict}")


SIGNS = "unrecognized configuration parameter", "invalid value for", "FATAL:"


def reason(error: StartFailed) -> str:
    """Why a server that is restored does not start: the first line of its log that
    says so."""
    lines = str(error).splitlines()
    said = [line for line in lines if any(sign in line for sign in SIGNS)]
    return re.sub(r".*(LOG|FATAL): +", "", (said or lines)[0])


EXERCISES = {
    "only the time is known": exercise(
        by_time,
        "Which of PostgreSQL's recovery targets is no transaction?",
        "The segment in use must be in the archive first.",
        "backups.restored(time=job.began), after backups.archive_the_rest().",
    ),
    "the building burns": exercise(
        parts({"the backup alone": 1500, "with the archive": 2}),
        "How old is the newest thing that is in another place?",
        "Hours since 02:00 times orders an hour; archive_timeout in hours times the "
        "same.",
    ),
}
