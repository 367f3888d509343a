"""The organ labels of a phantom, and their attenuation."""

from __future__ import annotations

from enum import IntEnum


class Organ(IntEnum):
    """Labels of :attr:`Phantom.organs`; the liver's own vessels count as liver."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    BONE = 4
    CARTILAGE = 5
    LUNG = 6
    HEART = 7
    LIVER = 8
    GALLBLADDER = 9
    SPLEEN = 10
    RIGHT_KIDNEY = 11
    LEFT_KIDNEY = 12
    STOMACH = 13
    BOWEL = 14
    PANCREAS = 15
    AORTA = 16
    VENA_CAVA = 17
    VESSEL = 18
    ADRENAL = 19
    SPINAL_CANAL = 20
    OESOPHAGUS = 21


# Mean attenuation in the portal venous phase, HU: the middle of what textbooks of abdominal
# CT give for about 70 s after the injection.
PORTAL_VENOUS_HU: dict[Organ, float] = {
    Organ.AIR: -1000.0,
    Organ.SKIN: 20.0,
    Organ.FAT: -105.0,
    Organ.MUSCLE: 60.0,
    Organ.LUNG: -860.0,
    Organ.HEART: 135.0,
    Organ.LIVER: 107.0,
    Organ.GALLBLADDER: 8.0,
    Organ.SPLEEN: 120.0,
    Organ.RIGHT_KIDNEY: 180.0,
    Organ.LEFT_KIDNEY: 180.0,
    Organ.PANCREAS: 95.0,
    Organ.AORTA: 150.0,
    Organ.VENA_CAVA: 138.0,
    Organ.VESSEL: 155.0,
    Organ.ADRENAL: 75.0,
    Organ.SPINAL_CANAL: 32.0,
    Organ.OESOPHAGUS: 62.0,
}
