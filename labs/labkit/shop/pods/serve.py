"""What the programs in pods share: they lie beside it in their volume, and it imports
nothing of labkit."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")  # this container's own
PLACES = ("", "cpu", "cpu,cpuacct")  # control groups of version 2, and of version 1


def limit(groups=GROUPS):
    """How often the processor limit has struck: `periods` in which there was work, and
    those in which it was `stopped`. Where there is no limit, nothing is counted."""
    stats = (groups / place / "cpu.stat" for place in PLACES)
    text = next((path.read_text() for path in stats if path.exists()), "")
    told = dict(line.split() for line in text.splitlines())
    return {
        "periods": int(told.get("nr_periods", 0)),
        "stopped": int(told.get("nr_throttled", 0)),
    }


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON, a connection for each."""

    def answer(self, told, status=200):
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """A port, and who answers there, each request in a thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, handler):
        super().__init__(("", port), handler)

    def begin(self):
        """Serve in the background."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
