"""The former place of :mod:`lsms_core.anatomy.terminology`, for scripts written for 0.9."""

from lsms_core.anatomy.terminology import Terminology, laterality_of, terminology_of

__all__ = ["Terminology", "laterality_of", "terminology_of"]
