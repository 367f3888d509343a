"""qMRMLWidget and qMRMLNodeComboBox, with Slicer's property and signal names."""

from types import MappingProxyType

import vtk
from PySide6.QtCore import Property, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QWidget
from qt import pythonqt


@pythonqt
class qMRMLWidget(QWidget):
    """Knows the scene and passes it on."""

    mrmlSceneChanged = Signal(object)
    signal_aliases = MappingProxyType(
        {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}
    )

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = None
        self.isEntered = True

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self):
        return self._scene


def _plain(kind, name, default):
    return Property(
        kind,
        lambda self: self._values.get(name, default),
        lambda self, value: self._values.__setitem__(name, value),
    )


@pythonqt
class qMRMLNodeComboBox(QWidget):
    """Lists the scene's nodes of some types."""

    currentNodeChanged = Signal(object)
    signal_aliases = MappingProxyType(
        {"currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged(PyObject)"}
    )

    def __init__(self, parent=None):
        super().__init__(parent)
        self._values, self._scene, self._nodes, self._current = {}, None, [], None
        self._tags = []
        self.destroyed.connect(lambda: self.setMRMLScene(None))
        self._box = QComboBox()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box)
        self._box.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self._box.activated.connect(lambda i: self.setCurrentNode(self._nodes[i]))

    addEnabled = _plain(bool, "addEnabled", True)
    removeEnabled = _plain(bool, "removeEnabled", True)
    editEnabled = _plain(bool, "editEnabled", False)
    renameEnabled = _plain(bool, "renameEnabled", False)
    showChildNodeTypes = _plain(bool, "showChildNodeTypes", True)
    selectNodeUponCreation = _plain(bool, "selectNodeUponCreation", True)

    def _set(self, name, value):
        self._values[name] = value
        self._refresh()

    nodeTypes = Property(
        "QStringList",
        lambda self: self._values.get("nodeTypes", []),
        lambda self, v: self._set("nodeTypes", list(v)),
    )
    noneEnabled = Property(
        bool,
        lambda self: self._values.get("noneEnabled", False),
        lambda self, v: self._set("noneEnabled", v),
    )
    noneDisplay = Property(
        str,
        lambda self: self._values.get("noneDisplay", "None"),
        lambda self, v: self._set("noneDisplay", v),
    )

    def setMRMLScene(self, scene):
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene, self._tags = scene, []
        if scene is None:
            return
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndImportEvent):
            self._tags.append(scene.AddObserver(event, lambda *_: self._refresh()))
        self._refresh()

    def mrmlScene(self):
        return self._scene

    def currentNode(self):
        return self._current

    def setCurrentNode(self, node):
        if node is not None and not isinstance(node, vtk.vtkObject):
            raise TypeError(f"setCurrentNode takes a node, not {node!r}")
        if node not in self._nodes:
            node = None
        changed = node is not self._current
        self._current = node
        self._box.setCurrentIndex(self._nodes.index(node) if node in self._nodes else -1)
        if changed:
            self.currentNodeChanged.emit(node)

    def _refresh(self):
        if self._scene is None:
            return
        nodes = []
        for kind in self._values.get("nodeTypes", []):
            for node in _of_class(self._scene, kind):
                exact = node.GetClassName() == kind
                if (exact or self.showChildNodeTypes) and not node.GetHideFromEditors():
                    nodes.append(node)
        self._nodes = [None, *nodes] if self._values.get("noneEnabled") else nodes
        self._box.blockSignals(True)
        self._box.clear()
        for node in self._nodes:
            self._box.addItem(
                node.GetName() if node is not None else self._values.get("noneDisplay", "None")
            )
        self._box.blockSignals(False)
        self.setCurrentNode(self._current)


def _of_class(scene, kind):
    nodes = scene.GetNodesByClass(kind)
    nodes.UnRegister(None)
    return [nodes.GetItemAsObject(i) for i in range(nodes.GetNumberOfItems())]
