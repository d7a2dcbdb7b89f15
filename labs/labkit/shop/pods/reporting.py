"""The shop in a pod, and what takes its memory. It imports nothing of labkit.

8080, for customers and probes:

    /page?7         the page of product 7, which is kept once it is made
    /checkout       a long request: under way until `/finish`
    /report, /report?wait   a store's month: takes memory while it is made, and is made
                    until `/finish` where it waits
    /process        200 when the pod can answer

8081, for the lab: `/` tells what the pod has in hand, whether what can be made has been
made, when it was born, and its memory as the kernel counts it; `/finish` ends what
waits.

Environment: PAGE_MIB and REPORT_MIB, what each takes. KEEPS: pages that are kept at
most; AT_ONCE: reports that are made at once, the others stand in line; none for as many
as come.
"""

import os
import signal
import threading
import time
from contextlib import nullcontext
from urllib.parse import urlsplit

from serve import Handler, Server  # a file beside this one

MIB = 1 << 20
PAGE, REPORT = (int(os.environ[n]) * MIB for n in ("PAGE_MIB", "REPORT_MIB"))
KEEPS, AT_ONCE = os.environ.get("KEEPS"), os.environ.get("AT_ONCE")

BORN = time.time()
changed = threading.Lock()
finish = threading.Event()
in_hand = {"asked": 0, "made": 0, "under way": 0}
turn = threading.Semaphore(int(AT_ONCE)) if AT_ONCE else nullcontext()
kept: dict[str, bytes] = {}


def tell(what, more):
    with changed:
        in_hand[what] += more


def filled(size):
    """Memory that is really there: what nobody has written to is not counted."""
    return b"x" * size


def page(product):
    if product not in kept:
        made = filled(PAGE)
        with changed:
            kept[product] = made
            while KEEPS and len(kept) > int(KEEPS):
                del kept[next(iter(kept))]  # the oldest


def report(waits):
    tell("asked", 1)
    with turn:
        month = filled(REPORT)
        tell("made", 1)
        if waits:
            finish.wait()
        tell("made", -1)
        del month
    tell("asked", -1)


def memory():
    """Of this process, in MiB: now, and at most so far."""
    with open("/proc/self/status") as file:
        told = dict(line.split(":", 1) for line in file)
    return {
        name: int(told[field].split()[0]) // 1024
        for name, field in (("in use", "VmRSS"), ("peak", "VmHWM"))
    }


class Shop(Handler):
    def do_GET(self):
        at = urlsplit(self.path)
        if at.path == "/page":
            page(at.query)
        elif at.path == "/checkout":
            tell("under way", 1)
            finish.wait()
            tell("under way", -1)
        elif at.path == "/report":
            if AT_ONCE == "0":
                return self.answer({"error": "no reports"}, 503)
            report(bool(at.query))
        return self.answer({})


class Desk(Handler):
    def do_GET(self):
        if self.path == "/finish":
            finish.set()
        with changed:
            told = dict(in_hand)
        some = int(AT_ONCE) if AT_ONCE else told["asked"]
        settled = told["made"] == min(some, told["asked"])
        self.answer({**told, "settled": settled, "born": BORN, **memory()})


# as the first process of its container, it would be spared by SIGTERM otherwise
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(8081, Desk).begin()
Server(8080, Shop).serve_forever()
