"""Former import paths, kept for scripts; new code imports ``lsms_core.anatomy``."""
