"""What is said of an evening in counted time, without servers."""

from labkit import History, Op, Proof
from labkit.faults import Fault
from labkit.shop.evening import CHECKOUT, GONE, REFUSED, Try, recovered, total
from labkit.shop.evening import by_second as seconds


def evening(*answered, each=10):
    """A history of so many seconds with `each` requests; how many were answered."""
    history = History()
    for second, good in enumerate(answered):
        for n in range(each):
            outcome = "ok" if n < good else "fail"
            at = second + n / each
            op = Op(0, f"customer {n}", "browse", outcome=outcome)
            op.t_call, op.t_ret = at, at + 0.05
            history.add(op)
    return history


def add(history, name, t, **more):
    history.add(Op(0, "x", name, inner=True, t_call=t, t_ret=t, outcome="ok", **more))


def test_the_trouble_is_over_when_nine_of_ten_are_answered_in_each_second():
    assert recovered(evening(10, 0, 9, 10), since=2).holds


def test_one_answer_less_in_one_second_breaks_the_promise_and_is_named():
    verdict = recovered(evening(10, 0, 8, 10), since=2)
    assert verdict.violated
    assert verdict.examples == ("in second 3, 8 of 10 were answered",)
    assert len(verdict.where) == 2


def test_seconds_of_trouble_are_not_judged_and_those_after_it_all_are():
    assert recovered(evening(0, 0, 10), since=2).checked == 1
    assert recovered(evening(10, 10, 10, 0), since=2).violated


def test_a_request_in_doubt_is_not_answered():
    history = evening(10)
    for op in history.ops()[:2]:
        op.outcome = "unknown"
    assert recovered(history, since=0).violated


def test_what_the_system_does_by_itself_is_no_request():
    history = evening(10)
    for n in range(20):
        add(history, "try", n / 20)
    assert recovered(history, since=0).holds


def test_an_evening_to_which_nobody_came_tells_nothing():
    assert recovered(History(), since=0).unknown
    assert recovered(evening(10), since=5).unknown


def test_the_seconds_count_requests_tries_and_pages_for_nobody():
    history = evening(10, 4)
    for t, vain in ((0.2, False), (1.2, True), (1.9, True)):
        add(history, "try", t)
        add(history, "page", t, extra={"for_nobody": vain, "kind": "browse"})
    first, second = seconds(history)
    assert first == {
        "second": 1,
        "requests": 10,
        "answered": 10,
        "tries": 1,
        "made": 1,
        "for nobody": 0,
    }
    assert (second["answered"], second["tries"], second["for nobody"]) == (4, 2, 2)
    assert total(history, "answered") == 14
    assert total(history, "answered", since=1) == 4


def test_a_page_is_for_nobody_when_its_caller_was_told_something_else():
    one = Try(1, CHECKOUT, 1, 0, 6)
    assert not one.for_nobody  # nothing was made
    one.made = 7
    for told, vain in (("ok", False), (GONE, True), (REFUSED, True)):
        one.told = told
        assert one.for_nobody is vain


def test_a_fault_that_is_there_for_a_part_of_the_schedule_says_when():
    def there():
        yield lambda: 1

    def fault():
        made = Fault("for a while", there)
        made.span = (1.0, 3.0)
        return made

    def clients(run, way):
        with run.call("customer", "browse"):
            pass

    def promise(history):
        return recovered(history, since=0)

    proof = Proof("spans", schedule=clients, check=promise, fault=fault, without=None)
    assert proof.attempt(None).fault_at == (1.0, 3.0)
