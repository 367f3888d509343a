"""DICOM images and series, as far as they are known before their pixels are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class PixelCoding:
    """How stored values are converted to Hounsfield units.

    Attributes:
        slope: RescaleSlope.
        intercept: RescaleIntercept.
        inverted: MONOCHROME1: shown bright where values are low.
        padding: PixelPaddingValue and its range's other end, as they are written; () without.
        bits: BitsStored.
        allocated: BitsAllocated.
        signed: PixelRepresentation is 1.
        units: RescaleType, "" where it is not said.
    """

    slope: float = 1.0
    intercept: float = 0.0
    inverted: bool = False
    padding: tuple[int, ...] = ()
    bits: int = 16
    allocated: int = 16
    signed: bool = False
    units: str = ""


@dataclass(frozen=True)
class DicomSlice:
    """One image of a series: a file, or a frame of one.

    Attributes:
        path: the file.
        position: (3,) centre of the first pixel, LPS mm.
        orientation: (6,) direction of growing columns, then of growing rows, LPS.
        spacing: (row, column) mm.
        shape: (rows, columns).
        tags: other entries, by name: "acquisition", "time", "temporal", "thickness", "number".
        coding: what the stored values mean.
        frame: which frame of a multi-frame file, from 0; None for a single-frame file.
        instance: SOPInstanceUID.
        damage: why the pixels cannot be read, "" where they can.
    """

    path: Path
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, float]
    shape: tuple[int, int]
    tags: dict[str, str]
    coding: PixelCoding = PixelCoding()
    frame: int | None = None
    instance: str = ""
    damage: str = ""


@dataclass(frozen=True)
class DicomSeries:
    """The images of one series that share orientation, pixel size and matrix.

    Attributes:
        uid: SeriesInstanceUID; "" where it was removed.
        number: SeriesNumber.
        description: SeriesDescription, read in its character set.
        slices: the images, in no order.
        stack: which stack of the series, from 1; 0 where it has only one.
    """

    uid: str
    number: str
    description: str
    slices: tuple[DicomSlice, ...]
    stack: int = 0

    @property
    def label(self) -> str:
        """What ``--series`` takes: DICOM's own number, with the stack where there are several."""
        return f"{self.number}.{self.stack}" if self.stack and self.number else self.number

    @property
    def title(self) -> str:
        """Number, description, number of images and UID, for a list."""
        name = f'"{self.description}"' if self.description else "without a description"
        count = len(self.slices)
        rows, columns = self.slices[0].shape
        uid = f", UID {self.uid}" if self.uid else ""
        return (
            f"series {self.label or '?'}, {name}, {count} image{'s' if count > 1 else ''} of "
            f"{columns} x {rows}{uid}"
        )


@dataclass
class Scan:
    """The contents of a folder.

    Attributes:
        series: the CT stacks, by number.
        files: how many DICOM files were seen.
        left_out: what is no CT image that can be read, counted by kind.
        damaged: files that are no whole DICOM file, though they look as if they were meant to be.
        others: files that are not DICOM.
    """

    series: list[DicomSeries] = field(default_factory=list)
    files: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    damaged: list[Path] = field(default_factory=list)
    others: int = 0

    def notes(self) -> list[str]:
        """Count what was left out, in sentences."""
        notes = []
        if self.left_out:
            kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self.left_out.items()))
            notes.append(f"Left out what is no CT image: {kinds}.")
        if self.damaged:
            notes.append(f"Left out {self.damaged_files()}: slices may be missing.")
        return notes

    def damaged_files(self) -> str:
        """Count and name the damaged files."""
        shown = ", ".join(p.name for p in self.damaged[:4])
        more = f" and {len(self.damaged) - 4} more" if len(self.damaged) > 4 else ""
        files = "file" if len(self.damaged) == 1 else "files"
        return f"{len(self.damaged)} empty or damaged {files} ({shown}{more})"
