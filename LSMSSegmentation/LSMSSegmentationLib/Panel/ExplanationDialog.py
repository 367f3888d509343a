"""The window that "Why here?" opens: each stage as a picture with a caption."""

import tempfile
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

_PICTURE_PIXELS = 240


class ExplanationDialog:
    """Shows an explanation beside Slicer's main window, which stays usable.

    Args:
        onPrompt: called with a number when another of the run's prompts is chosen.
    """

    def __init__(self, onPrompt):
        self._onPrompt = onPrompt
        self._filling = False
        self.widget = qt.QDialog(slicer.util.mainWindow())
        self.widget.objectName = "LSMSExplanationDialog"
        self.widget.setWindowTitle(_("Why here?"))
        layout = qt.QVBoxLayout(self.widget)
        self.promptComboBox = qt.QComboBox(self.widget)
        self.promptComboBox.toolTip = _("The prompts of the last run.")
        self.promptComboBox.connect("currentIndexChanged(int)", self._onIndex)
        self.whereLabel = self._label()
        self.verdictLabel = self._label()
        layout.addWidget(self.promptComboBox)
        layout.addWidget(self.whereLabel)
        layout.addWidget(self.verdictLabel)
        self._row = qt.QHBoxLayout()
        layout.addLayout(self._row)
        self.pictureLabels, self.captionLabels, self._columns = [], [], []
        self.wordsLabel = self._label()
        layout.addWidget(self.wordsLabel)
        advice = self._label()
        advice.setText(
            _(
                "This shows what the model did, not that it is right. Research use only, not a "
                "medical device."
            )
        )
        layout.addWidget(advice)
        self.closeButton = qt.QPushButton(_("Close"), self.widget)
        self.closeButton.connect("clicked()", self.hide)
        layout.addWidget(self.closeButton)

    def _label(self):
        label = qt.QLabel(self.widget)
        label.textFormat = qt.Qt.PlainText  # prompts are shown as they were typed
        label.wordWrap = True
        return label

    def show(self, explanation, prompts, number):
        """Fill the window and bring it to the front.

        Args:
            explanation: the :class:`Explanation`.
            prompts: the run's prompts.
            number: which of them is explained.

        Raises:
            OutputError: when the pictures cannot be passed to Qt.
        """
        finding = explanation.finding
        pixmaps = [_pixmap(picture) for _title, _caption, picture in explanation.stages]
        self._filling = True
        self.promptComboBox.clear()
        for prompt in prompts:
            self.promptComboBox.addItem(prompt)
        self.promptComboBox.currentIndex = number
        self.promptComboBox.enabled = len(prompts) > 1
        self._filling = False
        self.whereLabel.setText(
            _("{plane} slice {index}, model {model}. The patient's left is on the right.").format(
                plane=finding.plane.capitalize(), index=explanation.index, model=explanation.model
            )
            if finding.plane != "sagittal"
            else _("Sagittal slice {index}, model {model}. Anterior is on the left.").format(
                index=explanation.index, model=explanation.model
            )
        )
        self.verdictLabel.setText(explanation.verdict)
        self._clearRow()
        for (title, caption, _picture), pixmap in zip(explanation.stages, pixmaps, strict=True):
            self._addStage(title, caption, pixmap)
        told = "\n".join(filter(None, (wordsText(explanation.words), *explanation.reasons)))
        self.wordsLabel.setText(told)
        self.wordsLabel.setVisible(bool(told))
        self.widget.show()
        self.widget.raise_()

    def _clearRow(self):
        for column in self._columns:
            self._row.removeWidget(column)
            column.hide()
            column.deleteLater()
        self.pictureLabels, self.captionLabels, self._columns = [], [], []

    def _addStage(self, title, caption, pixmap):
        column = qt.QWidget(self.widget)
        layout = qt.QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        picture, text = qt.QLabel(column), qt.QLabel(column)
        picture.setPixmap(pixmap)
        text.textFormat = qt.Qt.PlainText
        text.wordWrap = True
        text.setText(f"{title}\n{caption}")
        text.setMaximumWidth(_PICTURE_PIXELS)
        layout.addWidget(picture)
        layout.addWidget(text)
        layout.addStretch(1)
        self._row.addWidget(column)
        self.pictureLabels.append(picture)
        self.captionLabels.append(text)
        self._columns.append(column)

    def _onIndex(self, number):
        if not self._filling and number >= 0:
            self._onPrompt(number)

    def hide(self):
        self.widget.hide()

    def cleanup(self):
        self.widget.hide()
        self.widget.deleteLater()


def wordsText(words):
    """Say how far each word moves the probability, "" for no words."""
    if not words:
        return ""
    parts = [
        _("“{word}” {points}").format(word=word, points=round(100 * change))
        for word, change in words
    ]
    text = _(
        "Left out of the text, each word changes the probability of the area in question by, "
        "in percentage points: {words}."
    ).format(words=", ".join(parts))
    if any(round(100 * change) == 0 for _word, change in words):
        text += " " + _("A word with 0 makes no difference here.")
    return text


def _pixmap(picture):
    """Turn (rows, columns, 3) bytes into a QPixmap, by a file that is gone at once."""
    from lsms_core.evaluation.mistake_pictures import save_png

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stage.png"
        save_png(path, picture)
        pixmap = qt.QPixmap(str(path))
    return pixmap.scaledToWidth(_PICTURE_PIXELS, qt.Qt.SmoothTransformation)
