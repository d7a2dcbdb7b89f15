"""Servers as plain child processes, from pip wheels and locked sets of jars.

No Docker, no root, no network once the cache is filled. A server's `process.py` tells
what to run (`Process`, a subclass of ProcessMachine); this module tells how.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import psutil

from ..wait import TimedOut, wait_until
from . import cache, groups, limits, surroundings
from .base import Following, Machine, Runtime, RuntimeUnavailable, StartFailed
from .bounds import Counted, Limits
from .cleaner import processes_in, remove_shared_memory, send
from .ports import Port


class ProcessRuntime(Runtime):
    """Makes machines that are processes of this computer."""

    name = "processes"
    form = "process"
    elsewhere = (
        "runs in containers only, since no package brings it as a plain process: "
        "start Docker, and use LABS_RUNTIME=containers"
    )


class ProcessMachine(Machine):
    """A server process in a directory of its own, which is its working directory.

    runtime: of whose session it is, which need not be the one of processes.
    """

    stop_signal = signal.SIGTERM
    stop_within = 8.0  # seconds, then SIGKILL
    needs: ClassVar[dict[str, int]] = {}  # limits of this account: see `limits`

    def __init__(self, runtime: Runtime, name: str, password: str = "") -> None:
        super().__init__(runtime, name, password)
        self._log = self.directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False  # by labkit
        self._group: groups.Group | None = None

    @classmethod
    def make_once(cls) -> None:
        """Make what every start needs and the cache lacks. Starts do so themselves;
        `labkit.prepare` calls this beforehand."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the data directory; called once, before the first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """What to run, as a list of words."""

    def environment(self) -> dict[str, str]:
        """More than the surroundings have."""
        return {}

    def start(self) -> None:
        try:
            self._start()
        except ModuleNotFoundError as error:
            raise RuntimeUnavailable(
                f"{self.name} cannot run as a process here: the Python package of "
                f"`{error.name}` is missing, which this kind of computer may not have. "
                "Run `make` again, or use Docker: LABS_RUNTIME=containers"
            ) from error

    def _start(self) -> None:
        limits.require(self.name, self.needs)
        self._killed = False
        if self._process is None:
            try:
                self.prepare()
            except OSError as error:
                raise StartFailed(
                    f"{self.name}: its data could not be written to "
                    f"{self.directory}: {error.strerror or error}. Free some space, or "
                    "name another folder: LABS_DATA=/path/to/folder"
                ) from error
        self.opened = False
        for port in self.ports():
            port.release()
        words = self.command()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._group.entering(words) if self._group else words,
                cwd=self.directory,  # this is how the cleaner finds it
                env={**surroundings.for_servers(), **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,  # a file: an inherited pipe would keep readers hanging
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Jupyter's interrupt is not for servers
            )

    def ports(self) -> list[Port]:
        """All at which it listens."""
        return [self.port]

    def listen(self) -> list[tuple[str, int]]:
        """Host and port of each of them."""
        return [(port.host, port.number) for port in self.ports()]

    def listens(self) -> bool:
        wanted = set(self.listen())
        if not self.opened and wanted <= self._listening(wanted):
            self._hold_ports()
            self.opened = True
        return self.opened

    def _listening(self, wanted: set[tuple[str, int]]) -> set[tuple[str, int]]:
        """Where its own processes listen: while it starts, another account of this
        computer may be quicker, and wait there for its password. `wanted` where an
        account without rights over its server's may not look."""
        found = set()
        main = [self._process.pid] if self._process else []
        for pid in {*main, *processes_in(self.directory)}:
            with contextlib.suppress(psutil.NoSuchProcess):
                try:
                    seen = psutil.Process(pid).net_connections("tcp")
                except psutil.AccessDenied:
                    return wanted
                found |= {
                    # Java may open a socket for both families, which tells it so
                    (one.laddr.ip.removeprefix("::ffff:"), one.laddr.port)
                    for one in seen
                    if one.status == psutil.CONN_LISTEN
                }
        return found

    def _hold_ports(self) -> None:
        for port in self.ports():
            port.hold()

    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port.number

    def reach(self, other: Any) -> str:
        return other if isinstance(other, str) else "{}:{}".format(*other.address())

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def exit_reason(self) -> str:
        code = self._process.poll() if self._process else None
        if code is None:
            return "it has not ended"
        if code == -signal.SIGKILL and not self._killed:
            if self._group and self._group.counted().killed:
                return "ended by the kernel: it used more memory than its limit"
            return (
                "ended by signal SIGKILL, which labkit did not send: mostly the "
                "system does, where memory runs out"
            )
        if code < 0:
            return f"ended by signal {signal.Signals(-code).name}"
        return f"ended with exit status {code}"

    def logs(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def stop(self) -> None:
        if self._process is None:
            return
        if self.alive():
            send(self.directory, signal.SIGCONT)  # a frozen process cannot obey
            self._process.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self.stop_within)
        self.kill()

    def kill(self) -> None:
        if self.alive():
            self._killed = True
            assert self._process is not None
            self._process.kill()  # the main process first: it must not see children die
            self._process.wait()
        with contextlib.suppress(TimedOut):
            wait_until(
                lambda: not send(self.directory, signal.SIGKILL),
                within=5,
                otherwise=f"{self.name} has processes that cannot be killed",
            )
        self._hold_ports()
        remove_shared_memory(self.directory)

    def renew(self) -> None:
        self.kill()
        for path in self.directory.iterdir():
            if path != self._log:
                cache.remove(path)
        self._process = None

    def pause(self) -> None:
        try:
            # a thread that has not seen the signal could still take one more request;
            # twice in a row, since the first list may lack a child that was just born
            wait_until(
                lambda: not self._stop_all() and not self._stop_all(),
                within=10,
                otherwise=f"{self.name} has processes that do not freeze",
            )
        except TimedOut:
            self.resume()
            raise

    def _stop_all(self) -> int:
        """Tell every process that runs to stop; how many there were."""
        running = [pid for pid in processes_in(self.directory) if not stopped(pid)]
        for pid in running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGSTOP)
        return len(running)

    def resume(self) -> None:
        send(self.directory, signal.SIGCONT)

    def frozen(self) -> bool:
        pids = list(processes_in(self.directory))
        return self.alive() and bool(pids) and all(map(stopped, pids))

    def signal(self, pid: int, name: str) -> None:
        self._killed = self._killed or name == "KILL"
        os.kill(pid, getattr(signal, f"SIG{name}"))

    def memory(self) -> int:
        return sum(proportional_memory(pid) for pid in processes_in(self.directory))

    def limit(self, limits: Limits) -> None:
        """In a control group of its own, where this account may make one."""
        if self._group is None:
            session = self.directory.parent
            name = f"{session.name}-{self.directory.name}"
            self._group = groups.Group(session, name, limits)
        else:
            self._group.limit(limits)

    def counted(self) -> Counted:
        return self._group.counted() if self._group else super().counted()

    def write(self, name: str, text: str) -> Path:
        """A file that only its owner may read: it may hold a password."""
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path


def proportional_memory(pid: int) -> int:
    """Bytes of a process, each shared page divided by the number of its users; counted
    in full where that is not told, as on a Mac without root."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        with contextlib.suppress(psutil.AccessDenied, AttributeError):
            return process.memory_full_info().pss
        return process.memory_info().rss
    return 0


class FollowingProcess(Following, ProcessMachine):
    """A process that may follow another one."""


def stopped(pid: int) -> bool:
    """Whether no thread of the process runs; a process that is gone does not."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/stat"))
        if not tasks:  # no such folder: not Linux, or gone
            return psutil.Process(pid).status() == psutil.STATUS_STOPPED
        states = [task.read_text().rpartition(")")[2].split()[0] for task in tasks]
    except (psutil.NoSuchProcess, OSError):
        return True
    return all(state in "TtZX" for state in states)
