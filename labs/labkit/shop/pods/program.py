"""The shop as it runs in a pod: what a Service leads to. It imports nothing of labkit.

8080, for customers and probes:

    /page       the catalogue, with how many are left of each product
    /process    200 whenever the process has its catalogue and can answer at all
    /database   200 when the database answers as well

8081, for the lab: `/` tells what was asked so far, `/hang` makes all of 8080 hang.

Environment: DATABASE, an address. PAGE: "waits" (each page asks the database how many
are left), "from memory" (a thread asks, and pages show what it last knew), "as at the
start" (the thread's answers are not kept) or "without stock" (pages never say).
"""

import os
import signal
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import pg8000.native  # pure Python, from a file beside this one
from serve import Handler, Server  # another

AGAIN_S = 0.2  # between two looks at what is left
LOOK_S = 1.0  # a look may take
LEFT = "select id, stock from products"
DATABASE = urlsplit(os.environ["DATABASE"])
PAGE = os.environ.get("PAGE", "from memory")

counts: Counter[str] = (
    Counter()
)  # what was asked, how often; "... ok": what was answered
fresh = True  # whether the last look at what is left has succeeded
hang = threading.Event()
stock = {}


def connect(seconds=None):
    limit = {"statement_timeout": str(int(1000 * seconds))} if seconds else {}
    at = DATABASE
    return pg8000.native.Connection(
        at.username,
        at.hostname,
        at.path[1:],
        at.port,
        at.password,
        startup_params=limit,
    )


def ask(statement, seconds=None):
    link = connect(seconds)
    try:
        return link.run(statement)
    finally:
        link.close()


def load():
    """The catalogue, without which there is no page. How long it takes is the shop's
    to say, in `settings`."""
    while True:
        try:
            ask("select pg_sleep(load_s) from settings")
            return dict(ask(LEFT))
        except (OSError, pg8000.Error):
            time.sleep(AGAIN_S)


def look_again():
    """Keep what is left up to date, in the background."""
    global fresh, stock
    while True:
        try:
            known = dict(ask(LEFT, LOOK_S))
            stock = stock if PAGE == "as at the start" else known
            fresh = True
        except (OSError, pg8000.Error):
            fresh = False
        counts["looks"] += 1
        time.sleep(AGAIN_S)


class Shop(Handler):
    def do_GET(self):
        at = urlsplit(self.path)
        asked = at.query or at.path
        counts[asked] += 1
        if hang.is_set():
            threading.Event().wait()  # for ever: no thread comes back from here
        try:
            if at.path == "/database":
                ask("select 1 from products limit 1")
            left = stock if fresh and PAGE != "without stock" else None
            if at.path == "/page" and PAGE == "waits":
                left = dict(ask(LEFT))
        except (OSError, pg8000.Error) as error:
            return self.answer({"error": str(error)}, 503)
        counts[f"{asked} ok"] += 1
        return self.answer({"products": len(stock), "left": left})


class Desk(Handler):
    def do_GET(self):
        if self.path == "/hang":
            hang.set()
        self.answer(counts)


# as the first process of its container, it would be spared by SIGTERM otherwise
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
stock = load()
threading.Thread(target=look_again, daemon=True).start()
Server(8081, Desk).begin()
Server(8080, Shop).serve_forever()
