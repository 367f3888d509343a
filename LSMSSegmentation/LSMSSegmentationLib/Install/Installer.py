"""Installs the packages of the worker, after the user has agreed.

This file has the steps, without Qt and pip, which are in the backend, so that tests
can run it with a stand-in.
"""

import contextlib
import shutil
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError

from lsms_core.errors import CancelledError, DependencyError, InputError
from LSMSSegmentationLib.Install.InstallPlan import (
    TORCH_REQUIREMENT,
    checkProtected,
    makePlan,
    parseRequirement,
    readRequirements,
)

_RESOURCES = Path(__file__).resolve().parents[2] / "Resources"
REQUIREMENTS = _RESOURCES / "requirements.txt"
TORCH_REQUIREMENTS = _RESOURCES / "requirements-torch.txt"
_OFFLINE_ADVICE = 'With no network, use "From folder" or "From zip" under "Set-up and help".'


class Installer:
    """Brings the worker's packages into Slicer's Python.

    Args:
        backend: what really installs, see InstallBackend.SlicerBackend.
        askConsent: called with an InstallPlan; returns whether the user agrees.
    """

    def __init__(self, backend, askConsent):
        self._backend = backend
        self._askConsent = askConsent

    def plan(self, withTorch=False):
        """Return what is missing; quick, nothing is imported."""
        backend = self._backend
        lines = [line for path in _files(withTorch) for line in readRequirements(path)]
        if withTorch:
            lines.insert(0, TORCH_REQUIREMENT)
        return makePlan(lines, backend.version, backend.freeMegabytes(), withTorch)

    def ensure(self, withTorch=False):
        """Install what is missing from the network; returns the packages' names.

        Raises:
            CancelledError: when the user said no; nothing was changed.
            DependencyError: when something could not be installed.
        """
        plan = self._agreedPlan(withTorch)
        if plan.empty:
            return []
        with constraintsFile(plan) as constraints, _explained(_OFFLINE_ADVICE):
            if plan.needsTorch:
                self._backend.installTorch(
                    next(p.requirement for p in plan.packages if p.isTorch), constraints
                )
            others = [p.requirement for p in plan.packages if not p.isTorch]
            if others:
                self._backend.ensure(_files(withTorch), others, constraints)
        return self._finish(plan)

    def ensureFrom(self, source, withTorch=False):
        """Install what is missing from a folder or a zip of wheels, without any network.

        Raises:
            InputError: when it holds no wheels, or lacks one that is needed.
            CancelledError: when the user said no; nothing was changed.
            DependencyError: when something could not be installed.
        """
        with wheelFolder(source) as folder:
            missing = self.plan(withTorch)
            checkWheels(folder, missing)
            plan = self._agreedPlan(withTorch, offline=True)
            if plan.empty:
                return []
            advice = (
                "Make the folder again on a computer with the same system and the same Slicer, "
                "as the troubleshooting page describes."
            )
            with constraintsFile(plan) as constraints, _explained(advice):
                self._backend.installWheels(
                    [package.requirement for package in plan.packages], folder, constraints
                )
            return self._finish(plan)

    def _agreedPlan(self, withTorch, offline=False):
        plan = replace(self.plan(withTorch), offline=offline)
        if plan.empty:
            return plan
        if self._backend.testing():
            names = ", ".join(package.name for package in plan.packages)
            raise DependencyError(
                f"{names} must be installed, and nothing is installed while Slicer runs tests."
            )
        if not offline:
            # What would stop the installation is told before anybody agrees to it.
            self._backend.checkPrerequisites(plan)
        if not self._askConsent(plan):
            raise CancelledError("Nothing was installed. Press Run when you want to install.")
        return plan

    def _finish(self, plan):
        checkProtected(plan.protected, self._backend.version)
        left = self.plan(plan.withTorch)
        if not left.empty:
            raise DependencyError(
                f"{left.packages[0].name} is still missing after the installation: restart "
                "Slicer and press Run again, or read the log in the Python console."
            )
        return [package.name for package in plan.packages]


def _files(withTorch):
    """The requirements files of a choice."""
    return [REQUIREMENTS, TORCH_REQUIREMENTS] if withTorch else [REQUIREMENTS]


@contextlib.contextmanager
def constraintsFile(plan):
    """Write the versions that pip must keep; yields the file's path."""
    folder = tempfile.mkdtemp(prefix="lsms-")
    try:
        path = Path(folder) / "constraints.txt"
        path.write_text("\n".join(plan.constraintLines()) + "\n", encoding="utf-8")
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def wheelFolder(source):
    """Yield a folder of wheels; those of a zip are unpacked into a temporary one.

    Raises:
        InputError: when there are none.
    """
    source = Path(source)
    if source.is_dir():
        folders = {wheel.parent for wheel in source.rglob("*.whl")}
        if not folders:
            raise InputError(f"{source} holds no wheels (files that end in .whl).")
        if len(folders) > 1:
            raise InputError(f"The wheels of {source} lie in several folders: put them into one.")
        yield folders.pop()
        return
    temporary = tempfile.mkdtemp(prefix="lsms-")
    try:
        _unpackWheels(source, temporary)
        yield Path(temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpackWheels(source, folder):
    try:
        with zipfile.ZipFile(source) as archive:
            wheels = [e for e in archive.infolist() if e.filename.lower().endswith(".whl")]
            free = shutil.disk_usage(folder).free
            if sum(entry.file_size for entry in wheels) > free:
                raise InputError(f"The disk is too full to unpack {source.name}: free some space.")
            for entry in wheels:
                # The base name only: an entry cannot leave the folder.
                target = Path(folder, entry.filename.replace("\\", "/").rpartition("/")[2])
                with archive.open(entry) as incoming, target.open("wb") as outgoing:
                    shutil.copyfileobj(incoming, outgoing)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{source} cannot be read as a zip ({error}); copy it again.") from error
    if not wheels:
        raise InputError(f"{source.name} holds no wheels (files that end in .whl).")


def checkWheels(folder, plan):
    """Name what a folder lacks before pip is asked.

    Raises:
        InputError: naming the first package without a wheel that fits.
    """
    # name-version-python-abi-system.whl; the version begins with a digit
    names = [wheel.stem.split("-") for wheel in Path(folder).glob("*.whl")]
    wheels = [(_normalised(n[0]), n[1]) for n in names if len(n) >= 5 and n[1][:1].isdigit()]
    for package in plan.packages:
        requirement = parseRequirement(package.requirement)
        versions = [v for name, v in wheels if name == _normalised(requirement.name)]
        if not any(requirement.specifier.contains(v, prereleases=True) for v in versions):
            raise InputError(
                f"The wheels lack {package.requirement}: add it, with all that it needs."
            )


def _normalised(name):
    return name.lower().replace("_", "-").replace(".", "-")


@contextlib.contextmanager
def _explained(advice):
    """Say what to do where pip and its relatives only give a status."""
    try:
        yield
    except CalledProcessError as error:
        raise DependencyError(
            f"The packages could not be installed (pip ended with status {error.returncode}); "
            f"what Slicer ships was not touched. The Python console holds the log. {advice}"
        ) from error
    except (OSError, ImportError, RuntimeError) as error:
        raise DependencyError(
            f"The packages could not be installed ({error}). Restart Slicer and try again. {advice}"
        ) from error


def ensurePackages(withTorch=False):
    """Make sure that the worker can start; asks once when something must be installed.

    Where a server runs the engine, nothing is needed.

    Args:
        withTorch: PyTorch is wanted, too.

    Raises:
        CancelledError: when the user said no.
        DependencyError: when something could not be installed.
    """
    from LSMSSegmentationLib import ServerSettings
    from LSMSSegmentationLib.Install.InstallBackend import SlicerBackend
    from LSMSSegmentationLib.Install.InstallDialogs import askConsent

    if ServerSettings.address():
        return None
    return Installer(SlicerBackend(), askConsent).ensure(withTorch)
