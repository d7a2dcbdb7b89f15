"""Answers to labs/late_autoscaler.ipynb: spoilers ahead."""

from ..exercises import Day, check, exercise, number
from ..history import History


def kept(history: History, customers: slice, foreseen: bool) -> None:
    """Show some customers the page from the edge."""
    for page in history.ops("read"):
        page.extra["foreseen"] = foreseen
    for page in history.ops("read")[customers]:
        page.value = "kept"


def one_old_page(history: History) -> None:
    kept(history, slice(1), foreseen=True)


def nobody_knew(history: History) -> None:
    kept(history, slice(9), foreseen=False)


def all_old(history: History) -> None:
    kept(history, slice(None), foreseen=False)


def one_pod_stays(history: History) -> None:
    (night,) = history.ops("figure", key="pods at night")
    night.value = 2


def eight_pods(history: History) -> None:
    history.ops("figure", key="pods")[-1].value = 8


def seven_pods(history: History) -> None:
    history.ops("figure", key="pods")[0].value = 7


def one_gets_nothing(history: History) -> None:
    page = history.ops("read")[0]
    page.outcome, page.value = "fail", None


DAYS = (
    Day("an announced wave with one old page", False, one_old_page),
    Day("a wave that nobody knew of, with three fresh pages", True, nobody_knew),
    Day("a wave that nobody knew of, with old pages for all", False, all_old),
    Day("a night with one pod too many", False, one_pod_stays),
    Day("an evening with eight pods", False, eight_pods),
    Day("an evening with seven pods", True, seven_pods),
    # the promise is broken then, and not what must work
    Day("a wave with one customer who leaves", True, one_gets_nothing),
)
EXERCISES = {
    "what must work": exercise(
        check(about="useful", days=DAYS, more=False),
        "Four things are asked; each can fail while the others are well.",
        "Whoever left has no page at all: that is for the other check to say.",
        "False when a read is 'kept' and foreseen, when fewer than three are 'fresh', "
        "when a value of 'pods' is above 7, or a night's is not 1.",
    ),
    "announced": exercise(
        number(160, unit="pods"),
        "How many pages are asked for in a second, and how many workers do they keep?",
        "4,000 a second, for 0.3 seconds each.",
        "1,200 busy workers, and 7.5 of a pod's may be busy.",
    ),
}
