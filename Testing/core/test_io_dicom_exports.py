"""DICOM folders as hospitals export them: what is no CT is left out, nothing is lost silently."""

from __future__ import annotations

import logging
import os
import shutil

import pytest
from pydicom.fileset import FileSet
from pydicom.uid import (
    generate_uid,
)

from lsms_core.errors import InputError
from lsms_core.io.volumes import read_volume
from Testing.core.dicom_synthetic import (
    SIZE,
    blank,
    body,
    expect_all,
    save,
    series,
    slice_of,
)

pytestmark = pytest.mark.slow


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


def test_a_folder_that_cannot_be_read_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="holds no DICOM file"):
        read_volume(tmp_path)
