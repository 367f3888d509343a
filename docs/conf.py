"""Sphinx: the documentation as a site, by `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lsms_core import __version__

project = "LSMS Segmentation"
author = "LSMS Segmentation contributors"
release = __version__
html_theme = "furo"
html_title = f"LSMS Segmentation {release}"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
# What the API reference shows is imported without the networks' libraries.
autodoc_mock_imports = ["torch", "transformers"]
napoleon_google_docstring = True
napoleon_use_ivar = True
