"""Packages are installed after one question, and what Slicer ships is never replaced."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lsms_core.errors import CancelledError, DependencyError, InputError

MODULE = Path(__file__).resolve().parents[2] / "LSMSSegmentation"
if str(MODULE) not in sys.path:
    sys.path.insert(0, str(MODULE))

from LSMSSegmentationLib.Install import Installer, InstallPlan  # noqa: E402

ALL = {
    "onnxruntime": "1.23.2",
    "torch": "2.8.0",
    "transformers": "4.57.1",
    "safetensors": "0.6.2",
}
SHIPPED = {"numpy": "2.4.6", "SimpleITK": "2.5.4", "requests": "2.32.5"}


class Backend:
    """Stands in for Slicer: keeps versions in a dict and writes down what it is asked."""

    lacking = ""

    def __init__(self, versions=(), testing=False, failing=None):
        self.versions = {**SHIPPED, **dict(versions)}
        self.calls = []
        self._testing = testing
        self._failing = failing

    def version(self, name):
        return self.versions.get(name)

    def freeMegabytes(self):
        return 50_000

    def testing(self):
        return self._testing

    def checkPrerequisites(self, plan):
        if self.lacking:
            raise DependencyError(self.lacking)

    def installTorch(self, requirement, constraints):
        self.calls.append(("torch", requirement, constraints.read_text()))
        if self._failing:
            raise self._failing
        self.versions["torch"] = "2.8.0+cpu"

    def ensure(self, requirementsPaths, requirements, constraints):
        self.calls.append(("ensure", list(requirements), constraints.read_text()))
        self.versions["onnxruntime"] = "1.23.2"
        if len(requirementsPaths) > 1:
            self.versions.update({"transformers": "4.57.1", "safetensors": "0.6.2"})

    def installWheels(self, requirements, folder, constraints):
        self.calls.append(("wheels", list(requirements), Path(folder), constraints.read_text()))
        self.versions.update(ALL)


def agree(plan):
    agree.plans.append(plan)
    return True


@pytest.fixture(autouse=True)
def _forget():
    agree.plans = []


def make_wheels(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


WHEELS = (
    "torch-2.8.0-cp312-cp312-win_amd64.whl",
    "onnxruntime-1.23.2-cp312-cp312-win_amd64.whl",
    "transformers-4.57.1-py3-none-any.whl",
    "safetensors-0.6.2-cp38-abi3-win_amd64.whl",
)


def test_everything_is_installed_after_one_question():
    backend = Backend()
    installed = Installer.Installer(backend, agree).ensure()
    assert installed == ["onnxruntime"]
    assert len(agree.plans) == 1
    constraints = "SimpleITK==2.5.4\nnumpy==2.4.6\nrequests==2.32.5\n"
    assert backend.calls == [("ensure", ["onnxruntime>=1.20,<2"], constraints)]
    assert agree.plans[0].megabytes[1] < 30


def test_pytorch_comes_along_where_it_is_wanted():
    backend = Backend()
    installed = Installer.Installer(backend, agree).ensure(withTorch=True)
    assert installed == ["torch", "onnxruntime", "transformers", "safetensors"]
    assert len(agree.plans) == 1
    assert [call[0] for call in backend.calls] == ["torch", "ensure"]
    constraints = "SimpleITK==2.5.4\nnumpy==2.4.6\nrequests==2.32.5\n"
    assert backend.calls[0][1:] == (InstallPlan.TORCH_REQUIREMENT, constraints)
    assert backend.calls[1][2] == constraints


def test_nothing_is_asked_or_installed_when_everything_is_there():
    backend = Backend({**ALL, "torch": "2.8.0+cu126"})
    installer = Installer.Installer(backend, agree)
    assert installer.ensure() == installer.ensure(withTorch=True) == []
    assert backend.calls == agree.plans == []


def test_a_version_that_does_not_fit_is_named_and_replaced():
    backend = Backend({**ALL, "transformers": "4.20.0"})
    assert Installer.Installer(backend, agree).ensure(withTorch=True) == ["transformers"]
    (package,) = agree.plans[0].packages
    assert package.installed == "4.20.0"
    assert [call[0] for call in backend.calls] == ["ensure"]


def test_saying_no_changes_nothing():
    backend = Backend()
    with pytest.raises(CancelledError, match="Nothing was installed"):
        Installer.Installer(backend, lambda plan: False).ensure()
    assert backend.calls == []


def test_nothing_is_installed_or_asked_while_slicer_tests():
    backend = Backend(testing=True)
    with pytest.raises(DependencyError, match=r"torch, onnxruntime, .* must be installed"):
        Installer.Installer(backend, agree).ensure(withTorch=True)
    assert backend.calls == agree.plans == []


@pytest.mark.parametrize(
    "failure",
    [
        subprocess.CalledProcessError(1, "pip"),
        OSError("file name too long"),
        ImportError("DLL load failed"),
        RuntimeError("PythonSlicer executable not found"),
    ],
)
def test_a_failed_installation_says_what_to_do(failure):
    with pytest.raises(DependencyError, match="With no network, use") as caught:
        Installer.Installer(Backend(failing=failure), agree).ensure(withTorch=True)
    assert caught.value.__cause__ is failure


def test_a_replaced_package_of_slicers_is_reported_with_its_repair():
    class Careless(Backend):
        def installTorch(self, *arguments):
            super().installTorch(*arguments)
            self.versions["numpy"] = "1.26.4"

    with pytest.raises(
        DependencyError, match=r'replaced by 1\.26\.4.*pip_install\("numpy==2\.4\.6"'
    ):
        Installer.Installer(Careless(), agree).ensure(withTorch=True)


def test_an_installation_that_installs_nothing_is_not_believed():
    class Idle(Backend):
        def ensure(self, *arguments):
            self.calls.append(("ensure",))

    with pytest.raises(DependencyError, match="onnxruntime is still missing"):
        Installer.Installer(Idle(), agree).ensure()


def test_packages_come_from_a_folder_without_network(tmp_path):
    backend = Backend()
    folder = make_wheels(tmp_path / "stick" / "wheels", *WHEELS)
    installed = Installer.Installer(backend, agree).ensureFrom(tmp_path / "stick", withTorch=True)
    assert installed == ["torch", "onnxruntime", "transformers", "safetensors"]
    ((kind, requirements, used, constraints),) = backend.calls
    assert (kind, used) == ("wheels", folder)
    assert requirements[0] == InstallPlan.TORCH_REQUIREMENT
    assert "numpy==2.4.6" in constraints


def test_packages_come_from_a_zip_which_cannot_write_elsewhere(tmp_path):
    archive = tmp_path / "wheels.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in WHEELS:
            file.writestr(f"../../{name}", b"")
        file.writestr("../readme.txt", b"")

    class Looking(Backend):
        def installWheels(self, requirements, folder, constraints):
            self.seen = sorted(path.name for path in Path(folder).iterdir())
            super().installWheels(requirements, folder, constraints)

    backend = Looking()
    Installer.Installer(backend, agree).ensureFrom(archive)
    assert backend.seen == sorted(WHEELS)
    assert not backend.calls[0][2].exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wheels.zip"]


def test_a_folder_that_lacks_something_is_refused_before_the_question(tmp_path):
    backend = Backend()
    installer = Installer.Installer(backend, agree)
    make_wheels(tmp_path / "part", *WHEELS[1:], "torchvision-0.23.0-cp312-cp312-win_amd64.whl")
    with pytest.raises(InputError, match=r"lack torch>=2\.4"):
        installer.ensureFrom(tmp_path / "part", withTorch=True)
    make_wheels(tmp_path / "old", *WHEELS[1:], "torch-2.1.0-cp312-cp312-win_amd64.whl")
    with pytest.raises(InputError, match=r"lack torch>=2\.4"):
        installer.ensureFrom(tmp_path / "old", withTorch=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no wheels"):
        installer.ensureFrom(tmp_path / "empty")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(InputError, match="cannot be read as a zip"):
        installer.ensureFrom(tmp_path / "text.zip")
    assert backend.calls == agree.plans == []


def test_sizes_are_summed_and_pytorch_is_the_large_one():
    versions = SHIPPED.get
    small = Installer.Installer(Backend(), agree).plan()
    large = Installer.Installer(Backend(), agree).plan(withTorch=True)
    assert large.megabytes[1] > 3000 > 30 > small.megabytes[1] > small.megabytes[0] > 10
    assert InstallPlan.makePlan(["onnxruntime>=1.20"], versions, 1000).protected == SHIPPED


def test_long_windows_folders_get_advice():
    folder = "C:/Users/somebody/AppData/Local/slicer.org/Slicer 5.12.3/lib/Python/Lib/" + "x" * 60
    assert "short path" in InstallPlan.windowsPathAdvice(folder, isWindows=True)
    assert InstallPlan.windowsPathAdvice(folder, isWindows=False) == ""
    assert InstallPlan.windowsPathAdvice("C:/Slicer/lib/Python", isWindows=True) == ""


def test_the_requirements_are_ranges_that_agree_with_the_package(repository):
    tomllib = pytest.importorskip("tomllib")

    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["torch"]]
    engine = {InstallPlan.parseRequirement(d).name: d for d in lines}
    for text in [
        InstallPlan.TORCH_REQUIREMENT,
        *InstallPlan.readRequirements(Installer.REQUIREMENTS),
        *InstallPlan.readRequirements(Installer.TORCH_REQUIREMENTS),
    ]:
        requirement = InstallPlan.parseRequirement(text)
        assert not any(s.operator in ("==", "===") for s in requirement.specifier)
        lowest = [str(s) for s in requirement.specifier if s.operator == ">="]
        declared = InstallPlan.parseRequirement(engine[requirement.name]).specifier
        assert lowest == [str(s) for s in declared]


def test_a_missing_extension_is_told_before_anybody_agrees():
    asked = []
    backend = Backend()
    backend.lacking = "The PyTorch extension is missing: install PyTorch."
    with pytest.raises(DependencyError, match="PyTorch extension is missing"):
        Installer.Installer(backend, asked.append).ensure(withTorch=True)
    assert asked == []
    assert backend.calls == []
