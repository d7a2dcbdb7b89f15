"""The alerts that the chapters give away: each can be loaded, and says what to do."""

import os
import re
import shutil
import subprocess
from pathlib import Path

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


def test_no_two_groups_or_alerts_carry_the_same_name() -> None:
    groups = [group for block in RULES for group in yaml.safe_load(block)["groups"]]
    names = [group["name"] for group in groups]
    names += [rule["alert"] for g in groups for rule in g["rules"] if "alert" in rule]
    assert len(names) == len(set(names))


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
