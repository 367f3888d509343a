"""Which series of a DICOM folder is read: choice, phases, enhanced objects, uneven slices."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    RLELossless,
    generate_uid,
)

from lsms_core.errors import InputError
from lsms_core.io.volumes import read_volume
from Testing.core.dicom_synthetic import (
    SIZE,
    body,
    enhanced,
    expect_all,
    save,
    series,
    slice_of,
)

pytestmark = pytest.mark.slow


class TestChoice:
    def two(self, folder):
        series(folder / "a", number=2, description="arterial")
        series(folder / "b", lambda d, _: setattr(d, "RescaleIntercept", 5), number=5,
               description="portal venous")  # fmt: skip

    @pytest.mark.parametrize("wanted", ["5", "05", " 5", "#2", "portal", "PORTAL venous"])
    def test_dicoms_own_number_first(self, wanted, tmp_path):
        self.two(tmp_path)
        read = read_volume(tmp_path, wanted)
        assert read.volume.array[0, 22, 22] == 15
        assert read.notes[0].startswith('Read series 5 "portal venous": 8 slices of 48 x 48')

    @pytest.mark.parametrize("wanted", ["1", "3", "#3", "#0", "#x", "delayed", ""])
    def test_what_fits_nothing(self, wanted, tmp_path):
        self.two(tmp_path)
        with pytest.raises(InputError, match=r"no series fits.*series 2, .arterial.*series 5"):
            read_volume(tmp_path, wanted)

    def test_a_number_that_two_studies_share(self, tmp_path):
        series(tmp_path / "a", number=2)
        series(tmp_path / "b", number=2)
        with pytest.raises(InputError, match=r"2 series fit.*UID 1\.2"):
            read_volume(tmp_path, "2")

    def test_without_numbers_the_place_counts(self, tmp_path):
        series(tmp_path / "a", number="", description="x", uid="1.2.3")
        series(tmp_path / "b", number="", description="y", uid="1.2.4")
        assert '"y"' in read_volume(tmp_path, "2").read

    @pytest.mark.parametrize(
        ("charset", "text"),
        [("ISO_IR 100", "Leber portalvenös"), ("ISO_IR 192", "肝脏 门静脉期"),
         ("\\ISO 2022 IR 87", "肝臓"), ("ISO_IR 144", "Печень")],
    )  # fmt: skip
    def test_descriptions_in_their_character_set(self, charset, text, tmp_path):
        series(tmp_path / "a")

        def change(made, _):
            made.SpecificCharacterSet = charset.split("\\") if "\\" in charset else charset
            made.SeriesDescription = text

        series(tmp_path / "b", change, number=3)
        with pytest.raises(InputError, match=text):
            read_volume(tmp_path)
        assert text in read_volume(tmp_path, text[:3]).notes[0]


class TestPhases:
    @staticmethod
    def two(folder, **entries):
        """Two phases in one series; ``entries`` name an attribute and its value in each phase."""
        uid = generate_uid()
        for phase in range(2):

            def change(made, index, phase=phase):
                made.PixelData = body(index + 20 * phase).tobytes()
                made.InstanceNumber = index + 1 + 8 * phase
                for name, values in entries.items():
                    setattr(made, name, values[phase])

            series(folder, change, name=f"P{phase}", uid=uid)

    @pytest.mark.parametrize(
        ("entries", "second"),
        [
            ({"AcquisitionNumber": (3, 7)}, ["7", "acquisition:7", "2", "position:2"]),
            ({"AcquisitionTime": ("101010", "101150.5")}, ["10:11", "101150", "time:1011", "2"]),
            ({"TemporalPositionIdentifier": (1, 2)}, ["2", "position:2"]),
            ({"ConvolutionKernel": ("B30f", "B60f")}, ["b60f", "2"]),
            ({}, ["2", "position:2"]),
        ],
    )
    def test_a_phase_is_chosen(self, entries, second, tmp_path):
        self.two(tmp_path, **entries)
        with pytest.raises(InputError, match=r"2 .*\(phases\): choose one .*--phase: 1: .*2: "):
            read_volume(tmp_path)
        for wanted in second:
            read = read_volume(tmp_path, phase=wanted)
            assert read.volume.array[:, 22, 22].tolist() == [30 + n for n in range(8)]
            assert read.notes[0].startswith("Read series 1")
        with pytest.raises(InputError, match="no phase fits"):
            read_volume(tmp_path, phase="99")

    def test_interleaved_images(self, tmp_path):
        uid = generate_uid()
        for n in range(16):
            made = slice_of(n // 2, uid)
            made.InstanceNumber = n + 1
            made.PixelData = body(n // 2 + 20 * (n % 2)).tobytes()
            save(made, tmp_path / f"{n}.dcm")
        assert read_volume(tmp_path, phase="1").volume.array[3, 22, 22] == 13
        assert read_volume(tmp_path, phase="2").volume.array[3, 22, 22] == 33

    def test_one_phase_needs_no_choice(self, tmp_path):
        series(tmp_path)
        with pytest.raises(InputError, match="only one phase: leave --phase out"):
            read_volume(tmp_path, phase="1")

    def test_acquisitions_that_continue_each_other_are_one_volume(self, tmp_path):
        series(tmp_path, lambda d, k: setattr(d, "AcquisitionNumber", 1 + k // 4))
        expect_all(tmp_path)


class TestEnhanced:
    def test_frames_are_ordered_by_place(self, tmp_path):
        enhanced(tmp_path / "e.dcm", order=[3, 0, 5, 1, 4, 2])
        read = expect_all(tmp_path, 6)
        assert expect_all(tmp_path / "e.dcm", 6).read == read.read
        assert read.slice_frames == (1, 3, 5, 0, 4, 2)

    def test_beside_a_single_frame_series(self, tmp_path):
        series(tmp_path / "a")
        enhanced(tmp_path / "b" / "e.dcm", change=lambda d, _: setattr(d, "SeriesNumber", 9))
        expect_all(tmp_path, 8, series="1")
        expect_all(tmp_path, 6, series="9")

    def test_phases_of_one_file(self, tmp_path):
        enhanced(tmp_path / "e.dcm", phases=2)
        with pytest.raises(InputError, match="2 temporal positions"):
            read_volume(tmp_path)
        assert read_volume(tmp_path, phase="2").volume.array[:, 22, 22].tolist() == [
            20 + n for n in range(6)
        ]
        assert read_volume(tmp_path, phase="10:11").volume.array[0, 22, 22] == 20

    def test_compressed(self, tmp_path):
        path = enhanced(tmp_path / "e.dcm")
        made = dcmread(path)
        made.compress(RLELossless)
        made.save_as(path)
        expect_all(tmp_path, 6)

    def test_frames_without_a_place_are_refused(self, tmp_path):
        def nowhere(frame, _):
            del frame.PlanePositionSequence

        enhanced(tmp_path / "e.dcm", per_frame=nowhere)
        with pytest.raises(InputError, match="multi-frame pictures that do not say where"):
            read_volume(tmp_path)

    def test_cut_frames_are_damaged(self, tmp_path):
        path = enhanced(tmp_path / "e.dcm")
        path.write_bytes(path.read_bytes()[:-5000])
        with pytest.raises(InputError, match="is damaged"):
            read_volume(path)


class TestResampling:
    def test_uneven_slices_on_request(self, tmp_path):
        places = [0, 4, 8, 12, 20, 24, 28, 32]

        def change(made, index):
            made.ImagePositionPatient = [-48, -48, places[index]]
            values = body(0)
            values[20:26, 20:26] = places[index]
            made.PixelData = values.tobytes()

        series(tmp_path, change)
        with pytest.raises(InputError, match="--resample"):
            read_volume(tmp_path)
        read = read_volume(tmp_path, resample=True)
        assert read.volume.shape[0] == 9
        assert read.volume.array[:, 22, 22].tolist() == list(range(0, 36, 4))
        assert "Resampled on request: uneven slices (4.00 to 8.00 mm apart)" in read.notes[0]
        assert read.slice_files == ()

    def test_a_tilted_gantry_is_straightened_on_request(self, tmp_path):
        angle = np.radians(20)

        def change(made, index):
            made.ImageOrientationPatient = [1, 0, 0, 0, np.cos(angle), np.sin(angle)]
            values = np.full((SIZE, SIZE), -1000, np.int16)
            values[8:40, 8:40] = 60
            # A bright column that stands upright in the patient, at y = 0.
            row = round((48 - 0) / np.cos(angle) / 2)
            values[row, 20:28] = 900
            made.PixelData = values.tobytes()

        series(tmp_path, change)
        kept = read_volume(tmp_path)
        assert "tilted by 20.0 degrees" in kept.notes[0]
        read = read_volume(tmp_path, resample=True)
        axes = read.volume.affine[:3, :3] / np.linalg.norm(read.volume.affine[:3, :3], axis=0)
        np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
        bright = np.argwhere(read.volume.array > 300)
        ras = (read.volume.affine @ np.c_[bright[:, ::-1], np.ones(len(bright))].T)[:3]
        assert np.abs(ras[1]).max() < 3.0
        assert np.ptp(ras[2]) > 20

    def test_even_slices_stay_as_they_are(self, tmp_path):
        series(tmp_path)
        read = expect_all(tmp_path, resample=True)
        assert read.notes == ()
        assert len(read.slice_files) == 8
