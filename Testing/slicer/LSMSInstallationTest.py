"""Runs inside Slicer: the installer against Slicer's own functions. Installs nothing."""

import contextlib
import inspect
import unittest

import slicer


class LSMSInstallationTest(unittest.TestCase):
    def test_versions_are_read_without_importing(self):
        import sys

        import numpy
        from LSMSSegmentationLib.Install.InstallBackend import SlicerBackend

        backend = SlicerBackend()
        loaded = "torch" in sys.modules
        backend.version("torch")
        assert ("torch" in sys.modules) == loaded
        assert backend.version("numpy") == numpy.__version__
        assert backend.version("SimpleITK") is not None
        assert backend.freeMegabytes() > 0

    def test_slicer_has_the_functions_that_install(self):
        try:
            import slicer.packaging
        except ImportError:  # Slicer 5.10
            assert callable(slicer.util.pip_install)
            return
        ensure = inspect.signature(slicer.packaging.pip_ensure).parameters
        assert {"constraints", "requester", "prompt_install"} <= set(ensure)
        install = inspect.signature(slicer.packaging.pip_install).parameters
        assert {"constraints", "requester"} <= set(install)

    def test_requirements_are_read_by_slicer(self):
        from LSMSSegmentationLib.Install.Installer import REQUIREMENTS
        from LSMSSegmentationLib.Install.InstallPlan import parseRequirement, readRequirements

        ours = {parseRequirement(text).name for text in readRequirements(REQUIREMENTS)}
        assert ours == {"onnxruntime"}
        if hasattr(slicer, "packaging"):
            theirs = {r.name for r in slicer.packaging.load_requirements(REQUIREMENTS)}
            assert ours == theirs

    def test_the_pytorch_extension_takes_our_options(self):
        try:
            import PyTorchUtils
        except ImportError:
            self.skipTest("the PyTorch extension is not installed in this Slicer")
        options = inspect.signature(PyTorchUtils.PyTorchUtilsLogic.installTorch).parameters
        assert {"askConfirmation", "torchVersionRequirement"} <= set(options)

    def test_nothing_is_installed_while_slicer_tests(self):
        from LSMSSegmentationLib.Install.InstallBackend import SlicerBackend
        from LSMSSegmentationLib.Install.Installer import Installer

        from lsms_core.errors import DependencyError

        asked = []
        installer = Installer(SlicerBackend(), asked.append)
        if installer.plan().empty:
            assert installer.ensure() == []
        else:
            with contextlib.suppress(DependencyError):
                installer.ensure()
                self.fail("something was installed, or would have been")
        assert asked == []

    def test_the_panel_builds(self):
        from LSMSSegmentationLib.Install.InstallPanel import InstallPanel

        panel = InstallPanel()
        try:
            assert "packages" in panel.packagesLabel.text
            assert not panel.downloadButton.enabled
            panel.urlEdit.text, panel.sha256Edit.text = "https://models.example/x.zip", "0" * 64
            assert panel.downloadButton.enabled
        finally:
            panel.cleanup()
