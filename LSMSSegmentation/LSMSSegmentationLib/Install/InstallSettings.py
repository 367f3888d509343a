"""Choices about installation that belong to this computer, not to the scene."""

from lsms_core.models.installed import user_models_folder

_MODELS_FOLDER = "LSMSSegmentation/modelsFolder"
_WITH_TORCH = "LSMSSegmentation/withTorch"


def _settings():
    import qt

    return qt.QSettings()


def modelsFolder():
    """Return the folder that holds the user's models."""
    return str(_settings().value(_MODELS_FOLDER) or user_models_folder())


def setModelsFolder(folder):
    """Keep models in ``folder`` from now on; an empty text means the usual folder."""
    _settings().setValue(_MODELS_FOLDER, str(folder or ""))


def withTorch():
    """Return whether PyTorch is installed, too."""
    # QSettings gives back text from an ini file and a bool from a running session.
    return str(_settings().value(_WITH_TORCH)).lower() == "true"


def setWithTorch(value):
    _settings().setValue(_WITH_TORCH, "true" if value else "false")


def workerEnvironment():
    """Return what the worker's environment needs to find the user's models."""
    return {"LSMS_MODELS": modelsFolder()}
