"""One machine that is a container."""

from __future__ import annotations

import contextlib
import os
import posixpath
import signal
import threading
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, DockerException, NotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from ...wait import TimedOut, wait_until
from ..base import Following, Machine, RuntimeUnavailable, StartFailed
from ..bounds import FILES, PERIOD_US, Counted, Limits, counted
from ..ports import Port
from .engine import host_for_containers

if TYPE_CHECKING:
    from . import ContainerRuntime

# Ryuk, testcontainers' own cleaner, is a container with the right to end all others,
# from one more image. The session's cleaner does its work sooner and without either.
testcontainers_config.ryuk_disabled = True

HOST = "host.docker.internal"  # this computer, as containers know it
FRESH = 0.05  # seconds for which a container's state is believed
REASON_S = 5.0  # seconds for the engine to hear why a container was killed
PATIENCE = 60.0  # seconds for another machine's launch, pulls not counted
# any answer will do, and an image without all of these programs is believed
ASK = """if command -v pg_isready; then pg_isready -t 5 -h "$2" -p "$3"
elif command -v curl; then curl -s -m 5 "$1"
elif command -v wget; then wget -T 5 -O - "$1" 2>&1 | grep ' 403 '; fi"""
# control groups as a container sees its own: one file after the other
GROUP = """cd /sys/fs/cgroup
for file in "$@"; do echo "==> $file"; cat "$file" 2>/dev/null; done; echo "==> end" """
TAKEN = ("already allocated", "already in use", "not available")


class ContainerMachine(Machine):
    """A container that keeps its name, port and data until its session ends.

    A subclass names the image and the port inside, and tells what to run. Its files are
    put into the container before it starts. They are where passwords go: the command
    line and the environment of a container can be read from outside.
    """

    image: str  # LABS_IMAGE_REDIS names another one for `servers/redis`
    port_inside: int
    published = True
    reaches_host = False  # whether it calls processes of this computer
    user: str | None = None  # None: as the image has it
    privileged = False
    in_memory: tuple[str, ...] = ()  # folders that are not on the disk
    stop_within = 8  # seconds, then SIGKILL

    def __init__(
        self, runtime: ContainerRuntime, name: str, password: str = ""
    ) -> None:
        super().__init__(runtime, name, password)
        self.runtime = runtime
        self.host = self.directory.name  # its name in the session's network
        self.in_network = False
        self._launched = threading.Event()
        self._failure: BaseException | None = None
        self._container: DockerContainer | None = None
        self._looked = 0.0
        self._limits = Limits()

    @classmethod
    def variable(cls) -> str:
        """The environment variable that names another image."""
        return f"LABS_IMAGE_{cls.__module__.split('.')[-2].upper()}"

    @abstractmethod
    def files(self) -> dict[str, str]:
        """Path in the container and text of what the server reads at its start."""

    def command(self) -> list[str] | None:
        """What to run instead of the image's own command."""
        return None

    def environment(self) -> dict[str, str]:
        return {}

    def follows(self) -> Iterable[ContainerMachine]:
        """Machines to be launched before this one: it looks for them by name, and in a
        network without them a name may take many seconds to be found missing."""
        return ()

    def start(self) -> None:
        try:
            with self._start_failure():
                if not self._launched.is_set():
                    self.wait_for_others()
                if self._container is None:
                    self._container = self._launch_at_a_free_port()
                else:
                    self.port.release()
                    self._docker.start()
            self.port.hold()  # the engine listens by now
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._looked = 0.0
            self._launched.set()

    def wait_for_others(self) -> None:
        for other in self.follows():
            other.until_launched()

    def until_launched(self) -> None:
        """Wait for the first `start`, perhaps in another thread; raises its error."""
        end = time.monotonic() + PATIENCE
        while not self._launched.wait(0.2):
            if self.runtime.images.busy():  # a pull takes as long as it takes
                end = time.monotonic() + PATIENCE
            elif time.monotonic() > end:
                raise StartFailed(
                    f"{self.name} was not launched within {PATIENCE:g} s, and another "
                    "server waits for it"
                )
        if self._failure:
            raise self._failure

    def _launch_at_a_free_port(self) -> DockerContainer:
        try:
            return self._launch()
        except APIError as error:
            if not any(words in str(error) for words in TAKEN):
                raise
        # The port was taken between its choice and now, or this engine cannot share
        # one that is held: another one, and let go.
        self.port.close()
        self.port = Port()
        self.port.close()
        return self._launch()

    def _launch(self) -> DockerContainer:
        container = self._described()
        client = container.get_docker_client().client
        self.runtime.images.fetch_if_missing(client, container.image, self.variable())
        self.port.release()
        try:
            return container.start()
        except BaseException:
            with contextlib.suppress(DockerException):
                container.stop()
            raise

    def _described(self) -> DockerContainer:
        container = DockerContainer(os.environ.get(self.variable()) or self.image)
        container.with_name(f"{self.runtime.session.id}-{self.host}")
        container.with_envs(**self.environment())
        if command := self.command():
            container.with_command(command)
        if self.published:
            here = ("127.0.0.1", self.port.number)
            container.ports = {f"{self.port_inside}/tcp": here}  # type: ignore[dict-item]
        # as texts, which root will own in there: a file out here may have an owner whom
        # a rootless engine cannot name (from 65536 on)
        for place, text in self.files().items():
            container.with_copy_into_container(text.encode(), place)
        more: dict[str, Any] = {
            "hostname": self.host,
            "labels": self.runtime.labels,
            "user": self.user,
            "privileged": self.privileged,
            **limited(self._limits),
        }
        for folder in self.in_memory:
            container.with_tmpfs_mount(folder)
        if self.reaches_host:  # Docker Desktop knows the name by itself
            client = container.get_docker_client().client
            more["extra_hosts"] = {HOST: host_for_containers(client)}
        if self.in_network:
            container.with_network(self.runtime.network())
            container.with_network_aliases(self.host)
            # a peer that is down is asked for outside, where nobody may answer
            more["dns_opt"] = ["timeout:1", "attempts:1"]
        else:
            more["network"] = "bridge"  # else testcontainers asks around for one
        return container.with_kwargs(**more)

    @contextlib.contextmanager
    def _start_failure(self) -> Iterator[None]:
        try:
            yield
        except DockerException as error:
            why = getattr(error, "explanation", None) or str(error)
            raise StartFailed(f"{self.name} was not started: {why}") from None

    @property
    def _docker(self) -> Any:
        """docker-py's container."""
        assert self._container is not None
        return self._container.get_wrapped_container()

    def _state(self, believe: float = FRESH) -> dict[str, Any]:
        """As `docker inspect` tells it; {} before the start and after removal."""
        if self._container is None:
            return {}
        if time.monotonic() - self._looked > believe:
            try:
                self._docker.reload()
            except NotFound:
                return {}
            self._looked = time.monotonic()
        return self._docker.attrs["State"]

    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port.number

    def reach(self, other: Any) -> str:
        if isinstance(other, str):
            return other
        return "{}:{}".format(*other.seen_from_containers())

    def seen_from_containers(self) -> tuple[str, int]:
        """Host and port for a client in the session's network."""
        return self.host, self.port_inside

    def alive(self) -> bool:
        return self._state().get("Running", False)

    def exit_reason(self) -> str:
        state = self._state(believe=0)
        if not state and self._container is not None:
            return "its container was removed"
        if not state or state["Running"]:
            return "it has not ended"
        if self._wanted_memory(state):
            return "ended by the engine: it used more memory than there is (OOMKilled)"
        code = state["ExitCode"]
        if code - 128 in set(signal.Signals):  # as a shell reports a signal
            return f"ended by signal {signal.Signals(code - 128).name}"
        return f"ended with exit status {code}"

    def _wanted_memory(self, state: dict[str, Any]) -> bool:
        """The engine hears of that and of the end in two events, in either order; a
        busy one was seen to hear of the reason more than a second later."""

        def heard() -> bool:
            return bool(self._state(believe=0).get("OOMKilled"))

        if state["ExitCode"] == 128 + signal.SIGKILL:
            with contextlib.suppress(TimedOut):
                return wait_until(heard, REASON_S, "it was somebody's signal")
        return bool(state["OOMKilled"])

    def logs(self) -> str:
        with contextlib.suppress(APIError):
            if self._container is not None:
                return self._docker.logs().decode(errors="replace")
        return ""

    def stop(self) -> None:
        if self._state(believe=0).get("Running"):
            self.resume()  # a frozen process cannot obey
            self._docker.stop(timeout=self.stop_within)
            self._looked = 0.0

    def kill(self) -> None:
        if self._state(believe=0).get("Running"):
            self._docker.kill()
            self._docker.wait(timeout=10)
            self._looked = 0.0

    def renew(self) -> None:
        if self._container is not None:
            self._docker.remove(force=True, v=True)
            self._container = None
        self._launched.clear()

    def pause(self) -> None:
        state = self._state(believe=0)
        if state.get("Running") and not state["Paused"]:
            self._docker.pause()
            self._looked = 0.0

    def resume(self) -> None:
        if self._state(believe=0).get("Paused"):
            self._docker.unpause()
            self._looked = 0.0

    def frozen(self) -> bool:
        return self._state(believe=0).get("Paused", False)

    def signal(self, pid: int, name: str) -> None:
        self.run("sh", "-c", f"kill -{name} {pid}")

    def run(self, *words: str) -> str:
        """What a command prints that is run beside the server. Raises OSError."""
        assert self._container is not None
        done = self._container.exec(list(words))
        text = done.output.decode(errors="replace")
        if done.exit_code:
            raise OSError(f"{' '.join(words)} in {self.name}: {text.strip()}")
        return text

    def put(self, name: str, text: str) -> None:
        """Write a file of the container, whether it runs or not."""
        assert self._container is not None
        self._container.copy_into_container(text.encode(), name)

    def put_archive(self, name: str, packed: bytes) -> None:
        """Write what `archive` read, with its owners, under its name."""
        self._docker.put_archive(posixpath.dirname(name), packed)

    def archive(self, name: str) -> bytes:
        """A file or folder of the container, whether it runs or not, as a tar file."""
        return b"".join(self._docker.get_archive(name)[0])

    def must_reach(self, others: Iterable[Machine | str]) -> None:
        """Raises RuntimeUnavailable when one of them runs on this computer and gives
        the container no answer. A text, "host:port", is believed."""
        for other in others:
            if isinstance(other, str):
                continue
            at = self.reach(other)
            url, (host, _, port) = f"http://{at}/", at.rpartition(":")
            try:
                if HOST in url and other.alive() and not other.frozen():
                    self.run("sh", "-c", ASK, "sh", url, host, port)
            except OSError:
                raise RuntimeUnavailable(
                    f"{self.name} runs in a container and cannot reach {other.name} at "
                    f"{url}, which runs on this computer. Rootless engines do not let "
                    "it, nor do some firewalls (ufw): allow the engine's networks, or "
                    "use no containers: LABS_RUNTIME=processes"
                ) from None

    def limit(self, limits: Limits) -> None:
        self._limits = limits
        if self._container is not None:
            try:
                self._docker.update(**limited(limits))
            except APIError as error:
                raise OSError(f"{self.name}: {error.explanation}") from None

    def counted(self) -> Counted:
        """While it runs. Whoever looks is in the group as well: where its memory is
        full, it may be the one whom the kernel ends, and is sent again."""

        def look() -> dict[str, str] | None:
            with contextlib.suppress(OSError):
                told = self.run("sh", "-c", GROUP, "sh", *FILES)
                parts = (part.partition("\n") for part in told.split("==> ")[1:])
                found = {name: text for name, _, text in parts}
                return found if "end" in found else None
            return None

        found = wait_until(look, 10, f"{self.name} does not tell what was counted")
        assert found is not None
        return counted(found.__getitem__)

    def memory(self) -> int:
        try:
            if not self.alive():
                return 0
            # one_shot: else the engine waits for a second sample of the processor
            stats = self._docker.client.api.stats(
                self._docker.id, stream=False, one_shot=True
            )["memory_stats"]
        except (DockerException, OSError, KeyError, ValueError):
            # OSError: the engine restarts; ValueError: a container that is just being
            # removed answers with nothing
            return 0
        details = stats.get("stats", {})
        # the page cache can be had back at any time (cgroup v1 and v2 name it apart)
        cache = details.get("total_inactive_file", details.get("inactive_file", 0))
        return max(0, stats.get("usage", 0) - cache)


def limited(limits: Limits) -> dict[str, int]:
    """As the engine is told. With as much memory as memory and swap, there is no swap.
    A share of the processor is told by its period, which can be changed later."""
    told: dict[str, int] = {}
    if limits.memory is not None:
        told |= {"mem_limit": limits.memory, "memswap_limit": limits.memory}
    if limits.quota_us is not None:
        told |= {"cpu_period": PERIOD_US, "cpu_quota": limits.quota_us}
    return told


class FollowingContainer(Following, ContainerMachine):
    """A container that may follow another one, whom it finds in their network."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.primary:
            self.in_network = self.primary.in_network = True

    def follows(self) -> list[ContainerMachine]:
        return [self.primary] if self.primary else []
