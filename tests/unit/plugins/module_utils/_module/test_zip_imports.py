# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import sys
import traceback
import zipfile
import zipimport

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._module.zip_imports import ZipImporter, compile_once

SAMPLE = "sample_utils.wing.room"
FILES = {
    "sample_utils/__init__.py": "",
    "sample_utils/wing/__init__.py": "WING = 1\n",
    "sample_utils/wing/room.py": "from . import WING\n\n\ndef fall():\n    return WING / 0  # a line of the zip\n",
}


@pytest.fixture
def archive(folder, monkeypatch):
    """A zip on the path, of which one file was imported before."""
    path = folder / "sent.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name, text in FILES.items():
            opened.writestr(name, text)
    monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
    monkeypatch.setattr(sys, "path_importer_cache", dict(sys.path_importer_cache))
    monkeypatch.setattr(sys, "path", [str(path), *sys.path])
    compile_once(importlib.import_module("sample_utils").__loader__)
    yield path
    for name in [name for name in sys.modules if name.startswith("sample_utils")]:
        del sys.modules[name]


def test_each_file_is_compiled_once(archive, monkeypatch):
    compiled = []
    monkeypatch.setattr(
        zipimport, "_compile_source", lambda path, source: compiled.append(path) or compile(source, path, "exec")
    )
    importlib.import_module(SAMPLE)
    assert compiled == [f"{archive}/sample_utils/wing/__init__.py", f"{archive}/sample_utils/wing/room.py"]


def test_modules_are_as_python_makes_them(archive):
    room = importlib.import_module(SAMPLE)
    wing = sys.modules["sample_utils.wing"]
    assert isinstance(room.__loader__, ZipImporter)
    assert (room.__file__, room.__package__) == (f"{archive}/sample_utils/wing/room.py", "sample_utils.wing")
    assert (wing.__file__, list(wing.__path__)) == (
        f"{archive}/sample_utils/wing/__init__.py",
        [f"{archive}/sample_utils/wing"],
    )
    with pytest.raises(ZeroDivisionError) as caught:
        room.fall()
    assert "return WING / 0  # a line of the zip" in "".join(traceback.format_tb(caught.tb))


def test_what_is_not_there_is_not_found(archive):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("sample_utils.attic")


def test_other_zips_and_folders_are_left_to_python(archive, folder):
    with zipfile.ZipFile(folder / "other.zip", "w") as opened:
        opened.writestr("other_utils.py", "")
    for path in (folder / "other.zip", folder):
        with pytest.raises(ImportError):
            sys.path_hooks[0](str(path))


def test_without_a_zip_nothing_is_set_up(monkeypatch):
    monkeypatch.setattr(sys, "path_hooks", [])
    compile_once()
    assert sys.path_hooks == []
