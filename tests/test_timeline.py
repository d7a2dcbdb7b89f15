"""The timeline: every operation in its lane, its outcome in its shape."""

import re

import pytest
from forms import Elements, an_incident, run, verdict

from labkit import show
from labkit.history import History, Op


def test_a_timeline_has_a_lane_for_every_client_and_marks_what_broke_the_promise():
    shown = show.timeline(an_incident())
    lanes = [e.text for e in Elements(shown.html).named("li")]
    assert lanes[0].startswith("client 0: 10 operations, ")
    assert lanes[0].endswith(" broke the promise")
    assert lanes[1:] == ["client 1: 10 operations", "client 2: 10 operations"]
    assert shown.html.count('class="lk-old"') > 1


def test_the_text_of_a_timeline_tells_nothing_that_differs_from_run_to_run():
    one, other = an_incident(), an_incident()
    for op in other.history:
        op.t_call, op.t_ret = op.t_call * 1.7, op.t_ret * 1.9
    other.fault_at = None
    assert show.timeline(one).text == show.timeline(other).text
    assert "3 clients, " in show.timeline(one).text


def test_the_order_in_which_clients_came_does_not_move_their_lanes():
    history = History()
    for n, client in enumerate(("client 10", "auditor", "client 9")):
        history.add(Op(0, client, "read", t_call=n, t_ret=n, outcome="ok"))
    lanes = Elements(show.timeline(run(history=history)).html).named("li")
    assert [e.text.split(":")[0] for e in lanes] == ["auditor", "client 9", "client 10"]


def test_the_lanes_of_a_timeline_can_be_chosen():
    def names(lanes):
        shown = show.timeline(an_incident(), lanes=lanes)
        return [e.text.split(":")[0] for e in Elements(shown.html).named("li")]

    assert names(["client 2", "client 0"]) == ["client 2", "client 0"]
    assert names(lambda op: op.op) == ["read", "write"]
    with pytest.raises(ValueError, match="no operation of nobody"):
        names(["nobody"])


def test_lanes_can_stand_in_the_order_of_the_story():
    history = History()
    for n, op in enumerate(("list", "write", "count", "read")):
        history.add(Op(0, "shop", op, t_call=n, t_ret=n, outcome="ok"))
    steps = ("write", "rest", "read")
    one = run(history=history)
    shown = show.timeline(one, lanes=lambda op: op.op, first=steps)
    lanes = [e.text.split(":")[0] for e in Elements(shown.html).named("li")]
    assert lanes == ["write", "read", "count", "list"]


@pytest.mark.parametrize(
    ("nodes", "lanes"),
    [
        (("db", "copy", "db"), ["c at copy", "c at db"]),
        ((None, "db"), ["c at db", "c, write"]),
        (("db", "db"), ["c"]),
    ],
)
def test_a_single_client_has_a_lane_for_each_server_that_answered(nodes, lanes):
    history = History()
    for n, node in enumerate(nodes):
        op = "read" if node else "write"
        history.add(Op(0, "c", op, node=node, t_call=n, t_ret=n, outcome="ok"))
    drawn = Elements(show.timeline(run(history=history)).html).named("li")
    assert [e.text.split(":")[0] for e in drawn] == lanes


@pytest.mark.parametrize(
    ("client", "group"),
    [
        ("eu customer {}", "20 eu customers"),
        ("customer of store {}", "20 customers of store"),
    ],
)
def test_a_group_is_called_by_what_its_clients_are(client, group):
    history = History()
    for n in range(20):
        history.add(Op(0, client.format(n), "read", t_call=n, t_ret=n, outcome="ok"))
    [lane] = Elements(show.timeline(run(history=history)).html).named("li")
    assert lane.text.startswith(f"{group}: 20 operations")


def test_no_line_goes_through_the_names_of_lanes():
    [base] = re.findall(r'class="lk-base" d="(.*?)"', show.timeline(an_incident()).html)
    uprights = re.findall(r"M\d+ (\d+)V(\d+)", base)
    assert len(uprights) == 3 * 3  # a quarter, half and three quarters of each lane
    assert {int(top) % 46 for top, _ in uprights} == {17}
    assert {int(end) - int(top) for top, end in uprights} == {25}


def test_figures_are_as_low_as_reads_since_they_change_nothing():
    history = History()
    for n, op in enumerate(("figure", "read", "write")):
        history.add(Op(0, "monitor", op, t_call=n, t_ret=n + 0.5, outcome="ok"))
    shown = show.timeline(run(history=history), lanes=["monitor"])
    tops = re.findall(r'class="lk-ok" d="M[\d.]+ ([\d.]+)h[\d.]+v[\d.]+h', shown.html)
    assert tops[:3] == ["30", "30", "24"]


def test_a_crowd_is_drawn_as_groups():
    history = History()
    for n in range(34):
        history.add(Op(0, f"customer-{n}", "read", t_call=n, t_ret=n, outcome="ok"))
    history.add(Op(0, "auditor", "read", t_call=40, t_ret=41, outcome="ok"))
    lanes = Elements(show.timeline(run(history=history)).html).named("li")
    assert [e.text for e in lanes] == [
        "34 customers: 34 operations",
        "auditor: 1 operation",
    ]


def test_every_outcome_has_a_shape_of_its_own():
    def shape(outcome, t_ret=1.0):
        history = History()
        history.add(Op(0, "c", "write", t_call=0.0, t_ret=t_ret, outcome=outcome))
        history.add(Op(0, "c", "write", t_call=2.0, t_ret=3.0, outcome="ok"))
        drawn = Elements(show.timeline(run(history=history)).html).named("path")[1]
        return drawn.attrs["class"], re.sub(r"[\d.]+", "", drawn.attrs["d"])

    assert shape("ok")[0] == "lk-ok"
    assert shape("fail") != shape("ok")
    assert shape("unknown")[0] == shape("unknown", None)[0] == "lk-open"


@pytest.mark.parametrize(
    ("clients", "operations"),
    [(1, 1), (1, 200), (4, 200), (6, 600), (12, 5000), (40, 5000)],
)
def test_a_timeline_is_small_however_much_happened(clients, operations):
    html = show.timeline(an_incident(clients, operations)).html
    drawing = html[html.index("<svg") : html.index("</svg>")]
    assert len(drawing.encode()) <= 25_000
    assert not Elements(html).open


def test_a_timeline_draws_the_fault_where_it_is_known():
    assert 'class="lk-band"' in show.timeline(an_incident()).html
    assert 'class="lk-band"' not in show.timeline(an_incident(fault_at=None)).html


def test_a_verdict_that_marks_no_operation_is_drawn_without_marks():
    shown = show.timeline(an_incident(verdict=verdict()))
    assert "marked" not in shown.text
    assert 'class="lk-bad"' not in shown.html


def test_a_run_in_which_nothing_happened_says_so():
    assert show.timeline(run(history=History())).text.endswith("nothing happened")


def test_a_bar_tells_its_operation_to_who_points_at_it(opened):
    tab = opened(show.timeline(an_incident()).html)
    bar = tab.locator("[data-t]").first
    told = bar.get_attribute("data-t")
    assert told == "write k, version 0, 500 ms"
    bar.hover()
    assert tab.locator("svg title").text_content() == told


def test_lanes_lie_beside_their_names_under_a_style_like_jupyters(opened):
    rule = "<style>.any svg { height: auto; max-width: 100% }</style>"
    tab = opened(f'{rule}<div class="any">{show.timeline(an_incident()).html}</div>')
    tall = "(all) => all.map((one) => one.getBoundingClientRect().height)"
    drawn, names = tab.locator(".lk-lanes > *").evaluate_all(tall)
    assert drawn == names
