"""No file of the reader's stands in for a module that labkit imports.

A redis.py beside a notebook, or a random.py in a folder of PYTHONPATH, would be found
before the package of that name. Nothing is imported here that could itself be replaced.
"""

import os
import sys
from importlib.machinery import PathFinder


def prefer_packages() -> None:
    """Have the working directory and PYTHONPATH asked last from now on.

    Raises ImportError when a module was imported from there already in place of one of
    Python's own or of the environment's.
    """
    folders = ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    readers = {os.path.abspath(folder) for folder in folders}
    before = [each for each in sys.path if os.path.abspath(each) not in readers]
    sys.path[:] = [*before, *(each for each in sys.path if each not in before)]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        inside = os.path.basename(file).startswith("__init__.")
        home = os.path.dirname(os.path.dirname(file) if inside else file)
        if home not in readers or name in ("__main__", __package__):
            continue
        meant = PathFinder.find_spec(name, before)
        if str(meant and meant.origin).startswith((sys.prefix, sys.base_prefix)):
            raise ImportError(
                f"{file} stands in for {name!r}, a module that the labs need. Rename "
                "it, or unset PYTHONPATH, and restart the kernel"
            )
