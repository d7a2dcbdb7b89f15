"""What PostgreSQL is told, the same in both runtimes: all but its addresses."""

from __future__ import annotations

from collections.abc import Mapping

SETTINGS = {
    "wal_level": "replica",
    "max_wal_senders": "10",
    "hot_standby": "on",
    "synchronous_commit": "on",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "50ms",
    "wal_keep_size": "64MB",
    "log_recovery_conflict_waits": "on",
}
# Speed that changes what a crash of the machine would do: nothing here outlives it.
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    # it locks, writes WAL and holds horizons back at times of its own
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    # with posix or sysv, a killed server would leave segments outside its directory
    "dynamic_shared_memory_type": "mmap",
    "logging_collector": "off",
}
INITDB = (
    *("-E", "UTF8", "--no-locale", "--no-instructions"),
    *("--no-sync", "--wal-segsize=1"),
)
# For a session in template1. Half the files, and so half the time of every copy: no
# second and third database beside `shop`, which is `postgres` under another name.
SHOP_ALONE = """alter database postgres rename to shop;
alter database template0 is_template false;
drop database template0;
"""


def postgres_conf(settings: Mapping[str, str]) -> str:
    """postgresql.conf: the labs' own settings, overridden by `settings`."""
    conf = {**FAST, **settings}
    return "".join(f"{key} = '{value}'\n" for key, value in sorted(conf.items()))
