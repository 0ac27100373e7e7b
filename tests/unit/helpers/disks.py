# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Made trees of hosts with disks, and what is read of their uses."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.storage.uses import storage_uses
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

if t.TYPE_CHECKING:
    from pathlib import Path

A, B = "0000:01:00.0", "0000:02:00.0"


def disk(name: str, address: str, *partitions: str, number: str | None = None) -> dict[str, str]:
    """A disk on a function, as sysfs has it; its partitions have the numbers that follow `number`."""
    path = f"/sys/devices/pci0000:00/{address}/host0/block/{name}"
    made = {f"{path}/size": "1\n", f"/sys/class/block/{name}": f"-> ../../..{path}"}
    for part in partitions:
        made[f"{path}/{part}/partition"] = "1\n"
        made[f"/sys/class/block/{part}"] = f"-> ../../..{path}/{part}"
    if number:
        major, _colon, minor = number.partition(":")
        for index, place in enumerate([path, *(f"{path}/{part}" for part in partitions)]):
            made[f"{place}/dev"] = f"{major}:{int(minor) + index}\n"
            made[f"/sys/dev/block/{major}:{int(minor) + index}"] = f"-> ../../..{place}"
    return made


def virtual(name: str, *below: str, number: str | None = None, **contents: str) -> dict[str, str]:
    """A block device above others."""
    path = f"/sys/devices/virtual/block/{name}"
    made = {f"{path}/size": "1\n", f"/sys/class/block/{name}": f"-> ../../..{path}"}
    made.update({f"{path}/slaves/{lower}": f"-> ../../../../../class/block/{lower}" for lower in below})
    made.update({f"{path}/{key}": text for key, text in contents.items()})
    if number:
        made[f"/sys/dev/block/{number}"] = f"-> ../../..{path}"
    return made


def mount(number: str, point: str, kind: str = "ext4", source: str = "/dev/x", fields: str = "shared:1") -> str:
    return f"28 1 {number} / {point} rw,relatime {fields} - {kind} {source} rw\n"


def process(pid: int, name: str, mounts: str, namespace: str | None = None) -> dict[str, str]:
    """A process with what is mounted in its mount namespace, of which the link tells to root."""
    made = {f"/proc/{pid}/comm": f"{name}\n", f"/proc/{pid}/mountinfo": mounts}
    if namespace is not None:
        made[f"/proc/{pid}/ns/mnt"] = f"-> mnt:[{namespace}]"
    return made


def uses(folder: Path, *parts: t.Mapping[str, str], mounts: str = "", swaps: str = "") -> list[tuple[str, str, str]]:
    """Code, address and detail of each use of a host of these parts."""
    contents = {"/proc/self/mountinfo": mounts, "/proc/swaps": f"Filename\t\t\t\tType\n{swaps}"}
    for part in parts:
        contents.update(part)
    files(folder, contents)
    return [(use.code, use.address, use.detail) for use in storage_uses(Tree(str(folder)))]
