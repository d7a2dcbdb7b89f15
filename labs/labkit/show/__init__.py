"""What a reader sees: tables, verdict cards, panels and figures.

Every form is self-contained and made from data alone: same data, same bytes.
"""

from .cards import grade, run, verdict
from .explore import explore
from .figures import axes, setup
from .guess import Guess, guess
from .live import live
from .notebook import install
from .shown import Shown
from .tables import table
from .timeline import timeline
from .trees import Branch, tree

__all__ = [
    "Branch",
    "Guess",
    "Shown",
    "axes",
    "explore",
    "grade",
    "guess",
    "install",
    "live",
    "run",
    "setup",
    "table",
    "timeline",
    "tree",
    "verdict",
]
