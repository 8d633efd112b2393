"""Settings of the documentation's site: Sphinx with MyST over docs/. `make docs` builds it into build/docs.

Sphinx, because its search works where the pages are opened as files, without a server or a network; because links and
anchors are checked strictly; and because its search can be taught Chinese (site_search.py). The pages stay Markdown
that a code host shows as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import site_pages
import site_search

from splitter import __version__

project = "splitter"
author = "the authors of splitter"
copyright = "the authors of splitter, GPL-2.0-or-later"
release = version = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["site"]

# Headings can be linked to as on code hosts: page.md#some-heading.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

language = "en"
smartquotes = False  # they are typed as they are meant, in both languages
html_theme = "furo"
html_title = f"splitter {version}"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
templates_path: list[str] = []
# The page shall be complete without a network: nothing is loaded from elsewhere.
html_theme_options = {"footer_icons": [], "top_of_page_buttons": []}
pygments_style = "friendly"
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # a sample with "…" in it is coloured less, and that is all


def setup(app: site_pages.Sphinx) -> None:
    """Add what Sphinx has not: our generated parts, and a search that finds Chinese."""
    site_search.setup(app)
    site_pages.setup(app)
