"""How Slicer installs packages: slicer.packaging from 5.12 on, slicer.util before."""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import sysconfig

from lsms_core.errors import DependencyError

REQUESTER = "LSMS Segmentation"
_NO_PYTORCH_EXTENSION = (
    "The PyTorch extension is missing: install PyTorch in the Extensions Manager, restart Slicer "
    "and press Run again. Without a network, install from a folder of wheels, under Set-up and "
    "help."
)


class SlicerBackend:
    """Slicer's own ways; everything is imported when it is used."""

    def version(self, name):
        """Return a package's installed version, or None. Does not import it."""
        importlib.invalidate_caches()
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None

    def freeMegabytes(self):
        """Return the room on the disk that takes the packages, or None."""
        try:
            return shutil.disk_usage(sysconfig.get_paths()["purelib"]).free // (1 << 20)
        except OSError:
            return None

    def testing(self):
        import slicer

        return slicer.app.testingEnabled()

    def checkPrerequisites(self, plan):
        """Make sure that a plan can be carried out.

        Raises:
            DependencyError: naming the extension that is missing.
        """
        if plan.needsTorch and importlib.util.find_spec("PyTorchUtils") is None:
            raise DependencyError(_NO_PYTORCH_EXTENSION)

    def ensure(self, requirementsPaths, requirements, constraints):
        """Install what is missing of requirements files."""
        packaging = _slicerPackaging()
        if packaging is not None:
            packaging.pip_ensure(
                [line for path in requirementsPaths for line in packaging.load_requirements(path)],
                constraints=constraints,
                requester=REQUESTER,
                prompt_install=False,  # the user has just agreed to the whole plan
            )
        else:
            self._pipInstall(requirements, constraints)

    def installWheels(self, requirements, folder, constraints):
        """Install from a folder of wheels, without any network."""
        arguments = [*requirements, "--no-index", "--find-links", str(folder)]
        packaging = _slicerPackaging()
        if packaging is not None:
            packaging.pip_install(arguments, constraints=constraints, requester=REQUESTER)
        else:
            self._pipInstall(arguments, constraints)

    def installTorch(self, requirement, constraints):
        """Install torch by the PyTorch extension, which picks the build for the GPU driver."""
        try:
            import PyTorchUtils
        except ImportError as error:
            raise DependencyError(_NO_PYTORCH_EXTENSION) from error
        # The extension has no option for constraints; pip reads them from here, and as an
        # address, because it splits the variable at blanks.
        with _environment("PIP_CONSTRAINT", constraints.as_uri()):
            torch = PyTorchUtils.PyTorchUtilsLogic().installTorch(
                askConfirmation=False,
                torchVersionRequirement=requirement.removeprefix("torch"),
            )
        if torch is None:
            raise DependencyError(
                'PyTorch was not installed: open the module "PyTorch Utils", install it there, '
                "and press Run again."
            )

    def _pipInstall(self, arguments, constraints):
        import slicer

        slicer.util.pip_install([*arguments, "--constraint", str(constraints)])


def _slicerPackaging():
    try:
        import slicer.packaging
    except ImportError:  # Slicer 5.10
        return None
    return slicer.packaging


@contextlib.contextmanager
def _environment(name, value):
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
