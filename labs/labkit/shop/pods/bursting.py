"""The shop in a pod, and what takes its processor. It imports nothing of labkit.

8080, for customers and probes:

    /page?3    the page in version 3: made anew when another one is in memory. The
               answer says in which version it came, and in how many periods the pod
               was stopped by its limit while it was made
    /process   200 when the pod can answer

8081, for the lab: `/` tells the processor time that was used, and what the kernel
counts of the limit.

Environment: WORK_MS, processor time for a page, on THREADS threads. FRESH, "no": what
is in memory is shown, in whatever version.
"""

import hashlib
import os
import signal
import threading
import time
from urllib.parse import urlsplit

from serve import Handler, Server, limit  # a file beside this one

WORK_S = int(os.environ["WORK_MS"]) / 1000
THREADS = int(os.environ["THREADS"])
FRESH = os.environ.get("FRESH") != "no"
PIECE = bytes(1 << 16)  # long enough that its hash is made beside other threads

making = threading.Lock()
version = "1"
made = quick = 0


def work(seconds):
    """Use so much processor time, however fast the processor is."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        hashlib.sha256(PIECE)


def make():
    """The page, anew, on all threads at once."""
    global made, quick
    began = time.monotonic()
    hands = [
        threading.Thread(target=work, args=(WORK_S / THREADS,)) for _ in range(THREADS)
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    made += 1
    # had it used less than a tenth of a processor, no limit could have stopped it
    quick += time.monotonic() - began < 10 * WORK_S


class Shop(Handler):
    def do_GET(self):
        global version
        at = urlsplit(self.path)
        if at.path == "/process":
            return self.answer({})
        with making:
            before, began = limit()["stopped"], time.monotonic()
            if FRESH and at.query != version:
                make()
                version = at.query
            stopped = limit()["stopped"] - before
            took = 1000 * (time.monotonic() - began)
            return self.answer({"version": version, "stopped": stopped, "ms": took})


class Desk(Handler):
    def do_GET(self):
        used = {"used": time.process_time(), "now": time.monotonic()}
        self.answer({**used, "made": made, "quick": quick, **limit()})


# as the first process of its container, it would be spared by SIGTERM otherwise
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(8081, Desk).begin()
Server(8080, Shop).serve_forever()
