"""What the README tells people to run has to run."""

from __future__ import annotations

import re
from pathlib import Path

from lsms_core.io.nifti import write_nifti
from lsms_core.phantom import make_phantom

README = Path(__file__).parents[2] / "README.md"


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    ct = make_phantom(0, shape=(8, 96, 128)).ct
    write_nifti(tmp_path / "ct.nii.gz", ct.array, ct.affine, "synthetic")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(README), "exec"), {})
    present, score, volume = capsys.readouterr().out.split()[-3:]
    assert present in ("True", "False")
    assert 0 <= float(score) <= 1
    assert (float(volume) > 0) == (present == "True")
