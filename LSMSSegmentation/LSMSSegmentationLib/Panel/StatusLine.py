"""The line below Run: what is going on, what came of it, what went wrong."""

from slicer.i18n import tr as _

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


def progressText(stage, done, total, secondsLeft):
    """Return a progress event in words."""
    if stage == "explain":
        return _("Explaining: step {done} of {total}").format(done=done, total=total)
    if stage != "slices":
        return _("Loading the model…")
    text = _("Slice {done} of {total}").format(done=done, total=total)
    if secondsLeft is None or done >= total:
        return text
    return text + ", " + _("about {time} left").format(time=_duration(secondsLeft))


def _duration(seconds):
    if seconds < 60:
        return _("{seconds} s").format(seconds=max(1, round(seconds)))
    return _("{minutes} min").format(minutes=round(seconds / 60))
