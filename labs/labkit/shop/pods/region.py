"""The shop in one region. It imports nothing of labkit.

8080: `/page` says what is shown: the version, and what it makes of the setting SALE.
Version 1 is from a time when SALE meant something else: with it, pages showed the
prices of a test.

Environment: VERSION; SALE, "on" or not.
"""

import os
import signal

from serve import Handler, Server  # a file beside this one

SHOWN = os.environ["VERSION"]
if os.environ.get("SALE") == "on":
    SHOWN += ", test prices" if SHOWN == "v1" else ", sale"


class Shop(Handler):
    def do_GET(self):
        self.answer({"shown": SHOWN})


# as the first process of its container, it would be spared by SIGTERM otherwise
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(8080, Shop).serve_forever()
