"""Qt's setters, which PySide6 hides where properties are attributes and PythonQt doesn't.

This file must not turn true_property on: it reads the classes as plain PySide6 shows them.
"""

import PySide6  # noqa: F401 - marks this file as one that uses plain PySide6


def setters_of(cls):
    """Return the setters of a Qt class by name."""
    return {n: getattr(cls, n) for n in dir(cls) if n.startswith("set") and n[3:4].isupper()}
