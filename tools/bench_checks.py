"""How fast checks judge, from 10 thousand to a million operations: `make growth`.

Each measurement is a process of its own: the history is made, then the check runs once.
Seconds are those of the check alone; MB is what the process grew by at its peak while
the check ran, beyond the history.

    python tools/bench_checks.py [--only WORD] [--sizes 10000,100000,1000000]
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "labs"), str(ROOT / "tests" / "checks")]

from large import WORK, prepared  # noqa: E402

SIZES = (10_000, 100_000, 1_000_000)
MOST_SECONDS, MOST_MB = 10.0, 400.0  # of a million operations


def measure(name: str, size: int) -> None:
    """Print seconds and MB of one run."""
    run = prepared(name, size)
    process, done = psutil.Process(), threading.Event()
    before = peak = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.process_time()
    run()
    seconds = time.process_time() - began
    peak = max(peak, process.memory_info().rss)
    done.set()
    watcher.join()
    print(seconds, (peak - before) / 1e6)


def measured(name: str, size: int) -> tuple[float, float]:
    command = [sys.executable, __file__, "--one", name, "--sizes", str(size)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, megabytes = map(float, out.split())
    return seconds, megabytes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="checks with this in their name")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    if options.one:
        measure(options.one, sizes[0])
        return 0
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(
        "CPU seconds of the check; in brackets, how often the last; MB beyond history\n"
    )
    print(f"{'check':30}" + "".join(f"{size:>18,}" for size in sizes) + "       MB")
    slow = []
    for name in WORK:
        if options.only not in name:
            continue
        line, last = f"{name:30}", 0.0
        for size in sizes:
            seconds, megabytes = measured(name, size)
            ratio = f"({seconds / last:.1f})" if last else ""
            line += f"{seconds:10.2f} {ratio:7}"
            last = seconds
            if seconds > MOST_SECONDS or megabytes > MOST_MB:
                slow.append(name)
        print(f"{line}{megabytes:9.0f}", flush=True)
    if slow:
        print(f"\nover {MOST_SECONDS:g} s or {MOST_MB:g} MB: {', '.join(slow)}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
