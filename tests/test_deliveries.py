"""What a pipeline renders and counts before it commits, and the check on what came."""

import pytest

from labkit.history import History
from labkit.shop.pods.deliveries import (
    Change,
    objects,
    one_region_at_most,
    share_gone,
)

TEMPLATE = """\
{{ settings(region) }}
{% for process in region.processes %}
{{ deployment(process) }}
{{ service(process) }}
{% endfor %}
{% for name in region.names %}
{{ service(name, "pages") }}
{% endfor %}
"""
ALL = objects(Change(TEMPLATE).rendered("eu"))


def test_a_region_has_its_settings_two_processes_and_a_name() -> None:
    assert sorted(ALL) == [
        "ConfigMap/settings",
        "Deployment/carts",
        "Deployment/pages",
        "Service/carts",
        "Service/pages",
        "Service/sale",
    ]


def test_a_name_that_the_template_does_not_know_renders_nothing() -> None:
    renamed = TEMPLATE.replace("region.processes", "region.process")
    left = objects(Change(renamed, names=()).rendered("eu"))
    assert left == {"ConfigMap/settings"}
    assert share_gone(ALL, left) == pytest.approx(100 * 5 / 6)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        ("abcd", "abcd", 0),
        ("abcd", "abc", 25),
        ("abcd", "abcx", 25),  # renamed: one goes, another comes
        ("abcd", "", 100),
        ("", "ab", 0),  # a new region
    ],
)
def test_what_would_vanish_is_a_share_of_what_is_there(before, after, gone) -> None:
    assert share_gone(before, after) == gone


def pages(*outcomes: tuple[str, str, str]) -> History:
    """Pages as (region, "page" or "soak", outcome)."""
    history = History()
    for region, key, outcome in outcomes:
        call = history.call("visitor", "read", key, node=region)
        try:
            with call:
                if outcome != "ok":
                    raise OSError
        except OSError:
            pass
    return history


GOOD, ASIA = ("us", "page", "ok"), ("asia", "page", "lost")


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        ([GOOD, ("eu", "page", "ok")], "holds"),
        ([GOOD, ("eu", "soak", "lost"), ("eu", "page", "lost")], "holds"),
        ([GOOD, ("eu", "soak", "lost"), ASIA], "violated"),
        ([GOOD, ("eu", "page", "lost"), ASIA], "violated"),
        ([], "unknown"),
    ],
)
def test_customers_without_a_page_are_all_of_one_region(seen, state) -> None:
    assert one_region_at_most(pages(*seen)).state == state
