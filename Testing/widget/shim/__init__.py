"""A stand-in for the desktop's half of Slicer, for tests: Qt by PySide6, MRML by slicer-core.

Set LSMS_SLICER_SOURCE to a checkout of Slicer, and its own ScriptedLoadableModule.py, i18n.py
and parameterNodeWrapper run instead of the shim's subset.
"""

import ctypes
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def install(module_path):
    """Put ``qt``, ``ctk`` and the rest of ``slicer`` in place.

    Args:
        module_path: the module's entry file.
    """
    _protect_constants()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.path.insert(0, str(HERE))
    import ctk  # noqa: F401 - in sys.modules from now on
    import mrml_widgets
    import slicer
    import slicer.util
    from application import complete

    slicer.qMRMLWidget = mrml_widgets.qMRMLWidget
    slicer.qMRMLNodeComboBox = mrml_widgets.qMRMLNodeComboBox
    complete(slicer, module_path)
    use_pythonqt_attributes(["scripted", "parameter_node", "slicer.util"])
    source = os.environ.get("LSMS_SLICER_SOURCE")
    if source:
        # Types that guiConnectors.py compares with.
        for name in ("qMRMLSliderWidget", "qMRMLSpinBox", "qMRMLRangeWidget"):
            setattr(slicer, name, type(name, (), {}))
        folder = Path(source) / "Base" / "Python" / "slicer"
        slicer.__path__.append(str(folder))
        wrapper = [f"slicer.parameterNodeWrapper.{f.stem}" for f in folder.glob("*/*.py")]
        use_pythonqt_attributes(["slicer.ScriptedLoadableModule", *wrapper])
        return
    import parameter_node
    import scripted

    found = {**scripted.modules(), "slicer.parameterNodeWrapper": parameter_node.module()}
    sys.modules.update(found)
    for name, module in found.items():
        setattr(slicer, name.rpartition(".")[2], module)


def use_pythonqt_attributes(names):
    """Let modules see Qt as PythonQt shows it: properties, not getters and setters."""
    from shibokensupport import feature

    for name in names:
        feature.pyside_feature_dict[name] = 2


def _protect_constants():
    """Give Python's constants references to spare: true_property's setters take one too many.

    From Python 3.12 on these objects never die.
    """
    if sys.version_info < (3, 12):
        for constant in (None, True, False, "", (), *range(-5, 257)):
            ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 30
