"""Loads the model before the first prompt, for users who have agreed to it."""

import logging
import time
from pathlib import Path

from slicer.i18n import tr as _

logger = logging.getLogger(__name__)

_AGREED = "LSMSSegmentation/loadModelOnOpening"
# A shorter wait is not worth a question.
_LONG_SECONDS = 3.0


def agreed():
    """Return True or False, None for a reader who was not asked yet."""
    import qt

    return {"true": True, "false": False}.get(str(qt.QSettings().value(_AGREED)).lower())


def setAgreed(value):
    import qt

    qt.QSettings().setValue(_AGREED, "true" if value else "false")


class WarmUp:
    """Asks once, after a first prompt had to wait for its model; then loads it beforehand.

    Args:
        ui: the panel's widgets.
        controller: the session's RunController.
        onChanged: called when the worker was started.
    """

    def __init__(self, ui, controller, onChanged):
        self._ui, self._controller, self._onChanged = ui, controller, onChanged
        self._began = self._waited = None
        self._tried = None
        ui.warmUpFrame.visible = False
        ui.warmUpCheckBox.checked = agreed() is True
        ui.warmUpCheckBox.connect("toggled(bool)", self._onToggled)
        ui.warmUpYesButton.connect("clicked()", lambda: self._answer(True))
        ui.warmUpNoButton.connect("clicked()", lambda: self._answer(False))

    def consider(self, parameters):
        """Load the model when the reader agreed, a CT is chosen and all packages are there."""
        from lsms_core.errors import LsmsError

        if parameters is None or parameters.inputVolume is None or not agreed():
            return
        model = (parameters.model, parameters.engine, parameters.device)
        if self._tried == model or self._controller.workerRunning or self._controller.busy:
            return
        self._tried = model  # once a model: one that cannot be loaded is told by Run
        try:
            if packagesAreThere():
                self._controller.warmUp(
                    {
                        "weights": str(Path(parameters.model).expanduser()),
                        "engine": parameters.engine or None,
                        "device": parameters.device.value,
                    }
                )
        except LsmsError as error:
            logger.warning("the model was not loaded beforehand: %s", error)
        self._onChanged()

    def started(self):
        """A run begins; note whether it has to wait for its model."""
        self._began, self._waited = time.monotonic(), None

    def progressed(self, stage):
        if stage not in ("", "model") and self._began is not None and self._waited is None:
            self._waited = time.monotonic() - self._began

    def ended(self):
        """A run has ended well: ask, if it had to wait and the reader was never asked."""
        waited, self._began = self._waited or 0.0, None
        if agreed() is None and waited >= _LONG_SECONDS:
            self._ui.warmUpLabel.text = _(
                "Loading the model took {seconds:.0f} s. Load it in the background when this "
                "module opens?"
            ).format(seconds=waited)
            self._ui.warmUpFrame.visible = True

    def _answer(self, yes):
        setAgreed(yes)
        self._ui.warmUpFrame.visible = False
        self._ui.warmUpCheckBox.checked = yes

    def _onToggled(self, checked):
        setAgreed(checked)
        self._ui.warmUpFrame.visible = False


def packagesAreThere():
    """Whether a run would have nothing to install; asks nobody and installs nothing."""
    from LSMSSegmentationLib import ServerSettings
    from LSMSSegmentationLib.Install.InstallBackend import SlicerBackend
    from LSMSSegmentationLib.Install.Installer import Installer

    if ServerSettings.address():
        return True
    return Installer(SlicerBackend(), lambda _plan: False).plan().empty
