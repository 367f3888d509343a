"""The segments in the 3D view, with the axial slice for orientation."""

from __future__ import annotations

from typing import Any

from slicer import vtkMRMLSegmentationNode, vtkSegmentationConverter

_SURFACE = vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()

_AZIMUTH, _ELEVATION = 20.0, 35.0  # degrees
_CLOSER = 1.4


class Surfaces:
    """Keeps the 3D view up to date.

    Args:
        editor: trame-slicer's segmentation editor, which otherwise removes the surfaces again.
        view: the 3D view.
    """

    def __init__(self, editor: Any, view: Any) -> None:  # noqa: ANN401 - trame-slicer is untyped
        self._editor, self._view = editor, view
        self._framed: vtkMRMLSegmentationNode | None = None
        self._shown = False

    def show(self, shown: bool, findings: vtkMRMLSegmentationNode | None) -> None:
        """Show or hide the segments."""
        self._shown = shown
        self._editor.show_3d(shown)
        self.update(findings)

    def update(self, findings: vtkMRMLSegmentationNode | None) -> None:
        """Make the surfaces that are missing; the camera turns to a study's first ones once."""
        if findings is None:
            return
        segmentation = findings.GetSegmentation()
        findings.GetDisplayNode().SetVisibility3D(self._shown)
        if not self._shown or not segmentation.GetNumberOfSegments():
            return
        if not segmentation.ContainsRepresentation(_SURFACE):
            segmentation.CreateRepresentation(_SURFACE)
            findings.GetDisplayNode().SetPreferredDisplayRepresentationName3D(_SURFACE)
        if self._framed is not findings and self._view is not None:
            self._framed = findings
            self._view.reset_view()
            self._look_from_above()

    def _look_from_above(self) -> None:
        """Tilt the view, so that the axial slice is more than a line."""
        camera = self._view.renderer().GetActiveCamera()
        camera.Azimuth(_AZIMUTH)
        camera.Elevation(_ELEVATION)
        camera.OrthogonalizeViewUp()
        camera.Dolly(_CLOSER)
        self._view.renderer().ResetCameraClippingRange()
        self._view.schedule_render()
