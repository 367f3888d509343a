"""Shows the reading of the prompt while it is typed, as short phrases below the line."""

import html

from slicer.i18n import tr as _

from LSMSSegmentationLib.Panel.WrappedLabel import WrappedLabel

# Dark on light in Slicer's light and dark styles alike.
_READ = "background-color:#cfe8d5; color:#10391c;"
_UNREAD = "background-color:#ffdfb3; color:#5a3200;"
_NOT_UNDERSTOOD = "background-color:#f8d7da; color:#5c1219;"


class ReadingLabel:
    """Shows readings in a label.

    Args:
        label: a QLabel of rich text with word wrap.
    """

    def __init__(self, label):
        self._label = label
        self._wrapped = WrappedLabel(label)
        self.show("")

    def show(self, text):
        """Show what is read from a text, which may hold several prompts."""
        content = readingHtml(text)
        self._label.visible = bool(content)
        self._wrapped.setText(content)


def readingHtml(text):
    """Return the reading of a text as rich text, "" for an empty one."""
    from lsms_core.language.read import read

    prompts = [part.strip() for part in str(text or "").split(";") if part.strip()]
    return "<br>".join(_one(read(prompt)) for prompt in prompts)


def _one(reading):
    from lsms_core.language.chips import chips

    if not reading.understood:
        return _chip(_("not understood"), _NOT_UNDERSTOOD)
    parts = [_chip(chip.text, _READ) for chip in chips(reading)]
    if reading.unread:
        said = _("not read: {words}").format(words=", ".join(reading.unread))
        # As long as the text may be: it goes on in the next line where it must.
        parts.append(_chip(said, _UNREAD).replace(",&nbsp;", ", "))
    return " ".join(parts)


def _chip(text, style):
    # No-break spaces hold a phrase and its margins together in one line.
    words = html.escape(text).replace(" ", "&nbsp;")
    return f'<span style="{style}">&nbsp;{words}&nbsp;</span>'
