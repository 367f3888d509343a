"""The choice between this computer and a server for the engine."""

import qt
from slicer.i18n import tr as _

from LSMSSegmentationLib import ServerSettings
from LSMSSegmentationLib.Panel.WrappedLabel import WrappedLabel

POLL_MILLISECONDS = 50


class ServerPanel:
    """Builds its widgets itself; show ``widget`` in a layout.

    Args:
        model: returns what the next run would ask for.
        onChanged: called when another engine is to be asked from now on.
        makeClient: returns a client for (address, token, certificate); tests give a stand-in.
    """

    def __init__(self, model, onChanged, makeClient=ServerSettings.clientOf):
        self._model, self._onChanged, self._makeClient = model, onChanged, makeClient
        self._client = None
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.addressEdit = _edit(
            layout,
            _("Engine's server, https://… (empty: this computer)"),
            _("The address of a computer that runs lsms serve; CT images are sent there."),
            ServerSettings.address(),
        )
        self.tokenEdit = _edit(
            layout,
            _("The server's token"),
            _("Who runs the server gives it to you. It is kept in this computer's settings."),
            ServerSettings.token(),
        )
        self.tokenEdit.echoMode = qt.QLineEdit.Password
        self.certificateEdit = _edit(
            layout,
            _("Certificate file (empty: one that this computer trusts)"),
            _("The PEM file of the certificate that signed the server's."),
            ServerSettings.certificate(),
        )
        self.useButton = qt.QPushButton(_("Use this server"))
        self.useButton.toolTip = _("Ask the server whether it answers, and use it from now on.")
        self.useButton.connect("clicked()", self.use)
        layout.addWidget(self.useButton)
        self.statusLabel = qt.QLabel()
        self.statusLabel.wordWrap = True
        self.statusLabel.textFormat = qt.Qt.PlainText
        self.statusLabel.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Minimum)
        self._status = WrappedLabel(self.statusLabel)
        layout.addWidget(self.statusLabel)
        self._timer = qt.QTimer(self.widget)
        self._timer.interval = POLL_MILLISECONDS
        self._timer.connect("timeout()", self.poll)
        self.addressEdit.connect("textChanged(QString)", lambda _text: self._update())
        self._update()

    def use(self):
        """Ask the engine that is written there from now on, once it has answered."""
        from lsms_core.errors import LsmsError

        self._drop()
        if not self.addressEdit.text.strip():
            ServerSettings.setServer("")
            self._show(_("This computer runs the engine."))
            self._onChanged()
            return
        try:
            self._client = self._makeClient(*self._written())
            self._client.load(self._model())
        except LsmsError as error:
            self._drop()
            self._show(str(error))
            return
        self._show(_("Asking the server…"))
        self._timer.start()

    def poll(self):
        """Take what the server has answered."""
        if self._client is None:
            return
        for event in self._client.poll():
            if event.kind == "progress":
                continue
            self._drop()
            if event.kind == "loaded":
                ServerSettings.setServer(*self._written())
                self._show(_("The server answered; it runs the engine from now on."))
                self._onChanged()
            else:
                self._show(str(event.fields.get("message", "")))
            return

    def cleanup(self):
        self._drop()

    def _written(self):
        edits = (self.addressEdit, self.tokenEdit, self.certificateEdit)
        return tuple(edit.text.strip() for edit in edits)

    def _drop(self):
        self._timer.stop()
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _show(self, text):
        self._status.setText(text)

    def _update(self):
        written = bool(self.addressEdit.text.strip())
        self.tokenEdit.visible = self.certificateEdit.visible = written
        self.useButton.text = _("Use this server") if written else _("Use this computer")
        self.useButton.visible = written or bool(ServerSettings.address())


def _edit(layout, placeholder, toolTip, text):
    edit = qt.QLineEdit()
    edit.placeholderText = placeholder
    edit.toolTip = toolTip
    edit.text = text
    layout.addWidget(edit)
    return edit
