"""The settings of one run, fixed when Run is pressed; later changes in the panel have no effect."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """The settings of one run.

    Attributes:
        volumeNode: the CT.
        segmentationNode: where findings go; None for a new one with the first finding.
        prompts: one text or more.
        plane: "axial", "coronal" or "sagittal", or an array axis of the volume.
        slices: rising indices along it, without gaps; None for the whole volume.
        model: ``weights``, ``engine`` and ``device`` as WorkerClient takes them.
        policy: "new", "update" or "overwrite".
        overlap: "allow" or "mask-others".
        splitLesions: one segment a lesion.
        keepLargest: keep the largest piece only.
        minimumArea: mm2; None for the model's own.
        threshold: None for the model's own.
        lesionsFrom: a segmentation whose lesions are asked about; None for the network's.
        report: the :class:`AskedReport` whose sentences the prompts are; None for typed prompts.
    """

    volumeNode: object
    segmentationNode: object
    prompts: tuple
    plane: object = "axial"
    slices: tuple = None
    model: dict = field(default_factory=dict)
    policy: str = "update"
    overlap: str = "allow"
    splitLesions: bool = False
    keepLargest: bool = False
    minimumArea: float = None
    threshold: float = None
    lesionsFrom: object = None
    report: object = None


def splitPrompts(text):
    """Return the prompts of a line, which semicolons separate.

    Raises:
        InputError: for a line without words.
    """
    from lsms_core.inference.texts import clean_text, clean_texts

    parts = [part for part in str(text or "").split(";") if part.strip()]
    prompts = clean_texts(parts) if parts else [clean_text(text)]
    return tuple(dict.fromkeys(prompts))


def checkRange(first, last, count):
    """Return the indices first..last, in rising order.

    Raises:
        InputError: when they are not all in the volume.
    """
    from lsms_core.errors import InputError

    low, high = sorted((int(first), int(last)))
    if low < 0 or high >= count:
        raise InputError(
            f"Slice {high if high >= count else low} is outside the volume: use 0 to {count - 1}."
        )
    return tuple(range(low, high + 1))


def slicesOf(volumeNode, plane, slices):
    """Return the indices of a script's slices: one index, (first, last), or None for all.

    Raises:
        InputError: when they are not all in the volume.
    """
    from lsms_core.anatomy.geometry import SlicePlane
    from lsms_core.mrml.volume_nodes import read_ct

    if slices is None:
        return None
    ct = read_ct(volumeNode)
    first, last = (slices, slices) if isinstance(slices, int) else (slices[0], slices[-1])
    return checkRange(first, last, SlicePlane.of(ct, plane).count(ct.shape))
