"""Chooses the affine of a NIfTI image from a header that may hold three."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from nibabel.nifti1 import xform_codes
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from lsms_core.errors import InputError

# Millimetres for each unit of space that the header can name: metre, millimetre, micrometre.
_UNITS = {1: 1e3, 2: 1.0, 3: 1e-3}
_UNIT_NAMES = {1: "metres", 3: "micrometres"}
# Pixel sizes and slice distances of CT lie between these, mm.
_PLAUSIBLE_MM = (0.05, 50.0)
# Forms that differ by less are the same, rounded: mm, or share of the pixel size.
_SAME_PLACE_MM = 0.1
_SAME_SIZE = 0.01
# Axes further from right angles than this give a note, radians.
_RIGHT_ANGLE = 1e-4

NO_PLACE = (
    "The file does not say how it lies in the patient; left and right may be swapped. "
    "Export the CT with its orientation."
)


def nifti_affine(header: Any) -> tuple[NDArray[np.float64], list[str]]:  # noqa: ANN401
    """Choose the affine as nibabel does: the s-form, else the q-form, else the pixel sizes.

    Args:
        header: nibabel's ``Nifti1Header`` or ``Nifti2Header``.

    Returns:
        (4, 4) IJK to RAS mm, and notes on whatever in the header contradicts it.

    Raises:
        InputError: when neither form can be used and there is no pixel size either.
    """
    pixdim = np.abs(np.asarray(header["pixdim"][1:4], np.float64))
    sized = bool(np.isfinite(pixdim).all() and pixdim.min() > 1e-6 and pixdim.max() < 1e6)
    s_form, q_form = _s_form(header), _q_form(header, sized)
    notes: list[str] = []
    if s_form is not None:
        affine = s_form
        if q_form is not None:
            notes += _compare(s_form, q_form, header.get_data_shape())
    elif q_form is not None:
        affine = q_form
        if int(header["sform_code"]) > 0:
            notes.append("The header's s-form cannot be used; the q-form was taken.")
    else:
        if not sized:
            raise InputError(
                "it has no pixel size, so nothing can be measured in it: export the CT with its "
                "spacing in mm"
            )
        header = header.copy()
        header["pixdim"][1:4] = pixdim
        affine = np.asarray(header.get_base_affine(), np.float64)
        notes.append(NO_PLACE)
    affine, scaled = _in_millimetres(affine, int(header["xyzt_units"]) & 7)
    notes += scaled
    if s_form is not None and not scaled:
        notes += _compare_sizes(np.linalg.norm(affine[:3, :3], axis=0), pixdim, sized)
    return affine, notes + _angles(affine)


def _is_code(code: Any) -> bool:  # noqa: ANN401
    """Tell whether a form is to be used; nibabel takes an unknown code for none."""
    return int(code) in xform_codes.value_set() and int(code) > 0


def _s_form(header: Any) -> NDArray[np.float64] | None:  # noqa: ANN401
    if not _is_code(header["sform_code"]):
        return None
    form = np.asarray(header.get_sform(), np.float64)
    return form if _usable(form) else None


def _q_form(header: Any, sized: bool) -> NDArray[np.float64] | None:  # noqa: ANN401
    if not _is_code(header["qform_code"]) or not sized:
        return None
    header = header.copy()
    header["pixdim"][1:4] = np.abs(header["pixdim"][1:4])
    try:
        form = np.asarray(header.get_qform(), np.float64)
    except (HeaderDataError, ValueError):
        return None
    return form if _usable(form) else None


def _usable(affine: NDArray[np.float64]) -> bool:
    """Tell whether a matrix is finite and spans a volume."""
    if not np.isfinite(affine).all():
        return False
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if sizes.min() < 1e-6 or np.abs(affine).max() > 1e7:
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / sizes)) > 1e-2)


def _compare(
    s_form: NDArray[np.float64], q_form: NDArray[np.float64], shape: tuple[int, ...]
) -> list[str]:
    corners = np.array([(*c, 1) for c in product(*((0, max(n - 1, 1)) for n in shape[:3]))])
    apart = float(np.linalg.norm((corners @ (s_form - q_form).T)[:, :3], axis=1).max())
    sizes = np.linalg.norm(s_form[:3, :3], axis=0)
    if apart <= max(_SAME_PLACE_MM, _SAME_SIZE * float(sizes.min())):
        return []
    mirrored = np.linalg.det(s_form[:3, :3]) * np.linalg.det(q_form[:3, :3]) < 0
    how = "one mirrors the other, " if mirrored else ""
    return [
        f"The header's q-form and s-form disagree ({how}voxels lie up to {apart:.1f} mm apart): "
        "the s-form was taken. Check the side and the place."
    ]


def _compare_sizes(sizes: NDArray[np.float64], pixdim: NDArray[Any], sized: bool) -> list[str]:
    taken = _millimetres(sizes)
    if not sized:
        return [f"The header has no pixel size; it was taken from the affine ({taken})."]
    if np.abs(sizes - pixdim).max() <= _SAME_SIZE * float(sizes.min()):
        return []
    return [
        f"The header's pixel size ({_millimetres(pixdim)}) disagrees with its affine ({taken}): "
        "the affine's was taken."
    ]


def _millimetres(sizes: NDArray[Any]) -> str:
    return " x ".join(f"{s:.4g}" for s in sizes) + " mm"


def _in_millimetres(
    affine: NDArray[np.float64], unit: int
) -> tuple[NDArray[np.float64], list[str]]:
    """Convert metres and micrometres where that gives the sizes of a CT."""
    low, high = _PLAUSIBLE_MM

    def plausible(sizes: NDArray[np.float64]) -> bool:
        return bool(sizes.min() >= low and sizes.max() <= high)

    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    factor = _UNITS.get(unit, 1.0)
    if plausible(sizes):
        if factor == 1.0:
            return affine, []
        return affine, [
            f"The header says its sizes are in {_UNIT_NAMES[unit]}; they were taken for mm "
            f"({_millimetres(sizes)}), as a CT has."
        ]
    if factor != 1.0 and plausible(sizes * factor):
        scaled = affine.copy()
        scaled[:3] *= factor
        return scaled, [f"Sizes were converted from {_UNIT_NAMES[unit]} to mm."]
    return affine, [
        f"The pixel size is {_millimetres(sizes)}, which no CT has: sizes and volumes mean little."
    ]


def _angles(affine: NDArray[np.float64]) -> list[str]:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosine = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if cosine <= _RIGHT_ANGLE:
        return []
    degrees = float(np.degrees(np.arcsin(min(cosine, 1.0))))
    return [
        f"The image's axes are {degrees:.2g} degrees off right angles: voxels are kept where the "
        "header puts them."
    ]
