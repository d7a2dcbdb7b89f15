"""The shop in a pod that has a few workers. It imports nothing of labkit.

8080, for customers and probes:

    /page?compute  takes a worker, and a third of the processor that the container may
                   use, until the lab has all pages end; 503 when no worker is free
    /page?wait     the same, but the worker only waits, as for somebody who is slow
    /process       200 when the pod is ready for customers

8081, for the lab: `/` tells how many workers are busy, `/end` ends the pages.

Environment: WORKERS. START_S: seconds that the start takes (it loads a catalogue and
warms its caches).
"""

import os
import signal
import threading
import time

from serve import Handler, Server  # a file beside this one

WORKERS = int(os.environ["WORKERS"])
SLICE_S, USED_S = 0.1, 0.003  # of so long, a page that computes uses so much

changed = threading.Lock()
busy = 0
end = threading.Event()


def make_page(until, computes):
    while not until.wait(SLICE_S if computes else None):
        stop = time.thread_time() + USED_S
        while time.thread_time() < stop:
            pass


def take_worker():
    """What ends this page, or None when no worker is free."""
    global busy
    with changed:
        if busy == WORKERS:
            return None
        busy += 1
        return end


def leave_worker():
    global busy
    with changed:
        busy -= 1


def end_pages():
    global end
    with changed:
        end.set()
        end = threading.Event()


class Shop(Handler):
    def do_GET(self):
        if self.path.startswith("/process"):
            return self.answer({})
        until = take_worker()
        if until is None:
            return self.answer({"error": "no worker is free"}, 503)
        try:
            make_page(until, self.path.endswith("?compute"))
        finally:
            leave_worker()
        return self.answer({"page": "fresh"})


class Desk(Handler):
    def do_GET(self):
        if self.path == "/end":
            end_pages()
        self.answer({"busy": busy})


# as the first process of its container, it would be spared by SIGTERM otherwise
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
time.sleep(float(os.environ["START_S"]))  # the work that the lesson is about
Server(8081, Desk).begin()
Server(8080, Shop).serve_forever()
