"""``lsms make-phantoms``: cases that the training and the data sets take."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from lsms_core.cli.main import main
from lsms_core.cli.make_phantoms import command
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import list_cases, load_case

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("phantoms") / "cases"
    result = CliRunner().invoke(command, [str(path), "--count", "2", "--seed", "7", "--small"])
    assert result.exit_code == 0, result.output
    return path


def test_they_are_cases_of_different_patients_with_lesions(folder):
    cases = list_cases(folder)
    assert [c.name for c in cases] == ["phantom_00007", "phantom_00008"]
    assert len({c.group for c in cases}) == 2
    arrays = [load_case(c, PreprocessingConfig()) for c in cases]
    assert all(a.lesions.any() and (a.liver & ~a.lesions).any() for a in arrays)
    assert not np.array_equal(arrays[0].hu, arrays[1].hu)


def test_others_can_be_added_but_none_is_replaced(folder, capsys):
    before = (folder / "phantom_00007" / "image.nii.gz").read_bytes()
    with pytest.raises(SystemExit) as stopped:
        main(["make-phantoms", str(folder), "--seed", "6", "--count", "2", "--small"])
    assert stopped.value.code == 2
    assert "choose another --seed" in capsys.readouterr().err
    assert len(list_cases(folder)) == 2
    assert (folder / "phantom_00007" / "image.nii.gz").read_bytes() == before
