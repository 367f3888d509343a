"""The file that Slicer is given for its Segment Editor effect.

Slicer looks for the class under the file's name, in the package that the file's folder names.
"""

from LSMSSegmentationLib.Effect.PromptEffect import PromptEffect


class SegmentEditorEffect(PromptEffect):
    """The text prompt, under the name that Slicer looks for."""
