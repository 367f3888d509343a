"""The panel that installs packages and models, driven by clicks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lsms_core.errors import DependencyError, InputError
from lsms_core.models.manifest import write_manifest
from lsms_core.models.weights_download import DownloadEvent

ALL = {
    "onnxruntime": "1.23.2",
    "torch": "2.8.0",
    "transformers": "4.57.1",
    "safetensors": "0.6.2",
    "numpy": "2.4.6",
}


class Backend:
    lacking = ""

    def __init__(self, versions):
        self.versions = dict(versions)
        self.calls = []

    def version(self, name):
        return self.versions.get(name)

    def freeMegabytes(self):
        return 9000

    def testing(self):
        return False

    def checkPrerequisites(self, plan):
        if self.lacking:
            raise DependencyError(self.lacking)

    def installTorch(self, requirement, constraints):
        self.calls.append(("torch", requirement))
        self.versions["torch"] = ALL["torch"]

    def ensure(self, path, requirements, constraints):
        self.calls.append(("ensure", requirements))
        self.versions.update(ALL)

    def installWheels(self, requirements, folder, constraints):
        self.calls.append(("wheels", Path(folder).name))
        self.versions.update(ALL)


class Dialogs:
    """What the user answers."""

    agree = True
    folder = zip = ""

    def __init__(self):
        self.asked = []

    def askConsent(self, plan):
        self.asked.append(plan)
        return self.agree

    def confirmRemove(self, name):
        self.asked.append(name)
        return self.agree

    def chooseFolder(self, title):
        return self.folder

    def chooseZip(self, title):
        return self.zip


class Download:
    def __init__(self, *arguments):
        self.arguments = arguments
        self.events = []
        self.closed = False

    def poll(self):
        events, self.events = self.events, []
        return events

    def close(self):
        self.closed = True


@pytest.fixture
def make(entry, tmp_path, monkeypatch):
    """Return a function that makes the panel; models and settings are the test's own."""
    import shim
    from LSMSSegmentationLib.Install import InstallSettings
    from LSMSSegmentationLib.Install.InstallPanel import InstallPanel

    shim.use_pythonqt_attributes([__name__])
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("LSMS_MODELS", raising=False)
    InstallSettings.setModelsFolder("")
    InstallSettings.setWithTorch(False)

    def build(versions=ALL, **options):
        changes = []
        panel = InstallPanel(
            onChanged=lambda: changes.append(1),
            backend=Backend(versions),
            dialogs=options.pop("dialogs", None) or Dialogs(),
            **options,
        )
        panel.changes = changes
        panel.widget.resize(420, 380)
        panel.widget.show()
        panels.append(panel)
        return panel

    panels = []
    yield build
    for panel in panels:
        panel.cleanup()
        panel.widget.close()
    InstallSettings.setModelsFolder("")
    InstallSettings.setWithTorch(False)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "tiny-1.0"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"\0" * 3_000_000)
    (folder / "MODEL_CARD.md").write_text("# Tiny\n", "utf-8")
    config = {"format": 1, "engine": "lsms", "name": "tiny", "version": "1.0"}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    write_manifest(folder)
    return folder


def rows(panel):
    return [panel.modelsList.item(n).text() for n in range(panel.modelsList.count)]


def select(panel, name):
    panel.modelsList.currentRow = [row.split()[0] for row in rows(panel)].index(name)


def test_missing_packages_are_named_and_installed_once_agreed(make):
    panel = make({"numpy": "2.4.6"})
    assert panel.packagesLabel.text.startswith("Missing packages: onnxruntime. Run asks")
    panel.withTorchCheckBox.click()
    assert panel.packagesLabel.text.startswith("Missing packages: torch, onnxruntime, trans")
    panel.installButton.click()
    assert panel._backend.calls[0] == ("torch", "torch>=2.4")
    assert (
        panel.packagesLabel.text
        == "All packages are installed (ONNX Runtime 1.23.2, PyTorch 2.8.0)."
    )
    assert panel.statusLabel.text == "The packages are there."
    assert panel.changes == [1]


def test_saying_no_is_said_and_nothing_is_installed(make):
    dialogs = Dialogs()
    dialogs.agree = False
    panel = make({}, dialogs=dialogs)
    panel.installButton.click()
    assert "Nothing was installed" in panel.statusLabel.text
    assert panel._backend.calls == panel.changes == []
    assert panel.widget.enabled


def test_packages_come_from_a_folder_of_wheels(make, tmp_path):
    dialogs, told = Dialogs(), []
    dialogs.askConsent = lambda _plan: told.append(panel.statusLabel.text) or True
    panel = make({}, dialogs=dialogs)
    panel.installFolderButton.click()  # the user closed the file dialog
    assert told == []
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    dialogs.folder = str(wheels)
    panel.installFolderButton.click()
    assert "holds no wheels" in panel.statusLabel.text
    (wheels / "onnxruntime-1.23.2-cp312-cp312-win_amd64.whl").write_bytes(b"")
    panel.installFolderButton.click()
    assert told == [""]  # the refusal before does not stand beside the question
    assert panel._backend.calls == [("wheels", "wheels")]


def test_models_are_added_listed_and_removed(make, model):
    dialogs = Dialogs()
    panel = make(dialogs=dialogs)
    assert "tiny" not in [row.split()[0] for row in rows(panel)]
    assert not panel.removeButton.enabled
    dialogs.folder = str(model)
    panel.addFolderButton.click()
    assert panel.statusLabel.text == "The model was added."
    assert "tiny 1.0, 2 MB" in rows(panel)
    select(panel, "tiny")
    assert panel.removeButton.enabled
    panel.removeButton.click()
    assert dialogs.asked == ["tiny"]
    assert "tiny 1.0, 2 MB" not in rows(panel)
    assert len(panel.changes) == 2


def test_a_damaged_model_is_refused_with_its_reason(make, model):
    (model / "model.safetensors").write_bytes(b"1")
    dialogs = Dialogs()
    dialogs.folder = str(model)
    panel = make(dialogs=dialogs)
    panel.addFolderButton.click()
    assert "altered or damaged" in panel.statusLabel.text
    assert panel.changes == []


def test_models_can_be_kept_elsewhere(make, model, tmp_path):
    from LSMSSegmentationLib.Install import InstallSettings

    dialogs = Dialogs()
    panel = make(dialogs=dialogs)
    dialogs.folder = str(tmp_path / "elsewhere")
    panel.changeFolderButton.click()
    assert "elsewhere" in panel.folderLabel.text
    assert InstallSettings.workerEnvironment() == {"LSMS_MODELS": str(tmp_path / "elsewhere")}
    dialogs.folder = str(model)
    panel.addFolderButton.click()
    assert (tmp_path / "elsewhere" / "tiny" / "manifest.json").is_file()
    panel.usualFolderButton.click()
    assert str(tmp_path / "data") in panel.folderLabel.text


def test_a_download_shows_progress_and_can_be_cancelled(make):
    made = []

    def makeDownload(*arguments):
        made.append(Download(*arguments))
        return made[-1]

    panel = make(makeDownload=makeDownload)
    assert not panel.downloadButton.enabled
    panel.urlEdit.text = "https://models.example/tiny.zip"
    panel.sha256Edit.text = " " + "0" * 64
    panel.downloadButton.click()
    assert made[0].arguments[:2] == ("https://models.example/tiny.zip", "0" * 64)
    made[0].events = [DownloadEvent("progress", 3 << 20, 12 << 20)]
    panel.pollDownload()
    assert (panel.progressBar.value, panel.progressBar.maximum) == (3 << 10, 12 << 10)
    assert panel.downloadButton.text == "Cancel download"
    panel.downloadButton.click()
    assert made[0].closed
    assert "go on where it stopped" in panel.statusLabel.text
    panel.downloadButton.click()
    made[1].events = [DownloadEvent("done", folder=Path("tiny"))]
    panel.pollDownload()
    assert panel.statusLabel.text == "The model was added."
    assert panel.changes == [1]


def test_a_failed_download_says_why(make):
    def refuse(*arguments):
        raise InputError("The SHA-256 must have 64 hexadecimal digits.")

    panel = make(makeDownload=refuse)
    panel.urlEdit.text, panel.sha256Edit.text = "https://models.example/tiny.zip", "12"
    panel.downloadButton.click()
    assert "64 hexadecimal" in panel.statusLabel.text
    failing = Download()
    failing.events = [DownloadEvent("failed", message="The server could not be reached.")]
    panel = make(makeDownload=lambda *arguments: failing)
    panel.urlEdit.text, panel.sha256Edit.text = "https://models.example/tiny.zip", "0" * 64
    panel.downloadButton.click()
    panel.pollDownload()
    assert panel.statusLabel.text == "The server could not be reached."
    assert panel.downloadButton.text == "Download model"


def test_the_question_lists_packages_sizes_and_what_stays(entry):
    from LSMSSegmentationLib.Install.InstallDialogs import consentText, sizeText
    from LSMSSegmentationLib.Install.InstallPlan import makePlan

    versions = {"numpy": "2.4.6", "SimpleITK": "2.5.4", "transformers": "4.20.0"}
    wanted = ["torch>=2.4", "onnxruntime>=1.20,<2", "transformers>=4.45,<6"]
    text = consentText(makePlan(wanted, versions.get, 9000, withTorch=True))
    assert "onnxruntime>=1.20,<2: 18 to 29 MB" in text
    assert "torch>=2.4: 80 MB to 3.4 GB" in text
    assert "transformers<6,>=4.45" in text or "transformers>=4.45,<6" in text
    assert "(instead of 4.20.0): 25 to 60 MB" in text
    assert "Free on this disk: 8.8 GB." in text
    assert "SimpleITK 2.5.4" in text
    assert sizeText((1, 1)) == "1 MB"


def test_a_folder_of_wheels_speaks_of_no_download(entry):
    from dataclasses import replace

    from LSMSSegmentationLib.Install.InstallDialogs import consentText
    from LSMSSegmentationLib.Install.InstallPlan import makePlan

    plan = makePlan(["transformers>=4.45,<6"], {}.get, 9000)
    assert "Download in all" in consentText(plan)
    text = consentText(replace(plan, offline=True))
    assert "nothing is downloaded" in text
    assert "Download" not in text
    assert "transformers>=4.45,<6" in text
