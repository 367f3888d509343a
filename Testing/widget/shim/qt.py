"""Slicer's ``qt`` module on PySide6: classes that behave as PythonQt shows them.

Properties are attributes (PySide6's true_property), and ``object.connect("signal()", f)`` works.
Signals and properties that Qt doesn't have raise, where PythonQt would only print a warning.
"""

import sys

from setters import setters_of  # first: with plain PySide6

# PySide6 reads the source of every loaded module for this; torch's magic ones don't stand it.
_magic = {n: m for n, m in sys.modules.items() if n.startswith(("torch.classes", "torch.ops"))}
for _name in _magic:
    del sys.modules[_name]
import PySide6  # noqa: E402, F401 - true_property needs it first
from __feature__ import true_property  # noqa: E402, F401
from PySide6 import QtCore, QtGui, QtTest, QtUiTools, QtWidgets  # noqa: E402

sys.modules.update(_magic)

_MODULES = (QtCore, QtGui, QtWidgets, QtTest)
_classes = {}
# Python's half of widgets that only Qt's parents own would be lost, and with it their class.
_kept = []


def signal_of(sender, signature):
    """Return the signature under which Qt knows a signal; raises for one that is not there."""
    aliases = getattr(type(sender), "signal_aliases", {})
    wanted = aliases.get(signature, signature)
    normal = bytes(QtCore.QMetaObject.normalizedSignature(wanted).data()).decode()
    if sender.metaObject().indexOfSignal(normal) < 0:
        raise AttributeError(f"{type(sender).__name__} has no signal {signature}")
    return QtCore.SIGNAL(normal)


def _connect(self, signature, receiver):
    if not callable(receiver):
        raise TypeError(f"{receiver!r} cannot be called")
    return QtCore.QObject.connect(self, signal_of(self, signature), receiver)


def _disconnect(self, signature, receiver):
    return QtCore.QObject.disconnect(self, signal_of(self, signature), receiver)


def _plain(native):
    # A function, which binds to the instance; what PySide6 has does not bind to a subclass.
    def setter(self, *arguments):
        return native(self, *arguments)

    return setter


def pythonqt(cls):
    """Give a QObject class what PythonQt adds to it."""
    cls.connect = _connect
    cls.disconnect = _disconnect
    cls.name = property(lambda self: self.objectName)
    cls.className = lambda self: cls.__name__
    return cls


def __getattr__(name):
    if name in _classes:
        return _classes[name]
    for module in _MODULES:
        found = getattr(module, name, None)
        if found is not None:
            if isinstance(found, type) and issubclass(found, QtCore.QObject):
                body = {"__module__": __name__}
                for setter, native in setters_of(found).items():
                    body[setter] = _plain(native)
                found = pythonqt(type(name, (found,), body))
            _classes[name] = found
            return found
    raise AttributeError(f"module 'qt' has no attribute {name!r}")


class QUiLoader(QtUiTools.QUiLoader):
    """Makes the shim's classes, ctk's and Slicer's among them, and the connections."""

    def createWidget(self, class_name, parent=None, name=""):
        import ctk
        import slicer

        if class_name.startswith("ctk"):
            widget = getattr(ctk, class_name)(parent)
        elif class_name.startswith("qMRML"):
            widget = getattr(slicer, class_name)(parent)
        else:
            widget = __getattr__(class_name)(parent)
        widget.objectName = name
        _kept.append(widget)
        return widget

    def load(self, file, parent=None):
        import xml.etree.ElementTree as ElementTree

        tree = ElementTree.fromstring(bytes(file.readAll().data()))
        connections = tree.find("connections")
        pairs = [] if connections is None else list(connections)
        if connections is not None:
            tree.remove(connections)
        buffer = QtCore.QBuffer()
        buffer.open(QtCore.QIODevice.ReadWrite)
        buffer.write(ElementTree.tostring(tree))
        buffer.seek(0)
        root = super().load(buffer, parent)
        for pair in pairs:
            sender, signal, receiver, slot = (
                pair.find(tag).text for tag in ("sender", "signal", "receiver", "slot")
            )
            ends = [
                root if n == root.objectName else root.findChild(QtWidgets.QWidget, n)
                for n in (sender, receiver)
            ]
            _connect(ends[0], signal, getattr(ends[1], slot.partition("(")[0]))
        return root
