"""Puts labs/ on the path, as a notebook's working directory does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "labs"))
