"""The shop in a pod that will be told to leave. It imports nothing of labkit.

8080, for customers and probes:

    /page       says which version of the shop it is
    /checkout?7 a long request: it needs 7 more seconds once its pod is told to leave
    /process    200 when the pod is ready for customers

8081, for the lab and the kubelet: `/` tells whether the pod is leaving and has a
router, how many checkouts are under way and how often it was asked whether it is ready;
`/finish` ends checkouts now; `/anew` begins another day, with neither checkouts nor a
router; `/leave?3` is for a preStop hook: it is answered after 3 seconds; `/late?2,7` is
a router that sends a checkout of 7 seconds when the pod has been leaving for 2 (it is
in here so that one clock tells both); `/crash` fills the pod's volume and ends the
process, and whatever starts after it.

Environment: VERSION. READY, "never": it never gets ready. ON_TERM, "exit" (at once) or
"drain" (take nothing new, and exit when what is under way is done).
"""

import http.client
import json
import os
import signal
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from serve import Handler, Server  # a file beside this one

VERSION = os.environ["VERSION"]
NEVER = os.environ.get("READY") == "never"
DRAINS = os.environ.get("ON_TERM") == "drain"
FULL = Path("/scratch/full")  # in a volume that outlives the process

changed = threading.Condition()
terminated = threading.Event()
leaving = finish = routed = False
under_way = asked = 0


def tell(**told):
    """Change what the pod knows, and let everybody who waits see it."""
    with changed:
        globals().update(told)
        changed.notify_all()


def count(by):
    global under_way
    with changed:
        under_way += by
        changed.notify_all()


def checkout(seconds):
    with changed:
        changed.wait_for(lambda: leaving or finish)
    if leaving:
        time.sleep(seconds)  # the work that a lesson is about


class Shop(Handler):
    def do_GET(self):
        at = urlsplit(self.path)
        if at.path == "/process":
            tell(asked=asked + 1)
            self.answer({}, 503 if NEVER else 200)
        elif at.path == "/checkout":
            count(1)
            checkout(float(at.query))
            self.answer({"version": VERSION})
            count(-1)
        else:
            self.answer({"version": VERSION})


def until_late(seconds):
    with changed:
        changed.wait_for(lambda: leaving or finish)
    if leaving:
        time.sleep(seconds)  # that a list is on its way


def route(path):
    """Answer and status of a request to this pod, as its router tells them."""
    router = http.client.HTTPConnection("127.0.0.1", 8080)
    try:
        router.request("GET", path)
        answer = router.getresponse()
        return json.load(answer), answer.status
    except OSError:
        return {}, 502


class Desk(Handler):
    def do_GET(self):
        at = urlsplit(self.path)
        if at.path == "/finish":
            tell(finish=True)
        if at.path == "/anew":
            tell(finish=False, routed=False)
        if at.path == "/crash":
            FULL.touch()
            os._exit(1)
        if at.path == "/late":
            late, _, seconds = at.query.partition(",")
            tell(routed=True)
            until_late(float(late))
            count(1)
            self.answer(*route(f"/checkout?{seconds}"))
            count(-1)
            return
        if at.path == "/leave":
            tell(leaving=True)
            time.sleep(float(at.query))
        told = {"leaving": leaving, "routed": routed}
        self.answer({**told, "under way": under_way, "asked": asked})


if FULL.exists():
    os._exit(1)
signal.signal(signal.SIGTERM, lambda *_: terminated.set())
Server(8081, Desk).begin()
shop = Server(8080, Shop)
shop.begin()
terminated.wait()
if not DRAINS:
    os._exit(0)
shop.shutdown()
shop.socket.close()  # who comes now is refused
tell(leaving=True)
with changed:
    changed.wait_for(lambda: not under_way)
os._exit(0)
