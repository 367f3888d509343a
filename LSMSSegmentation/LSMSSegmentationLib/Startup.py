"""What other modules show of this one: sample data, and the Segment Editor effect."""

import logging
from pathlib import Path

logger = logging.getLogger(__name__)


def registerEverything():
    """Register each on its own: one that fails must not take the others along."""
    _attempt(_sampleData)
    _attempt(_editorEffect)


def _attempt(register):
    try:
        register()
    except (ImportError, AttributeError, RuntimeError):
        logger.exception("LSMS Segmentation: %s could not be registered", register.__name__)


def _sampleData():
    from LSMSSegmentationLib.SampleCT import registerSampleData

    registerSampleData(Path(__file__).resolve().parents[1] / "Resources" / "Icons")


def _editorEffect():
    from LSMSSegmentationLib.Effect.Registration import registerSegmentEditorEffect

    registerSegmentEditorEffect()
