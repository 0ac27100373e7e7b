# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A collection's tarball with the same content, and the same bytes whoever packs it, where, when and with which Python.

    python3 repack.py SOURCE TARGET SECONDS

`ansible-galaxy` writes members in the folder's order and the time of the build into gzip's header and the members'.
Here FILES.json is sorted and its sum in MANIFEST.json made anew; members are in its order, all of one time, owned by
root, in the USTAR form. It runs on any Python that the collection supports, since `./run build` compares all that are
there.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
import typing as t
from pathlib import Path

MANIFEST, FILES = "MANIFEST.json", "FILES.json"


def repack(source: Path, target: Path, seconds: int) -> None:
    """Write the collection in `source` to `target`, with `seconds` since 1970 as the time of all.

    Raises ValueError for a member that is neither file nor folder, such as a link.
    """
    with (
        tarfile.open(source) as archive,
        open(target, "wb") as raw,
        gzip.GzipFile("", "wb", 9, t.cast("t.IO[bytes]", raw), mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as out,
    ):
        members = {member.name: member for member in archive.getmembers()}
        files, manifest = (json.loads(_content(archive, members[name])) for name in (FILES, MANIFEST))
        files["files"].sort(key=lambda entry: (entry["name"] != ".", entry["name"]))
        listing = _as_json(files)
        manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listing).hexdigest()
        out.addfile(*_file(MANIFEST, _as_json(manifest), 0o644, seconds))
        out.addfile(*_file(FILES, listing, 0o644, seconds))
        for entry in files["files"]:
            if entry["name"] != ".":
                out.addfile(*_member(archive, members[entry["name"]], seconds))


def sha256_inside(tarball: Path) -> str:
    """The sum of the tar inside, which stays the same where another zlib packs it otherwise."""
    with gzip.open(tarball) as unpacked:
        return hashlib.sha256(unpacked.read()).hexdigest()


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, seconds: int) -> tuple[tarfile.TarInfo, io.BytesIO]:
    if member.isdir():
        folder, content = _file(member.name, b"", 0o755, seconds)
        folder.type = tarfile.DIRTYPE
        return folder, content
    if not member.isreg():
        raise ValueError(f"{member.name} is neither file nor folder")
    return _file(member.name, _content(archive, member), 0o755 if member.mode & 0o100 else 0o644, seconds)


def _file(name: str, content: bytes, mode: int, seconds: int) -> tuple[tarfile.TarInfo, io.BytesIO]:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(content), mode, seconds
    return info, io.BytesIO(content)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is no file")
    return file.read()


def _as_json(content: t.Any) -> bytes:
    return json.dumps(content, indent=1).encode()


if __name__ == "__main__":
    repack(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
