"""Makes a request of the panel's choices and a typed prompt, or the report on the clipboard."""

from dataclasses import replace

import slicer
from slicer.i18n import tr as _

from lsms_core.session.run_request import Request, splitPrompts
from LSMSSegmentationLib.ParameterNode import Policy


def typedRequest(parameters, choice, model):
    """Return the request for the prompts that were typed.

    Args:
        parameters: the panel's parameter node.
        choice: the Choice of slices.
        model: ``weights``, ``engine`` and ``device``.

    Raises:
        InputError: for a text without words, or slices that cannot be searched.
    """
    from lsms_core.errors import InputError

    prompts = splitPrompts(parameters.prompt)
    if choice.problem:
        raise InputError(choice.problem)
    return _request(parameters, prompts, model, plane=choice.plane, slices=choice.slices)


def reportRequest(parameters, model):
    """Return the request for the sentences of the report on the clipboard, in the whole volume.

    The text is read on this computer and kept nowhere; its sentences become names of segments.

    Raises:
        InputError: without a CT, and for a text that names no focal lesion of the liver.
    """
    from lsms_core.mrml.volume_nodes import read_ct
    from lsms_core.session.asked_report import readReport

    volumeNode = parameters.inputVolume
    slices = read_ct(volumeNode).shape[0]
    report = readReport(slicer.app.clipboard().text(), _sliceFiles(volumeNode), slices)
    request = _request(parameters, report.prompts, model, report=report)
    # Sentences that say the same are of two lesions: no segment replaces the other.
    return replace(request, policy=Policy.New.value) if report.repeats else request


def _sliceFiles(volumeNode):
    """Return the CT's DICOM files; None without any, empty where they don't fit its slices."""
    from lsms_core.errors import LsmsError
    from LSMSSegmentationLib.Panel.Reports import sliceFiles

    if not volumeNode.GetAttribute("DICOM.instanceUIDs"):
        return None
    try:
        return sliceFiles(volumeNode)
    except LsmsError:
        return []


def _request(parameters, prompts, model, **where):
    from lsms_core.errors import InputError

    if not parameters.model:
        raise InputError(_("Choose the model's folder under Options."))
    return Request(
        volumeNode=parameters.inputVolume,
        segmentationNode=parameters.segmentation,
        prompts=prompts,
        model=model,
        policy=parameters.policy.value,
        overlap=parameters.overlap.value,
        splitLesions=parameters.splitLesions,
        keepLargest=parameters.keepLargest,
        minimumArea=parameters.minimumArea,
        lesionsFrom=parameters.lesionsFrom,
        **where,
    )
