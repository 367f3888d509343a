"""Choices about installation that belong to this computer, not to the scene."""

from lsms_core.models.installed import user_models_folder

_MODELS_FOLDER = "LSMSSegmentation/modelsFolder"
_CPU_ONLY = "LSMSSegmentation/cpuOnly"


def _settings():
    import qt

    return qt.QSettings()


def modelsFolder():
    """Return the folder that holds the user's models."""
    return str(_settings().value(_MODELS_FOLDER) or user_models_folder())


def setModelsFolder(folder):
    """Keep models in ``folder`` from now on; an empty text means the usual folder."""
    _settings().setValue(_MODELS_FOLDER, str(folder or ""))


def cpuOnly():
    """Return whether torch is installed without its GPU libraries."""
    # QSettings gives back text from an ini file and a bool from a running session.
    return str(_settings().value(_CPU_ONLY)).lower() == "true"


def setCpuOnly(value):
    _settings().setValue(_CPU_ONLY, "true" if value else "false")


def workerEnvironment():
    """Return what the worker's environment needs to find the user's models."""
    return {"LSMS_MODELS": modelsFolder()}
