"""The shop in one region. It imports nothing of labkit.

8080: `/page` says what is shown: the version, and what it makes of the setting SALE.
Version 1 is from a time when SALE meant something else: with it, pages showed the
prices of a test.

Environment: VERSION; SALE, "on" or not.
"""

import json
import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHOWN = os.environ["VERSION"]
if os.environ.get("SALE") == "on":
    SHOWN += ", test prices" if SHOWN == "v1" else ", sale"


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"shown": SHOWN}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


# as the first process of its container, it would be spared by SIGTERM otherwise
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(("", 8080), Shop).serve_forever()
