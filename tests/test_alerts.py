"""The alerts that the chapters give away: each can be loaded, and says what to do."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import book_model
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```yaml\n(groups:.*?)^```", re.S | re.M)


def blocks(text: str) -> list[str]:
    """The Prometheus rule files printed on a page."""
    return BLOCK.findall(text)


def complaints(block: str) -> list[str]:
    """What an alert lacks that whoever is woken by it would want."""
    found = []
    for group in yaml.safe_load(block)["groups"]:
        for rule in group["rules"]:
            if name := rule.get("alert"):
                if rule.get("labels", {}).get("severity") not in ("page", "ticket"):
                    found.append(f"{name}: severity is neither page nor ticket")
                for part in ("summary", "runbook"):
                    if not rule.get("annotations", {}).get(part):
                        found.append(f"{name}: no {part}")
    return found


PAGES = sorted((ROOT / "book").glob("*.md"))
WITH_LEDGER = [page for page in PAGES if "\n## Ledger\n" in page.read_text("utf-8")]
RULES = [block for page in PAGES for block in blocks(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", WITH_LEDGER, ids=lambda page: page.stem)
def test_a_chapter_gives_an_alert_with_its_ledger_line(page: Path) -> None:
    ledger = page.read_text("utf-8").partition("\n## Ledger\n")[2]
    found = blocks(ledger.partition("\n## ")[0])
    assert found
    assert [text for block in found for text in complaints(block)] == []


def pasted(rule: dict) -> str:
    """An alert as a lab's ledger writes it: "... > 3 for 5m"."""
    text = rule["expr"] + (f" for {rule['for']}" if "for" in rule else "")
    return " ".join(text.split())


BOOK = book_model.read()


@pytest.mark.parametrize("chapter", BOOK.chapters, ids=lambda chapter: chapter.name)
def test_a_labs_alert_is_one_of_its_chapters(chapter: book_model.Chapter) -> None:
    found = map(yaml.safe_load, blocks(chapter.path.read_text("utf-8")))
    rules = [rule for block in found for g in block["groups"] for rule in g["rules"]]
    runs = [BOOK.runs.get(lab.name, {}) for lab in chapter.labs]
    given = [line.get("alert") or "" for run in runs for line in run.get("ledger", [])]
    rules_of = [a for a in given if a and not a.startswith("select ")]  # no query
    wanted = {" ".join(a.split()).removesuffix(" for 0m") for a in rules_of}
    assert wanted <= {pasted(rule) for rule in rules if "alert" in rule}


def test_no_two_groups_or_alerts_carry_the_same_name() -> None:
    groups = [group for block in RULES for group in yaml.safe_load(block)["groups"]]
    names = [group["name"] for group in groups]
    names += [rule["alert"] for g in groups for rule in g["rules"] if "alert" in rule]
    assert len(names) == len(set(names))


def told(block: str) -> Iterator[str]:
    """The lines of a block that are words: comments, summaries and runbooks."""
    key = ""
    for line in block.splitlines():
        found = re.match(r"\s*(?:- )?(\w+):(?: |$)", line)
        key = found[1] if found else key
        if key in ("summary", "runbook") or line.lstrip().startswith("#"):
            yield line


def test_the_words_of_an_alert_fold_as_code_does() -> None:
    lines = [line for block in RULES for line in told(block)]
    assert len(lines) > 79 and not [line for line in lines if len(line) > 75]
    # an expression may be longer, and is then pushed sideways
    assert max(len(line) for block in RULES for line in block.splitlines()) <= 102


GOOD = """groups:
  - name: x
    rules:
      - alert: ItIsDown
        expr: up == 0
        labels: { severity: page }
        annotations: { summary: It is down, runbook: Start it. }
"""


def test_an_alert_that_says_what_to_do_passes() -> None:
    assert blocks(f"Words.\n\n```yaml\n{GOOD}```\n") == [GOOD]
    assert complaints(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("severity: page", "severity: high"),
        ("summary: It is down, ", ""),
        (", runbook: Start it.", ""),
    ],
)
def test_an_alert_that_lacks_something_fails(old: str, new: str) -> None:
    assert len(complaints(GOOD.replace(old, new))) == 1


# --- as Prometheus sees them ---


@pytest.fixture(scope="module")
def promtool() -> str:
    if not (found := shutil.which("promtool")):
        reason = "promtool is not installed (Debian: in the package prometheus)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found


def check(promtool: str, folder: Path, rules: list[str]) -> subprocess.CompletedProcess:
    for number, block in enumerate(rules):
        (folder / f"{number}.yml").write_text(block, encoding="utf-8")
    command = [promtool, "check", "rules", *sorted(map(str, folder.glob("*.yml")))]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_prometheus_takes_all_alerts_of_the_book(promtool, tmp_path) -> None:
    done = check(promtool, tmp_path, RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expr", ["up ==", "rate(up)", "up{job=}"])
def test_prometheus_refuses_an_expression_that_is_none(promtool, tmp_path, expr):
    block = GOOD.replace("up == 0", f'"{expr}"')
    assert check(promtool, tmp_path, [block]).returncode != 0


# --- when they ring: a value a minute, and the alerts after a quarter of an hour ---

LAG, AT = "kafka_consumergroup_lag", "kafka_consumergroup_current_offset"
OF = '{consumergroup="fulfilment", topic="orders", partition="%s"}'
WRITTEN = 'kafka_topic_partition_current_offset{topic="orders", partition="%s"}'
MEMORY, LIMIT = "redis_memory_used_bytes", "redis_memory_max_bytes"
ROLE = 'pg_replication_is_replica{instance="%s"}'
WAITS = 'pg_stat_activity_count{wait_event="SyncRep"}'
ARCHIVE = "pg_stat_archiver_%s"
RESTARTS = 'kube_pod_container_status_restarts_total{namespace="shop", pod="%s"}'
PROGRESS = (
    'kube_deployment_status_condition{namespace="shop", '
    'condition="Progressing", status="%s"}'
)
CREATED = 'kube_deployment_created{namespace="region-%s", deployment="%s"}'
APPLICATION = 'argocd_app_info{name="%s", health_status="%s"}'
SYNCS = 'argocd_app_sync_total{name="eu", phase="%s"}'
AVAILABLE = 'kube_deployment_status_replicas_available{namespace="shop"}'
OF_A_POD = '{namespace="shop", pod="a", container="shop"%s}'
ENDED = "kube_pod_container_status_last_terminated_reason" + OF_A_POD
RESTARTED = "kube_pod_container_status_restarts_total" + OF_A_POD % ""
PERIODS = "container_cpu_cfs_%speriods_total" + OF_A_POD % ""
CARTS = '{job="redis-carts"}'
WORKING = 'station_working{station="pool"}'
SERVERS = 'station_servers{station="pool"}'
FORECAST, TOOK = "review_forecast_seconds", "review_took_seconds"
SLOT = 'pg_replication_slot_slot_%s{slot_name="region_b"}'
REQUESTS = 'http_server_request_duration_seconds_count{job="edge"}'
IN_TIME = (
    'http_server_request_duration_seconds_bucket{job="edge", le="1", '
    'http_response_status_code="200"}'
)


def one_of_two(stuck: str) -> dict[str, str]:
    """Two partitions with lag: the offset of one moves on, the other's is `stuck`."""
    return {
        LAG + OF % 0: "9x20",
        AT + OF % 0: "0+7x20",
        LAG + OF % 1: "9x20",
        AT + OF % 1: stuck,
    }


BUSY, WORKERS = 'shop_workers_busy{store="%s", kind="page"}', "shop_workers"
WAITED = 'shop_wait_seconds_bucket{store="3", kind="%s", le="%s"}'
TAKES = 'shop_store_takes_writes{store="7", shard="%s"}'
BATCHES = 'shop_import_batches_%s{store="7"}'


def waits(kind: str, soon: str) -> dict[str, str]:
    """Requests of a store, of which so many are served soon, and all within 0.5 s."""
    all_of_them = dict.fromkeys(("0.5", "+Inf"), "0+100x20")
    shares = {"0.1": soon} | all_of_them
    return {WAITED % (kind, le): values for le, values in shares.items()}


ASKED, TRIED, TOLD = (
    f"caller_{what}_total" for what in ("requests", "tries", "answered")
)
MADE = 'shop_requests_total{status="%s"}'
PODS = 'kube_horizontalpodautoscaler_%s{namespace="a", horizontalpodautoscaler="shop"}'
WANTED, MOST = PODS % "status_desired_replicas", PODS % "spec_max_replicas"
LEAST, FORETOLD = (
    name + '{namespace="shop", horizontalpodautoscaler="pages"}'
    for name in ("kube_horizontalpodautoscaler_spec_min_replicas", "shop_calendar_pods")
)
HEART = 'shop_heartbeat_seconds{instance="%s"}'
LOOKS = 'price_looks_total{node="%s"}'
ALL_THERE = 'argocd_app_info{project="shop", name="%s"}'
HEALED = 'argocd_app_sync_total{project="shop", phase="Succeeded", name="%s"}'
DIFFERS = 'argocd_app_info{name="us", sync_status="%s"}'
UNWELL = 'argocd_app_info{name="us", health_status="Degraded", sync_status="%s"}'


def in_turn(series: str, one: str, other: str) -> dict[str, str]:
    """Two states that take turns every three minutes, a series each."""
    return {
        series % one: "1 1 1 stale _ _ " * 3,
        series % other: "_ _ _ " + "1 1 1 stale _ _ " * 3,
    }


def synced(info: str = "1x120", **counts: str) -> dict[str, str]:
    """Successful syncs of regions, minute by minute, and that Argo CD has two."""
    told = {ALL_THERE % region: info for region in ("eu", "us")}
    return told | {HEALED % region: count for region, count in counts.items()}


def beats(primary: str, replica: str) -> dict[str, str]:
    """A heartbeat row as each of two nodes has it, its time in seconds."""
    return {HEART % "primary": primary, HEART % "replica1": replica}


def vanished(*regions: str) -> dict[str, str]:
    """Two Deployments in each of three regions, gone from some of them by now."""
    return {
        CREATED % (region, name): "7x9" if region in regions else "7x20"
        for region in ("eu", "us", "asia")
        for name in ("pages", "carts")
    }


UNDER_MINIMUM = "kafka_server_replicamanager_underminisrpartitioncount"
IN_SYNC = 'kafka_topic_partition_in_sync_replica{topic="orders", partition="%s"}'
PACKERS = 'kafka_consumergroup_lag{consumergroup="packers", partition="%s"}'
DEAD = 'kafka_topic_partition_current_offset{topic="orders-dead", partition="0"}'
PAGES = '{job="redis-pages", db="db0"}'
EDGE = 'edge_requests_total{instance="%s", page="%s", cache="%s"}'
COMPLETE = 'page_complete_seconds_bucket{continent="asia", le="%s"}'
SESSIONS = 'pg_stat_activity_count{instance="a", state="%s"}'
INVALIDATOR = 'pg_stat_activity_count{application_name="invalidator"}'
LOCKED = 'pg_stat_activity_count{datname="shop", wait_event_type="Lock"}'
OPEN = 'pg_stat_activity_max_tx_duration{usename="anna", state="%s"}'
SLOT_LEFT = 'pg_replication_slot_safe_wal_size_bytes{slot_name="region_b"}'
BEHIND = 'pg_stat_replication_pg_wal_lsn_diff{application_name="replica%s"}'
COMPARED = 'shadow_compared_total{part="storefront", result="%s"}'
OLD_TABLE = 'pg_stat_user_tables_idx_scan{relname="shelf"}'
EVICTED, UP = "redis_evicted_keys_total" + CARTS, "redis_uptime_in_seconds" + CARTS
GETS = 'redis_commands_total{job="redis-pages", cmd="get"}'
PAGE_CALLS = 'pg_stat_statements_calls_total{queryid="PAGE"}'
SCANNED = 'pg_stat_user_tables_seq_tup_read{relname="orders"}'
FOUND = 'searches_total{hits="%s"}'


def pages_kept(keys: int, ends: int, seconds: int) -> dict[str, str]:
    """A cache's keys, those of them that end, and in how many seconds on average."""
    told = {"keys": keys, "keys_expiring": ends, "avg_ttl_seconds": seconds}
    return {f"redis_db_{what}{PAGES}": f"{n}x20" for what, n in told.items()}


def at_the_edge(own: str = "", hit: str = "0+60x20", miss: str = "0+5x20"):
    """Requests at an edge, and those for somebody's own page that a copy answered."""
    told = {EDGE % ("a", "shop", "HIT"): hit, EDGE % ("a", "shop", "MISS"): miss}
    return told | ({EDGE % ("a", "own", "HIT"): own} if own else {})


def purged(end: int, slowest: int) -> dict[str, str]:
    """The log of purges, and how far two edges have come in it."""
    edges = {'purge_position{edge="a"}': end, 'purge_position{edge="b"}': slowest}
    return {name: f"{n}x20" for name, n in {"purge_log_end": end, **edges}.items()}


def complete(soon: str) -> dict[str, str]:
    """Pages, of which so many were complete in half a second, and all in one."""
    return {COMPLETE % "0.5": soon} | {
        COMPLETE % le: "0+100x20" for le in ("1", "+Inf")
    }


def connections(active: int, idle: int) -> dict[str, str]:
    """Sessions of a server that has a hundred slots, three of them kept back."""
    told = {SESSIONS % "active": active, SESSIONS % "idle": idle}
    told['pg_settings_max_connections{instance="a"}'] = 100
    told['pg_settings_superuser_reserved_connections{instance="a"}'] = 3
    return {name: f"{n}x20" for name, n in told.items()}


def searched(nothing: str) -> dict[str, str]:
    return {
        "search_requests_total": "0+100x20",
        "search_results_zero_total": nothing,
    }


def compared(same: str = "0+50x20", differs: str = "") -> dict[str, str]:
    """What a shadow has compared, by what came out."""
    return {COMPARED % "same": same} | (
        {COMPARED % "differs": differs} if differs else {}
    )


def turned_away(values: str) -> dict[str, str]:
    return {
        "storefront_misses_total": "0+100x20",
        "storefront_turned_away_total": values,
    }


def trips(statements: str) -> dict[str, str]:
    """Statements of the storefront, and its requests."""
    return {
        'pg_stat_statements_calls_total{user="storefront"}': statements,
        REQUESTS.replace("edge", "storefront"): "0+10x120",
    }


def bill(dollars: str) -> dict[str, str]:
    return {"shop_bill_dollars": dollars, "shop_bill_orders": "1000x800"}


RINGS = [
    ("NotAsGitSays", {DIFFERS % "OutOfSync": "1x20"}, 1),
    ("NotAsGitSays", {DIFFERS % "OutOfSync": "_x12 1x7"}, 0),
    ("NotAsGitSays", {DIFFERS % "Synced": "1x20"}, 0),
    ("NotAsGitSays", in_turn(DIFFERS, "OutOfSync", "Unknown"), 1),
    ("NotAsGitSays", in_turn(DIFFERS, "OutOfSync", "Synced"), 0),
    ("ReplicaTooOld", beats("0+60x20", "120x20"), 1),
    ("ReplicaTooOld", beats("0+60x20", "-1+60x20"), 1),
    ("ReplicaTooOld", beats("0+60x20", "-0.7+60x20"), 0),
    ("ReplicaTooOld", beats("900+60x20", "900+60x20"), 0),  # the primary's clock is off
    ("ReplicaOutlivesTombstones", beats("0+60x20", "-299+60x20"), 0),
    ("ReplicaOutlivesTombstones", beats("0+60x20", "-301+60x20"), 1),
    ("ReplicaOutlivesTombstones", beats("0+60x20", "0x20"), 1),  # it hears nothing
    ("HeartStopped", beats("120x20", "120x20"), 1),
    ("HeartStopped", {}, 1),
    ("HeartStopped", beats("0+60x20", "120x20"), 0),
    ("LooksFallBack", {LOOKS % "primary": "0+9x20", LOOKS % "replica1": "0+91x20"}, 1),
    ("LooksFallBack", {LOOKS % "primary": "0+4x20", LOOKS % "replica1": "0+96x20"}, 0),
    ("OwnSaveNotSeen", {"price_looks_old_total": "0+0x13 1x7"}, 1),
    ("OwnSaveNotSeen", {"price_looks_old_total": "7x20"}, 0),
    ("PartitionStandsStill", one_of_two("26x20"), 1),
    ("PartitionStandsStill", one_of_two("26+1x20"), 0),
    ("PartitionStandsStill", one_of_two("26 25 26 25 26 25 26 25 26 25 26x9"), 1),
    ("OnePartitionIsHot", {WRITTEN % 0: "0+90x20", WRITTEN % 1: "0+10x20"}, 1),
    ("OnePartitionIsHot", {WRITTEN % 0: "0+11x20", WRITTEN % 1: "0+10x20"}, 0),
    ("CartsNearlyFull", {MEMORY + CARTS: "81x20", LIMIT + CARTS: "100x20"}, 1),
    ("CartsNearlyFull", {MEMORY + CARTS: "79x20", LIMIT + CARTS: "100x20"}, 0),
    ("CartsNearlyFull", {MEMORY + CARTS: "81x20", LIMIT + CARTS: "0x20"}, 0),
    ("BudgetBurnsFast", {REQUESTS: "0+100x20", IN_TIME: "0+85x20"}, 1),
    ("BudgetBurnsFast", {REQUESTS: "0+100x20", IN_TIME: "0+99x20"}, 0),
    ("BudgetBurnsFast", {REQUESTS: "0+100x20"}, 1),  # nothing good, and no series of it
    ("NobodyReachesTheShop", {REQUESTS: "5x20", IN_TIME: "5x20"}, 1),
    ("StationNearItsLimit", {WORKING: "4x20", SERVERS: "5x20"}, 1),
    ("StationNearItsLimit", {WORKING: "3x20", SERVERS: "5x20"}, 0),
    ("ForecastMissed", {FORECAST: "14x20", TOOK: "20x20"}, 1),
    ("ForecastMissed", {FORECAST: "16x20", TOOK: "20x20"}, 0),
    ("ReviewMissed", {}, 1),
    ("ReviewMissed", {"review_timestamp_seconds": "0x20"}, 0),
    ("NobodyReachesTheShop", {}, 1),
    ("NobodyReachesTheShop", {REQUESTS: "0+100x20", IN_TIME: "0+99x20"}, 0),
    ("OneStoreHoldsHalf", {BUSY % 7: "11x20", BUSY % 3: "1x20", WORKERS: "20x20"}, 1),
    ("OneStoreHoldsHalf", {BUSY % 7: "8x20", BUSY % 3: "9x20", WORKERS: "20x20"}, 0),
    ("OneStoreHoldsHalf", {BUSY % "other": "15x20", WORKERS: "20x20"}, 0),
    ("NeighboursWait", waits("page", "0+50x20"), 1),
    ("NeighboursWait", waits("page", "0+100x20"), 0),
    ("NeighboursWait", waits("import", "0+50x20"), 0),
    (
        "ImportStandsStill",
        {BATCHES % "waiting": "5x20", BATCHES % "done_total": "7x20"},
        1,
    ),
    (
        "ImportStandsStill",
        {BATCHES % "waiting": "5x20", BATCHES % "done_total": "7+1x20"},
        0,
    ),
    ("StoreInTwoPlaces", {TAKES % 3: "1x20", TAKES % 4: "1x20"}, 1),
    ("StoreInTwoPlaces", {TAKES % 3: "0x20", TAKES % 4: "1x20"}, 0),
    ("FenceTooLong", {TAKES % 3: "0x20", TAKES % 4: "0x20"}, 1),
    ("FenceTooLong", {TAKES % 3: "0x20", TAKES % 4: "1x20"}, 0),
    ("RetryStorm", {ASKED: "0+48x20", TRIED: "0+48x12 624+144x7"}, 1),
    ("RetryStorm", {ASKED: "0+48x20", TRIED: "0+52x20"}, 0),
    ("RetryStorm", {ASKED: "0+48x20", TRIED: "0+48x7 480+144x2 768+48x9"}, 0),  # over
    ("BusyForNobody", {TOLD: "48x20", MADE % 200: "0+80x20"}, 1),
    ("BusyForNobody", {MADE % 200: "0+80x20"}, 1),  # nobody was ever answered
    (
        "BusyForNobody",
        {TOLD: "0+48x20", MADE % 200: "0+40x20", MADE % 201: "0+8x20"},
        0,
    ),
    ("BusyForNobody", {TOLD: "0+2x20", MADE % 200: "0+2x20", MADE % 503: "0+90x20"}, 0),
    ("AutoscalerAtItsEnd", {WANTED: "10x20", MOST: "10x20"}, 1),
    ("AutoscalerAtItsEnd", {WANTED: "9x20", MOST: "10x20"}, 0),
    ("CalendarNotHeard", {LEAST: "1x20", FORETOLD: "1x5 4x15"}, 1),
    ("CalendarNotHeard", {LEAST: "1x20"}, 1),  # nobody tells
    ("CalendarNotHeard", {LEAST: "1x7 4x13", FORETOLD: "1x5 4x15"}, 0),
    ("TwoPrimaries", {ROLE % "a": "0x20", ROLE % "b": "0x20"}, 1),
    ("TwoPrimaries", {ROLE % "a": "0x20", ROLE % "b": "1x20"}, 0),
    ("CheckoutWaitsForReplicas", {WAITS: "0x10 3x10"}, 1),
    ("CheckoutWaitsForReplicas", {WAITS: "0x10 3 0x10"}, 0),
    (
        "RegionHasABacklog",
        {SLOT % "current_wal_lsn": "9e6x20", SLOT % "confirmed_flush_lsn": "7e6x20"},
        1,
    ),
    (
        "RegionHasABacklog",
        {SLOT % "current_wal_lsn": "9e6x20", SLOT % "confirmed_flush_lsn": "8.5e6x20"},
        0,
    ),
    ("RegionAway", {SLOT % "is_active": "0x20"}, 1),
    ("RegionAway", {SLOT % "is_active": "1x20"}, 0),
    ("ArchiveStandsStill", {ARCHIVE % "failed_count": "0x5 1+1x15"}, 1),
    ("ArchiveStandsStill", {ARCHIVE % "last_archive_age": "0+60x20"}, 1),
    ("SeveralPodsRestarted", {RESTARTS % n: "0x12 1x7" for n in "abc"}, 1),
    ("SeveralPodsRestarted", {RESTARTS % "a": "0x12 1x7", RESTARTS % "b": "9x20"}, 0),
    ("ReleaseStandsStill", {PROGRESS % "false": "0x12 1x7"}, 1),
    ("ReleaseStandsStill", {PROGRESS % "false": "0x20", PROGRESS % "true": "1x20"}, 0),
    ("NoPodIsAvailable", {AVAILABLE: "3x12 0x7"}, 1),
    ("NoPodIsAvailable", {AVAILABLE: "3x12 1x7"}, 0),
    ("DeploymentsVanished", vanished("eu", "us", "asia"), 1),
    ("DeploymentsVanished", vanished("eu"), 1),
    ("DeploymentsVanished", vanished(), 0),
    ("DeploymentsVanished", {CREATED % ("eu", n): "7x20" for n in "abcde"}, 0),
    (
        "DeploymentsVanished",
        {CREATED % ("eu", n): "7x20" for n in "abcd"} | {CREATED % ("eu", "e"): "7x9"},
        0,
    ),
    ("ApplicationUnwell", {APPLICATION % ("eu", "Degraded"): "1x20"}, 1),
    ("ApplicationUnwell", {APPLICATION % ("eu", "Degraded"): "_x12 1x7"}, 0),
    ("ApplicationUnwell", {APPLICATION % ("eu", "Progressing"): "1x20"}, 0),
    ("ApplicationUnwell", in_turn(UNWELL, "OutOfSync", "Synced"), 1),
    ("SyncFails", {SYNCS % "Failed": "0x9 1x10"}, 1),
    ("SyncFails", {SYNCS % "Failed": "7x20", SYNCS % "Succeeded": "0+1x20"}, 0),
    ("ArgoCDIsSilent", {}, 1),
    ("ArgoCDIsSilent", {APPLICATION % ("eu", "Healthy"): "1x20"}, 0),
    (
        "KilledForItsMemory",
        {ENDED % ', reason="OOMKilled"': "_x12 1x7", RESTARTED: "0x12 1x7"},
        1,
    ),
    (  # killed long ago, and well since
        "KilledForItsMemory",
        {ENDED % ', reason="OOMKilled"': "1x20", RESTARTED: "1x20"},
        0,
    ),
    (  # another end
        "KilledForItsMemory",
        {ENDED % ', reason="Error"': "1x20", RESTARTED: "0x12 1x7"},
        0,
    ),
    (
        "StoppedByItsLimit",
        {PERIODS % "": "0+300x20", PERIODS % "throttled_": "0+150x20"},
        1,
    ),
    (
        "StoppedByItsLimit",
        {PERIODS % "": "0+300x20", PERIODS % "throttled_": "0+15x20"},
        0,
    ),
    # the first minutes of a pod are no reason to wake anybody
    (
        "StoppedByItsLimit",
        {PERIODS % "": "0+300x20", PERIODS % "throttled_": "0x9 0+150x11"},
        0,
    ),
    (
        "ArchiveStandsStill",
        {ARCHIVE % "failed_count": "7x20", ARCHIVE % "last_archive_age": "60x20"},
        0,
    ),
    ("OrdersRefused", {UNDER_MINIMUM: "0x5 2x15"}, 1),
    ("OrdersRefused", {UNDER_MINIMUM: "0x20"}, 0),
    ("OneBrokerFromRefusing", {IN_SYNC % 0: "3x20", IN_SYNC % 1: "2x20"}, 1),
    ("OneBrokerFromRefusing", {IN_SYNC % 0: "3x20", IN_SYNC % 1: "3x20"}, 0),
    ("PackersBehind", {PACKERS % 0: "600x20", PACKERS % 1: "600x20"}, 1),
    ("PackersBehind", {PACKERS % 0: "400x20", PACKERS % 1: "400x20"}, 0),
    ("DeadLettersGrow", {DEAD: "0x12 1x7"}, 1),
    ("DeadLettersGrow", {DEAD: "7x20"}, 0),
    ("KilledInItsBox", {'container_oom_events_total{name="postgres"}': "0x12 1x7"}, 1),
    ("KilledInItsBox", {'container_oom_events_total{name="postgres"}': "1x20"}, 0),
    ("PagesKeptTooLong", pages_kept(keys=10, ends=9, seconds=60), 1),
    ("PagesKeptTooLong", pages_kept(keys=10, ends=10, seconds=61), 1),
    ("PagesKeptTooLong", pages_kept(keys=10, ends=10, seconds=60), 0),
    ("SomebodysPageFromACopy", at_the_edge(own="_x12 1x7"), 1),  # the first ever
    ("SomebodysPageFromACopy", at_the_edge(own="3x12 4x7"), 1),
    ("SomebodysPageFromACopy", at_the_edge(own="4x20"), 0),
    ("SomebodysPageFromACopy", {EDGE % ("a", "own", "MISS"): "0+1x20"}, 0),
    ("CrowdAtTheOrigin", at_the_edge(hit="0+60x20", miss="0+40x20"), 1),
    ("CrowdAtTheOrigin", at_the_edge(hit="0+80x20", miss="0+20x20"), 0),
    ("EdgeBehindInPurges", purged(9, 7), 1),
    ("EdgeBehindInPurges", purged(9, 9), 0),
    ("PagesSlowFarAway", complete(soon="0+40x20"), 1),
    ("PagesSlowFarAway", complete(soon="0+90x20"), 0),
    ("ConnectionsNearlyGone", connections(active=50, idle=30), 1),
    ("ConnectionsNearlyGone", connections(active=40, idle=30), 0),
    ("CachedPricesDiffer", {"cached_prices_differing_total": "0+1x20"}, 1),
    ("CachedPricesDiffer", {"cached_prices_differing_total": "7x20"}, 0),
    ("NobodyInvalidates", {}, 1),
    ("NobodyInvalidates", {INVALIDATOR: "0x20"}, 1),
    ("NobodyInvalidates", {INVALIDATOR: "1x20"}, 0),
    ("LockQueue", {LOCKED: "6x20"}, 1),
    ("LockQueue", {LOCKED: "5x20"}, 0),
    ("TransactionLeftOpen", {OPEN % "idle in transaction": "301x20"}, 1),
    ("TransactionLeftOpen", {OPEN % "idle in transaction (aborted)": "301x20"}, 1),
    ("TransactionLeftOpen", {OPEN % "active": "900x20"}, 0),
    ("OutboxStandsStill", {"outbox_oldest_unsent_seconds": "61x20"}, 1),
    ("OutboxStandsStill", {"outbox_oldest_unsent_seconds": "60x20"}, 0),
    ("ParcelsDoubled", {"parcels_doubled": "1x20"}, 1),
    ("ParcelsDoubled", {"parcels_doubled": "0x20"}, 0),
    ("HorizonStandsStill", {"oldest_writer_seconds": "61x20"}, 1),
    ("HorizonStandsStill", {"oldest_writer_seconds": "60x20"}, 0),
    ("SlotHoldsWal", {SLOT_LEFT: "9e8x20", SLOT % "is_active": "1x20"}, 1),
    ("SlotHoldsWal", {SLOT_LEFT: "2e9x20", SLOT % "is_active": "0x20"}, 1),
    ("SlotHoldsWal", {SLOT_LEFT: "2e9x20", SLOT % "is_active": "1x20"}, 0),
    ("ReplicaFarBehind", {BEHIND % 1: "65e6x20", BEHIND % 2: "0x20"}, 1),
    ("ReplicaFarBehind", {BEHIND % 1: "63e6x20", BEHIND % 2: "0x20"}, 0),
    ("ReplicaMissing", {}, 1),
    ("ReplicaMissing", {BEHIND % 1: "0x20"}, 1),
    ("ReplicaMissing", {BEHIND % 1: "0x20", BEHIND % 2: "0x20"}, 0),
    ("RowsWrittenInBothRegions", {"region_conflicts_total": "0x12 1x7"}, 1),
    ("RowsWrittenInBothRegions", {"region_conflicts_total": "1x20"}, 0),
    ("SellerMissesHerOwn", {"seller_looks_without_own_save_total": "0x12 1x7"}, 1),
    ("SellerMissesHerOwn", {"seller_looks_without_own_save_total": "3x20"}, 0),
    ("IndexDriftsAway", {"search_feed_oldest_seconds": "61x20"}, 1),
    ("IndexDriftsAway", {"search_drift_products": "1x20"}, 1),
    (
        "IndexDriftsAway",
        {"search_feed_oldest_seconds": "60x20", "search_drift_products": "0x20"},
        0,
    ),
    ("ShopLooksEmpty", searched(nothing="0+30x20"), 1),
    ("ShopLooksEmpty", searched(nothing="0+10x20"), 0),
    ("ShadowDiffers", compared(differs="_x12 1x7"), 1),  # the first ever
    ("ShadowDiffers", compared(differs="3x12 4x7"), 1),
    ("ShadowDiffers", compared(differs="4x20"), 0),
    ("MovedTableDiffers", {'table_move_rows_differing{move="shelf"}': "1x20"}, 1),
    ("MovedTableDiffers", {'table_move_rows_differing{move="shelf"}': "0x20"}, 0),
    ("OldTableStillUsed", {OLD_TABLE: "0x12 1x7"}, 1),
    ("OldTableStillUsed", {OLD_TABLE: "5x20"}, 0),
    ("NoWayBack", {'shop_move_rows_behind{store="7"}': "1001x20"}, 1),
    ("NoWayBack", {'shop_move_rows_behind{store="7"}': "999x20"}, 0),
    ("CartsLost", {EVICTED: "0x12 1x7", UP: "9999x20"}, 1),
    ("CartsLost", {EVICTED: "7x20", UP: "60x20"}, 1),
    ("CartsLost", {EVICTED: "7x20", UP: "9999x20"}, 0),
    ("CustomersTurnedAway", turned_away("0+2x20"), 1),
    ("CustomersTurnedAway", turned_away("0+0.5x20"), 0),
    ("CacheServerBusy", {GETS: "0+2500000x20"}, 1),
    ("CacheServerBusy", {GETS: "0+2300000x20"}, 0),
]

# the same, after a hundred minutes
RINGS_LATER = [
    ("ChangedByHand", synced(eu="5x120", us="5x69 6x50"), 1),
    ("ChangedByHand", synced(eu="5x69 6x50", us="5x69 6x50"), 0),
    ("ChangedByHand", synced(eu="5x86 6x33", us="5x96 6x23"), 0),  # in waves
    ("ChangedByHand", synced(us="_x70 1x50"), 1),  # the first since a restart
    ("ChangedByHand", synced(eu="5x120", us="5x49 _x20 1x49"), 1),  # the same, sooner
    ("ChangedByHand", synced("_x60 1x60", eu="_x60 5x60", us="_x60 9x60"), 0),  # new
    ("SyncFails", {SYNCS % "Failed": "_x92 1x20", ALL_THERE % "eu": "1x120"}, 1),
    ("SyncFails", {SYNCS % "Failed": "_x70 1x50", ALL_THERE % "eu": "1x120"}, 0),
    ("Stampede", {PAGE_CALLS: "0+10x90 1100+200x28"}, 1),
    ("Stampede", {PAGE_CALLS: "0+10x120"}, 0),
    ("PagesAskTooOften", trips(statements="0+50x120"), 1),
    ("PagesAskTooOften", trips(statements="0+30x120"), 0),
    ("OrdersAreScanned", {SCANNED: "0+700000x120"}, 1),
    ("OrdersAreScanned", {SCANNED: "0+500000x120"}, 0),
    ("SearchesFindNothing", {FOUND % 0: "0+6x120", FOUND % "some": "0+94x120"}, 1),
    ("SearchesFindNothing", {FOUND % 0: "0+4x120", FOUND % "some": "0+96x120"}, 0),
    ("TooManyShards", {"elasticsearch_cluster_health_active_shards": "501x120"}, 1),
    ("TooManyShards", {"elasticsearch_cluster_health_active_shards": "500x120"}, 0),
    ("ShadowComparesTooLittle", compared(same="0+3x120"), 1),
    ("ShadowComparesTooLittle", compared(same="0+4x120"), 0),
    ("BudgetBurnsOn", {REQUESTS: "0+100x120", IN_TIME: "0+93x120"}, 1),
    ("BudgetBurnsOn", {REQUESTS: "0+100x120", IN_TIME: "0+95x120"}, 0),
    ("BudgetBurnsSlowly", {REQUESTS: "0+100x120", IN_TIME: "0+98.5x120"}, 1),
    ("BudgetBurnsSlowly", {REQUESTS: "0+100x120", IN_TIME: "0+99.2x120"}, 0),
]

# the same with a value an hour, after 32 days
RINGS_MUCH_LATER = [
    ("OrdersGetDearer", bill("100x720 200x80"), 1),
    ("OrdersGetDearer", bill("100x720 140x80"), 0),
    ("OrdersGetDearer", bill("100x760 200x40"), 0),  # for some hours so far
]
WHEN = [(*ring, "1m", "15m") for ring in RINGS]
WHEN += [(*ring, "1m", "100m") for ring in RINGS_LATER]
WHEN += [(*ring, "1h", "768h") for ring in RINGS_MUCH_LATER]


def test_every_alert_of_the_book_is_tried_ringing_and_silent() -> None:
    tried = {(name, bool(times)) for name, _, times, *_ in WHEN}
    groups = [group for block in RULES for group in yaml.safe_load(block)["groups"]]
    names = {rule["alert"] for g in groups for rule in g["rules"] if "alert" in rule}
    assert {(name, rings) for name in names for rings in (True, False)} == tried


@pytest.mark.parametrize(("name", "series", "times", "every", "after"), WHEN)
def test_an_alert_rings_when_it_should(
    promtool, tmp_path, name, series, times, every, after
):
    rules = next(block for block in RULES if f"alert: {name}\n" in block)
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    firing = f'ALERTS{{alertname="{name}", alertstate="firing"}}'
    asked = {
        "expr": f"count({firing}) or vector(0)",
        "eval_time": after,
        "exp_samples": [{"value": times, "labels": "{}"}],
    }
    given = [{"series": name, "values": values} for name, values in series.items()]
    suite = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": every,
        "tests": [
            {"interval": every, "input_series": given, "promql_expr_test": [asked]}
        ],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    command = [promtool, "test", "rules", str(tmp_path / "tests.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
