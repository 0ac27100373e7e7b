# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's cache: things that take a minute to build, kept under the hash of the recipe they were built from.

An entry is a folder. It is built under a temporary name and renamed when it is whole, so a builder that is killed
never leaves half an image that looks like one. A lock per kind keeps two builders from doing the same work twice, and
a shared lock per entry, inherited by the emulator, tells the cleaner which entries are in use.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from . import say

#: How many entries of one kind stay: the newest, and the one of the branch somebody is about to go back to.
KEEP = 2

#: A key as a pattern: what `host-*` finds is also an entry of the kind `host-trixie`.
_KEY = "[0-9a-f]" * 16


def folder() -> Path:
    """Return the cache folder, made when it is not there: $KVM_HOSTDEV_CACHE, else below the user's cache folder."""
    chosen = os.environ.get("KVM_HOSTDEV_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(chosen) if chosen else Path(base) / "kvm.hostdev"
    path.mkdir(parents=True, exist_ok=True)
    return path


def entry(kind: str, recipe: object, build: Callable[[Path], None]) -> Path:
    """Return the folder of KIND made by RECIPE (anything JSON can write), building it with BUILD(folder) if need be."""
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    path = folder() / f"{kind}-{key}"
    if not path.is_dir():
        with _locked(folder() / f"{kind}.lock", fcntl.LOCK_EX):
            if not path.is_dir():  # another builder may have made it while this one waited
                _build(kind, path, build)
    os.utime(path)
    return path


def hold(path: Path) -> int:
    """Mark the entry at PATH as in use and return the descriptor; it stays so until every copy of that is closed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _build(kind: str, path: Path, build: Callable[[Path], None]) -> None:
    for left_over in folder().glob(f".{kind}-{_KEY}.part*"):  # the lock is held, so its builder is gone
        shutil.rmtree(left_over, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.part", dir=folder()))
    try:
        with say.step(f"building {path.name} in {folder()}"):
            build(part)
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    _clean(kind)


def _clean(kind: str) -> None:
    entries = sorted(folder().glob(f"{kind}-{_KEY}/"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in entries[KEEP:]:
        # An entry in use is left alone: the exclusive lock is refused while an emulator holds the shared one.
        with contextlib.suppress(BlockingIOError), _locked(old, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
