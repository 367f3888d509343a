"""A measurement report is read back by highdicom with every number, place and reference."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.measure import measure_lesions
from lsms_core.anatomy.regions import label_components
from lsms_core.anatomy.terminology import terminology_of
from lsms_core.errors import InputError
from lsms_core.io.dicom_seg import write_dicom_seg
from lsms_core.io.dicom_sr import SEGMENTS, SUM_OF_TARGETS, write_dicom_sr
from lsms_core.io.measurement_report import Algorithm, MeasuredAnswer, MeasurementReport
from lsms_core.io.named_masks import Segment
from lsms_core.io.volumes import read_volume

pytestmark = pytest.mark.slow

highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed")
pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")
STUDY = "1.2.826.0.1.3680043.8.498.7"
ALGORITHM = Algorithm("lsms-tiny", "1.2.3", "ab" * 32, "lsms")


def write_series(folder, slices=6, rows=40, columns=48):
    """A series of 2 x 1.5 mm pixels, 4 mm apart, given from above to below."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(slices):
        name = f"I{slices - index:03d}"
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        meta.MediaStorageSOPInstanceUID = f"{STUDY}.{zlib.crc32(name.encode()) + 1}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset(name, Dataset(), file_meta=meta, preamble=b"\0" * 128)
        pixels = rng.integers(1080, 1200, (rows, columns)).astype("<u2")
        pixels[0, 0] = 0
        for key, value in {
            "SOPClassUID": meta.MediaStorageSOPClassUID,
            "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
            "StudyInstanceUID": STUDY,
            "SeriesInstanceUID": f"{STUDY}.1",
            "FrameOfReferenceUID": f"{STUDY}.99",
            "SeriesNumber": 3,
            "InstanceNumber": slices - index,
            "Modality": "CT",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "ImagePositionPatient": [-40.0, -30.0, 100.0 + 4.0 * index],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [2.0, 1.5],
            "SliceThickness": 4.0,
            "Rows": rows,
            "Columns": columns,
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 0,
            "RescaleSlope": 1,
            "RescaleIntercept": -1024,
            "PixelData": pixels.tobytes(),
        }.items():
            setattr(image, key, value)
        image.save_as(folder / name, enforce_file_format=True)
    return read_volume(folder)


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A report on two texts: two lesions in one, one of them again in the other."""
    tmp_path = tmp_path_factory.mktemp("reported")
    loaded = write_series(tmp_path / "ct")
    both = np.zeros(loaded.volume.shape, bool)
    both[1:4, 10:20, 8:20] = True  # 20 x 18 mm
    one = np.zeros_like(both)
    one[2:4, 26:30, 30:36] = True
    both |= one
    segments = [
        Segment("metastases", both, terminology_of("metastases"), (255, 0, 0)),
        Segment("cyst", one, terminology_of("cyst"), (0, 255, 0)),
    ]
    seg = tmp_path / "seg.dcm"
    write_dicom_seg(seg, loaded.slice_files, segments, model="lsms-tiny", model_version="1.2.3")
    answers = []
    for number, segment in enumerate(segments, 1):
        labels, _ = label_components(segment.mask)
        lesions = measure_lesions(loaded.volume, labels, axis=0)
        answers.append(MeasuredAnswer(segment.name, "any lesion", tuple(lesions), number))
    report = MeasurementReport(tuple(answers), ALGORITHM, 4.0, "study 1", "2026-01-02T03:04:05")
    path = write_dicom_sr(tmp_path / "sr.dcm", loaded.slice_files, seg, report)
    return loaded, pydicom.dcmread(seg), report, highdicom.sr.srread(path)


def groups_of(sr):
    return sr.content.get_volumetric_roi_measurement_groups()


def diameters_of(sr):
    return [g for g in sr.content.get_image_measurement_groups() if len(g.get_measurements()) == 2]


def texts_of(group, name):
    return [
        item.TextValue
        for item in group[0].ContentSequence
        if item.ValueType == "TEXT" and item.ConceptNameCodeSequence[0].CodeMeaning == name
    ]


def values_of(group):
    found = {}
    for m in group.get_measurements():
        found[(m.name.meaning, m.derivation.meaning if m.derivation else "")] = (m.value, m.unit)
    return found


def test_each_lesion_has_its_measurements_in_their_units(reported):
    _, _, report, sr = reported
    groups, diameters = groups_of(sr), diameters_of(sr)
    lesions = [lesion for answer in report.answers for lesion in answer.lesions]
    assert len(groups) == len(diameters) == len(lesions) == 3
    for group, pair, lesion in zip(groups, diameters, lesions, strict=True):
        assert group.tracking_uid == pair.tracking_uid
        values = values_of(group) | values_of(pair)
        expected = {
            ("Long axis", ""): (lesion.longest_mm, "mm"),
            ("Short axis", ""): (lesion.perpendicular_mm, "mm"),
            ("Area", ""): (lesion.area_mm2, "mm2"),
            ("Volume", ""): (lesion.volume_ml, "cm3"),
            ("Attenuation Coefficient", "Mean"): (lesion.mean_hu, "[hnsf'U]"),
            ("Attenuation Coefficient", "Standard Deviation"): (lesion.sd_hu, "[hnsf'U]"),
        }
        assert set(values) == set(expected)
        for key, (value, unit) in expected.items():
            assert values[key][0] == pytest.approx(value, rel=1e-5)
            assert values[key][1].value == unit
    largest = lesions[0]
    assert largest.volume_ml == pytest.approx(3 * 10 * 12 * 2 * 1.5 * 4 / 1000)
    assert largest.longest_mm == pytest.approx(math.hypot(20, 18), rel=0.02)


def test_the_ends_of_a_diameter_lie_on_the_image_that_was_measured(reported):
    loaded, _, report, sr = reported
    lesion = report.answers[0].lesions[0]
    longest = diameters_of(sr)[0].get_measurements()[0]
    assert longest.name.meaning == "Long axis"
    line = longest[0].ContentSequence[0]
    image = pydicom.dcmread(loaded.slice_files[lesion.diameter_slice])
    assert line.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == (
        image.SOPInstanceUID
    )
    to_patient = highdicom.spatial.ImageToReferenceTransformer(
        image_position=image.ImagePositionPatient,
        image_orientation=image.ImageOrientationPatient,
        pixel_spacing=image.PixelSpacing,
    )
    assert line.GraphicType == "POLYLINE"
    lps = to_patient(np.asarray(line.GraphicData, float).reshape(2, 2))
    expected = np.asarray(lesion.longest_ends) * (-1, -1, 1)
    np.testing.assert_allclose(lps, expected, atol=1e-3)
    length = float(np.linalg.norm(lps[1] - lps[0]))
    assert length == pytest.approx(longest.value, abs=1e-3)


def test_finding_and_site_are_coded(reported):
    _, _, _, sr = reported
    kinds = [group.finding_type for group in groups_of(sr)]
    assert [(k.scheme_designator, k.value) for k in kinds] == [
        ("SCT", "14799000"),
        ("SCT", "14799000"),
        ("SCT", "367643001"),
    ]
    for group in groups_of(sr):
        assert group.finding_sites[0].value.value == "10200004"


def test_codes_are_those_of_the_standard():
    from pydicom.sr.codedict import codes

    roman = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
    for number, name in enumerate(roman, start=1):
        known = getattr(codes.SCT, f"CouinaudHepaticSegment{name}")
        assert SEGMENTS[str(number)].value == known.value
    assert codes.SCT.LongAxis.value == "103339001"
    assert codes.SCT.ShortAxis.value == "103340004"
    assert codes.DCM.AttenuationCoefficient.value == "112031"
    assert codes.DCM.RECIST1Point1.value == "126081"
    assert codes.LN.CTAbdomenReport.value == "41806-1"


def test_prompt_reading_and_weights_are_in_the_report(reported):
    _, _, _, sr = reported
    for group in (groups_of(sr)[2], diameters_of(sr)[2]):
        assert texts_of(group, "Algorithm Name") == ["lsms-tiny"]
        assert texts_of(group, "Algorithm Version") == ["1.2.3"]
        assert texts_of(group, "Algorithm Parameters") == [
            "prompt: cyst",
            "reading: any lesion",
            f"bundle SHA-256: {'ab' * 32}",
            "engine: lsms",
        ]
    assert texts_of(groups_of(sr)[2], "Comment") == ['Prompt "cyst". Read as: any lesion.']


def test_segments_and_images_are_referenced(reported):
    loaded, seg, report, sr = reported
    lesion = report.answers[1].lesions[0]
    group = groups_of(sr)[2]
    reference = group.referenced_segment
    assert reference.referenced_sop_instance_uid == seg.SOPInstanceUID
    (segment,) = reference[0].ReferencedSOPSequence
    assert segment.ReferencedSegmentNumber == 2
    on = [
        str(pydicom.dcmread(f).SOPInstanceUID)
        for f in loaded.slice_files[lesion.slices[0] : lesion.slices[1] + 1]
    ]
    assert len(on) == 2
    frames = [
        seg.PerFrameFunctionalGroupsSequence[int(n) - 1] for n in segment.ReferencedFrameNumber
    ]
    shown = []
    for frame in frames:
        assert frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 2
        (image,) = frame.DerivationImageSequence[0].SourceImageSequence
        shown.append(image.ReferencedSOPInstanceUID)
    assert sorted(shown) == sorted(on)
    evidence = {
        str(item.ReferencedSOPInstanceUID)
        for study in sr.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert {*on, str(seg.SOPInstanceUID)} <= evidence


def test_the_observer_is_a_device_and_the_same_one_for_the_same_weights(reported, tmp_path):
    _, _, _, sr = reported
    (context,) = sr.content.get_observer_contexts()
    assert context.observer_type.meaning == "Device"
    assert context.observer_identifying_attributes.name == "lsms-tiny 1.2.3"
    from lsms_core.io.dicom_sr import _device_uid

    assert context.observer_identifying_attributes.uid == _device_uid(ALGORITHM)
    assert _device_uid(ALGORITHM) != _device_uid(Algorithm("lsms-tiny", "1.2.4", "ab" * 32))


def test_a_lesion_that_two_texts_name_is_tracked_as_one(reported):
    _, _, report, sr = reported
    first, second, again = (group.tracking_uid for group in groups_of(sr))
    same = [i for i, x in enumerate(report.answers[0].lesions)
            if x.volume_ml == report.answers[1].lesions[0].volume_ml]  # fmt: skip
    assert [first, second][same[0]] == again
    assert first != second


def test_the_sum_of_targets_is_a_proposal(reported):
    _, _, report, sr = reported
    *_, group = sr.content.get_image_measurement_groups()
    (total,) = group.get_measurements()
    assert (total.name.value, total.name.scheme_designator) == (SUM_OF_TARGETS.value, "99LSMS")
    # The lesion of both texts counts once.
    lesions = report.answers[0].lesions
    assert total.value == pytest.approx(sum(x.longest_mm for x in lesions), abs=0.11)
    assert total.method.meaning == "RECIST 1.1"
    (comment,) = texts_of(group, "Comment")
    assert "a proposal by size alone" in comment


def test_no_lesion_no_dicom_report(reported, tmp_path):
    loaded, _, _, _ = reported
    empty = MeasurementReport((MeasuredAnswer("cyst", "", ()),), ALGORITHM, 4.0)
    with pytest.raises(InputError, match="nothing was found"):
        write_dicom_sr(tmp_path / "x.dcm", loaded.slice_files, tmp_path / "none.dcm", empty)
    assert not (tmp_path / "x.dcm").exists()


def test_a_tilted_diameter_lies_in_the_patients_space(tmp_path):
    from lsms_core.io.dicom_sr import _line

    loaded = write_series(tmp_path / "ct")
    assert isinstance(loaded.volume, CTVolume)
    sources = [pydicom.dcmread(f) for f in loaded.slice_files]
    line = _line(((0.0, 0.0, 100.0), (0.0, 0.0, 112.0)), sources)
    assert line.ValueType == "SCOORD3D"
    np.testing.assert_allclose(line.value, [[0, 0, 100], [0, 0, 112]])


@pytest.fixture
def outlined(tmp_path):
    """A series, and a label map of its lesions."""
    import SimpleITK as sitk

    loaded = write_series(tmp_path / "ct")
    labels = np.zeros(loaded.volume.shape, np.uint8)
    labels[1:4, 10:20, 8:20] = 1
    labels[3:5, 26:30, 30:36] = 2
    path = tmp_path / "lesions.nrrd"
    sitk.WriteImage(loaded.volume.to_sitk(labels), str(path))
    return tmp_path, path


def test_a_report_goes_in_and_measurements_come_out(lsms, outlined):
    folder, lesions = outlined
    (folder / "report.txt").write_text(
        "FINDINGS:\nLiver: The largest hepatic lesion (series 3, image 1). A lesion over 2 cm.\n"
        "Spleen: 1 cm cyst.\nIMPRESSION: none.\n",
        "utf-8",
    )
    command = ("segment", folder / "ct", "--lesions", lesions, "--report", folder / "report.txt",
               "--output", folder / "seg.dcm", "--report-sr", folder / "sr.dcm",
               "--report-html", folder / "page.html",
               "--report-txt", folder / "plain.txt")  # fmt: skip
    ran = lsms(*command)
    assert ran.status == 0, ran.err
    assert 'Found "The largest hepatic lesion." on image 1: 1 lesion.' in ran.out
    assert "Skipped 1 of 3 sentences of the report:" in ran.out
    assert '"1 cm cyst." is about another organ (spleen)' in ran.out
    sr = highdicom.sr.srread(folder / "sr.dcm")
    groups = groups_of(sr)
    # Image 1 is the uppermost: the small lesion alone reaches the image beside it.
    assert [values_of(g)[("Volume", "")][0] for g in groups] == pytest.approx(
        [2 * 4 * 6 * 12 / 1000, 3 * 10 * 12 * 12 / 1000], rel=1e-4
    )
    seg = pydicom.dcmread(folder / "seg.dcm")
    assert [s.SegmentLabel for s in seg.SegmentSequence] == [
        "The largest hepatic lesion.", "A lesion over 2 cm.",
    ]  # fmt: skip
    assert "The largest hepatic lesion." in (folder / "page.html").read_text("utf-8")
    assert "a proposal by size alone" in (folder / "plain.txt").read_text("utf-8")
    ran = lsms(*command, "--json")
    import json

    told = json.loads(ran.out)
    assert [s["reason"] for s in told["skipped"]] == ["is about another organ (spleen)"]
    assert len(told["reports"]) == 3


def test_a_report_without_a_liver_lesion(lsms, outlined):
    folder, lesions = outlined
    (folder / "report.txt").write_text("Findings: The spleen is normal.\n", "utf-8")
    ran = lsms("segment", folder / "ct", "--lesions", lesions, "--report", folder / "report.txt",
               "--output", folder / "seg.dcm")  # fmt: skip
    assert ran.status == 0, ran.err
    assert "No sentence of the report's findings" in ran.out
    assert not (folder / "seg.dcm").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--report-sr", "sr.dcm"), "give --output FILE.dcm, too"),
        (("--report-html", "page.txt"), "ends in .html"),
        (("--report-txt", "x.txt", "--report-html", "no/../x.txt"), "ends in .html"),
        (("--report-sr", "x.dcm", "--output", "x.dcm"), "named twice"),
    ],
)
def test_reports_that_cannot_be_written_are_refused_at_once(
    lsms, outlined, more, said, monkeypatch
):
    folder, lesions = outlined
    monkeypatch.chdir(folder)
    before = sorted(p.name for p in folder.iterdir())
    ran = lsms("segment", folder / "ct", "--lesions", lesions, "--text", "lesion", *more)
    assert ran.status == 2
    assert said in ran.err
    assert sorted(p.name for p in folder.iterdir()) == before
