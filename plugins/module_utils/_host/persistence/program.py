# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that is left on a host: one zip of our own sources, with the bytecode of the Python that made it."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import os
import typing as t
import zipfile

from ..._model.persistence.paths import PROGRAM
from .contents import FILES

_PACKAGE = "kvm_hostdev"
_MAIN = b"""\
import sys

from kvm_hostdev._host.restore.main import main

sys.exit(main(sys.argv[1:]))
"""
_MARK = b"kvm.hostdev"
_DIGITS = hashlib.sha256().digest_size * 2
_COMMENT = len(_MARK) + 2 * (1 + _DIGITS)
# Bytecode that is taken as it is, whatever the source's time or content (PEP 552).
_UNCHECKED = (1).to_bytes(4, "little")

Read = t.Callable[[str], bytes]
"""The source of a file by its path below module_utils."""


def digest(read: Read) -> str:
    """What tells a program from another: its sources, their names, and which Python has its bytecode."""
    told = hashlib.sha256(importlib.util.MAGIC_NUMBER + _MAIN)
    for path in FILES:
        source = read(path)
        told.update(b"%s %d\n" % (path.encode(), len(source)))
        told.update(source)
    return told.hexdigest()


def build(read: Read) -> bytes:
    """The zip, in which each source has its bytecode beside it.

    Python prefers that, and compiles the source where it was replaced by another version since (zipimport). Bytecode is
    not compressed: so the program starts in two thirds of the time. Sources, which are hardly ever read, are.
    """
    parts = {"__main__": _MAIN, **{f"{_PACKAGE}/{path[:-3]}": read(path) for path in FILES}}
    parts.update(dict.fromkeys((f"{_PACKAGE}/{folder}__init__" for folder in _folders()), b""))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, source in sorted(parts.items()):
            opened.writestr(_entry(f"{name}.py"), source, zipfile.ZIP_DEFLATED)
            opened.writestr(_entry(f"{name}.pyc"), _bytecode(source, f"{PROGRAM}/{name}.py"))
        opened.comment = b" " * _COMMENT
    whole = archive.getvalue()[:-_COMMENT]
    return whole + _comment(digest(read), whole)


def digest_in(data: bytes) -> str | None:
    """The digest that a program was made with; None of what is no program, or is not whole."""
    whole, comment = data[:-_COMMENT], data[-_COMMENT:]
    made_with = comment[len(_MARK) + 1 :][:_DIGITS].decode("latin-1")
    return made_with if comment == _comment(made_with, whole) else None


def _comment(made_with: str, whole: bytes) -> bytes:
    return b" ".join((_MARK, made_with.encode(), hashlib.sha256(whole).hexdigest().encode()))


def _folders() -> set[str]:
    """All packages, by their paths with a slash at the end: each needs its own file."""
    folders = {""}
    for path in FILES:
        folder = os.path.dirname(path)
        while folder:
            folders.add(f"{folder}/")
            folder = os.path.dirname(folder)
    return folders


def _bytecode(source: bytes, path: str) -> bytes:
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(source) + marshal.dumps(code)


def _entry(name: str) -> zipfile.ZipInfo:
    """With the first time that a zip knows, which it has by default, and the mode of a file that all may read."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o100644 << 16
    return entry
