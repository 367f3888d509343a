"""Small synthetic DICOM files: a body of 60 HU in air with an insert, made by pydicom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from lsms_core.io.volumes import read_volume

STUDY = "1.2.826.0.1.3680043.8.498.1"
FRAME = f"{STUDY}.99"
SIZE = 48
Change = Callable[[Dataset, int], None]


def body(index: int, size: int = SIZE) -> np.ndarray:
    """HU of slice ``index``: the insert holds 10 + index."""
    image = np.full((size, size), -1000, np.int16)
    image[6 : size - 6, 4 : size - 4] = 60
    image[20:26, 20:26] = 10 + index
    return image


def blank(sop: str = CTImageStorage, uid: str | None = None) -> FileDataset:
    """A data set with patient, study and series, and nothing else."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = sop, meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = STUDY, uid or generate_uid()
    made.FrameOfReferenceUID = FRAME
    made.PatientName, made.PatientID, made.PatientSex = "Test^Case", "P1", "O"
    made.PatientBirthDate, made.StudyID, made.AccessionNumber = "", "1", ""
    made.StudyDate, made.StudyTime, made.Modality = "20260101", "101010", "CT"
    made.SeriesNumber, made.SeriesDescription = 1, "CT abdomen"
    return made


def slice_of(index: int, uid: str) -> FileDataset:
    """One single-frame CT image, 2 x 2 mm, slices 4 mm apart."""
    made = blank(uid=uid)
    made.InstanceNumber, made.AcquisitionNumber = index + 1, 1
    made.ImageType, made.PatientPosition = ["ORIGINAL", "PRIMARY", "AXIAL"], "HFS"
    made.ImagePositionPatient = [-48, -48, index * 4]
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    made.PixelSpacing, made.SliceThickness = [2, 2], "4"
    made.Rows = made.Columns = SIZE
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, 1
    made.RescaleSlope, made.RescaleIntercept = 1, 0
    made.PixelData = body(index).tobytes()
    return made


def save(made: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


def series(
    folder: Path,
    change: Change | None = None,
    *,
    count: int = 8,
    number: Any = 1,
    description: str = "CT abdomen",
    name: str = "IM",
    uid: str | None = None,
) -> list[Path]:
    """Write a series; ``change(dataset, index)`` alters each image."""
    uid = uid or generate_uid()
    paths = []
    for index in range(count):
        made = slice_of(index, uid)
        made.SeriesNumber, made.SeriesDescription = number, description
        if change:
            change(made, index)
        paths.append(save(made, folder / f"{name}{index:03d}.dcm"))
    return paths


def enhanced(
    path: Path,
    *,
    count: int = 6,
    order: list[int] | None = None,
    phases: int = 1,
    change: Change | None = None,
    per_frame: Callable[[Dataset, int], None] | None = None,
) -> Path:
    """Write one enhanced CT; frame n shows slice ``order[n]``, phase after phase."""
    made = blank("1.2.840.10008.5.1.4.1.1.2.1")
    order = order or list(range(count))
    frames = [(phase, place) for phase in range(phases) for place in order]
    made.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    made.NumberOfFrames, made.Rows, made.Columns = len(frames), SIZE, SIZE
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation, made.InstanceNumber = 15, 0, 1
    shared = Dataset()
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [2, 2], 4
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    made.SharedFunctionalGroupsSequence = [shared]
    made.PerFrameFunctionalGroupsSequence = []
    pixels = []
    for number, (phase, place) in enumerate(frames):
        frame, position, content, values = Dataset(), Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [-48, -48, place * 4]
        content.FrameAcquisitionNumber = phase + 1
        content.TemporalPositionIndex = phase + 1
        content.FrameAcquisitionDateTime = f"20260101{101010 + phase * 100}"
        values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, -1024 - place, "HU"
        frame.PlanePositionSequence, frame.FrameContentSequence = [position], [content]
        frame.PixelValueTransformationSequence = [values]
        if per_frame:
            per_frame(frame, number)
        made.PerFrameFunctionalGroupsSequence.append(frame)
        # Each frame has an intercept of its own, so one slope for all would be noticed.
        pixels.append((body(place + 10 * phase) + 1024 + place).astype("<u2"))
    made.PixelData = np.stack(pixels).tobytes()
    if change:
        change(made, 0)
    return save(made, path)


def expect_all(folder, count=8, **choice):
    """Every slice is there, in order, at its place."""
    read = read_volume(folder, **choice)
    assert read.volume.shape == (count, SIZE, SIZE)
    assert read.volume.array[:, 22, 22].tolist() == [10 + n for n in range(count)]
    np.testing.assert_allclose(read.volume.affine @ (0, 0, 1, 1), (48, 48, 4, 1), atol=1e-6)
    return read
