"""Promises of the search engine."""

import pytest
from promises import *  # noqa: F403

from labkit import Search
from labkit.history import outcome_of
from labkit.runtimes import RuntimeUnavailable, Session
from labkit.runtimes.processes import ProcessRuntime
from labkit.servers import search
from labkit.servers.search import engines
from labkit.servers.search.conf import node_settings

NAME = {"name": {"type": "text", "analyzer": "english"}}
SHOES = {"query": {"match": {"name": "shoe"}}}


@pytest.fixture(scope="module")
def server(lab):
    return lab.start(Search())


@pytest.fixture
def shelf(server):
    server.create_index("shelf", NAME)
    yield server.client
    server.drop_index("shelf")


def found(client, body=SHOES):
    return client.search(index="shelf", body=body)["hits"]["total"]["value"]


def test_a_product_is_found_by_another_form_of_its_word(shelf):
    shoes = {"name": "Running shoes"}
    shelf.index(index="shelf", id="1", body=shoes, refresh="true")
    assert found(shelf) == 1


def test_a_write_that_waits_for_the_refresh_is_found_when_it_returns(shelf):
    shoes = {"name": "shoes"}
    shelf.index(index="shelf", id="1", body=shoes, refresh="wait_for")
    assert found(shelf) == 1


def test_a_restart_keeps_the_documents_and_makes_them_searchable(server, shelf):
    shelf.index(index="shelf", id="1", body={"name": "shoes"})
    server.node.restart()
    assert found(server.client) == 1


def test_a_field_that_the_mapping_does_not_have_is_refused(shelf):
    with pytest.raises(Exception, match="strict_dynamic_mapping_exception"):
        shelf.index(index="shelf", id="1", body={"colour": "red"})


def test_a_mistyped_index_is_refused_and_not_made(shelf):
    with pytest.raises(Exception, match="index_not_found_exception"):
        shelf.index(index="shlef", id="1", body={"name": "shoes"})


def test_a_refusal_settles_an_operation_and_a_broken_connection_does_not(server, shelf):
    old = {"index": "shelf", "id": "1", "version_type": "external"}
    shelf.index(**old, version=2, body={"name": "shoes"})
    with pytest.raises(Exception, match="version_conflict") as stale:
        shelf.index(**old, version=1, body={"name": "shoes"})
    assert outcome_of("write", stale.value) == "fail"
    impatient = server.connect(timeout=0.2)
    server.node.pause()
    with pytest.raises(server.errors) as late:
        impatient.index(index="shelf", id="2", body={"name": "shoes"})
    server.node.resume()
    assert outcome_of("write", late.value) == "unknown"


def test_a_node_that_dies_at_its_start_shows_its_log_and_leaves_nothing(dies):
    dies(
        Search(settings={"no.such": "1"}),
        r"search died before it could \w+: ended with exit status",
    )


def test_the_reason_of_a_death_is_told_apart_from_where_in_java_it_was():
    log = """uncaught exception in thread [main]
org.opensearch.bootstrap.StartupException: java.lang.Odd
	at org.opensearch.bootstrap.OpenSearch.init(OpenSearch.java:172)
Caused by: java.lang.IllegalArgumentException: unknown setting [no.such]
	at org.opensearch.node.Node.<init>(Node.java:694)"""
    [said] = search.explained(log).splitlines()[1:]
    assert said.endswith("unknown setting [no.such]")


def test_a_full_disk_closes_no_index(server):
    settings = server.client.cluster.get_settings(include_defaults="true")
    everything = {**settings["defaults"], **settings["persistent"]}
    disk = everything["cluster"]["routing"]["allocation"]["disk"]
    assert disk["threshold_enabled"] == "false"


@pytest.mark.parametrize(
    ("log", "todo"),
    [
        ("max virtual memory areas vm.max_map_count [65530] is too low", "sysctl -w"),
        ("Could not reserve enough space for 262144KB object heap", "close other"),
        ("write failed: No space left on device", "LABS_DATA"),
    ],
)
def test_surroundings_in_which_no_node_lives_are_told_with_what_to_do(log, todo):
    assert todo in search.explained(f"[INFO ] version\n{log}\n    at Java's line")


# --- Elasticsearch: as far as it goes without its image ---


@pytest.fixture
def elastic(monkeypatch):
    monkeypatch.setenv(engines.CHOICE, "elasticsearch")
    return Search()


def test_a_choice_that_is_no_engine_says_which_there_are(monkeypatch):
    monkeypatch.setenv(engines.CHOICE, "solr")
    with pytest.raises(RuntimeUnavailable, match="Use opensearch or elasticsearch"):
        Search()


def test_elasticsearch_as_a_process_says_how_to_have_it(elastic):
    session = Session()
    with pytest.raises(RuntimeUnavailable, match="containers only"):
        elastic.attach(ProcessRuntime(session))
    session.close()


class Recorded:
    """A runtime whose one machine nobody starts."""

    def machine(self, package, name, **options):
        container = pytest.importorskip("labkit.servers.search.container")
        self.made = container.Container.__new__(container.Container)
        self.made.name, self.made.password = name, "secret"
        self.made.engine, self.made.settings = options["engine"], options["settings"]
        self.made.image = container.IMAGES[options["engine"]]
        return self.made


def test_elasticsearchs_container_has_the_same_settings_and_a_password(elastic):
    runtime = Recorded()
    elastic.attach(runtime)
    told = runtime.made.environment()
    assert told.items() >= node_settings({}).items()
    assert told["ELASTIC_PASSWORD"] == "secret"
    assert "DISABLE_SECURITY_PLUGIN" not in told
    assert runtime.made.image.startswith("elasticsearch:9")
    assert elastic.product == "Elasticsearch"


ONE = {"index": "shelf", "id": "1"}
SETTINGS = {"index": {"refresh_interval": "1s"}}
CALLS = {
    "index": (
        lambda c: c.index(**ONE, body={"name": "shoes"}, refresh="wait_for"),
        ("PUT", "/shelf/_doc/1?refresh=wait_for", {"name": "shoes"}),
    ),
    "an external version": (
        lambda c: c.index(**ONE, body={}, version=2, version_type="external"),
        ("PUT", "/shelf/_doc/1?version=2&version_type=external", {}),
    ),
    "update": (
        lambda c: c.update(**ONE, body={"doc": {}}, refresh="false"),
        ("POST", "/shelf/_update/1?refresh=false", {"doc": {}}),
    ),
    "exists": (lambda c: c.exists(**ONE), ("HEAD", "/shelf/_doc/1", None)),
    "search": (
        lambda c: c.search(index="shelf", body=SHOES),
        ("POST", "/shelf/_search", SHOES),
    ),
    "bulk": (
        lambda c: c.bulk(body=[{"delete": ONE}], refresh="true"),
        ("PUT", "/_bulk?refresh=true", [{"delete": ONE}]),
    ),
    "create": (
        lambda c: c.indices.create(index="shelf", body={"mappings": {}}),
        ("PUT", "/shelf", {"mappings": {}}),
    ),
    "put settings": (
        lambda c: c.indices.put_settings(index="shelf", body=SETTINGS),
        ("PUT", "/shelf/_settings", SETTINGS),
    ),
    "get settings": (
        lambda c: c.indices.get_settings(index="shelf", flat_settings=True),
        ("GET", "/shelf/_settings?flat_settings=true", None),
    ),
    "stats": (
        lambda c: c.indices.stats(index="shelf", metric="refresh"),
        ("GET", "/shelf/_stats/refresh", None),
    ),
    "refresh": (
        lambda c: c.indices.refresh(index="shelf"),
        ("POST", "/shelf/_refresh", None),
    ),
    "delete": (
        lambda c: c.indices.delete(index="shelf", ignore_unavailable=True),
        ("DELETE", "/shelf?ignore_unavailable=true", None),
    ),
    "aliases": (
        lambda c: c.indices.update_aliases(body={"actions": []}),
        ("POST", "/_aliases", {"actions": []}),
    ),
    "health": (lambda c: c.cluster.health(), ("GET", "/_cluster/health", None)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_the_labs_is_sent_by_elasticsearchs_client_as_meant(
    name, monkeypatch
):
    import elastic_transport

    sent = []

    def perform(self, method, target, **more):
        sent.append((method, target, more.get("body")))
        raise elastic_transport.ConnectionError("nobody there")

    monkeypatch.setattr(elastic_transport.Transport, "perform_request", perform)
    client = engines.connect("elasticsearch", ("127.0.0.1", 1), "secret", 1)
    call, wanted = CALLS[name]
    with pytest.raises(engines.errors("elasticsearch")):
        call(client)
    assert sent == [wanted]
