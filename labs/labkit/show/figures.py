"""One look for every figure: SVG that is the same bytes on every run.

The background is transparent and every colour is a middle tone, so that a figure can
be read on a white and on a dark page: every colour has a contrast of at least 3 to 1 on
both, text 4.5 to 1 on white (the book's site brightens figures in dark mode).
The hues follow Okabe and Ito, which readers with any colour vision can tell apart; line
style and marker change together with the hue, so that nothing hangs on colour.
"""

from typing import Any

from .notebook import current_shell

GREY = "#757575"
BLUE = "#0f7cc0"
ORANGE = "#d55e00"
GREEN = "#00946b"
PURPLE = "#b8609a"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
# Inches: of this width, the text can still be read at the size of a phone.
WIDTH, HEIGHT = 5.6, 2.8

SAVED = {
    "bbox_inches": "tight",
    "metadata": {"Date": None, "Creator": None},
}


def setup() -> Any:
    """Give matplotlib the book's look and return `matplotlib.pyplot`.

    In a notebook, figures are then stored as SVG, without date and with fixed ids.
    """
    import matplotlib.pyplot as plt

    plt.rcParams.update(look())
    shell = current_shell()
    if shell is not None:
        shell.run_line_magic("matplotlib", "inline")
        shell.run_line_magic("config", "InlineBackend.figure_formats = ['svg']")
        shell.run_line_magic("config", f"InlineBackend.print_figure_kwargs = {SAVED!r}")
        # Importing the inline backend can bring its own settings along.
        plt.rcParams.update(look())
    return plt


def axes(x: str = "", y: str = "", *, width: float = WIDTH, height: float = HEIGHT):
    """A new figure with one set of axes, labelled `x` and `y`: (figure, axes)."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    return figure, ax


def look() -> dict[str, Any]:
    """The settings of matplotlib that make up the book's look."""
    from cycler import cycler

    hues = cycler(color=COLOURS)
    shapes = cycler(linestyle=LINE_STYLES) + cycler(marker=MARKERS)
    edges = (
        "axes.edgecolor",
        "axes.labelcolor",
        "axes.titlecolor",
        "text.color",
        "xtick.color",
        "ytick.color",
        "grid.color",
        "legend.labelcolor",
    )
    return {
        "svg.hashsalt": "the bottleneck always moves",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10.5,
        "axes.prop_cycle": hues + shapes,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.alpha": 0.35,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.8,
        "lines.markersize": 4.5,
        "legend.frameon": False,
        "hatch.linewidth": 0.8,
        "figure.figsize": (WIDTH, HEIGHT),
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        **dict.fromkeys(edges, GREY),
    }
