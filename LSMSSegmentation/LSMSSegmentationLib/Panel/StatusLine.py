"""The status line below Run: progress, outcome, errors."""

from LSMSSegmentationLib.Panel.WrappedLabel import WrappedLabel

_STYLES = {
    "info": "",
    "nothing": "background: #fff3cd; color: #4d3b00; border-radius: 3px;",
    "warning": "background: #fff3cd; color: #4d3b00; border-radius: 3px;",
    "error": "background: #f8d7da; color: #5c1219; border-radius: 3px;",
}


class StatusLine:
    """Shows a text in a label.

    Args:
        label: a QLabel of plain text.
    """

    def __init__(self, label):
        self._label = label
        self._wrapped = WrappedLabel(label)
        self.kind = "info"
        self.show("info", "")

    @property
    def text(self):
        """What is shown now."""
        return self._label.text

    def show(self, kind, text):
        """Show a text; ``kind`` is "info", "nothing", "warning" or "error"."""
        self.kind = kind
        self._label.styleSheet = _STYLES[kind]
        self._label.visible = bool(text)
        self._wrapped.setText(text)


def attempt(action, say):
    """Do something and return its result; where it fails, say why and return None.

    Args:
        action: called; may raise LsmsError.
        say: called with (kind, text).
    """
    from lsms_core.errors import LsmsError

    try:
        return action()
    except LsmsError as error:
        say("error", str(error))
        return None
