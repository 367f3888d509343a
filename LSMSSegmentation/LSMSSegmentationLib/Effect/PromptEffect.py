"""The prompt box inside Segment Editor. Slicer makes one object of this class for each editor."""

from pathlib import Path
from types import SimpleNamespace

import qt
import slicer
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect
from slicer.i18n import tr as _

from lsms_core.session.run_texts import progressText
from LSMSSegmentationLib.Effect.EffectRun import MODES, EffectRun
from LSMSSegmentationLib.Effect.EffectTexts import modeText, outcomeText, whereText
from LSMSSegmentationLib.Panel.StatusLine import StatusLine

# As saved in the effect's parameters: a view's layout name, or this.
WHOLE_VOLUME = "Volume"
WHERES = ("Red", "Green", "Yellow", WHOLE_VOLUME)


def sourcePath():
    """Return the file that Slicer is given for the effect."""
    return Path(__file__).parents[1] / "SegmentEditorEffect.py"


class PromptEffect(AbstractScriptedSegmentEditorEffect):
    """Outlines what a text names in the selected segment."""

    def __init__(self, scriptedEffect):
        scriptedEffect.name = "LSMS"  # not translated: effects are found by name
        scriptedEffect.title = _("Text prompt")
        scriptedEffect.perSegment = True
        scriptedEffect.requireSegments = True
        scriptedEffect.showEffectCursorInSliceView = False  # it is not used in the views
        AbstractScriptedSegmentEditorEffect.__init__(self, scriptedEffect)
        self.run = None
        self.promptLine = None
        self._connections = []
        self._showing = False

    def clone(self):
        import qSlicerSegmentationsEditorEffectsPythonQt as effects

        clonedEffect = effects.qSlicerSegmentEditorScriptedEffect(None)
        clonedEffect.setPythonSource(sourcePath().as_posix())
        return clonedEffect

    def icon(self):
        path = Path(__file__).parents[2] / "Resources" / "Icons" / "LSMSSegmentEditorEffect.png"
        return qt.QIcon(str(path)) if path.exists() else qt.QIcon()

    def helpText(self):
        return "<html>" + _(
            "Outline what a text names in the selected segment.<p>"
            "Type what to find, such as <i>left lobe hypodense lesion</i>, choose where, and "
            "press Enter. Masking, overwriting of other segments and Undo work as for any other "
            "effect; locked and completed segments are left alone.<p>"
            "<b>Research use only, not a medical device.</b>"
        )

    def setupOptionsFrame(self):
        from LSMSSegmentationLib.Panel.PromptLine import PromptLine

        self._makePrompt()
        self._makeReading()
        self.whereComboBox = self._makeComboBox(
            _("Where:"), WHERES, whereText, _("Which slices are searched."), "Where"
        )
        self.modeComboBox = self._makeComboBox(
            _("Result:"), MODES, modeText, _("What happens to the selected segment."), "Mode"
        )
        self.runButton = qt.QPushButton(_("Run"))
        self.runButton.objectName = self.__class__.__name__ + "Run"
        self._connect(self.runButton, "clicked()", self.onRunOrCancel)
        self.scriptedEffect.addOptionsWidget(self.runButton)
        self.progressBar = qt.QProgressBar()
        self.scriptedEffect.addOptionsWidget(self.progressBar)
        self.statusLabel = qt.QLabel()
        self.statusLabel.wordWrap = True
        self.statusLabel.textFormat = qt.Qt.PlainText
        self.scriptedEffect.addOptionsWidget(self.statusLabel)
        self.status = StatusLine(self.statusLabel)
        self.promptLine = PromptLine(self.promptWidgets, self.onRun, self.status.show)
        self._escape = qt.QShortcut(qt.QKeySequence(qt.Qt.Key_Escape), self.promptFrame)
        self._escape.context = qt.Qt.WidgetWithChildrenShortcut
        self._connect(self._escape, "activated()", self.onCancel)
        self._showBusy()

    def _makePrompt(self):
        self.promptFrame = qt.QWidget()
        row = qt.QHBoxLayout(self.promptFrame)
        row.setContentsMargins(0, 0, 0, 0)
        edit, star, menu = qt.QLineEdit(), qt.QToolButton(), qt.QToolButton()
        edit.placeholderText = _("for example: left lobe hypodense lesion")
        edit.accessibleName = _("Prompt: what to outline")
        star.accessibleName = _("Keep this prompt among the favourites")
        menu.accessibleName = _("Favourites and earlier prompts")
        edit.toolTip = _(
            "What to outline. Enter runs, Esc cancels, Up and Down walk through earlier prompts."
        )
        star.checkable = True
        star.toolTip = _("Keep this prompt among the favourites")
        menu.text = "▾"
        menu.popupMode = qt.QToolButton.InstantPopup
        menu.toolTip = _("Favourites and earlier prompts")
        row.addWidget(edit, 1)
        row.addWidget(star)
        row.addWidget(menu)
        self.promptWidgets = SimpleNamespace(
            promptLineEdit=edit, favouriteButton=star, historyButton=menu
        )
        self.scriptedEffect.addLabeledOptionsWidget(_("Find:"), self.promptFrame)
        self._connect(edit, "textChanged(QString)", lambda _text: self.updateMRMLFromGUI())

    def _makeReading(self):
        from LSMSSegmentationLib.Panel.ReadingLabel import ReadingLabel

        self.readingLabel = qt.QLabel()
        self.readingLabel.wordWrap = True
        self.readingLabel.textFormat = qt.Qt.RichText
        self.scriptedEffect.addOptionsWidget(self.readingLabel)
        self.reading = ReadingLabel(self.readingLabel)
        edit = self.promptWidgets.promptLineEdit
        self._connect(edit, "textChanged(QString)", self.reading.show)

    def _connect(self, widget, signal, callback):
        widget.connect(signal, callback)
        self._connections.append((widget, signal, callback))

    def _makeComboBox(self, label, values, toText, toolTip, parameter):
        comboBox = qt.QComboBox()
        comboBox.objectName = self.__class__.__name__ + parameter
        comboBox.toolTip = toolTip
        for value in values:
            comboBox.addItem(toText(value), value)
        self._connect(comboBox, "currentIndexChanged(int)", lambda _index: self.updateMRMLFromGUI())
        self.scriptedEffect.addLabeledOptionsWidget(label, comboBox)
        return comboBox

    # Parameters, which Segment Editor saves with the scene

    def setMRMLDefaults(self):
        self.scriptedEffect.setParameterDefault("Prompt", "")
        self.scriptedEffect.setParameterDefault("Where", WHERES[0])
        self.scriptedEffect.setParameterDefault("Mode", MODES[0])

    def _parameter(self, name):
        """Return a parameter, "" where there is none: Slicer drops empty ones, and then says so."""
        defined = self.scriptedEffect.parameterDefined(name)
        return self.scriptedEffect.parameter(name) if defined else ""

    def updateGUIFromMRML(self):
        values = {name: self._parameter(name) for name in ("Prompt", "Where", "Mode")}
        self._showing = True
        edit = self.promptWidgets.promptLineEdit
        if edit.text != values["Prompt"]:  # setting it moves the text cursor
            edit.text = values["Prompt"]
        for comboBox, name in ((self.whereComboBox, "Where"), (self.modeComboBox, "Mode")):
            comboBox.currentIndex = max(0, comboBox.findData(values[name]))
        self._showing = False
        self._showBusy()  # closing the scene ends a run without a word

    def updateMRMLFromGUI(self):
        if self._showing:
            return
        self.scriptedEffect.setParameter("Prompt", self.promptWidgets.promptLineEdit.text)
        for comboBox, name in ((self.whereComboBox, "Where"), (self.modeComboBox, "Mode")):
            self.scriptedEffect.setParameter(name, comboBox.itemData(comboBox.currentIndex))

    # Life

    def activate(self):
        if self.promptLine is not None:
            self.promptLine.refresh()
            self._showBusy()

    def deactivate(self):
        # A result that arrives while another effect is in use would surprise.
        self.onCancel()

    def cleanup(self):
        self.onCancel()
        # Qt's connections would keep the effect alive.
        for widget, signal, callback in self._connections:
            widget.disconnect(signal, callback)
        self._connections = []

    # Runs

    @property
    def busy(self):
        return self.run is not None and self.run.busy

    def onRunOrCancel(self):
        if self.busy:
            self.onCancel()
        else:
            self.onRun()

    def onCancel(self):
        if self.busy:
            self.run.cancel()

    def onRun(self):
        """Start what the options say; problems are shown, nothing is raised."""
        from lsms_core.errors import CancelledError, LsmsError

        # Asks before a hidden segment is changed.
        if self.busy or not self.scriptedEffect.confirmCurrentSegmentVisible():
            return
        try:
            self._start()
        except CancelledError as error:
            self.status.show("info", str(error))
        except LsmsError as error:
            self.status.show("error", str(error))
        else:
            self.promptLine.remember(self.promptLine.text.strip())
            if self.busy:  # else the slices were searched before, and it has ended
                self.runProgressed(0, 0, None)
        self._showBusy()

    def _start(self):
        from lsms_core.session.run_request import splitPrompts
        from LSMSSegmentationLib.Install import InstallSettings
        from LSMSSegmentationLib.Install.Installer import ensurePackages

        text = self.promptLine.text
        splitPrompts(text)  # a wrong text is said before anything is installed
        plane, slices = self._where()
        logic = slicer.util.getModuleLogic("LSMSSegmentation")
        parameters = logic.getParameterNode()
        ensurePackages(InstallSettings.withTorch())
        session = logic.session
        self.run = EffectRun(self.scriptedEffect, session.controller, session.answering, self)
        self.run.start(
            text,
            plane,
            slices,
            {
                "weights": str(Path(parameters.model).expanduser()),
                "engine": parameters.engine or None,
                "device": parameters.device.value,
            },
            self._parameter("Mode") or MODES[0],
        )

    def _where(self):
        """Return the plane and the slices that the options name.

        Raises:
            InputError: when there is no such slice.
        """
        from lsms_core.errors import InputError
        from lsms_core.mrml.views import view_slice

        where = self._parameter("Where") or WHERES[0]
        if where == WHOLE_VOLUME:
            return "axial", None
        node = slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceNode{where}")
        if node is None:
            raise InputError(_("There is no {view} view.").format(view=where))
        shown = view_slice(node, self.scriptedEffect.parameterSetNode().GetSourceVolumeNode())
        if not shown.inside:
            raise InputError(
                _("The {view} view shows a place outside the volume: scroll into it.").format(
                    view=where
                )
            )
        if shown.oblique:
            raise InputError(
                _(
                    "The {view} view is tilted against the slices of the volume: rotate it to the "
                    "volume plane, or search the whole volume."
                ).format(view=where)
            )
        return shown.axis, (shown.index,)

    # What the run tells

    def runProgressed(self, done, total, secondsLeft):
        # Maximum 0 shows a bar that only says "busy".
        self.progressBar.maximum = total
        self.progressBar.value = done
        stage = "slices" if total else "model"
        self.status.show("info", progressText(stage, done, total, secondsLeft))

    def runEnded(self, outcome):
        self.status.show(*outcomeText(outcome))
        self._showBusy()

    def _showBusy(self):
        busy = self.busy
        self.runButton.text = _("Cancel") if busy else _("Run")
        self.progressBar.visible = busy
        self.promptLine.setEnabled(not busy)
