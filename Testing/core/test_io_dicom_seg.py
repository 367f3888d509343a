"""DICOM SEG for series as they are: what can refuse one is found before the work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import generate_uid

from lsms_core.anatomy.terminology import COUINAUD, segments_of, terminology_of
from lsms_core.errors import InputError
from lsms_core.io.dicom_seg import unique_labels
from lsms_core.io.named_masks import Segment
from lsms_core.io.output import check_output, write_masks
from lsms_core.io.volumes import read_volume
from Testing.core.dicom_synthetic import FRAME, SIZE, enhanced, series

pytestmark = pytest.mark.slow

highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed")


def segment(shape, text="lesion", start=2):
    mask = np.zeros(shape, bool)
    mask[start : start + 3, 20:26, 20:26] = True
    return Segment(text, mask, terminology_of(text), (255, 0, 0))


def written(folder, path, *texts, **choice):
    """Check, write and read back; the masks lie where they were."""
    loaded = read_volume(folder, **choice)
    notes = check_output(path, loaded)
    made = [segment(loaded.volume.shape, t, 1 + n) for n, t in enumerate(texts or ("lesion",))]
    assert write_masks(path, loaded, made)[0] == path
    seg = highdicom.seg.segread(path)
    for number, item in enumerate(made, 1):
        volume = seg.get_volume(segment_numbers=[number], combine_segments=True)
        found = volume.affine @ (*np.argwhere(volume.array > 0).mean(axis=0), 1)
        ijk = np.argwhere(item.mask).mean(axis=0)[::-1]
        expected = loaded.volume.affine @ (*ijk, 1)
        np.testing.assert_allclose(found[:3] * (-1, -1, 1), expected[:3], atol=1e-3)
        assert (volume.array > 0).sum() == item.mask.sum()
    dataset = dcmread(path)
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    return dataset, notes


def alter(**entries):
    def change(made, _):
        for name, value in entries.items():
            if value is None:
                if name in made:
                    delattr(made, name)
            else:
                setattr(made, name, value)

    return change


@pytest.mark.filterwarnings("ignore")  # writing headers that break the standard
class TestHeaders:
    @pytest.mark.parametrize(
        ("entries", "replaced"),
        [
            ({"PatientBirthDate": "00000000"}, "PatientBirthDate"),
            ({"PatientBirthDate": "1950"}, "PatientBirthDate"),
            ({"PatientBirthDate": "19501332"}, "PatientBirthDate"),
            ({"StudyDate": "2026.01.01"}, "StudyDate"),
            ({"StudyTime": "10:10:10"}, "StudyTime"),
            ({"StudyTime": "256199"}, "StudyTime"),
            ({"PatientSex": "unknown"}, "PatientSex"),
            ({"PatientAge": "45"}, "PatientAge"),
            ({"FrameOfReferenceUID": None}, "FrameOfReferenceUID"),
            ({"FrameOfReferenceUID": ""}, "FrameOfReferenceUID"),
            ({"SliceThickness": None}, "SliceThickness"),
            ({"SliceThickness": ""}, "SliceThickness"),
            ({"SliceThickness": "0"}, "SliceThickness"),
            ({"SliceThickness": "-4"}, "SliceThickness"),
        ],
    )
    def test_unusable_entries_are_replaced_and_named(self, entries, replaced, tmp_path):
        series(tmp_path / "ct", alter(**entries))
        dataset, (note,) = written(tmp_path / "ct", tmp_path / "o.dcm")
        assert note.endswith(f"left empty: {replaced}.")
        assert not any(str(v) in note for v in entries.values() if v and len(str(v)) > 2)
        assert dataset.FrameOfReferenceUID
        measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        assert float(measures.SliceThickness) == 4

    @pytest.mark.parametrize(
        "entries",
        [
            {"PatientSex": "Male"}, {"PatientSex": "f"}, {"PatientName": ""},
            {"PatientName": None, "PatientID": None, "StudyID": None, "AccessionNumber": None},
            {"StudyDate": None, "StudyTime": None, "PatientBirthDate": None, "PatientSex": None},
            {"SpecificCharacterSet": ""}, {"SeriesNumber": None}, {"SeriesNumber": "3"},
            {"PatientName": "Müller^Jörg", "SpecificCharacterSet": "ISO_IR 100"},
            {"PatientID": "x" * 80},
            {"PatientName": "Wang^XiaoDong=王^小东", "SpecificCharacterSet": "GB18030"},
            {"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
             "SpecificCharacterSet": ["", "ISO 2022 IR 87"]},
            {"PatientName": "Hong^Gildong=洪^吉洞=홍^길동",
             "SpecificCharacterSet": ["", "ISO 2022 IR 149"]},
            {"PatientName": "Люкceмбypг", "SpecificCharacterSet": "ISO_IR 144"},
            {"PatientName": "A" * 70}, {"PatientName": "only"},
        ],
    )  # fmt: skip
    def test_what_can_be_used_is_used_without_a_word(self, entries, tmp_path):
        series(tmp_path / "ct", alter(**entries))
        dataset, notes = written(tmp_path / "ct", tmp_path / "o.dcm")
        assert notes == []
        name = entries.get("PatientName")
        if name and len(name) < 65:
            assert str(dataset.PatientName) == name
        assert dataset.PatientSex in ("O", "M", "F", None, "")
        assert dataset.FrameOfReferenceUID == FRAME

    def test_unknown_character_sets_do_no_harm(self, tmp_path):
        series(tmp_path / "ct", alter(PatientName="X^Y"))
        for path in (tmp_path / "ct").iterdir():
            made = dcmread(path)
            made.SpecificCharacterSet = "ISO_IR 999"
            made.save_as(path)
        dataset, _ = written(tmp_path / "ct", tmp_path / "o.dcm")
        assert str(dataset.PatientName) == "X^Y"

    def test_positions_with_more_digits_than_allowed(self, tmp_path):
        def change(made, index):
            made.add_new("ImagePositionPatient", "DS", None)
            made["ImagePositionPatient"].value = [-48.12345678901234, -48, index * 4 + 1e-13]

        series(tmp_path / "ct", change)
        written(tmp_path / "ct", tmp_path / "o.dcm")

    def test_frames_of_reference_that_differ_become_one(self, tmp_path):
        series(tmp_path / "ct", lambda d, k: setattr(d, "FrameOfReferenceUID", f"1.2.{k + 1}"))
        dataset, (note,) = written(tmp_path / "ct", tmp_path / "o.dcm")
        assert "FrameOfReferenceUID" in note
        assert dataset.FrameOfReferenceUID == "1.2.1"

    def test_a_made_frame_of_reference_is_always_the_same(self, tmp_path):
        series(tmp_path / "ct", alter(FrameOfReferenceUID=None))
        frames = {
            written(tmp_path / "ct", tmp_path / f"{n}.dcm")[0].FrameOfReferenceUID for n in (1, 2)
        }
        assert len(frames) == 1

    @pytest.mark.parametrize("name", ["SeriesInstanceUID", "StudyInstanceUID", "SOPInstanceUID"])
    def test_what_nothing_can_replace_is_refused_before_the_work(self, name, tmp_path):
        series(tmp_path / "ct", alter(**{name: ""}))
        with pytest.raises(InputError, match=f"lacks {name}"):
            check_output(tmp_path / "o.dcm", read_volume(tmp_path / "ct"))


class TestGrids:
    def test_an_enhanced_series(self, tmp_path):
        enhanced(tmp_path / "ct" / "e.dcm", order=[3, 0, 5, 1, 4, 2])
        dataset, notes = written(tmp_path / "ct", tmp_path / "o.dcm", "lesion", "cyst")
        assert notes == []
        source = dcmread(tmp_path / "ct" / "e.dcm")
        assert dataset.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID

    def test_a_phase_of_an_enhanced_series(self, tmp_path):
        enhanced(tmp_path / "ct" / "e.dcm", phases=2)
        written(tmp_path / "ct", tmp_path / "o.dcm", phase="2")

    def test_enhanced_files_of_one_frame_range_each(self, tmp_path):
        uid = generate_uid()
        for part in range(2):

            def move(frame, n, part=part):
                z = (n + 3 * part) * 4
                frame.PlanePositionSequence[0].ImagePositionPatient = [-48, -48, z]

            enhanced(tmp_path / "ct" / f"{part}.dcm", count=3, per_frame=move,
                     change=lambda d, _: setattr(d, "SeriesInstanceUID", uid))  # fmt: skip
        assert read_volume(tmp_path / "ct").volume.shape[0] == 6
        written(tmp_path / "ct", tmp_path / "o.dcm")

    def test_a_resampled_series(self, tmp_path):
        def uneven(made, index):
            made.ImagePositionPatient = [-48, -48, index * 4 + 4 * (index > 3)]

        series(tmp_path / "ct", uneven)
        written(tmp_path / "ct", tmp_path / "o.dcm", "lesion", "cyst", resample=True)

    def test_a_file_has_no_series(self, ct_file, tmp_path):
        with pytest.raises(InputError, match="refers to a DICOM series"):
            check_output(tmp_path / "o.dcm", read_volume(ct_file))

    def test_the_ct_is_never_overwritten(self, tmp_path):
        paths = series(tmp_path / "ct")
        with pytest.raises(InputError, match="is the CT itself"):
            check_output(paths[3], read_volume(tmp_path / "ct"))


class TestLabels:
    @pytest.mark.parametrize(
        ("text", "label"),
        [
            ("肝左叶低密度病灶", "肝左叶低密度病灶"),
            ("Läsion", "Läsion"),
            ("left\\right lobe lesion", "left/right lobe lesion"),
            ("two\nlines\x1b", "two lines"),
            ("病" * 70, f"{'病' * 40} ... {'病' * 19}"),
        ],
    )
    def test_labels_are_unicode_of_one_value(self, text, label, tmp_path):
        series(tmp_path / "ct")
        dataset, _ = written(tmp_path / "ct", tmp_path / "o.dcm", text)
        item = dataset.SegmentSequence[0]
        assert item.SegmentLabel == label
        assert " ".join(item.SegmentDescription.split()) == " ".join(
            text.replace("\x1b", "").split()
        )

    def test_long_texts_keep_what_tells_them_apart(self, tmp_path):
        series(tmp_path / "ct")
        dataset, _ = written(tmp_path / "ct", tmp_path / "o.dcm", "a" * 64 + " left",
                             "a" * 64 + " right", "b" * 99, "b" * 100)  # fmt: skip
        labels = [s.SegmentLabel for s in dataset.SegmentSequence]
        assert len(set(labels)) == 4
        assert labels[0].endswith("left")
        assert labels[1].endswith("right")

    @settings(max_examples=300, deadline=None)
    @given(names=st.lists(st.text(max_size=90), min_size=1, max_size=6))
    def test_any_texts(self, names):
        labels = unique_labels(names)
        assert len(set(labels)) == len(labels) == len(names)
        for label in labels:
            assert 0 < len(label) <= 64
            assert "\\" not in label
            assert label == " ".join(label.split())
            assert label.isprintable() or not label.isascii()

    @settings(
        max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(names=st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=3))
    def test_any_texts_are_read_back(self, names, tmp_path_factory):
        folder = tmp_path_factory.mktemp("labels")
        series(folder / "ct", count=6)
        dataset, _ = written(folder / "ct", folder / "o.dcm", *names)
        assert [s.SegmentLabel for s in dataset.SegmentSequence] == unique_labels(names)


class TestCodes:
    def test_side_segment_and_finding(self, tmp_path):
        series(tmp_path / "ct")
        text = "metastasis in segment VII of the right lobe"
        dataset, _ = written(tmp_path / "ct", tmp_path / "o.dcm", text)
        item = dataset.SegmentSequence[0]
        assert item.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Neoplasm, Secondary"
        liver, segment_seven = item.AnatomicRegionSequence
        assert liver.CodeValue == "10200004"
        assert liver.AnatomicRegionModifierSequence[0].CodeMeaning == "Right"
        assert segment_seven.CodeValue == "277961009"

    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("lesion in segment 7", "7"), ("seg VIII cyst", "8"), ("segments 2 and 3", "23"),
            ("segment 4a", "4"), ("segment IVb", "4"), ("segments V/VI", "56"),
            ("lesion", ""), ("not in segment 7", ""), ("2 lesions", ""), ("segment 9", ""),
            ("segmental lesion", ""),
        ],
    )  # fmt: skip
    def test_segments_of_a_text(self, text, numbers):
        assert segments_of(text) == tuple(COUINAUD[n] for n in numbers)


def test_the_size_of_the_trial_does_not_matter(tmp_path):
    """The check makes a whole object from two slices; a hundred slices take no longer."""
    series(tmp_path / "ct", count=40)
    loaded = read_volume(tmp_path / "ct")
    assert loaded.volume.shape == (40, SIZE, SIZE)
    assert check_output(tmp_path / "o.dcm", loaded) == []
    assert not (tmp_path / "o.dcm").exists()
