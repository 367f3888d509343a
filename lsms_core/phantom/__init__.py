"""A synthetic abdominal CT with known lesions."""

from lsms_core.phantom.make import DEFAULT_SHAPE, SMALL_SHAPE, Phantom, make_phantom
from lsms_core.phantom.organs import PORTAL_VENOUS_HU, Organ
from lsms_core.phantom.placed_lesions import LesionTruth, PlacedLesion

__all__ = [
    "DEFAULT_SHAPE",
    "PORTAL_VENOUS_HU",
    "SMALL_SHAPE",
    "LesionTruth",
    "Organ",
    "Phantom",
    "PlacedLesion",
    "make_phantom",
]
