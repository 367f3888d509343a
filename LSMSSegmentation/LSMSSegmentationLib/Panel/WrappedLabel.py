"""Labels of several lines that are never cut.

In a form layout Qt gives a label with word wrap the height of one line: its height depends on
its width, which the layout does not ask. So the label's minimum height follows its text and width.
"""

import qt


class WrappedLabel(qt.QObject):
    """Keeps a label as high as its text needs.

    Args:
        label: a QLabel with word wrap.
    """

    def __init__(self, label):
        qt.QObject.__init__(self)
        self._label = label
        label.installEventFilter(self)
        self.fit()

    def setText(self, text):
        """Show a text, whole."""
        if self._label.text != text:
            self._label.text = text
        self.fit()

    def fit(self):
        """Give the label the height that its text needs at its width."""
        label = self._label
        # Qt never answers with less than the minimum, so that the label would only ever grow.
        label.minimumHeight = 0
        height = label.heightForWidth(label.width) if label.text and label.width > 0 else 0
        label.minimumHeight = max(height, 0)

    def eventFilter(self, _watched, event):
        if event.type() in (qt.QEvent.Resize, qt.QEvent.Show):
            self.fit()
        return False
