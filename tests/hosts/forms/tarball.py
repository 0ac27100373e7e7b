# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tarballs of a tree of sysfs, as hwloc's tests have them."""

from __future__ import annotations

import io
import os
import tarfile
import typing as t
from pathlib import Path, PurePosixPath

_MAGIC_PLACE, _MAGIC = 257, b"ustar"
_LARGEST = 1 << 24


def is_one(data: bytes) -> bool:
    return data[_MAGIC_PLACE : _MAGIC_PLACE + len(_MAGIC)] == _MAGIC


def lay_out(data: bytes, root: Path) -> None:
    """Unpack the folders, files and links that stay below `root`; devices, owners and modes are of no use."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            parts = [part for part in PurePosixPath(member.name).parts if part not in ("/", ".")]
            if not parts or ".." in parts:
                continue
            place = root.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                place.mkdir(exist_ok=True)
            elif member.issym() and stays_below(member.linkname, len(parts)):
                place.symlink_to(member.linkname)
            elif member.isfile() or member.islnk():
                file = t.cast(t.IO[bytes], archive.extractfile(member))
                place.write_bytes(file.read(_LARGEST))


def stays_below(target: str, depth: int) -> bool:
    """Whether a link in a folder so many levels below the root leads to what is below the root too."""
    return not os.path.isabs(target) and PurePosixPath(target).parts.count("..") < depth
