"""Control groups for processes: where they may be made, and a sentence elsewhere.

Version 2 is tried on folders that look like its tree, since no machine of ours has it.
"""

import pytest

from labkit import Redis, RuntimeUnavailable
from labkit.runtimes import Limits, bounds, cleaner, groups
from labkit.runtimes.processes import ProcessRuntime
from labkit.runtimes.session import Session, in_the_memory

MEMORY = Limits(memory_mib=64)
ALL = Limits(memory_mib=64, cpus=0.5)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Version 2 as in a systemd user session: the account's part of the tree, with this
    very process in a scope of it."""
    top = tmp_path / "cgroup"
    scope = top / "user.slice" / "app.slice" / "run-1.scope"
    scope.mkdir(parents=True)
    for folder in (top, top / "user.slice", scope.parent, scope):
        (folder / "cgroup.controllers").write_text("cpu memory pids\n")
        (folder / "cgroup.subtree_control").write_text("memory pids\n")
        (folder / "cgroup.procs").write_text("")
    (scope / "cgroup.subtree_control").unlink()
    (scope / "cgroup.subtree_control").mkdir()  # has processes: cannot be written
    own, mounts = tmp_path / "own", tmp_path / "mounts"
    own.write_text("0::/user.slice/app.slice/run-1.scope\n")
    mounts.write_text(f"35 24 0:30 / {top} rw - cgroup2 cgroup2 rw\n")
    monkeypatch.setattr(groups, "OWN", own)
    monkeypatch.setattr(groups, "MOUNTS", mounts)
    return scope.parent


def test_a_group_is_made_beside_the_scope_of_this_process(tree):
    assert groups.place("memory") == tree


def test_a_controller_that_is_not_handed_on_is_switched_on(tree):
    groups.place("cpu")
    assert (tree / "cgroup.subtree_control").read_text() == "+cpu"


def test_a_limit_is_written_as_version_2_has_it(tree, tmp_path, monkeypatch):
    made = groups.Group(tmp_path, "labs-x-redis", MEMORY)
    for name in ("memory.max", "memory.swap.max", "cpu.max"):
        (tree / "labs-x-redis" / name).touch()
    made.folders["cpu"] = made.folders["memory"]
    made.limit(ALL)
    written = {
        path.name: path.read_text() for path in (tree / "labs-x-redis").iterdir()
    }
    assert written["memory.max"] == str(64 << 20)
    assert written["memory.swap.max"] == "0"
    assert written["cpu.max"] == "50000 100000"
    assert made.entering(["redis"])[2].count("cgroup.procs") == 1


@pytest.mark.parametrize(
    "files",
    [
        {
            "memory.stat": "anon 5\nfile 30\nshmem 7\n",
            "memory.events": "low 0\nmax 3\noom 2\noom_kill 1\n",
            "cpu.stat": "usage_usec 9\nnr_periods 8\nnr_throttled 4\n",
        },
        {
            "memory/memory.stat": "total_rss 5\ntotal_cache 30\ntotal_shmem 7\n",
            "memory/memory.oom_control": "under_oom 0\noom_kill 1\n",
            "cpu/cpu.stat": "nr_periods 8\nnr_throttled 4\n",
        },
    ],
)
def test_both_versions_are_read_alike(files):
    assert bounds.counted(lambda name: files.get(name, "")) == bounds.Counted(
        held=12, cache=23, killed=1, periods=8, stopped=4
    )


def nowhere(monkeypatch, tmp_path, own):
    told = tmp_path / "told"
    if own is not None:
        told.write_text(own)
    monkeypatch.setattr(groups, "OWN", told)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (None, "has no control groups, which Linux has"),
        ("1:name=systemd:/\n", "there is no control group for memory"),
    ],
)
def test_where_no_group_can_be_made_one_sentence_says_what_to_do(
    own, said, monkeypatch, tmp_path
):
    nowhere(monkeypatch, tmp_path, own)
    session = Session()
    try:
        server = Redis().within(memory_mib=64)
        server.attach(ProcessRuntime(session))
        with pytest.raises(RuntimeUnavailable, match=f"{said}.*Use Docker"):
            server.start()
    finally:
        session.close()
    assert said in groups.problem()


def test_a_part_of_the_tree_that_is_not_ours_is_left_alone(tree, monkeypatch):
    monkeypatch.setattr(groups.os, "access", lambda *_: False)
    with pytest.raises(OSError, match="is this account's to divide"):
        groups.place("memory")


def test_what_was_not_limited_at_the_start_cannot_be_later(tree, tmp_path):
    made = groups.Group(tmp_path, "labs-x-redis", Limits())
    with pytest.raises(OSError, match="was not limited at its start"):
        made.limit(MEMORY)


def test_data_of_a_lab_that_counts_memory_lies_on_a_disk():
    session = Session(in_memory=False)
    assert not in_the_memory(session.directory)
    session.close()


def test_a_group_in_use_is_waited_for_and_no_longer_than_told(tmp_path):
    (tmp_path / "busy" / "child").mkdir(parents=True)
    cleaner.remove_group(tmp_path / "busy", within=0.1)
    assert (tmp_path / "busy").exists()
    (tmp_path / "busy" / "child").rmdir()
    cleaner.remove_group(tmp_path / "busy")
    assert not (tmp_path / "busy").exists()
