"""The slices that a run would search, with their description."""

from dataclasses import dataclass

from lsms_core.session.run_request import checkRange
from lsms_core.session.translation import tr as _


@dataclass(frozen=True)
class Choice:
    """The slices that Run will search.

    Attributes:
        plane: "axial", ... or an array axis.
        slices: indices along it; None for all.
        text: what the panel says of it.
        oblique: whether the chosen view is tilted against the volume.
        problem: why Run cannot search this; "" when it can.
    """

    plane: object = "axial"
    slices: tuple = None
    text: str = ""
    oblique: bool = False
    problem: str = ""


def viewChoice(volumeNode, sliceNode, viewName):
    """Return the choice of the slice that a slice view shows.

    Raises:
        InputError: for a volume that cannot be used.
    """
    from lsms_core.mrml.views import view_slice

    shown = view_slice(sliceNode, volumeNode)
    if not shown.inside:
        text = _("The {view} view shows a place outside the volume: scroll into it.")
        return Choice(problem=text.format(view=viewName))
    text = _("Will search {plane} slice {index} (of 0 to {last}), shown in {view}.").format(
        plane=shown.plane, index=shown.index, last=shown.count - 1, view=viewName
    )
    return Choice(shown.axis, (shown.index,), text, shown.oblique)


def wholeChoice(volumeNode, plane):
    """Return the choice of all slices of a plane.

    Raises:
        InputError: for a volume that cannot be used.
    """
    text = _("Will search all {count} {plane} slices.")
    return Choice(plane, None, text.format(count=sliceCount(volumeNode, plane), plane=plane))


def rangeChoice(volumeNode, plane, first, last):
    """Return the choice of the slices from one to another, or of one where they are the same.

    Raises:
        InputError: for slices outside the volume, or a volume that cannot be used.
    """
    count = sliceCount(volumeNode, plane)
    slices = checkRange(first, last, count)
    text = _("Will search {number} {plane} slices, {first} to {last} (of 0 to {end}).")
    if len(slices) == 1:
        text = _("Will search {plane} slice {first} (of 0 to {end}).")
    text = text.format(
        plane=plane, number=len(slices), first=slices[0], last=slices[-1], end=count - 1
    )
    return Choice(plane, slices, text)


def sliceCount(volumeNode, plane):
    """Return how many slices a volume has along a plane."""
    from lsms_core.anatomy.geometry import SlicePlane
    from lsms_core.mrml.volume_nodes import read_ct

    ct = read_ct(volumeNode)
    return SlicePlane.of(ct, plane).count(ct.shape)
