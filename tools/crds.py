"""Make labs/labkit/servers/argocd/crds.yaml from Argo CD's own manifest.

    python tools/crds.py core-install.yaml

The file is https://github.com/argoproj/argo-cd/blob/v3.5.7/manifests/core-install.yaml,
which the Go module github.com/argoproj/argo-cd/v3 has in it as well. Kept are the two
definitions that the labs' parts of Argo CD need, whole but for their descriptions,
which are nine tenths of them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from book_model import ROOT

SHA256 = "a7ab521e55a511af9274294afafc87cddf9621a34ac255b4b20cd31989e1ecbc"  # of v3.5.7
MADE = ROOT / "labs" / "labkit" / "servers" / "argocd" / "crds.yaml"
KEPT = ("applications.argoproj.io", "appprojects.argoproj.io")
HEAD = """\
# The definitions of what Argo CD 3.5.7 is told, without their descriptions: made by
# tools/crds.py from manifests/core-install.yaml of https://github.com/argoproj/argo-cd.
# Copyright The Argo CD Authors, Apache License 2.0.
"""


def main(path: str) -> None:
    text = Path(path).read_bytes()
    if hashlib.sha256(text).hexdigest() != SHA256:
        raise SystemExit(f"{path} is not core-install.yaml of Argo CD 3.5.7")
    found = yaml.load_all(text, yaml.CSafeLoader)
    kept = [
        json.dumps(bare(one), separators=(",", ":"))
        for one in found
        if one["metadata"]["name"] in KEPT
    ]
    MADE.write_text(HEAD + "\n---\n".join(kept) + "\n")


def bare(told: Any) -> Any:
    """Without descriptions; a field that is called so is no text, and stays."""
    if isinstance(told, list):
        return [bare(one) for one in told]
    if not isinstance(told, dict):
        return told
    return {
        name: bare(value)
        for name, value in told.items()
        if not (name == "description" and isinstance(value, str))
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
