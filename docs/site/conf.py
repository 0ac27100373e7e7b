# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Sphinx makes the site. `./run docs` puts this beside the pages' sources, and `ansible.inv` with it."""

from __future__ import annotations

import re
import typing as t

from sphinx.writers.html5 import HTML5Translator

if t.TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

project = "kvm.hostdev"
author = "kvm.hostdev contributors"
copyright = "2026, kvm.hostdev contributors"  # noqa: A001 - the name is Sphinx's

extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/projects/ansible/devel/", "ansible.inv")}

# What is written in single backticks, and every reference, must lead somewhere.
default_role = "any"
nitpicky = True

highlight_language = "none"
pygments_style = "default"
pygments_dark_style = "github-dark"

antsibull_ext_color_scheme = "none"  # site.css has the colours

html_theme = "furo"
html_title = "kvm.hostdev"
html_baseurl = "https://kvm-hostdev.github.io/kvm.hostdev/"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["extra"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False
smartquotes = False  # they would change the dashes and quotes of what is typed
html_theme_options = {
    "source_repository": "",
    "top_of_page_buttons": [],
    "footer_icons": [
        {"name": "Repository", "url": "https://github.com/kvm-hostdev/kvm.hostdev", "html": "Repository", "class": ""}
    ],
}


class Translator(HTML5Translator):
    """Lets a path go on in the next line, behind a slash."""

    def visit_Text(self, node: nodes.Text) -> None:  # noqa: N802 - the name is docutils'
        begin = len(self.body)
        super().visit_Text(node)
        if self.protect_literal_text:
            self.body[begin:] = [_wrapped(part) for part in self.body[begin:]]


def _wrapped(part: str) -> str:
    text = re.sub(r"(?<=[^<])/(?=[\w{$])", "/<wbr>", part)
    return text if text == part else text.replace('class="pre"', 'class="pre path"')


def setup(app: Sphinx) -> None:
    app.set_translator("html", Translator)
