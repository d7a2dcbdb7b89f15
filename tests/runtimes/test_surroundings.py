"""Bad surroundings end in one clear error that says what to do, and leave nothing."""

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labkit import RuntimeUnavailable, prepare, wait_until
from labkit.runtimes import cache, progress
from labkit.runtimes.session import Session, data_root
from labkit.runtimes.users import works
from labkit.servers.postgres.process import binaries, copy

ROOT = Path(__file__).parents[2]
LABS = ROOT / "labs"
START = (
    "from labkit import App, Kafka, Lab, Nginx, Postgres, Redis, shop\n"
    "lab = Lab('surroundings')\n"
)
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")


def run(code, *prefix, cwd=LABS, **env):
    """Run code as a kernel would; its exit status and the last line it wrote."""
    return subprocess.run(
        [*prefix, sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "LABS_RUNTIME": "processes", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def error(done):
    """The text of the one error that ended it."""
    assert done.returncode == 1, done.stdout + done.stderr
    # one error, not a chain of three that a reader would have to unravel from below
    return done.stderr.rpartition("\nlabkit.")[2] or done.stderr


def left_in(folder):
    return [p.name for p in Path(folder).iterdir() if p.name.startswith("labs-")]


@pytest.fixture
def tmp_path(tmp_path_factory):
    """A folder whose path leaves room for a socket's name, unlike pytest's own."""
    return tmp_path_factory.mktemp("d")


def test_no_umask_keeps_the_owner_out_of_a_labs_folders():
    before = os.umask(0o777)
    try:
        session = Session()
        made = [session.directory, session.folder("one")]
        seen = [path.stat().st_mode & 0o777 for path in made]
        session.close()
    finally:
        os.umask(before)
    assert seen == [0o700, 0o700]


def test_an_unknown_runtime_is_named_with_the_known_ones(tmp_path):
    said = error(run(START, LABS_RUNTIME="podman", LABS_DATA=str(tmp_path)))
    assert "'podman'" in said and "containers or processes" in said
    assert not left_in(tmp_path)


def test_containers_without_an_engine_say_how_to_go_on(tmp_path):
    env = {"LABS_RUNTIME": "containers", "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    said = error(run(START, LABS_DATA=str(tmp_path), **env))
    assert "no Docker engine answers" in said and "LABS_RUNTIME=processes" in said
    assert not left_in(tmp_path)


def test_without_an_engine_and_without_a_wish_processes_are_used(tmp_path):
    env = {"LABS_RUNTIME": "", "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = run(START + "print(lab.runtime.name)", **env)
    assert done.stdout == "processes\n", done.stderr


def test_no_jars_and_no_network_say_both_and_how_to_go_on(tmp_path):
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    code = START + "lab.start(Kafka())"
    cache = tmp_path / "cache"
    data = tmp_path / "data"
    data.mkdir()
    said = error(run(code, LABS_CACHE=str(cache), LABS_DATA=str(data), **nowhere))
    assert f"not all in the cache folder {cache}" in said
    assert "Connect to the network" in said and "LABS_RUNTIME=containers" in said
    assert not left_in(data)


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "cache"
    said = error(run(START + "lab.start(Postgres())", LABS_CACHE=str(path)))
    assert str(path) in said and "LABS_CACHE=" in said


def test_a_cache_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setenv("LABS_CACHE", str(tmp_path))
    with pytest.raises(RuntimeUnavailable) as caught:
        cache.made("thing", full, "a thing")
    said = str(caught.value)
    assert f"The cache folder {tmp_path} cannot be written" in said
    assert "No space left on device" in said and "LABS_CACHE=" in said


def test_what_is_missing_besides_is_not_blamed_on_the_cache_folder(
    tmp_path, monkeypatch
):
    def no_java(path):
        raise FileNotFoundError(2, "No such file or directory", "java")

    monkeypatch.setenv("LABS_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="java"):
        cache.made("thing", no_java, "a thing")


def test_a_copy_that_ends_without_a_word_is_told_by_its_status(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", refusing(tmp_path, "cp"))
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OSError, match="cp ended with status 1"):
        copy(tmp_path, tmp_path / "copy")


def test_a_data_folder_may_be_named_from_where_one_stands(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABS_DATA", "here")
    assert data_root() == tmp_path.resolve() / "here"


def test_what_takes_longer_than_expected_is_told_once_with_its_size(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("LABS_CACHE", str(tmp_path))
    monkeypatch.setattr(progress, "QUIET", 0.05)

    def slow(path):
        wait_until(lambda: "jars" in "".join(said()), 10, "nothing was told")
        path.touch()

    def said():
        lines.append(capsys.readouterr().err)
        return lines

    lines = []
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(cache.made, "jars", slow, "jars (45 MB)")
    assert re.fullmatch(
        r"Preparing jars \(45 MB\), once ... \d\.\d s\n", "".join(said())
    )


def test_what_is_quickly_made_is_not_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LABS_CACHE", str(tmp_path))
    cache.made("thing", lambda path: path.touch(), "a thing (1 kB)")
    assert capsys.readouterr().err == ""


def test_a_server_is_prepared_when_a_lab_first_starts_it_and_no_other_is(tmp_path):
    done = run(START + "lab.start(Postgres())", LABS_CACHE=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (made,) = [path.name for path in tmp_path.iterdir() if path.name[0] != "."]
    assert made.startswith("postgres-")


def test_preparing_that_cannot_write_ends_in_one_line(capsys, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("LABS_CACHE", str(tmp_path))
    monkeypatch.setenv("LABS_RUNTIME", "processes")
    monkeypatch.setattr(progress, "QUIET", progress.QUIET)  # `main` changes it
    monkeypatch.setattr(Path, "rename", full)
    monkeypatch.setattr(prepare.servers, "part", lambda kind, form: Template)
    assert prepare.main() == 1
    assert "No space left on device" in capsys.readouterr().err


class Template:
    """In place of a server's `Process`."""

    @staticmethod
    def make_once():
        cache.made("template", lambda path: path.touch(), "a template (1 kB)")


def apart(*what, first):
    """The prefix that runs a command apart from this computer's mounts ("--mount") or
    network ("--net"), after a first command there, which root may run."""
    prefix = ["unshare", *what]
    if os.geteuid() != 0:
        prefix += ["--user", "--map-root-user"]
    if subprocess.run([*prefix, "sh", "-ec", first], capture_output=True).returncode:
        pytest.skip("nothing can be mounted or taken away here")
    return [*prefix, "sh", "-ec", f'{first}; exec "$@"', "sh"]


def small_disk(folder, megabytes):
    """The prefix that runs a command with a small file system mounted at `folder`."""
    return apart("--mount", first=f"mount -t tmpfs -o size={megabytes}m none {folder}")


def test_too_little_room_is_said_before_anything_starts(tmp_path):
    said = error(run(START, *small_disk(tmp_path, 20), LABS_DATA=str(tmp_path)))
    assert f"{tmp_path} has" in said and "MB free" in said and "LABS_DATA=" in said


def test_a_disk_that_fills_up_before_a_start_is_named(tmp_path):
    fill = (
        "import pathlib\n"
        f"place = pathlib.Path({str(tmp_path)!r})\n"
        "(place / 'ballast').write_bytes(bytes(310 << 20))\n"
    )
    after = (
        "try:\n lab.start(Postgres())\n"
        "finally:\n print([p.name for p in place.iterdir()])\n"
    )
    done = run(
        START + fill + after, *small_disk(tmp_path, 320), LABS_DATA=str(tmp_path)
    )
    said = error(done)
    assert "No space left on device" in said and "LABS_DATA=" in said
    assert done.stdout == "['ballast']\n"


def test_a_taken_port_is_shown_by_the_servers_own_words(tmp_path):
    code = START + (
        "import socket\n"
        "taken = socket.create_server(('127.0.0.1', 0))\n"
        "server = Postgres()\n"
        "attach = server.attach\n"
        "def steal(runtime):\n"
        " attach(runtime)\n"
        " server.primary.machine.port.number = taken.getsockname()[1]\n"
        "server.attach = steal\n"
        "lab.start(server)\n"
    )
    said = error(run(code, LABS_DATA=str(tmp_path)))
    assert "Address already in use" in said
    assert not left_in(tmp_path)


@pytest.fixture
def spaced():
    """Short, because a socket's path may not be long."""
    with tempfile.TemporaryDirectory(prefix="my shop's ", dir="/tmp") as folder:
        yield Path(folder)


NAMELESS = """import socket
try:
    socket.gethostbyname("localhost")
    raise SystemExit("localhost is a name here")
except OSError:
    pass
"""
EVERYTHING = START + (
    "db, cache, queue = lab.start(Postgres(replicas=1), Redis(), Kafka())\n"
    "db.primary.sql('create table t ()')\n"
    "db.replica.wait_for(db.primary.lsn())\n"
    "queue.create_topic('t')\n"
    "with db.primary.connect() as one: shop.schema.create(one)\n"
    "app = lab.start(App(database=db))\n"
    "edge = lab.start(Nginx(upstreams=[app]))\n"
    "assert edge.get('/stores/1').status == 200\n"
    "lab.close()\n"
    "print('done')\n"
)


def test_everything_works_in_a_folder_whose_name_has_spaces(spaced):
    done = run(EVERYTHING, LABS_DATA=str(spaced))
    assert done.stdout == "done\n", done.stderr
    assert not left_in(spaced)


def test_everything_works_where_localhost_is_no_name(tmp_path):
    (tmp_path / "hosts").touch()
    (tmp_path / "nsswitch.conf").write_text("hosts: files\n")
    hide = "; ".join(
        f"mount --bind {tmp_path}/{f} /etc/{f}" for f in os.listdir(tmp_path)
    )
    done = run(NAMELESS + EVERYTHING, *apart("--mount", first=hide))
    assert done.stdout == "done\n", done.stderr


@pytest.fixture
def odd():
    """Makes a folder of a name; short, because of the socket in it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:

        def make(name):
            place = Path(folder, name)
            place.mkdir()
            return place

        yield make


@pytest.mark.parametrize("name", ["a,b", "c:d", "q\"u'o$x", "back\\slash", "é ü"])
def test_servers_start_in_a_folder_of_any_name(name, odd):
    place = odd(name)
    third = "Kafka()" if "," in name else "Postgres(replicas=1)"
    code = START + f"lab.start(Redis(replicas=1), Nginx(['127.0.0.1:9']), {third})"
    done = run(code, LABS_DATA=str(place), LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert not left_in(place)


def test_a_comma_at_which_clients_split_a_socket_is_named_before_anything_starts(odd):
    place = odd("a,b")
    said = error(run(START + "lab.start(Postgres())", LABS_DATA=str(place)))
    assert "has ',' in its name" in said and "LABS_DATA=" in said
    assert not left_in(place)


def test_a_colon_at_which_java_splits_is_named(tmp_path):
    said = error(run(START + "lab.start(Kafka())", LABS_CACHE=str(tmp_path / "c:d")))
    assert "has ':' in its name" in said and "LABS_CACHE=" in said


def test_a_path_too_long_for_a_socket_is_said(tmp_path):
    folder = tmp_path / ("x" * 90)
    folder.mkdir()
    said = error(run(START + "lab.start(Postgres())", LABS_DATA=str(folder)))
    assert "too long" in said and not left_in(folder)


def refusing(folder, *names):
    """A PATH on which the named programs fail, as where namespaces are forbidden."""
    for name in names:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@root_only
def test_root_without_namespaces_and_without_nobody_is_told_three_ways_out(tmp_path):
    path = refusing(tmp_path, "unshare", "setpriv")
    said = error(run(START + "lab.start(Postgres())", PATH=path))
    assert "refuses to run as root" in said
    assert "ordinary user" in said and "LABS_RUNTIME=containers" in said


@root_only
def test_root_without_namespaces_runs_postgres_as_nobody(tmp_path):
    reach = ["setpriv", "--reuid=65534", "--clear-groups", "--"]
    if not works([*reach, str(binaries() / "postgres"), "--version"]):
        pytest.skip("the account nobody cannot reach this virtual environment")
    code = START + (
        "db = lab.start(Postgres(replicas=1))\n"
        "import psutil\n"
        "print(psutil.Process(db.primary.machine._process.pid).username())\n"
    )
    done = run(
        code, PATH=refusing(tmp_path, "unshare"), LABS_CACHE=str(tmp_path / "cache")
    )
    assert done.stdout == "nobody\n", done.stderr


LIMITED = """import resource
from labkit.runtimes import limits
limit = resource.RLIMIT_NOFILE
resource.setrlimit(limit, (64, {hard}))
limits.require('kafka', {{'files': 256}})
print(resource.getrlimit(limit)[0])
"""


def test_a_limit_that_cannot_be_lifted_is_named_with_what_is_needed():
    said = error(run(LIMITED.format(hard=64)))
    assert "kafka needs 256 open files, and this account may use 64" in said
    assert "ulimit -n" in said


def test_a_limit_that_can_be_lifted_is():
    done = run(LIMITED.format(hard=512))
    assert done.stdout == "256\n", done.stderr


def test_a_computer_without_loopback_is_told_before_anything_starts():
    said = error(run(START, *apart("--net", first="true")))
    assert "127.0.0.1" in said and "Network is unreachable" in said
    assert "ip link set lo up" in said


def test_a_computer_with_few_ports_is_told_before_anything_starts():
    few = "ip link set lo up; echo 40000 40050 > /proc/sys/net/ipv4/ip_local_port_range"
    said = error(run(START, *apart("--net", first=few)))
    assert re.search(r"need 300 free ports, and this computer gives out \d\d ", said)
    assert "ip_local_port_range" in said


def test_a_table_is_printed_where_output_is_ascii_alone():
    code = "from labkit import show; print(show.table([{'a': chr(8211)}]))"
    ascii_alone = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = run(code, **ascii_alone)
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


def test_warnings_that_are_errors_to_the_reader_end_no_lab():
    done = run("from labkit import Kafka, Postgres, Redis", PYTHONWARNINGS="error")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def shadowed(tmp_path):
    """A folder with files that are called like modules, and are none."""
    for name in ("redis.py", "secrets.py", "psycopg.py"):
        (tmp_path / name).touch()
    return tmp_path


PACKAGES = (
    "import sys\n"
    f"sys.path.append({str(LABS)!r})\n"
    "from labkit import Redis\n"
    "import redis, secrets\n"
    "print(redis.Redis.__name__, secrets.token_hex.__name__)\n"
)


def test_a_file_called_like_a_package_does_not_stand_in_for_it_on_pythonpath(shadowed):
    done = run(PACKAGES, PYTHONPATH=str(shadowed))
    assert done.stdout == "Redis token_hex\n", done.stderr


def test_a_file_called_like_a_package_does_not_stand_in_for_it_beside_a_notebook(
    shadowed,
):
    done = run(PACKAGES, cwd=shadowed)
    assert done.stdout == "Redis token_hex\n", done.stderr


def test_a_module_that_was_imported_in_place_of_another_is_named(shadowed):
    said = error(run("import redis\n" + PACKAGES, cwd=shadowed))
    assert f"{shadowed}/redis.py stands in for 'redis'" in said
    assert "Rename it, or unset PYTHONPATH, and restart the kernel" in said


def test_an_incident_is_told_whatever_pythonpath_leads_to(tmp_path):
    (tmp_path / "random.py").write_text("raise SystemExit('not this one')\n")
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "incident.py"), "no_such_lab"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "No lab named 'no_such_lab'" in done.stderr


def test_a_lab_name_that_does_not_exist_lists_those_that_do():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "incident.py"), "no_such_lab"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "no_such_lab" in done.stderr and "bad_partition" in done.stderr
