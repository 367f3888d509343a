"""A zip as input: read like the folder it was made of, and never trusted."""

from __future__ import annotations

import stat
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lsms_core.errors import InputError
from lsms_core.io import archives
from lsms_core.io.volumes import read_volume
from Testing.core.dicom_synthetic import series
from Testing.core.test_io_nifti import affine_of, ct, save


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """Whatever is unpacked goes here, and must be gone in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def dicom_entries(folder: Path, prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{p.name}": p.read_bytes() for p in series(folder)}


@pytest.mark.parametrize("name", ["study.zip", "study.ZIP", "study"])
def test_a_dicom_study(name, tmp_path, own_temporary_folder):
    entries = dicom_entries(tmp_path / "x", "patient/study 1/série/")
    entries |= {"__MACOSX/._IM000.dcm": b"x" * 200, "patient/.DS_Store": b"x"}
    path = zipped(tmp_path / name, entries)
    read = read_volume(path)
    assert read.volume.shape[0] == 8
    assert read.path == path
    assert read.notes == ()
    assert all(f.is_file() for f in read.slice_files)
    del read
    assert not list(own_temporary_folder.iterdir())


def test_one_volume_file(tmp_path):
    content = save(tmp_path / "a.nii.gz", affine_of()).read_bytes()
    read = read_volume(zipped(tmp_path / "a.zip", {"deep/er/a.nii.gz": content, "x.txt": b"x"}))
    np.testing.assert_array_equal(read.volume.array.T, ct())


def test_two_volume_files_need_a_choice(tmp_path):
    content = save(tmp_path / "a.nii", affine_of()).read_bytes()
    with pytest.raises(InputError, match=r"holds 2 volumes \(a\.nii, b\.nii\)"):
        read_volume(zipped(tmp_path / "a.zip", {"a.nii": content, "b.nii": content}))


@pytest.mark.parametrize(
    "name", ["../../evil.dcm", "/tmp/evil.dcm", "a/../../evil.dcm", "..\\..\\evil.dcm", "C:\\e.dcm"]
)
def test_entries_that_lead_outside_are_left_out(name, tmp_path):
    entries = dicom_entries(tmp_path / "x")
    before = {p for p in tmp_path.rglob("*") if "evil" in p.name}
    read = read_volume(zipped(tmp_path / "a.zip", entries | {name: b"evil" * 100}))
    assert read.volume.shape[0] == 8
    assert "Left out 1 entries of the zip that lead outside" in read.notes[0]
    assert {p for p in tmp_path.rglob("*") if "evil" in p.name} == before


def test_links_are_left_out(tmp_path):
    path = zipped(tmp_path / "a.zip", dicom_entries(tmp_path / "x"))
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "lead outside" in read_volume(path).notes[0]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, own_temporary_folder):
    path = zipped(tmp_path / "a.zip", {f"{n}.dcm": bytes(2**26) for n in range(5)})
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match="is no archive of one CT"):
        read_volume(path)
    assert not list(own_temporary_folder.iterdir())


def test_an_archive_that_lies_about_its_size(tmp_path, own_temporary_folder, monkeypatch):
    path = zipped(tmp_path / "a.zip", {"a.dcm": bytes(100_000)})
    monkeypatch.setattr(archives, "MAX_BYTES", 10_000)
    with pytest.raises(InputError, match="no archive of one CT"):
        read_volume(path)
    content = bytearray(path.read_bytes())
    # The central directory's uncompressed size.
    at = content.rindex(b"PK\x01\x02") + 24
    content[at : at + 4] = (500).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"a\.zip"):
        read_volume(path)
    assert not list(own_temporary_folder.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + b"x" * 100, "no whole zip archive"),
        (b"PK\x05\x06" + bytes(18), "holds no file that can be read"),
    ],
)
def test_what_is_no_archive(content, message, tmp_path):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_volume(tmp_path / "a.zip")


def test_a_cut_archive(tmp_path):
    path = zipped(tmp_path / "a.zip", dicom_entries(tmp_path / "x"))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match="no whole zip archive"):
        read_volume(path)


def test_an_encrypted_archive(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.dcm": b"x" * 300})
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="is encrypted"):
        read_volume(path)


def test_archives_inside_are_not_opened(tmp_path):
    inner = zipped(tmp_path / "inner.zip", {"a.dcm": b"x"}).read_bytes()
    read = read_volume(zipped(tmp_path / "a.zip", dicom_entries(tmp_path / "x") | {"i.zip": inner}))
    assert "Archives inside the zip (1) were not opened" in read.notes[0]
