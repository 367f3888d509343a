"""Reads a CT from a folder of DICOM files, or from one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.io.dicom_choice import choose_series
from lsms_core.io.dicom_geometry import Layout, check_even, layout, order_slices
from lsms_core.io.dicom_objects import DicomSeries, DicomSlice
from lsms_core.io.dicom_phases import choose_phase, without_copies
from lsms_core.io.dicom_pixels import read_pixels
from lsms_core.io.dicom_scan import scan
from lsms_core.io.headers import check_size, damaged
from lsms_core.io.hounsfield import ValueHint
from lsms_core.io.resampling import even_slices, upright


@dataclass(frozen=True)
class DicomVolume:
    """A series that was read.

    Attributes:
        volume: in HU, slices in the order of the patient.
        notes: for the user, in sentences.
        slices: the images in that order; () where the volume lies on another grid than they.
        read: what was read, in a few words.
        files: the images' files, whatever the grid.
        hint: what the headers say about the pixel values.
    """

    volume: CTVolume
    notes: list[str]
    slices: tuple[DicomSlice, ...]
    read: str
    files: tuple[Path, ...]
    hint: ValueHint


def read_dicom(
    source: Path, series: str | None = None, phase: str | None = None, *, resample: bool = False
) -> DicomVolume:
    """Read one CT series of a folder and its subfolders, or of one file.

    Args:
        source: a folder, or a file.
        series: which series, as :func:`lsms_core.io.dicom_choice.choose_series` takes it.
        phase: which phase of it, as :func:`lsms_core.io.dicom_phases.choose_phase` takes it.
        resample: interpolate uneven or tilted slices to an even, upright stack.

    Raises:
        InputError: for a source without CT, with several series or phases and no choice, or
            with slices that form no regular stack.
    """
    found = scan(source)
    chosen = choose_series(source, found.series, series)
    slices, copies = without_copies(chosen.slices)
    notes = found.notes()
    if copies:
        notes.append(f"{copies} identical {_copies(copies)} of the series counted once.")
    slices, phase_title = choose_phase(slices, chosen.title, phase)
    broken = [s for s in slices if s.damage]
    if broken:
        of = f"; {len(broken)} of the {len(slices)} images of the series are damaged"
        raise damaged(broken[0].path, broken[0].damage + (of if len(slices) > 1 else ""))
    ordered = order_slices(slices)
    lying = layout(ordered, chosen.title)
    if not resample:
        notes += check_even(lying, chosen.title, found.damaged_files() if found.damaged else "")
    notes += [*lying.notes, *_counts(ordered, phase_title)]
    check_size(source, [ordered[0].shape[1], ordered[0].shape[0], len(ordered)])
    array, pixel_notes = read_pixels(ordered)
    notes += pixel_notes
    volume, kept = CTVolume(array, lying.affine), tuple(ordered)
    if resample:
        volume, note = _resampled(volume, lying)
        if note:
            notes.append(note)
            kept = ()
    read = _read(chosen, phase_title, volume, found.series)
    if len(found.series) > 1 or phase_title or series is not None:
        notes.insert(0, f"Read {read}.")
    files = tuple(dict.fromkeys(s.path for s in ordered))
    return DicomVolume(volume, notes, kept, read, files, _hint(ordered))


def _hint(ordered: Sequence[DicomSlice]) -> ValueHint:
    coding = ordered[0].coding
    largest = -1 if coding.signed else 2**coding.bits - 1
    return ValueHint(coding.inverted, coding.slope * largest + 2 * coding.intercept)


def _copies(count: int) -> str:
    return "copy of an image" if count == 1 else "copies of images"


def _counts(ordered: Sequence[DicomSlice], phase: str) -> list[str]:
    """Note images that the series itself says are missing."""
    notes = []
    stated = {s.tags.get("expected", "") for s in ordered}
    value = stated.pop() if len(stated) == 1 else ""
    if value.isdecimal() and len(value) < 7 and int(value) > len(ordered) and not phase:
        notes.append(
            f"The series says that it has {int(value)} images, but {len(ordered)} are here."
        )
    numbers = [s.tags.get("number", "") for s in ordered]
    if not phase and not notes and all(n.isdecimal() and len(n) < 9 for n in numbers):
        steps = set(np.diff([int(n) for n in numbers]).tolist())
        if len(steps) == 1 and abs(step := steps.pop()) > 1 and len(ordered) > 2:
            notes.append(
                f"The image numbers rise by {abs(step)}: images between may be missing, and the "
                "slices lie further apart than they were taken."
            )
    return notes


def _resampled(volume: CTVolume, lying: Layout) -> tuple[CTVolume, str]:
    done = []
    if lying.uneven:
        gaps = np.diff(lying.heights_mm)
        array, step = even_slices(volume.array, lying.heights_mm)
        affine = volume.affine.copy()
        affine[:3, 2] *= (len(volume.array) - 1) / (len(array) - 1)
        volume = CTVolume(array, affine)
        done.append(
            f"uneven slices ({gaps.min():.2f} to {gaps.max():.2f} mm apart) were interpolated to "
            f"{len(array)} slices {step:.2f} mm apart"
        )
    if lying.tilt_degrees:
        volume = upright(volume)
        done.append(f"a tilt of {lying.tilt_degrees:.1f} degrees was taken out")
    if not done:
        return volume, ""
    return volume, f"Resampled on request: {' and '.join(done)}; the masks lie on the new grid."


def _read(chosen: DicomSeries, phase: str, volume: CTVolume, found: Sequence[DicomSeries]) -> str:
    same = [s for s in found if s.number == chosen.number]
    uid = f", UID {chosen.uid}" if len(same) > 1 and chosen.uid else ""
    name = f' "{chosen.description}"' if chosen.description else ""
    slices, rows, columns = volume.shape
    of = f" ({phase})" if phase else ""
    return (
        f"series {chosen.label or '?'}{name}{of}: {slices} slice{'s' if slices > 1 else ''} of "
        f"{columns} x {rows}, {volume.spacing_mm[2]:.2f} mm apart{uid}"
    )
