"""Text-prompted lesion segmentation on CT.

The package root stays free of heavy imports: 3D Slicer's own process imports
``lsms_core.mrml`` and ``lsms_core.worker`` and must never load torch.
"""

__version__ = "0.1.0"
