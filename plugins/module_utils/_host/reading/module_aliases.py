# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which drivers would fit a function, by its modalias and the aliases of the kernel's modules.

Those in the kernel's image have theirs in modules.builtin.modinfo, from Linux 6.18 on.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice
    from ..sysfs import Tree

_GENERIC = "vfio-pci"
# How much of a modalias names the vendor and the device.
_IDS = len("pci:v00008086d00001521")
_WILDCARDS = re.compile("[*?[]")


class ModuleAliases:
    """The running kernel's aliases for PCI drivers and for VFIO variant drivers, read when first asked for."""

    def __init__(self, tree: Tree, kernel_release: str) -> None:
        self._tree = tree
        self._folder = f"/lib/modules/{kernel_release}"
        # Patterns and modules by how they begin. A vendor alone has thousands, and whatever is tried is compiled.
        self._pci: dict[str, list[tuple[str, str]]] | None = None
        self._vfio: list[tuple[str, str]] = []
        self._candidates: dict[str, list[str]] = {}
        self._vfio_drivers: dict[str, str] = {}

    def candidates(self, device: PciDevice) -> list[str]:
        """Names of modules that claim to drive the function, sorted, VFIO drivers apart."""
        if device.modalias not in self._candidates:
            pci, _vfio = self._read()
            beginnings = (device.modalias[:length] for length in range(_IDS + 1))
            modules = {
                module
                for beginning in beginnings
                for pattern, module in pci.get(beginning, ())
                if fnmatch.fnmatchcase(device.modalias, pattern)
            }
            self._candidates[device.modalias] = sorted(modules)
        return list(self._candidates[device.modalias])

    def vfio_driver(self, device: PciDevice) -> str:
        """The VFIO driver for the function: the variant whose alias has the fewest wildcards, else vfio-pci.

        The rule is libvirt's from 10.0 (src/util/virpci.c). Variant drivers are named like their modules
        (KBUILD_MODNAME in drivers/vfio/pci/*/), vfio-pci alone is not.
        """
        if device.modalias not in self._vfio_drivers:
            _pci, vfio = self._read()
            modalias = device.modalias.partition(":")[2]
            fitting = [
                (pattern.count("*"), module)
                for pattern, module in vfio
                if fnmatch.fnmatchcase(modalias, pattern.partition(":")[2])
            ]
            module = min(fitting)[1] if fitting else _GENERIC
            self._vfio_drivers[device.modalias] = _GENERIC if module == "vfio_pci" else module
        return self._vfio_drivers[device.modalias]

    def _read(self) -> tuple[dict[str, list[tuple[str, str]]], list[tuple[str, str]]]:
        if self._pci is None:
            self._pci = {}
            for pattern, module in self._aliases():
                if module and pattern.startswith("pci:"):
                    self._pci.setdefault(_beginning(pattern), []).append((pattern, module))
                elif module and pattern.startswith("vfio_pci:"):
                    self._vfio.append((pattern, module))
        return self._pci, self._vfio

    def _aliases(self) -> t.Iterator[tuple[str, str]]:
        for line in self._text("modules.alias").split("\n"):
            if line.startswith(("alias pci:", "alias vfio_pci:")):
                _alias, pattern, module = (*line.split(), "", "")[:3]
                yield pattern, module
        for entry in self._text("modules.builtin.modinfo").split("\0"):
            module, _key, pattern = entry.partition(".alias=")
            yield pattern, module

    def _text(self, name: str) -> str:
        path = f"{self._folder}/{name}"
        return self._tree.text(path) or self._tree.text("/usr" + path) or ""


def _beginning(pattern: str) -> str:
    """What every modalias that fits begins with, no further than the ids."""
    return _WILDCARDS.split(pattern, maxsplit=1)[0][:_IDS]
