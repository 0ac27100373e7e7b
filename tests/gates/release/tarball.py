# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a built collection holds: all that Ansible loads, documentation and licence; no tests, tools or leftovers."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import tarfile
import typing as t
from pathlib import Path, PurePosixPath

from tests.gates.places import known_files, shipped_files

# Of these folders all that git knows must be there, whatever `build_ignore` says, and also what is no YAML.
WHOLE = ("extensions", "meta", "playbooks", "plugins", "roles")
PAPERS = {
    "CHANGELOG.md",
    "CHANGELOG.rst",
    "LICENSES/GPL-3.0-or-later.txt",
    "README.md",
    "REUSE.toml",
    "SECURITY.md",
    "changelogs/changelog.yaml",
    "changelogs/config.yaml",
}
MADE = {"FILES.json", "MANIFEST.json"}
_LEFTOVERS = re.compile(r"(^|/)(\.|__pycache__|test_|conftest|tests?/)|\.(pyc|pyo|orig|rej|tar\.gz|log|cache)$")
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
# Ansible's tests of data are called so, and no tests of ours.
_NO_LEFTOVER = "plugins/test/"


class Member(t.NamedTuple):
    """A file of the tarball, with what its head says: the mode, and whether it is of root and of the tarball's time."""

    content: bytes
    mode: int
    plain: bool


def faults(tarball: Path, seconds: int) -> list[str]:
    """What is in the tarball and should not be, and the reverse; `seconds` is the time that all of it must have."""
    members = read(tarball, seconds)
    print(f"{tarball.name}: {len(members)} files, {tarball.stat().st_size / 1024:.0f} KiB", flush=True)
    whole = {str(name) for name in known_files() if name.parts[0] in WHOLE}
    guides = {str(name) for name in shipped_files() if name.parts[0] == "docs"}
    return judged(members, whole | guides | PAPERS | MADE)


def read(tarball: Path, seconds: int) -> dict[str, Member]:
    """The files of the tarball by name."""
    with tarfile.open(tarball) as archive:
        return {
            member.name: Member(_content(archive, member), member.mode, _is_plain(member, seconds))
            for member in archive.getmembers()
            if not member.isdir()
        }


def judged(members: t.Mapping[str, Member], wanted: set[str]) -> list[str]:
    """The faults of `members`, which should be those of `wanted` and no others."""
    findings = [f"unexpected: {name}" for name in sorted(members.keys() - wanted)]
    findings += [f"missing: {name}" for name in sorted(wanted - members.keys())]
    leftovers = (name for name in sorted(members) if _LEFTOVERS.search(name.removeprefix(_NO_LEFTOVER)))
    findings += [f"leftover: {name}" for name in leftovers]
    findings += [f"not root's, or of another time: {name}" for name in sorted(members) if not members[name].plain]
    findings += [
        f"mode {member.mode:o}: {name}" for name, member in sorted(members.items()) if member.mode not in {0o644, 0o755}
    ]
    return findings + _sums(members) + _links(members)


def _links(members: t.Mapping[str, Member]) -> list[str]:
    """Links of pages to what is not in the tarball: Galaxy shows them, and nobody has what they lead to."""
    there = {*members, *(str(folder) for name in members for folder in PurePosixPath(name).parents)}
    pages = [(name, member.content.decode()) for name, member in members.items() if name.endswith(".md")]
    return [
        f"{name} links to {link}, which does not ship"
        for name, text in pages
        for link in _LINK.findall(text)
        if posixpath.normpath(posixpath.join(posixpath.dirname(name), link)) not in there
    ]


def _sums(members: t.Mapping[str, Member]) -> list[str]:
    """Files whose sum in FILES.json is another, and FILES.json itself by MANIFEST.json."""
    if not members.keys() >= MADE:
        return []
    manifest = json.loads(members["MANIFEST.json"].content)["file_manifest_file"]
    listed = {entry["name"]: entry for entry in json.loads(members["FILES.json"].content)["files"]}
    sums = {name: entry["chksum_sha256"] for name, entry in listed.items() if entry["ftype"] == "file"}
    sums[manifest["name"]] = manifest["chksum_sha256"]
    there = {name: hashlib.sha256(member.content).hexdigest() for name, member in members.items()}
    del there["MANIFEST.json"]
    return [f"listed otherwise than it is: {name}" for name in sorted({n for n, _sum in sums.items() ^ there.items()})]


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member) if member.isreg() else None
    return file.read() if file else b""


def _is_plain(member: tarfile.TarInfo, seconds: int) -> bool:
    owner = (member.uid, member.gid, member.uname, member.gname)
    return member.isreg() and owner == (0, 0, "", "") and member.mtime == seconds and not member.pax_headers
