# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding recordings in files and folders, by what is in them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import typing as t
from pathlib import Path

from .forms import udevadm

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory

    from .recording import Recording

_TEXTS = (udevadm,)
_PACKED = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}


def recorded(path: str | Path) -> Inventory:
    """The host that was recorded in a file or folder. Raises ValueError where there is no recording, or several."""
    found = list(recordings(Path(path)))
    if len(found) != 1:
        raise ValueError(f"{path} holds {len(found)} recordings of a host; wanted one")
    return found[0].inventory


def recordings(path: Path) -> t.Iterator[Recording]:
    """The recordings in a file, or in all files below a folder, in the order of their paths."""
    if path.is_dir():
        for below in sorted(path.iterdir()):
            yield from recordings(below)
        return
    text = _text(path.read_bytes())
    for form in _TEXTS:
        if form.is_one(text):
            yield form.read(path.name, text)
            return


def _text(data: bytes) -> str:
    """What a file says, unpacked, with plain line ends."""
    for magic, unpacked in _PACKED.items():
        if data.startswith(magic):
            data = unpacked(data)
    return data.decode("utf-8", "replace").replace("\r\n", "\n")
