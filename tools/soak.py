"""Run every lab again and again on a busy machine: `make soak`.

    python tools/soak.py [--rounds N] [lab ...]
    python tools/soak.py --kill [--rounds N] [lab ...]
    python tools/soak.py --twice [lab ...]

The first compares every lab's outputs with the stored ones, N times each, while one
core is kept busy by something else. The second kills every lab's kernel at a random
moment (SIGKILL: no handler runs) and looks for what is left after 10 seconds. The third
runs each cell of a lab twice in a row, and then all its cells twice in one kernel, as a
reader does who goes back: no cell may raise.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import book_model
import psutil
import runner
from book_model import ROOT
from nbformat import NotebookNode
from runner import Kernel

sys.path.append(str(ROOT / "labs"))

from labkit.runtimes.session import data_root

ROUNDS = 10
BUSY_AT_MOST = 4 * 3600  # seconds, should this program be killed itself
WITHIN = 10.0  # seconds after the kill until nothing may be left
BUSY = f"""
import os, time
end, parent = time.monotonic() + {BUSY_AT_MOST}, os.getppid()
while time.monotonic() < end and os.getppid() == parent:
    sum(range(100_000))
"""
PYTEST = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
NBVAL = [o for o in PYTEST["ini_options"]["addopts"] if o.startswith("--nbval")]


@contextlib.contextmanager
def a_busy_core() -> Iterator[None]:
    """Another process wants one core for itself all the while."""
    child = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        child.kill()
        child.wait()


# --- do the labs come out the same? ---


def passes(path: Path) -> bool:
    """Run one lab by nbval; what it says is shown only when it fails."""
    words = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", *NBVAL, str(path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        print(f"\n{done.stdout[-4000:]}{done.stderr[-1000:]}", flush=True)
    return done.returncode == 0


def soak(paths: list[Path], rounds: int) -> bool:
    """Every lab `rounds` times; True when all passed."""
    total = 0
    began = time.monotonic()
    passed = dict.fromkeys(paths, 0)
    with a_busy_core():
        for turn in range(1, rounds + 1):
            for path in paths:
                passed[path] += passes(path)
            told = ", ".join(f"{path.stem} {passed[path]}" for path in paths)
            minutes = (time.monotonic() - began) / 60
            print(f"round {turn:2} of {rounds} ({minutes:.1f} min): {told}", flush=True)
    for path in paths:
        print(f"{path.stem:24} {passed[path]} of {rounds}")
        total += passed[path]
    print(f"{'all labs':24} {total} of {rounds * len(paths)}")
    return total == rounds * len(paths)


# --- does a killed kernel leave something behind? ---


def run_into(kernel: Kernel, cells: list[NotebookNode], rng: random.Random) -> None:
    """Run all cells but the last, and that one for a part of a second."""
    *before, last = cells
    runner.play(before, kernel)
    kernel.begin(last)
    time.sleep(rng.uniform(0, 0.5))


def processes_in(folder: Path) -> list[str]:
    """Processes that work in the folder or name it on their command line."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid():
                continue
            place, words = process.cwd(), " ".join(process.cmdline())
            if place.startswith(str(folder)) or str(folder) in words:
                found.append(f"process {process.pid}: {words[:90]}")
    return found


def in_engine(sessions: list[str]) -> list[str]:
    """Containers and networks of these sessions, by label or by name."""
    if not shutil.which("docker"):
        return []
    found = []
    for what, words in (
        ("container", ["ps", "-a", "--format", '{{.Names}} {{.Label "labs.session"}}']),
        ("network", ["network", "ls", "--format", "{{.Name}}"]),
    ):
        done = subprocess.run(["docker", *words], capture_output=True, text=True)
        for line in done.stdout.splitlines():
            if any(session in line for session in sessions):
                found.append(f"{what} {line}")
    return found


def shared_memory() -> set[str]:
    """Named PostgreSQL segments, and System V segments that nobody uses any more."""
    found = {path.name for path in Path("/dev/shm").glob("PostgreSQL.*")}
    table = Path("/proc/sysvipc/shm")
    if table.exists():
        lines = [line.split() for line in table.read_text().splitlines()]
        columns = lines[0] if lines else []
        for values in lines[1:]:
            segment = dict(zip(columns, values, strict=False))
            if segment["nattch"] == "0":
                found.add(f"System V segment {segment['shmid']}")
    return found


def control_groups(sessions: list[str]) -> list[str]:
    """Those in which servers with limits ran."""
    folders = [Path(place) for place, _, _ in os.walk("/sys/fs/cgroup")]
    return [
        f"control group {folder}"
        for folder in folders
        if any(folder.name.startswith(session) for session in sessions)
    ]


def left(data: Path, sessions: list[str], before: set[str]) -> list[str]:
    return [
        *processes_in(data),
        *(f"folder {path}" for path in data.iterdir()),
        *in_engine(sessions),
        *control_groups(sessions),
        *sorted(shared_memory() - before),
    ]


def kill_once(path: Path, rng: random.Random) -> list[str]:
    """What one killed kernel left behind; nothing, it is hoped."""
    notebook = runner.read(path)
    cells = runner.code(notebook)
    on_disk = any("in_memory=False" in cell.source for cell in cells)
    root = data_root(in_memory=not on_disk)
    data = Path(tempfile.mkdtemp(prefix="soak-", dir=root))
    before = shared_memory()
    started = next(n for n, c in enumerate(cells) if "lab.start(" in c.source)
    closed = [n for n, c in enumerate(cells) if "lab.close(" in c.source]
    stop = rng.randrange(started, min([*closed, len(cells)]))
    try:
        with Kernel(notebook, LABS_DATA=str(data)) as kernel:
            run_into(kernel, cells[: stop + 1], rng)
            sessions = [folder.name for folder in data.iterdir()]
            kernel.kill()
            end = time.monotonic() + WITHIN
            while (found := left(data, sessions, before)) and time.monotonic() < end:
                time.sleep(0.2)
            took = WITHIN - (end - time.monotonic())
        print(f"{path.stem:24} cell {stop:2}: ", end="")
        print("left " + "; ".join(found) if found else f"gone in {took:.1f} s")
        return found
    finally:
        shutil.rmtree(data, ignore_errors=True)


def kill(paths: list[Path], rounds: int) -> bool:
    """Kill every lab's kernel `rounds` times; True when nothing was ever left."""
    rng = random.Random(7)
    clean = 0
    for _ in range(rounds):
        for path in paths:
            clean += not kill_once(path, rng)
            sys.stdout.flush()
    print(f"{clean} of {rounds * len(paths)} killed kernels left nothing behind")
    return clean == rounds * len(paths)


# --- can every cell be run again? ---

Cells = list[NotebookNode]


def each_in_a_row(cells: Cells) -> Cells:
    return [cell for cell in cells for _ in range(2)]


def all_once_more(cells: Cells) -> Cells:
    return cells + cells


def twice(paths: list[Path]) -> bool:
    """Every lab both ways; True when no cell raised."""
    failed = 0
    for path in paths:
        for order in (each_in_a_row, all_once_more):
            began = time.monotonic()
            notebook = runner.read(path)
            try:
                with Kernel(notebook) as kernel:
                    runner.play(order(runner.code(notebook)), kernel)
                outcome = "no error"
            except runner.CellFailed as failure:
                failed += 1
                outcome = str(failure)
            took = time.monotonic() - began
            print(f"{path.stem:24} {order.__name__}, {took:3.0f} s: {outcome}")
            sys.stdout.flush()
    print(f"{failed} of {2 * len(paths)} failed")
    return not failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wished = int(os.environ.get("ROUNDS") or ROUNDS)
    parser.add_argument("--rounds", type=int, default=wished)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--kill", action="store_true")
    ways.add_argument("--twice", action="store_true")
    parser.add_argument("labs", nargs="*")
    options = parser.parse_args()
    labs = book_model.labs_or_exit(options.labs or os.environ.get("LABS", "").split())
    paths = [lab.path for lab in labs]
    if options.twice:
        return 0 if twice(paths) else 1
    work = kill if options.kill else soak
    return 0 if work(paths, options.rounds) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
