"""Make .venv from requirements.txt, and say what is going on.

Run by `make` with the system's Python, which may be old or lack parts that Debian
packages apart: hence nothing here but the standard library and plain syntax. A set-up
that was interrupted is taken up where it stopped.
"""

import collections
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.txt"
STEP = re.compile(r"^(Collecting|Requirement already satisfied:|Ignoring) *([\w.-]*)")


def fail(text):
    sys.exit("make: " + text)


def check_python():
    have = "%d.%d" % sys.version_info[:2]
    if sys.version_info < OLDEST:
        fail(
            "Python %s is too old, the labs need %d.%d or newer. If a newer one is "
            "installed, name it: make PYTHON=python3.12 ..." % (have, *OLDEST)
        )
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        fail(
            "this Python cannot make virtual environments. On Debian or Ubuntu: "
            "sudo apt install python%s-venv" % have
        )


def make_venv():
    """Make .venv with a working pip; a broken or half-made one is made anew."""
    python = VENV / "bin" / "python"
    check = [str(python), "-c", "import pip, sys; print(sys.version_info[:2])"]
    if python.exists():
        answer = subprocess.run(check, capture_output=True, text=True)
        if answer.stdout.strip() == str(tuple(sys.version_info[:2])):
            return python
        shutil.rmtree(VENV)
    print("Making the virtual environment .venv", flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True
    )
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        fail("cannot make .venv:\n" + (made.stdout + made.stderr).strip())
    return python


class Progress:
    """One line that moves on a terminal; a line every 40 packages elsewhere."""

    def __init__(self, total):
        self.total, self.done, self.began = total, 0, time.monotonic()
        self.moves = sys.stdout.isatty()

    def step(self, name):
        self.done = min(self.done + 1, self.total)
        if self.moves:
            text = "  %d of %d packages found: %s" % (self.done, self.total, name)
            print("\r\033[K" + text[:78], end="", flush=True)
        elif self.done % 40 == 0:
            print("  %d of %d packages found" % (self.done, self.total), flush=True)

    def say(self, text):
        print(("\r\033[K" if self.moves else "") + "  " + text, flush=True)

    def seconds(self):
        return time.monotonic() - self.began


def install(python):
    """Install the lock, one short line at a time; the whole log stays in .venv."""
    pinned = [line for line in LOCK.read_text().splitlines() if "==" in line]
    print("Installing %d pinned packages into .venv" % len(pinned), flush=True)
    progress = Progress(len(pinned))
    command = [str(python), "-m", "pip", "install", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-r", str(LOCK)]
    command += ["--no-compile"]  # a third of the time; imports compile what is used
    last = collections.deque(maxlen=12)
    with open(VENV / "pip.log", "w") as log, subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    ) as pip:
        for line in pip.stdout:
            log.write(line)
            last.append(line)
            step = STEP.match(line)
            if step:
                progress.step(step.group(2))
            elif line.startswith("Installing collected packages"):
                progress.say("all found, putting them in place (half a minute or so)")
    if pip.returncode:
        progress.say("pip gave up; its last lines:")
        sys.stdout.write("".join("    " + line for line in last))
        fail("set-up stopped. `make` again goes on from here; all of it: .venv/pip.log")
    progress.say("done in %.0f s" % progress.seconds())


def main():
    check_python()
    install(make_venv())
    (VENV / ".installed").touch()


if __name__ == "__main__":
    os.environ.pop("PYTHONHOME", None)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nmake: set-up stopped. `make` again goes on from here.")
