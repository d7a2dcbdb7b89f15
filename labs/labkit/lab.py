"""A lab: its servers, its proofs, its facts, and an end that leaves nothing behind."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import psutil

from . import exercises, show
from .proof import Proof, Run
from .report import LedgerLine, ProofReport, Report
from .runtimes import Session, choose
from .servers.base import Server, side_by_side, waves

_open_labs: dict[str, Lab] = {}  # of this kernel, by name


class Lab:
    """What a notebook holds on to.

    name: the notebook's name; a second lab of that name closes the first. seed: of
    every random number in the lab. in_memory: False where servers' data must lie on a
    disk, since what lies in memory counts as theirs.
    Environment: LABS_RUNTIME chooses the runtime; LABS_REPORT names a file that gets
    the lab's report (verdicts, versions, facts) as JSON whenever it grows.
    Raises RuntimeUnavailable when this machine cannot run servers as asked.
    """

    def __init__(self, name: str, seed: int = 7, in_memory: bool = True) -> None:
        if name in _open_labs:  # its set-up cell is run again
            _open_labs[name].close()
        self.name = name
        self.seed = seed
        self._began = time.monotonic()
        self._servers: list[Server[Any]] = []
        self._proofs: dict[str, Proof] = {}
        self._attempts: Counter[str] = Counter()  # at each exercise
        self._ready_in = 0.0
        self._closed = False
        self._session = Session(in_memory)
        self._memory = MemoryWatch(self._servers)
        atexit.register(self.close)
        _open_labs[name] = self
        try:
            self.runtime = choose(self._session)
        except BaseException:
            self.close()
            raise
        self._report = Report(self.runtime.name)
        show.install()
        exercises.needs.install()

    def has(self, server: type[Server[Any]]) -> bool:
        """Whether this lab's runtime can start servers of a class: has(Prometheus)."""
        return self.runtime.has(server.package)

    def start(self, *servers: Server[Any]) -> Any:
        """Start servers side by side and wait until they answer; before a server,
        those that it was given and that do not run yet.

        Returns the one server, or all of them in order. Raises StartFailed with the
        end of a server's log; what had started is then stopped, and the lab closed.
        """
        if self._closed:
            raise RuntimeError(
                "this lab is closed: run its set-up cell again, the one with Lab(...)"
            )
        began = time.perf_counter()
        try:
            for group in waves(servers):
                self._start_side_by_side(group)
        except BaseException:
            self.close()
            raise
        self._ready_in = time.perf_counter() - began
        self._save()
        return servers[0] if len(servers) == 1 else servers

    def _start_side_by_side(self, group: tuple[Server[Any], ...]) -> None:
        for server in group:
            self._servers.append(server)  # before it starts, so that it will be stopped
            server.attach(self.runtime)
        side_by_side([server.start for server in group])
        for server in group:
            self._report.servers[server.product] = server.version()

    def renew(self, server: Server[Any]) -> None:
        """The same server and nodes with nothing in them, as when they were started.

        Raises StartFailed as `start` does, and closes the lab.
        """
        try:
            server.renew()
        except BaseException:
            self.close()
            raise

    @property
    def servers(self) -> show.Shown:
        """Which servers run, in which runtime, and how fast they came up."""
        rows = [
            {"server": server.name_and_version(), "node": node.name}
            for server in self._servers
            for node in server.nodes
        ]
        caption = f"runtime: {self.runtime.name}; ready in {self._ready_in:.2f} s"
        return show.table(rows, caption)

    def proof(self, name: str, **parts: Any) -> Proof:
        """A two-way proof of this lab: see `labkit.proof.Proof` for the parts."""
        made = Proof(name, lab=self.name, seed=self.seed, done=self._record, **parts)
        self._proofs[name] = made
        return made

    def _record(self, proof: Proof, run: Run) -> None:
        self._report.proofs.setdefault(proof.name, ProofReport()).add(run)
        self._save()

    def measure(self, **facts: Any) -> show.Shown:
        """Facts of this run that a chapter may quote: numbers or short texts."""
        self._report.facts |= facts
        self._save()
        return show.table([{"measured": k, "value": v} for k, v in facts.items()])

    def ledger(
        self,
        *,
        endpoint: str,
        promise: str,
        setting: str,
        owner: str,
        alert: str = "",
        runbook: str = "",
    ) -> show.Shown:
        """The line that this lab adds to the ledger of promises.

        alert: the expression to paste, with its threshold and how long it must be true
        ("... > 3 for 5m"). runbook: what whoever is called does first.
        """
        line = LedgerLine(endpoint, promise, setting, owner, alert, runbook)
        if line not in self._report.ledger:
            self._report.ledger.append(line)
        self._save()
        # downwards, for a telephone and a terminal: the texts are long
        return show.table([{"ledger": k, "entry": v} for k, v in line.told().items()])

    def exercise(
        self,
        name: str,
        answer: Any,
        grader: exercises.Grader | None = None,
        **given: Any,
    ) -> exercises.Grade:
        """Grade an answer; None means "not yet answered". Never raises for an answer.

        name: of the exercise in labkit/answers/<lab>.py, which holds what is expected;
        with a grader of the notebook's own, any name. given: what the grader needs by
        name, beside what `measure` has been told. Misses bring hints, one at a time.
        Environment: LABS_GRADES names a folder or file that keeps the grades.
        """
        asked = self._asked(name, grader)
        if name not in self._report.exercises:
            self._report.exercises.append(name)
        self._save()
        known = {**self._report.facts, **given}
        grade = exercises.attempt(asked, answer, known, of=(self.name, name))
        if grade.answered:
            self._attempts[name] += 1
            attempts = self._attempts[name]
            exercises.keep(self.name, name, asked.title, grade, attempts)
        return grade

    def solution(
        self,
        name: str,
        answer: Any,
        grader: exercises.Grader | None = None,
        **given: Any,
    ) -> exercises.Grade:
        """The grade of the book's own answer, which must be correct; not kept, and
        shown folded.

        Raises AssertionError with what the grader said when it is not.
        """
        known = {**self._report.facts, **given}
        asked = replace(self._asked(name, grader), hints=())
        grade = exercises.attempt(asked, answer, known)
        if not grade.correct:
            raise AssertionError(f"the solution of {name!r} is not correct: {grade}")
        return replace(grade, folded=True)

    def _asked(self, name: str, grader: exercises.Grader | None) -> exercises.Exercise:
        return exercises.exercise(grader) if grader else exercises.find(self.name, name)

    def close(self) -> None:
        """Stop all servers in reverse order and remove their data. Safe to repeat."""
        self._closed = True
        if _open_labs.get(self.name) is self:
            del _open_labs[self.name]
        atexit.unregister(self.close)
        self._memory.stop()
        for server in reversed(self._servers):
            try:
                server.stop()
            except Exception:
                continue  # the session ends by force whatever is left of it
        self._servers.clear()
        self._session.close()

    def _save(self) -> None:
        path = os.environ.get("LABS_REPORT")
        if path:
            self._report.seconds = round(time.monotonic() - self._began, 1)
            self._report.peak_mb = round(self._memory.peak / 1e6)
            self._report.save(path, self.name)


class MemoryWatch:
    """The highest sum, in bytes, of this kernel's and its servers' memory so far.

    Looks only when a report is wanted: a look costs some milliseconds of processor.
    """

    def __init__(self, servers: list[Server[Any]], every: float = 0.5) -> None:
        self.peak = 0
        self._servers = servers
        self._done = threading.Event()
        if os.environ.get("LABS_REPORT"):
            threading.Thread(target=self._watch, args=(every,), daemon=True).start()

    def _watch(self, every: float) -> None:
        own = psutil.Process()
        while not self._done.wait(every):
            nodes = [node for server in list(self._servers) for node in server.nodes]
            used = sum(node.machine.memory() for node in nodes)
            self.peak = max(self.peak, own.memory_info().rss + used)

    def stop(self) -> None:
        self._done.set()
