"""Hollow organs: oesophagus, stomach, duodenum, colon, small bowel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsms_core.phantom.body import Trunk
from lsms_core.phantom.canvas import Box, Canvas
from lsms_core.phantom.organs import PORTAL_VENOUS_HU, Organ
from lsms_core.phantom.shapes import Floats, common, curve

_WALL_HU = 75.0
_GAS_HU = -960.0


def paint_stomach(canvas: Canvas, trunk: Trunk) -> None:
    """Paint oesophagus, stomach (gas above fluid, as the patient lies on the back), duodenum."""
    rng = canvas.rng("stomach")
    oesophagus = curve([(8, 8, 130), (10, 8, 70), (22, 2, 48), (34, 0, 42)], [7, 7, 8, 10])
    canvas.paint_tube(*oesophagus, PORTAL_VENOUS_HU[Organ.OESOPHAGUS], Organ.OESOPHAGUS)
    gas = curve([(8, 8, 130), (10, 8, 75)], [2.2, 1.2])
    canvas.paint_tube(*gas, -700.0)
    duodenum = curve(
        [
            (-26, -38, -20),
            (-42, -22, -18),
            (-46, 2, -34),
            (-42, 8, -62),
            (-10, 6, -74),
            (30, -2, -66),
        ],
        [10, 11, 11, 11, 10, 9],
    )
    path = np.array(
        [(66, 4, 50), (68, 0, 32), (64, -18, 12), (48, -42, -6), (18, -58, -18), (-10, -52, -22),
         (-26, -38, -20)],
        float,
    )  # fmt: skip
    path[1:-1] += rng.normal(0, 3.0, path[1:-1].shape)
    full = float(rng.uniform(0.75, 1.12))
    fullness = np.array([full, full, full, full, 1, 1, 1])
    body = curve(path, np.array([27, 32, 29, 24, 19, 14, 9]) * fullness)
    for name, (points, radii), level in (
        ("duodenum", duodenum, -200.0),
        ("stomach", body, float(rng.uniform(-45, -18))),
    ):
        made = canvas.tube(points, radii, 8.0)
        if made is None:
            continue
        box, distance = made
        distance = distance + 1.8 * canvas.noise(name, 20, box)
        outside = np.maximum(trunk.abdomen[box] + np.float32(1.5), -_solid(canvas, box))
        distance = common(distance.astype(np.float32), outside, 5.0)
        organ = Organ.STOMACH if name == "stomach" else Organ.BOWEL
        canvas.paint(box, distance, _WALL_HU, organ)
        folds = np.abs(canvas.noise(name + " folds", 9, box))
        wall = 2.6 + 2.4 * np.clip(1.1 - folds, 0, 1) ** 2
        lumen = (distance + wall).astype(np.float32)
        meal = 20 + 5 * canvas.noise(name + " meal", 9, box)
        canvas.paint(box, lumen, meal)
        y = canvas.at(box)[1]
        ripple = 0.3 * canvas.noise(name + " ripple", 30, box)
        canvas.paint(box, np.maximum(lumen, y - level + ripple), _GAS_HU, softness_mm=1.5)


def _solid(canvas: Canvas, box: Box) -> Floats:
    """Negative inside solid organs, positive outside: what a hollow organ gives way to."""
    solid = np.isin(
        canvas.organ[box], (Organ.LIVER, Organ.SPLEEN, Organ.LEFT_KIDNEY, Organ.RIGHT_KIDNEY)
    )
    return np.where(solid, np.float32(-40), np.float32(40))


def paint_colon(canvas: Canvas, trunk: Trunk) -> None:
    """Paint the colon with its haustra, stool and gas."""
    rng = canvas.rng("colon")
    sag = float(rng.uniform(-14, 6))
    path = np.array(
        [(-80, 20, -120), (-80, 8, -98), (-74, -22, -86), (-58, -66, -64), (-14, -78, -66 + sag),
         (34, -76, -60 + sag), (72, -62, -46), (98, -36, -24), (106, -6, -4), (110, 20, -16),
         (108, 34, -50), (106, 36, -120)],
        float,
    )  # fmt: skip
    path[1:-1] += rng.normal(0, 3.5, path[1:-1].shape)
    radii = np.array([22, 23, 21, 17, 16, 16, 16, 17, 16, 14, 14, 14]) * rng.uniform(0.85, 1.15)
    points, widths = curve(path, radii, 3.5)
    walked = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    # Haustra, as the folds of the wall divide the colon every 3 cm or so.
    widths *= 0.9 + 0.16 * np.abs(np.sin(np.pi * walked / 29.0)) ** 0.7
    made = canvas.tube(points, widths, 6.0)
    if made is None:
        return
    box, distance = made
    distance = distance + 1.2 * canvas.noise("colon", 12, box)
    distance = common(distance, trunk.abdomen[box] + np.float32(1.0), 5.0)
    distance = common(distance.astype(np.float32), -_solid(canvas, box), 3.0)
    free = ~np.isin(canvas.organ[box], (Organ.GALLBLADDER, Organ.STOMACH, Organ.PANCREAS))
    canvas.paint(box, distance, _WALL_HU, Organ.BOWEL, within=free)
    crumbs = canvas.noise("stool", 2.6, box) + 0.8 * canvas.noise("stool", 6, box)
    stool = np.where(crumbs > 1.0, -650.0, 12 + 32 * crumbs)
    lumen = distance + np.float32(2.4)
    canvas.paint(box, lumen, stool.astype(np.float32), within=free)
    where = canvas.noise("colon gas", 45, box)
    y = canvas.at(box)[1]
    gas = np.maximum(lumen + np.float32(1.0), (y - (-58 + 26 * where)) * 0.8)
    canvas.paint(box, gas.astype(np.float32), _GAS_HU, within=free, softness_mm=1.6)


def paint_small_bowel(canvas: Canvas, trunk: Trunk) -> None:
    """Paint loops of small bowel in the lower slices, some with oral contrast."""
    rng = canvas.rng("small bowel")
    empty = np.isin(canvas.organ, (Organ.FAT, Organ.VESSEL))
    oral = float(rng.choice([25.0, 25.0, 190.0]))
    for number in range(40):
        points, radii = _loop(rng)
        made = canvas.tube(points, radii, 5.0)
        if made is None:
            continue
        box, distance = made
        distance = distance + 0.9 * canvas.noise(f"loop {number}", 9, box)
        distance = np.maximum(distance, trunk.abdomen[box] + np.float32(2.0))
        free: NDArray[np.bool_] = empty[box]
        # A loop that would be cut to pieces by what is already there is left out.
        inside = distance < 0
        if not inside.any() or free[inside].mean() < 0.7:
            continue
        canvas.paint(box, distance, 95.0, Organ.BOWEL, within=free)
        feathers = 20 * np.abs(canvas.noise(f"feathers {number}", 3.5, box))
        content = oral if rng.random() < 0.6 else 30.0
        canvas.paint(box, distance + np.float32(2.6), content + feathers, within=free)
        if rng.random() < 0.35:
            y = canvas.at(box)[1]
            level = float(points[:, 1].min()) - 4
            gas = np.maximum(distance + np.float32(3.0), y - level)
            canvas.paint(box, gas.astype(np.float32), _GAS_HU, within=free)
        empty[box] &= distance > 0.8


def _loop(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre = np.array([rng.uniform(-40, 84), rng.uniform(-62, -8), rng.uniform(-95, -22)])
    way = rng.normal(0, 1, 3) * (1, 0.7, 0.5)
    way /= np.linalg.norm(way)
    side = np.cross(way, rng.normal(0, 1, 3))
    side /= np.linalg.norm(side)
    t = np.linspace(-1, 1, 6)
    path = centre + 30 * t[:, None] * way + 15 * np.sin(2.4 * t)[:, None] * side
    return curve(path, 10.8 + 1.5 * rng.normal(0, 1, 6).clip(-1.5, 1.5), 5.0)
