"""A DICOM folder becomes a volume whose every voxel lies where the scanner said."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

from lsms_core.anatomy.terminology import terminology_of
from lsms_core.errors import InputError
from lsms_core.io.dicom_seg import write_dicom_seg
from lsms_core.io.named_masks import Segment
from lsms_core.io.volumes import read_volume

pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")
ROWS, COLUMNS = 12, 16
STUDY = "1.2.826.0.1.3680043.8.498.1"
AXIAL = (1, 0, 0, 0, 1, 0)


def write_slice(path, position, pixels, *, series="1", orientation=AXIAL, **tags):
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = f"{STUDY}.{series}.{zlib.crc32(path.name.encode()) + 1}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = FileDataset(str(path), Dataset(), file_meta=meta, preamble=b"\0" * 128)
    values = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": f"{STUDY}.{series}",
        "FrameOfReferenceUID": f"{STUDY}.99",
        "SeriesNumber": int(series),
        "SeriesDescription": f"Phase {series}",
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "ImagePositionPatient": [float(v) for v in position],
        "ImageOrientationPatient": [float(v) for v in orientation],
        "PixelSpacing": [0.8, 0.7],
        "SliceThickness": 2.5,
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "PixelData": pixels.astype("<u2").tobytes(),
    } | tags
    for name, value in values.items():
        if value is not None:
            setattr(image, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(path, enforce_file_format=True)


def pixels_of(index):
    """Stored values of slice ``index`` from below; its corner holds 1024 + 10 * index."""
    grid = np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS)
    return grid * 5 + 1024 + 10 * index


def write_series(folder, positions, **tags):
    """Write slices under names that say nothing of their order."""
    names = np.random.default_rng(len(positions)).permutation(len(positions))
    for index, (position, name) in enumerate(zip(positions, names, strict=True)):
        write_slice(folder / f"IM{name:03d}", position, pixels_of(index), **tags)


def stack(count=6, step=(0.0, 0.0, 2.5), start=(-20.0, -30.0, 100.0)):
    return [tuple(np.add(start, np.multiply(step, n))) for n in range(count)]


def test_slices_are_ordered_by_place_and_in_hounsfield_units(tmp_path):
    write_series(tmp_path, stack())
    read = read_volume(tmp_path)
    assert read.notes == ()
    assert read.volume.array[:, 0, 0].tolist() == [0, 10, 20, 30, 40, 50]
    assert read.volume.array.dtype == np.int16
    # RAS of column 2, row 3, slice 4 by hand: -(-20 + 2 * 0.7), -(-30 + 3 * 0.8), 100 + 4 * 2.5
    np.testing.assert_allclose(read.volume.affine @ (2, 3, 4, 1), (18.6, 27.6, 110, 1))


def test_the_order_follows_the_normal_not_the_names(tmp_path):
    write_series(tmp_path, stack(step=(0, 0, -2.5)))
    array = read_volume(tmp_path).volume.array
    assert array[:, 0, 0].tolist() == [50, 40, 30, 20, 10, 0]


@pytest.mark.parametrize(
    ("orientation", "step"),
    [
        ((1, 0, 0, 0, 0, -1), (0, 3.0, 0)),
        ((0, 1, 0, 0, 0, -1), (-2.0, 0, 0)),
        ((0.6, 0.8, 0, -0.8, 0.6, 0), (0, 0, 4.0)),
        ((-1, 0, 0, 0, 1, 0), (0, 0, -2.0)),
    ],
    ids=["coronal", "sagittal", "oblique", "mirrored columns"],
)
def test_any_orientation(orientation, step, tmp_path):
    write_series(tmp_path, stack(step=step), orientation=orientation)
    read = read_volume(tmp_path)
    rows, columns = np.array(orientation).reshape(2, 3)
    order = read.volume.array[:, 0, 0] // 10
    for k in range(6):
        lps = (
            np.add((-20, -30, 100), np.multiply(step, order[k]))
            + 2 * 0.7 * rows
            + 3 * 0.8 * columns
        )
        ras = lps * (-1, -1, 1)
        np.testing.assert_allclose((read.volume.affine @ (2, 3, k, 1))[:3], ras, atol=1e-9)


def test_a_tilted_gantry_is_noticed_and_kept(tmp_path):
    angle = np.radians(15)
    orientation = (1, 0, 0, 0, np.cos(angle), np.sin(angle))
    write_series(tmp_path, stack(step=(0, 0, 3.0)), orientation=orientation)
    read = read_volume(tmp_path)
    assert any("gantry was tilted by 15.0 degrees" in note for note in read.notes)
    np.testing.assert_allclose(read.volume.affine[:3, 2], (0, 0, 3.0), atol=1e-9)
    # A voxel's volume is base times height: the slices are nearer to each other than 3 mm.
    height = abs(np.linalg.det(read.volume.affine[:3, :3])) / (0.7 * 0.8)
    assert height == pytest.approx(3.0 * np.cos(angle))


def test_a_missing_slice_is_refused(tmp_path):
    positions = stack(8)
    write_series(tmp_path, positions[:4] + positions[5:])
    with pytest.raises(InputError, match=r"gap of 5\.0 mm .* slices are missing"):
        read_volume(tmp_path)


def test_slightly_uneven_slices_are_told(tmp_path):
    positions = stack(8)
    positions[3] = tuple(np.add(positions[3], (0, 0, 0.3)))
    write_series(tmp_path, positions)
    (note,) = read_volume(tmp_path).notes
    assert "unevenly spaced (2.20 to 2.80 mm)" in note


def test_very_uneven_slices_are_refused(tmp_path):
    places = np.cumsum([0, 2, 2, 2, 2.9, 2.9, 2.9, 2.9, 2.9])
    write_series(tmp_path, [(-20, -30, z) for z in places])
    with pytest.raises(InputError, match="unevenly spaced"):
        read_volume(tmp_path)


def test_two_phases_in_one_series_are_refused(tmp_path):
    write_series(tmp_path / "a", stack(), AcquisitionNumber=1)
    write_series(tmp_path / "b", stack(), AcquisitionNumber=2)
    with pytest.raises(InputError, match=r"2 acquisitions \(phases\)"):
        read_volume(tmp_path)


def test_several_series_need_a_choice(tmp_path):
    write_series(tmp_path / "a", stack(4), series="2", SeriesDescription="Arterial 2.5")
    write_series(tmp_path / "b", stack(6), series="3", SeriesDescription="Portal venous 2.5")
    with pytest.raises(InputError, match="holds 2 CT series: choose one with --series") as caught:
        read_volume(tmp_path)
    assert 'series 2, "Arterial 2.5", 4 images' in str(caught.value)
    for choice in ("3", "#2", f"{STUDY}.3", "portal"):
        read = read_volume(tmp_path, choice)
        assert read.volume.shape[0] == 6
        assert read.notes[0].startswith('Read series 3 "Portal venous 2.5": 6 slices of 16 x 12')
    with pytest.raises(InputError, match="no series fits"):
        read_volume(tmp_path, "delayed")
    with pytest.raises(InputError, match="2 series fit"):
        read_volume(tmp_path, "2.5")


def test_a_scout_and_other_modalities_are_left_out(tmp_path):
    write_series(tmp_path, stack())
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "orientation": (1, 0, 0, 0, 0, -1)}
    write_slice(tmp_path / "scout", (0, 0, 0), pixels_of(0), series="9", **scout)
    write_slice(tmp_path / "pet", (0, 0, 0), pixels_of(0), series="8", Modality="PT")
    (tmp_path / "notes.txt").write_text("not DICOM", "utf-8")
    read = read_volume(tmp_path)
    assert read.volume.shape == (6, ROWS, COLUMNS)
    assert read.notes == ("Left out what is no CT image: 1 PT image, 1 scout.",)


def test_a_single_picture_beside_the_stack_does_not_count(tmp_path):
    write_series(tmp_path, stack())
    write_slice(tmp_path / "capture", (0, 0, 0), pixels_of(0)[:6, :8], series="7")
    read = read_volume(tmp_path)
    assert read.volume.shape[0] == 6
    assert read.notes[0].startswith("Read series 1")


def test_a_slope_of_each_slice_is_used(tmp_path):
    for n, position in enumerate(stack(3)):
        write_slice(tmp_path / f"{n}", position, pixels_of(0), RescaleSlope=1 + n / 2)
    array = read_volume(tmp_path).volume.array
    stored = float(pixels_of(0)[3, 4])
    assert array[:, 3, 4].tolist() == [stored * s - 1024 for s in (1, 1.5, 2)]


def test_one_slice_has_its_thickness(tmp_path):
    write_slice(tmp_path / "one", (0, 0, 0), pixels_of(0))
    read = read_volume(tmp_path)
    assert read.volume.spacing_mm == pytest.approx((0.7, 0.8, 2.5))
    assert "one slice, 2.5 mm thick" in read.notes[0]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"Modality": "MR"}, "holds no CT image (only 1 MR image)"),
        ({"ImagePositionPatient": None}, "do not say where they lie in the patient"),
        ({"PixelSpacing": None}, "have no pixel size"),
        ({"NumberOfFrames": 2, "PixelData": b"\0" * ROWS * COLUMNS * 4}, "multi-frame"),
    ],
)
def test_a_slice_that_cannot_be_used(tags, message, tmp_path):
    write_slice(tmp_path / "one", (0, 0, 0), pixels_of(0), **tags)
    with pytest.raises(InputError) as caught:
        read_volume(tmp_path)
    assert message in str(caught.value)


def test_a_damaged_slice_is_named(tmp_path):
    write_series(tmp_path, stack())
    path = tmp_path / "IM002"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="IM002 is damaged"):
        read_volume(tmp_path)


class TestSegmentation:
    @pytest.fixture(autouse=True)
    def _highdicom(self):
        pytest.importorskip("highdicom", reason="highdicom is not installed")

    @staticmethod
    def masks():
        left, cyst = np.zeros((6, ROWS, COLUMNS), bool), np.zeros((6, ROWS, COLUMNS), bool)
        left[1:4, 2:6, 3:9] = True
        cyst[3:5, 4:8, 5:7] = True
        name = "left lobe lesion " + "x" * 80
        return [
            Segment(name, left, terminology_of("left lobe lesion"), (255, 150, 30)),
            Segment("cyst", cyst, terminology_of("cyst"), (80, 180, 255)),
        ]

    def test_it_refers_to_the_series_frame_by_frame(self, tmp_path):
        import highdicom

        write_series(tmp_path / "ct", stack(step=(0, 0, -2.5)))
        loaded = read_volume(tmp_path / "ct")
        path = tmp_path / "lesions.dcm"
        segments = self.masks()
        write_dicom_seg(path, loaded.slice_files, segments, model="lsms-tiny", model_version="1")
        written = highdicom.seg.segread(path)
        for number, segment in enumerate(segments, 1):
            frames = written.get_pixels_by_source_instance(
                [pydicom.dcmread(f).SOPInstanceUID for f in loaded.slice_files],
                segment_numbers=[number], assert_missing_frames_are_empty=True,
            )  # fmt: skip
            np.testing.assert_array_equal(frames[..., 0] > 0, segment.mask)
        first = written.SegmentSequence[0]
        assert first.SegmentLabel == f"left lobe lesion {'x' * 23} ... {'x' * 19}"
        assert first.SegmentDescription == segments[0].name
        assert first.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Mass"
        region = first.AnatomicRegionSequence[0]
        assert region.CodeValue == "10200004"
        assert region.AnatomicRegionModifierSequence[0].CodeMeaning == "Left"
        assert written.FrameOfReferenceUID == f"{STUDY}.99"

    def test_its_frames_lie_where_the_mask_lies(self, tmp_path):
        import highdicom

        write_series(tmp_path / "ct", stack())
        loaded = read_volume(tmp_path / "ct")
        write_dicom_seg(
            tmp_path / "s.dcm", loaded.slice_files, self.masks(), model="m", model_version="1"
        )
        volume = highdicom.seg.segread(tmp_path / "s.dcm").get_volume(segment_numbers=[2])
        array = volume.array[..., 0] if volume.array.ndim == 4 else volume.array
        centre = np.argwhere(array > 0).mean(axis=0)
        lps = volume.affine @ (*centre, 1)
        mask = self.masks()[1].mask
        kji = np.argwhere(mask).mean(axis=0)
        ras = loaded.volume.affine @ (*kji[::-1], 1)
        np.testing.assert_allclose(lps[:3] * (-1, -1, 1), ras[:3], atol=1e-6)

    def test_a_series_without_its_uids_is_refused(self, tmp_path):
        write_series(tmp_path / "ct", stack(), SeriesInstanceUID="")
        loaded = read_volume(tmp_path / "ct")
        with pytest.raises(InputError, match="lacks SeriesInstanceUID"):
            write_dicom_seg(
                tmp_path / "s.dcm", loaded.slice_files, self.masks(), model="m", model_version="1"
            )
        assert not (tmp_path / "s.dcm").exists()

    def test_the_command_line_writes_one(self, lsms, tiny_bundle, bright_engine, tmp_path):
        import highdicom

        write_series(tmp_path / "ct", stack())
        target = tmp_path / "out.dcm"
        ran = lsms("segment", tmp_path / "ct", "--text", "bright lesion", "--weights", tiny_bundle,
                   "--output", target, "--json")  # fmt: skip
        assert ran.status == 0, ran.err
        assert json.loads(ran.out)["output"] == str(target)
        assert highdicom.seg.segread(target).number_of_segments == 1
        nothing = tmp_path / "nothing.dcm"
        ran = lsms("segment", tmp_path / "ct", "--text", "spleen", "--weights", tiny_bundle,
                   "--output", nothing, "--json")  # fmt: skip
        assert ran.status == 0, ran.err
        assert json.loads(ran.out)["output"] is None
        assert "cannot be empty" in json.loads(ran.out)["notes"][0]
        assert not nothing.exists()
