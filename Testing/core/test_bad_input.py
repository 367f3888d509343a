"""What users can do wrong: each case has its message, exit status 2, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.errors import InputError
from lsms_core.io.volumes import read_volume

Make = Callable[[Path], Path]


def image(values: np.ndarray, **geometry: tuple[float, ...]) -> sitk.Image:
    made = sitk.GetImageFromArray(values, isVector=False)
    made.SetSpacing(geometry.get("spacing", (2.0,) * made.GetDimension()))
    return made


def noise(shape=(6, 20, 24), dtype=np.int16) -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 1000, shape).astype(dtype)


def saved(name: str, values: np.ndarray, compressed: bool = True) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        sitk.WriteImage(image(values), str(path), useCompression=compressed)
        return path

    return make


def cut(name: str, share: float = 0.5, compressed: bool = True) -> Make:
    def make(folder: Path) -> Path:
        path = saved(name, noise(), compressed)(folder)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path

    return make


def flipped(name: str) -> Make:
    def make(folder: Path) -> Path:
        path = saved(name, noise())(folder)
        content = bytearray(path.read_bytes())
        for place in range(len(content) // 2, len(content) // 2 + 40):
            content[place] ^= 0x5A
        path.write_bytes(content)
        return path

    return make


def edited(name: str, old: bytes, new: bytes) -> Make:
    def make(folder: Path) -> Path:
        path = saved(name, noise(), compressed=False)(folder)
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new, 1))
        return path

    return make


def renamed_size(folder: Path) -> Path:
    """ITK would fill the image with whatever memory holds."""
    path = saved("ct.mha", noise())(folder)
    path.write_bytes(path.read_bytes().replace(b"CompressedDataSize", b"CompressedDataSiz_"))
    return path


def nifti(offset: int, form: str, *values: float) -> Make:
    def make(folder: Path) -> Path:
        path = saved("ct.nii", noise())(folder)
        content = bytearray(path.read_bytes())
        struct.pack_into(form, content, offset, *values)
        path.write_bytes(content)
        return path

    return make


def nifti_without_spacing(folder: Path) -> Path:
    path = nifti(80, "<3f", 0.0, 0.0, 0.0)(folder)
    content = bytearray(path.read_bytes())
    struct.pack_into("<2h", content, 252, 0, 0)
    path.write_bytes(content)
    return path


def huge_gzip(folder: Path) -> Path:
    content = bytearray(nifti(42, "<3h", 30000, 30000, 30000)(folder).read_bytes())
    path = folder / "huge.nii.gz"
    path.write_bytes(gzip.compress(bytes(content)))
    return path


def text_file(name: str, content: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def empty_folder(folder: Path) -> Path:
    (folder / "series").mkdir()
    (folder / "series" / "readme.txt").write_text("nothing", "utf-8")
    return folder / "series"


ONES = np.full((4, 8, 8), 7, np.int16)
NAN = np.full((4, 8, 8), np.nan, np.float32)
SCALED = np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)
LABELS = np.random.default_rng(0).integers(0, 3, (4, 8, 8)).astype(np.uint8)

IMAGES: dict[str, tuple[Make, str]] = {
    "missing file": (lambda folder: folder / "ct.nii.gz", "does not exist: check the path"),
    "unknown format": (text_file("ct.jpg", b"x"), "has no known format: use NIfTI"),
    "a PDF called NIfTI": (text_file("ct.nii", b"%PDF-1.7" + b" " * 600), "it is no NIfTI file"),
    "a text called NRRD": (text_file("ct.nrrd", b"hello"), "it is no NRRD file"),
    "a text called MetaImage": (text_file("ct.mha", b"hello\n"), "it is no MetaImage file"),
    "an empty NIfTI file": (text_file("ct.nii", b""), "the file is empty"),
    "an empty gzip file": (text_file("ct.nii.gz", b""), "damaged or incomplete"),
    "an empty NRRD file": (text_file("ct.nrrd", b""), "the file is empty"),
    "an empty MetaImage file": (text_file("ct.mha", b""), "the file is empty"),
    "no gzip": (text_file("ct.nii.gz", b"\0" * 400), "damaged or incomplete"),
    "truncated .nii.gz": (cut("ct.nii.gz"), "damaged or incomplete"),
    "truncated by one byte": (cut("ct.nii.gz", 0.9999), "damaged or incomplete"),
    "truncated .nii": (cut("ct.nii"), "bytes of image data are there"),
    "truncated .nrrd": (cut("ct.nrrd"), "damaged or incomplete"),
    "truncated raw .nrrd": (cut("ct.nrrd", compressed=False), "damaged or incomplete"),
    "truncated .mha": (cut("ct.mha"), "damaged or incomplete"),
    "truncated raw .mha": (cut("ct.mha", compressed=False), "bytes of image data are there"),
    "corrupt .nii.gz": (flipped("ct.nii.gz"), "damaged or incomplete"),
    "corrupt .nrrd": (flipped("ct.nrrd"), "damaged or incomplete"),
    "corrupt .mha": (flipped("ct.mha"), "damaged or incomplete"),
    "packed MetaImage without its length": (renamed_size, "no right CompressedDataSize"),
    "no spacing, NIfTI": (nifti_without_spacing, "has no pixel size"),
    "no spacing, MetaImage": (edited("ct.mha", b"ElementSpacing = 2 2 2\n", b""), "no pixel size"),
    "no spacing, NRRD": (
        text_file("ct.nrrd", b"NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\n"
                  b"endian: little\nencoding: raw\n\n" + bytes(16)),
        "has no pixel size",
    ),
    "no voxels": (
        text_file("ct.mha", b"NDims = 3\nDimSize = 0 8 8\nElementSpacing = 1 1 1\n"
                  b"ElementType = MET_SHORT\nElementDataFile = LOCAL\n"),
        "is empty: its size is 0 x 8 x 8",
    ),
    "huge by its header": (nifti(42, "<3h", 30000, 30000, 30000), "crop it"),
    "huge in gzip": (huge_gzip, "has 30000 x 30000 x 30000 voxels"),
    "huge NRRD": (edited("ct.nrrd", b"sizes: 24 20 6", b"sizes: 99999 99999 999"), "crop it"),
    "huge MetaImage": (edited("ct.mha", b"DimSize = 24 20 6", b"DimSize = 9999 9999 999"), "crop"),
    "mha without data": (
        text_file("ct.mhd", b"NDims = 3\nDimSize = 8 8 8\nElementSpacing = 1 1 1\n"
                  b"ElementType = MET_SHORT\nElementDataFile = ct.raw\n"),
        "its data file ct.raw is missing",
    ),
    "all equal": (saved("ct.nii.gz", ONES), "is empty: every voxel has the value 7"),
    "NaN in NRRD": (saved("ct.nrrd", NAN), "holds no numbers (only NaN)"),
    "NaN": (saved("ct.nii.gz", NAN), "holds no numbers (only NaN)"),
    "scaled to 0..1": (saved("ct.nii.gz", SCALED), "is not a CT in Hounsfield units"),
    "a label map": (saved("ct.nii.gz", LABELS), "not a label map"),
    "4-D": (saved("ct.nii.gz", noise((3, 4, 8, 8))), "is no single volume (4-D, 8 x 8 x 4 x 3)"),
    "2-D": (saved("ct.nii.gz", noise((8, 8))), "is no single volume (2-D"),
    "colour": (
        lambda folder: _colour(folder / "ct.nrrd"),
        "has 3 values a voxel (a colour or vector image)",
    ),
    "a folder without DICOM": (empty_folder, "holds no DICOM file"),
}  # fmt: skip


def _colour(path: Path) -> Path:
    values = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(values, isVector=True), str(path))
    return path


@pytest.mark.parametrize("case", IMAGES)
def test_an_image_that_cannot_be_used(case, lsms, tmp_path):
    make, message = IMAGES[case]
    path = make(tmp_path)
    before = sorted(p.name for p in tmp_path.rglob("*"))
    target = tmp_path / "out.nii.gz"
    ran = lsms("segment", path, "--text", "lesion", "--weights", "none", "--output", target)
    assert ran.status == 2
    assert message in ran.err
    assert str(path) in ran.err
    assert ran.out == ""
    assert [line for line in ran.err.splitlines() if line.startswith("lsms: ")] == [
        ran.err.splitlines()[-1]
    ]
    assert "Traceback" not in ran.err
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


def test_a_huge_image_is_refused_before_memory_is_taken(tmp_path):
    """The address space is limited to less than the image would need."""
    path = huge_gzip(tmp_path)
    code = "import sys; from lsms_core.cli.main import main; main(sys.argv[1:])"

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))

    ran = subprocess.run(
        [sys.executable, "-c", code, "segment", str(path), "--text", "lesion"],
        capture_output=True, text=True, preexec_fn=limit, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "crop it" in ran.stderr


OPTIONS: dict[str, tuple[list[str], str]] = {
    "an empty text": (["--text", "  "], "The text is empty: type what to outline"),
    "no words": (["--text", "?!"], "has no words"),
    "one empty text of two": (["--text", "lesion", "--text", ""], "The text is empty"),
    "no text": ([], "Missing option '--text'"),
    "a device that is none": (["--text", "lesion", "--device", "abacus"], "device 'abacus'"),
    "a device that is not there": (["--text", "lesion", "--device", "cuda:99"], "GPU"),
    "an axis that is none": (["--text", "lesion", "--axis", "diagonal"], "plane 'diagonal'"),
    "axis 3": (["--text", "lesion", "--axis", "3"], "use axial, coronal, sagittal or"),
    "a slice outside": (["--text", "lesion", "--slice", "8"], "outside the volume: use 0 to 7"),
    "a negative slice": (["--text", "lesion", "--slice", "-1"], "Slice -1 is outside"),
    "slices outside": (["--text", "lesion", "--slices", "2:99"], "Slice 99 is outside"),
    "slices backwards": (["--text", "lesion", "--slices", "5:2"], "--slices 5:2 is empty"),
    "slices that are none": (["--text", "lesion", "--slices", "a-b"], "use two numbers such as"),
    "two choices": (["--text", "lesion", "--slice", "1", "--all"], "Use only one of --slice"),
    "a threshold of 1": (["--text", "lesion", "--threshold", "1"], "The threshold is 1"),
    "a threshold that is none": (["--text", "lesion", "--threshold", "nan"], "threshold is nan"),
    "an output format": (["--text", "lesion", "--output", "m.xyz"], "no known output format"),
    "a picture format": (["--text", "lesion", "--picture", "m.gif"], "no known picture format"),
    "DICOM SEG of a file": (["--text", "lesion", "--output", "m.dcm"], "refers to a DICOM series"),
    "a series of a file": (["--text", "lesion", "--series", "1"], "--series chooses in a DICOM"),
    "missing weights": (["--text", "lesion", "--weights", "absent"], "No model 'absent' was found"),
    "an unknown engine": (["--text", "lesion", "--engine", "magic"], "Unknown engine 'magic'"),
}  # fmt: skip


@pytest.mark.parametrize("case", OPTIONS)
def test_an_option_that_cannot_be_used(case, lsms, tiny_bundle, ct_file, tmp_path, monkeypatch):
    arguments, message = OPTIONS[case]
    monkeypatch.chdir(tmp_path)
    if "--weights" not in arguments:
        arguments = [*arguments, "--weights", str(tiny_bundle)]
    if case.endswith("not there"):
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    ran = lsms("segment", ct_file, *arguments)
    assert ran.status == 2
    assert message in ran.err
    assert ran.out == ""
    assert [p.name for p in tmp_path.iterdir()] == [ct_file.name]


def test_a_text_that_is_too_long_is_told(lsms, tiny_bundle, ct_file):
    ran = lsms("segment", ct_file, "--text", "left lesion " * 600, "--weights", tiny_bundle,
               "--slice", 3)  # fmt: skip
    assert ran.status == 0
    # Beside the answer that it speaks of.
    assert "The text is too long for the model" in ran.out


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer"])
def test_one_altered_byte_of_the_weights_is_refused(name, lsms, tiny_bundle, ct_file, tmp_path):
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    path = bundle / name
    path = path if path.is_file() else next(p for p in sorted(path.iterdir()) if p.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for command in (
        ("segment", ct_file, "--text", "lesion", "--weights", bundle),
        ("info", bundle),
    ):
        ran = lsms(*command)
        assert ran.status == 2
        assert "was altered or damaged; install the model again" in ran.err


@pytest.mark.slow
def test_missing_values_in_part_are_mended_and_told(lsms, tiny_bundle, ct, tmp_path):
    values = ct.array.astype(np.float32)
    values[2:4, 10:14, 10:14] = np.nan
    for name in ("holes.nii.gz", "holes.nii", "holes.nrrd"):
        path = tmp_path / name
        sitk.WriteImage(ct.to_sitk(values), str(path))
        np.testing.assert_array_equal(np.isnan(read_volume(path).volume.array), np.isnan(values))
        ran = lsms("segment", path, "--text", "lesion", "--weights", tiny_bundle)
        assert ran.status == 0, ran.err
        assert "voxels without a number; they were taken for air" in ran.err


def test_an_orientation_that_is_unknown_is_told(tmp_path):
    path = nifti(252, "<2h", 0, 0)(tmp_path)
    assert "left and right may be swapped" in read_volume(path).notes[0]


def test_a_single_frame_in_4d_is_read(tmp_path):
    values = noise((1, 4, 8, 10))
    sitk.WriteImage(image(values), str(tmp_path / "one.nii.gz"))
    np.testing.assert_array_equal(read_volume(tmp_path / "one.nii.gz").volume.array, values[0])
    with pytest.raises(InputError, match="is no single volume"):
        read_volume(saved("two.nii.gz", noise((2, 4, 8, 10)))(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_output_folder_without_permission(lsms, tiny_bundle, ct_file, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    ran = lsms("segment", ct_file, "--text", "lesion", "--weights", tiny_bundle,
               "--output", locked / "mask.nii.gz")  # fmt: skip
    assert ran.status == 2
    assert "no permission to write" in ran.err


def test_an_output_that_cannot_be_written(lsms, tiny_bundle, bright_engine, ct_file, tmp_path):
    (tmp_path / "file").write_text("x", "utf-8")
    for place in (tmp_path / "file" / "mask.nii.gz", tmp_path / "folder.nii.gz", "/dev/null/m.nii"):
        (tmp_path / "folder.nii.gz").mkdir(exist_ok=True)
        ran = lsms("segment", ct_file, "--text", "bright", "--weights", tiny_bundle,
                   "--output", place)  # fmt: skip
        assert ran.status == 2
        assert str(place) in ran.err
        assert "cannot be written" in ran.err or "is a folder" in ran.err


def test_the_ct_itself_is_never_overwritten(lsms, tiny_bundle, ct_file):
    before = ct_file.read_bytes()
    ran = lsms("segment", ct_file, "--text", "lesion", "--weights", tiny_bundle,
               "--output", ct_file.parent / "." / ct_file.name)  # fmt: skip
    assert ran.status == 2
    assert "is the CT itself" in ran.err
    assert ct_file.read_bytes() == before


def test_help_is_quick_because_torch_stays_out():
    code = (
        "import sys; from lsms_core.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "bad = {'torch', 'transformers', 'SimpleITK', 'numpy'} & set(sys.modules)\n"
        "sys.exit(len(bad))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout
    assert "segment" in ran.stdout


def test_a_bad_image_needs_no_torch(tmp_path):
    """A wrong path is answered at once, before the heavy packages are loaded."""
    code = (
        "import sys; from lsms_core.cli.main import main\n"
        "try: main(['segment', sys.argv[1], '--text', 'lesion'])\n"
        "except SystemExit as stop: status = stop.code\n"
        "print(status, 'torch' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "absent.nii.gz")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.stdout.split() == ["2", "False"]


def test_the_engine_and_json_agree_on_nothing(lsms, tiny_bundle, bright_engine, ct_file):
    ran = lsms("segment", ct_file, "--text", "gibberish", "--weights", tiny_bundle, "--json")
    assert ran.status == 0
    assert json.loads(ran.out)["results"][0]["present"] is False
