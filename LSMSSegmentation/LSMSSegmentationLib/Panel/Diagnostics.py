"""Text to paste into the Slicer forum: versions and states, no patient data, no prompts."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "onnxruntime",
    "torch",
    "transformers",
    "safetensors",
    "numpy",
    "SimpleITK",
    "vtk",
)


def diagnosticsText(session, parameters):
    """Return what helps to understand a problem.

    Args:
        session: the logic's Session.
        parameters: the parameter node, None for none.
    """
    import slicer

    from lsms_core import __version__
    from LSMSSegmentationLib import ServerSettings
    from LSMSSegmentationLib.WorkerProcess import pythonExecutable

    app = slicer.app
    lines = [
        "LSMS Segmentation diagnostics",
        f"lsms_core: {__version__}",
        f"Slicer: {app.applicationVersion} (revision {app.revision}), {app.os} {app.arch}",
        f"system: {platform.platform()}",
        f"Python: {sys.version.split()[0]}",
        f"worker's Python: {_withoutHome(pythonExecutable())}",
        *(f"{name}: {_installed(name)}" for name in _PACKAGES),
        f"engine: {'of a server' if ServerSettings.address() else 'of this computer'}",
        f"worker running: {session.controller.workerRunning}",
        f"run under way: {session.busy}",
        f"undo possible: {session.history.canUndo}",
    ]
    if parameters is not None:
        model = parameters.model
        lines += [
            f"model: {_withoutHome(model)}, engine: {parameters.engine or 'as the model says'}, "
            f"device: {parameters.device.value}",
            f"where: {parameters.where.value}, same prompt: {parameters.policy.value}, "
            f"overlap: {parameters.overlap.value}, split: {parameters.splitLesions}",
            *_volumeLines(parameters.inputVolume),
        ]
    if session.lastMessage:
        lines.append(f"last message: {_withoutHome(session.lastMessage)}")
    if session.controller.lastWords:
        lines += ["worker's last words:", _withoutHome(session.controller.lastWords.strip())]
    return "\n".join(lines) + "\n"


def _volumeLines(volumeNode):
    image = volumeNode.GetImageData() if volumeNode is not None else None
    if image is None:
        return ["volume: none"]
    size = " x ".join(str(n) for n in image.GetDimensions())
    spacing = " x ".join(f"{s:.3f}" for s in volumeNode.GetSpacing())
    transformed = volumeNode.GetParentTransformNode() is not None
    return [
        f"volume: {size}, {spacing} mm, {image.GetScalarTypeAsString()}, transformed: {transformed}"
    ]


def _installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _withoutHome(text):
    """A path may hold the user's name."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text
