"""What is cached is run: so it is one's own, and as it was when it was made."""

import os

import pytest
from test_surroundings import START, root_only, run

from labkit import RuntimeUnavailable
from labkit.runtimes import cache, jars
from labkit.servers.kafka.process import LOCK


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LABS_CACHE", str(tmp_path))
    return tmp_path.resolve()


@pytest.mark.parametrize("mode", [0o770, 0o757])
def test_a_cache_that_others_can_write_is_refused(folder, mode):
    folder.chmod(mode)
    with pytest.raises(RuntimeUnavailable, match=r"other accounts.*chmod go-w"):
        cache.folder()
    folder.chmod(0o755)
    assert cache.folder() == folder


@root_only
def test_a_cache_of_another_account_is_refused_by_name(folder):
    os.chown(folder, 65534, -1)
    with pytest.raises(RuntimeUnavailable, match=r"belongs to nobody.*LABS_CACHE="):
        cache.folder()


def tree(path):
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "jar").write_text("as it was made")
    (path / "empty").mkdir()


def cut(path):
    (path / "deep" / "jar").write_text("as it")


def flip(path):
    (path / "deep" / "jar").write_text("as it was MADE")


def lose(path):
    (path / "deep" / "jar").unlink()


def lose_a_folder(path):
    (path / "empty").rmdir()


def plant(path):
    (path / "empty" / "planted").touch()


def link(path):
    (path / "deep" / "jar").rename(path.parent / "elsewhere")
    (path / "deep" / "jar").symlink_to(path.parent / "elsewhere")


def give_away(path):
    os.chown(path / "deep" / "jar", 65534, -1)


@pytest.mark.parametrize(
    "harm",
    [
        *(cut, flip, lose, lose_a_folder, plant, link),
        pytest.param(give_away, marks=root_only),
    ],
)
def test_what_is_not_as_it_was_made_is_told_in_a_line_and_made_anew(harm, capsys):
    path = cache.made("thing", tree, "a thing (1 kB)")
    cache._sound.clear()  # as a new kernel
    assert cache.made("thing", None, "a thing (1 kB)") == path
    harm(path)
    cache._sound.clear()
    cache.made("thing", tree, "a thing (1 kB)")
    assert (path / "deep" / "jar").read_text() == "as it was made"
    assert (path / "empty").is_dir() and not (path / "empty" / "planted").exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("a thing (1 kB): thing/") and "made anew" in line


def test_a_thing_that_was_only_copied_is_believed(capsys):
    path = cache.made("thing", tree, "a thing (1 kB)")
    os.utime(path / "deep" / "jar", (1, 1))
    cache._sound.clear()
    assert cache.made("thing", None, "a thing (1 kB)") == path
    assert capsys.readouterr().err == ""


def test_a_thing_of_which_nothing_is_noted_is_made_anew(capsys):
    path = cache.made("thing", tree, "a thing (1 kB)")
    cache.record(path).unlink()
    cache._sound.clear()
    flip(path)
    cache.made("thing", tree, "a thing (1 kB)")
    assert (path / "deep" / "jar").read_text() == "as it was made"


def test_a_jar_that_was_replaced_is_fetched_anew(folder, monkeypatch, capsys):
    def fetch(lock, listing, whose):
        (folder / "jars").mkdir(exist_ok=True)
        (folder / "jars" / "one.jar").write_text("the jar")
        listing.write_text("jars/one.jar\n")

    monkeypatch.setattr(jars, "fetch", fetch)
    (jar,) = jars.class_path(LOCK, "Kafka", "45 MB")
    jar.write_text("")
    cache._sound.clear()
    assert jars.class_path(LOCK, "Kafka", "45 MB") == [jar]
    assert jar.read_text() == "the jar"
    assert "one.jar has 0 bytes instead of 7" in capsys.readouterr().err


def test_a_planted_jar_is_not_taken_for_the_one_that_the_lock_names(
    folder, monkeypatch
):
    from jgo.env import LockFile

    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    first = LockFile.load(LOCK).dependencies[0]
    place = folder / "jars" / first.groupId.replace(".", "/") / first.artifactId
    jar = place / first.version / f"{first.artifactId}-{first.version}.jar"
    jar.parent.mkdir(parents=True)
    jar.write_text("planted")
    with pytest.raises(RuntimeUnavailable, match="could not be fetched"):
        jars.fetch(LOCK, folder / "listing", "Kafka")
    assert not jar.exists()


def test_postgres_starts_from_a_template_that_lost_a_file(folder):
    code = START + (
        "from labkit.runtimes import cache\n"
        "from labkit.servers.postgres.process import template\n"
        "from labkit.servers.postgres.conf import SETTINGS\n"
        "(template(SETTINGS) / 'PG_VERSION').unlink()\n"
        "cache._sound.clear()\n"
        "lab.start(Postgres())\n"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert "PG_VERSION is missing. It is made anew." in done.stderr
