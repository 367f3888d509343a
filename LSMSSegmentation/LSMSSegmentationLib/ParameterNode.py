"""Every choice of the panel, saved with the scene."""

import enum
from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTableNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import Minimum, WithinRange, parameterNodeWrapper

# Names, not labels, are saved with the scene: labels may be translated or reworded.


class Where(enum.Enum):
    """Which slices are searched."""

    CurrentSlice = "current"
    SliceNumber = "number"
    SliceRange = "range"
    WholeVolume = "volume"

    def label(self):
        return {
            Where.CurrentSlice: _("Slice shown in a view"),
            Where.SliceNumber: _("Slice number"),
            Where.SliceRange: _("Range of slices"),
            Where.WholeVolume: _("Whole volume"),
        }[self]


class View(enum.Enum):
    """The slice view whose slice is searched; the value is its layout name."""

    Red = "Red"
    Green = "Green"
    Yellow = "Yellow"

    def label(self):
        return {View.Red: _("Red"), View.Green: _("Green"), View.Yellow: _("Yellow")}[self]


class Plane(enum.Enum):
    """The plane of slices chosen by number; the value is lsms_core's name."""

    Axial = "axial"
    Coronal = "coronal"
    Sagittal = "sagittal"

    def label(self):
        return {
            Plane.Axial: _("Axial"),
            Plane.Coronal: _("Coronal"),
            Plane.Sagittal: _("Sagittal"),
        }[self]


class Policy(enum.Enum):
    """What happens to an earlier segment of the same prompt; the value is lsms_core's name."""

    New = "new"
    Update = "update"
    Overwrite = "overwrite"

    def label(self):
        return {
            Policy.New: _("Keep it and add another"),
            Policy.Update: _("Update it in the slices searched"),
            Policy.Overwrite: _("Replace it"),
        }[self]


class Overlap(enum.Enum):
    """What happens where another segment is already; the value is lsms_core's name."""

    Allow = "allow"
    MaskOthers = "mask-others"

    def label(self):
        return {
            Overlap.Allow: _("Segments may overlap"),
            Overlap.MaskOthers: _("Leave other segments out"),
        }[self]


class Device(enum.Enum):
    """Where the model runs; the value is lsms_core's name."""

    Auto = "auto"
    CPU = "cpu"
    CUDA = "cuda"

    def label(self):
        return {
            Device.Auto: _("Automatic"),
            Device.CPU: _("Processor (CPU)"),
            Device.CUDA: _("NVIDIA GPU (CUDA)"),
        }[self]


DEFAULT_MODEL = "lsms-tiny"


@parameterNodeWrapper
class LSMSSegmentationParameterNode:
    """The panel's choices.

    lesionsFrom: a segmentation whose lesions are asked about; none for the network's.
    earlierSegmentation, earlierVolume: the earlier study of a follow-up.
    followUpTable: what became of each lesion since.
    model: name of an installed model, or a model's folder.
    engine: name of the engine; empty for the one that the model names.
    minimumArea: mm2 that a finding's largest cross-section must reach.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    findingsTable: vtkMRMLTableNode
    lesionsFrom: vtkMRMLSegmentationNode
    earlierSegmentation: vtkMRMLSegmentationNode
    earlierVolume: vtkMRMLScalarVolumeNode
    followUpTable: vtkMRMLTableNode
    prompt: str = ""
    where: Where = Where.CurrentSlice
    view: View = View.Red
    plane: Plane = Plane.Axial
    sliceNumber: Annotated[int, Minimum(0)] = 0
    firstSlice: Annotated[int, Minimum(0)] = 0
    lastSlice: Annotated[int, Minimum(0)] = 0
    splitLesions: bool = False
    policy: Policy = Policy.Update
    overlap: Overlap = Overlap.Allow
    threshold: Annotated[float, WithinRange(0.01, 0.99)] = 0.5
    keepLargest: bool = False
    minimumArea: Annotated[float, WithinRange(0.0, 1000.0)] = 20.0
    device: Device = Device.Auto
    model: str = DEFAULT_MODEL
    engine: str = ""
