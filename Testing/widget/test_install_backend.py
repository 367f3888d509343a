"""Packages are installed by what each version of Slicer offers, and by pip under constraints."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import numpy
import pytest

from lsms_core.errors import DependencyError

MODULE = Path(__file__).resolve().parents[2] / "LSMSSegmentation"
if str(MODULE) not in sys.path:
    sys.path.insert(0, str(MODULE))

from LSMSSegmentationLib.Install import InstallBackend, Installer, InstallPlan  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture
def slicer_modules(monkeypatch):
    """A stand-in for Slicer's Python: 5.10 without, 5.12 with slicer.packaging."""

    def make(new):
        calls = []
        slicer = types.ModuleType("slicer")
        slicer.util = types.SimpleNamespace(pip_install=lambda args: calls.append(("util", args)))
        slicer.app = types.SimpleNamespace(testingEnabled=lambda: False)
        monkeypatch.setitem(sys.modules, "slicer", slicer)
        monkeypatch.setitem(sys.modules, "slicer.packaging", None)
        if new:
            packaging = types.ModuleType("slicer.packaging")
            packaging.load_requirements = lambda path: ["loaded", path]
            packaging.pip_ensure = lambda reqs, **options: calls.append(("ensure", reqs, options))
            packaging.pip_install = lambda reqs, **options: calls.append(("pip", reqs, options))
            slicer.packaging = packaging
            monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
        return calls

    return make


def test_new_slicers_install_with_slicer_packaging(slicer_modules, tmp_path):
    calls = slicer_modules(new=True)
    constraints = tmp_path / "constraints.txt"
    backend = InstallBackend.SlicerBackend()
    backend.ensure(["requirements.txt"], ["transformers>=4.45"], constraints)
    backend.installWheels(["torch>=2.4"], tmp_path, constraints)
    (kind, requirements, options), (kind2, arguments, options2) = calls
    assert (kind, requirements) == ("ensure", ["loaded", "requirements.txt"])
    assert options["constraints"] == options2["constraints"] == constraints
    assert options["requester"] == "LSMS Segmentation"
    assert options["prompt_install"] is False
    assert (kind2, arguments) == (
        "pip",
        ["torch>=2.4", "--no-index", "--find-links", str(tmp_path)],
    )


def test_older_slicers_install_with_slicer_util(slicer_modules, tmp_path):
    calls = slicer_modules(new=False)
    constraints = tmp_path / "constraints.txt"
    backend = InstallBackend.SlicerBackend()
    backend.ensure(["requirements.txt"], ["transformers>=4.45"], constraints)
    backend.installWheels(["torch>=2.4"], tmp_path, constraints)
    tail = ["--constraint", str(constraints)]
    assert calls == [
        ("util", ["transformers>=4.45", *tail]),
        ("util", ["torch>=2.4", "--no-index", "--find-links", str(tmp_path), *tail]),
    ]


def test_torch_comes_only_through_the_pytorch_extension(monkeypatch, tmp_path):
    constraints = tmp_path / "with blank" / "constraints.txt"
    seen = {}

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation, torchVersionRequirement):
            seen.update(
                ask=askConfirmation,
                version=torchVersionRequirement,
                constraint=os.environ["PIP_CONSTRAINT"],
            )
            return seen.get("result", types)

    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    backend = InstallBackend.SlicerBackend()
    with pytest.raises(DependencyError, match="PyTorch extension is missing"):
        backend.installTorch("torch>=2.4", constraints)
    module = types.SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", module)
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    backend.installTorch("torch>=2.4", constraints)
    assert (seen["ask"], seen["version"]) == (False, ">=2.4")
    assert seen["constraint"].endswith("with%20blank/constraints.txt")
    assert "PIP_CONSTRAINT" not in os.environ
    seen["result"] = None
    with pytest.raises(DependencyError, match="PyTorch was not installed"):
        backend.installTorch("torch>=2.4", constraints)


def real_wheel(folder, name, version, requires=()):
    """Write a wheel that pip accepts."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {r}\n" for r in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize("by_variable", [False, True])
def test_real_pip_refuses_to_replace_what_slicer_ships(tmp_path, by_variable):
    folder = tmp_path / "my wheels"
    folder.mkdir()
    real_wheel(folder, "numpy", "1.0")
    real_wheel(folder, "lsmsgreedy", "1.0", ["numpy==1.0"])
    real_wheel(folder, "lsmsmodest", "1.0", ["numpy"])
    plan = InstallPlan.InstallPlan(protected={"numpy": numpy.__version__})
    with Installer.constraintsFile(plan) as constraints:
        moved = folder / "constraints.txt"  # a path with a blank in it
        moved.write_text(constraints.read_text())
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--disable-pip-version-check"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    if by_variable:
        environment["PIP_CONSTRAINT"] = moved.as_uri()
    else:
        command += ["--constraint", str(moved)]
    command += ["--no-index", "--find-links", str(folder)]

    def status(package):
        return subprocess.run(
            [*command, package], env=environment, capture_output=True, text=True, check=False
        )

    assert status("lsmsmodest").returncode == 0
    refused = status("lsmsgreedy")
    assert refused.returncode != 0
    assert "constraint" in refused.stdout + refused.stderr


def test_slicers_own_backend_looks_for_the_extension(monkeypatch):
    plan = InstallPlan.makePlan(["torch>=2.4"], {}.get, withTorch=True)
    backend = InstallBackend.SlicerBackend()
    monkeypatch.setattr(InstallBackend.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="folder of wheels"):
        backend.checkPrerequisites(plan)
    monkeypatch.setattr(InstallBackend.importlib.util, "find_spec", lambda name: object())
    backend.checkPrerequisites(plan)
