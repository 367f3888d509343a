"""``python -m lsms_core`` is the ``lsms`` command."""

from lsms_core.cli import main

main()
