"""What can be started: one package a server, and everything about it is in there.

    redis/__init__.py    the handle for a lab, the class `Redis`; the package has its
                         name in lower case, and this is how it is found
    redis/conf.py        what the server is told, the same in every runtime
    redis/process.py     `Process`: how it runs as a process, and what is prepared once
    redis/container.py   `Container`: its image, and how it runs in a container
    redis/errors.py      `settled`: which of its errors say that nothing was done
    redis/bench.py       how soon it can be used, and the plain way beside it

One of process.py and container.py is enough; the others are for those that need them.
What runs in a cluster (argocd) has pods.py, with `Pods`, in place of these two.
Nothing else has to be told of a new package. LABS_SERVERS may name folders (with ":"
between them) that hold further ones.
"""

from __future__ import annotations

import functools
import os
import pkgutil
import runpy
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__path__.extend(filter(None, os.environ.get("LABS_SERVERS", "").split(os.pathsep)))


def kinds() -> list[str]:
    """The names of all servers' packages: "app", "kafka", ..."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg)


def named(name: str) -> Any:
    """The class of a server, "Redis". Raises AttributeError when there is none."""
    if name[0].isupper() and name.lower() in kinds():
        return getattr(import_module(f"{__name__}.{name.lower()}"), name)
    raise AttributeError(f"labkit has no {name!r}; its servers: {', '.join(kinds())}")


def handle(kind: str) -> Any:
    """The class of the server in a package, "redis". Imports its driver."""
    module = import_module(f"{__name__}.{kind}")
    names = (name for name in vars(module) if name[0].isupper())
    return getattr(module, next(name for name in names if name.lower() == kind))


def part(kind: str, form: str) -> Any:
    """The class `Process` (form "process") or `Container` of a server's package, or
    None. Imports its driver."""
    package = f"{__name__}.{kind}"
    if find_spec(f"{package}.{form}") is None:
        return None
    return getattr(import_module(f"{package}.{form}"), form.capitalize())


def settled(error: BaseException) -> bool | None:
    """Whether an error says that the operation was certainly not done.

    False: it may have been done all the same. None: no server knows this error.
    """
    classes = {
        f"{c.__module__.partition('.')[0]}.{c.__name__}" for c in type(error).__mro__
    }
    answers = (ask(error, classes) for ask in _classifiers())
    return next((answer for answer in answers if answer is not None), None)


@functools.cache
def _classifiers() -> list[Callable[[BaseException, set[str]], bool | None]]:
    """Read by path: to import one would import its package, and so the driver of a
    server that the lab may not use."""
    files = [Path(place, kind, "errors.py") for place in __path__ for kind in kinds()]
    return [runpy.run_path(str(file))["settled"] for file in files if file.exists()]
