"""Former place of :mod:`lsms_core.anatomy.terminology`."""

from lsms_core.anatomy.terminology import Code, Terminology, terminology_of

__all__ = ["Code", "Terminology", "terminology_of"]
