"""The trunk: skin, fat, muscles of the wall, and the surfaces to which the organs are fitted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lsms_core.phantom.canvas import Canvas
from lsms_core.phantom.organs import PORTAL_VENOUS_HU, Organ
from lsms_core.phantom.shapes import Floats, common, ellipsoid, union, without

# Half the width and the depth of the reference trunk at the muscles' surface, mm.
HALF_WIDTH = 147.0
FRONT, BACK = 107.0, 99.0
_FAT_HU = PORTAL_VENOUS_HU[Organ.FAT]
_MUSCLE_HU = PORTAL_VENOUS_HU[Organ.MUSCLE]


@dataclass(frozen=True)
class Trunk:
    """Distances on the whole grid, negative inside, mm.

    Attributes:
        muscle: to the outer surface of the muscles.
        cavity: to the inner surface of the wall (peritoneum and pleura).
        dome: to the upper surface of the diaphragm; inside is below it.
        lung: to the lungs.
    """

    muscle: Floats
    cavity: Floats
    dome: Floats
    lung: Floats

    @cached_property
    def abdomen(self) -> Floats:
        """Distance to the abdominal cavity, below the diaphragm."""
        return common(self.cavity, self.dome + np.float32(2.8), 2.5)


def make_trunk(canvas: Canvas, fat_mm: float) -> Trunk:
    """Paint skin, fat and the wall; return the surfaces.

    Args:
        canvas: an empty canvas.
        fat_mm: typical thickness of the subcutaneous fat.
    """
    x, y, z = canvas.points
    muscle = _outline(x, y, z)
    # Mean thickness of the wall: more at the back than in front.
    thickness = 15.5 + 3.0 * np.clip(y / BACK, -1, 1) + 1.5 * canvas.noise("wall", 40, canvas.whole)
    cavity = np.asarray(muscle + thickness, dtype=np.float32)
    erector = ellipsoid((np.abs(x) - 24, y, 0 * z), (0, 84, 0), (36, 25, 1e3))
    vertebra = ellipsoid((x, y, 0 * z), (0, 52, 0), (23, 24, 1e3))
    block = union(erector, vertebra, 14.0)
    cavity = without(cavity, block, 12.0)
    dome = _diaphragm(x, y, z)
    trunk = Trunk(muscle, cavity, dome, _lungs(canvas, cavity, dome))
    _paint_shell(canvas, trunk, fat_mm)
    _paint_wall(canvas, trunk)
    return trunk


def _outline(x: Floats, y: Floats, z: Floats) -> Floats:
    """Distance to a rounded oval that is flatter at the back; narrower towards the chest."""
    width = HALF_WIDTH * (1 - 0.0006 * z - 0.0000035 * z * z)
    u = (x / width) ** 2
    v = (y / np.where(y > 0, np.float32(BACK), np.float32(FRONT))) ** 2
    # With 2 u v this would be an ellipse; less makes it squarer, as trunks are.
    k = np.sqrt(np.sqrt(u * u + v * v + np.where(y > 0, 1.0, 1.35) * u * v) + 1e-9)
    radius = np.sqrt(x * x + y * y)
    groove = 4.0 * np.exp(-((x / 13.0) ** 2)) * (y > 0) - 3.0 * np.exp(-((x / 30.0) ** 2)) * (y < 0)
    return np.asarray(radius * (1 - 1 / np.maximum(k, 0.05)) + groove, dtype=np.float32)


def _diaphragm(x: Floats, y: Floats, z: Floats) -> Floats:
    def half(
        centre: tuple[float, float, float], axes: tuple[float, float, float], flare: float
    ) -> Floats:
        above = np.maximum(z - centre[2], 0)
        below = np.maximum(centre[2] - z, 0)
        return ellipsoid((x, y, above), (centre[0], centre[1], 0), axes) - flare * below

    dome = union(half((-62, -8, -6), (70, 91, 82), 0.3), half((60, 0, -14), (68, 86, 76), 0.3), 22)
    dome = union(dome, half((-4, -14, -30), (78, 94, 86), 0.3), 26)
    heart = ellipsoid((x, y, z), (24, -44, 92), (60, 52, 42))
    return without(dome, heart, 14.0, 6.0)


def _lungs(canvas: Canvas, cavity: Floats, dome: Floats) -> Floats:
    x, y, z = canvas.points
    lung = common(cavity + np.float32(1.5), -dome - np.float32(1.0), 3.0)
    heart = ellipsoid((x, y, z), (24, -44, 92), (64, 54, 46))
    middle = ellipsoid((x, y, 0 * z), (2, 14, 0), (29, 46, 1e3))
    front = ellipsoid((x, y, 0 * z), (6, -100, 0), (17, 52, 1e3))
    lung = without(lung, union(union(heart, middle, 20.0), front, 20.0), 8.0)
    # The recess between ribs and diaphragm ends lower at the back than in front.
    floor = -34.0 + np.clip(30 - y, 0, 130) * 0.55 - z
    return np.asarray(common(lung, floor.astype(np.float32), 4.0), dtype=np.float32)


def _paint_shell(canvas: Canvas, trunk: Trunk, fat_mm: float) -> None:
    x, y, z = canvas.points
    radius = np.maximum(np.sqrt(x * x + y * y), 1)
    front, side = np.clip(-y / radius, 0, 1), np.abs(x) / radius
    share = 0.55 + 0.45 * front + 0.35 * side * np.clip(0.5 - z / 120, 0, 1.2)
    share += 0.35 * np.exp(-((x / 40) ** 2)) * (y > 0)
    wobble = 0.12 * canvas.noise("fat", 60, canvas.whole)
    skin = trunk.muscle - np.float32(fat_mm) * (share + wobble)
    everything = canvas.whole
    canvas.paint(everything, skin, PORTAL_VENOUS_HU[Organ.SKIN], Organ.SKIN)
    grain = canvas.noise("fat grain", 7, everything)
    strands = np.clip(1 - np.abs(canvas.noise("strands", 12, everything)) / 0.09, 0, 1)
    strands *= canvas.noise("strands here", 25, everything) > 0.5
    fat = _FAT_HU + 4 * grain + 32 * strands
    canvas.paint(everything, skin + np.float32(2.0), fat, Organ.FAT)


def _paint_wall(canvas: Canvas, trunk: Trunk) -> None:
    x, y, z = canvas.points
    everything = canvas.whole
    depth = -trunk.muscle
    grain = canvas.noise("muscle", 5, everything)
    canvas.paint(everything, trunk.muscle, _MUSCLE_HU + 4 * grain, Organ.MUSCLE)
    # Fat between the layers of the flanks and between the bundles at the back.
    wave = canvas.noise("layers", 25, everything)
    behind = y > 55
    width = np.where(behind, 0.5, 0.8) + 0.35 * wave
    for middle, bend in ((5.2, 0.9), (10.2, -0.8)):
        plane = np.abs(depth - middle - bend * wave) - width
        canvas.paint(everything, plane.astype(np.float32), -75.0, within=~behind & (depth > 0))
    bundles = np.abs(canvas.noise("bundles", 11, everything)) - 0.10
    bundles = np.where(grain > -0.3, bundles, 1.0)
    canvas.paint(
        everything,
        (bundles * 6).astype(np.float32),
        -40.0,
        within=(y > 62) & (depth > 2) & (trunk.cavity > 4) & (np.abs(x) < 75),
    )
    # White line between the straight muscles of the belly.
    middle_line = np.abs(x) - np.clip(2.2 + z / 20, 1.2, 3)
    canvas.paint(everything, middle_line, -70.0, within=(y < -60) & (depth > 0) & (z < 12))
    visceral = _FAT_HU - 3 + 3 * canvas.noise("visceral", 6, everything)
    canvas.paint(everything, trunk.cavity, visceral, Organ.FAT)


def paint_chest(canvas: Canvas, trunk: Trunk) -> None:
    """Paint diaphragm, lungs with their vessels, and the heart's lower part."""
    everything = canvas.whole
    y = canvas.points[1]
    inside = trunk.cavity < 0
    sheet = np.abs(trunk.dome + np.float32(1.6)) - np.float32(1.3)
    canvas.paint(everything, sheet, 55.0, Organ.MUSCLE, within=inside)
    texture = 25 * canvas.noise("lung", 9, everything) + 35 * np.clip((y + 10) / 90, -1, 1)
    canvas.paint(everything, trunk.lung, PORTAL_VENOUS_HU[Organ.LUNG] + texture, Organ.LUNG)
    rng = canvas.rng("lung vessels")
    for _ in range(130):
        side = rng.choice([-1.0, 1.0])
        root = np.array([side * rng.uniform(35, 60), rng.uniform(0, 45), rng.uniform(60, 100)])
        way = np.array([side * rng.uniform(0, 70), rng.uniform(-50, 40), -rng.uniform(10, 110)])
        start = root + 0.35 * way * rng.random()
        radius = float(rng.uniform(0.6, 1.9))
        canvas.paint_tube(
            [start, start + 0.4 * way],
            [radius, 0.5 * radius],
            40.0,
            within=lambda box: trunk.lung[box] < -1,
        )
    box = canvas.box((-45, -100, 45), (95, 25, 130))
    if box is None:
        return
    heart = ellipsoid(canvas.at(box), (24, -44, 92), (56, 47, 40), (0, 0, -25))
    heart = heart + 1.5 * canvas.noise("heart", 22, box)
    canvas.paint(box, heart, 105.0, Organ.HEART)
    points = canvas.at(box)
    left = ellipsoid(points, (42, -48, 96), (26, 19, 30), (0, 0, 35))
    right = ellipsoid(points, (-2, -50, 94), (22, 27, 32), (0, 0, 20))
    for chamber in (left, right):
        canvas.paint(box, chamber + 2 * canvas.noise("chamber", 12, box), 142.0, softness_mm=4.0)
