# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding recordings in files and folders, by what is in them."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tempfile
import typing as t
import zlib
from dataclasses import replace
from pathlib import Path

from ..unit.helpers.recorded import expand
from .forms import facter, listing, nodedev, own, tarball, trees, udevadm, umockdev

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory

    from .recording import Recording

_PACKED = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}
# Of the files that this project records of the lab host (tests/lab/record.py).
_ENTRIES = "entries"


class Found(t.NamedTuple):
    """A recording that was found; `read` reads it, and raises ValueError or such where it is broken."""

    path: Path
    read: t.Callable[[], Recording]


def recorded(path: str | Path) -> Inventory:
    """The host that was recorded in a file or folder. Raises ValueError where there is no recording, or several."""
    found = list(recordings(Path(path)))
    if len(found) != 1:
        raise ValueError(f"{path} holds {len(found)} recordings of a host; wanted one")
    return found[0].read().inventory


def recordings(path: Path) -> t.Iterator[Found]:
    """The recordings in a file or below a folder, in the order of their paths."""
    if not path.is_dir():
        yield from _in_file(path)
        return
    root = trees.root_of(path)
    if root is not None:
        yield Found(path, lambda: trees.read(path.name, "folder", root))
        return
    below = sorted(entry for entry in path.iterdir() if entry.is_file() or not entry.is_symlink())
    together = _node_devices(path, below)
    if together is not None:
        yield together
    for entry in below:
        if together is None or entry.suffix != ".xml":
            yield from recordings(entry)


def _in_file(path: Path) -> t.Iterator[Found]:
    name = path.name
    try:
        data = _unpacked(path)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        yield Found(path, _unreadable(path, error))
        return
    if tarball.is_one(data):
        yield Found(path, lambda: _laid_out(name, "tarball", lambda root: tarball.lay_out(data, root)))
        return
    text = _text(data)
    if umockdev.is_one(text):
        yield Found(path, lambda: _laid_out(name, umockdev.FORM, lambda root: umockdev.lay_out(text, root)))
    elif udevadm.is_one(text):
        yield Found(path, lambda: udevadm.read(name, text))
    elif nodedev.is_one(text):
        yield Found(path, lambda: nodedev.read(name, [text]))
    elif text.lstrip()[:1] in ("{", "["):
        yield from _in_json(path, text)


def _unreadable(path: Path, error: Exception) -> t.Callable[[], Recording]:
    def read() -> Recording:
        raise ValueError(f"{path} can't be read: {error}")

    return read


def _in_json(path: Path, text: str) -> t.Iterator[Found]:
    try:
        data = json.loads(text)
    except ValueError:
        return
    if facter.is_one(data):
        yield Found(path, lambda: facter.read(path.name, data))
    elif listing.is_one(data):
        yield Found(path, lambda: listing.read(path.name, data))
    elif own.is_one(data):
        yield Found(path, lambda: _own(path.name, data))
    elif isinstance(data, dict) and isinstance(data.get(_ENTRIES), dict):
        yield Found(path, lambda: _laid_out(path.name, "entries", lambda root: expand(data[_ENTRIES], root)))


def _own(name: str, data: t.Mapping[str, t.Any]) -> Recording:
    recording = _laid_out(name, own.FORM, lambda root: own.lay_out(data["tree"], root))
    return replace(recording, inventory=own.with_uses(recording.inventory, data))


def _laid_out(name: str, form: str, lay_out: t.Callable[[Path], None]) -> Recording:
    """The recording of what is laid out as a tree, which is gone once it has been read."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        lay_out(place)
        root = trees.root_of(place)
        if root is None:
            raise ValueError("no PCI devices in its tree")
        return trees.read(name, form, root)


def _node_devices(folder: Path, below: t.Sequence[Path]) -> Found | None:
    """The host whose node devices have a file each; None where two files have the same function: these are samples."""
    texts = [_text(path.read_bytes()) for path in below if path.suffix == ".xml" and path.is_file()]
    texts = [text for text in texts if "<device>" in text]
    functions = [nodedev.addresses(text) for text in texts if nodedev.is_one(text)]
    all_of_them = [address for several in functions for address in several]
    if len(functions) < 2 or len(all_of_them) != len(set(all_of_them)):
        return None
    return Found(folder, lambda: nodedev.read(folder.name, texts))


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    for magic, unpack in _PACKED.items():
        if data.startswith(magic):
            return unpack(data)
    return data


def _text(data: bytes) -> str:
    """With plain line ends, and without the mark of its order of bytes."""
    return data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
