# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture: one page without any outside resource, that shows all hosts and draws each when it is looked at.

What is on hosts is text that anybody may have chosen, a domain's name for example. It comes as JSON, in which no `<`
is left, and the page's script writes it with `textContent` only. The browser runs and applies nothing but the one
script and the one style sheet whose hashes the page names.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import string
import typing as t
from pathlib import Path

from .picture.encode import encode

_FOLDER = Path(__file__).resolve().parent / "picture" / "assets"
_SCRIPTS = ("data", "elements", "query", "fleet", "tree", "distance", "drift", "drawing", "details", "start")
_STYLES = ("page", "fleet", "drift", "drawing")


def page(hosts: t.Mapping[str, t.Any], *, generated: str) -> str:
    """The page as a text of ASCII characters.

    `hosts` are the values of `ansible_facts.hostdev` by host name, None for a host without facts, which is shown as
    such. `generated` says when the page was made, as it shall be shown.
    """
    data = json.dumps(encode(hosts, generated), ensure_ascii=True, separators=(",", ":"))
    return _frame().substitute(data=data.replace("<", r"\u003c"))


@functools.cache
def _frame() -> string.Template:
    """The page, with `$data` where the data belongs."""
    script = "\n" + "\n".join(_read(f"{name}.js") for name in _SCRIPTS)
    style = "\n" + "\n".join(_read(f"{name}.css") for name in _STYLES)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )
    frame = string.Template(_read("page.html"))
    return string.Template(frame.substitute(policy=policy, style=_kept(style), script=_kept(script), data="$data"))


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="ascii")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _kept(text: str) -> str:
    """A text that stands as it is in a template, whatever dollars are in it."""
    return text.replace("$", "$$")
