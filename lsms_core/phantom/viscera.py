"""Solid organs other than the liver: spleen, kidneys, pancreas, adrenals."""

from __future__ import annotations

import numpy as np

from lsms_core.phantom.body import Trunk
from lsms_core.phantom.canvas import Canvas
from lsms_core.phantom.organs import PORTAL_VENOUS_HU, Organ
from lsms_core.phantom.shapes import Triple, capsule, common, curve, ellipsoid, union, without


def paint_spleen(canvas: Canvas, trunk: Trunk) -> None:
    """Paint the spleen, moulded by the diaphragm outside and the stomach inside."""
    box = canvas.box((40, -40, -80), (150, 110, 90))
    if box is None:
        return
    points = canvas.at(box)
    rng = canvas.rng("spleen")
    size = float(rng.uniform(0.88, 1.15))
    spleen = ellipsoid(points, (96, 40, 16), (32 * size, 52 * size, 52 * size), (-22, 0, -28))
    hollow = ellipsoid(points, (44, 4, 18), (46, 50, 74), (-22, 0, -28))
    spleen = without(spleen, hollow, 8.0)
    kidney = ellipsoid(points, (60, 50, -34), (33, 34, 54))
    spleen = without(spleen, kidney, 8.0)
    spleen = spleen + 1.4 * canvas.noise("spleen", 18, box)
    spleen = common(spleen, trunk.abdomen[box] + np.float32(0.5), 4.0)
    canvas.paint(
        box,
        spleen.astype(np.float32),
        PORTAL_VENOUS_HU[Organ.SPLEEN] + 2 * canvas.noise("pulp", 6, box),
        Organ.SPLEEN,
    )


def paint_kidneys(canvas: Canvas) -> None:
    """Paint both kidneys: cortex, pyramids, sinus fat and the pelvis."""
    for name, organ, centre, turn in (
        ("right kidney", Organ.RIGHT_KIDNEY, (-59.0, 49.0, -52.0), (-12.0, 14.0, -34.0)),
        ("left kidney", Organ.LEFT_KIDNEY, (60.0, 47.0, -36.0), (-12.0, -14.0, 34.0)),
    ):
        _paint_kidney(canvas, name, organ, centre, turn)


def _paint_kidney(canvas: Canvas, name: str, organ: Organ, centre: Triple, turn: Triple) -> None:
    rng = canvas.rng(name)
    moved = (np.asarray(centre) + rng.normal(0, 2, 3) * (1, 1, 3)).tolist()
    place: Triple = (moved[0], moved[1], moved[2])
    low: Triple = (place[0] - 45, place[1] - 45, place[2] - 70)
    high: Triple = (place[0] + 45, place[1] + 45, place[2] + 70)
    box = canvas.box(low, high)
    if box is None:
        return
    points = canvas.at(box)
    inwards = 1.0 if place[0] < 0 else -1.0
    size = float(rng.uniform(0.9, 1.08))
    outer = ellipsoid(points, place, (26 * size, 24 * size, 54 * size), turn)
    outer = outer + 1.0 * canvas.noise(name, 14, box)
    hilum: Triple = (place[0] + inwards * 22, place[1] - 13, place[2])
    opening = ellipsoid(points, hilum, (21, 9.5, 19), turn)
    kidney = without(outer, opening, 6.0)
    cortex, medulla = PORTAL_VENOUS_HU[organ] + 8, PORTAL_VENOUS_HU[organ] - 32
    canvas.paint(box, kidney.astype(np.float32), cortex, organ)
    # Pyramids: a bumpy inner layer between the cortex and the sinus.
    bumps = canvas.noise(name + " pyramids", 10, box)
    sinus = ellipsoid(points, place, (11 * size, 9 * size, 31 * size), turn)
    sinus = union(sinus, ellipsoid(points, hilum, (20, 8, 17), turn), 6.0)
    sinus = sinus + 1.6 * canvas.noise(name + " sinus", 7, box)
    pyramids = common(outer + 8.0 + 2.5 * bumps, -sinus, 2.0)
    canvas.paint(box, pyramids.astype(np.float32), medulla, softness_mm=4.0)
    canvas.paint(box, common(sinus, outer, 2.0).astype(np.float32), -75.0, Organ.FAT)
    start = np.asarray(place)
    for _ in range(7):  # calyces and the sinus's vessels
        tip = start + rng.normal(0, 1, 3) * (7, 6, 26)
        root = np.asarray(hilum) + rng.normal(0, 3, 3)
        middle = 0.5 * (tip + root) + rng.normal(0, 3, 3)
        hu = 18.0 if rng.random() < 0.45 else 150.0
        canvas.paint_tube(*curve([root, middle, tip], [2.6, 2.2, 2.4], 8.0), hu)
    pelvis = capsule(points, hilum, (hilum[0] + inwards * 5, hilum[1] + 2, hilum[2] - 20), (5, 3))
    canvas.paint(box, pelvis, 14.0)


def paint_pancreas(canvas: Canvas) -> None:
    """Paint the lobulated pancreas from the duodenum to the hilum of the spleen."""
    rng = canvas.rng("pancreas")
    path = np.array(
        [
            (-27, -8, -44),
            (-26, -10, -28),
            (-8, -18, -20),
            (16, -18, -10),
            (44, -4, -2),
            (76, 22, 6),
        ],
        float,
    )
    path[1:-1] += rng.normal(0, 2.5, path[1:-1].shape)
    made = canvas.tube(*curve(path, np.array([12, 13, 8, 9, 9, 7]) * rng.uniform(0.85, 1.1), 5.0))
    if made is None:
        return
    box, distance = made
    lobules = canvas.noise("lobules", 6, box)
    distance = distance + 1.9 * lobules + 1.0 * canvas.noise("lobules", 14, box)
    tissue = PORTAL_VENOUS_HU[Organ.PANCREAS] - 14 * np.clip(lobules, 0, 2)
    canvas.paint(box, distance, tissue, Organ.PANCREAS)


def paint_adrenals(canvas: Canvas) -> None:
    """Paint the adrenal glands, thin and forked."""
    hu = PORTAL_VENOUS_HU[Organ.ADRENAL]
    for apex, limbs in (
        ((-29, 32, 4), ((-36, 48, -2), (-27, 46, -4))),
        ((36, 26, 0), ((48, 42, -8), (34, 42, -8))),
    ):
        for limb in limbs:
            canvas.paint_tube(*curve([apex, limb], [2.6, 2.0]), hu, Organ.ADRENAL)
            below = np.asarray(limb) - (0, 2, 14)
            canvas.paint_tube(*curve([np.asarray(apex) - (0, 0, 12), below], [2.4, 1.8]), hu)
