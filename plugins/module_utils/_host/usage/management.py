# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Functions that manage the host itself: its baseboard management controller, watchdogs and console."""

from __future__ import annotations

import re
import typing as t

from ..._model.host.uses import HostUse
from ..reading.pci.functions import pci_addresses

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice
    from ..sysfs import Tree

_CLASS_IPMI = "0c07"
# ASPEED makes nothing but BMCs; the iLO functions of HPE carry no class that tells.
_BMC_VENDORS = frozenset({"1a03"})
_BMC_PRODUCTS = frozenset({"103c3306", "103c3307"})
_BMC_DRIVERS = frozenset({"ast", "hibmc-drm", "hpilo", "ipmi_si", "mgag200"})
# Their watchdogs are plain files in /dev, without a class device; those of hpwdt before Linux 4.18.
_WATCHDOG_DRIVERS = frozenset({"hpwdt", "pcwd_pci", "wdt_pci"})


def management_uses(tree: Tree, devices: t.Collection[PciDevice]) -> list[HostUse]:
    """The uses; a watchdog's detail says whether it is running."""
    on_vfio = {device.address for device in devices if device.vfio}
    consoles = (use for use in [*_framebuffer(tree), *_kernel_consoles(tree)] if use.address not in on_vfio)
    return [*_management(devices), *_watchdogs(tree, devices), *consoles]


def _management(devices: t.Iterable[PciDevice]) -> t.Iterator[HostUse]:
    for device in devices:
        if device.is_bridge:
            continue
        if device.class_id.startswith(_CLASS_IPMI):
            yield HostUse("bmc", device.address, "IPMI interface to the BMC (class 0c07)")
        elif device.vendor_id in _BMC_VENDORS or device.vendor_id + device.product_id in _BMC_PRODUCTS:
            yield HostUse("bmc", device.address, f"function of a BMC ({device.vendor_id}:{device.product_id})")
        elif device.driver in _BMC_DRIVERS:
            yield HostUse("bmc", device.address, f"function of a BMC (driver {device.driver})")


def _watchdogs(tree: Tree, devices: t.Iterable[PciDevice]) -> t.Iterator[HostUse]:
    drivers: dict[str | None, list[str]] = {}
    for device in devices:
        drivers.setdefault(device.driver, []).append(device.address)
        if device.driver in _WATCHDOG_DRIVERS:
            yield HostUse("watchdog", device.address, f"watchdog (driver {device.driver})")
    for name in tree.names("/sys/class/watchdog"):
        folder = f"/sys/class/watchdog/{name}"
        # i6300esb gives its watchdog no parent, but the name of the driver for its identity.
        addresses = pci_addresses(tree.real(folder))[-1:] or drivers.get(tree.text(f"{folder}/identity") or "", [])
        for address in addresses:
            yield HostUse("watchdog", address, f"{name} ({tree.text(f'{folder}/state') or 'state unknown'})")


def _kernel_consoles(tree: Tree) -> t.Iterator[HostUse]:
    """The functions that carry serial ports to which the kernel writes (Documentation/ABI/testing/sysfs-tty)."""
    for name in (tree.text("/sys/class/tty/console/active") or "").split():
        for address in pci_addresses(tree.real(f"/sys/class/tty/{name}"))[-1:]:
            yield HostUse("boot_vga", address, f"{name} is a console of the kernel")


def _framebuffer(tree: Tree) -> t.Iterator[HostUse]:
    """The function that carries the framebuffer on which the kernel shows its virtual terminals."""
    framebuffers = [name for name in tree.names("/sys/class/graphics") if re.fullmatch(r"fb\d+", name)]
    if not framebuffers or not any(_bound_to_framebuffer(tree, name) for name in tree.names("/sys/class/vtconsole")):
        return
    # The console is on the first one unless told otherwise (Documentation/fb/fbcon.rst).
    first = min(framebuffers, key=lambda name: int(name[2:]))
    for address in pci_addresses(tree.real(f"/sys/class/graphics/{first}"))[-1:]:
        yield HostUse("boot_vga", address, f"{first} carries the framebuffer console")


def _bound_to_framebuffer(tree: Tree, console: str) -> bool:
    """Whether it is fbcon and drives terminals (Documentation/driver-api/console.rst)."""
    folder = f"/sys/class/vtconsole/{console}"
    return (tree.text(f"{folder}/name") or "").endswith("frame buffer device") and tree.text(f"{folder}/bind") == "1"
