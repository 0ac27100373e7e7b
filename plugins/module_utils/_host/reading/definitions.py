# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Definitions of domains as libvirt keeps them: for what runs before it."""

from __future__ import annotations

import contextlib
import typing as t
import xml.etree.ElementTree as ET

from ..._model.guest.domain import parse_layout

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_FOLDER = "/etc/libvirt/qemu"

KEPT_BY_LIBVIRT = "/run/libvirt/hostdevmgr"
"""What VFs had before guests got them as interfaces, a file each (src/hypervisor/virhostdev.c)."""


def kept_by_libvirt(tree: Tree) -> frozenset[str]:
    """The addresses of the host's functions that any definition has. What is no XML defines none."""
    found: set[str] = set()
    for name in tree.names(_FOLDER):
        text = tree.text(f"{_FOLDER}/{name}") if name.endswith(".xml") else None
        with contextlib.suppress(ET.ParseError):
            found.update(parse_layout(text).assigned if text else ())
    return frozenset(found)
