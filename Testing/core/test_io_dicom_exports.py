"""DICOM folders as hospitals export them: what is no CT is left out, nothing is lost silently."""

from __future__ import annotations

import logging
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.fileset import FileSet
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
from Testing.core.dicom_synthetic import SIZE, blank, body, enhanced, save, series, slice_of


def expect_all(folder, count=8, **choice):
    """Every slice is there, in order, at its place."""
    read = read_volume(folder, **choice)
    assert read.volume.shape == (count, SIZE, SIZE)
    assert read.volume.array[:, 22, 22].tolist() == [10 + n for n in range(count)]
    np.testing.assert_allclose(read.volume.affine @ (0, 0, 1, 1), (48, 48, 4, 1), atol=1e-6)
    return read


class TestLeftOut:
    def test_a_patient_cd(self, tmp_path):
        files = FileSet()
        for path in series(tmp_path / "source"):
            files.add(path)
        files.write(tmp_path / "cd")
        read = expect_all(tmp_path / "cd")
        assert "1 DICOM directory (DICOMDIR)" in read.notes[0]
        expect_all(tmp_path / "cd" / "DICOMDIR")

    @pytest.mark.parametrize(
        ("sop", "name"),
        [
            ("1.2.840.10008.5.1.4.1.1.66", "Raw Data"),
            ("1.2.840.10008.5.1.4.1.1.104.1", "Encapsulated PDF"),
            ("1.3.12.2.1107.5.9.1", "CT object without an image"),
            ("1.2.840.10008.5.1.4.1.1.88.67", "X-Ray Radiation Dose SR"),
            ("1.2.840.10008.5.1.4.1.1.11.1", "Presentation State"),
        ],
    )
    @pytest.mark.parametrize("same_series", [True, False])
    def test_objects_without_pixels(self, sop, name, same_series, tmp_path):
        uid = generate_uid()
        series(tmp_path, uid=uid)
        save(blank(sop, uid if same_series else None), tmp_path / "zz.dcm")
        (note,) = expect_all(tmp_path).notes
        assert name in note

    @staticmethod
    def alter(**entries):
        def change(made, _):
            for key, value in entries.items():
                if value is None:
                    delattr(made, key)
                else:
                    setattr(made, key, value)

        return change

    @pytest.mark.parametrize(
        ("entries", "kind"),
        [
            ({"ImagePositionPatient": None, "ImageOrientationPatient": None}, "dose report"),
            ({"ImageOrientationPatient": None}, "dose report"),
            ({"ImagePositionPatient": []}, "dose report"),
            ({"PixelSpacing": None}, "without a pixel size"),
            ({"PixelSpacing": [0, 0]}, "without a pixel size"),
            ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "BitsAllocated": 8,
              "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0,
              "PixelData": bytes(SIZE * SIZE * 3)}, "colour picture"),
            ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour picture"),
            ({"NumberOfFrames": 3, "PixelData": bytes(SIZE * SIZE * 6)}, "multi-frame picture"),
            ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "1 scout"),
            ({"Modality": "MR"}, "1 MR image"),
            ({"Modality": "SEG", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, "1 SEG image"),
        ],
    )  # fmt: skip
    def test_other_images_beside_the_series(self, entries, kind, tmp_path):
        series(tmp_path)
        change = self.alter(**entries)
        series(tmp_path, change, count=1, number=999, description="Dose Report", name="Z")
        for choice in (None, "1", "CT abdomen"):
            read = expect_all(tmp_path, series=choice)
            assert any(kind in note and "1 " in note for note in read.notes)

    @pytest.mark.parametrize(
        ("entries", "reason"),
        [
            ({"ImagePositionPatient": None}, "do not say where they lie"),
            ({"PixelSpacing": None}, "have no pixel size"),
            ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "colour pictures"),
            ({"NumberOfFrames": 3, "PixelData": bytes(SIZE * SIZE * 6)}, "multi-frame pictures"),
            ({"Modality": "MR"}, "only 8 MR image"),
        ],
    )
    def test_the_true_reason_where_nothing_is_left(self, entries, reason, tmp_path):
        series(tmp_path, self.alter(**entries))
        with pytest.raises(InputError, match=reason):
            read_volume(tmp_path)

    def test_viewers_and_texts_of_a_cd_do_not_count(self, tmp_path):
        series(tmp_path / "IMAGES")
        (tmp_path / "viewer.exe").write_bytes(b"MZ" + bytes(4000))
        (tmp_path / "README.TXT").write_text("x", "utf-8")
        (tmp_path / "AUTORUN.INF").write_text("", "utf-8")
        assert expect_all(tmp_path).notes == ()

    def test_symbolic_links_are_followed_once(self, tmp_path):
        series(tmp_path / "archive")
        folder = tmp_path / "study"
        folder.mkdir()
        (folder / "all").symlink_to(tmp_path / "archive")
        (folder / "again").symlink_to(tmp_path / "archive")
        (folder / "loop").symlink_to(folder)
        (folder / "gone").symlink_to(tmp_path / "nowhere")
        assert expect_all(folder).notes == ()
        links = tmp_path / "links"
        links.mkdir()
        for path in (tmp_path / "archive").iterdir():
            (links / path.name).symlink_to(path)
        expect_all(links)


class TestDamage:
    @pytest.mark.parametrize("index", [0, -1])
    @pytest.mark.parametrize("length", [0, 60, 131, 140, 400])
    def test_a_file_that_broke_off_at_the_end_is_counted(self, index, length, tmp_path):
        path = series(tmp_path)[index]
        path.write_bytes(path.read_bytes()[:length])
        read = read_volume(tmp_path)
        assert read.volume.shape[0] == 7
        (note,) = read.notes
        assert f"1 empty or damaged file ({path.name})" in note

    def test_without_a_suffix_too(self, tmp_path):
        for path in series(tmp_path):
            path.rename(path.with_suffix(""))
        (tmp_path / "IM007").write_bytes(b"")
        assert "IM007" in read_volume(tmp_path).notes[0]

    def test_in_the_middle_the_gap_names_it(self, tmp_path):
        series(tmp_path)[4].write_bytes(b"")
        with pytest.raises(InputError, match=r"gap of 8\.0 mm.*IM004\.dcm"):
            read_volume(tmp_path)

    @pytest.mark.parametrize("index", [0, 3, -1])
    def test_cut_pixels_are_refused_and_counted(self, index, tmp_path):
        path = series(tmp_path)[index]
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(InputError, match=rf"{path.name} is damaged.*1 of the 8 images"):
            read_volume(tmp_path)

    def test_damage_in_another_series_does_not_count(self, tmp_path):
        series(tmp_path / "a")
        path = series(tmp_path / "b", number=2, description="other")[2]
        path.write_bytes(path.read_bytes()[:-200])
        expect_all(tmp_path, series="1")

    def test_every_second_image_missing_is_told(self, tmp_path):
        for path in series(tmp_path)[1::2]:
            path.unlink()
        assert "image numbers rise by 2" in read_volume(tmp_path).notes[0]

    def test_fewer_images_than_the_series_says(self, tmp_path):
        series(tmp_path, lambda d, _: setattr(d, "ImagesInAcquisition", 12))
        assert "has 12 images, but 8 are here" in expect_all(tmp_path).notes[0]

    @pytest.mark.parametrize("tag", [b"\x28\x00\x00\x01US", b"\x02\x00\x02\x00UI"])
    def test_an_element_of_a_broken_length_or_kind(self, tag, tmp_path):
        path = series(tmp_path)[-1]
        content = bytearray(path.read_bytes())
        at = content.index(tag) + 4
        content[at : at + 4] = b"U\xff\x03\x00" if tag.endswith(b"UI") else b"US\x03\x00"
        path.write_bytes(bytes(content))
        try:
            told = " ".join(read_volume(tmp_path).notes)
        except InputError as error:
            told = str(error)
        assert path.name in told


class TestCopies:
    def test_the_same_file_twice(self, tmp_path):
        path = series(tmp_path)[3]
        shutil.copy(path, tmp_path / "IM003.dcm.bak")
        assert "1 identical copy" in expect_all(tmp_path).notes[0]

    def test_a_whole_folder_twice_with_new_uids(self, tmp_path):
        uid = generate_uid()
        series(tmp_path / "a", uid=uid)
        series(tmp_path / "b", uid=uid)
        assert "8 identical copies" in expect_all(tmp_path).notes[0]

    def test_a_damaged_copy_gives_way(self, tmp_path):
        path = series(tmp_path)[3]
        (tmp_path / "A.dcm").write_bytes(path.read_bytes()[:-100])
        assert "1 identical copy" in expect_all(tmp_path).notes[0]

    def test_the_same_place_with_other_pixels_is_no_copy(self, tmp_path):
        uid = generate_uid()
        series(tmp_path, uid=uid)
        other = slice_of(3, uid)
        other.PixelData = body(30).tobytes()
        save(other, tmp_path / "other.dcm")
        with pytest.raises(InputError, match="several images at the same place"):
            read_volume(tmp_path)


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


def test_nothing_of_the_patient_is_logged(tmp_path, caplog, capfd, recwarn):
    def odd(made, index):
        made.PatientName, made.PatientBirthDate = "Secret^Name", "00000000"
        made.add_new("PatientSex", "CS", "secret sex")
        made.SliceThickness = "4"
        if index == 2:
            made.SpecificCharacterSet = "ISO_IR 999"

    with caplog.at_level(logging.DEBUG):
        series(tmp_path, odd)
        caplog.clear()
        capfd.readouterr()
        recwarn.clear()
        read_volume(tmp_path)
    out, err = capfd.readouterr()
    told = caplog.text + out + err + " ".join(str(w.message) for w in recwarn)
    assert "ecret" not in told
    assert told == ""


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


def test_a_folder_that_cannot_be_read_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="holds no DICOM file"):
        read_volume(tmp_path)
