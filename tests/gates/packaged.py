# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collections of others that tests need. From PyPI they come with all others, in the package `ansible`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from .places import CACHE


def packaged(collection: str, package: str) -> str:
    """A collections path with nothing but `collection`, of a release of `ansible`, which is downloaded once."""
    folder = CACHE / f"{collection}-of-{package}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        inside = f"ansible_collections/{collection.replace('.', '/')}/"
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
            subprocess.run([*pip, "download", "--no-deps", "--dest", temporary, package], check=True)
            made = Path(temporary, "made")
            with zipfile.ZipFile(next(Path(temporary).glob("*.whl"))) as wheel:
                wheel.extractall(made, [name for name in wheel.namelist() if name.startswith(inside)])
            try:
                made.rename(folder)
            except OSError:
                if not folder.exists():  # else another session was quicker
                    raise
    return str(folder)
