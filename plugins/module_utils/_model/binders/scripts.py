# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of udev rules, units, hooks and scripts that bind devices, found by the words that such lines have."""

from __future__ import annotations

import re
import typing as t

from ..sriov.makers.scripts import lines
from .fighter import HOOK, INITRAMFS, SCRIPT, UDEV_RULE, Fighter, address_in

if t.TYPE_CHECKING:
    from ..sriov.makers.maker import Source

BINDS = re.compile(
    r"driver_override|/new_id\b|\bdrivers/[\w-]+/bind\b|\bnodedev-dett?ach\b|\bdriverctl\b.*\bset-override\b"
    r"|\bdpdk-devbind|\bvfio-pci-bind\b|\bdrivers_probe\b"
)
# A udev rule that only asks for the override sets none.
_ASKED = re.compile(r"driver_override\}?\s*[=!]=")
_GIVEN = re.compile(r"driver_override\}?\s*\+?=(?!=)")
_IDS = (
    re.compile(r"\b([0-9a-fA-F]{4})[ :]([0-9a-fA-F]{4})\b.*/new_id\b"),
    re.compile(r"\bATTRS?\{vendor\}==\"0x([0-9a-fA-F]{4})\".*\bATTRS?\{device\}==\"0x([0-9a-fA-F]{4})\""),
)

_INITRAMFS = re.compile(r"/(?:initramfs-tools|dracut|initcpio|mkinitcpio)[./]")
_FOREIGN = re.compile(r"/(?:[^/]*driverctl(?:@[^/]*)?\.(?:rules|service)|[^/]*kvm[-.]hostdev[^/]*)$")
"""What binds only what is named in files of their own: driverctl's own, and ours."""


def script_fighters(source: Source) -> t.Iterator[Fighter]:
    """Lines that bind a device, for each device the first one."""
    if _FOREIGN.search(source.path):
        return
    known: set[tuple[str | None, tuple[str, ...]]] = set()
    everywhere = address_in(source.text)
    for line, content in lines(source.text):
        if not BINDS.search(content) or (_ASKED.search(content) and not _GIVEN.search(content)):
            continue
        ids = tuple(f"{pair[0]}:{pair[1]}".lower() for words in _IDS for pair in words.findall(content))
        address = None if ids else address_in(content) or everywhere
        if (address, ids) not in known:
            known.add((address, ids))
            yield Fighter(_kind(source.path), source.path, line, content, _remedy(source.path), address, ids)


def _kind(path: str) -> str:
    if "/udev/rules.d/" in path:
        return UDEV_RULE
    if path.startswith("/etc/libvirt/hooks/"):
        return HOOK
    return INITRAMFS if _INITRAMFS.search(path) else SCRIPT


def _remedy(path: str) -> str:
    kind, name = _kind(path), path.rpartition("/")[2]
    if kind == INITRAMFS:
        return "take it out, and make the initramfs anew (update-initramfs -u, dracut -f or mkinitcpio -P)"
    if kind == UDEV_RULE and not path.startswith("/etc/"):
        return f"have an empty /etc/udev/rules.d/{name}"
    if name.endswith((".service", ".timer")):
        return f"systemctl disable {name}"
    return "take the line out"
