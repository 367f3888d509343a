"""Registers the sample data and the Segment Editor effect with other modules."""

import logging
from pathlib import Path

logger = logging.getLogger(__name__)


_registered = set()


def registerEverything():
    """Register what is not registered yet, each on its own: one that fails hinders no other."""
    for register in (_sampleData, _editorEffect):
        if register not in _registered:
            _attempt(register)


def _attempt(register):
    try:
        register()
        _registered.add(register)
    except (ImportError, AttributeError, RuntimeError):
        logger.exception("LSMS Segmentation: %s could not be registered", register.__name__)


def _sampleData():
    from LSMSSegmentationLib.SampleCT import registerSampleData

    registerSampleData(Path(__file__).resolve().parents[1] / "Resources" / "Icons")


def _editorEffect():
    from LSMSSegmentationLib.Effect.Registration import registerSegmentEditorEffect

    registerSegmentEditorEffect()
