"""What the three views promise: each tells the truth about one and the same history."""

import json
import re

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from labkit import History, Op, observe
from labkit.observe import logs, metrics, traces
from labkit.observe.sli import (
    SLI,
    Rule,
    budget,
    burn_rate,
    fires,
    fires_now,
    monitored,
    paged_in_time,
    rang,
    replayed,
    score,
    significant,
    sli,
    ticks,
    woken_for_users,
    workbook_rules,
)


def history(*ops, run="incident"):
    """A hand-written history; times in milliseconds, for whole numbers to be seen."""
    made = History("a_lab", run)
    for op in ops:
        made.add(op)
    return made


def op(client, name, key=None, began=0, ended=1, outcome="ok", **more):
    return Op(
        *(0, client, name, key),
        t_call=began / 1000,
        t_ret=None if ended is None else ended / 1000,
        outcome=outcome,
        **more,
    )


@pytest.fixture
def seen():
    """One page that is made anew by one of its two customers, a lost save, a refusal,
    and a question that nobody has answered yet."""
    return history(
        op("ann", "read", "page:1", 0, 30, node="redis", version=2),
        op("bob", "read", "page:1", 1, 40, node="redis", version=2),
        op("bob", "look", "page:1", 2, 3, inner=True, node="redis"),
        op("bob", "rebuild", "page:1", 4, 38, inner=True, node="primary", version=2),
        op("bob", "query", "page:1", 5, 35, inner=True, node="primary"),
        op("eve", "write", "page:2", 50, 80, "unknown", error="TimeoutError: 30 ms"),
        op("eve", "read", "page:2", 81, 82, "fail", error="QueryCanceled: too late"),
        op("kim", "read", "page:3", 90, None, "unknown"),
    )


# The board


def test_a_board_has_one_row_an_operation_and_node_with_errors_and_doubts(seen):
    assert observe.dashboard(seen).text.splitlines() == [
        "the board of the run: incident",
        "operation  node     count  errors  in doubt",
        "---------  -------  -----  ------  --------",
        "look       redis        1       0         0",
        "query      primary      1       0         0",
        "read       –            2       1         1",
        "read       redis        2       0         0",
        "rebuild    primary      1       0         0",
        "write      –            1       0         1",
    ]


def test_a_board_is_the_same_whenever_and_in_whatever_order_it_happened(seen):
    later = history(*(op("x", o.op, outcome=o.outcome, node=o.node) for o in seen))
    assert observe.dashboard(later) == observe.dashboard(seen)


def test_a_board_with_times_tells_how_many_took_no_longer():
    slow_one = [op("ann", "read", began=0, ended=n) for n in range(1, 102)]
    row = observe.dashboard(history(*slow_one), timing=True).text.splitlines()[-1]
    assert row.split() == ["read", "–", "101", "0", "0", "51", "96", "100"]


def test_a_board_of_one_answer_or_of_none_has_no_more_than_that():
    text = observe.dashboard(
        history(op("ann", "get"), op("ann", "read", ended=None)), timing=True
    ).text
    assert [line.split()[-3:] for line in text.splitlines()[-2:]] == [
        ["1", "1", "1"],
        ["–", "–", "–"],
    ]


def test_a_board_can_be_had_of_a_run(seen):
    class Run:
        name, history = "guarded", seen

    assert observe.dashboard(Run()).text.startswith("the board of the run: guarded")


def test_a_board_of_stale_reads_is_green():
    """The lesson of every lab: the board counts answers, not whether they are right."""
    write = op("ann", "write", "k", 0, 1, node="primary", version=2)
    stale = op("ann", "read", "k", 2, 3, node="replica1", version=1)
    fresh = op("ann", "read", "k", 2, 3, node="replica1", version=2)
    good, bad = (observe.dashboard(history(write, read)) for read in (fresh, stale))
    assert good == bad


# Metrics


def test_metrics_count_what_has_ended_and_apart_what_has_not(seen):
    text = observe.exposition(seen)
    counted = re.findall(r"^shop_operations_total\{(.*)\} (.*)$", text, re.M)
    assert dict(counted) == {
        'node="",op="read",outcome="fail"': "1.0",
        'node="",op="write",outcome="unknown"': "1.0",
        'node="primary",op="query",outcome="ok"': "1.0",
        'node="primary",op="rebuild",outcome="ok"': "1.0",
        'node="redis",op="look",outcome="ok"': "1.0",
        'node="redis",op="read",outcome="ok"': "2.0",
    }
    assert 'shop_operations_in_flight{node="",op="read"} 1.0' in text


def test_a_histogram_is_cumulative_and_sums_the_seconds(seen):
    sample = observe.registry(seen).get_sample_value
    name, reads = "shop_operation_seconds", {"op": "read", "node": "redis"}
    buckets = {
        bound: sample(f"{name}_bucket", {**reads, "le": bound})
        for bound in ("0.025", "0.05", "10.0", "+Inf")
    }
    assert list(buckets.values()) == [0, 2, 2, 2]
    assert sample(f"{name}_count", reads) == 2
    assert sample(f"{name}_sum", reads) == pytest.approx(0.030 + 0.039)


def test_a_value_on_a_buckets_bound_is_inside_it_and_a_slow_one_in_the_last():
    sample = observe.registry(
        history(op("a", "read", ended=25), op("a", "read", ended=20_000))
    ).get_sample_value
    labels = {"op": "read", "node": ""}
    name = "shop_operation_seconds_bucket"
    assert sample(name, {**labels, "le": "0.025"}) == 1
    assert sample(name, {**labels, "le": "10.0"}) == 1
    assert sample(name, {**labels, "le": "+Inf"}) == 2


def test_the_same_history_is_exposed_in_the_same_bytes(seen):
    assert observe.exposition(seen) == observe.exposition(seen)


def test_a_scrape_shows_the_history_as_it_is_by_then():
    growing = history(op("ann", "read"))
    registry = observe.registry(growing)
    labels = {"op": "read", "node": "", "outcome": "ok"}
    assert registry.get_sample_value("shop_operations_total", labels) == 1
    growing.add(op("ann", "read"))
    assert registry.get_sample_value("shop_operations_total", labels) == 2


def test_a_counter_never_takes_back_what_it_said():
    """An operation that is still open is not counted as in doubt and then as ok."""
    growing = History()
    with growing.call("ann", "read"):
        assert "shop_operations_total{" not in observe.exposition(growing)
    assert 'outcome="ok"} 1.0' in observe.exposition(growing)


def test_whatever_has_ended_has_its_outcome(monkeypatch):
    """Else a scrape in that instant would count it as in doubt, and the next as ok."""
    told = []

    class Watched(Op):
        def __setattr__(self, name, value):
            if name == "t_ret" and value is not None:
                told.append((self.outcome, self.error))
            super().__setattr__(name, value)

    monkeypatch.setattr("labkit.history.Op", Watched)
    growing = History()
    with growing.call("ann", "read"):
        pass
    with pytest.raises(KeyError), growing.call("ann", "read"):
        raise KeyError("page")
    assert told == [("ok", None), ("fail", "KeyError: 'page'")]


# Traces


def parents_of(made):
    return [place.parent and place.parent.op_id for place in traces.placed(made)]


def test_what_a_client_caused_hangs_below_its_operation(seen):
    assert parents_of(seen) == [None, None, 2, 2, 4, None, None, None]


def test_the_same_client_is_a_nearer_parent_than_the_same_key():
    made = history(
        op("ann", "read", "page:1", 0, 30),
        op("bob", "read", "page:1", 1, 30),
        op("ann", "rebuild", "page:1", 2, 20, inner=True),
        op("cache", "expire", "page:1", 3, 4, inner=True),
    )
    # the cache is no client of either: of those with its key, the last one called
    assert parents_of(made) == [None, None, 1, 3]


@pytest.mark.parametrize(
    "inner",
    [
        op("bob", "retry", "page:1", 5, 40, inner=True),  # ends after it
        op("bob", "retry", "page:1", 31, 32, inner=True),  # comes after it
        op("bob", "retry", "page:2", 5, 6, inner=True),  # shares neither
        op("bob", "retry", None, 5, 6, inner=True),
        op("bob", "retry", "page:1", 5, None, inner=True),  # has not ended
    ],
)
def test_an_inner_operation_that_is_within_none_is_its_own_root(inner):
    made = history(op("ann", "read", "page:1", 0, 30), inner)
    assert parents_of(made) == [None, None]


def test_two_operations_without_a_key_do_not_share_one():
    made = history(
        op("ann", "read", None, 0, 9), op("bob", "x", None, 1, 2, inner=True)
    )
    assert parents_of(made) == [None, None]


def test_an_open_operation_holds_what_is_done_meanwhile():
    made = history(
        op("ann", "read", "k", 0, None), op("ann", "retry", "k", 5, 6, inner=True)
    )
    assert parents_of(made) == [None, 1]


def test_every_span_is_in_the_trace_of_its_clients_operation(seen):
    spans = observe.spans(seen)
    assert [span.context.trace_id for span in spans] == [1, 2, 2, 2, 2, 6, 7, 8]
    assert [span.context.span_id for span in spans] == [1, 2, 3, 4, 5, 6, 7, 8]
    by_id = {span.context.span_id: span for span in spans}
    for span in spans:
        if span.parent:
            assert span.parent == by_id[span.parent.span_id].context


def test_a_span_tells_what_the_history_tells(seen):
    rebuilt = observe.spans(seen)[3]
    assert dict(rebuilt.attributes) == {
        "client": "bob",
        "op": "rebuild",
        "key": "page:1",
        "node": "primary",
        "version": 2,
        "outcome": "ok",
    }
    assert (rebuilt.start_time, rebuilt.end_time) == (4_000_000, 38_000_000)
    assert (rebuilt.name, rebuilt.kind) == ("rebuild page:1", SpanKind.INTERNAL)


def test_an_error_is_an_event_and_doubt_is_told_from_failure_by_the_outcome(seen):
    lost, refused, open_ = observe.spans(seen)[5:]
    assert [e.name for e in lost.events] == ["exception"]
    assert lost.events[0].attributes["exception.type"] == "TimeoutError"
    assert refused.events[0].attributes["exception.message"] == "too late"
    assert lost.status.status_code == refused.status.status_code == StatusCode.ERROR
    assert lost.attributes["outcome"] == "unknown"
    assert refused.attributes["outcome"] == "fail"
    assert open_.status.status_code == StatusCode.UNSET
    assert open_.end_time is None


def test_every_span_can_be_exported(seen):
    for span in observe.spans(seen):
        assert json.loads(span.to_json())["context"]


def test_the_header_names_the_trace_and_the_span_as_the_standard_has_it(seen):
    first, *_, last = seen.ops(inner=False)
    assert observe.traceparent(last) == (
        "00-00000000000000000000000000000008-0000000000000008-01"
    )
    (span, *_) = observe.spans(seen)
    _, trace, parent, _ = observe.traceparent(first).split("-")
    assert (int(trace, 16), int(parent, 16)) == (
        span.context.trace_id,
        span.context.span_id,
    )


def test_an_inner_operation_has_no_header_of_its_own(seen):
    with pytest.raises(ValueError, match="operation 3 is inner"):
        observe.traceparent(seen.ops()[2])


def test_a_trace_is_shown_as_a_tree_without_times(seen):
    assert observe.trace(seen, 2).text.splitlines() == [
        "one trace",
        "bob read page:1 at redis, version 2: ok",
        "├─ bob look page:1 at redis: ok",
        "└─ bob rebuild page:1 at primary, version 2: ok",
        "   └─ bob query page:1 at primary: ok",
    ]


def test_a_trace_is_found_by_any_of_its_operations(seen):
    whole = observe.trace(seen, 2)
    assert whole == observe.trace(seen, 5) == observe.trace(seen, seen.ops()[2])


def test_an_error_stands_in_the_tree(seen):
    assert observe.trace(seen, 7).text.endswith("read page:2: QueryCanceled: too late")


def test_a_trace_with_times_has_a_bar_for_each_span(seen):
    shown = observe.trace(seen, 2, timing=True)
    lines = shown.text.splitlines()[1:]
    told = [line.replace("█", "").split()[-2:] for line in lines]
    assert told == [["39", "ms"], ["1", "ms"], ["34", "ms"], ["30", "ms"]]
    assert shown.html.count("<i style=") == 4
    assert "margin-left:2.6%;width:2.6%" in shown.html  # 1 ms after 1 ms, of 39


def test_a_span_without_an_answer_says_so(seen):
    assert observe.trace(seen, 8, timing=True).text.endswith("no answer")


def test_a_trace_that_is_not_there_is_an_error(seen):
    with pytest.raises(ValueError, match="no operation 99"):
        observe.trace(seen, 99)


# Logs


def test_a_line_is_one_operation_and_names_its_trace(seen):
    first = json.loads(observe.lines(seen)[3])
    assert first == {
        "level": "info",
        "op_id": 4,
        "client": "bob",
        "op": "rebuild",
        "key": "page:1",
        "version": 2,
        "node": "primary",
        "outcome": "ok",
        "trace": "00000000000000000000000000000002",
    }


def test_lines_are_filtered_as_operations_are(seen):
    assert len(observe.lines(seen)) == len(seen)
    for given in (dict(outcome="fail"), dict(key="page:1", inner=True), dict(op="x")):
        ids = [json.loads(line)["op_id"] for line in observe.lines(seen, **given)]
        assert ids == [one.op_id for one in seen.ops(**given)]


def test_a_line_can_be_kept_short(seen):
    (line,) = observe.lines(seen, client="kim", fields=("key", "level", "version"))
    assert line == '{"key": "page:3", "level": "warning"}'  # it has no version


def test_a_level_tells_doubt_from_failure(seen):
    levels = [json.loads(line)["level"] for line in observe.lines(seen, client="eve")]
    assert levels == ["warning", "error"]
    assert set(logs.LEVELS) == {"ok", "fail", "unknown"}


def test_lines_have_times_only_where_they_are_asked_for(seen):
    def fields(timing):
        return json.loads(observe.lines(seen, client="kim", timing=timing)[0])

    assert {"at": 0.09, "ms": None}.items() <= fields(True).items()
    assert not {"at", "ms"} & fields(False).keys()


def test_the_three_views_agree_on_how_many_there_were(seen):
    ended = [one for one in seen if one.t_ret is not None]
    families = {f.name: f for f in metrics._Collector(seen).collect()}
    counted = sum(s.value for s in families["shop_operations"].samples)
    waiting = sum(s.value for s in families["shop_operations_in_flight"].samples)
    assert (counted, waiting) == (len(ended), len(seen) - len(ended))
    assert len(observe.lines(seen)) == len(observe.spans(seen)) == len(seen)


# Indicators, budgets and burn rates


def test_an_indicator_counts_what_its_predicate_calls_good(seen):
    assert sli(seen) == SLI(good=2, total=5)  # inner ones are no client's
    assert sli(seen, op="read") == SLI(2, 4)
    assert sli(seen, lambda one: one.version == 3, "read") == SLI(0, 4)
    assert (sli(seen).bad, sli(seen).ratio) == (3, 0.4)


def test_no_traffic_is_not_a_good_service():
    with pytest.raises(ValueError, match="of 0 operations no share"):
        sli(history())
    with pytest.raises(ValueError, match="of 0 operations no share"):
        sli(history(op("ann", "read")), op="write")
    with pytest.raises(ValueError, match="no share"):
        _ = SLI(0, 0).ratio


@pytest.mark.parametrize(
    ("slo", "total", "allowed"),
    [(0.999, 10_000, 10), (0.99, 10_000, 100), (0.9999, 10_000, 1), (0.95, 30, 1.5)],
)
def test_a_budget_is_what_the_objective_leaves(slo, total, allowed):
    assert budget(slo, total) == allowed


@pytest.mark.parametrize(
    ("bad", "total", "slo", "rate"),
    [
        (0, 10, 0.9, 0),
        (1, 1000, 0.999, 1),
        (144, 10_000, 0.999, 14.4),
        (5, 5, 0.99, 100),
    ],
)
def test_a_burn_rate_is_the_share_of_bad_over_the_share_allowed(bad, total, slo, rate):
    assert burn_rate(bad, total, slo) == rate


@pytest.mark.parametrize("slo", [1.0, 0.0, -0.1, 99.9, float("nan")])
def test_an_objective_outside_of_0_and_1_is_refused(slo):
    for ask in (
        lambda: budget(slo, 10),
        lambda: burn_rate(1, 10, slo),
        lambda: fires([SLI(1, 1)], slo, Rule(1, 1, 1)),
    ):
        with pytest.raises(ValueError, match="above 0 and below 1"):
            ask()


def test_numbers_without_meaning_are_refused():
    with pytest.raises(ValueError, match="of 0 operations"):
        budget(0.99, 0)
    with pytest.raises(ValueError, match="of 0 operations"):
        burn_rate(0, 0, 0.99)
    for bad in (-1, 11):
        with pytest.raises(ValueError, match=f"{bad} bad operations of 10"):
            burn_rate(bad, 10, 0.99)
    for windows in ((0, 0), (1, 2), (3, 0)):
        with pytest.raises(ValueError, match="the long one comes first"):
            Rule(*windows, 1)
    with pytest.raises(ValueError, match="always be exceeded"):
        Rule(2, 1, 0)


def test_ticks_are_counted_by_what_the_operations_say():
    made = history(
        op("ann", "read", extra={"tick": 2}),
        op("ann", "read", outcome="fail", extra={"tick": 0}),
        op("bob", "read", extra={"tick": 2}),
        op("bob", "retry", outcome="fail", inner=True),
    )
    assert ticks(made) == [SLI(0, 1), SLI(0, 0), SLI(2, 2)]
    for extra in ({}, {"tick": -1}, {"tick": "2"}, {"tick": True}):
        with pytest.raises(ValueError, match="operation 1 has no extra"):
            ticks(history(op("ann", "read", extra=extra)))
    with pytest.raises(ValueError, match="of 0 operations"):
        ticks(history())


# Alerts


def test_the_workbooks_rules_spend_the_share_of_the_budget_that_it_says():
    rules = workbook_rules(12)
    assert [(r.long, r.short, r.burn, r.severity) for r in rules] == [
        (12, 1, 14.4, "page"),
        (72, 6, 6, "page"),
        (864, 72, 1, "ticket"),
    ]
    assert [rule.spends(12) for rule in rules] == pytest.approx([0.02, 0.05, 0.1])
    assert [rule.spends(60) for rule in workbook_rules(60)] == pytest.approx(
        [0.02, 0.05, 0.1]
    )


@pytest.mark.parametrize("ticks_per_hour", [0, 1, 6, 13, -12])
def test_an_hour_of_which_five_minutes_are_no_whole_ticks_is_refused(ticks_per_hour):
    with pytest.raises(ValueError, match="ticks an hour"):
        workbook_rules(ticks_per_hour)


def day(*bad, each=100):
    return [SLI(each - one, each) for one in bad]


def test_a_rule_fires_when_both_windows_burn_and_stops_when_the_short_one_does_not():
    # at 0.9, a burn of 2 is 20 bad of 100. The sums of three ticks are
    # 0, 30, 60, 90, 60, 30, 0: above 60 of 300 only once (of 200, 30 are less, too)
    traffic = day(0, 30, 30, 30, 0, 0, 0)
    assert fires(traffic, 0.9, Rule(3, 1, 2)) == {3}
    # the long window of a smaller burn is above 30 of 300 until tick 4, but the short
    # one has recovered by then
    assert fires(traffic, 0.9, Rule(3, 3, 1)) == {1, 2, 3, 4}
    assert fires(traffic, 0.9, Rule(3, 1, 1)) == {1, 2, 3}


def test_a_short_spike_does_not_fill_the_long_window():
    assert fires(day(*[0] * 12, 100, *[0] * 12), 0.9, Rule(12, 1, 2)) == set()
    assert fires(day(*[0] * 12, 100, *[0] * 12), 0.9, Rule(1, 1, 2)) == {12}


def test_a_rule_at_its_limit_does_not_fire():
    limit, above = SLI(10_000 - 144, 10_000), SLI(10_000 - 145, 10_000)
    assert fires([limit], 0.999, Rule(1, 1, 14.4)) == set()
    assert fires([above], 0.999, Rule(1, 1, 14.4)) == {0}


def test_a_window_reaches_no_further_back_than_there_are_ticks():
    assert fires(day(50), 0.9, Rule(12, 1, 2)) == {0}


def test_a_tick_without_traffic_burns_nothing():
    silent = [SLI(0, 100), SLI(0, 0), SLI(0, 0)]
    assert fires(silent, 0.9, Rule(3, 1, 2)) == {0}
    assert fires(silent, 0.9, Rule(3, 2, 2)) == {0, 1}
    assert fires([], 0.9, Rule(3, 1, 2)) == set()


def test_several_rules_fire_when_one_does():
    traffic = day(0, 90, *[15] * 3)
    fast, slow = Rule(1, 1, 8), Rule(2, 2, 1)
    assert fires(traffic, 0.9, fast) == {1}
    assert fires(traffic, 0.9, slow) == {1, 2, 3, 4}
    assert fires(traffic, 0.9, fast, slow) == {1, 2, 3, 4}


def test_a_rule_that_is_asked_tick_by_tick_says_what_it_says_of_the_whole_day():
    traffic = day(0, 30, 30, 30, 0, 0, 0)
    for rule in (Rule(3, 1, 2), Rule(3, 3, 1), Rule(3, 1, 1), Rule(9, 2, 0.5)):
        at_each = {n for n in range(7) if fires_now(traffic[: n + 1], 0.9, rule)}
        assert at_each == fires(traffic, 0.9, rule)


def test_an_event_is_significant_when_it_takes_its_share_of_the_budget():
    # 10 ticks of 100 operations at 0.9: 10 bad ones a tick are allowed, so 100 in a
    # period of 10 ticks, and half of these is 50
    traffic = day(0, 30, 20, 0, 0, 30, 21, 0, 10, 0)
    assert significant(traffic, 0.9, period=10, share=0.5) == {5, 6}
    assert significant(traffic, 0.9, period=10, share=0.49) == {1, 2, 5, 6}
    assert significant(traffic, 0.9, period=100, share=0.5) == set()
    with pytest.raises(ValueError, match="of 0 operations"):
        significant([], 0.9, period=10)


# The promise of a pager: in these days ten ask in a tick, and at 0.9 one may fail. So
# the budget of four ticks is 4, and that of two is 2


def a_day(failed, rung=(), ops=("checkout",)):
    """A history: how many of ten fail in each tick, and where the pager rang."""
    made = history()
    for tick, bad in enumerate(failed):
        for kind in ops:
            for n in range(10):
                outcome = "fail" if n < bad else "ok"
                made.add(op("ann", kind, outcome=outcome, extra={"tick": tick}))
        value = tick in rung
        made.add(op("pager", "page", value=value, inner=True, extra={"tick": tick}))
    return made


QUIET = [0] * 10


@pytest.mark.parametrize(
    ("failed", "rung", "state"),
    [
        ([0, 2, 3, 2, 0], [1], "holds"),
        ([0, 2, 2, 3, 0], [2], "holds"),  # 4 are spent, and not more
        ([0, 2, 3, 2, 0], [2], "violated"),  # 5 are
        ([0, 2, 3, 2, 0], [], "violated"),
        ([0, 2, 3, 2, 0], [0, 4], "violated"),
        ([0, 2, 2, 0, 2], [], "holds"),  # nothing costs more than 4
        ([0, 1, 1, 1, 1], [], "holds"),  # as much as is allowed is no event
    ],
)
def test_who_suffers_is_seen_before_too_much_is_spent(failed, rung, state):
    verdict = paged_in_time(a_day(failed + QUIET * 5, rung), slo=0.9, period=4)
    # a budget of what these ticks have on average: ten in each
    assert (verdict.state, verdict.checked) == (state, 55)


def test_an_event_that_nobody_was_paged_for_counts_by_its_ticks_and_shows_who_failed():
    late = paged_in_time(a_day([0, 3, 3, *QUIET], [2]), slo=0.9, period=4)
    assert late.violations == 2
    assert len(late.where) == 6
    assert late.examples == ("ticks 1 to 2: 6 failed (checkout), paged too late",)
    never = paged_in_time(a_day([0, 9, *QUIET]), slo=0.9, period=4)
    assert never.examples == ("tick 1: 9 failed (checkout), nobody was paged",)


def test_each_kind_of_request_has_a_budget_of_its_own():
    made = a_day([0, 3, 3, *QUIET])
    for tick in range(13):  # a hundred more look, and are all served
        for _ in range(100):
            made.add(op("bob", "browse", extra={"tick": tick}))
    assert paged_in_time(made, slo=0.9, period=4).violated
    both = a_day([0, 3, 3, *QUIET], ops=("browse", "checkout"))
    verdict = paged_in_time(both, slo=0.9, period=4)
    assert (verdict.violations, verdict.counts["events"]) == (2, 2)  # of 13 ticks


def test_a_page_that_may_have_come_from_elsewhere_proves_nothing():
    made = a_day([0, 2, 3, 2, *QUIET], [1])

    def state(*disturbed):
        return paged_in_time(
            made, slo=0.9, period=4, disturbed=lambda history: set(disturbed)
        ).state

    assert (state(1), state(5), state(1, 2)) == ("unknown", "holds", "unknown")


@pytest.mark.parametrize(
    ("failed", "rung", "vain"),
    [
        ([0, 2, 0], [1, 2, 3], 0),  # until two ticks after its end
        ([0, 2, 0], [1, 2, 3, 4], 1),
        ([0, 2, 0], [0, 1], 1),
        ([0, 1, 0], [1], 1),  # no event
        ([0, 9, 0], [], 0),
        ([0, 0, 0], [0, 1, 2], 3),
    ],
)
def test_nobody_is_woken_but_for_users(failed, rung, vain):
    made = a_day(failed + QUIET, rung)
    verdict = woken_for_users(made, slo=0.9, least=2, after=2)
    assert (verdict.violations, verdict.checked) == (vain, len(failed) + 10)
    assert len(verdict.where) == vain


def test_too_small_an_event_wakes_nobody():
    made = a_day([0, 2, *QUIET], [1])
    assert woken_for_users(made, slo=0.9, least=2, after=0).holds
    assert woken_for_users(made, slo=0.9, least=3, after=0).violated


def test_a_day_is_replayed_under_another_rule_which_sees_no_further_than_its_tick():
    asked = []

    def rule(so_far, tick):
        asked.append((tick, [(op.op, op.extra["tick"], op.value) for op in so_far]))
        return tick == 2

    day = a_day([0, 0, 5, 0], [0])
    again = replayed(day, rule)
    assert (rang(day), rang(again)) == ({0}, {2})
    pages = [("page", n, n == 2) for n in range(4)]
    assert asked == [(n, pages[:n]) for n in range(4)]
    assert again.schedule() == day.schedule()


def test_a_rule_knows_what_the_monitors_told_and_not_what_the_clients_saw():
    day = a_day([0, 5], [1])
    with day.call("pager", "page", inner=True, tick=2):  # while it is being asked
        known = monitored(day)
    assert [(o.op, o.extra["tick"]) for o in known] == [("page", n) for n in range(3)]
    assert len(day) == 23


def test_a_rule_is_made_of_what_it_may_spend():
    made = Rule.spending(0.02, long=12, period=12 * 24 * 30)
    assert made == Rule(12, 1, 14.4)
    assert made.spends(12) == pytest.approx(0.02)
    assert Rule.spending(0.5, long=6, period=24).short == 1


TRUTH = {10, 11, 12, 13, 30, 31}  # two events in 60 ticks


def test_a_rule_that_never_fires_has_recall_0_and_no_precision_to_boast_of():
    result = score(set(), TRUTH)
    assert (result.recall, result.precision) == (0, None)
    assert (result.events, result.caught, result.detection) == (2, 0, None)


def test_a_rule_that_always_fires_has_recall_1_and_low_precision():
    result = score(range(60), TRUTH)
    assert (result.recall, result.precision) == (1, 0.1)
    assert (result.caught, result.detection, result.reset) == (2, 0, 28)


def test_a_rule_that_fires_on_the_wrong_thing_has_neither():
    result = score({40, 41}, TRUTH)
    assert (result.recall, result.precision, result.caught) == (0, 0, 0)


def test_a_rule_is_late_by_the_ticks_until_it_fires_and_after_it_should_stop():
    result = score({12, 13, 14, 15, 30, 31, 32}, TRUTH)
    assert (result.detection, result.reset) == (2, 2)
    assert result.precision == pytest.approx(4 / 7)
    assert result.recall == pytest.approx(4 / 6)


def test_a_perfect_rule_is_one():
    result = score(TRUTH, TRUTH)
    assert (result.precision, result.recall) == (1, 1)
    assert (result.caught, result.detection, result.reset) == (2, 0, 0)


def test_without_events_there_is_nothing_to_recall():
    quiet = score(set(), set())
    assert (quiet.recall, quiet.precision, quiet.events, quiet.reset) == (
        None,
        None,
        0,
        0,
    )


def test_the_workbooks_pages_find_an_outage_and_leave_a_busy_hour_alone():
    """Users fail for ten ticks of five minutes; before, a few errors as always."""
    usual, outage = SLI(99_980, 100_000), SLI(50_000, 100_000)
    traffic = [usual] * 60 + [outage] * 10 + [usual] * 60
    pages = [rule for rule in workbook_rules() if rule.severity == "page"]
    truth = significant(traffic, 0.999, period=8640)
    assert truth == set(range(60, 70))
    fast = score(fires(traffic, 0.999, pages[0]), truth)
    assert (fast.precision, fast.recall, fast.reset) == (1, 1, 0)
    both = score(fires(traffic, 0.999, *pages), truth)
    # the short window of the second rule, 30 minutes, is still full of the outage
    assert (both.recall, both.detection, both.reset) == (1, 0, 5)
    assert fires([usual] * 130, 0.999, *workbook_rules()) == set()
