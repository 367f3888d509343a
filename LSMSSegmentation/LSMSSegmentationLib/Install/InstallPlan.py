"""The packages to install, their download sizes, and those that must not change. No Qt, no pip."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from lsms_core.errors import DependencyError

TORCH_REQUIREMENT = "torch>=2.4"

# Slicer was built against these; pip replacing one of them breaks Slicer itself.
PROTECTED = ("numpy", "SimpleITK", "requests")

# Megabytes to download with all that comes along, but for what Slicer ships: rounded up, because
# they differ by system and version (docs/performance.md).
_MEGABYTES = {
    "onnxruntime": (18, 29),
    "torch": (80, 3500),
    "transformers": (25, 60),
    "safetensors": (1, 1),
}
_UNKNOWN = (1, 100)

# torch has files with about 150 characters below site-packages; Windows allows 260 in all.
_LONGEST_WINDOWS_FOLDER = 105


@dataclass(frozen=True)
class Package:
    """One package that must be installed.

    Attributes:
        requirement: as pip takes it.
        installed: the version that is there and does not fit, or None.
        megabytes: smallest and largest download.
    """

    requirement: str
    installed: str = None
    megabytes: tuple = _UNKNOWN

    @property
    def name(self):
        return parseRequirement(self.requirement).name

    @property
    def isTorch(self):
        return self.name.lower() == "torch"


@dataclass(frozen=True)
class InstallPlan:
    """The packages that would be installed.

    Attributes:
        packages: the missing packages, torch first.
        protected: name and version of what Slicer ships and pip must not replace.
        freeMegabytes: room on the disk that takes the packages, or None.
        withTorch: PyTorch, too.
        offline: whether they are taken from a folder, without any network.
    """

    packages: tuple = ()
    protected: dict = field(default_factory=dict)
    freeMegabytes: int = None
    withTorch: bool = False
    offline: bool = False

    @property
    def empty(self):
        return not self.packages

    @property
    def needsTorch(self):
        return any(package.isTorch for package in self.packages)

    @property
    def megabytes(self):
        """Smallest and largest download in all."""
        return tuple(sum(package.megabytes[end] for package in self.packages) for end in (0, 1))

    def constraintLines(self):
        return [f"{name}=={version}" for name, version in sorted(self.protected.items())]


def parseRequirement(text):
    """Parse "name>=1,<2"."""
    try:
        from packaging.requirements import Requirement
    except ImportError:  # Slicer 5.10 may have it only inside pip
        from pip._vendor.packaging.requirements import Requirement
    return Requirement(text)


def readRequirements(path):
    """Return the lines of a requirements file that name packages."""
    lines = [line.split("#")[0].strip() for line in Path(path).read_text("utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("-")]


def makePlan(requirements, versionOf, freeMegabytes=None, withTorch=False):
    """Compare what is needed with what is there.

    Args:
        requirements: lines as in a requirements file.
        versionOf: returns a package's installed version, or None.
        freeMegabytes: room on the disk.
        withTorch: torch and its companions are among them.
    """
    packages = []
    for text in requirements:
        requirement = parseRequirement(text)
        installed = versionOf(requirement.name)
        fits = installed and requirement.specifier.contains(installed, prereleases=True)
        if fits or (requirement.marker and not requirement.marker.evaluate()):
            continue
        size = _MEGABYTES.get(requirement.name.lower(), _UNKNOWN)
        packages.append(Package(text, installed, size))
    protected = {name: versionOf(name) for name in PROTECTED}
    return InstallPlan(
        tuple(packages),
        {name: version for name, version in protected.items() if version},
        freeMegabytes,
        withTorch,
    )


def checkProtected(before, versionOf):
    """Make sure that what Slicer ships is still what it was.

    Raises:
        DependencyError: naming the package that was replaced.
    """
    for name, version in before.items():
        now = versionOf(name)
        if now != version:
            raise DependencyError(
                f"{name} {version}, which Slicer needs, was replaced by {now or 'nothing'}. "
                f'Run slicer.util.pip_install("{name}=={version}") in the Python console and '
                "restart Slicer."
            )


def windowsPathAdvice(folder, isWindows=None):
    """Return advice when torch's files would get paths that Windows cannot hold, else ''."""
    isWindows = os.name == "nt" if isWindows is None else isWindows
    if not isWindows or len(str(folder)) <= _LONGEST_WINDOWS_FOLDER:
        return ""
    return (
        f"Slicer lies in a folder with a long name ({len(str(folder))} characters); Windows may "
        "refuse some files of PyTorch. If it does, move Slicer to a short path such as C:/Slicer."
    )
