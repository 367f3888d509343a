"""Which segmentation and which CT of the scene belong together."""

from lsms_core.session.segment_writer import isInScene


def ctOf(segmentationNode):
    """Return the CT that a segmentation was made on, None where it does not say."""
    if not isInScene(segmentationNode):
        return None
    role = segmentationNode.GetReferenceImageGeometryReferenceRole()
    return segmentationNode.GetNodeReference(role)


def segmentationFor(volumeNode, segmentationNode):
    """Return where the findings of a CT go that has just been chosen.

    Findings of two studies in one segmentation cannot be told apart afterwards, nor compared.

    Args:
        volumeNode: the CT; may be None.
        segmentationNode: chosen so far; may be None.

    Returns:
        The same one, unless it was made on another CT; then the last one that was made on this CT,
        or None for a new one.
    """
    other = ctOf(segmentationNode)
    if volumeNode is None or other is None or other.GetID() == volumeNode.GetID():
        return segmentationNode
    own = None
    scene = volumeNode.GetScene()
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLSegmentationNode")
        ct = ctOf(node)
        if ct is not None and ct.GetID() == volumeNode.GetID():
            own = node
    return own
