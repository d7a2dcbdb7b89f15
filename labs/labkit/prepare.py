"""Make once what labs start from: `python -m labkit.prepare`.

Every server does this itself when a lab first starts it. Beforehand it is done for a
place without a network, and for tests, which run side by side. All of it lies in the
cache folder; a second run does nothing.
"""

from __future__ import annotations

import os
import sys

from . import servers
from .runtimes import RuntimeUnavailable, StartFailed, cache, progress


def main() -> int:
    if os.environ.get("LABS_RUNTIME") == "containers":
        print("  servers run in containers: nothing to prepare")
        return 0
    progress.QUIET = 0.0
    try:
        print(f"  cache folder: {cache.folder()}", flush=True)
        for kind in servers.kinds():
            if process := servers.part(kind, "process"):
                process.make_once()
    except (RuntimeUnavailable, StartFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
