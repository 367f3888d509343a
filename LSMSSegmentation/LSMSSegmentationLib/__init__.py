"""The module's parts: what Slicer loads by name is in LSMSSegmentation.py."""
