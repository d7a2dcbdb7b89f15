"""End what a lab leaves behind, however the lab ends.

Run as a program, it outlives the kernel that started it: nbval, Jupyter's restart
button and the out-of-memory killer end a kernel by SIGKILL, so no handler inside the
kernel can do this. It blocks on a pipe whose other end only the kernel holds; end of
file means that the kernel is gone or done.

Every server runs with its working directory inside its session's directory, from its
first instruction on. That is how its processes, children and all, are found, without
a list that could be incomplete at the moment of death.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

LABEL = "labs.session"  # on every container, network, namespace of a session
OWNER = ".owner"  # in every session's directory; locked while its kernel lives
USES_CONTAINERS = ".containers"  # holds the engine's URL; there before any container
USES_GROUPS = ".groups"  # paths of control groups; there before any of them
USES_CLUSTER = ".cluster"  # a kubeconfig's path; there before any namespace


def processes_in(directory: Path) -> Iterator[int]:
    """Process ids of all processes whose working directory is in `directory`."""
    root = os.path.realpath(directory)
    if os.path.isdir("/proc/self"):
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    if _is_in(os.readlink(f"/proc/{entry}/cwd"), root):
                        yield int(entry)
    else:
        import psutil

        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if _is_in(process.cwd(), root):
                    yield process.pid


def _is_in(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)


def send(directory: Path, number: int) -> int:
    """Send a signal to every process in `directory`; how many were there."""
    count = 0
    for pid in list(processes_in(directory)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            count += 1
    return count


def remove_shared_memory(directory: Path) -> None:
    """Remove the System V segment that a killed PostgreSQL leaves.

    The last line but one of postmaster.pid names it: key and id.
    """
    for pid_file in directory.rglob("postmaster.pid"):
        with contextlib.suppress(OSError, IndexError, ValueError, AttributeError):
            shmid = int(pid_file.read_text().splitlines()[6].split()[1])
            ctypes.CDLL(None).shmctl(shmid, 0, None)  # IPC_RMID is 0


def remove_containers(session: str, host: str = "") -> None:
    """Remove the containers, their volumes, and the networks with the session's label.

    host: the engine's URL, where it is not Docker's default.
    """
    import docker
    from docker.errors import APIError

    environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    client = docker.from_env(timeout=20, environment=environment)
    mine = {"label": f"{LABEL}={session}"}

    def remove(container: Any) -> None:
        with contextlib.suppress(APIError):  # it has just gone by itself
            container.remove(force=True, v=True)

    # A kernel that dies while the engine makes a container leaves one that is not
    # listed yet: go on until two looks in a row find none.
    empty = 0
    end = time.monotonic() + 30
    with ThreadPoolExecutor(4) as pool:
        while empty < 2 and time.monotonic() < end:
            found = client.containers.list(all=True, filters=mine, ignore_removed=True)
            list(pool.map(remove, found))
            empty = 0 if found else empty + 1
            time.sleep(0.1)
    for network in client.networks.list(filters=mine):
        with contextlib.suppress(APIError):
            network.remove()


def remove_group(path: Path, within: float = 0.0) -> None:
    """Remove a control group, whose last process may take a moment to go."""
    end = time.monotonic() + within
    while path.is_dir():
        with contextlib.suppress(OSError):
            path.rmdir()
        if time.monotonic() >= end:
            return
        time.sleep(0.02)


def in_cluster(session: str) -> str:
    """A session's name as clusters allow it: how its namespaces' names begin, and what
    their label says."""
    return f"{session.replace('_', '-')}-s"


def remove_namespaces(session: str, kubeconfig: str) -> None:
    """Have the namespaces with the session's label end, in a cluster that goes on."""
    from kubernetes import client, config

    config.load_kube_config(kubeconfig)
    core = client.CoreV1Api()
    mine = f"{LABEL}={in_cluster(session)}"
    # as with containers: one that was asked for may not be listed yet
    empty = 0
    end = time.monotonic() + 10
    while empty < 2 and time.monotonic() < end:
        found = core.list_namespace(label_selector=mine, _request_timeout=5).items
        left = [one for one in found if one.metadata.deletion_timestamp is None]
        for one in left:
            with contextlib.suppress(client.ApiException):
                core.delete_namespace(one.metadata.name, _request_timeout=5)
        empty = 0 if left else empty + 1
        time.sleep(0.1)


def clean(directory: Path) -> None:
    """End the session's processes, containers and namespaces, then remove its
    directory."""
    end = time.monotonic() + 8
    _kill_all(directory, end)
    groups = directory / USES_GROUPS
    for path in groups.read_text().splitlines() if groups.exists() else ():
        remove_group(Path(path), within=2)
    marker = directory / USES_CONTAINERS
    if marker.exists():
        # an engine that is gone has no containers to remove
        with contextlib.suppress(Exception):
            remove_containers(directory.name, marker.read_text())
    cluster = directory / USES_CLUSTER
    if cluster.exists():
        with contextlib.suppress(Exception):  # gone, with all that was in it
            remove_namespaces(directory.name, cluster.read_text())
    remove_shared_memory(directory)
    end = time.monotonic() + 8  # anew: an engine may have taken its time
    while directory.exists() and time.monotonic() < end:
        with contextlib.suppress(OSError):  # gone in between
            _remove(directory)
        _kill_all(directory, end)  # one that was just being launched


def _remove(directory: Path) -> None:
    """The owner's file goes last: without it, nobody would sweep what is left."""
    for name in set(os.listdir(directory)) - {OWNER}:
        path = directory / name
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
    if set(os.listdir(directory)) <= {OWNER}:
        shutil.rmtree(directory, ignore_errors=True)


def _kill_all(directory: Path, end: float) -> None:
    while send(directory, signal.SIGKILL) and time.monotonic() < end:
        time.sleep(0.02)  # a killed process takes a moment to go


def main(directory: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    clean(directory)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
