# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of programs that give devices away from a list of their own: driverctl, mdevctl, libvirt's networks."""

from __future__ import annotations

import json
import typing as t
import xml.etree.ElementTree as ET

from ..address import normalize_address
from ..elements import pci_address
from .fighter import DRIVERCTL, MDEVCTL, NETWORK, Fighter

if t.TYPE_CHECKING:
    from ..sriov.makers.maker import Source


def driverctl_fighter(source: Source) -> Fighter | None:
    """A file /etc/driverctl.d/BUS-ADDRESS with the name of a driver; None of another bus than PCI."""
    bus, _dash, name = source.path.rpartition("/")[2].partition("-")
    address, driver = _address(name), source.text.strip()
    if bus != "pci" or address is None or not driver:
        return None
    # `driverctl unset-override` takes the device from its driver at once, and so from a running guest.
    remedy = f"rm {source.path}, and not driverctl unset-override, which takes it from a running guest at once"
    return Fighter(DRIVERCTL, source.path, 1, f"binds {address} to {driver}", remedy, address)


def mdevctl_fighter(source: Source) -> Fighter | None:
    """A file /etc/mdevctl.d/PARENT/UUID of a mediated device that is made at boot; None of others (mdevctl(8))."""
    parent, uuid = source.path.split("/")[-2:]
    address = _address(parent)
    try:
        defined = json.loads(source.text)
    except (ValueError, RecursionError):
        return None
    if address is None or not isinstance(defined, dict) or defined.get("start") != "auto":
        return None
    detail = (
        f"makes a mediated device ({defined.get('mdev_type')}) on {address}, which goes to no guest as a whole then"
    )
    return Fighter(MDEVCTL, source.path, 0, detail, f"mdevctl undefine --uuid {uuid}", address)


def network_fighters(source: Source) -> list[Fighter]:
    """A network of libvirt whose interfaces are functions that it chooses (https://libvirt.org/formatnetwork.html)."""
    try:
        root = ET.fromstring(source.text)
    except ET.ParseError:
        return []
    forward = root.find("forward")
    if root.tag != "network" or forward is None or forward.get("mode") != "hostdev":
        return []
    name = root.findtext("name") or ""
    remedy = "let the domains have VFs by claims, and take the network out (virsh net-undefine)"

    def told(which: str, address: str | None) -> Fighter:
        detail = f"libvirt takes {which} for domains with an interface of network {name}"
        return Fighter(NETWORK, source.path, 0, detail, remedy, address)

    of_pfs = [told(f"VFs of {pf.get('dev')}", None) for pf in forward.iterfind("pf")]
    addresses = [_of_element(address) for address in forward.iterfind("address")]
    return [*of_pfs, *(told(address, address) for address in addresses if address is not None)]


def _address(text: str) -> str | None:
    try:
        return normalize_address(text)
    except ValueError:
        return None


def _of_element(element: ET.Element) -> str | None:
    return _address(str(pci_address(element)))
