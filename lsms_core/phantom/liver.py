"""The liver with its fissures, the gallbladder and the inferior vena cava."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lsms_core.phantom.body import Trunk
from lsms_core.phantom.canvas import Box, Canvas
from lsms_core.phantom.organs import PORTAL_VENOUS_HU, Organ
from lsms_core.phantom.shapes import (
    Floats,
    Points,
    Triple,
    common,
    curve,
    ellipsoid,
    union,
    without,
)

VENA_CAVA = (
    (-17, 0, 130),
    (-19, 6, 70),
    (-23, 15, 45),
    (-24, 21, 10),
    (-23, 24, -25),
    (-22, 28, -110),
)
_VENA_CAVA_RADII = (13.5, 12.5, 11.5, 10.5, 10.0, 10.0)
GALLBLADDER = ((-52, -30, -12), (-57, -44, -28), (-62, -58, -48))
_GALLBLADDER_RADII = (5.0, 11.0, 13.0)


@dataclass(frozen=True)
class Liver:
    """The liver in its box.

    Attributes:
        box: where.
        distance: to its surface, mm, negative inside; the box's shape.
    """

    box: Box
    distance: Floats


def make_liver(canvas: Canvas, trunk: Trunk, hu: float) -> Liver | None:
    """Paint the liver; None where none of it is on the grid.

    Args:
        canvas: with the trunk painted.
        trunk: its surfaces.
        hu: attenuation of the parenchyma.
    """
    box = canvas.box((-150, -120, -110), (115, 110, 95))
    if box is None:
        return None
    points = canvas.at(box)
    liver = _lobes(canvas, points)
    liver = liver + 1.6 * canvas.noise("liver", 28, box) + 0.5 * canvas.noise("liver", 12, box)
    liver = _fissures(canvas, box, liver)
    for path, radii, gap in (
        (VENA_CAVA, _VENA_CAVA_RADII, -1.8),
        (GALLBLADDER, _GALLBLADDER_RADII, 1.2),
    ):
        made = canvas.tube(*curve(path, radii), margin_mm=14.0)
        if made is not None:
            liver = _cut(liver, box, made, gap)
    liver = common(liver, trunk.abdomen[box] + np.float32(0.3), 3.0)
    liver = np.asarray(liver, dtype=np.float32)
    texture = 2.0 * canvas.noise("parenchyma", 4, box) + 1.2 * canvas.noise("parenchyma", 14, box)
    canvas.paint(box, liver, hu + texture, Organ.LIVER)
    return Liver(box, liver)


def _lobes(canvas: Canvas, points: Points) -> Floats:
    rng = canvas.rng("lobes")

    def part(centre: Triple, axes: Triple, turn: Triple = (0, 0, 0)) -> Floats:
        c = np.asarray(centre) + rng.normal(0, 2.5, 3)
        a = np.asarray(axes) * np.clip(rng.normal(1, 0.05, 3), 0.88, 1.12)
        return ellipsoid(points, tuple(c), tuple(a), turn)

    right = part((-74, 6, 10), (62, 88, 72))
    tongue = part((-104, 6, -44), (30, 62, 44), (0, -8, 0))
    medial = part((-26, -40, 20), (50, 48, 40))
    # The left lobe thins out towards its tip.
    x, y, z = points
    reach = float(rng.uniform(0.86, 1.22))
    thin = 1 + np.clip(x + 5, 0, 140) / (105 * reach)
    left_centre = (22 * reach, -56 + 0.0, 32)
    left = ellipsoid(
        (x, (y - left_centre[1] - 0.06 * x) * thin, (z - left_centre[2] - 0.1 * x) * thin**0.7),
        (left_centre[0], 0, 0),
        (66 * reach, 36, 40),
    )
    left = left / thin
    caudate = part((-13, 10, 16), (17, 16, 25))
    liver = union(right, medial, 22.0)
    liver = union(liver, tongue, 18.0)
    liver = union(liver, left.astype(np.float32), 18.0)
    return union(liver, caudate, 7.0)


def _fissures(canvas: Canvas, box: Box, liver: Floats) -> Floats:
    """Cut the umbilical fissure, the fissure of the venous ligament, the hilum and impressions."""
    points = x, y, z = canvas.at(box)
    rng = canvas.rng("fissures")
    bend = 1.6 * canvas.noise("fissures", 22, box)
    place = float(rng.uniform(-4, 8))
    # A cleft from the lower face, open downwards: the round ligament and its notch in front.
    width = np.clip(2.6 - z / 14, 0.8, 7.0)
    cleft: Floats = np.abs(x - place - 0.12 * (y + 50) - bend) - width
    cleft = common(cleft, ellipsoid(points, (place, -44, -14), (60, 46, 40)), 4.0)
    liver = without(liver, cleft.astype(np.float32), 4.0)
    venous: Floats = np.abs(y + 7 + 0.28 * (x - 5) + bend) - 1.6
    venous = common(venous, ellipsoid(points, (6, -4, 14), (25, 20, 26)), 3.0)
    liver = without(liver, venous.astype(np.float32), 3.0)
    hilum = ellipsoid(points, (-27, -6, -2), (22, 8.5, 9), (0, 12, 10))
    liver = without(liver, hilum, 6.0)
    # The lower face is hollow over the duodenum, the colon and the right kidney.
    below = ellipsoid(points, (-20, 0, -64), (72, 95, 52))
    liver = without(liver, below, 16.0)
    kidney = ellipsoid(points, (-62, 50, -54), (33, 34, 56), (-10, 10, 0))
    return without(liver, kidney, 10.0)


def _cut(liver: Floats, box: Box, made: tuple[Box, Floats], gap: float) -> Floats:
    """Cut a tube out of the liver where their boxes overlap."""
    other, distance = made
    overlap = [
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, other, strict=True)
    ]
    if any(o.stop <= o.start for o in overlap):
        return liver
    here = tuple(
        slice(o.start - a.start, o.stop - a.start) for o, a in zip(overlap, box, strict=True)
    )
    there = tuple(
        slice(o.start - b.start, o.stop - b.start) for o, b in zip(overlap, other, strict=True)
    )
    liver = liver.copy()
    liver[here] = without(liver[here], distance[there], 3.0, gap)
    return liver


def paint_gallbladder(canvas: Canvas) -> None:
    """Paint the gallbladder: bile in a thin wall."""
    made = canvas.tube(*curve(GALLBLADDER, _GALLBLADDER_RADII, 3.0))
    if made is not None:
        box, distance = made
        distance = distance + 0.7 * canvas.noise("gallbladder", 12, box)
        canvas.paint(box, distance, 55.0, Organ.GALLBLADDER)
        canvas.paint(box, distance + np.float32(1.6), PORTAL_VENOUS_HU[Organ.GALLBLADDER])


def paint_vena_cava(canvas: Canvas) -> None:
    """Paint the inferior vena cava, flatter below the kidneys."""
    points, radii = curve(VENA_CAVA, _VENA_CAVA_RADII)
    canvas.paint_tube(points, radii, PORTAL_VENOUS_HU[Organ.VENA_CAVA], Organ.VENA_CAVA, flat=1.2)
