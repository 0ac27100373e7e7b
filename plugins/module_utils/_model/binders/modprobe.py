# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of modprobe.d that give devices to VFIO, or to a driver that keeps them from the host (modprobe.d(5))."""

from __future__ import annotations

import re
import typing as t

from .fighter import INITRAMFS, MODPROBE, Fighter, ids_in
from .scripts import BINDS

if t.TYPE_CHECKING:
    from ..sriov.makers.maker import Source

_KEEPERS = ("vfio_pci", "pci_stub")
_ANEW = "make the initramfs anew (update-initramfs -u, dracut -f or mkinitcpio -P), which may hold a copy"
_REMEDY = f"take the line out, and {_ANEW}"
_ALIAS = re.compile(r"pci:v0000([0-9A-Fa-f]{4})d0000([0-9A-Fa-f]{4})")


def modprobe_fighters(source: Source) -> t.Iterator[Fighter]:
    """What a file of modprobe.d says of vfio-pci and its like; a backslash joins lines."""
    for line, content in _joined(source.text):
        words = content.split()
        if len(words) < 3:
            continue
        detail, ids, remedy = _READERS.get(words[0], _nothing)(words[1], words[2:])
        if detail:
            yield Fighter(MODPROBE, source.path, line, detail, remedy, ids=ids)


def initramfs_modules_fighters(source: Source) -> t.Iterator[Fighter]:
    """Lines `MODULE ids=...` of /etc/initramfs-tools/modules (initramfs-tools(7)), which are loaded with that."""
    for line, content in _joined(source.text):
        module, *words = content.split()
        detail, ids, _remedy = _options(module, words)
        if detail:
            yield Fighter(INITRAMFS, source.path, line, detail, _REMEDY, ids=ids)


_Told = tuple[str, tuple[str, ...], str]


def _nothing(_module: str, _words: t.Sequence[str]) -> _Told:
    return "", (), ""


def _options(module: str, words: t.Sequence[str]) -> _Told:
    values = [value for word in words for name, _equals, value in [word.partition("=")] if name == "ids" and value]
    if _plain(module) not in _KEEPERS or not values:
        return _nothing(module, words)
    return f"{module} takes every device with the ids {','.join(values)}", ids_in(values[-1]), _REMEDY


def _softdep(module: str, words: t.Sequence[str]) -> _Told:
    before = words[: words.index("post:")] if "post:" in words else words
    if not any(_plain(word) == "vfio_pci" for word in before):
        return _nothing(module, words)
    remedy = "it binds nothing by itself: take it out with the ids, or leave that to kvm.hostdev.vfio_modules"
    return f"vfio-pci is loaded before {module}", (), remedy


def _install(module: str, words: t.Sequence[str]) -> _Told:
    command = " ".join(words)
    if _plain(module) not in _KEEPERS and not BINDS.search(command):
        return _nothing(module, words)
    return f"runs {command} in place of loading {module}", (), _REMEDY


def _alias(pattern: str, words: t.Sequence[str]) -> _Told:
    if not pattern.startswith("pci:") or _plain(words[0]) not in _KEEPERS:
        return _nothing(pattern, words)
    match = _ALIAS.match(pattern)
    ids = () if match is None else (f"{match[1]}:{match[2]}".lower(),)
    return f"{words[0]} is loaded for {pattern}", ids, _REMEDY


_READERS: dict[str, t.Callable[[str, t.Sequence[str]], _Told]] = {
    "options": _options,
    "softdep": _softdep,
    "install": _install,
    "alias": _alias,
}


def _plain(module: str) -> str:
    return module.replace("-", "_")


def _joined(text: str) -> t.Iterator[tuple[int, str]]:
    first = 0
    parts: list[str] = []
    for line, raw in enumerate([*text.split("\n"), ""], 1):
        content = raw.strip()
        if not parts and content.startswith("#"):
            continue
        first = first if parts else line
        parts.append(content.rstrip("\\").strip())
        if not content.endswith("\\"):
            whole = " ".join(filter(None, parts))
            if whole:
                yield first, whole
            parts = []
