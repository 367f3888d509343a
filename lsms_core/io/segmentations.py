"""Reads an existing segmentation of a CT: ``.seg.nrrd``, a label map, or DICOM SEG."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.named_outlines import NamedMask, role_of
from lsms_core.errors import DependencyError, InputError

# An image with more different values is no label map.
_MOST_LABELS = 4096


def read_segmentation(path: str | Path, volume: CTVolume) -> tuple[list[NamedMask], list[str]]:
    """Read the outlines of a segmentation, on a CT's grid.

    Args:
        path: a ``.seg.nrrd`` or label map (NRRD, NIfTI, MetaImage), or a DICOM SEG object.
        volume: the CT. Outlines on another grid are brought to its grid by nearest neighbour.

    Returns:
        The outlines, and notes for the user.

    Raises:
        InputError: when the file cannot be read, is no segmentation, or lies elsewhere.
        DependencyError: when DICOM SEG is given without highdicom.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file} does not exist: give a segmentation's file.")
    image, names = _read_dicom(file) if _is_dicom(file) else _read_image(file)
    stack, notes = _onto(image, volume, file)
    entries = names or _all_values(stack, file)
    # A hundred organs of a large CT do not fit the memory: only those of the liver are taken,
    # where there are any.
    known = [role_of(name, code, region) is not None for _, _, name, code, region in entries]
    nothing = np.broadcast_to(np.False_, volume.shape)
    masks = []
    for (layer, value, name, code, region), wanted in zip(entries, known, strict=True):
        mask = stack[layer] == value if wanted or not any(known) else nothing
        if mask.any() or not wanted:
            masks.append(NamedMask(name, mask, code, region, value))
    if not any(one.mask.any() for one in masks):
        raise InputError(f"{file} holds no outline on this CT: is it of the same study?")
    return masks, notes


_Entry = tuple[int, int, str, str, str]  # layer, value, name, code of type, code of region


def _is_dicom(file: Path) -> bool:
    if file.suffix.lower() in (".dcm", ".dicom"):
        return True
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def _read_image(file: Path) -> tuple[sitk.Image, list[_Entry]]:
    try:
        image = sitk.ReadImage(str(file))
    except RuntimeError as error:
        raise InputError(f"{file} cannot be read: it is damaged or no segmentation.") from error
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3 or "float" in image.GetPixelIDTypeAsString():
        image = _whole_numbers(image, file)
    meta = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    if any(key.endswith("_LabelValue") for key in meta):
        return image, _slicer_entries(meta)
    if file.name.lower().endswith((".nii", ".nii.gz")):
        return image, [(0, value, name, "", "") for value, name in _nifti_names(file)]
    return image, []


def _whole_numbers(image: sitk.Image, file: Path) -> sitk.Image:
    if image.GetDimension() != 3:
        raise InputError(f"{file} has {image.GetDimension()} dimensions: give one label map.")
    array = sitk.GetArrayViewFromImage(image)
    if not np.array_equal(array, np.rint(array)):
        raise InputError(f"{file} holds no whole numbers: give a label map, not an image.")
    return sitk.Cast(image, sitk.sitkInt32)


def _slicer_entries(meta: Mapping[str, str]) -> list[_Entry]:
    entries = []
    for key in sorted(meta):
        if not (found := re.fullmatch(r"(Segment\d+)_LabelValue", key)):
            continue
        prefix = found.group(1)
        tags = dict(
            part.split(":", 1) for part in meta.get(f"{prefix}_Tags", "").split("|") if ":" in part
        )
        code, region = _terminology(tags.get("TerminologyEntry", ""))
        layer = int(meta.get(f"{prefix}_Layer", "0"))
        name = meta.get(f"{prefix}_Name", prefix)
        entries.append((layer, int(meta[key]), name, code, region))
    return entries


def _terminology(entry: str) -> tuple[str, str]:
    """The codes of type and region in Slicer's entry, whose parts are joined by "~"."""
    parts = [part.split("^") for part in entry.split("~")]
    if len(parts) < 6:
        return "", ""
    code, region = (part[1] if len(part) > 1 else "" for part in (parts[2], parts[5]))
    return code, region


def _nifti_names(file: Path) -> list[tuple[int, str]]:
    """The names of labels in a NIfTI file's extension, as TotalSegmentator and others write it."""
    import nibabel

    try:
        extensions = nibabel.load(str(file)).header.extensions
    except Exception as error:
        raise InputError(f"{file} cannot be read: it is damaged.") from error
    names: list[tuple[int, str]] = []
    for extension in extensions:
        content = extension.get_content()
        text = content if isinstance(content, bytes) else str(content).encode()
        if b"<Label " not in text:
            continue
        try:
            root = ElementTree.fromstring(text.strip(b"\x00").strip())  # noqa: S314
        except ElementTree.ParseError:
            continue
        names += [
            (int(one.get("Key", "0")), (one.text or "").strip()) for one in root.iter("Label")
        ]
    return [(value, name) for value, name in names if value and name]


def _read_dicom(file: Path) -> tuple[sitk.Image, list[_Entry]]:
    try:
        import highdicom
    except ImportError as error:
        raise DependencyError(
            'DICOM SEG needs the extra "dicom": pip install "lsms-core[dicom]".'
        ) from error
    try:
        seg = highdicom.seg.segread(file)
    except Exception as error:
        raise InputError(f"{file} is no DICOM SEG object that can be read.") from error
    numbers = list(seg.segment_numbers)
    told = {number: _described(seg.get_segment_description(number)) for number in numbers}
    # As in read_segmentation: not a hundred organs of a large CT.
    named = [number for number in numbers if role_of(*told[number]) is not None]
    entries, layers, affine = [], [], None
    for number in named or numbers:
        try:
            found = seg.get_volume(segment_numbers=[number], combine_segments=True, relabel=True)
        except Exception as error:
            raise InputError(
                f"{file} has frames that form no volume: {error} Export it anew on the CT's slices."
            ) from error
        layers.append(np.asarray(found.array) > 0)
        affine = found.affine
        entries.append((len(layers) - 1, 1, *told[number]))
    if affine is None:
        raise InputError(f"{file} holds no segment.")
    return _image_of(np.stack(layers, axis=-1), affine), entries


def _described(segment: Any) -> tuple[str, str, str]:  # noqa: ANN401 - highdicom's, untyped here
    """Return name, code of type and code of region of a DICOM segment."""
    region = segment.anatomic_regions[0].value if segment.anatomic_regions else ""
    return str(segment.segment_label), segment.segmented_property_type.value, region


def _image_of(layers: NDArray[np.bool_], affine: NDArray[np.float64]) -> sitk.Image:
    """A SimpleITK image of (slices, rows, columns, layers) with an affine of (k, j, i) to LPS."""
    image = sitk.GetImageFromArray(layers.astype(np.uint8), isVector=True)
    columns = affine[:3, 2::-1]  # i, j, k
    spacing = np.linalg.norm(columns, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((columns / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def _onto(image: sitk.Image, volume: CTVolume, file: Path) -> tuple[list[NDArray[Any]], list[str]]:
    """Return each layer on the CT's grid."""
    grid, notes = volume.to_sitk(np.zeros(volume.shape, np.uint8)), []
    if not _same_grid(image, grid):
        if not _same_voxels(image, grid):
            notes.append(
                f"{file.name} has another grid than the CT; it was brought to the CT's grid."
            )
        image = sitk.Resample(image, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    array = sitk.GetArrayFromImage(image)
    if array.ndim == 4:
        return [array[..., layer] for layer in range(array.shape[-1])], notes
    return [array], notes


def _same_grid(image: sitk.Image, grid: sitk.Image) -> bool:
    return (
        image.GetSize() == grid.GetSize()
        and np.allclose(image.GetOrigin(), grid.GetOrigin(), atol=0.05)
        and np.allclose(image.GetSpacing(), grid.GetSpacing(), rtol=1e-3)
        and np.allclose(image.GetDirection(), grid.GetDirection(), atol=1e-3)
    )


def _same_voxels(image: sitk.Image, grid: sitk.Image) -> bool:
    """Whether two grids hold the same voxels, in another order."""
    if sorted(image.GetSize()) != sorted(grid.GetSize()):
        return False
    corners = np.array(np.meshgrid(*((0, n - 1) for n in grid.GetSize()))).reshape(3, -1).T
    for corner in corners.tolist():
        index = image.TransformPhysicalPointToContinuousIndex(
            grid.TransformIndexToPhysicalPoint(corner)
        )
        ends = [min(abs(at), abs(at - n + 1)) for at, n in zip(index, image.GetSize(), strict=True)]
        if max(ends) > 0.05:
            return False
    return True


def _all_values(stack: Sequence[NDArray[Any]], file: Path) -> list[_Entry]:
    entries = []
    for layer, array in enumerate(stack):
        values = [int(v) for v in np.unique(array) if v]
        if len(values) > _MOST_LABELS:
            raise InputError(f"{file} holds {len(values)} different values: give a label map.")
        entries += [(layer, value, "", "", "") for value in values]
    return entries
