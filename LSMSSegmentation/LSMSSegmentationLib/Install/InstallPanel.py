"""The part of the panel that installs packages and models, also with no network."""

import qt
import slicer
from slicer.i18n import tr as _

from LSMSSegmentationLib.Install import InstallDialogs, InstallSettings
from LSMSSegmentationLib.Install.Installer import Installer

POLL_MILLISECONDS = 100


class InstallPanel:
    """Builds its widgets itself; show ``widget`` in a layout.

    Args:
        onChanged: called after models or packages have changed.
        backend: what installs packages; default: Slicer's own ways.
        dialogs: the questions, InstallDialogs or a stand-in in tests.
        makeDownload: returns a BackgroundDownload for (url, sha256, root).
    """

    def __init__(self, onChanged=None, backend=None, dialogs=InstallDialogs, makeDownload=None):
        if backend is None:
            from LSMSSegmentationLib.Install.InstallBackend import SlicerBackend

            backend = SlicerBackend()
        self._onChanged = onChanged or (lambda: None)
        self._dialogs = dialogs
        self._backend = backend
        self._installer = Installer(backend, dialogs.askConsent)
        self._makeDownload = makeDownload or _startDownload
        self._download = None
        self._models = []
        self.widget = qt.QWidget()
        self._layout = qt.QVBoxLayout(self.widget)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._buildPackages()
        self._buildModels()
        self._buildDownload()
        self.statusLabel = _label()
        self._layout.addWidget(self.statusLabel)
        self._timer = qt.QTimer(self.widget)
        self._timer.interval = POLL_MILLISECONDS
        self._timer.connect("timeout()", self.pollDownload)
        self.refresh()

    # Widgets

    def _buildPackages(self):
        self.packagesLabel = _label()
        self._layout.addWidget(self.packagesLabel)
        self.withTorchCheckBox = qt.QCheckBox(_("PyTorch, too: for an NVIDIA GPU or MedCLIP-SAM"))
        self.withTorchCheckBox.toolTip = _(
            "Up to 3.5 GB, by the PyTorch extension. The usual model needs it on a CPU for nothing."
        )
        self.withTorchCheckBox.checked = InstallSettings.withTorch()
        self.withTorchCheckBox.connect("toggled(bool)", self._setWithTorch)
        self._layout.addWidget(self.withTorchCheckBox)
        self.installButton, self.installFolderButton, self.installZipButton = self._row(
            (_("Install packages"), _("Asks first, then downloads."), self.installPackages),
            (
                _("From folder"),
                _("Install packages from a folder of wheels, with no network."),
                lambda: self._installFrom(self._dialogs.chooseFolder(_("Folder of wheels"))),
            ),
            (
                _("From zip"),
                _("Install packages from a zip of wheels, with no network."),
                lambda: self._installFrom(self._dialogs.chooseZip(_("Zip of wheels"))),
            ),
        )

    def _buildModels(self):
        self.folderLabel = _label()
        self._layout.addWidget(self.folderLabel)
        self.modelsList = qt.QListWidget()
        self.modelsList.maximumHeight = 90
        self.modelsList.connect("currentRowChanged(int)", lambda _row: self._updateButtons())
        self._layout.addWidget(self.modelsList)
        self.addFolderButton, self.addZipButton, self.removeButton = self._row(
            (
                _("Add model folder"),
                _("Copy a model from a folder; it is checked first."),
                lambda: self._addModel(self._dialogs.chooseFolder(_("Folder of a model"))),
            ),
            (
                _("Add model zip"),
                _("Copy a model from a zip; it is checked first."),
                lambda: self._addModel(self._dialogs.chooseZip(_("Zip of a model"))),
            ),
            (_("Remove"), _("Delete the selected model from this computer."), self.removeModel),
        )
        self.changeFolderButton, self.usualFolderButton = self._row(
            (_("Keep models elsewhere"), _("Choose another folder for models."), self.changeFolder),
            (
                _("Usual folder"),
                _("Keep models in your user folder again."),
                lambda: self._setFolder(""),
            ),
        )

    def _buildDownload(self):
        self.urlEdit = qt.QLineEdit()
        self.urlEdit.placeholderText = _("Address of a model's zip, https://...")
        self.sha256Edit = qt.QLineEdit()
        self.sha256Edit.placeholderText = _("Its SHA-256, from the model's page")
        self._layout.addWidget(self.urlEdit)
        self._layout.addWidget(self.sha256Edit)
        (self.downloadButton,) = self._row(
            (
                _("Download model"),
                _("Goes on where it stopped before; the file is checked before it is used."),
                self.startOrCancelDownload,
            )
        )
        self.progressBar = qt.QProgressBar()
        self.progressBar.visible = False
        self._layout.addWidget(self.progressBar)
        for edit in (self.urlEdit, self.sha256Edit):
            edit.connect("textChanged(QString)", lambda _text: self._updateButtons())

    def _row(self, *buttons):
        row = qt.QHBoxLayout()
        made = []
        for text, toolTip, callback in buttons:
            button = qt.QPushButton(text)
            button.toolTip = toolTip
            button.connect("clicked()", callback)
            row.addWidget(button)
            made.append(button)
        self._layout.addLayout(row)
        return made

    # Packages

    def _setWithTorch(self, wanted):
        InstallSettings.setWithTorch(wanted)
        self.packagesLabel.text = self._packagesText()

    def installPackages(self):
        self._attempt(
            lambda: self._installer.ensure(InstallSettings.withTorch()),
            _("The packages are there."),
        )

    def _installFrom(self, source):
        if source:
            self._attempt(
                lambda: self._installer.ensureFrom(source, InstallSettings.withTorch()),
                _("The packages are there."),
            )

    # Models

    def _addModel(self, source):
        if source:
            self._attempt(
                lambda: self._cache().install(source, progress=self._showProgress),
                _("The model was added."),
            )

    def removeModel(self):
        model = self._selectedModel()
        if model is not None and self._dialogs.confirmRemove(model.name):
            self._attempt(lambda: self._cache().remove(model.name), _("The model was removed."))

    def changeFolder(self):
        folder = self._dialogs.chooseFolder(_("Folder for models"))
        if folder:
            self._setFolder(folder)

    def _setFolder(self, folder):
        InstallSettings.setModelsFolder(folder)
        self._show(_("Models that are already elsewhere stay where they are."))
        self.refresh()
        self._onChanged()

    def startOrCancelDownload(self):
        if self._download is not None:
            self._endDownload(_("Cancelled. Download again to go on where it stopped."))
            return
        from lsms_core.errors import LsmsError

        try:
            self._download = self._makeDownload(
                self.urlEdit.text.strip(), self.sha256Edit.text.strip(), str(self._cache().root)
            )
        except LsmsError as error:
            self._show(str(error))
            return
        self._show(_("Downloading..."))
        self._timer.start()
        self._updateButtons()

    def pollDownload(self):
        """Show what the download has reported since the last call."""
        if self._download is None:
            return
        for event in self._download.poll():
            if event.kind == "progress":
                self._showProgress(event.done, event.total)
            elif event.kind == "failed":
                self._endDownload(event.message)
            else:
                self._endDownload(_("The model was added."))
                self._onChanged()

    def _endDownload(self, text):
        self._timer.stop()
        self._download.close()
        self._download = None
        self.progressBar.visible = False
        self._show(text)
        self.refresh()

    # Showing

    def refresh(self):
        """Bring texts and lists up to date."""
        self.packagesLabel.text = self._packagesText()
        cache = self._cache()
        self.folderLabel.text = _("Models (kept in {folder}):").format(folder=cache.root)
        self._models = cache.installed()
        self.modelsList.clear()
        for model in self._models:
            self.modelsList.addItem(_modelText(model))
        self._updateButtons()

    def _packagesText(self):
        missing = [
            package.name for package in self._installer.plan(InstallSettings.withTorch()).packages
        ]
        if missing:
            return _("Missing packages: {names}. Run asks before it installs them.").format(
                names=", ".join(missing)
            )
        names = [("onnxruntime", "ONNX Runtime"), ("torch", "PyTorch")]
        versions = [(shown, self._backend.version(name)) for name, shown in names]
        return _("All packages are installed ({versions}).").format(
            versions=", ".join(f"{name} {version}" for name, version in versions if version)
        )

    def _updateButtons(self):
        model = self._selectedModel()
        self.removeButton.enabled = model is not None and model.removable
        downloading = self._download is not None
        filled = bool(self.urlEdit.text.strip() and self.sha256Edit.text.strip())
        self.downloadButton.enabled = downloading or filled
        self.downloadButton.text = _("Cancel download") if downloading else _("Download model")

    def _selectedModel(self):
        row = self.modelsList.currentRow
        return self._models[row] if 0 <= row < len(self._models) else None

    def _attempt(self, action, success):
        """Run an action with the panel switched off; problems are shown, nothing is raised."""
        from lsms_core.errors import LsmsError

        self.widget.enabled = False
        self._show("")  # what an earlier try said does not stand beside a question
        try:
            action()
        except LsmsError as error:
            self._show(str(error))
        else:
            self._show(success)
            self._onChanged()
        finally:
            self.widget.enabled = True
            self.progressBar.visible = False
        self.refresh()

    def _showProgress(self, done, total):
        # A QProgressBar counts in int; maximum 0 only says "busy".
        self.progressBar.visible = True
        self.progressBar.maximum = total >> 10
        self.progressBar.value = done >> 10
        slicer.app.processEvents()

    def _show(self, text):
        self.statusLabel.text = text

    @staticmethod
    def _cache():
        from lsms_core.models.weights_cache import WeightsCache

        return WeightsCache(InstallSettings.modelsFolder())

    def cleanup(self):
        """End a download; what has arrived is kept."""
        if self._download is not None:
            self._endDownload("")


def _label():
    label = qt.QLabel()
    label.wordWrap = True
    label.textInteractionFlags = qt.Qt.TextSelectableByMouse
    return label


def _modelText(model):
    text = _("{name} {version}, {size} MB").format(
        name=model.name, version=model.version, size=max(1, model.size_bytes >> 20)
    )
    return text if model.removable else _("{text} (came with the extension)").format(text=text)


def _startDownload(url, sha256, root):
    from lsms_core.models.weights_download import BackgroundDownload
    from LSMSSegmentationLib.WorkerProcess import pythonExecutable

    return BackgroundDownload(url, sha256, root, command=[pythonExecutable()])
