"""slicer.parameterNodeWrapper: the types and widgets that the module binds, no others.

A pair of type and widget that Slicer's guiConnectors.py doesn't know raises here, too.
"""

import enum
import types
import typing

import slicer
import vtk


class Minimum:
    def __init__(self, minimum):
        self.minimum = minimum

    def validate(self, value):
        if value < self.minimum:
            raise ValueError(f"Value must be greater than {self.minimum}, is {value}")


class WithinRange:
    def __init__(self, minimum, maximum):
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be in {self.minimum} to {self.maximum}, is {value}")


class _Parameter:
    """One parameter of a class: its type, its rules, how it is kept as text."""

    def __init__(self, name, hint, default):
        self.name = name
        self.kind = typing.get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
        self.rules = list(getattr(hint, "__metadata__", ()))
        self.is_node = issubclass(self.kind, vtk.vtkObject)
        if default is None and not self.is_node:
            default = next(iter(self.kind)) if issubclass(self.kind, enum.Enum) else self.kind()
        self.default = default

    def read(self, node):
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        if issubclass(self.kind, enum.Enum):
            return self.kind[text]
        if self.kind is bool:
            return text == "True"
        return self.kind(text)

    def write(self, node, value):
        fits = (float, int) if self.kind is float else self.kind
        if value is not None and not isinstance(value, fits):
            raise TypeError(f"{self.name} must be {self.kind}, is {value!r}")
        for rule in self.rules:
            rule.validate(value)
        if self.is_node:
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            is_enum = isinstance(value, enum.Enum)
            node.SetParameter(self.name, value.name if is_enum else str(value))


class _Connector:
    """A widget and a parameter; what is possible follows Slicer's guiConnectors.py."""

    def __init__(self, widget, parameter):
        import ctk
        import qt

        self.widget, self.parameter = widget, parameter
        kind, cls = parameter.kind, type(widget)
        bounded = [r for r in parameter.rules if isinstance(r, WithinRange)]
        if kind is bool and cls is qt.QCheckBox:
            self.signal, self.name = widget.stateChanged, "checked"
        elif kind is int and cls is qt.QSpinBox:
            self.signal, self.name = widget.valueChanged, "value"
            lowest = [r.minimum for r in parameter.rules if isinstance(r, Minimum)]
            widget.minimum = lowest[0] if lowest else -(2**31)
            widget.maximum = 2**31 - 1
        elif kind is float and cls in (qt.QDoubleSpinBox, ctk.ctkSliderWidget):
            if cls is ctk.ctkSliderWidget and not bounded:
                raise RuntimeError("A ctkSliderWidget needs a bounded type.")
            self.signal, self.name = widget.valueChanged, "value"
            widget.minimum = bounded[0].minimum if bounded else float("-inf")
            widget.maximum = bounded[0].maximum if bounded else float("inf")
        elif kind is str and cls is qt.QLineEdit:
            self.signal, self.name = widget.textChanged, "text"
        elif issubclass(kind, enum.Enum) and cls is qt.QComboBox:
            self.signal, self.name = widget.currentIndexChanged, "currentIndex"
            label = getattr(kind, "label", lambda e: e.name)
            widget.clear()
            for entry in kind:
                widget.addItem(label(entry))
        elif parameter.is_node and cls is slicer.qMRMLNodeComboBox:
            self.signal, self.name = widget.currentNodeChanged, None
            widget.nodeTypes = [kind.__name__]
        else:
            raise RuntimeError(f"Unable to create GUI connector from {kind} to {cls}.")

    def read(self):
        if self.name is None:
            return self.widget.currentNode()
        value = getattr(self.widget, self.name)
        return list(self.parameter.kind)[value] if self.name == "currentIndex" else value

    def write(self, value):
        if self.name is None:
            self.widget.setCurrentNode(value)
            return
        if self.name == "currentIndex":
            value = list(self.parameter.kind).index(value)
        if getattr(self.widget, self.name) != value:
            setattr(self.widget, self.name, value)


class _Methods:
    """What a wrapped class gets."""

    def __init__(self, parameterNode):
        self.parameterNode = parameterNode
        self._guis, self._updating = {}, False
        for parameter in self.allParameters.values():
            if not parameterNode.HasParameter(parameter.name):
                parameter.write(parameterNode, parameter.default)

    def connectGui(self, gui):
        found = {w.property("SlicerParameterName"): w for w in vars(gui).values()}
        found.pop(None, None)
        for name in found:
            if name not in self.allParameters:
                raise ValueError(f"Cannot find a param with the given name: {name}")
        pairs = [_Connector(w, self.allParameters[name]) for name, w in found.items()]
        for pair in pairs:
            pair.write(getattr(self, pair.parameter.name))
            pair.callback = lambda *_, p=pair: self._from_widget(p)
            pair.signal.connect(pair.callback)
        tag = len(self._guis)
        observer = self.parameterNode.AddObserver(
            vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_widgets()
        )
        self._guis[tag] = (pairs, observer)
        return tag

    def disconnectGui(self, tag):
        if tag in self._guis:
            pairs, observer = self._guis.pop(tag)
            for pair in pairs:
                pair.signal.disconnect(pair.callback)
            self.parameterNode.RemoveObserver(observer)

    def _from_widget(self, pair):
        if not self._updating:
            with slicer.util.NodeModify(self.parameterNode):
                setattr(self, pair.parameter.name, pair.read())

    def _to_widgets(self):
        if self._updating:
            return
        self._updating = True
        try:
            for pairs, _ in list(self._guis.values()):
                for pair in pairs:
                    pair.write(getattr(self, pair.parameter.name))
        finally:
            self._updating = False


def parameterNodeWrapper(cls):
    """Make properties of a class's annotations, kept in a vtkMRMLScriptedModuleNode."""
    hints = typing.get_type_hints(cls, include_extras=True)
    parameters = {n: _Parameter(n, h, getattr(cls, n, None)) for n, h in hints.items()}
    body = {"allParameters": parameters, "__doc__": cls.__doc__}
    for name, parameter in parameters.items():
        body[name] = property(
            lambda self, p=parameter: p.read(self.parameterNode),
            lambda self, value, p=parameter: p.write(self.parameterNode, value),
        )
    return type(cls.__name__, (_Methods,), body)


def module():
    """Return it as slicer.parameterNodeWrapper."""
    result = types.ModuleType("slicer.parameterNodeWrapper")
    result.Minimum, result.WithinRange = Minimum, WithinRange
    result.parameterNodeWrapper = parameterNodeWrapper
    return result
