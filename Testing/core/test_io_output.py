"""Label maps lie on the CT's grid, and a file is replaced only by a whole one."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.terminology import terminology_of
from lsms_core.errors import InputError, OutputError
from lsms_core.io.atomic import check_writable, replacing
from lsms_core.io.named_masks import Segment
from lsms_core.io.nifti import write_nifti
from lsms_core.io.output import check_output, output_format, write_masks
from lsms_core.io.volumes import LoadedVolume, read_volume

SHAPE = (4, 5, 6)


def grid(kind: str) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, 3] = (-101.25, 33.5, 7.125)
    directions = {
        "lps": np.diag([-1.0, -1.0, 1.0]),
        "ras": np.eye(3),
        "left-handed": np.diag([1.0, -1.0, 1.0]),
        "coronal": np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]),
        "half turn": np.array([[-1.0, 0, 0], [0, 1.0, 0], [0, 0, -1.0]]),
    }
    if kind == "oblique":
        rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
        directions[kind] = rotation
    affine[:3, :3] = directions[kind] @ np.diag([0.75, 0.8, 2.5])
    return affine


def loaded(kind: str = "lps") -> LoadedVolume:
    from pathlib import Path

    array = np.arange(120, dtype=np.int16).reshape(SHAPE)
    return LoadedVolume(CTVolume(array, grid(kind)), Path("ct.nii.gz"))


def segment(*places: tuple[int, int, int]) -> Segment:
    mask = np.zeros(SHAPE, bool)
    for place in places:
        mask[place] = True
    return Segment("lesion", mask, terminology_of("lesion"), (255, 0, 0))


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".seg.nrrd"])
@pytest.mark.parametrize("kind", ["lps", "ras", "left-handed", "coronal", "half turn", "oblique"])
def test_the_mask_comes_back_where_it_was(kind, suffix, tmp_path):
    source = loaded(kind)
    answer = segment((1, 2, 3), (3, 0, 5))
    path, notes = write_masks(tmp_path / f"mask{suffix}", source, [answer])
    assert notes == []
    read = CTVolume.from_sitk(sitk.ReadImage(str(path)))
    np.testing.assert_array_equal(read.array == 1, answer.mask)
    # NIfTI keeps its geometry in single precision.
    np.testing.assert_allclose(read.affine, source.volume.affine, rtol=0, atol=1e-5)


def test_both_forms_of_nifti_agree(tmp_path):
    """The q-form alone must say the same as the s-form: some readers use only one."""
    for kind in ("lps", "left-handed", "coronal", "half turn", "oblique"):
        path = tmp_path / f"{kind.replace(' ', '')}.nii"
        write_nifti(path, np.ones(SHAPE, np.uint8), grid(kind))
        content = bytearray(path.read_bytes())
        content[254:256] = b"\0\0"  # no s-form
        path.write_bytes(content)
        read = CTVolume.from_sitk(sitk.ReadImage(str(path)))
        np.testing.assert_allclose(read.affine, grid(kind), rtol=0, atol=1e-4)


def test_a_written_mask_reads_back_by_our_own_reader(tmp_path):
    path = tmp_path / "ct.nii.gz"
    write_nifti(path, loaded().volume.array, grid("lps"))
    again = read_volume(path)
    np.testing.assert_array_equal(again.volume.array, loaded().volume.array)
    assert again.notes == ()


def test_overlap_in_a_label_map_is_told(tmp_path):
    answers = [segment((1, 1, 1), (1, 1, 2)), segment((1, 1, 2))]
    path, notes = write_masks(tmp_path / "m.nii.gz", loaded(), answers)
    assert "1 voxels belong to several texts" in notes[0]
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[1, 1, 1:3].tolist() == [1, 1]


def test_a_tilted_grid_is_kept_and_its_note_comes_before_the_work(tmp_path):
    affine = grid("lps")
    affine[1, 2] = 0.8
    source = LoadedVolume(CTVolume(np.zeros(SHAPE, np.int16), affine), tmp_path / "ct")
    (note,) = check_output(tmp_path / "m.nii.gz", source)
    assert "sheared" in note
    path, _ = write_masks(tmp_path / "m.nrrd", source, [segment((1, 1, 1))])
    read = CTVolume.from_sitk(sitk.ReadImage(str(path)))
    np.testing.assert_allclose(read.affine, affine, rtol=0, atol=1e-9)
    path, _ = write_masks(tmp_path / "m.nii.gz", source, [segment((1, 1, 1))])
    np.testing.assert_allclose(nibabel.load(path).affine, affine, rtol=0, atol=1e-5)
    assert nibabel.load(path).header["qform_code"] == 0


@pytest.mark.parametrize("name", ["mask", "mask.png", ".nii.gz", "mask.mha"])
def test_an_unknown_format_is_refused(name):
    with pytest.raises(InputError, match="no known output format"):
        output_format(name)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, ValueError])
def test_an_interrupted_writing_leaves_the_old_file(error, tmp_path):
    target = tmp_path / "mask.nii.gz"
    target.write_bytes(b"old")

    def interrupted():
        with replacing(target) as partial:
            partial.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["mask.nii.gz"]


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".seg.nrrd"])
def test_an_interrupt_while_writing_leaves_nothing(suffix, tmp_path, monkeypatch):
    real = np.ascontiguousarray
    calls = iter(range(100))

    def interrupted(values):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return real(values)

    module = "nifti" if ".nii" in suffix else "nrrd"
    monkeypatch.setattr(f"lsms_core.io.{module}.np.ascontiguousarray", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_masks(tmp_path / f"m{suffix}", loaded(), [segment((1, 1, 1))])
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(OutputError, match="not a folder"):
        check_writable(tmp_path / "file" / "mask.nii.gz")
    with pytest.raises(OutputError, match="cannot be written"):
        write_masks(tmp_path / "file" / "mask.nii.gz", loaded(), [segment((1, 1, 1))])
    check_writable(tmp_path / "new" / "deeper" / "mask.nii.gz")
    assert not (tmp_path / "new").exists()


_FULL_DISK = """
import sys
from pathlib import Path
import numpy as np
from lsms_core.errors import OutputError
from lsms_core.io.nifti import write_nifti
from lsms_core.io.nrrd import write_nrrd
noise = np.random.default_rng(0).integers(0, 255, (40, 60, 60)).astype(np.uint8)
try:
    {writer}(Path(sys.argv[1]), noise, np.eye(4))
except OutputError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize(
    ("name", "writer"),
    [("m.nii.gz", "write_nifti"), ("m.nii", "write_nifti"), ("m.nrrd", "write_nrrd")],
)
def test_a_full_disk_leaves_the_old_file(name, writer, tmp_path):
    target = tmp_path / name
    target.write_bytes(b"old")

    def limit():
        # The kernel refuses to let a file grow beyond this, as a full disk does.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    ran = subprocess.run(
        [sys.executable, "-c", _FULL_DISK.format(writer=writer), str(target)],
        capture_output=True, text=True, preexec_fn=limit, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 2, ran.stderr
    assert "cannot be written" in ran.stdout
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [name]
