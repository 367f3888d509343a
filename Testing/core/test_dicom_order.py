"""The files of a series in the order of a volume's slices."""

from __future__ import annotations

import random

import pytest

from lsms_core.errors import InputError
from lsms_core.io.dicom_order import in_slice_order
from lsms_core.io.volumes import read_volume
from Testing.core.dicom_synthetic import series

pytest.importorskip("pydicom")


@pytest.fixture
def stack(tmp_path):
    paths = series(tmp_path / "ct")
    return paths, read_volume(tmp_path / "ct")


def test_files_follow_the_slices(stack):
    paths, loaded = stack
    shuffled = random.Random(1).sample(paths, len(paths))
    ordered = in_slice_order(shuffled, loaded.volume.affine, loaded.volume.shape[0])
    assert [p.name for p in ordered] == [p.name for p in loaded.slice_files]


def test_a_volume_that_was_changed_has_no_files(stack):
    paths, loaded = stack
    affine = loaded.volume.affine.copy()
    with pytest.raises(InputError, match="slices are not those of its DICOM files"):
        in_slice_order(paths[:-1], affine, loaded.volume.shape[0])
    affine[0, 3] += 5.0
    with pytest.raises(InputError, match="slices are not those of its DICOM files"):
        in_slice_order(paths, affine, loaded.volume.shape[0])
