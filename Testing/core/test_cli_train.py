"""``lsms train`` as a researcher calls it."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from lsms_core.cli.main import main
from Testing.core.training_tiny import tiny_run, write_cases, write_text_encoder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("shallow_networks"),
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
]


@pytest.fixture
def config(tmp_path):
    """A configuration file of a run of seconds."""
    run = tiny_run(write_cases(tmp_path / "cases"), write_text_encoder(tmp_path / "bert"))
    path = tmp_path / "config.json"
    path.write_text(json.dumps(asdict(run)), encoding="utf-8")
    return path


def test_entries_can_be_changed_for_an_experiment(config, tmp_path):
    run = tmp_path / "run"
    changes = ["--set", "contrastive_weight=0", "--set", "sampling.synthetic_share=0.25"]
    main(["train", str(config), "--output", str(run), "--samples", "4", *changes])
    used = json.loads((run / "config.json").read_text(encoding="utf-8"))
    before = json.loads(config.read_text(encoding="utf-8"))
    assert (used["samples"], used["contrastive_weight"]) == (4, 0)
    assert used["sampling"] == {**before["sampling"], "synthetic_share": 0.25}
    assert (run / "bundle" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("contrastive_weight", "write NAME=VALUE"),
        ("contrastive=0", "Unknown training entries ['contrastive']"),
        ("sampling.crops=[8, 8]", "Unknown sampling entries ['crops']"),
        ("sampling.augmentation.flip=1", "Unknown augmentation entries ['flip']"),
        ("seed.first=1", "has no entries of its own"),
    ],
)
def test_a_change_that_means_nothing_is_refused(config, tmp_path, capsys, change, message):
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(config), "--output", str(tmp_path / "run"), "--set", change])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
