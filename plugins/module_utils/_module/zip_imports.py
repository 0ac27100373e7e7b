# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports from the zip that Ansible sends, with each file compiled once.

Python's own importer compiles a file of a zip twice: once to run it, and once before to tell its name
(zipimport.zipimporter.get_filename, Python 3.8 to 3.14). There is no bytecode in the zip, so that on a host this was
a quarter of what a task took.
"""

from __future__ import annotations

import sys
import zipimport


class ZipImporter(zipimport.zipimporter):
    """Tells a file's name without compiling it. For a zip of sources only."""

    def get_filename(self, fullname: str) -> str:
        """The path of a module's file, or of a package's own. Raises ZipImportError when it is not there."""
        tail = "/__init__.py" if self.is_package(fullname) else ".py"
        return f"{self.archive}/{self.prefix}{fullname.rpartition('.')[2]}{tail}"


def compile_once(loader: object = __loader__) -> None:
    """Let what is imported from now on be compiled once, where this file itself came in a zip by this loader."""
    if not isinstance(loader, zipimport.zipimporter) or isinstance(loader, ZipImporter):
        return
    archive = loader.archive

    def importer(path: str) -> ZipImporter:
        if not path.startswith(archive):
            raise ImportError(f"{path} is not in {archive}")
        return ZipImporter(path)

    sys.path_hooks.insert(0, importer)
    for path in [path for path in sys.path_importer_cache if path.startswith(archive)]:
        del sys.path_importer_cache[path]
