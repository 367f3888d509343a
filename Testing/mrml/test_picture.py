"""What the radiologist sees: Slicer's own slice view, rendered off screen, segment on CT."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from lsms_core.mrml.segment_terminology import segment_colour
from lsms_core.mrml.segment_writing import SegmentMeta, write_mask
from lsms_core.mrml.transforms import ijk_to_world
from lsms_core.mrml.views import rotate_to_volume_plane

SIZE = 200
PROBE = """
import vtk
window = vtk.vtkRenderWindow()
window.SetOffScreenRendering(1)
window.AddRenderer(vtk.vtkRenderer())
window.Render()
"""


@pytest.fixture(scope="session")
def rendering():
    """Skips where nothing can be rendered; tried in another process, as VTK may crash."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("no off-screen rendering here: install Mesa's libegl1 and libgl1")


class SliceView:
    """A slice view of one volume, as the application builds it."""

    def __init__(self, world, volume, centre):
        self.application = slicer.vtkMRMLApplicationLogic()
        self.application.SetMRMLScene(world.scene)
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(world.scene)
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLScene(world.scene)
        self.logic.SetMRMLApplicationLogic(self.application)
        self.node = self.logic.AddSliceNode("Red")
        logics = vtk.vtkCollection()
        logics.AddItem(self.logic)
        self.application.SetSliceLogics(logics)
        self.node.SetDimensions(SIZE, SIZE, 1)
        self.node.SetFieldOfView(40.0, 40.0, 1.0)
        for axis in range(3):
            self.node.GetSliceToRAS().SetElement(axis, 3, centre[axis])
        self.node.UpdateMatrices()
        rotate_to_volume_plane(self.node, volume)
        self.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(SIZE, SIZE)
        renderer = vtk.vtkRenderer()
        self.window.AddRenderer(renderer)
        # Without an interactor the displayable managers crash.
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(self.application)
        manager = "vtkMRMLSegmentationsDisplayableManager2D"
        if not factory.IsDisplayableManagerRegistered(manager):
            factory.RegisterDisplayableManager(manager)
        self.group = factory.InstantiateDisplayableManagers(renderer)
        self.group.SetMRMLDisplayableNode(self.node)

    def segments(self):
        """(rows, columns, 3) picture of the segments alone."""
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.Update()
        scalars = grab.GetOutput().GetPointData().GetScalars()
        return vtk_to_numpy(scalars).reshape(SIZE, SIZE, -1)[..., :3].astype(int)

    def ct(self):
        """(rows, columns) grey values of the CT alone."""
        self.logic.UpdatePipeline()
        producer = self.logic.GetImageDataConnection().GetProducer()
        producer.Update()
        scalars = producer.GetOutputDataObject(0).GetPointData().GetScalars()
        return vtk_to_numpy(scalars).reshape(SIZE, SIZE, -1)[..., 0].astype(int)

    def close(self):
        self.group.SetMRMLDisplayableNode(None)
        self.window.Finalize()


@pytest.mark.parametrize(
    ("acquisition", "parent"),
    [("axial", "none"), ("oblique", "chained"), ("coronal", "mirrored"), ("axial", "warped")],
)
def test_the_segment_is_seen_on_its_lesion(world, rendering, acquisition, parent):
    array = np.where(world.lesion(), 200, -100).astype(np.int16)
    volume = world.volume(world.acquisitions[acquisition], array, world.parent(parent))
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    grey = world.add("vtkMRMLColorTableNode")
    grey.SetTypeToGrey()
    display.SetAndObserveColorNodeID(grey.GetID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(300, 50)
    display.SetInterpolate(False)
    view = SliceView(world, volume, ijk_to_world(volume, (12, 8, 5))[0])
    lesion = view.ct() > 200
    assert lesion.sum() > 400
    assert not view.segments().any()

    segmentation = world.segmentation()
    write_mask(segmentation, volume, world.lesion(), SegmentMeta("left lobe lesion"))
    picture = view.segments()
    view.close()
    seen = picture.max(axis=-1) > 20
    # The outline is drawn on the lesion's edge and so reaches half a pixel beyond it.
    assert 2 * (seen & lesion).sum() / (seen.sum() + lesion.sum()) > 0.95
    colour = np.array(segment_colour("left lobe lesion")) * 255
    outline = picture[picture.max(axis=-1) > 240]
    assert len(outline)
    assert np.abs(outline - colour).max() <= 2
