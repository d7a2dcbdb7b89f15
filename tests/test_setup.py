"""Set-up: one clear error, no collision, only what is needed; nothing is installed."""

import fcntl
import importlib.util
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from types import ModuleType

import notebooks
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tools/setup.py, at work in an empty folder with two small locks."""
    spec = importlib.util.spec_from_file_location("setup", ROOT / "tools" / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    home = tmp_path / "a b"
    home.mkdir()
    (home / "requirements.txt").write_text("uv==1.0\nsmall==2.0\nlarge==3.0\n")
    (home / "requirements-labs.txt").write_text("uv==1.0\nsmall==2.0\n")
    monkeypatch.setattr(module, "ROOT", home)
    monkeypatch.setattr(module, "VENV", home / ".venv")
    return module


@pytest.fixture
def commands(setup, monkeypatch) -> list[list[str]]:
    """What would be run to install; the commands named in `fail` fail."""
    asked: list[list[str]] = []

    def run(command, log, env=None, quiet=False):
        asked.append(command)
        log.write("some words\nthe reason\n")
        return not any(word in " ".join(command) for word in setup.refused)

    monkeypatch.setattr(setup, "refused", [], raising=False)
    monkeypatch.setattr(setup, "run", run)
    monkeypatch.setattr(setup, "pip", lambda python: [sys.executable, "-m", "pip"])
    monkeypatch.setattr(setup, "ask_pip", lambda python: Silent())
    return asked


class Silent:
    def communicate(self) -> tuple[str, str]:
        return "", ""


def has_uv(setup) -> None:
    program = setup.VENV / "bin" / "uv"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)


# --- the Python that is there ---


def test_an_old_python_is_told_what_to_do(setup, monkeypatch) -> None:
    monkeypatch.setattr(setup.sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"3\.9 is too old.*make PYTHON="):
        setup.check_python()


def test_a_python_without_venv_is_told_what_to_install(setup, monkeypatch) -> None:
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"apt install python3\.\d+-venv"):
        setup.check_python()


def test_a_half_made_environment_is_made_anew(setup) -> None:
    broken = setup.VENV / "bin" / "python"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    python = setup.make_venv()
    assert subprocess.run([python, "-c", "pass"]).returncode == 0


def test_the_pip_that_python_brings_along_can_be_run_as_it_is(setup) -> None:
    if not setup.bundled_pip():
        pytest.skip("this Python brings no pip along in a wheel")
    wheel = zipfile.ZipFile(setup.bundled_pip().parent)
    assert "pip/__main__.py" in wheel.namelist()


# --- what is installed, and by whom ---


def test_uv_installs_what_the_command_needs(setup, commands) -> None:
    has_uv(setup)
    setup.make_venv = lambda: Path(sys.executable)
    setup.find_labs = lambda: None
    setup.set_up("labs")
    (command,) = commands
    assert command[:3] == [str(setup.VENV / "bin" / "uv"), "pip", "install"]
    assert command[-2:] == ["-r", str(setup.ROOT / "requirements-labs.txt")]
    assert setup.done("labs") and not setup.done("all")


def test_everything_contains_what_the_labs_need(setup) -> None:
    setup.VENV.mkdir()
    setup.stamp("all")
    assert setup.done("all") and setup.done("labs")


@pytest.mark.parametrize("refused", ["uv==1.0", "--python"])
def test_where_uv_cannot_be_had_or_fails_pip_does_it_alone_and_says_so(
    refused, setup, commands, capsys
) -> None:
    if refused == "--python":
        has_uv(setup)
    setup.VENV.mkdir(exist_ok=True)
    setup.refused = [refused]
    with open(setup.VENV / "setup.log", "w") as log:
        setup.install(Path(sys.executable), "all", log)
    assert commands[-1][1:4] == ["-m", "pip", "install"]
    assert "3 packages by pip alone, which takes a minute" in capsys.readouterr().out


def test_when_pip_fails_too_its_last_lines_and_the_way_on_are_shown(
    setup, commands, capsys
) -> None:
    setup.VENV.mkdir()
    setup.refused = ["install"]
    with (
        open(setup.VENV / "setup.log", "w") as log,
        pytest.raises(SystemExit, match="`make` again goes on from here"),
    ):
        setup.install(Path(sys.executable), "all", log)
    assert "    the reason" in capsys.readouterr().out


def test_uv_asks_the_index_that_pip_is_set_to(setup, monkeypatch) -> None:
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    env = setup.as_uv_reads(
        "global.index-url='https://mirror.example/simple'\n"
        ":env:.find-links='/one /two'\n"
        "global.timeout='60'\n"
    )
    assert env["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert env["UV_FIND_LINKS"] == "/one,/two"


@pytest.mark.parametrize(
    ("folder", "words"), [("cache", []), ("file/cache", ["--no-cache"])]
)
def test_a_home_that_cannot_be_written_costs_no_more_than_the_cache(
    folder, words, setup, tmp_path
) -> None:
    (tmp_path / "file").touch()
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\necho '{tmp_path / folder}'\n")
    program.chmod(0o755)
    assert setup.cache(program) == words


def test_what_takes_long_is_told_with_its_size(setup, tmp_path, capsys) -> None:
    says = "print('Downloading big (33.8MiB)\\n + big==1\\nPrepared 2 packages')"
    with open(tmp_path / "log", "w") as log:
        assert setup.run([sys.executable, "-c", says], log)
    told = capsys.readouterr().out
    assert told == "  Downloading big (33.8MiB)\n  Prepared 2 packages\n"
    assert "+ big==1" in (tmp_path / "log").read_text()


def test_labkit_is_found_wherever_a_notebook_is_run_from(setup) -> None:
    packages = setup.VENV / "lib" / "python3.12" / "site-packages"
    packages.mkdir(parents=True)
    setup.find_labs()
    assert (packages / "labs.pth").read_text() == f"{setup.ROOT / 'labs'}\n"


# --- beside others, and in odd places ---


def test_a_second_set_up_waits_says_so_and_finds_all_done(setup, capsys) -> None:
    folder = os.open(setup.ROOT, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    second = threading.Thread(target=setup.main, args=["labs"])
    second.start()
    setup.VENV.mkdir()
    setup.stamp("labs")  # by the first, while the second waits
    os.close(folder)
    second.join(20)
    assert not second.is_alive()
    said = capsys.readouterr().out
    assert said == "" or said.startswith("Another set-up is at work in this folder")
    assert [path.name for path in setup.VENV.iterdir()] == [".labs"]


def test_the_lock_is_told_when_it_is_held(setup, capsys) -> None:
    folder = os.open(setup.ROOT, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    entered = threading.Event()

    def second() -> None:
        with setup.alone():
            entered.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert not entered.wait(0.3)
    os.close(folder)
    assert entered.wait(20)
    thread.join()
    assert "waiting until it is done" in capsys.readouterr().out


def test_a_strict_umask_does_not_lock_the_owner_out(setup) -> None:
    before = os.umask(0o777)
    try:
        setup.set_up = lambda what: (setup.ROOT / "made").mkdir()
        setup.main("labs")
    finally:
        os.umask(before)
    assert (setup.ROOT / "made").stat().st_mode & 0o700 == 0o700


def test_variables_for_other_programs_do_not_move_the_set_up(
    setup, monkeypatch
) -> None:
    monkeypatch.setattr(setup, "set_up", lambda what: None)
    for name in ("PYTHONHOME", "PIP_TARGET"):
        monkeypatch.setenv(name, "/elsewhere")
    setup.main("labs")
    assert not {"PYTHONHOME", "PIP_TARGET"} & os.environ.keys()


# --- make notebooks ---


def test_a_home_that_cannot_be_written_is_one_clear_sentence(
    tmp_path, monkeypatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file" / "runtime"))
    with pytest.raises(SystemExit, match=r"runtime, which cannot be .* HOME=/path/to"):
        notebooks.check_home()


def test_the_start_page_lists_every_lab_in_the_books_order() -> None:
    book = notebooks.book_model.read()
    page = notebooks.start_page(book)
    places = [page.index(f"[{lab.title}]({lab.path.name})") for lab in book.labs]
    assert places == sorted(places)


def test_the_start_page_says_how_to_guess_before_the_answers_are_seen() -> None:
    page = notebooks.start_page(notebooks.book_model.read())
    assert "Clear Outputs of All Cells" in page


def test_the_books_notebooks_are_trusted_and_not_changed(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    book = notebooks.book_model.read()
    lab = book.labs[0]
    before = lab.path.read_bytes()
    notebooks.trust(book)
    notary = notebooks.NotebookNotary()
    assert notary.check_signature(notebooks.nbformat.read(lab.path, 4))
    assert lab.path.read_bytes() == before


@pytest.mark.parametrize(("user", "words"), [(0, ["--allow-root"]), (1000, [])])
def test_jupyter_is_told_that_one_is_root_and_only_then(
    user, words, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(notebooks.os, "geteuid", lambda: user)
    assert notebooks.as_root() == words
    assert bool(capsys.readouterr().out) == bool(words)


def test_jupyter_finds_loopback_where_localhost_is_no_name(monkeypatch) -> None:
    monkeypatch.setattr(notebooks.sys, "argv", ["notebooks.py", "--no-browser"])
    words = notebooks.command()
    assert "--ServerApp.ip=127.0.0.1" in words and words[-1] == "--no-browser"
