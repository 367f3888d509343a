"""Spine and ribs."""

from __future__ import annotations

import numpy as np

from lsms_core.phantom.body import BACK, HALF_WIDTH, Trunk
from lsms_core.phantom.canvas import Canvas
from lsms_core.phantom.organs import PORTAL_VENOUS_HU, Organ
from lsms_core.phantom.shapes import Floats, Points, capsule, common, ellipsoid, union, without

VERTEBRA_MM = 34.0
_DISC_MM = 7.0
_RIB_SPACING_MM = 27.0


def paint_ribs(canvas: Canvas, trunk: Trunk) -> None:
    """Paint ribs that run down and forward, and the cartilage in front."""
    x, y, z = canvas.points
    depth = -trunk.muscle
    band = np.flatnonzero((depth > 0.5) & (depth < 19))
    x, y, z, depth = (a.ravel()[band] for a in (x, y, z, depth))
    angle = np.abs(np.arctan2(x / HALF_WIDTH, y / BACK))  # 0 at the spine, pi in front
    fall = 60.0 * np.clip(angle, 0, 2.25) - 50.0 * np.clip(angle - 2.25, 0, 1)
    row = z + fall + 11.0
    across = np.mod(row + 0.5 * _RIB_SPACING_MM, _RIB_SPACING_MM) - 0.5 * _RIB_SPACING_MM
    across *= 0.9
    # Seen obliquely: the rib's own width is across its slope.
    inward = depth - 10.5 + 2.5 * np.cos(np.clip(angle, 0, 1.6))
    bone = (np.sqrt((inward / 3.6) ** 2 + (across / 6.5) ** 2) - 1) * 3.8
    number = np.floor((row + 0.5 * _RIB_SPACING_MM) / _RIB_SPACING_MM)
    # The lower the rib, the sooner it ends in cartilage, and that on the costal arch.
    bone_ends = np.clip(2.2 + 0.16 * number, 1.0, 2.4)
    arch_ends = np.clip(2.55 + 0.2 * number, 1.0, 2.95)
    gone = (angle < 0.34) | (angle > arch_ends) | (row > 200)
    bone = np.where(gone, np.float32(9), bone).astype(np.float32)
    shape = canvas.shape
    distance = np.full(shape, 9.0, np.float32)
    hard = np.full(shape, 9.0, np.float32)
    flat_distance, flat_hard = distance.ravel(), hard.ravel()
    is_bone = angle < bone_ends
    flat_distance[band] = np.where(is_bone, np.float32(9), bone)
    flat_hard[band] = np.where(is_bone, bone, np.float32(9))
    everything = canvas.whole
    grain = canvas.noise("cartilage", 5, everything)
    canvas.paint(everything, distance, 105 + 25 * grain, Organ.CARTILAGE)
    canvas.paint(everything, hard, 560.0, Organ.BONE)
    canvas.paint(everything, hard + np.float32(2.4), 190.0)


def paint_spine(canvas: Canvas) -> None:
    """Paint vertebrae with their processes, discs, the canal and the muscles beside it."""
    box = canvas.box((-75, 15, -400), (75, 118, 400), 6.0)
    if box is None:
        return
    x, y, z = canvas.at(box)
    phase = canvas.rng("spine").uniform(0, VERTEBRA_MM)
    level = np.mod(z + phase, VERTEBRA_MM) - 0.5 * VERTEBRA_MM
    points = (x, y, level)
    _paint_psoas(canvas, box)
    body = _vertebral_body(points)
    processes = _processes(points)
    disc_side = np.abs(level) - np.float32(0.5 * (VERTEBRA_MM - _DISC_MM))
    disc = common(body + np.float32(0.5), -disc_side, 2.0)
    canvas.paint(box, disc, 82.0, Organ.CARTILAGE)
    bone = union(common(body, disc_side, 3.0), processes, 3.0)
    canal = ellipsoid((x, y, 0 * z), (0, 74, 0), (11.5, 9, 1e3))
    bone = without(bone, canal, 1.5)
    grain = canvas.noise("trabeculae", 3.0, box)
    canvas.paint(box, bone, 540.0, Organ.BONE)
    canvas.paint(box, bone + np.float32(2.0), 205 + 28 * grain, softness_mm=2.5)
    canvas.paint(box, canal, -40.0, Organ.SPINAL_CANAL)
    canvas.paint(box, canal + np.float32(1.8), PORTAL_VENOUS_HU[Organ.SPINAL_CANAL])
    cord = ellipsoid((x, y, 0 * z), (0, 74, 0), (5, 4, 1e3))
    canvas.paint(box, cord, 42.0, softness_mm=3.0)


def _vertebral_body(points: Points) -> Floats:
    x, y, level = points
    # Waisted at mid-height and hollow towards the canal.
    waist = 2.2 * np.cos(np.pi * level / VERTEBRA_MM)
    body = ellipsoid((x, y, 0 * level), (0, 47, 0), (24, 19.5, 1e3)) + waist
    hollow = ellipsoid((x, y, 0 * level), (0, 76, 0), (15, 12, 1e3))
    return without(body.astype(np.float32), hollow, 4.0)


def _processes(points: Points) -> Floats:
    mirrored = (np.abs(points[0]), points[1], points[2])
    pedicle = capsule(mirrored, (14, 60, 6), (16, 75, 4), (5.2, 5.5))
    lamina = capsule(mirrored, (15, 77, 1), (1, 88, -7), (4.2, 4.4))
    facet = capsule(mirrored, (18, 78, 13), (17, 80, -13), (4.6, 5.0))
    transverse = capsule(mirrored, (17, 75, 6), (40, 80, 7), (4.6, 3.2))
    spinous = capsule(points, (0, 86, -5), (0, 93, -14), (3.2, 3.6))
    whole = union(union(pedicle, lamina, 3.0), union(facet, transverse, 3.0), 3.0)
    return union(whole, spinous, 3.0)


def _paint_psoas(canvas: Canvas, box: tuple[slice, slice, slice]) -> None:
    x, y, z = canvas.at(box)
    muscle = PORTAL_VENOUS_HU[Organ.MUSCLE]
    grain = 4 * canvas.noise("psoas", 5, box)
    # The psoas widens downwards from the first lumbar vertebra.
    size = np.clip((-z - 2) / 85, 0, 1.1)
    psoas = ellipsoid((np.abs(x), y, 0 * z), (31, 54, 0), (17, 21, 1e3)) + 18 * (1 - size)
    canvas.paint(box, psoas.astype(np.float32), muscle + grain, Organ.MUSCLE)
    quadratus = ellipsoid((np.abs(x), y, 0 * z), (57, 73, 0), (21, 8.5, 1e3))
    quadratus = quadratus + 9 * np.clip((z + 28) / 25, 0, 1.2)
    canvas.paint(box, quadratus.astype(np.float32), muscle + grain, Organ.MUSCLE)
    # The crura run beside the aorta.
    crus = capsule((np.abs(x), y, z), (9, 27, 300), (14, 26, 10), (3.6, 3.6))
    crus = union(crus, capsule((np.abs(x), y, z), (14, 26, 10), (17, 40, -45), (3.6, 1.5)), 3.0)
    sheet = capsule((np.abs(x), y, z), (12, 24, 60), (28, 46, 15), (2.6, 2.2))
    canvas.paint(box, union(crus, sheet, 4.0), 62.0, Organ.MUSCLE)
