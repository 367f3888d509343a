"""The ``lsms`` command. Each subcommand lives in a module of its own, loaded when called."""

from lsms_core.cli.main import main

__all__ = ["main"]
