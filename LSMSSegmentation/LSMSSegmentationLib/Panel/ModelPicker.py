"""The choice of model and engine."""

from pathlib import Path

import ctk
from slicer.i18n import tr as _


def installedModels():
    """Return the names of the models that are found by name, sorted."""
    from lsms_core.models.installed import search_path
    from LSMSSegmentationLib.Install.InstallSettings import modelsFolder

    names = set()
    for root in {Path(modelsFolder()), *search_path()}:
        names.update(manifest.parent.name for manifest in root.glob("*/manifest.json"))
    return sorted(names)


def isFolder(model):
    """Whether a model is given by its folder."""
    return Path(model).is_absolute()


class ModelPicker:
    """Drives the widgets of model and engine, whose contents differ between computers.

    The last entry of the models asks for a folder.
    """

    def __init__(self, ui):
        self._ui = ui
        self._parameters = None
        self._filling = False
        ui.modelFolderPathEdit.filters = ctk.ctkPathLineEdit.Dirs
        ui.modelComboBox.connect("currentIndexChanged(int)", self._onModel)
        ui.engineComboBox.connect("currentIndexChanged(int)", self._onEngine)
        ui.modelFolderPathEdit.connect("currentPathChanged(QString)", self._onFolder)

    def setParameterNode(self, parameterNode):
        self._parameters = parameterNode
        self.refresh()

    def refresh(self):
        """List what is installed now."""
        if self._parameters is None:
            return
        from lsms_core.inference.engine import ENGINES

        models = installedModels()
        chosen = self._parameters.model
        if not isFolder(chosen) and chosen not in models:
            models.append(chosen)
        self._filling = True
        self._ui.modelComboBox.clear()
        for model in models:
            self._ui.modelComboBox.addItem(model, model)
        self._ui.modelComboBox.addItem(_("Another folder…"), "")
        self._ui.engineComboBox.clear()
        self._ui.engineComboBox.addItem(_("As the model says"), "")
        for engine in sorted({*ENGINES, *filter(None, [self._parameters.engine])}):
            self._ui.engineComboBox.addItem(engine, engine)
        self._filling = False
        self.update()

    def update(self):
        """Show what the parameter node holds."""
        if self._parameters is None:
            return
        ui, model = self._ui, self._parameters.model
        if not isFolder(model) and model and ui.modelComboBox.findData(model) < 0:
            self.refresh()
            return
        self._filling = True
        folder = isFolder(model) or not model
        last = ui.modelComboBox.count - 1
        ui.modelComboBox.currentIndex = last if folder else ui.modelComboBox.findData(model)
        ui.modelFolderLabel.visible = folder
        ui.modelFolderPathEdit.visible = folder
        if folder and ui.modelFolderPathEdit.currentPath != model:
            ui.modelFolderPathEdit.currentPath = model
        engine = ui.engineComboBox.findData(self._parameters.engine)
        ui.engineComboBox.currentIndex = max(engine, 0)
        self._filling = False

    def _onModel(self, index):
        if self._parameters is not None and not self._filling:
            self._parameters.model = str(self._ui.modelComboBox.itemData(index) or "")

    def _onEngine(self, index):
        if self._parameters is not None and not self._filling:
            self._parameters.engine = str(self._ui.engineComboBox.itemData(index) or "")

    def _onFolder(self, path):
        if self._parameters is not None and not self._filling:
            self._parameters.model = path
