"""Controls for a reader with a running kernel; one plain sentence for everybody else.

The result goes to an HTML widget, never to an Output widget: what is printed inside an
Output reaches the stored notebook as plain output of the cell.
"""

import functools
from collections.abc import Callable
from html import escape
from typing import Any

from .notebook import html_of

NOTE = (
    "Live controls: open this lab in Jupyter or on Binder and run it to set the values "
    "yourself."
)

FEW = 6  # choices that stand side by side


@functools.cache
def panel() -> Any:
    """The class of a box of controls whose stored form is the sentence NOTE.

    The page has no kernel, so a stored control could only pretend to work; and a
    widget's id is random, so storing it would change the notebook on every run.
    """
    import ipywidgets  # when first used: the start of a lab does not wait for it

    class Panel(ipywidgets.VBox):
        def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
            bundle = dict(super()._repr_mimebundle_(**kwargs) or {})
            note = f'<p class="lk-note">{escape(NOTE)}</p>'
            return {**bundle, "text/plain": NOTE, "text/html": note}

    return Panel


def live(fn: Callable[..., Any], **controls: Any) -> Any:
    """Controls for the parameters of `fn`, and a button that runs it.

    fn        called with one keyword a control; what it returns is shown: an object
              with an HTML form as HTML, anything else as text. An error is shown.
    controls  (low, high, start) whole or real numbers give a slider, a bool a check
              box, a list or dict of choices buttons, or a menu where they are many.
    """
    import ipywidgets as widgets

    inputs = {name: _control(name, spec) for name, spec in controls.items()}
    button = widgets.Button(description="Run", button_style="primary")
    result = widgets.HTML()

    def press(_: Any = None) -> None:
        button.disabled = True
        result.value = "<p>Running…</p>"
        try:
            shown = fn(**{name: control.value for name, control in inputs.items()})
            result.value = _as_html(shown)
        except Exception as error:  # the reader must see what went wrong
            result.value = _as_html(f"{type(error).__name__}: {error}")
        finally:
            button.disabled = False

    button.on_click(press)
    box = panel()([*inputs.values(), button, result])
    box.inputs, box.press, box.result = inputs, press, result
    return box


def _control(name: str, spec: Any) -> Any:
    import ipywidgets as widgets

    words = name.replace("_", " ")
    if isinstance(spec, bool):
        return widgets.Checkbox(value=spec, indent=False, description=words)
    label = {"description": words, "style": {"description_width": "initial"}}
    if isinstance(spec, tuple):
        low, high, start = spec
        whole = all(isinstance(part, int) for part in spec)
        slider = widgets.IntSlider if whole else widgets.FloatSlider
        return slider(min=low, max=high, value=start, continuous_update=False, **label)
    few = len(spec) <= FEW
    return (widgets.ToggleButtons if few else widgets.Dropdown)(options=spec, **label)


def _as_html(shown: Any) -> str:
    return html_of(shown) or f"<pre>{escape(str(shown))}</pre>"
