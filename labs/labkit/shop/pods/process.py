"""A process of the shop as it runs in a pod of a region. It imports nothing of labkit.

PROCESS "pages":

    /page         says which version of the shop it is
    /ready        200 when the pod is ready for customers

PROCESS "carts", which keeps them in its memory and nowhere else:

    /put?name     has a cart from now on
    /has?name     whether it has it

Environment: VERSION. READY, "never": it never gets ready. LEAKS, a number: so many
pages are answered, then there is nothing left to answer with.
"""

import os
import signal
import threading
from urllib.parse import urlsplit

from serve import Handler, Server  # a file beside this one

VERSION = os.environ.get("VERSION", "")
NEVER = os.environ.get("READY") == "never"
LEAKS = int(os.environ.get("LEAKS") or 0)

guard = threading.Lock()
carts: set[str] = set()
pages = 0


def page():
    global pages
    with guard:
        pages += 1
        if LEAKS and pages > LEAKS:
            return {"error": "no connection left"}, 500
    return {"version": VERSION}, 200


class Shop(Handler):
    def do_GET(self):
        at = urlsplit(self.path)
        if at.path == "/page":
            self.answer(*page())
        elif at.path == "/put":
            carts.add(at.query)
            self.answer({"carts": len(carts)})
        elif at.path == "/has":
            self.answer({"there": at.query in carts})
        else:
            self.answer({}, 503 if NEVER else 200)


# as the first process of its container, it would be spared by SIGTERM otherwise
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(8080, Shop).serve_forever()
