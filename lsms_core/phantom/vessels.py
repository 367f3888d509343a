"""Blood vessels: the liver's trees, the aorta and its branches, the mesentery."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lsms_core.phantom.canvas import Box, Canvas
from lsms_core.phantom.liver import Liver
from lsms_core.phantom.organs import PORTAL_VENOUS_HU, Organ
from lsms_core.phantom.shapes import curve

# Murray's law: the cube of the parent's radius is the sum of its branches' cubes.
_MURRAY = 3.0
_SMALLEST_MM = 0.9
Vector = NDArray[np.float64]

_PORTAL: tuple[tuple[Sequence[Sequence[float]], float], ...] = (
    (((-30, -3, 1), (-62, 4, 6), (-82, 22, 4)), 6.5),  # right, to the posterior sector
    (((-58, 2, 6), (-78, -22, 16), (-88, -34, 28)), 5.0),  # to the anterior sector
    (((-30, -3, 1), (-10, -16, 12), (0, -34, 20), (2, -46, 18)), 5.5),  # left, umbilical part
    (((0, -34, 20), (26, -42, 28), (48, -50, 33)), 3.4),  # segments II and III
    (((1, -44, 18), (-18, -56, 20), (-34, -64, 22)), 3.2),  # segment IV
    (((-74, 12, 5), (-100, 18, -28), (-112, 16, -52)), 3.6),  # segment VI
)
_HEPATIC: tuple[tuple[Sequence[Sequence[float]], float], ...] = (
    (((-24, 13, 55), (-58, 22, 45), (-88, 26, 22), (-104, 28, -10)), 5.2),  # right
    (((-22, 9, 56), (-40, -18, 42), (-54, -42, 20), (-60, -56, -2)), 4.6),  # middle
    (((-18, 8, 57), (2, -20, 48), (26, -42, 40), (50, -54, 36)), 4.0),  # left
)


def paint_liver_vessels(canvas: Canvas, liver: Liver, liver_hu: float, contrast_hu: float) -> None:
    """Paint the portal and the hepatic veins as trees that stay inside the liver.

    Args:
        canvas: with the liver painted.
        liver: where it is.
        liver_hu: attenuation of the parenchyma.
        contrast_hu: how much brighter than the parenchyma the veins are.
    """
    depth = np.full(canvas.shape, 1.0, np.float32)
    depth[liver.box] = liver.distance

    def deep(point: Vector) -> bool:
        place = canvas.locate(point).round().astype(int)
        if (place < 0).any() or (place >= canvas.shape).any():
            return False
        return bool(depth[tuple(place)] < -3.0)

    def inside(box: Box) -> NDArray[np.bool_]:
        return np.asarray(depth[box] < 0)

    for name, roots, share in (("portal", _PORTAL, 1.0), ("hepatic", _HEPATIC, 0.85)):
        rng = canvas.rng(name)
        hu = liver_hu + share * contrast_hu
        for path, radius in roots:
            shifted = np.asarray(path, float)
            shifted[1:] += rng.normal(0, 3.0, shifted[1:].shape)
            points, radii = curve(shifted, np.linspace(radius, 0.5 * radius, len(shifted)), 7.0)
            canvas.paint_tube(points, radii, hu, within=inside)
            for n in range(1, len(points) - 1):
                way = points[n + 1] - points[n]
                for _ in range(int(rng.integers(1, 3))):
                    _grow(canvas, points[n], way, 0.62 * radii[n], hu, rng, deep, inside)
            _grow(canvas, points[-1], points[-1] - points[-2], radii[-1], hu, rng, deep, inside)


def _grow(
    canvas: Canvas,
    start: Vector,
    way: Vector,
    radius: float,
    hu: float,
    rng: np.random.Generator,
    deep: Callable[[Vector], bool],
    inside: Callable[[Box], NDArray[np.bool_]],
) -> None:
    """Grow a branch and its own branches until they are too thin or leave the liver."""
    # Thinner than about half a pixel, a vessel would only cost time.
    if radius < max(_SMALLEST_MM, 0.45 * canvas.spacing_mm[2]):
        return
    length = float(np.clip(rng.normal(9.0, 2.0) * radius**0.5, 7.0, 24.0))
    turned = way / max(float(np.linalg.norm(way)), 1e-6) + rng.normal(0, 0.55, 3)
    turned /= np.linalg.norm(turned)
    middle = start + 0.5 * length * turned + rng.normal(0, 0.9, 3)
    end = start + length * turned
    if not (deep(end) and deep(middle)):
        return
    canvas.paint_tube(
        [start, middle, end], [radius, 0.93 * radius, 0.87 * radius], hu, within=inside
    )
    split = rng.uniform(0.35, 0.65)
    for share in (split, 1 - split):
        thinner = 0.87 * radius * share ** (1 / _MURRAY)
        _grow(canvas, end, end - start, thinner, hu, rng, deep, inside)


def paint_great_vessels(canvas: Canvas) -> None:
    """Paint the aorta with its branches and the veins that lead to the portal vein."""
    aorta_hu, vein_hu = PORTAL_VENOUS_HU[Organ.AORTA], PORTAL_VENOUS_HU[Organ.VESSEL] + 8
    canvas.paint_tube(
        *curve([(22, 36, 130), (17, 28, 50), (9, 20, 0), (6, 18, -110)], [12.5, 11.5, 10, 8.5]),
        aorta_hu,
        Organ.AORTA,
    )
    for path, radii in (
        ([(9, 14, 8), (8, 2, 10)], [4.5, 4]),  # coeliac trunk
        ([(8, 2, 10), (-8, -6, 8), (-24, -8, 4)], [3, 2.6, 2.2]),  # hepatic artery
        ([(8, 2, 10), (30, -2, 10), (52, 12, 16), (80, 28, 14)], [3, 2.8, 2.6, 2]),  # splenic
        ([(7, 10, -4), (6, -8, -16), (4, -14, -50), (0, -22, -100)], [4, 3.6, 3.4, 3]),
        ([(7, 22, -14), (30, 30, -20), (46, 42, -28)], [3, 2.6, 2]),
        ([(5, 22, -16), (-26, 38, -26), (-46, 46, -38)], [3, 2.6, 2]),
    ):
        canvas.paint_tube(*curve(path, radii), aorta_hu - 3, Organ.VESSEL)
    for path, radii in (
        ([(-8, -10, -24), (-18, -6, -10), (-30, -3, 1)], [7, 7, 6.5]),  # portal vein
        ([(-8, -10, -24), (-8, -16, -50), (-10, -24, -100)], [6, 5.5, 4.5]),  # superior mesenteric
        ([(-8, -10, -24), (18, -2, -14), (46, 8, -2), (84, 32, 8)], [5.5, 5, 4.5, 4]),  # splenic
        ([(-18, 22, -18), (10, 10, -16), (36, 30, -22), (48, 42, -30)], [5, 4.2, 4.5, 4]),
        ([(-24, 24, -26), (-44, 42, -38)], [4.5, 4]),  # renal veins
    ):
        canvas.paint_tube(*curve(path, radii), vein_hu, Organ.VESSEL)


def paint_mesentery(canvas: Canvas) -> None:
    """Paint the small vessels that fan out through the fat of the abdomen."""
    rng = canvas.rng("mesentery")
    for _ in range(90):
        root = np.array([rng.normal(0, 8), -14 + rng.normal(0, 5), rng.uniform(-70, -15)])
        angle = rng.uniform(-0.15, np.pi + 0.15)
        length = rng.uniform(25, 80)
        tip = root + length * np.array(
            [np.cos(angle), -0.75 * np.sin(angle), rng.normal(-0.3, 0.4)]
        )
        bend = 0.5 * (root + tip) + rng.normal(0, 6, 3)
        radius = float(rng.uniform(0.7, 1.9))
        canvas.paint_tube(
            *curve([root, bend, tip], [radius, radius, 0.6 * radius], 12.0), 120.0, Organ.VESSEL
        )
    for _ in range(70):  # strands and vessels of the fat near the wall and the kidneys
        side = rng.choice([-1.0, 1.0])
        start = np.array([side * rng.uniform(30, 100), rng.uniform(-20, 72), rng.uniform(-95, 20)])
        points = start + np.cumsum(rng.normal(0, 9, (4, 3)), axis=0)
        canvas.paint_tube(*curve(points, [0.8, 0.7, 0.6, 0.5], 10.0), 20.0)
