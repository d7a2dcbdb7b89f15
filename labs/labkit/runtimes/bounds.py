"""What a machine may use of memory and processor, and what the kernel has counted.

Linux keeps both in control groups, which there are in two versions: one tree of folders
for each controller, or one tree for all. The files read here say the same in both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

PERIOD_US = 100_000  # in which a share of the processor is counted: Docker's, too
ONE = ("memory/memory.stat", "memory/memory.oom_control", "cpu/cpu.stat")
TWO = ("memory.stat", "memory.events", "cpu.stat", "cpu.max")
FILES = (*ONE, *TWO)  # that `counted` may ask for


@dataclass(frozen=True)
class Limits:
    """Of all processes of a machine together; None: as much as there is.

    memory_mib: MiB, swap included; above it the kernel ends a process. cpus: of the
    processors' time, 0.5 for half of one's.
    """

    memory_mib: int | None = None
    cpus: float | None = None

    @property
    def memory(self) -> int | None:
        """Bytes."""
        return None if self.memory_mib is None else self.memory_mib << 20

    @property
    def quota_us(self) -> int | None:
        """Microseconds of each period."""
        return None if self.cpus is None else round(self.cpus * PERIOD_US)


@dataclass(frozen=True)
class Counted:
    """What the kernel has counted of a machine since it is limited.

    held: bytes that cannot be had back, its own and shared ones. cache: bytes of files,
    which are had back when memory is short. killed: processes ended for their memory.
    periods: of a tenth of a second, in which there was work; stopped: those in which it
    had to stand still.
    """

    held: int
    cache: int
    killed: int
    periods: int
    stopped: int


def counted(read: Callable[[str], str]) -> Counted:
    """read: a file of the group by its path, as it is below /sys/fs/cgroup inside a
    container; "" for one that is not there."""
    if read("memory.events") or read("cpu.max"):  # version 1 has neither
        memory = numbers(read("memory.stat"))
        shared, own, files = memory["shmem"], memory["anon"], memory["file"]
        killed = numbers(read("memory.events"))["oom_kill"]
        cpu = numbers(read("cpu.stat"))
    else:
        memory = numbers(read("memory/memory.stat"))
        shared, own = memory["total_shmem"], memory["total_rss"]
        files = memory["total_cache"]
        killed = numbers(read("memory/memory.oom_control"))["oom_kill"]
        cpu = numbers(read("cpu/cpu.stat"))
    return Counted(
        held=own + shared,
        cache=files - shared,  # in which shared memory is counted, too
        killed=killed,
        periods=cpu["nr_periods"],
        stopped=cpu["nr_throttled"],
    )


def numbers(text: str) -> Counter[str]:
    """Lines like "oom_kill 3"; 0 for what is not among them."""
    pairs = (line.split() for line in text.splitlines())
    return Counter({pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2})
