# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Sphinx makes the site of: antsibull-docs' pages, with our own first page, settings and example."""

from __future__ import annotations

import importlib
import re
import shutil
import typing as t
import zlib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
SITE = ROOT / "docs/site"
GUIDES = ROOT / "docs/docsite/rst"
_SECTIONS = ROOT / "docs/docsite/extra-docs.yml"
_MARK = ".. guides\n"
_PLUGINS = ".. _plugin_index_for_kvm.hostdev:\n"
_REFERENCE = """\
.. _plugins_in_kvm.hostdev:

Modules, filters, tests, roles
==============================

"""
_CONTENTS = re.compile(r"^\.\. contents::\n(?: +:.*\n)*", re.MULTILINE)
_PLUGIN = re.compile(r"^    (\w+)_(?:module|filter|test|role)$", re.MULTILINE)
_INVENTORY = b"# Sphinx inventory version 2\n# Project: Ansible\n# Version: devel\n"
_COMPRESSED = b"# The remainder of this file is compressed using zlib.\n"


def complete(pages: Path) -> None:
    """Make of what antsibull-docs wrote all that Sphinx needs."""
    of_plugins = (pages / "index.rst").read_text(encoding="utf-8").partition(_PLUGINS)
    reference = _PLUGIN.sub(lambda entry: f"    {entry[1]} <{entry[0].strip()}>", "".join(of_plugins[1:]))
    (pages / "reference.rst").write_text(_REFERENCE + reference, encoding="utf-8")
    for page in pages.rglob("*.rst"):  # the theme shows the contents of a page beside it
        page.write_text(_CONTENTS.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    (pages / "index.rst").write_text(_index(), encoding="utf-8")
    (pages / "environment_variables.rst").unlink()  # there are none
    (pages / "ansible.inv").write_bytes(_inventory())
    shutil.copy2(SITE / "conf.py", pages)
    shutil.copy2(ROOT / "docs/picture.png", pages)
    shutil.copy2(ROOT / "docs/picture.png", pages.parent)  # as the guides see it: ../../picture.png
    (pages / "_static").mkdir()
    shutil.copy2(SITE / "site.css", pages / "_static")
    (pages / "extra").mkdir()
    (pages / "extra" / "example.html").write_text(_example(), encoding="ascii")
    (pages / "extra" / ".nojekyll").touch()


def faults(pages: Path) -> list[str]:
    """Guides without a place in a section, and labels of Ansible's documentation that nothing refers to."""
    listed = {page for section in _sections() for page in section["toctree"]}
    written = {path.stem for path in GUIDES.glob("*.rst")}
    texts = "\n".join(path.read_text(encoding="utf-8") for path in pages.rglob("*.rst"))
    used = set(re.findall(r"<([\w.]+)>`", texts)) | set(re.findall(r":ref:`([\w.]+)`", texts))
    return [
        *(f"{_SECTIONS.name}: no section has {name}" for name in sorted(written - listed)),
        *(f"labels.txt: nothing refers to {label}" for label in sorted(_labels().keys() - used)),
    ]


def _sections() -> list[dict[str, t.Any]]:
    sections: list[dict[str, t.Any]] = yaml.safe_load(_SECTIONS.read_text(encoding="utf-8"))["sections"]
    return sections


def _index() -> str:
    """The first page, with the sections of the guides where it has its mark."""
    before, mark, after = (SITE / "index.rst").read_text(encoding="utf-8").partition(_MARK)
    assert mark, "the mark for the guides is gone from docs/site/index.rst"
    trees = [
        f".. toctree::\n   :caption: {section['title']}\n   :maxdepth: 1\n\n"
        + "".join(f"   docsite/{page}\n" for page in section["toctree"])
        for section in _sections()
    ]
    return before + "\n".join(trees) + after


def _labels() -> dict[str, str]:
    lines = (SITE / "labels.txt").read_text(encoding="utf-8").splitlines()
    entries = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return {label: page for label, _space, page in entries}


def _inventory() -> bytes:
    """Our labels in the form in which Sphinx knows those of another site."""
    lines = "".join(f"{label} std:label -1 {page} -\n" for label, page in _labels().items())
    return _INVENTORY + _COMPRESSED + zlib.compress(lines.encode())


def _example() -> str:
    # By name, since types of the gates are checked without those of the tests.
    page: str = importlib.import_module("ansible_collections.kvm.hostdev.tests.pages.example").example()
    return page
