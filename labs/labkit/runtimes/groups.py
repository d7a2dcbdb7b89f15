"""Control groups of this computer, for servers that are processes with limits.

A server is put into a group of its own before its program begins. The group is made
where this account may make one: below the group of this very process (version 1), or
below the nearest one above it that was handed to this account (version 2), as a systemd
user session's is. The session's cleaner removes it.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from .base import RuntimeUnavailable
from .bounds import PERIOD_US, Counted, Limits, counted
from .cleaner import USES_GROUPS, remove_group

MOUNTS, OWN = Path("/proc/self/mountinfo"), Path("/proc/self/cgroup")
UNLIMITED_V1, UNLIMITED_V2 = "-1", "max"
ELSEWHERE = (
    "Use Docker, which limits containers anywhere: LABS_RUNTIME=containers. Where "
    "systemd runs, a scope of your own may do: systemd-run --user --scope make ..."
)


class Group:
    """The control group of one machine.

    session: the directory of its session. name: of the group, unlike any other. Raises
    RuntimeUnavailable where this account cannot make one.
    """

    def __init__(self, session: Path, name: str, limits: Limits) -> None:
        self.folders: dict[str, Path] = {}  # by controller
        try:
            for controller in wanted(limits):
                self.folders[controller] = place(controller) / name
            with (session / USES_GROUPS).open("a") as kept:  # before they are there
                kept.writelines(f"{path}\n" for path in self._each())
            for path in self._each():
                path.mkdir()
            self.limit(limits)
        except OSError as error:
            for path in self._each():
                remove_group(path)
            raise RuntimeUnavailable(
                f"A limit on memory or processor cannot be set here: {error}. "
                + ELSEWHERE
            ) from error

    def _each(self) -> list[Path]:
        return list(dict.fromkeys(self.folders.values()))

    def limit(self, limits: Limits) -> None:
        """Raises OSError: a group may be too full for a lower limit, or lack what was
        not limited when it was made."""
        if lacks := set(wanted(limits)) - self.folders.keys():
            raise OSError(f"its {lacks.pop()} was not limited at its start")
        if folder := self.folders.get("memory"):
            _limit_memory(folder, limits.memory)
        if folder := self.folders.get("cpu"):
            _limit_processor(folder, limits.quota_us)

    def entering(self, command: list[str]) -> list[str]:
        """The command, in the group from its first instruction on."""
        doors = (shlex.quote(str(path / "cgroup.procs")) for path in self._each())
        enter = "".join(f"echo $$ > {door} && " for door in doors)
        return ["/bin/sh", "-c", f'{enter}exec "$@"', "sh", *command]

    def read(self, name: str) -> str:
        """A file of the group by its path inside a container's /sys/fs/cgroup."""
        controller, _, file = name.rpartition("/")
        folder = self.folders.get(controller or file.partition(".")[0])
        try:
            return (folder / file).read_text() if folder else ""
        except OSError:
            return ""

    def counted(self) -> Counted:
        return counted(self.read)


def wanted(limits: Limits) -> list[str]:
    told = {"memory": limits.memory_mib, "cpu": limits.cpus}
    return [controller for controller, limit in told.items() if limit is not None]


def _limit_memory(folder: Path, limit: int | None) -> None:
    if (folder / "memory.max").exists():
        most = UNLIMITED_V2 if limit is None else str(limit)
        (folder / "memory.max").write_text(most)
        _write_where_it_is(folder / "memory.swap.max", "0")
        return
    most = UNLIMITED_V1 if limit is None else str(limit)
    plain, with_swap = folder / "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"
    # the limit with swap may never be the lower of the two
    if (folder / with_swap).exists():
        (folder / with_swap).write_text(UNLIMITED_V1)
    plain.write_text(most)
    _write_where_it_is(folder / with_swap, most)


def _limit_processor(folder: Path, quota_us: int | None) -> None:
    if (folder / "cpu.max").exists():
        most = UNLIMITED_V2 if quota_us is None else str(quota_us)
        (folder / "cpu.max").write_text(f"{most} {PERIOD_US}")
        return
    (folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
    most = UNLIMITED_V1 if quota_us is None else str(quota_us)
    (folder / "cpu.cfs_quota_us").write_text(most)


def _write_where_it_is(file: Path, text: str) -> None:
    if file.exists():  # not every kernel counts swap
        file.write_text(text)


def place(controller: str) -> Path:
    """The folder below which a group may be made. Raises OSError."""
    try:
        own = OWN.read_text()
    except OSError:
        raise OSError("this computer has no control groups, which Linux has") from None
    one = re.search(rf"^\d+:(?:[^:]*,)?{controller}(?:,[^:]*)?:(.*)$", own, re.M)
    if one:
        return mounted(one[1], controller)
    two = re.search(r"^0::(.*)$", own, re.M)
    if not two:
        raise OSError(f"there is no control group for {controller}")
    return handed_over(mounted(two[1]), controller)


def mounted(own: str, controller: str = "") -> Path:
    """Where the tree of a controller, or the one of version 2, shows a group."""
    for line in MOUNTS.read_text().splitlines():
        left, _, right = line.partition(" - ")
        root, point = left.split()[3:5]
        kind, _, options = right.split()[:3]
        fits = kind == "cgroup" and controller in options.split(",")
        if fits if controller else kind == "cgroup2":
            below = own.removeprefix(root.rstrip("/")).lstrip("/")
            path = Path(point) / below
            # in a container, one may see the tree from below
            return path if path.is_dir() else Path(point)
    raise OSError(f"the control groups for {controller or 'all'} are not mounted")


def handed_over(own: Path, controller: str) -> Path:
    """The nearest group at or above this one in which this account may make others that
    have the controller: one without processes of its own, as version 2 asks for."""
    for folder in (own, *own.parents):
        known = folder / "cgroup.controllers"
        if not known.exists():
            break
        if controller not in known.read_text().split():
            continue
        if not all(os.access(folder / f, os.W_OK) for f in (".", "cgroup.procs")):
            continue
        switch = folder / "cgroup.subtree_control"
        try:
            if controller not in switch.read_text().split():
                switch.write_text(f"+{controller}")
        except OSError:
            continue  # it has processes, or is not this account's
        return folder
    raise OSError(f"no control group with {controller} is this account's to divide")


def problem() -> str:
    """Why processes cannot be limited here, "" when they can."""
    try:
        for controller in ("memory", "cpu"):
            probe = place(controller) / f"labs-probe-{os.getpid()}-{controller}"
            probe.mkdir()
            probe.rmdir()
    except OSError as error:
        return str(error)
    return ""
