"""A picture of a follow-up: each lesion in the earlier study on the left, later on the right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.io.atomic import replacing
from lsms_core.io.figure import Outline, Panel, draw_panel

if TYPE_CHECKING:
    from lsms_core.anatomy.alignment import Alignment
    from lsms_core.anatomy.follow_up import FollowUp, LesionChange
    from lsms_core.anatomy.lesion import Lesion
    from lsms_core.cohort.follow_up_study import LoadedStudy

MOST_ROWS = 4
_COLOUR = (255, 150, 30)
_SIDE_PIXELS = 460


def save_follow_up(path: Path, found: FollowUp, before: LoadedStudy, after: LoadedStudy) -> None:
    """Draw the first few changes, one a row; both studies need their CT.

    A lesion that is new or gone is shown in the one study, and its place in the other.

    Raises:
        DependencyError: without Pillow.
        OutputError: when it cannot be written.
    """
    rows = [_row(change, found.alignment, before, after) for change in found.changes[:MOST_ROWS]]
    if not rows:
        rows = [(_panel(before, None, "no lesion"), _panel(after, None, "no lesion"))]
    drawn = [[draw_panel(panel, _SIDE_PIXELS) for panel in row] for row in rows]
    from PIL import Image

    width = max(picture.width for row in drawn for picture in row)
    heights = [max(picture.height for picture in row) for row in drawn]
    canvas = Image.new("RGB", (2 * width, sum(heights)), (16, 16, 18))
    for number, row in enumerate(drawn):
        for column, picture in enumerate(row):
            canvas.paste(picture, (column * width, sum(heights[:number])))
    with replacing(path) as partial, partial.open("wb") as file:
        canvas.save(file, "PNG")


def _row(
    change: LesionChange, alignment: Alignment, before: LoadedStudy, after: LoadedStudy
) -> Sequence[Panel]:
    said = change.fate if change.size_change_mm is None else (
        f"{change.size_change_mm:+.1f} mm, volume {change.volume_change_percent:+.0f} %"
    )  # fmt: skip
    elsewhere = np.linalg.inv(alignment.matrix)
    place_before = None if change.after is None else alignment.moved(change.after.centroid_ras)
    place_after = None
    if change.before is not None:
        x, y, z = elsewhere[:3, :3] @ change.before.centroid_ras + elsewhere[:3, 3]
        place_after = (float(x), float(y), float(z))
    return (
        _panel(before, change.before, "before", place_before),
        _panel(after, change.after, f"after: {said}", place_after),
    )


def _panel(
    loaded: LoadedStudy,
    lesion: Lesion | None,
    title: str,
    place: tuple[float, float, float] | None = None,
) -> Panel:
    assert loaded.volume is not None
    volume, labels = loaded.volume, loaded.study.labels
    seen = SlicePlane.of(volume, "axial")
    index, outlines, lines = volume.shape[seen.axis] // 2, [], ["not here"]
    if lesion is not None:
        index = lesion.diameter_slice
        mask = seen.extract(labels.array == lesion.number, index)
        outlines = [Outline(mask, _COLOUR)]
        lines = [f"{lesion.longest_mm:.1f} x {lesion.perpendicular_mm:.1f} mm, "
                 f"{lesion.volume_ml:.2f} mL"]  # fmt: skip
    elif place is not None:
        kji = np.linalg.solve(volume.affine, np.array([*place, 1.0]))[2::-1]
        index = int(np.clip(round(kji[seen.axis]), 0, volume.shape[seen.axis] - 1))
    return Panel(
        image=seen.extract(volume.array, index),
        spacing_mm=seen.spacing_mm,
        plane=seen.plane,
        title=title,
        lines=[*lines, f"axial slice {index}"],
        outlines=outlines,
        colour=_COLOUR if lesion is not None else (235, 235, 235),
    )
