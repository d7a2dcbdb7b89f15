"""Reports of incidents to be diagnosed: what an operator saw, and what it was.

Each is made after a kind of public report, with every name, number and date changed.
In a lab, `exercises.report(name)` shows one and `lab.exercise(name, answer)` grades the
cause; in a chapter, {report} shows one with its answer folded. Their names do not tell
the cause; what each is about:

    replica on Tuesday               replay paused
    replica after the sale           replay slow
    replica after the weekend        WAL removed
    replica an hour late             none of these (recovery_min_apply_delay)
    reports that end at 30 s         WAL from an archive, and the other delay setting
    orders that wait                 synchronous standbys by names that nobody has
    offset that stands at 0          a transaction that hangs
    offset that stands at 5,120      a consumer that hangs
    one partition of six             a partition that nobody fetches
    poll that returns nothing        poison inside the deserializer
    carts at nine                    a primary that came back empty
    carts at ten                     FLUSHDB
    carts at eleven                  none of these (another database number)
    migration that waits             a prepared transaction
    timeouts that nobody set         lock_timeout left on a pooled connection
    price that came back             DEL before COMMIT
    night without orders             none of these (a page that sends nothing)
    price on one screen in three     a copy in the application's memory
"""

from __future__ import annotations

from dataclasses import dataclass

from ..exercises.graders import NONE_OF_THESE


@dataclass(frozen=True)
class Case:
    """One report: the story, the views by title, the cause, why, and for each other
    cause what rules it out."""

    story: str
    views: dict[str, str]
    right: str
    why: str
    ruled_out: dict[str, str]
    hint: str
    question: str = "What is the cause?"

    @property
    def causes(self) -> list[str]:
        """All named ones in the order of the alphabet, and "none of these" last."""
        named = {*self.ruled_out, self.right} - {NONE_OF_THESE}
        return [*sorted(named, key=str.lower), NONE_OF_THESE]


RECEIVES = "what the primary has sent has arrived, so nothing is held up on the way."
STANDS = "replay stands still between the two looks, so it is not a matter of speed."
NO_LOCK = "the startup process does not wait for a lock."
NO_CONFLICT = "the startup process waits for no reader, which a conflict would show."
HAS_WAL = "a receiver is connected and streaming, so the primary still has the WAL."

REPLICAS = {
    "replica on Tuesday": Case(
        "Since a quarter past nine the product pages that read from replica2 show this "
        "morning's prices. Nobody is logged in there. Two looks, a minute apart.",
        {
            "replica2, received and replayed": """
time      received    replayed
09:50:40  5/8E0A4F18  5/71C00060
09:51:40  5/8E93B7A0  5/71C00060""",
            "replica2, pg_stat_activity": """
backend_type  wait_event_type  wait_event
startup       IPC              RecoveryPause
walreceiver   Activity         WalReceiverMain""",
            "primary, pg_stat_replication": """
application_name  state      sent_lsn    flush_lsn   replay_lsn
replica2          streaming  5/8E93B7A0  5/8E93B7A0  5/71C00060""",
        },
        "replay paused",
        "Somebody called pg_wal_replay_pause() before a dump and never resumed. The "
        "wait "
        "event is IPC, like a conflict's, but its name says that replay waits for an "
        "order and not for a reader.",
        {
            "network": RECEIVES,
            "conflict with a reader": NO_CONFLICT,
            "lock": NO_LOCK,
            "slow replay": STANDS,
            "WAL removed": HAS_WAL,
        },
        "Read the name of what the startup process waits for, not only its type.",
    ),
    "replica after the sale": Case(
        "The sale began at noon, and replica1 has fallen behind ever since. Two looks, "
        "a minute apart.",
        {
            "replica1, received and replayed": """
time      received    replayed
12:40:00  9/42000000  9/1A3F0B28
12:41:00  9/47800000  9/1C9E6D10""",
            "replica1, pg_stat_activity": """
backend_type  wait_event_type  wait_event
startup
walreceiver   Activity         WalReceiverMain""",
            "replica1, top": """
PID   %CPU  COMMAND
4121  99.3  postgres: startup recovering 00000001000000090000001C
4124   3.1  postgres: walreceiver streaming 9/47800000""",
        },
        "slow replay",
        "Replay moves: 38 MiB in the minute, while 88 MiB came in. It is one process, "
        "and "
        "one core is all that it can use. A busy process waits for nothing, so its "
        "wait "
        "event is empty.",
        {
            "network": "more comes in every minute than is replayed.",
            "conflict with a reader": "replay moves between the looks, waiting for "
            "none.",
            "lock": NO_LOCK,
            "replay paused": "replay moves between the two looks.",
            "WAL removed": HAS_WAL,
        },
        "Subtract the two looks, for both positions.",
    ),
    "replica after the weekend": Case(
        "replica3 was switched off on Friday for a new disk and started again on "
        "Monday. "
        "It answers, with Friday's prices. A connection from it to the primary works.",
        {
            "primary, pg_stat_replication": """
application_name  state      sent_lsn
replica1          streaming  2B/90A4418
(1 row)""",
            "replica3, pg_stat_wal_receiver": "(0 rows)",
            "replica3, pg_stat_activity": """
backend_type  wait_event_type  wait_event
startup       Timeout          RecoveryRetrieveRetryInterval""",
            "replica3, log, every five seconds": """
LOG:  started streaming WAL from primary at 2A/C4000000 on timeline 1
FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment
        000000010000002A000000C4 has already been removed""",
        },
        "WAL removed",
        "The primary has recycled what replica3 still needed, and says so. Waiting "
        "does "
        "not help: it must be built anew, or fed from an archive. A replication slot "
        "would have kept the WAL, at the risk of the primary's disk.",
        {
            "network": "the primary is reached, and answers, every five seconds.",
            "conflict with a reader": NO_CONFLICT,
            "lock": NO_LOCK,
            "replay paused": "the startup process looks for WAL; it was not told to "
            "stop.",
            "slow replay": "there is nothing to replay: nothing is received.",
        },
        "What does the primary answer when it is asked?",
    ),
    "replica an hour late": Case(
        "A new replica is behind, and stays as far behind day and night. Two looks.",
        {
            "replica4, received, replayed, last commit": """
time      received    replayed    last replayed commit
14:00:00  3/D00001A8  3/C83F77E0  13:00:00
14:10:00  3/D1204C58  3/C96AA0F8  13:10:00""",
            "replica4, pg_stat_activity": """
backend_type  wait_event_type  wait_event
startup       Timeout          RecoveryApplyDelay
walreceiver   Activity         WalReceiverMain""",
        },
        NONE_OF_THESE,
        "It is as late as it was told to be: recovery_min_apply_delay = '1h', a "
        "replica "
        "that is kept in the past so that a DROP TABLE can be undone. No page may read "
        "from it.",
        {
            "network": RECEIVES,
            "conflict with a reader": NO_CONFLICT,
            "lock": NO_LOCK,
            "replay paused": "replay moves between the two looks.",
            "slow replay": "the distance in time neither grows nor shrinks, day or "
            "night.",
            "WAL removed": HAS_WAL,
        },
        "How far behind is it in time, at each look?",
    ),
    "reports that end at 30 s": Case(
        "Reports on the analysts' replica are cancelled. max_standby_streaming_delay "
        "was "
        "raised to ten minutes and the server restarted; they still end at 30 seconds.",
        {
            "replica5, settings in force": """
name                          setting
hot_standby                   on
max_standby_streaming_delay   10min
max_standby_archive_delay     30s
hot_standby_feedback          on""",
            "replica5, log": """
LOG:  restored log file "000000010000001F0000003A" from archive
ERROR:  canceling statement due to conflict with recovery
DETAIL:  User query might have needed to see row versions that must be removed.
LOG:  restored log file "000000010000001F0000003B" from archive""",
            "primary, pg_stat_replication": "(0 rows)",
        },
        "WAL from the archive",
        "This replica streams from nobody. What it replays comes from an archive, so "
        "max_standby_archive_delay holds, and feedback has no connection to travel on.",
        {
            "setting not in force": "the view shows the values in force, after a "
            "restart.",
            "feedback is off": "it is on; that alone does not carry it to the primary.",
            "lock": "the log names row versions, not a lock.",
            "statement_timeout": "the log's message would name the statement timeout.",
        },
        "Where does its WAL come from?",
        question="Why do they still end at 30 seconds?",
    ),
}

SYNCHRONOUS = {
    "orders that wait": Case(
        "Synchronous replication was switched on at ten. Since then each order hangs "
        "after its COMMIT. Both replicas run, and have every byte.",
        {
            "primary, pg_stat_replication": """
application_name  state      sync_state  bytes behind
walreceiver       streaming  async       0
walreceiver       streaming  async       0""",
            "primary, setting": "synchronous_standby_names = 'FIRST 1 (replica1, "
            "replica2)'",
            "primary, pg_stat_activity": """
sessions  state   wait_event_type  wait_event
31        active  IPC              SyncRep""",
        },
        "names do not match",
        "sync_state says it first: neither replica counts as synchronous. They report "
        "the default application_name, and the setting waits for two names that nobody "
        "has. Put application_name into each primary_conninfo.",
        {
            "network": "both replicas stream, and nothing is behind.",
            "replica too slow": "both replicas are zero bytes behind.",
            "lock": "the sessions wait for replication, not for a lock.",
            "replica's disk full": "what is sent is flushed and replayed, zero bytes "
            "behind.",
        },
        "Compare the names in the view with the names in the setting.",
    ),
}

READS_BEYOND = (
    "a second reader, of another group, gets past this record without trouble."
)
KAFKA = {
    "offset that stands at 0": Case(
        "The new settlement service (isolation_level=read_committed) has not handled "
        "an "
        "order since its start three hours ago. Its poll returns nothing, no errors.",
        {
            "kafka-consumer-groups.sh --describe --group settlement": """
TOPIC   PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID
orders  0          0               21              21   settlement-1-6e0c""",
            "a second reader, read_uncommitted": """
21 records, offsets 0 to 20; each one parses""",
            "kafka-transactions.sh describe-producers --topic orders --partition 0": """
ProducerId  ProducerEpoch  LastSequence  CurrentTransactionStartOffset
7004        0              20            0""",
        },
        "open transaction",
        "A producer began a transaction at offset 0, and it has neither been committed "
        "nor aborted. Such a reader goes no further than the last stable offset, and "
        "that is 0. Brokers abort what is open for longer than "
        "transaction.max.timeout.ms, 15 minutes unless set; this one is three hours "
        "old, so it hangs. Find whose producer 7004 is, then kafka-transactions.sh "
        "abort.",
        {
            "poison record": "all 21 records parse.",
            "hung consumer": "its poll returns, again and again, with nothing.",
            "partition not assigned": "the partition has a consumer.",
            "slow consumer": "not one record has been handled in three hours.",
        },
        "What may the second reader see that the first may not?",
    ),
    "offset that stands at 5,120": Case(
        "One partition of the mail service has stood still since 04:10. It is a member "
        "of its group, and its process is up. max.poll.interval.ms is set to a day.",
        {
            "kafka-consumer-groups.sh --describe --group mail": """
TOPIC   PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG   CONSUMER-ID
orders  2          5120            6377            1257  mail-3-b1d9""",
            "a second reader, read_committed": """
reads on from 5120 to 6376; each one parses; no transaction is open""",
            "mail-3, its only thread (py-spy dump)": """
recv_into (socket.py)
getresponse (http/client.py)
send_receipt (mail.py:88)
handle (mail.py:41)""",
        },
        "hung consumer",
        "It waits for an answer over HTTP, without a timeout, and has called poll for "
        "the last time at 04:10. A heartbeat says that a process lives, not that it "
        "works; with the limit at a day, nobody expels it.",
        {
            "open transaction": READS_BEYOND,
            "poison record": READS_BEYOND,
            "partition not assigned": "the partition has a consumer.",
            "slow consumer": "the offset has not moved since 04:10.",
        },
        "Does anybody else get past this record? Then what is the owner doing?",
    ),
    "one partition of six": Case(
        "Every sixth store gets no parcels. The warehouse has one worker; it chooses "
        "its partitions itself (assign) and commits to the group.",
        {
            "kafka-consumer-groups.sh --describe --group warehouse": """
TOPIC   PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID
orders  0          812             812             0    -
orders  1          790             790             0    -
orders  2          845             845             0    -
orders  3          803             803             0    -
orders  4          828             828             0    -""",
            "kafka-get-offsets.sh --topic orders": """
orders:0:812
orders:1:790
orders:2:845
orders:3:803
orders:4:828
orders:5:117""",
            "kafka-topics.sh --describe --topic orders, yesterday and today": """
Topic: orders  PartitionCount: 5
Topic: orders  PartitionCount: 6""",
        },
        "partition not assigned",
        "The topic got a sixth partition, and the worker's list still has five. The "
        "first view shows partitions that have a member or a committed offset, and "
        "this one has neither: it is not listed, and an alert on lag stays silent. "
        "Without subscribe there is no group that would hand it out.",
        {
            "open transaction": "an offset would stand in the first view, and none "
            "does.",
            "poison record": "nobody has fetched a record from there to stumble over.",
            "hung consumer": "the other five partitions, of the same worker, have no "
            "lag.",
            "slow consumer": "the other five partitions, of the same worker, have no "
            "lag.",
        },
        "How many partitions has each view?",
    ),
    "poll that returns nothing": Case(
        "The search indexer sets unreadable orders aside: its handler is wrapped in a "
        "try, and the dead-letter topic is watched. It has indexed nothing since "
        "03:12.",
        {
            "indexer, log": """
03:12:07 ERROR poll: JSONDecodeError: Expecting value: line 1 column 1 (char 0)
03:12:07 INFO  still running
03:13:07 INFO  poll: 0 records
03:14:07 INFO  poll: 0 records""",
            "its position, and the topics": """
orders-0       position 4711   end 6024
orders-dead-0  position -      end 0""",
            "a second reader, of raw bytes": """
4710  b'{"order": "O-4710", "cents": 1250}'
4711  b'<html><body>502 Bad Gateway</body></html>'
4712  b'{"order": "O-4712", "cents": 980}'""",
        },
        "poison record in the deserializer",
        "The client decodes inside poll, so the handler never sees record 4711, and "
        "the "
        "code that would set it aside is never reached. Take bytes from poll and "
        "decode "
        "in the handler.",
        {
            "open transaction": READS_BEYOND,
            "hung consumer": "its poll returns every minute.",
            "partition not assigned": "it has a position there.",
            "poison record in the handler": "the handler's own try would have caught "
            "it, "
            "and the dead-letter topic is empty.",
        },
        "Which line of code had the record in its hands when it failed?",
    ),
}

NOT_EVICTED = "evicted_keys is zero, on a server that was not restarted."
CARTS = {
    "carts at nine": Case(
        "At nine all carts were gone. Pages live for an hour, carts for ever. Memory "
        "is far below its limit.",
        {
            "primary, INFO": """
uptime_in_seconds:412
evicted_keys:0
expired_keys:3
sync_full:1
db0:keys=57,expires=57""",
            "primary, configuration": """
save        ""
appendonly  no""",
            "replica, INFO": """
uptime_in_seconds:2598214
master_link_status:up
master_last_io_seconds_ago:1
db0:keys=57,expires=57""",
        },
        "primary restarted empty",
        "Its counters are young because it is. It keeps nothing on disk, came back "
        "within seconds as the same primary, and its replica, up for a month, copied "
        "the emptiness.",
        {
            "evicted": "a counter of minutes says nothing about the night, and memory "
            "is "
            "far below its limit.",
            "expired": "carts have no time to live; what expired and what is there are "
            "pages.",
            "flushed": "the counters began 412 seconds ago; a flush does not reset "
            "them.",
        },
        "How old is each server?",
    ),
    "carts at ten": Case(
        "At ten all carts were gone, and all pages with them. Pages live for a minute, "
        "carts for ever.",
        {
            "primary, INFO": """
uptime_in_seconds:7710334
evicted_keys:0
expired_keys:4811920
db0:keys=2210,expires=2188
used_memory_human:96.11M   maxmemory_human:4.00G""",
            "primary, INFO commandstats": """
cmdstat_get:calls=88120734
cmdstat_set:calls=10993313
cmdstat_flushdb:calls=1
cmdstat_del:calls=40122""",
            "TTL cart:8812": "-2",
        },
        "flushed",
        "commandstats counts one FLUSHDB. Nothing else leaves every counter of lost "
        "keys "
        "as it was. That expired_keys is large says nothing: pages expire all day.",
        {
            "evicted": NOT_EVICTED,
            "expired": "carts are written without a time to live; the keys counted "
            "there "
            "are pages.",
            "primary restarted empty": "it has been up for 89 days.",
        },
        "Which commands has this server been given since it began?",
    ),
    "carts at eleven": Case(
        "At eleven, after a release, every cart was empty. New ones fill as usual.",
        {
            "primary, INFO": """
uptime_in_seconds:2600011
evicted_keys:0
expired_keys:771204
db0:keys=41377,expires=2201
db1:keys=804,expires=0
used_memory_human:131.02M   maxmemory_human:4.00G""",
            "primary, INFO commandstats": """
cmdstat_get:calls=31004417
cmdstat_set:calls=4081120
cmdstat_select:calls=12""",
            "TTL cart:8812": "-1",
        },
        NONE_OF_THESE,
        "The old carts are all there, in database 0, and never expire (TTL -1). The "
        "release connects to database 1: db1 has appeared, and SELECT was called.",
        {
            "evicted": NOT_EVICTED,
            "expired": "the cart is still there, and has no time to live.",
            "flushed": "no flush was counted, and the keys of db0 are still there.",
            "primary restarted empty": "it has been up for 30 days.",
        },
        "Is the cart really gone?",
    ),
}

LOCKS = {
    "migration that waits": Case(
        "ALTER TABLE orders waits, with all pages behind it. The runbook says: end the "
        "session that blocks. There is none.",
        {
            "pg_stat_activity, pg_blocking_pids(pid)": """
pid    state   wait_event_type  wait_event  query                blocked by
20731  active  Lock             relation    ALTER TABLE orders   {0}""",
            "pg_locks on orders": """
pid    mode                 granted
       RowExclusiveLock     t
20731  AccessExclusiveLock  f""",
            "pg_stat_activity, other sessions": """
state                count   oldest xact_start
idle                 40
idle in transaction  0""",
        },
        "prepared transaction",
        "A lock without a pid belongs to a transaction that was prepared for a commit "
        "in "
        "two phases and outlived its session. pg_prepared_xacts names it; ROLLBACK "
        "PREPARED or COMMIT PREPARED ends it.",
        {
            "session idle in transaction": "there is no such session.",
            "autovacuum": "an autovacuum has a pid, and gives way to an ALTER.",
            "replica's feedback": "feedback keeps row versions, and holds no lock "
            "here.",
            "long report": "a reader's lock is AccessShareLock, and its session has a "
            "pid.",
        },
        "Who can hold a lock and have no process?",
    ),
    "timeouts that nobody set": Case(
        "Since a migration last night some checkouts fail. The shop sets no timeout, "
        "nor do its role, its database or the server. The migration went through the "
        "same PgBouncer (pool_mode = transaction) and is long over.",
        {
            "shop, log": """
ERROR:  canceling statement due to lock timeout   (55P03)
about 1 in 20 of those that wait for a lock, each after 50 ms of waiting""",
            "SHOW lock_timeout, asked through the pooler 20 times": """
0      19 times
50ms    1 time""",
            "first line of the migration": "set lock_timeout = '50ms';",
        },
        "setting left on a pooled connection",
        "SET lasts as long as the server's connection, and a transaction pooler hands "
        "that to the next client. Within BEGIN, SET LOCAL ends with the transaction.",
        {
            "migration still running": "it is over, and holds no lock.",
            "setting of the role": "19 connections of 20 have none, for the same role.",
            "deadlock": "a deadlock has a message and an SQLSTATE (40P01) of its own.",
            "server overloaded": "the failures come at 50 ms sharp, in one of twenty.",
        },
        "What is different about one connection of twenty?",
    ),
}

CACHE = {
    "price on one screen in three": Case(
        "A price was lowered at 14:00. The page lives 60 s. At 14:20 some customers "
        "still see the old price, each time they look; others never do. The load "
        "balancer keeps a customer on one of three application servers.",
        {
            "page:store:7 in Redis at 14:20:00": """
price      the new one
PTTL       21300 ms""",
            "PostgreSQL, primary and replica": "the new price; zero bytes behind",
            "who sees the old price": "all of them come from app2",
            "app2, connections to Redis": """
name      cmd                age
pages     get               6 days
tracking  (none since)      gone at 11:02""",
        },
        "a nearer copy",
        "app2 keeps pages in its memory and relied on hearing of changes. Its tracking "
        "connection ended at 11:02; since then nobody tells it anything, and its copy "
        "has no end of its own. Forget everything when that connection ends, and give "
        "each copy an end.",
        {
            "late fill": "what was filled is the new price, and Redis has it.",
            "stale replica": "the replica is not behind.",
            "time to live too long": "in Redis the page ends within a minute, and has "
            "ended many times since 14:00.",
            "deleted before the commit": "that would put the old price into Redis, "
            "where all three servers would find it.",
            "a browser's cache": "a browser is not on one application server.",
        },
        "Which places between the screen and PostgreSQL still have the old price?",
    ),
    "price that came back": Case(
        "A shopkeeper lowered a price; the page showed the old one for five more "
        "minutes. The page lives 300 s; fills read from the primary.",
        {
            "shop's trace of the change, by one clock": """
10:00:00.100  BEGIN; UPDATE products ... (store 7)
10:00:00.120  DEL page:store:7
10:00:00.160  COMMIT""",
            "page:store:7 at 10:01:00": """
price      the old one
PTTL       240135 ms, so it was filled at 10:00:00.135""",
            "replicas": "all zero bytes behind; no fill has asked one",
        },
        "deleted before the commit",
        "The fill came between DEL and COMMIT, and read what was true then. It was "
        "quick "
        "and asked the primary; by the age of its entry alone, which dates it before "
        "the "
        "change, it looks innocent. DEL belongs after the COMMIT.",
        {
            "late fill": "the fill was not late: it read, and wrote, within the moment "
            "that the trace shows.",
            "stale replica": "no replica was asked.",
            "lost invalidation": "the DEL is in the trace, and was carried out.",
            "time to live too long": "it bounds how long the harm lasts, and does not "
            "make it.",
        },
        "Put all four events on one line of time.",
    ),
}

PAGER = {
    "night without orders": Case(
        "From 01:10 to 06:30 the shop took no order, on a night that usually brings 40 "
        "an hour. Nobody was paged. The rules are on burn rates at the edge, each page "
        "on its own, and on silence there. Last week both rang as they should.",
        {
            "edge, requests a minute": """
page        00:30   02:00   05:00
/stores      61.2    48.9    52.4
/checkout     0.7     0.0     0.0""",
            "edge, share answered well": """
page        00:30   02:00   05:00
/stores     99.9 %  99.9 %  99.9 %
/checkout   100 %   (none)  (none)""",
            "the edge's exporter, up": "1 all night",
            "calendar": """
01:00  backup begins (03:40 ends)
01:08  release 812: store page, new button""",
        },
        NONE_OF_THESE,
        "Release 812 drew a button that sends nothing. Who cannot ask is in no log of "
        "the edge: of no checkouts, none failed. Alert on orders that are far fewer "
        "than usual at this hour, or have a probe buy something.",
        {
            "edge not reached": "store pages are asked for all night.",
            "pages hide the checkout": "each page has a burn rate of its own, and no "
            "checkout failed.",
            "burn rate too high": "nothing failed, and no threshold is below 0.",
            "exporter down": "it was up, and its figures came.",
            "backup fills the machine": "pages are answered well, and the orders did "
            "not come back when it ended.",
        },
        "Is a request that was never sent a bad one?",
        question="Why was nobody paged?",
    ),
}

CASES: dict[str, Case] = {
    **REPLICAS,
    **SYNCHRONOUS,
    **KAFKA,
    **CARTS,
    **LOCKS,
    **CACHE,
    **PAGER,
}
