"""The panel without a mouse, and what a screen reader says of it."""

from __future__ import annotations

import numpy as np
import pytest

ONE_TEXT = False


def _qt():
    from PySide6.QtCore import Qt

    return Qt


def table_of(panel):
    table = panel.ui.findingsTableWidget
    table.setFocus()
    table.setCurrentCell(0, 0)
    panel.settle()
    return table


def name_editor(panel, table):
    """Begin to name the second lesion by F2; return the line that is typed into."""
    from PySide6.QtWidgets import QLineEdit

    table.setCurrentCell(1, 3)
    panel.press(_qt().Key_F2, table)
    (editor,) = table.findChildren(QLineEdit)
    editor.selectAll()
    return editor


def test_tab_leaves_the_list(panel, whole, labels, liver):
    panel.search("all lesions", labels, liver)
    table = table_of(panel)
    panel.press(_qt().Key_Tab, table)
    assert not table.focus
    assert panel.ui.correctionLineEdit.focus
    assert not panel.ui.followUpTableWidget.tabKeyNavigation


@pytest.mark.parametrize("key", ["Key_Up", "Key_Down"])
def test_arrows_stay_in_the_list_at_its_ends(panel, whole, labels, liver, key):
    panel.search("all lesions", labels, liver)
    table = table_of(panel)
    for _ in range(3):
        panel.press(getattr(_qt(), key), table)
    assert table.focus
    assert table.currentRow() == (0 if key == "Key_Up" else 1)


def test_f2_names_the_selected_lesion(panel, whole, labels, liver):
    from PySide6.QtTest import QTest

    panel.search("all lesions", labels, liver)
    table = table_of(panel)
    editor = name_editor(panel, table)
    QTest.keyClicks(editor, "Metastasis A")
    panel.press(_qt().Key_Return, editor)
    assert table.item(1, 0).text() == "Metastasis A"


def test_a_half_typed_name_outlives_a_change_in_the_scene(panel, whole, labels, liver):
    from PySide6.QtTest import QTest

    panel.search("all lesions", labels, liver)
    table = table_of(panel)
    editor = name_editor(panel, table)
    QTest.keyClicks(editor, "Metas")
    panel.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "another")
    panel.wait()
    panel.panel.update()
    panel.settle()
    QTest.keyClicks(editor, "tasis A")
    panel.press(_qt().Key_Return, editor)
    assert table.item(1, 0).text() == "Metastasis A"


def test_from_typing_to_a_dropped_lesion_by_keys_alone(panel, whole, labels, liver):
    from PySide6.QtTest import QTest

    panel.search("all lesions", labels, liver)
    widget = panel.ui.promptLineEdit
    for _ in range(40):
        QTest.keyClick(widget, _qt().Key_Tab)
        panel.settle()
        widget = panel.widget.parent.focusWidget()
        if widget.objectName == "findingsTableWidget":
            break
    assert widget.objectName == "findingsTableWidget"
    panel.press(_qt().Key_Down, widget)
    panel.press(_qt().Key_Space, widget)
    row = widget.currentRow()
    (segment_id,) = panel.segments()
    assert np.array_equal(panel.mask(segment_id, whole), labels == 2 - row)


def test_what_takes_the_keyboard_has_a_name(panel):
    """A text on it, or a name for screen readers."""
    nameless = []
    for name, widget in vars(panel.ui).items():
        takes = getattr(widget, "focusPolicy", _qt().NoFocus)
        if takes == _qt().NoFocus or name.endswith("Label") or name.startswith("qt_"):
            continue
        text = getattr(widget, "text", "")
        if not widget.accessibleName and not (isinstance(text, str) and text):
            nameless.append(name)
    assert nameless == []
