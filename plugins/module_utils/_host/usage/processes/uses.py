# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which processes have devices open or mapped: PCI functions, and what they carry."""

from __future__ import annotations

import typing as t

from ...._model.host.uses import HostUse
from ...reading.pci.functions import pci_addresses
from .device_nodes import DeviceNodes, Node
from .mappings import mapped_files
from .open_files import FUNCTION_FILE, OpenFile, open_files, with_files

if t.TYPE_CHECKING:
    from ...sysfs import Tree


def process_uses(tree: Tree, with_guests: t.Collection[str]) -> list[HostUse]:
    """A use for each device and process that has it open or mapped; needs root to see other users' processes.

    `with_guests` are the functions that running domains have: that QEMU has them and their group open is no news.
    """
    uses: dict[HostUse, None] = {}
    processes = {name: with_files(tree, name) for name in tree.names("/proc") if name.isdecimal()}
    mapped = mapped_files(tree, processes.values())
    nodes = DeviceNodes(tree)
    for process, place in processes.items():
        files = dict.fromkeys(open_files(tree, place), "open")
        for file in mapped.get(place, ()):
            files.setdefault(file, "mapped")
        for file in sorted(files, key=lambda file: file.path):
            node = _node(nodes, file)
            if node.vfio and any(address in with_guests for _path, address in node.places):
                continue
            for path, address in node.places:
                name = tree.text(f"/proc/{process}/comm") or "?"
                detail = f"process {process} ({name}) has {_called(file, node)} {files[file]}"
                uses[HostUse("held_by_process", address, detail, path)] = None
    return list(uses)


def _node(nodes: DeviceNodes, file: OpenFile) -> Node:
    function = FUNCTION_FILE.fullmatch(file.path)
    if function is not None:
        return Node(tuple(("", address) for address in pci_addresses(function[1])[-1:]))
    return nodes.by_name(file.path) if file.number is None else nodes.by_number(file.number)


def _called(file: OpenFile, node: Node) -> str:
    """The file as the process has it, with the kernel's name for a disk that a container calls otherwise."""
    return file.path if not node.name or file.path.endswith(f"/{node.name}") else f"{file.path} ({node.name})"
