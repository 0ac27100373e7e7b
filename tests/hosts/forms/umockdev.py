# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What umockdev-record writes: devices of sysfs with their properties, attributes and links, laid out as a tree."""

from __future__ import annotations

import os
import re
import typing as t
from pathlib import Path

FORM = "umockdev"
# Functions and what they carry, NUMA nodes and CPUs.
_CONCERNS = re.compile(r"/devices/(?:.+/)?(?:pci[0-9a-f]{4,8}:[0-9a-f]{2}/|system/)")
_OF_NO_USE = ("power/", "msi_irqs/")
_ESCAPE = re.compile(rb"\\(n|\\|[0-7]{3})")


def is_one(text: str) -> bool:
    """Whether a text is such a record: it has attributes, as udev's database has not."""
    return re.search(r"^P: /devices/", text, re.MULTILINE) is not None and (
        re.search(r"^[AH]: [^\s=]+=", text, re.MULTILINE) is not None
    )


def lay_out(text: str, root: Path) -> None:
    """Make the devices' folders below `root`, with what the kernel makes of them elsewhere: buses, classes, groups."""
    (root / "sys/bus/pci/devices").mkdir(parents=True)
    (root / "sys/kernel/iommu_groups").mkdir(parents=True)
    for block in re.split(r"\n\s*\n", text):
        lines = block.splitlines()
        path = next((line[3:].strip() for line in lines if line.startswith("P: ")), "")
        if _CONCERNS.match(path) and ".." not in path.split("/"):
            _device(root, path, [line for line in lines if not line.startswith("P: ")])


def _device(root: Path, path: str, lines: t.Sequence[str]) -> None:
    folder = root / "sys" / path[1:]
    folder.mkdir(parents=True, exist_ok=True)
    properties = [line[3:] for line in lines if line.startswith("E: ")]
    (folder / "uevent").write_text("".join(f"{line}\n" for line in _in_order(properties)), encoding="utf-8")
    subsystem = dict(line.partition("=")[::2] for line in properties).get("SUBSYSTEM", "")
    if subsystem == "pci":
        _link(root / "sys/bus/pci/devices" / folder.name, folder)
    for line in lines:
        kind, (name, equals, value) = line[:3], line[3:].partition("=")
        place = folder / name
        if not equals or ".." in name or name.startswith(_OF_NO_USE) or place.name == "uevent" or place.exists():
            continue
        if kind in ("A: ", "H: "):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(_unescaped(value) if kind == "A: " else bytes.fromhex(value))
        elif kind == "L: " and not place.is_symlink():
            _target(root, folder, name, value)


def _in_order(properties: t.Sequence[str]) -> list[str]:
    """The kernel's own properties as it has them (pci_uevent); umockdev sorts them and adds those of udev."""
    told = dict(line.partition("=")[::2] for line in properties)
    order = ("DRIVER", "PCI_CLASS", "PCI_ID", "PCI_SUBSYS_ID", "PCI_SLOT_NAME", "MODALIAS")
    return [f"{key}={told[key]}" for key in order if key in told]


def _target(root: Path, folder: Path, name: str, target: str) -> None:
    """A link of a device, and the group that it is a member of."""
    place = folder / name
    reached = Path(os.path.normpath(folder / target))
    if not reached.is_relative_to(root):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    if name == "iommu_group":
        members = reached / "devices"
        members.mkdir(parents=True, exist_ok=True)
        _link(members / folder.name, folder)


def _link(place: Path, target: Path) -> None:
    if not place.is_symlink():
        place.symlink_to(os.path.relpath(target, place.parent))


def _unescaped(text: str) -> bytes:
    """Line ends, backslashes and octal bytes are escaped."""

    def byte(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return {b"n": b"\n", b"\\": b"\\"}.get(code) or bytes([int(code, 8) & 0xFF])

    return _ESCAPE.sub(byte, text.encode())
