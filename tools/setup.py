"""Make .venv with what a command needs, and say what is going on.

    python tools/setup.py labs    what a lab needs that runs in a terminal
    python tools/setup.py all     everything: notebooks, site, tests, lint

Run by `make` with the system's Python, which may be old or lack parts that Debian
packages apart: hence nothing here but the standard library and plain syntax. uv
installs the lock, several times as fast as pip, which only fetches uv; where uv cannot
be had, pip does it all. A set-up that was interrupted is taken up where it stopped.
"""

import ast
import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCKS = {"labs": "requirements-labs.txt", "all": "requirements.txt"}
STAMPS = {"labs": ".labs", "all": ".installed"}
LAST = 12  # lines of a log that are shown when something fails
# what pip calls a setting, and what uv does: a mirror must be asked by both
SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}
# variables that would make these programs install elsewhere, or read something else
UNWANTED = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")
UNWANTED += ("PIP_REQUIREMENT", "PIP_REQUIRE_VIRTUALENV", "VIRTUAL_ENV")
TOLD = re.compile(r" *Downloading .*\(.*Mi?B\)|(Resolved|Prepared|Installed) |warning")


def fail(text):
    sys.exit("make: " + text)


def say(text):
    print(text, flush=True)


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


@contextlib.contextmanager
def alone():
    """Nobody else sets this folder up meanwhile: whoever comes second waits."""
    import fcntl  # not on Windows, which check_python's message comes before

    folder = os.open(str(ROOT), os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is at work in this folder; waiting until it is done")
            fcntl.flock(folder, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(folder)


# --- what is there ---


def wanted(what):
    """What the stamp of a complete set-up says."""
    lock = (ROOT / LOCKS[what]).read_text(encoding="utf-8")
    return "Python %d.%d\n" % sys.version_info[:2] + lock


def done(what):
    stamp = VENV / STAMPS[what]
    return stamp.exists() and stamp.read_text(encoding="utf-8") == wanted(what)


def stamp(what):
    for each in ("labs", "all") if what == "all" else ("labs",):
        (VENV / STAMPS[each]).write_text(wanted(each), encoding="utf-8")


# --- the environment ---


def make_venv():
    """Make .venv, without pip; a broken one, or one of another Python, is made anew."""
    python = VENV / "bin" / "python"
    if python.exists():
        check = [str(python), "-c", "import sys; print(sys.version_info[:2])"]
        answer = subprocess.run(check, capture_output=True, text=True)
        if answer.stdout.strip() == str(tuple(sys.version_info[:2])):
            return python
        shutil.rmtree(str(VENV))
    say("Making the virtual environment .venv")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(VENV)],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        shutil.rmtree(str(VENV), ignore_errors=True)
        fail("cannot make .venv:\n" + (made.stdout + made.stderr).strip())
    return python


def find_labs():
    """Have labs/ on the path of this environment, wherever a notebook is run from."""
    (packages,) = VENV.glob("lib/python*/site-packages")
    (packages / "labs.pth").write_text(str(ROOT / "labs") + "\n", encoding="utf-8")


def bundled_pip():
    """The pip that Python brings along, in its wheel, which can be run as it is."""
    import ensurepip

    folders = [Path(ensurepip.__file__).parent / "_bundled"]
    folders += [Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or "/nowhere")]
    for folder in folders:
        for wheel in sorted(folder.glob("pip-*.whl")):
            return wheel / "pip"
    return None


def pip(python):
    """The command that runs pip for .venv; pip is put there where that is needed."""
    there = [str(python), "-c", "import pip"]
    if subprocess.run(there, capture_output=True).returncode:
        if bundled_pip():
            return [str(python), str(bundled_pip())]
        ensure = [str(python), "-m", "ensurepip"]
        subprocess.run(ensure, capture_output=True, check=True)
    return [str(python), "-m", "pip"]


def uv(python, log):
    """uv in .venv, fetched if need be; None where it cannot be had."""
    program = VENV / "bin" / "uv"
    if not program.exists():
        (pin,) = re.findall(r"^uv==.*", (ROOT / LOCKS["labs"]).read_text(), re.M)
        say("Fetching uv, which installs packages (25 MB)")
        command = [*pip(python), "install", "--no-input", "--no-compile", "--no-deps"]
        run([*command, "--disable-pip-version-check", pin], log, quiet=True)
    answers = (
        program.exists()
        and not subprocess.run(
            [str(program), "--version"], capture_output=True
        ).returncode
    )
    return program if answers else None


def cache(program):
    """uv will not work with a cache that it cannot write, as in a read-only home."""
    asked = [str(program), "cache", "dir"]
    folder = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    try:
        os.makedirs(folder or ".", exist_ok=True)
    except OSError:
        return ["--no-cache"]
    return [] if os.access(folder or ".", os.W_OK) else ["--no-cache"]


def ask_pip(python):
    """Begin to ask pip for its settings, which takes a second."""
    command = [*pip(python), "config", "list"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def as_uv_reads(shown):
    """The environment in which uv asks the index that these settings of pip name."""
    env = dict(os.environ)
    for key, value in re.findall(r"^[\w:]+\.([\w-]+)=('.*')$", shown, re.M):
        if key in SETTINGS:
            text = ast.literal_eval(value)
            joined = "," if key == "find-links" else " "
            env.setdefault(SETTINGS[key], joined.join(text.split()))
    return env


def run(command, log, env=None, quiet=False):
    """Run it, telling the lines that matter; whether it went well is returned."""
    log.write("$ " + " ".join(command) + "\n")
    log.flush()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=str(ROOT),
        env=env,
    ) as process:
        for line in process.stdout:
            log.write(line)
            if TOLD.match(line) and not quiet:
                say("  " + line.strip())
    return process.returncode == 0


def install(python, what, log):
    """Install the lock by uv, or by pip alone; all that they say stays in .venv."""
    lock = str(ROOT / LOCKS[what])
    count = wanted(what).count("==")
    asked = ask_pip(python)
    program = uv(python, log)
    settings, _ = asked.communicate()
    if program:
        say("Installing %d pinned packages into .venv" % count)
        command = [str(program), "pip", "install", "--python", str(python)]
        command += [*cache(program), "--no-progress", "-r", lock]
        if run(command, log, as_uv_reads(settings)):
            return
        say("  uv could not, which .venv/setup.log explains")
    say("Installing %d packages by pip alone, which takes a minute or more" % count)
    command = [*pip(python), "install", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--no-compile", "-r", lock]
    if not run(command, log):
        log.flush()
        lines = (VENV / "setup.log").read_text(encoding="utf-8").splitlines()
        say("  pip gave up; its last lines:\n    " + "\n    ".join(lines[-LAST:]))
        fail(
            "set-up stopped. `make` again goes on from here; all of it: .venv/setup.log"
        )


def set_up(what):
    if done(what):
        (VENV / STAMPS[what]).touch()  # `make` compares times
        return
    began = time.monotonic()
    python = make_venv()
    with open(str(VENV / "setup.log"), "w", encoding="utf-8") as log:
        install(python, what, log)
    find_labs()
    stamp(what)
    say("  set up in %.0f s" % (time.monotonic() - began))


def main(what):
    check_python()
    os.umask(os.umask(0o077) & ~0o700)  # the owner can use what is made here
    for name in UNWANTED:
        os.environ.pop(name, None)
    with alone():
        set_up(what)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if sys.argv[1:] else "all")
    except KeyboardInterrupt:
        sys.exit("\nmake: set-up stopped. `make` again goes on from here.")
    except OSError as error:
        fail("cannot set up in %s: %s" % (ROOT, error))
