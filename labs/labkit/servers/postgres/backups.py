"""Backups of a primary: a copy of its files, its archived WAL, and both brought back.

Everything lies beside the primary's data, which is no place for a backup in real life:

    data/      the primary's own
    archive/   WAL segments that are complete, by `archive_command`
    backup/    the last base backup
    restored/  a second server, made of both, reached through its socket alone
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ...runtimes import StartFailed
from ...wait import wait_until

if TYPE_CHECKING:
    from . import Primary

# Settings of a server whose WAL is archived. The command is run in its data directory.
ARCHIVING = {
    "archive_mode": "on",
    "archive_command": "mkdir -p ../archive && cp %p ../archive/%f",
}
LAST = "select coalesce(last_archived_wal, '') from pg_stat_archiver"
SOCKET = "1"  # the restored server's port; it names a socket, and no network is used


class Restored:
    """A server brought back from a backup, beside the one that runs."""

    def __init__(self, backups: Backups) -> None:
        self._backups = backups

    def rows(self, query: str) -> list[list[str]]:
        """The rows of one statement, every value as text."""
        words = ["-h", str(self._backups.place), "-p", SOCKET, "-U", "postgres"]
        words += ["-d", "shop", "-XAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        told = self._backups.run("psql", *words, "-c", query)
        return [line.split("\t") for line in told.splitlines()]


class Backups:
    """The backups of a primary that was started with the settings `ARCHIVING`."""

    def __init__(self, primary: Primary) -> None:
        self.primary = primary
        # both forms of the server can run programs beside it; others need not
        self.machine: Any = primary.machine
        self.place = PurePosixPath(primary.value("show data_directory")).parent

    def run(self, *words: str) -> str:
        """What a program prints that runs beside the primary. Raises OSError."""
        return str(self.machine.run(*words))

    def base(self) -> None:
        """Copy the primary's files while it works; the last copy is replaced."""
        self.run("rm", "-rf", str(self.place / "backup"))
        self.machine.base_backup(str(self.place / "backup"))

    def archive_the_rest(self, within: float = 20) -> None:
        """Close the segment in use and wait until it is archived. A server that is left
        alone does so after `archive_timeout`, if that is set."""
        # a byte back: when nothing was written since, it returns where the next begins
        closed = "select pg_walfile_name(pg_switch_wal() - 1::numeric)"
        segment = self.primary.value(closed)
        wait_until(
            lambda: self.primary.value(LAST) >= segment,
            within,
            f"{segment} is not archived",
        )

    @contextmanager
    def restored(self, **target: str) -> Iterator[Restored]:
        """Bring the last base backup back, replay the archive, and yield the server.

        target: where replay ends, as `recovery_target_*`: xid="741" stops before that
        transaction, name="before the sale" at that point; none replays all there is.
        "immediate" as `target` stays at the backup. Raises StartFailed when the
        archive ends before the target.
        """
        there = self.place / "restored"
        goal = {f"recovery_target_{name}": value for name, value in target.items()}
        if target.get("target") == "immediate":
            goal = {"recovery_target": "immediate"}
        settings = {
            "restore_command": "cp ../archive/%f %p",
            "recovery_target_inclusive": "off",
            "recovery_target_action": "promote",
            "archive_mode": "off",
            "listen_addresses": "",
            "unix_socket_directories": str(self.place),
            "port": SOCKET,
            **goal,
        }
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        fill = (
            'rm -rf "$1" && cp -a "$2" "$1" && touch "$1/recovery.signal" && '
            'printf %s "$3" >> "$1/postgresql.auto.conf"'
        )
        self.run("sh", "-c", fill, "sh", str(there), str(self.place / "backup"), lines)
        log = str(self.place / "restored.log")
        self.run("rm", "-f", log)
        try:
            self.run("pg_ctl", "-D", str(there), "-l", log, "-w", "start")
            yield self._promoted()
        except OSError as error:
            raise StartFailed(f"{error}\n{self.run('tail', '-n', '20', log)}") from None
        finally:
            with suppress(OSError):  # it may not have come up
                self.run("pg_ctl", "-D", str(there), "-m", "immediate", "stop")

    def _promoted(self) -> Restored:
        """The server, once replay has ended. An archive that ends before the target
        ends the server, and so the question raises OSError."""
        server = Restored(self)
        wait_until(
            lambda: server.rows("select pg_is_in_recovery()") == [["f"]],
            30,
            "the restored server is still replaying",
        )
        return server
