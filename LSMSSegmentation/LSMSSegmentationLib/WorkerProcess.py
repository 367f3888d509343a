"""The engine as Slicer needs it: PythonSlicer, started when first used, or a server."""

import os
import shutil
import sys
from pathlib import Path


def pythonExecutable():
    """Return the Python that runs the worker.

    Slicer puts PythonSlicer on its PATH (slicer.util.executePythonModule relies on it);
    outside Slicer, in tests, this interpreter is used.
    """
    found = shutil.which("PythonSlicer")
    if found:
        return found
    name = "PythonSlicer.exe" if os.name == "nt" else "PythonSlicer"
    home = os.environ.get("SLICER_HOME", "")
    candidate = Path(home, "bin", name)
    if home and candidate.is_file():
        return str(candidate)
    return sys.executable


def makeClient():
    """Return a client of a worker that has not been started yet, or of the server that is set.

    Raises:
        InputError: when the server's settings cannot be used.
    """
    from LSMSSegmentationLib import ServerSettings

    if ServerSettings.address():
        return ServerSettings.clientOf(
            ServerSettings.address(), ServerSettings.token(), ServerSettings.certificate()
        )
    return makeLocalClient()


def makeLocalClient():
    """Return a client of a worker on this computer, whatever the settings say of a server."""
    from lsms_core.worker.client import WorkerClient
    from LSMSSegmentationLib.Install.InstallSettings import workerEnvironment

    return WorkerClient([pythonExecutable()], environment=workerEnvironment())


def makeTimer(callback):
    """Return a QTimer, or None where no application runs (slicer-core, PythonSlicer)."""
    import slicer

    if not hasattr(slicer, "app"):
        return None
    import qt

    from lsms_core.session.run_controller import POLL_MILLISECONDS

    timer = qt.QTimer()
    timer.interval = POLL_MILLISECONDS
    timer.connect("timeout()", callback)
    return timer
