"""Promises of the two-way proof, on a shop small enough to be judged by hand."""

from contextlib import suppress
from functools import partial

import pytest

from labkit import checks, faults
from labkit.proof import RUNS, Half, ProofFailed
from labkit.proof import Proof as RealProof
from labkit.wait import wait_until


class Shop:
    """A stand-in with one value and one copy of it, for these tests alone."""

    def __init__(self):
        self.reset()
        self.copying = True
        self.healed = 0

    def reset(self):
        self.value = self.copy = 0

    def write(self, value):
        self.value = value
        if self.copying:
            self.copy = value


def made(shop=None, **other):
    shop = shop or Shop()

    @faults.fault("copying stopped")
    def stopped():
        shop.copying = False
        yield lambda: 1
        shop.copying = True
        shop.healed += 1

    def schedule(run, way):
        for n in range(1, 6):
            with run.call("shopkeeper", "write", key="price", value=n) as op:
                shop.write(n)
                op.version = n
            with run.call("shopkeeper", "read", key="price") as op:
                op.value = op.version = way()

    parts = {
        "schedule": schedule,
        "check": checks.read_your_writes,
        "fault": stopped,
        "without": lambda: shop.copy,
        "guardrail": lambda: shop.value,
        "reset": shop.reset,
        **other,
    }
    return RealProof("read your writes", **parts), shop


def from_the_copy(history):
    """At most one read of five may be spared the copy."""
    return checks.at_most(1, "reads of the original", where=of_the_original, of="read")(
        history
    )


def of_the_original(op):
    return op.node == "original"


def guarded_proof(**other):
    """The copy is read where it has the version, the original otherwise."""
    shop = Shop()

    def schedule(run, way):
        for n in range(1, 6):
            with run.call("shopkeeper", "write", key="price", value=n) as op:
                shop.write(n)
                op.version = n
            with run.call("shopkeeper", "read", key="price") as op:
                op.node = way(n)
                op.version = shop.copy if op.node == "copy" else shop.value

    def caught_up(n, slack=0):
        return "copy" if shop.copy >= n - slack else "original"

    parts = {
        "schedule": schedule,
        "without": lambda n: "copy",
        "guardrail": caught_up,
        "halves": {
            "one version behind is near enough": partial(caught_up, slack=1),
            "always the original": lambda n: "original",
        },
        "useful": from_the_copy,
        "useful_in": "idle",
        **other,
    }
    return made(shop, **parts)[0]


def test_a_true_lesson_passes_its_five_runs_and_no_half_measure_holds():
    proof = guarded_proof()
    runs = [getattr(proof, name)() for name in RUNS]
    states = [run.verdict.state for run in runs]
    assert states == ["holds", "violated", "holds", "holds", "violated"]
    assert [proof.half(name).red for name in proof.halves] == ["violated", "not useful"]


def test_a_half_measure_that_breaks_the_promise_says_by_what():
    run = guarded_proof().half("one version behind is near enough")
    assert run.name == "half" and run.fault_on
    assert str(run).splitlines()[0] == (
        "half measure, one version behind is near enough: fault on, guardrail in part"
    )
    assert str(run).splitlines()[-1] == (
        "Holds without it? No, violated: shopkeeper wrote version 1 and then read "
        "version 0 from copy"
    )


def test_a_half_measure_that_closes_the_shop_is_found_on_a_quiet_day():
    run = guarded_proof().half("always the original")
    assert not run.fault_on and run.verdict.holds
    assert run.answer.startswith("Holds without it? No, not useful: ")
    assert "NOT USEFUL" in str(run)


def test_a_half_measure_that_holds_fails_the_lesson():
    proof = guarded_proof()
    proof.halves = {"the whole of it": proof.guardrail}
    with pytest.raises(ProofFailed, match="can be left out"):
        proof.half("the whole of it")


def test_a_half_measure_that_proves_nothing_is_not_red():
    proof = guarded_proof(fault=nothing)
    with pytest.raises(ProofFailed, match="meter reads 0"):
        proof.half("one version behind is near enough")


def test_a_half_measure_may_need_a_fault_of_its_own():
    proof = guarded_proof()
    proof.halves = {"with its own": Half(lambda n: "copy", fault=proof.fault)}
    proof.fault = nothing
    assert proof.half("with its own").red == "violated"


def test_an_unknown_half_measure_is_named_with_those_that_there_are():
    with pytest.raises(KeyError, match="always the original"):
        guarded_proof().half("nobody")


def test_a_guardrail_that_closes_the_shop_fails_the_idle_run():
    proof = guarded_proof(guardrail=lambda n: "original")
    assert proof.guarded().verdict.holds
    with pytest.raises(ProofFailed, match="leaves too little working"):
        proof.idle()


def test_what_must_work_under_the_fault_too_is_asked_there():
    proof = guarded_proof(useful_in="always")
    with pytest.raises(ProofFailed, match="leaves too little working"):
        proof.guarded()


def test_runs_that_check_different_amounts_are_not_compared_in_silence():
    def schedule(run, way):
        for n in range(1, 6):
            with run.call("shopkeeper", "write", key="price", value=n) as op:
                op.version = n
            with (
                suppress(ValueError),
                run.call("shopkeeper", "read", key="price") as op,
            ):
                op.version = n
                if way is None and n > 1:
                    raise ValueError("no answer, so nothing to check")

    parts = dict(schedule=schedule, without=None, guardrail="all", halves={})
    proof = guarded_proof(**parts, useful=answered)
    proof.control()
    with pytest.raises(ProofFailed, match=r"checked 5 .* and control 1 .*: two runs"):
        proof.idle()
    proof = guarded_proof(**parts, useful=answered, amounts="a cache serves the rest")
    proof.control()
    proof.idle()


def answered(history):
    return checks.everybody_is_answered(history)


def test_a_check_that_sees_more_than_the_history_is_refused():
    elsewhere = []

    def promise(history):
        assert not elsewhere
        return checks.read_your_writes(history)

    with pytest.raises(TypeError, match=r"reads `elsewhere`, a list: a verdict"):
        guarded_proof(check=promise).control()


def test_a_fault_that_does_no_harm_fails_the_incident():
    proof, _ = made(without=lambda: 99)
    with pytest.raises(ProofFailed, match="does no harm"):
        proof.incident()


def test_a_guardrail_that_is_decoration_fails_the_guarded_run():
    proof, _ = made()
    proof.guardrail = proof.without
    with pytest.raises(ProofFailed, match="does not keep the promise"):
        proof.guarded()


def test_a_promise_kept_without_the_guardrail_fails_the_unguarded_run():
    proof, _ = made()
    proof.without = proof.guardrail
    with pytest.raises(ProofFailed, match="kept without the guardrail"):
        proof.unguarded()


def test_traffic_that_breaks_the_promise_by_itself_fails_the_control():
    proof, _ = made(without=lambda: -1)
    with pytest.raises(ProofFailed, match="without any fault"):
        proof.control()


@faults.fault("nothing at all")
def nothing():
    yield lambda: 0


def test_a_fault_whose_meter_reads_nothing_is_unknown_and_red():
    proof, _ = made(fault=nothing)
    for run in (proof.incident, proof.guarded, proof.unguarded):
        with pytest.raises(ProofFailed, match="meter reads 0"):
            run()


@pytest.mark.parametrize("reading", [-1, float("nan")])
def test_a_meter_that_reads_less_than_nothing_or_no_number_is_red(reading):
    @faults.fault("a broken meter")
    def broken():
        yield lambda: reading

    proof, _ = made(fault=broken)
    with pytest.raises(ProofFailed, match=f"meter reads {reading}: it was never"):
        proof.incident()


def test_a_wait_that_expires_is_unknown_and_red_where_the_promise_would_hold():
    proof, _ = made()
    whole = proof.schedule

    def late(run, way):
        whole(run, way)
        wait_until(lambda: False, 0.01, "the replica never came")

    proof.schedule = late
    with pytest.raises(ProofFailed, match="the replica never came"):
        proof.control()


def test_a_schedule_that_differs_between_two_runs_is_red():
    proof, shop = made()
    whole = proof.schedule
    proof.control()

    def longer(run, way):
        whole(run, way)
        with run.call("shopkeeper", "write", key="price", value=6) as op:
            shop.write(6)
            op.version = 6

    proof.schedule = longer
    with pytest.raises(ProofFailed, match="did not do the same"):
        proof.incident()


def test_a_checker_that_always_says_holds_is_found_by_the_incident():
    import dataclasses

    blind = lambda h: dataclasses.replace(checks.read_your_writes(h), state="holds")  # noqa: E731
    proof, _ = made(check=blind)
    with pytest.raises(ProofFailed, match="check cannot see it"):
        proof.incident()


def test_a_fault_is_healed_when_the_schedule_raises():
    proof, shop = made()

    def broken(run, way):
        raise RuntimeError("the schedule is wrong")

    proof.schedule = broken
    with pytest.raises(RuntimeError):
        proof.incident()
    assert shop.healed == 1 and shop.copying


def test_all_runs_draw_the_same_random_numbers():
    proof, _ = made(seed=3)
    drawn = [run.rng.random() for run in (proof.control(), proof.incident())]
    assert drawn[0] == drawn[1]


def test_an_attempt_is_judged_but_not_asserted():
    proof, _ = made()
    assert proof.attempt(proof.guardrail).verdict.holds
    assert proof.attempt(proof.without).verdict.violated


def test_the_text_of_a_run_holds_no_times_and_is_the_same_each_time():
    first, second = (str(made()[0].incident()) for _ in range(2))
    assert first == second
    assert first.startswith("incident: fault on, guardrail off\n")
