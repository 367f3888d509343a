"""The scene of one study: the CT, the findings, outlines to ask about, and the session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSegmentationNode, vtkSegment

from lsms_core.anatomy.named_outlines import NamedMask
from lsms_core.anatomy.terminology import Code, Terminology
from lsms_core.errors import InputError
from lsms_core.io.segmentations import read_segmentation
from lsms_core.io.volumes import LoadedVolume, read_volume
from lsms_core.mrml.labelmaps import add_segment, labelmap_image, mask_patch
from lsms_core.mrml.volume_nodes import add_volume
from lsms_core.session.run_request import Request, splitPrompts
from lsms_core.session.session import Session
from lsms_core.session.slice_choice import Choice
from lsms_core.viewer.folder_listing import Study

_OUTLINE_COLOURS = ((0.9, 0.7, 0.2), (0.3, 0.7, 0.9), (0.8, 0.4, 0.7), (0.5, 0.8, 0.4))
# Soft fill, clear outline: what is below a lesion stays visible.
_FILL_OPACITY = 0.25


@dataclass
class RunOptions:
    """How the answers of a run are written.

    Attributes:
        policy: "new", "update" or "overwrite" an earlier segment of the same prompt.
        split_lesions: one segment a lesion.
        keep_largest: keep the largest piece only.
        minimum_area: mm2 that a finding's largest cross-section must reach.
    """

    policy: str = "update"
    split_lesions: bool = False
    keep_largest: bool = False
    minimum_area: float = 20.0


class Workspace:
    """One study at a time.

    Args:
        scene: the scene that it lives in.
        model: ``weights``, ``engine`` and ``device``.
        make_client: returns a client of the engine.
        make_timer: polls it; see ``lsms_core.session.run_controller``.
    """

    def __init__(
        self,
        scene: vtkMRMLScene,
        model: Mapping[str, Any],
        make_client: Callable[[], Any],
        make_timer: Callable[[Callable[[], None]], Any] | None = None,
    ) -> None:
        self.scene = scene
        self.model = dict(model)
        self.session = Session(make_client, make_timer)
        self.loaded: LoadedVolume | None = None
        self.volume: vtkMRMLScalarVolumeNode | None = None
        self.findings: vtkMRMLSegmentationNode | None = None
        self.outlines: vtkMRMLSegmentationNode | None = None
        self.study: Study | None = None

    def series_of(self, study: Study) -> list[tuple[str, str]]:
        """Return (choice, title) of each CT series of a DICOM study; none for a file.

        Raises:
            InputError: when no CT image is there.
        """
        if not study.dicom:
            return []
        from lsms_core.io.dicom_scan import scan

        found = scan(study.path).series
        return [(f"#{n}", series.title) for n, series in enumerate(found, 1)]

    def open(self, study: Study, loaded: LoadedVolume) -> None:
        """Show a study that was read, in the place of the one before."""
        self.close()
        self.study, self.loaded = study, loaded
        self.volume = add_volume(self.scene, loaded.volume, study.title)
        self.findings = self._segmentation("findings")

    @staticmethod
    def read(study: Study, series: str | None = None) -> LoadedVolume:
        """Read a study; touches no scene, so it may run in a thread.

        Raises:
            InputError: when there is no usable CT.
        """
        return read_volume(study.path, series)

    def close(self) -> None:
        """Let go of the study; what was not saved is lost."""
        self.session.forget()
        for node in (self.outlines, self.findings, self.volume):
            if node is not None:
                self.scene.RemoveNode(node)
        self.loaded = self.volume = self.findings = self.outlines = self.study = None

    def _segmentation(self, name: str) -> vtkMRMLSegmentationNode:
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.SetSourceRepresentationToBinaryLabelmap()
        node.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetOpacity2DFill(_FILL_OPACITY)
        return node

    def take_outlines(self, path: Path | None) -> list[str]:
        """Ask about the lesions of a file from now on; None for the network's.

        Returns:
            Notes on how it was read.

        Raises:
            InputError: when it cannot be read, or lies elsewhere; nothing is changed then.
        """
        if path is None:
            self._drop_outlines()
            return []
        if self.loaded is None or self.volume is None:
            raise InputError("Open a CT first: outlines belong to one.")
        masks, notes = read_segmentation(path, self.loaded.volume)
        self._drop_outlines()
        node = self._segmentation(path.name)
        for number, one in enumerate(masks):
            image = labelmap_image(mask_patch(self.volume, np.asarray(one.mask, np.bool_)), node)
            if image is not None:
                colour = _OUTLINE_COLOURS[number % len(_OUTLINE_COLOURS)]
                # The name that Slicer gives to a new segment; it has no meaning.
                segment_id = add_segment(node, image, one.name or f"Segment_{one.value}", colour)
                if one.code:
                    segment = node.GetSegmentation().GetSegment(segment_id)
                    segment.SetTag(vtkSegment.GetTerminologyEntryTagName(), _entry(one))
        # Outlines are asked about, findings are looked at.
        node.GetDisplayNode().SetOpacity2DFill(0.0)
        self.outlines = node
        return notes

    def _drop_outlines(self) -> None:
        if self.outlines is not None:
            self.scene.RemoveNode(self.outlines)
            self.outlines = None

    def request(self, text: str, choice: Choice, options: RunOptions) -> Request:
        """Return the request for a text.

        Raises:
            InputError: for a text without words, no CT, or slices that cannot be searched.
        """
        if self.volume is None:
            raise InputError("Open a CT first.")
        prompts = splitPrompts(text)
        if choice.problem:
            raise InputError(choice.problem)
        return Request(
            volumeNode=self.volume,
            segmentationNode=self.findings,
            prompts=prompts,
            plane=choice.plane,
            slices=choice.slices,
            model=self.model,
            policy=options.policy,
            splitLesions=options.split_lesions,
            keepLargest=options.keep_largest,
            minimumArea=options.minimum_area,
            lesionsFrom=self.outlines,
        )


def _entry(outline: NamedMask) -> str:
    """Return Slicer's terminology entry for the codes that a file gave."""
    region = Code(outline.region, outline.region) if outline.region else None
    kind = Code(outline.code, outline.name or outline.code)
    category = Code("49755003", "Morphologically Altered Structure")
    return Terminology(category, kind, region=region).slicer_entry
