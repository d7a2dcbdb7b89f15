"""The shop in pods, and the database that they ask in one more.

    shops = shop.pods.Pods(lab.start(Kubernetes(images=shop.pods.IMAGES)))
    shops.deploy(3, livenessProbe=probe("/process"), page="from memory")

Everything is in one namespace of the lab's own, and is asked through the API server.
"""

from __future__ import annotations

import base64
import contextlib
import io
import re
import secrets
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distribution, requires
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ... import faults
from ...history import History
from ...proof import Run
from ...servers.http import Refused
from ...wait import wait_until
from ..crowd import Crowd, at_once
from ..records import figure

if TYPE_CHECKING:
    from ...servers.kubernetes import Kubernetes, Pod

PYTHON, POSTGRES = "python:3.13-slim", "postgres:18"
IMAGES = (PYTHON, POSTGRES)
SHOP = "shop"  # the Service
PATIENCE_S = 15.0  # that a customer waits for a page
EACH_S = 1  # a probe's period: a kubelet has no shorter one
ASKED = 3  # times that a probe asks before anything is concluded
KINDS = "liveness", "readiness"
TABLES = """
create table products (id int primary key, stock int not null);
insert into products select n, 10 from generate_series(1, 100) n;
create table settings (load_s float not null);
insert into settings values (0);
"""
PROGRAM = Path(__file__).with_name("program.py")
SHARED = Path(__file__).with_name("serve.py")  # by all programs in pods

Manifest = dict[str, Any]


class NoAnswer(Exception):
    """Whoever asked got none, or an error of what stands between."""


def probe(path: str, **more: int) -> Manifest:
    """A probe as a Deployment has it, that asks every second. more: its other fields,
    by the names that Kubernetes gives them."""
    return {
        "httpGet": {"path": path, "port": 8080},
        "periodSeconds": EACH_S,
        "timeoutSeconds": 5,
        "failureThreshold": 1,
        **more,
    }


class Pods:
    """cluster: started. app: the name of the Deployment that is there."""

    def __init__(self, cluster: Kubernetes) -> None:
        self.space = cluster.namespace()
        self.app = ""
        self.hung: set[str] = set()  # names of pods that a fault made hang
        self._number = 0
        self._told: Any = None  # what the Deployment was made of
        self._left = 10  # of the first product
        self._due: faults.Body | None = None  # what goes wrong today
        self._meter: faults.Meter = lambda: 0
        self._password = secrets.token_urlsafe(18)
        self.space.apply(
            {
                **named("v1", "Secret", "database"),
                "stringData": {"password": self._password},
            },
            service("database", "database", {"port": 5432}),
            database(),
            {
                **files(PROGRAM),
                "binaryData": {
                    "packages.zip": base64.b64encode(packages("pg8000")).decode()
                },
            },
        )
        self.space.until_ready("database", 1, within=120)
        found = self.space.core.read_namespaced_service("database", self.space.name)
        self.address = (
            f"postgresql://postgres:{self._password}@{found.spec.cluster_ip}:5432/shop"
        )
        self.space.apply(
            {
                **named("v1", "Secret", SHOP),
                "stringData": {"address": self.address},
            }
        )
        self.sql(TABLES)

    def sql(self, statements: str) -> str:
        """Run by psql in the database's pod; what it prints. Raises ValueError with
        its words for an error."""
        said = self.space.run(
            "database", *PSQL, "-v", "ON_ERROR_STOP=1", "-c", statements
        )
        if "ERROR:" in said or "psql: error" in said:
            raise ValueError(said.strip())
        return said.strip()

    def deploy(
        self, pods: int, page: str, wait: bool = True, **container: Manifest
    ) -> str:
        """A Deployment behind the Service, and nothing left of the one before. One that
        was made of the same, and whose pods are as they were made, stays.

        container: more of its container's fields (`livenessProbe=...`). Returns its
        name. wait: until all its pods are ready.
        """
        told = pods, page, container
        if told != self._told or not self._as_made(pods):
            self._told = told
            if self.app:
                self.space.drop(self.app)
            self.app = self.add(pods, page, **container)
            self.space.apply(service(SHOP, self.app, {"port": 80, "targetPort": 8080}))
            self.hung.clear()
        if wait:
            self.space.until_ready(self.app, pods, SHOP, within=120)
        return self.app

    def _as_made(self, pods: int) -> bool:
        """Whether so many pods are there, ready, and none of them has started anew."""
        found = self.space.pods(self.app)
        well = [pod for pod in found if pod.ready and not pod.restarts]
        return len(found) == len(well) == pods and not self.hung

    def restock(self) -> None:
        """One more of the first product comes in: what pages showed before is old."""
        more = "update products set stock = stock + 1 where id = 1 returning stock"
        self._left = int(self.sql(more))

    def database_answers(self) -> bool:
        """Whether a page that asks for products would be answered."""
        try:
            self.sql("set lock_timeout = '100ms'; select 1 from products limit 1")
        except ValueError as error:
            if "lock timeout" not in str(error):
                raise
            return False
        return True

    def add(self, pods: int, page: str, **container: Manifest) -> str:
        """A Deployment beside what is there, behind no Service; returns its name."""
        self._number += 1
        app = f"{SHOP}-{self._number}"
        self.space.apply(deployment(app, pods, page, container))
        return app

    def asked(self, pod: Pod) -> Mapping[str, int]:
        """What a pod's process was asked so far; nothing while it does not answer."""
        try:
            answer = self.space.ask(f"{pod.name}:8081", sort="pods", timeout=2)
        except OSError:
            return {}
        return answer.json() if answer.status == 200 else {}

    def until_decided(self, within: float = 90) -> None:
        """Wait until nothing more can come of how things stand now.

        That is so for a pod when it was restarted, or when its process was asked
        ASKED times by each of its probes and looked twice at what is left, all since
        this call; and for the Service, when it leads to the pods that are ready.
        """
        before = {pod.name: (pod, self.asked(pod)) for pod in self.there()}
        kinds = {kind for kind in KINDS if self._probed(f"{kind}Probe")}

        def decided() -> bool:
            found = self.there()
            return len(found) == len(before) and all(
                self._decided(pod, *before.get(pod.name, (pod, {})), kinds)
                for pod in found
            )

        self.space.until(decided, self.app, "come to an end", within)
        wait_until(self.routed, 30, "the Service leads to other pods than are ready")

    def _decided(
        self, pod: Pod, then: Pod, had: Mapping[str, int], kinds: set[str]
    ) -> bool:
        if pod.restarts > then.restarts or (pod.restarts and pod.name in self.hung):
            # a new process is either ready, or in nobody's way
            return not pod.ready or bool(self.asked(pod))
        now = self.asked(pod)
        more = {name: count - had.get(name, 0) for name, count in now.items()}
        live = "liveness" in kinds
        if live and more.get("liveness", 0) < ASKED:
            return False
        if "readiness" in kinds and more.get("readiness", 0) < ASKED - live:
            return False
        in_vain = more.get("readiness", 0) - more.get("readiness ok", 0) > 1
        looked = more.get("looks", 0) > 1 or pod.name in self.hung
        return looked and pod.ready != in_vain

    def _probed(self, kind: str) -> bool:
        told = self.space.apps.read_namespaced_deployment(self.app, self.space.name)
        (container,) = told.to_dict()["spec"]["template"]["spec"]["containers"]
        return bool(container[re.sub(r"([A-Z])", r"_\1", kind).lower()])

    def there(self) -> list[Pod]:
        """The pods that are not on their way out."""
        return [pod for pod in self.space.pods(self.app) if not pod.leaving]

    def routed(self) -> bool:
        """Whether the Service leads to the pods that are ready."""
        ready = {pod.name for pod in self.there() if pod.ready}
        return self.space.leads_to(SHOP, ready)

    def rush(self, run: Run, customers: int) -> None:
        """So many customers open a page, all in the same moment; each is recorded, with
        "whole", "old stock" or "without stock", and whether the database answers."""
        answers = self.database_answers()

        def visit(number: int) -> None:
            called = run.call(f"customer {number}", "read", "page", database=answers)
            try:
                with called as op:
                    told = self.space.ask(f"{SHOP}:80", "page", timeout=PATIENCE_S)
                    op.value = self._shown(told.ok().json()["left"])
            except (OSError, Refused):
                pass  # recorded

        at_once(range(1, customers + 1), visit)

    def _shown(self, left: Mapping[str, int] | None) -> str:
        if left is None:
            return "without stock"
        return "whole" if left["1"] == self._left else "old stock"

    def audit(self, run: Run) -> None:
        """What became of each pod: "as it was", "restarted", or of one that hung,
        "hangs" or "restarted, since it hung"."""
        for number, pod in enumerate(self.there(), start=1):
            hung = pod.name in self.hung
            said = {
                (False, False): "as it was",
                (False, True): "restarted",
                (True, False): "hangs",
                (True, True): "restarted, since it hung",
            }[hung, pod.restarts > 0]
            figure(run, f"pod {number}", "in the end", said)

    def take_away(self, apps: Iterable[str]) -> None:
        """Have Deployments that were added end."""
        for app in apps:
            self.space.drop(app)

    @contextlib.contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """The catalogue takes so long to load."""
        self.sql(f"update settings set load_s = {seconds}")
        try:
            yield
        finally:
            self.sql("update settings set load_s = 0")

    def outcome(self, app: str) -> dict[str, int]:
        """What comes of one pod's start: "ready" or "killed" is 1, the other 0."""

        def over() -> Pod | None:
            found = self.space.pods(app)
            return next((pod for pod in found if pod.ready or pod.restarts), None)

        pod = self.space.until(over, app, "get ready, and was not killed")
        assert pod is not None
        return {"killed": int(pod.restarts > 0), "ready": int(pod.ready)}

    def said(self, word: str) -> list[tuple[str, str]]:
        """Reason and first words of the cluster's events that have a word in them."""
        found = {
            (event.reason, event.message.partition(": ")[0])
            for event in self.space.events()
            if word in event.message
        }
        return sorted(found)

    # --- what goes wrong ---

    def strike(self) -> None:
        """What goes wrong today does so now; on a good day nothing."""
        if self._due is not None:
            self._meter = next(self._due)

    @contextlib.contextmanager
    def _armed(self, body: faults.Body) -> Iterator[faults.Meter]:
        """Until the block ends, `strike` does what the body does before its yield."""
        self._due, self._meter = body, lambda: 0
        try:
            yield lambda: self._meter()
        finally:
            self._due = None
            next(body, None)

    def locked(self) -> faults.Fault:
        """A migration holds the table of products. Meter: locks that it holds."""
        return self._fault("table locked", _locked(self))

    def slow_to_load(self, seconds: float) -> faults.Fault:
        """The catalogue takes so long to load, and one pod must start anew. Meter:
        the seconds."""
        return self._fault("slow to load", _slow_to_load(self, seconds))

    def one_hangs(self) -> faults.Fault:
        """The process in one pod hangs: it takes requests and answers none. Meter: 1
        when a probe has found out."""
        return self._fault("process hangs", _one_hangs(self))

    def _fault(self, name: str, body: faults.Body) -> faults.Fault:
        def there() -> faults.Body:
            with self._armed(body) as meter:
                yield meter

        return faults.Fault(name, there)


def _locked(shops: Pods) -> faults.Body:
    who = "application_name = 'migration'"
    granted = (
        "select count(*) from pg_locks join pg_stat_activity using (pid) "
        f"where {who} and relation = 'products'::regclass and granted"
    )
    lock = "begin; lock table products; select pg_sleep(3600)"
    # in the foreground: left behind, psql would be a child of PostgreSQL's, which
    # takes its end for a crash
    psql = ("env", "PGAPPNAME=migration", *PSQL, "-c", lock)
    migration = Crowd().send(shops.space.run, "database", *psql)
    wait_until(lambda: int(shops.sql(granted)), 20, "the migration got no lock")
    yield lambda: int(shops.sql(granted))
    shops.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where {who}")
    migration.result(20)


def _slow_to_load(shops: Pods, seconds: float) -> faults.Body:
    with shops.slow(seconds):
        pods = shops.there()
        shops.space.end(pods[0].name)

        def replaced() -> bool:
            names = {pod.name for pod in shops.there()}
            return len(names) == len(pods) and pods[0].name not in names

        shops.space.until(replaced, shops.app, "make a new pod")
        yield lambda: float(shops.sql("select load_s from settings"))


def _one_hangs(shops: Pods) -> faults.Body:
    first, *_ = shops.there()
    shops.hung.add(first.name)
    shops.space.ask(f"{first.name}:8081", "hang", sort="pods")

    def found_out() -> bool:
        (now,) = [pod for pod in shops.there() if pod.name == first.name]
        return not now.ready or now.restarts > 0

    shops.space.until(found_out, shops.app, "find out which one hangs")
    yield found_out


def ends(history: History) -> list[dict[str, str]]:
    """What became of each pod, as `audit` has entered it, one row each."""
    figures = history.ops("figure", key="in the end")
    return [{"pod": str(op.node), "in the end": op.value} for op in figures]


def told(history: History) -> dict[str, int]:
    """Pages that nobody got, those without stock, and pods that were restarted."""
    pages = history.ops("read", key="page")
    return {
        "no page": sum(op.outcome != "ok" for op in pages),
        "without stock": sum(op.value == "without stock" for op in pages),
        "restarted": sum(row["in the end"] == "restarted" for row in ends(history)),
    }


PSQL = ("psql", "-qAt", "-U", "postgres", "-d", "shop")


def as_yaml(*manifests: Manifest) -> str:
    """As they are committed, each after a line of its own."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(
        yaml.dump_all(manifests, None, dumper, sort_keys=False, explicit_start=True)
    )


def named(version: str, kind: str, name: str) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def service(name: str, app: str, port: Manifest) -> Manifest:
    made = named("v1", "Service", name)
    return {**made, "spec": {"selector": {"app": app}, "ports": [port]}}


def database() -> Manifest:
    """One PostgreSQL, whose data ends with it."""
    made = named("v1", "Pod", "database")
    made["metadata"]["labels"] = {"app": "database"}
    password = {"secretKeyRef": {"name": "database", "key": "password"}}
    answers = [*PSQL, "-h", "127.0.0.1", "-c", "select 1"]
    return {
        **made,
        "spec": {
            **pod_spec(),
            "containers": [
                {
                    "name": "postgres",
                    "image": POSTGRES,
                    "imagePullPolicy": "IfNotPresent",
                    "args": ["-c", "fsync=off", "-c", "scram_iterations=1"],
                    "env": [
                        {"name": "POSTGRES_PASSWORD", "valueFrom": password},
                        {"name": "POSTGRES_DB", "value": "shop"},
                        {"name": "POSTGRES_INITDB_ARGS", "value": "--no-sync"},
                    ],
                    # on the network: while it is set up, it answers on its socket alone
                    "readinessProbe": {
                        "exec": {"command": answers},
                        "periodSeconds": EACH_S,
                        "timeoutSeconds": 5,
                    },
                }
            ],
        },
    }


def files(program: Path) -> Manifest:
    """The ConfigMap of a program, which has its name, and of what it imports."""
    return {
        **named("v1", "ConfigMap", program.stem),
        "data": {file.name: file.read_text() for file in (program, SHARED)},
    }


def deployment(
    app: str, pods: int, page: str, container: Mapping[str, Manifest]
) -> Manifest:
    address = {"secretKeyRef": {"name": SHOP, "key": "address"}}
    env = {"PYTHONPATH": "/shop/packages.zip", "PAGE": page}
    made = container_of(PROGRAM, env, container)
    made["env"].append({"name": "DATABASE", "valueFrom": address})
    return {
        **named("apps/v1", "Deployment", app),
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": {"app": app}},
            "template": {
                "metadata": {"labels": {"app": app}},
                "spec": {
                    **pod_spec(),
                    "containers": [made],
                    "volumes": [volume_of(PROGRAM)],
                },
            },
        },
    }


def volume_of(program: Path) -> Manifest:
    """The volume "program", with the files of one."""
    return {"name": "program", "configMap": {"name": program.stem}}


def container_of(
    program: Path, env: Mapping[str, str], more: Mapping[str, Manifest | None]
) -> Manifest:
    """Python that runs a program from the volume "program". more: probes, and other
    fields of a container; None for one that it lacks."""
    return {
        "name": "shop",
        "image": PYTHON,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-u", f"/shop/{program.name}"],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "ports": [{"containerPort": 8080}, {"containerPort": 8081}],
        "volumeMounts": [{"name": "program", "mountPath": "/shop"}],
        **{kind: marked(kind, told) for kind, told in more.items() if told},
    }


def marked(kind: str, told: Manifest) -> Manifest:
    """A probe that says which one it is, so that a pod can count what it was asked."""
    if not kind.endswith("Probe"):
        return told
    asks = told["httpGet"]
    path = f"{asks['path']}?{kind.removesuffix('Probe')}"
    return {**told, "httpGet": {**asks, "path": path}}


def pod_spec() -> Manifest:
    return {
        "terminationGracePeriodSeconds": 1,
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
    }


def packages(name: str) -> bytes:
    """A pure Python package of this environment and what it requires, as a zip file
    that another Python imports from.

    With what is told of each one: some ask for their own version when imported.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for one in sorted(required(name)):
            made = distribution(one)
            for file in made.files or []:
                if file.suffix == ".py" or file.name == "METADATA":
                    zipped.writestr(str(file), file.read_binary())
    return out.getvalue()


def required(name: str) -> set[str]:
    found = {name}
    for line in requires(name) or []:
        if "extra ==" not in line:
            found |= required(re.split(r"[^\w.-]", line)[0])
    return found
