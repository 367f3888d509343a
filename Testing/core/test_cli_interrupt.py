"""A full disk or an interrupt at any moment leaves the old file, and nothing half written."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import SimpleITK as sitk


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.seg.nrrd", "picture.png"])
def test_a_full_disk(name, lsms, tiny_bundle, bright_engine, ct_file, tmp_path):
    """A limit on the size of files stands for the end of the disk."""
    target = tmp_path / name
    target.write_bytes(b"the old file")
    option = "--picture" if name.endswith("png") else "--output"
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, old[1]))
        ran = lsms("segment", ct_file, "--text", "bright", "--weights", tiny_bundle, option, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert ran.status == 2
    assert f"{target} cannot be written" in ran.err.splitlines()[-1]
    assert target.read_bytes() == b"the old file"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, ct_file.name])


def test_an_existing_output_is_replaced_by_the_new_one(
    lsms, tiny_bundle, bright_engine, ct_file, tmp_path
):
    target = tmp_path / "mask.nii.gz"
    target.write_bytes(b"old")
    ran = lsms("segment", ct_file, "--text", "bright", "--weights", tiny_bundle, "--output", target)
    assert ran.status == 0
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(target))).any()


@pytest.mark.parametrize(
    "place",
    [
        "lsms_core.io.volumes._read_file",
        "lsms_core.models.installed.inspect_bundle",
        "lsms_core.inference.lsms_engine.LsmsEngine.probabilities",
        "lsms_core.anatomy.measure.longest_of_stack",
        "lsms_core.io.nrrd.gzip.GzipFile.write",
        "lsms_core.io.atomic.os.fsync",
    ],
)
def test_an_interrupt_leaves_the_old_file(
    place, lsms, tiny_bundle, bright_engine, ct_file, tmp_path, monkeypatch
):
    target = tmp_path / "mask.seg.nrrd"
    target.write_bytes(b"old")

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupt)
    ran = lsms("segment", ct_file, "--text", "bright", "--weights", tiny_bundle, "--output", target)
    assert ran.status == 130
    assert "cancelled; nothing was written" in ran.err
    assert target.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([target.name, ct_file.name])


@pytest.mark.slow
def test_a_real_interrupt_ends_a_real_run(quick_bundle, ct, tmp_path):
    """SIGINT while slices are run, as Ctrl-C sends it."""
    path = tmp_path / "long.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(np.tile(ct.array, (200, 1, 1))), str(path))
    code = (
        # A job in the background inherits an ignored SIGINT, and so would this child.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys; from lsms_core.inference.lsms_engine import LsmsEngine as E\n"
        "real = E.draw\n"
        "def slow(self, *a):\n"
        "    print('running', flush=True); return real(self, *a)\n"
        "E.draw = slow\n"
        "from lsms_core.cli.main import main; main(sys.argv[1:])"
    )
    target = tmp_path / "mask.nii.gz"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "segment", str(path), "--text", "lesion",
         "--weights", str(quick_bundle), "--output", str(target)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=300)
    assert child.returncode == 130
    assert "cancelled; nothing was written" in err
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
