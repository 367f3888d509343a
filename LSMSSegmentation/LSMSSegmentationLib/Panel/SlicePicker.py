"""The choice of the slices to search: a view's slice, a number, a range, the whole volume."""

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from lsms_core.session.slice_choice import Choice, rangeChoice, viewChoice, wholeChoice
from LSMSSegmentationLib.ParameterNode import Plane, View, Where


def sliceNode(view):
    """Return the slice node of the Red, Green or Yellow view, None where there is none."""
    return slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceNode{view.value}")


class SlicePicker(VTKObservationMixin):
    """Shows the choice, and keeps it up to date while a view is scrolled."""

    def __init__(self, ui, onChanged, onProblem):
        VTKObservationMixin.__init__(self)
        self._ui = ui
        self._onChanged = onChanged
        self._onProblem = onProblem
        self._parameters = None
        ui.rotateButton.connect("clicked()", self._onRotate)
        ui.fromViewButton.connect("clicked()", self._onFromView)

    def setParameterNode(self, parameterNode):
        self._parameters = parameterNode
        self.removeObservers()
        if parameterNode is None:
            return
        for view in View:
            node = sliceNode(view)
            if node is not None:
                self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onViewModified)

    def choice(self):
        """Return what Run will search now."""
        from lsms_core.errors import LsmsError

        parameters = self._parameters
        if parameters is None or parameters.inputVolume is None:
            return Choice(problem=_("Select a CT volume."))
        try:
            if parameters.where is Where.CurrentSlice:
                return self._viewChoice(parameters.inputVolume, parameters.view)
            return self._numberedChoice(parameters)
        except LsmsError as error:
            return Choice(problem=str(error))

    def _viewChoice(self, volumeNode, view):
        node = sliceNode(view)
        if node is None:
            return Choice(problem=_("There is no {view} view.").format(view=view.label()))
        return viewChoice(volumeNode, node, view.label())

    def _numberedChoice(self, parameters):
        first, last = parameters.firstSlice, parameters.lastSlice
        if parameters.where is Where.WholeVolume:
            return wholeChoice(parameters.inputVolume, parameters.plane.value)
        if parameters.where is Where.SliceNumber:
            first = last = parameters.sliceNumber
        return rangeChoice(parameters.inputVolume, parameters.plane.value, first, last)

    def update(self):
        """Show what belongs to the kind of choice, and what it means now."""
        parameters, ui = self._parameters, self._ui
        if parameters is None:
            return
        where = parameters.where
        ui.viewComboBox.visible = where is Where.CurrentSlice
        ui.planeComboBox.visible = where is not Where.CurrentSlice
        one, several = where is Where.SliceNumber, where is Where.SliceRange
        ui.slicesTitleLabel.text = _("Slice:") if one else _("Slices:")
        ui.sliceSpinBox.visible = one
        for widget in (ui.firstSliceSpinBox, ui.toLabel, ui.lastSliceSpinBox):
            widget.visible = several
        for widget in (ui.slicesTitleLabel, ui.fromViewButton):
            widget.visible = one or several
        self._fitSpinBoxes()
        choice = self.choice()
        ui.whereLabel.text = choice.problem or choice.text
        ui.obliqueFrame.visible = choice.oblique
        if choice.oblique:
            ui.obliqueLabel.text = _(
                "The {view} view is tilted against the slices of the volume, which are searched "
                "as they are."
            ).format(view=parameters.view.label())

    def _fitSpinBoxes(self):
        """Let the numbers end where the volume does."""
        from lsms_core.anatomy.geometry import SlicePlane
        from lsms_core.errors import LsmsError
        from lsms_core.mrml.volume_nodes import read_ct

        parameters, ui = self._parameters, self._ui
        try:
            ct = read_ct(parameters.inputVolume)
        except LsmsError:
            return
        last = SlicePlane.of(ct, parameters.plane.value).count(ct.shape) - 1
        if parameters.where is Where.SliceRange and parameters.lastSlice == 0:
            parameters.lastSlice = last
        for box, value in (
            (ui.sliceSpinBox, parameters.sliceNumber),
            (ui.firstSliceSpinBox, parameters.firstSlice),
            (ui.lastSliceSpinBox, parameters.lastSlice),
        ):
            if box.maximum != last:
                box.maximum = last
            if box.value != min(value, last):
                box.value = min(value, last)

    def _onViewModified(self, _caller, _event):
        if self._parameters is not None and self._parameters.where is Where.CurrentSlice:
            self._onChanged()

    def _onRotate(self):
        from lsms_core.errors import LsmsError
        from lsms_core.mrml.views import rotate_to_volume_plane

        try:
            rotate_to_volume_plane(sliceNode(self._parameters.view), self._parameters.inputVolume)
        except LsmsError as error:
            self._onProblem(str(error))
        self._onChanged()

    def _onFromView(self):
        """Take the number of the slice that the view of the chosen plane shows."""
        from lsms_core.errors import LsmsError
        from lsms_core.mrml.views import view_slice

        parameters = self._parameters
        for view in View:
            node = sliceNode(view)
            try:
                shown = view_slice(node, parameters.inputVolume) if node is not None else None
            except LsmsError:
                return
            if shown is None or Plane(shown.plane) is not parameters.plane:
                continue
            if parameters.where is Where.SliceNumber:
                parameters.sliceNumber = shown.index
            else:
                # The nearer end moves, so that two presses at two places give a range.
                first, last = parameters.firstSlice, parameters.lastSlice
                if abs(shown.index - first) <= abs(shown.index - last):
                    parameters.firstSlice = shown.index
                else:
                    parameters.lastSlice = shown.index
            return
