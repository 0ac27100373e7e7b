# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same content is the same bytes, and what a tarball should not be is found."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import typing as t
from pathlib import Path

import pytest

from tests.gates.release import importing, sums, tarball
from tests.gates.release.repack import repack

SECONDS = 1_795_898_830
CONTENT = {"README.md": b"what it is\n", "plugins/action/odd.sh": b"#!/bin/sh\n", "roles/host/README.md": b"a role\n"}
FOLDERS = ("plugins", "plugins/action", "roles", "roles/host")
WANTED = {*CONTENT, *tarball.MADE}


def as_galaxy_packs(path: Path, *, order: int = 1, seconds: int = 1, link: str = "") -> Path:
    """A tarball with members in another order, of other times and owners, as `ansible-galaxy` may write it."""
    names = sorted([*CONTENT, *FOLDERS])[::order]
    entries: list[dict[str, t.Any]] = [{"name": ".", "ftype": "dir", "chksum_sha256": None}]
    for name in names:
        content = CONTENT.get(name)
        ftype, digest = ("dir", None) if content is None else ("file", hashlib.sha256(content).hexdigest())
        entries.append({"name": name, "ftype": ftype, "chksum_sha256": digest})
    listing = json.dumps({"files": entries[::order], "format": 1}).encode()
    manifest = {"file_manifest_file": {"name": "FILES.json", "chksum_sha256": hashlib.sha256(listing).hexdigest()}}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("MANIFEST.json", json.dumps(manifest).encode()), ("FILES.json", listing)):
            _add(archive, name, content, seconds)
        for name in names:
            _add(archive, name, CONTENT.get(name), seconds, link=name == link)
    return path


def _add(archive: tarfile.TarFile, name: str, content: bytes | None, seconds: int, *, link: bool = False) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.uid, member.uname = len(content or b""), seconds, 1000, "somebody"
    member.mode = 0o775 if content is None or name.endswith(".sh") else 0o664
    member.type = tarfile.DIRTYPE if content is None else tarfile.SYMTYPE if link else tarfile.REGTYPE
    archive.addfile(member, io.BytesIO(content or b""))


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    repack(as_galaxy_packs(tmp_path / "built.tar.gz"), tmp_path / "packed.tar.gz", SECONDS)
    return tmp_path / "packed.tar.gz"


def test_order_time_and_owner_of_the_build_leave_no_trace(packed: Path, tmp_path: Path) -> None:
    other = as_galaxy_packs(tmp_path / "other.tar.gz", order=-1, seconds=77)
    repack(other, tmp_path / "again.tar.gz", SECONDS)
    assert (tmp_path / "again.tar.gz").read_bytes() == packed.read_bytes()


def test_the_time_of_the_commit_is_in_it(packed: Path, tmp_path: Path) -> None:
    repack(tmp_path / "built.tar.gz", tmp_path / "later.tar.gz", SECONDS + 1)
    assert (tmp_path / "later.tar.gz").read_bytes() != packed.read_bytes()


def test_what_is_packed_anew_has_no_fault(packed: Path) -> None:
    assert tarball.judged(tarball.read(packed, SECONDS), WANTED) == []


def test_content_and_what_may_be_run_stay_as_they_were(packed: Path) -> None:
    members = tarball.read(packed, SECONDS)
    assert {name: members[name].content for name in CONTENT} == CONTENT
    assert {name: members[name].mode for name in CONTENT} == {
        "README.md": 0o644,
        "plugins/action/odd.sh": 0o755,
        "roles/host/README.md": 0o644,
    }


def test_a_link_is_refused(tmp_path: Path) -> None:
    source = as_galaxy_packs(tmp_path / "built.tar.gz", link="README.md")
    with pytest.raises(ValueError, match=r"README\.md is neither file nor folder"):
        repack(source, tmp_path / "packed.tar.gz", SECONDS)


def test_as_galaxy_packs_it_every_file_is_a_fault(tmp_path: Path) -> None:
    found = tarball.judged(tarball.read(as_galaxy_packs(tmp_path / "built.tar.gz"), SECONDS), WANTED)
    assert "not root's, or of another time: README.md" in found
    assert "mode 664: README.md" in found


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        pytest.param("notes.txt", b"", "unexpected: notes.txt", id="a file that nobody wants"),
        pytest.param("tests/unit/test_it.py", b"", "leftover: tests/unit/test_it.py", id="a test"),
        pytest.param("roles/host/.cache", b"", "leftover: roles/host/.cache", id="a hidden file"),
        pytest.param("README.md", b"other", "listed otherwise than it is: README.md", id="another content"),
        pytest.param("roles/host/README.md", None, "missing: roles/host/README.md", id="no YAML left out"),
    ],
)
def test_what_does_not_belong_is_named(packed: Path, name: str, content: bytes | None, fault: str) -> None:
    members = tarball.read(packed, SECONDS)
    if content is None:
        del members[name]
    else:
        members[name] = tarball.Member(content, 0o644, plain=True)
    assert fault in tarball.judged(members, WANTED)


def test_tests_of_data_are_no_leftover(packed: Path) -> None:
    members = tarball.read(packed, SECONDS)
    members["plugins/test/pci_claimed.py"] = members["README.md"]
    assert not [fault for fault in tarball.judged(members, WANTED) if fault.startswith("leftover")]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("[a role](roles/host/README.md#top), [roles](roles) and [its code](https://localhost/tests/it.py)", []),
        ("[![a picture](plugins/action/odd.sh)](#top)", []),
        ("[how to work on it](CONTRIBUTING.md)", ["README.md links to CONTRIBUTING.md, which does not ship"]),
        ("[![a picture](docs/it.png)](#top)", ["README.md links to docs/it.png, which does not ship"]),
    ],
)
def test_a_page_links_to_what_ships(packed: Path, text: str, faults: list[str]) -> None:
    members = tarball.read(packed, SECONDS)
    members["README.md"] = members["README.md"]._replace(content=text.encode())
    found = tarball.judged(members, WANTED)
    assert [fault for fault in found if "links to" in fault] == faults


def test_words_of_the_importer_are_found_and_its_praise_is_not() -> None:
    lines = [
        "Loading role host",
        "WARNING: no changelog",
        "ERROR: no",
        "...ansible-lint run complete",
        "Loading error.py",
    ]
    assert importing.words(lines) == ["WARNING: no changelog", "ERROR: no"]


def test_sums_are_as_sha256sum_wants_them_with_the_tar_inside(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "bill.json").write_text("{}")
    first, second, comment = sums.text([packed, tmp_path / "bill.json"]).splitlines()
    assert first == f"{hashlib.sha256(packed.read_bytes()).hexdigest()}  packed.tar.gz"
    assert second == f"{hashlib.sha256(b'{}').hexdigest()}  bill.json"
    inside = hashlib.sha256(gzip.decompress(packed.read_bytes())).hexdigest()
    assert comment == f"# gunzip --stdout packed.tar.gz | sha256sum: {inside}"
