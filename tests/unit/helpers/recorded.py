# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recorded trees of the lab host (tests/lab/record.py), laid out as real folders, and pictures of such folders."""

from __future__ import annotations

import functools
import json
import os
import typing as t
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"

Entries = dict[str, dict[str, t.Any]]


@functools.cache
def recorded(name: str) -> Entries:
    """The entries of one recording, by absolute path."""
    data = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    assert data["version"] == 1
    return data["entries"]


def expand(entries: Entries, root: Path) -> None:
    """Lay the entries out below `root`."""
    made: set[str] = set()
    for path, entry in entries.items():
        local = f"{root}{path}"
        folder = local if "dir" in entry else local.rpartition("/")[0]
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        if "link" in entry:
            os.symlink(entry["link"], local)
        elif "file" in entry:
            write(local, entry["file"].encode())
        elif "hex" in entry:
            write(local, bytes.fromhex(entry["hex"]).ljust(entry["size"], b"\0"))


def write(path: str, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


def files(root: Path, contents: t.Mapping[str, str]) -> None:
    """Make files with these texts below `root`; a text that starts with `->` makes a link to what follows."""
    expand(
        {
            path: {"link": text[2:].strip()} if text.startswith("->") else {"file": text}
            for path, text in contents.items()
        },
        root,
    )


def without(entries: Entries, *addresses: str) -> Entries:
    """The entries without these PCI functions, what lies below them and what links to them."""

    def gone(text: str) -> bool:
        return any(f"/{address}" in text for address in addresses)

    return {path: entry for path, entry in entries.items() if not gone(path) and not gone(str(entry.get("link", "")))}


def picture(root: Path) -> dict[str, str]:
    """Everything below a folder: each link with its target, each file with its text and mode, each folder."""
    seen: dict[str, str] = {}
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(f"{root}{folder}") as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}"
                if entry.is_symlink():
                    seen[path] = f"-> {os.readlink(entry.path)}"
                elif entry.is_dir():
                    seen[path] = "folder"
                    pending.append(path)
                else:
                    seen[path] = _mode_and_text(entry.path)
    return seen


def _mode_and_text(path: str) -> str:
    """In as few calls as can be: of a small tree there are hundreds of files, which are read thousands of times."""
    handle = os.open(path, os.O_RDONLY)
    try:
        told = os.fstat(handle)
        return f"{told.st_mode & 0o7777:o} {os.read(handle, told.st_size)!r}"
    finally:
        os.close(handle)
