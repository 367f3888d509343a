"""What other modules show of this one: sample data, and the Segment Editor effect."""

import logging
import os

logger = logging.getLogger(__name__)


def registerEverything():
    """Register each on its own: one that fails must not take the others along."""
    for register in (_sampleData, _editorEffect):
        try:
            register()
        except (ImportError, AttributeError, RuntimeError):
            logger.exception("LSMS Segmentation: %s could not be registered", register.__name__)


def _sampleData():
    from LSMSSegmentationLib.SampleCT import registerSampleData

    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    registerSampleData(os.path.join(folder, "Resources", "Icons"))


def _editorEffect():
    from LSMSSegmentationLib.SegmentEditorEffectRegistration import registerSegmentEditorEffect

    registerSegmentEditorEffect()
