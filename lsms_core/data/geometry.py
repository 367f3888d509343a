"""Former place of :mod:`lsms_core.anatomy.geometry`."""

from lsms_core.anatomy.geometry import CTVolume, Plane, SlicePlane

__all__ = ["CTVolume", "Plane", "SlicePlane"]
