"""Draw the thumbnail of the synthetic CT that the Sample Data module shows.

Run ``python Resources/Icons/render_sample_ct.py`` after a change of the phantom.
"""

import os
from pathlib import Path

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage

from lsms_core.phantom import make_phantom

TARGET = (
    Path(__file__).resolve().parents[2]
    / "LSMSSegmentation"
    / "Resources"
    / "Icons"
    / "LSMSSyntheticCT.png"
)
SEED = 1  # the one of LSMSSegmentationLib.SampleCT
CENTRE_HU, WIDTH_HU = 50.0, 350.0
WIDTH, HEIGHT = 192, 144


def main() -> None:
    """Draw the slice with the largest lesion in a soft-tissue window."""
    phantom = make_phantom(SEED)
    lesion = max(phantom.lesions, key=lambda one: one.longest_mm)
    row, column = phantom.ct.spacing_mm[1], phantom.ct.spacing_mm[0]
    picture = phantom.ct.array[lesion.slice_index].astype(np.float32)
    grey = np.clip((picture - CENTRE_HU) / WIDTH_HU + 0.5, 0.0, 1.0) * 255.0
    bytes_ = np.ascontiguousarray(grey.astype(np.uint8))
    rows, columns = bytes_.shape
    image = QImage(bytes_.data, columns, rows, columns, QImage.Format.Format_Grayscale8)
    height = round(rows * row / column)
    image = image.scaled(
        columns,
        height,
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    ).scaled(
        WIDTH,
        HEIGHT,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    if not image.save(str(TARGET)):
        raise OSError(f"{TARGET} could not be written")


if __name__ == "__main__":
    application = QGuiApplication([])
    main()
