"""The few CTK widgets that the panel uses, with CTK's property and signal names."""

from PySide6.QtCore import Property, QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionButton,
    QToolButton,
    QWidget,
)
from qt import pythonqt

_HEADER = 26


class ctkCheckBox:  # only its type is asked for
    pass


class ctkComboBox:  # only its type is asked for
    pass


def __getattr__(name):
    """Types that parameterNodeWrapper compares with and the panel never makes."""
    if name.startswith("ctk"):
        return type(name, (), {})
    raise AttributeError(name)


@pythonqt
class ctkCollapsibleButton(QAbstractButton):
    """A header that shows and hides what is below it."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._collapsed, self._folded = False, []
        self.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Maximum)
        self.setContentsMargins(0, _HEADER, 0, 2)
        self.clicked.connect(lambda: self._set_collapsed(not self._collapsed))

    def _get_collapsed(self):
        return self._collapsed

    def _set_collapsed(self, collapsed):
        changed = collapsed != self._collapsed
        self._collapsed = collapsed
        self._apply()
        if changed:
            self.contentsCollapsed.emit(collapsed)

    collapsed = Property(bool, _get_collapsed, _set_collapsed)

    def _apply(self):
        for child in self.findChildren(QWidget, options=Qt.FindDirectChildrenOnly):
            # Keeps what the panel itself has hidden, as CTK does.
            if self._collapsed and not child.isHidden():
                child.hide()
                self._folded.append(child)
        if not self._collapsed:
            for child in self._folded:
                child.show()
            self._folded.clear()
        self.updateGeometry()
        self.update()

    def showEvent(self, event):
        if self._collapsed:
            self._apply()
        super().showEvent(event)

    def sizeHint(self):
        inner = self.layout().totalSizeHint() if self.layout() else QSize(120, _HEADER)
        return QSize(inner.width(), _HEADER if self._collapsed else inner.height())

    def minimumSizeHint(self):
        inner = self.layout().totalMinimumSize() if self.layout() else QSize(120, _HEADER)
        return QSize(inner.width(), _HEADER if self._collapsed else inner.height())

    def hasHeightForWidth(self):
        return bool(self.layout()) and self.layout().hasHeightForWidth()

    def heightForWidth(self, width):
        if self._collapsed:
            return _HEADER
        return self.layout().totalHeightForWidth(width)

    def paintEvent(self, event):
        painter = QPainter(self)
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect = QRect(0, 0, option.rect.width(), _HEADER - 2)
        self.style().drawPrimitive(QStyle.PE_PanelButtonCommand, option, painter, self)
        painter.setPen(option.palette.color(QPalette.ButtonText))
        arrow = "\u25b8" if self._collapsed else "\u25be"
        place = option.rect.adjusted(8, 0, 0, 0)
        painter.drawText(place, Qt.AlignVCenter, f"{arrow}  {self.text()}")


@pythonqt
class ctkSliderWidget(QWidget):
    """A slider for numbers with decimals, and a spin box."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._slider, self._box = QSlider(Qt.Horizontal), QDoubleSpinBox()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider, 1)
        row.addWidget(self._box)
        self._box.valueChanged.connect(self._box_changed)
        self._slider.valueChanged.connect(lambda v: self._box.setValue(v / 100.0))
        self._fit()

    def _fit(self):
        self._slider.setRange(round(self._box.minimum() * 100), round(self._box.maximum() * 100))

    def _box_changed(self, value):
        self._slider.blockSignals(True)
        self._slider.setValue(round(value * 100))
        self._slider.blockSignals(False)
        self.valueChanged.emit(value)

    value = Property(float, lambda s: s._box.value(), lambda s, v: s._box.setValue(v))
    singleStep = Property(
        float, lambda s: s._box.singleStep(), lambda s, v: s._box.setSingleStep(v)
    )
    pageStep = Property(float, lambda s: s._slider.pageStep() / 100, lambda s, v: None)
    decimals = Property(int, lambda s: s._box.decimals(), lambda s, v: s._box.setDecimals(v))
    tracking = Property(bool, lambda s: True, lambda s, v: None)

    def _set_minimum(self, value):
        self._box.setMinimum(value)
        self._fit()

    def _set_maximum(self, value):
        self._box.setMaximum(value)
        self._fit()

    minimum = Property(float, lambda s: s._box.minimum(), _set_minimum)
    maximum = Property(float, lambda s: s._box.maximum(), _set_maximum)


@pythonqt
class ctkPathLineEdit(QWidget):
    """A path and a button to choose it."""

    currentPathChanged = Signal(str)
    Dirs = 1

    def __init__(self, parent=None):
        super().__init__(parent)
        self._edit = QComboBox()
        self._edit.setEditable(True)
        self._edit.setSizePolicy(
            self._edit.sizePolicy().Policy.Ignored, self._edit.sizePolicy().verticalPolicy()
        )
        button = QToolButton()
        button.setText("\u2026")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._edit, 1)
        row.addWidget(button)
        self._edit.editTextChanged.connect(self.currentPathChanged)

    currentPath = Property(
        str, lambda s: s._edit.currentText(), lambda s, v: s._edit.setEditText(v)
    )
    filters = Property(int, lambda s: 0, lambda s, v: None)
    settingKey = Property(str, lambda s: "", lambda s, v: None)
