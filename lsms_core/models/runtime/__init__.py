"""A network on disk, run in one of two ways: by ONNX Runtime or by torch.

Nothing here imports either of them before a network is opened.
"""

from lsms_core.models.runtime.choose import open_runtime
from lsms_core.models.runtime.interface import Part, Runtime

__all__ = ["Part", "Runtime", "open_runtime"]
