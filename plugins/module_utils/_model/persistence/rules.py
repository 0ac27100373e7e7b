# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The udev rules that keep the host's drivers off claimed functions until it is known which card that is."""

from __future__ import annotations

import re
import typing as t
from fnmatch import fnmatchcase

from ..claims.cards.found_again import Finder, is_nowhere
from ..host.device import NO_DRIVER
from .paths import ENABLED, MARK, PROGRAM, SETTLED
from .wanted import STORAGE, persistent_claims, persistent_functions

if t.TYPE_CHECKING:
    from ..claims.claim import Holding
    from ..claims.tracker import Tracker
    from ..host.device import PciDevice
    from ..host.inventory import Inventory

_ROOT = re.compile(r"([0-9a-f]{4,})_([0-9a-f]{2})_([0-9a-f]{2}\.[0-7])")
_BELOW = re.compile(r"[0-9a-f]{2}_([0-9a-f]{2}\.[0-7])")
_ATTRIBUTES = (
    ("vendor", "vendor_id"),
    ("device", "product_id"),
    ("subsystem_vendor", "subsystem_vendor_id"),
    ("subsystem_device", "subsystem_product_id"),
    ("class", "class_id"),
)
# Without what looks after the rest no rule does anything: a copy in an initramfs, one of a unit that was switched off.
_WHERE = (f'TEST=="{PROGRAM}"', f'TEST=="{ENABLED}"')
_SERIAL = re.compile(r"[\w.:+-]+", re.ASCII)
# No links by which it is mounted or is a member of a volume group or array, and for systemd one that is not ready
# (systemd.device(5)).
_LEFT_ALONE = (
    'ENV{UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}="1"',
    'ENV{DM_UDEV_DISABLE_OTHER_RULES_FLAG}="1"',
    'ENV{SYSTEMD_READY}="0"',
    'OPTIONS+="nowatch"',
)


def rules(tracker: Tracker) -> str | None:
    """The file's text, a rule for each function; None where there is none to keep.

    A rule can't tell a serial number, so it gives the function to nobody, and the unit then tells the card. The
    kernel's drivers are loaded after the last rule (udev(7), RUN), so that none comes before it. A copy in an
    initramfs, where the program is not, does nothing, nor does one that outlived it. Of what a driver has from there
    udev leaves the disks alone until the unit is through. VFs come from their PFs, and are bound by whoever makes them.
    """
    lines = [line for held in persistent_functions(tracker) for line in _rules(held)]
    return "".join(f"{line}\n" for line in (MARK, *lines)) if lines else None


def device_path(stable_path: str, address: str) -> str | None:
    """The pattern of DEVPATH for a function, from its stable path; None where that is of no known form.

    Functions keep their places, buses their numbers on a root bus alone. `?` stands for a digit: `*` would go beyond a
    slash (udev matches by fnmatch(3) without FNM_PATHNAME). Before the root bus there may be a platform's own folders,
    as on Arm. What lies in another domain than its path begins in is behind a volume management device (Intel's VMD,
    drivers/pci/controller/vmd.c): an endpoint on the root bus, with a root bus of its own behind it, whose domain, of
    five digits, is counted at each boot. Of the path's other parts the domain is the one of the record's `address`; one
    that no host has, of a device that is gone, tells nothing of that.
    """
    first, *others = stable_path.split("-")
    root, below = _ROOT.fullmatch(first), [_BELOW.fullmatch(other) for other in others]
    if root is None:
        return None
    domain, bus, place = root.groups()
    parts = [f"/devices/*pci{domain}:{bus}/{domain}:{bus}:{place}"]
    behind = domain if is_nowhere(address) or address.partition(":")[0] == domain else "?????"
    if behind != domain:
        parts.append("pci?????:??")
    for found in below:
        if found is None:
            return None
        parts.append(f"{behind}:??:{found.group(1)}")
    return "/".join(parts)


def disk_places(tracker: Tracker) -> list[str]:
    """The patterns of DEVPATH of the functions whose disks the rules have udev leave alone."""
    held = (one for one in persistent_functions(tracker) if _has_disks(one))
    paths = (_path(one) for one in held)
    return [path for path in paths if path is not None]


def strangers(places: t.Collection[str], tracker: Tracker, inventory: Inventory) -> list[PciDevice]:
    """What is at these places, and is no device that comes back.

    A claimed one that could not be taken is not among it: what its guest has on it is better not begun here.
    """
    finder = Finder(inventory)
    held = {finder.address_of(one) for claim in persistent_claims(tracker) for one in claim.holdings.values()}
    return [
        device
        for address, device in inventory.devices.items()
        if address not in held and any(fnmatchcase(device.path, f"/sys{place}") for place in places)
    ]


def _path(held: Holding) -> str | None:
    known = held.moved_from if held.moved_from is not None and is_nowhere(held.address) else held.address
    return device_path(held.identity.get("stable_path") or "", known)


def _has_disks(held: Holding) -> bool:
    return (held.identity["class_id"] or "").startswith(STORAGE)


def _rules(held: Holding) -> t.Iterator[str]:
    """That of the function, and for one with disks those of what may be a disk of it."""
    path = _path(held)
    if path is None:
        return
    model = [(name, value) for name, key in _ATTRIBUTES if (value := held.identity.get(key)) is not None]
    yield _line(
        'ACTION=="add"',
        'SUBSYSTEM=="pci"',
        f'DEVPATH=="{path}"',
        *(f'ATTR{{{name}}}=="0x{value}"' for name, value in model),
        'DRIVER==""',
        'TEST!="physfn"',
        *_WHERE,
        f'ATTR{{driver_override}}="{NO_DRIVER}"',
    )
    if _has_disks(held):
        its = ('SUBSYSTEMS=="pci"', *(f'ATTRS{{{name}}}=="0x{value}"' for name, value in model))
        yield _disk(f"{path}/*", *its)
    # Where several controllers may lead to an NVMe disk it hangs below their subsystem (drivers/nvme/host/multipath.c).
    serial = held.identity.get("serial") or ""
    if _has_disks(held) and _SERIAL.fullmatch(serial):
        yield _disk("/devices/virtual/nvme-subsystem/*", 'SUBSYSTEMS=="nvme-subsystem"', f'ATTRS{{serial}}=="{serial}"')


def _disk(path: str, *its: str) -> str:
    """`its` are matches that all hold for one of its parents."""
    return _line(
        'ACTION!="remove"',
        'SUBSYSTEM=="block"',
        f'DEVPATH=="{path}"',
        *its,
        *_WHERE,
        f'TEST!="{SETTLED}"',
        *_LEFT_ALONE,
    )


def _line(*words: str) -> str:
    return ", ".join(words)
