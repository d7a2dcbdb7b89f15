"""Two regions for tests: two databases, each behind a line of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from labkit import Lab, Link, Postgres
from labkit.shop import regions


@contextmanager
def two_regions(name: str, more: str = "") -> Iterator[regions.Regions]:
    """name: the lab's. more: further tables, as SQL."""
    lab = Lab(name)
    names = "region_a", "region_b"
    a, b = [Postgres(settings=regions.SETTINGS, name=name) for name in names]
    links = {a: Link(to=a, name="from_a"), b: Link(to=b, name="from_b")}
    lab.start(a, b, *links.values())
    yield regions.Regions(lab, links, more=more)
    lab.close()
