# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USB and SCSI devices that a request can ask for: where each hangs, and what it is to somebody who looks for one."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .states import ASIDE, FREE, HELD, KEPT, Device, state

if t.TYPE_CHECKING:
    from .models import Facts

_ADDRESS = re.compile(r"/([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?=/)")


@dataclass(frozen=True)
class NodeDevice:
    """One of them: `above` is the address of the function that it hangs on, None where it hangs on none.

    `state` is one of `states.STATES`, `owner` who holds it, `code` and `detail` tell why it stays.
    """

    device: Device
    above: str | None
    state: str
    owner: str | None = None
    code: str | None = None
    detail: str | None = None


def node_devices(facts: Facts) -> list[NodeDevice]:
    """Those of a host, in the order of the facts. Hubs are none of them: no guest is given one."""
    functions = {device["address"]: device for device in facts["devices"] if _is_pci(device) and device.get("address")}
    nodes = [device for device in facts["devices"] if not _is_pci(device) and "blockers" in device]
    holders = _holders(facts, nodes)
    return [_node(device, functions, holders.get(str(device.get("name")))) for device in nodes]


def _is_pci(device: Device) -> bool:
    return device.get("capability") == "pci"


def _node(device: Device, functions: t.Mapping[str, Device], owner: str | None) -> NodeDevice:
    addresses = _ADDRESS.findall(f"{device.get('path') or ''}/")
    above = addresses[-1] if addresses else None
    if owner is not None:
        return NodeDevice(device, above, HELD, owner=owner)
    for blocker in device.get("blockers") or ():
        return NodeDevice(device, above, KEPT, code=blocker.get("code"), detail=blocker.get("detail"))
    for use in device.get("used_by") or ():
        return NodeDevice(device, above, KEPT, code="in_domain_xml", detail=f"domain {use.get('domain')}")
    for address in addresses:
        function = functions.get(address) or {}
        if function.get("used_by") or (function.get("claimable") is not None and state(function) in (HELD, ASIDE)):
            return NodeDevice(device, above, KEPT, code="group_used_by_domain", detail=f"all of {address} is taken")
    return NodeDevice(device, above, FREE)


def _holders(facts: Facts, nodes: t.Iterable[Device]) -> dict[str, str]:
    """Who holds which, by name: a stick and the disk on it are one, so that who has one of them has the other."""
    held = {
        str(held.get("name")): str(claim["owner"]["label"])
        for claim in facts.get("claims") or ()
        for held in claim.get("node_devices") or ()
    }
    paths = {str(device.get("name")): f"{device.get('path')}/" for device in nodes if device.get("path")}
    parts = {
        name: held[other]
        for other in held.keys() & paths.keys()
        for name, path in paths.items()
        if path.startswith(paths[other]) or paths[other].startswith(path)
    }
    return {**parts, **held}
