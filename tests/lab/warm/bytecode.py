# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs at the start of every Python on the lab host: what is imported from zip archives is compiled once, and kept.

Python keeps the bytecode of files, but not of what lies in an archive, which is how Ansible sends a module. Only
what the interpreter has loaded anyway is used here. tests/awx/registering does the same with its many tasks.
"""

from __future__ import annotations

import _imp
import marshal
import os
import sys
import zipimport

TYPE_CHECKING = False  # typing's own would have typing loaded
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

_FOLDER = os.environ.get("KVM_HOSTDEV_BYTECODE", "/var/lib/kvm-hostdev-lab/bytecode")
_compile: Any = zipimport._compile_source  # type: ignore[attr-defined]


def _compiled_once(path: str, source: bytes) -> CodeType:
    kept = f"{_FOLDER}/{sys.hexversion:x}-{len(source)}-{_imp.source_hash(0, source).hex()}"
    try:
        with open(kept, "rb") as file:
            code: CodeType = marshal.loads(file.read())
        _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]
        return code
    except (OSError, EOFError, ValueError, TypeError):  # not there, or cut short when the host was reset
        pass
    code = _compile(path, source)
    try:
        os.makedirs(_FOLDER, exist_ok=True)
        part = f"{kept}.{os.getpid()}"
        with open(part, "wb") as file:
            file.write(marshal.dumps(code))
        os.rename(part, kept)
    except OSError:  # not root
        pass
    return code


zipimport._compile_source = _compiled_once  # type: ignore[attr-defined]
