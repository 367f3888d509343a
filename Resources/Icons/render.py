"""Render the icons' SVG sources to the PNG files that Slicer shows.

Run ``python Resources/Icons/render.py`` with PySide6 after a change of an SVG.
"""

import os
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

HERE = Path(__file__).resolve().parent
MODULE_ICONS = HERE.parents[1] / "LSMSSegmentation" / "Resources" / "Icons"

# source, size in pixels, target
ICONS = (
    ("LSMSSegmentation.svg", 128, HERE / "LSMSSegmentation.png"),
    ("LSMSSegmentation.svg", 128, MODULE_ICONS / "LSMSSegmentation.png"),
    ("LSMSSegmentEditorEffect.svg", 64, MODULE_ICONS / "LSMSSegmentEditorEffect.png"),
)


def render(source: Path, size: int, target: Path) -> None:
    """Draw an SVG on a transparent square and save it."""
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(str(source)).render(painter)
    painter.end()
    target.parent.mkdir(parents=True, exist_ok=True)
    if not image.save(str(target)):
        raise OSError(f"{target} could not be written")


if __name__ == "__main__":
    application = QGuiApplication([])
    for name, pixels, path in ICONS:
        render(HERE / name, pixels, path)
