"""Geometry and values of DICOM series as scanners write them: jitter, tilt, old objects."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

from lsms_core.errors import InputError
from lsms_core.io.volumes import read_volume
from Testing.core.dicom_synthetic import (
    SIZE,
    body,
    expect_all,
    series,
    slice_of,
)

pytestmark = pytest.mark.slow


class TestJitter:
    @pytest.mark.parametrize("where", [lambda k: k == 7, lambda k: k == 0, lambda k: k % 2])
    @pytest.mark.parametrize("size", [1e-5, 2e-5, 1e-4, 4e-4])
    def test_directions_in_the_fourth_decimal(self, where, size, tmp_path):
        def change(made, index):
            e = 0.0005 + (size if where(index) else -size)
            made.ImageOrientationPatient = [1, e, 0, -e, 1, 0]

        series(tmp_path, change)
        assert expect_jitter(tmp_path).notes == ()

    @pytest.mark.parametrize("size", [1e-5, 4e-4, 9e-4])
    def test_spacing_in_the_fourth_decimal(self, size, tmp_path):
        def change(made, index):
            made.PixelSpacing = [2 + size * (index % 2)] * 2

        series(tmp_path, change)
        assert expect_jitter(tmp_path).notes == ()

    def test_more_is_told(self, tmp_path):
        def change(made, index):
            made.ImageOrientationPatient = [1, 0.004 * (index == 2), 0, 0, 1, 0]

        series(tmp_path, change)
        assert "differ by up to 0.23 degrees" in read_volume(tmp_path).notes[0]

    def test_another_direction_is_another_stack(self, tmp_path):
        uid = generate_uid()
        series(tmp_path / "a", uid=uid)

        def coronal(made, index):
            made.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
            made.ImagePositionPatient = [-48, index * 4, 48]

        series(tmp_path / "b", coronal, uid=uid, count=5)
        with pytest.raises(InputError, match=r"series 1\.1, .*8 images.*series 1\.2, .*5 images"):
            read_volume(tmp_path)
        assert read_volume(tmp_path, "1.2").volume.shape[0] == 5
        with pytest.raises(InputError, match="2 series fit"):
            read_volume(tmp_path, "1")


def expect_jitter(folder):
    read = read_volume(folder)
    assert read.volume.shape == (8, SIZE, SIZE)
    assert read.volume.spacing_mm == pytest.approx((2, 2, 4), rel=1e-3)
    return read


class TestOldAndOdd:
    @pytest.mark.parametrize("meta", [True, False])
    def test_without_preamble(self, meta, tmp_path):
        for path in series(tmp_path):
            content = path.read_bytes()
            if meta:
                path.write_bytes(content[132:])
            else:
                made = dcmread(path)
                del made.file_meta
                dcmwrite(path, made, implicit_vr=True, little_endian=True)
        expect_all(tmp_path)

    @pytest.mark.parametrize(
        "syntax",
        [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless],
    )
    def test_transfer_syntaxes(self, syntax, tmp_path):
        for index in range(8):
            made = slice_of(index, "1.2.3")
            made.file_meta.TransferSyntaxUID = syntax
            if syntax == RLELossless:
                made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
                made.compress(RLELossless, generate_instance_uid=False)
            if syntax == ExplicitVRBigEndian:
                made.PixelData = body(index).astype(">i2").tobytes()
            dcmwrite(tmp_path / f"{index}.dcm", made, enforce_file_format=True)
        expect_all(tmp_path)

    def test_names_and_folders_say_nothing(self, tmp_path):
        for number, path in enumerate(series(tmp_path / "x")):
            target = tmp_path / "y" / f"{number * 7 % 5}" / f"{(number * 3) % 8}"
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        expect_all(tmp_path / "y")

    def test_one_file(self, tmp_path):
        path = series(tmp_path)[2]
        read = read_volume(path)
        assert read.volume.array[0, 22, 22] == 12
        assert "one slice, 4 mm thick" in read.notes[0]


class TestValues:
    def test_monochrome1_is_a_way_to_show(self, tmp_path):
        series(tmp_path, lambda d, _: setattr(d, "PhotometricInterpretation", "MONOCHROME1"))
        assert "MONOCHROME1" in expect_all(tmp_path).notes[0]

    def test_compressed_monochrome1(self, tmp_path):
        for path in series(tmp_path):
            made = dcmread(path)
            made.PhotometricInterpretation = "MONOCHROME1"
            made.compress(RLELossless)
            made.save_as(path)
        expect_all(tmp_path)

    @pytest.mark.parametrize("bits", [12, 16])
    def test_true_negatives_are_turned_over(self, bits, tmp_path):
        def change(made, index):
            made.PhotometricInterpretation = "MONOCHROME1"
            made.PixelRepresentation, made.RescaleIntercept = 0, -1024
            made.BitsStored, made.HighBit = bits, bits - 1
            stored = (1 << bits) - 1 - (body(index).astype(int) + 1024)
            made.PixelData = stored.astype("<u2").tobytes()

        series(tmp_path, change)
        assert "turned over" in expect_all(tmp_path).notes[0]

    @pytest.mark.parametrize("padding", [None, -2000, -1])
    @pytest.mark.parametrize("declared", [True, False])
    def test_a_lost_intercept(self, padding, declared, tmp_path):
        def change(made, index):
            values = body(index) + np.int16(1024)
            if padding is not None:
                values[:3] = padding
                if declared:
                    made.PixelPaddingValue = padding
            made.PixelData = values.tobytes()

        series(tmp_path, change)
        read = expect_all(tmp_path)
        assert any("+ 1024" in note for note in read.notes)
        assert read.volume.array[0, 10, 0] == -1000

    @pytest.mark.parametrize("padding", [0, 2000, 30000])
    def test_declared_padding_that_would_be_tissue(self, padding, tmp_path):
        def change(made, index):
            values = body(index)
            values[:5], values[22, 22] = padding, padding
            made.PixelData, made.PixelPaddingValue = values.tobytes(), padding

        series(tmp_path, change)
        read = read_volume(tmp_path)
        assert read.volume.array[0, 0, 0] == -1024
        # The same value inside the body is a value.
        assert read.volume.array[0, 22, 22] == padding
        assert "Padding beside the body" in read.notes[0]

    def test_padding_in_the_wrong_notation(self, tmp_path):
        def change(made, index):
            values = body(index) + np.int16(1024)
            values[:5] = -2000
            made.PixelData, made.RescaleIntercept = values.tobytes(), -1024
            made["PixelPaddingValue"] = made_us(63536)

        series(tmp_path, change)
        assert expect_all(tmp_path).notes == ()

    def test_other_units_are_told(self, tmp_path):
        series(tmp_path, lambda d, _: setattr(d, "RescaleType", "Z_EFF"))
        assert "its values are Z_EFF" in expect_all(tmp_path).notes[0]


def made_us(value):
    from pydicom.dataelem import DataElement

    return DataElement("PixelPaddingValue", "US", value)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    turn=st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 3.0)] * 2),
    step=st.floats(0.5, 10.0),
    tilt=st.floats(-0.5, 0.5),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    order=st.permutations(range(5)),
)
def test_any_geometry_places_each_voxel(tmp_path_factory, turn, spacing, step, tilt, origin, order):
    """DICOM's own formula (PS3.3 C.7.6.2.1.1) gives the place of each pixel."""
    a, b, c = turn
    rotation = (
        np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        @ np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    )
    rows, columns, normal = np.round(rotation.T, 6)
    along = normal * step + columns * step * np.tan(tilt)
    positions = [np.round(np.add(origin, along * k), 4) for k in range(5)]

    def change(made, index):
        made.ImageOrientationPatient = [f"{v:.6f}" for v in (*rows, *columns)]
        made.ImagePositionPatient = [f"{v:.4f}" for v in positions[index]]
        made.PixelSpacing = [f"{s:.5f}" for s in spacing]
        made.InstanceNumber = order[index] + 1

    folder = tmp_path_factory.mktemp("geometry")
    series(folder, change, count=5)
    read = read_volume(folder)
    for k in range(5):
        index = int(read.volume.array[k, 22, 22]) - 10
        for row, column in ((0, 0), (SIZE - 1, 3)):
            lps = positions[index] + rows * spacing[1] * column + columns * spacing[0] * row
            ras = (read.volume.affine @ (column, row, k, 1))[:3]
            np.testing.assert_allclose(ras, lps * (-1, -1, 1), atol=2e-2)
    shutil.rmtree(folder)
