# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The udev rules that keep the host's drivers off claimed functions until it is known which card that is."""

from __future__ import annotations

import re
import typing as t

from ..host.device import NO_DRIVER
from .paths import IDENTIFYING, MARK, PROGRAM
from .wanted import STORAGE, persistent_functions

if t.TYPE_CHECKING:
    from ..claims.claim import Holding
    from ..claims.tracker import Tracker

_ROOT = re.compile(r"([0-9a-f]{4,})_([0-9a-f]{2})_([0-9a-f]{2}\.[0-7])")
_BELOW = re.compile(r"[0-9a-f]{2}_([0-9a-f]{2}\.[0-7])")
_ATTRIBUTES = (
    ("vendor", "vendor_id"),
    ("device", "product_id"),
    ("subsystem_vendor", "subsystem_vendor_id"),
    ("subsystem_device", "subsystem_product_id"),
    ("class", "class_id"),
)


def rules(tracker: Tracker) -> str | None:
    """The file's text, a rule for each function; None where there is none to keep.

    A rule can't tell a serial number, so it gives the function to nobody, and the unit then tells the card. The
    kernel's drivers are loaded after the last rule (udev(7), RUN), so that none comes before it. A copy in an
    initramfs, where the program is not, does nothing, nor does one that outlived it. VFs come from their PFs, and are
    bound by whoever makes them.
    """
    lines = [line for held in persistent_functions(tracker) for line in _rules(held)]
    return "".join(f"{line}\n" for line in (MARK, *lines)) if lines else None


def device_path(stable_path: str, address: str) -> str | None:
    """The pattern of DEVPATH for a function, from its stable path; None where that is of no known form.

    Functions keep their places, buses their numbers on a root bus alone. `?` stands for a digit: `*` would go beyond a
    slash (udev matches by fnmatch(3) without FNM_PATHNAME). Before the root bus there may be a platform's own folders,
    as on Arm. What lies in another domain than its path begins in is behind a volume management device (Intel's VMD,
    drivers/pci/controller/vmd.c): an endpoint on the root bus, with a root bus of its own behind it, whose domain, of
    five digits, is counted at each boot. Of the path's other parts the domain is the one of the record's `address`.
    """
    first, *others = stable_path.split("-")
    root, below = _ROOT.fullmatch(first), [_BELOW.fullmatch(other) for other in others]
    if root is None:
        return None
    domain, bus, place = root.groups()
    parts = [f"/devices/*pci{domain}:{bus}/{domain}:{bus}:{place}"]
    behind = domain if address.partition(":")[0] == domain else "?????"
    if behind != domain:
        parts.append("pci?????:??")
    for found in below:
        if found is None:
            return None
        parts.append(f"{behind}:??:{found.group(1)}")
    return "/".join(parts)


def _rules(held: Holding) -> t.Iterator[str]:
    """That of the function, and for one with disks what keeps udev off these while they are asked who they are.

    Without the storage rules there is no link by UUID to be mounted and no member of a volume group or array; systemd
    takes the device for one that is not ready (systemd.device(5)).
    """
    path = device_path(held.identity.get("stable_path") or "", held.address)
    if path is None:
        return
    yield _rule(held, path)
    if (held.identity["class_id"] or "").startswith(STORAGE):
        left_alone = ("UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG", "DM_UDEV_DISABLE_OTHER_RULES_FLAG")
        settings = [*(f'ENV{{{name}}}="1"' for name in left_alone), 'ENV{SYSTEMD_READY}="0"', 'OPTIONS+="nowatch"']
        yield ", ".join(
            ['ACTION!="remove"', 'SUBSYSTEM=="block"', f'DEVPATH=="{path}/*"', f'TEST=="{IDENTIFYING}"', *settings]
        )


def _rule(held: Holding, path: str) -> str:
    known = ((name, held.identity.get(key)) for name, key in _ATTRIBUTES)
    matches = [
        'ACTION=="add"',
        'SUBSYSTEM=="pci"',
        f'DEVPATH=="{path}"',
        *(f'ATTR{{{name}}}=="0x{value}"' for name, value in known if value is not None),
        'DRIVER==""',
        'TEST!="physfn"',
        f'TEST=="{PROGRAM}"',
    ]
    return f'{", ".join(matches)}, ATTR{{driver_override}}="{NO_DRIVER}"'
