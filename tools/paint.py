"""How soon a page is seen, and what it loads for that.

    python tools/paint.py [SITE ...] [--rounds 5] [--pages book/index ...]

Opens pages of a built site (_build/html) in Chromium as on a slow telephone: 1.6
Mbit/s, 150 ms to each answer, a processor four times slower, nothing in the cache.
Prints the first paint, its median and its soonest; how far the page then jumps
(cumulative layout shift: 0 is not at all); how many files are asked for, and for how
many of them the first paint waits; and what all weigh as they are sent. Several sites
are opened in turns, so that a busy machine slows them alike: compare their ratio, not
their seconds.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from book_model import ROOT
from playwright.sync_api import Browser
from served import chromium, served

PAGES = ("book/index", "book/read_replicas", "labs/read_your_writes")
PHONE = {"width": 390, "height": 844}
SLOW_4G = {
    "offline": False,
    "latency": 150,  # ms
    "downloadThroughput": 1_600_000 / 8,  # bytes a second
    "uploadThroughput": 750_000 / 8,
}
SLOWER = 4  # times
SETTLED = """() => new Promise(done => {
  const jumps = [], seen = (type, each) => new PerformanceObserver(
    list => list.getEntries().forEach(each)).observe({type, buffered: true});
  seen("layout-shift", shift => jumps.push(shift.value));
  seen("paint", paint => paint.name === "first-contentful-paint" && setTimeout(
    () => done({
      paint: paint.startTime,
      jump: jumps.reduce((sum, one) => sum + one, 0),
      files: performance.getEntriesByType("resource")
        .concat(performance.getEntriesByType("navigation"))
        .map(one => [one.name, one.encodedBodySize, one.renderBlockingStatus]),
    }), 300));
})"""


@dataclass(frozen=True)
class Seen:
    """One page as a slow telephone met it."""

    paint: float  # s, first contentful paint
    jump: float  # cumulative layout shift
    bytes: int  # of the bodies as they were sent
    requests: int
    blocking: tuple[str, ...]  # addresses of what the first paint waited for


def look(browser: Browser, url: str, slow: bool = True) -> Seen:
    """Open `url` with an empty cache."""
    context = browser.new_context(viewport=PHONE, service_workers="block")
    tab = context.new_page()
    if slow:
        cdp = context.new_cdp_session(tab)
        cdp.send("Network.enable")
        cdp.send("Network.emulateNetworkConditions", SLOW_4G)
        cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    tab.goto(url, wait_until="networkidle")
    found = tab.evaluate(SETTLED)
    context.close()
    files = found["files"]
    return Seen(
        paint=found["paint"] / 1000,
        jump=found["jump"],
        bytes=sum(size for _, size, _ in files),
        requests=len(files),
        blocking=tuple(name for name, _, status in files if status == "blocking"),
    )


def line(label: str, seen: Iterable[Seen]) -> str:
    """The medians of several looks."""
    seen = list(seen)
    return (
        f"{label:44} {median(s.paint for s in seen):5.2f} s "
        f"{min(s.paint for s in seen):5.2f} s "
        f"{median(s.jump for s in seen):7.3f} {median(s.requests for s in seen):9} "
        f"{median(len(s.blocking) for s in seen):9} "
        f"{median(s.bytes for s in seen) / 1000:7.0f} kB"
    )


def main() -> None:
    """Print a table, one line a page and site."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sites", nargs="*", type=Path, default=[ROOT / "_build/html"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pages", nargs="+", default=PAGES)
    given = parser.parse_args()
    print(f"{'':43} painted  soonest    jump  requests  blocking    sent")
    with chromium() as browser:
        for page in given.pages:
            seen: dict[Path, list[Seen]] = {site: [] for site in given.sites}
            for _ in range(given.rounds):
                for site in given.sites:
                    with served(site) as address:
                        seen[site].append(look(browser, f"{address}{page}.html"))
            for site, looks in seen.items():
                print(line(f"{page} {site if len(seen) > 1 else ''}"[-44:], looks))


if __name__ == "__main__":
    main()
