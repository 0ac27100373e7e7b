# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From requests for USB and SCSI devices to what the owner's claim holds of them, and why one may not be given away."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..claims.usb_scsi import NodeHolding, node_identity, node_mismatch
from ..errors import HostdevError
from ..guards.blocker import Blocker
from ..guards.usb_scsi import PCI_PARENT, NodeHost, node_guards
from ..guest.sources import device_marks
from ..guest.usb_scsi_xml import node_elements
from ..requests.usb_scsi import WAYS

if t.TYPE_CHECKING:
    from ..claims.claim import Claim, Owner
    from ..host.node_device import NodeDevice
    from ..requests.request import Request
    from ..requests.wish import Terms

# The controllers of USB and of mass storage (PCI Code and ID Assignment Specification).
_CONTROLLER_CLASSES = ("0c03", "01")


def select_nodes(
    host: NodeHost,
    before: Claim,
    after: Claim,
    requests: t.Sequence[Request],
    terms: Terms,
    *,
    attach: tuple[str, ...],
) -> Claim:
    """The claim `after` with its USB and SCSI devices once the requests for such are served.

    A request keeps its device while that fits, and takes the first free one by name otherwise. Devices of requests
    that are not named stay. Raises HostdevError, as selection.select does.
    """
    owner = after.owner
    wanted = [request for request in requests if request.node is not None]
    if wanted and owner.kind != "domain":
        raise HostdevError(
            "invalid_request",
            subject=f"request {wanted[0].name}",
            found=f"it asks for {wanted[0].describe()}, for {owner}",
            wanted="a domain: nothing is bound for a USB or SCSI device, it is only attached",
            remedy="set domain instead of owner, or ask for the PCI function that the device hangs on",
        )
    chosen = {name: held for name, held in after.node_devices.items() if held.request not in _names(wanted)}
    kept = {request.name: _keep(host, before, request, terms) for request in wanted}
    chosen.update({held.name: replace(held, attach=attach) for held in kept.values() if held is not None})
    for request in wanted:
        if kept[request.name] is None:
            held = _take(host, owner, request, terms, chosen)
            chosen[held.name] = replace(held, attach=attach)
    written = {**after.requests, **{request.name: request.as_dict() for request in wanted}}
    made = replace(after, requests=written, node_devices=dict(sorted(chosen.items())))
    _check_kinds(made)
    _check_uses(host, made, terms, fresh=chosen.keys() - before.node_devices.keys())
    _check_functions(host, before, made)
    return made


def _keep(host: NodeHost, before: Claim, request: Request, terms: Terms) -> NodeHolding | None:
    """The held device that goes on serving the request."""
    for held in before.node_devices.values():
        if held.request != request.name:
            continue
        node = host.nodes.get(held.name)
        changed = None if node is None else node_mismatch(node, held)
        if node is None:
            misfit = "it is no longer on the host" + _elsewhere(host, held)
        elif changed is not None:
            misfit = f"identity_changed: {changed}" + _elsewhere(host, held)
        elif request.node is None or not request.node.fits(node):
            misfit = "it does not fit the request"
        else:
            return held
        if not terms.replace_misfits:
            raise HostdevError(
                "held_device_mismatch",
                subject=f"{held.name}, held by {before.owner} for request {request.name}",
                found=misfit,
                wanted=request.describe(),
                remedy="put the device back in its place, set on_mismatch to replace, or release the request first",
            )
    return None


def _elsewhere(host: NodeHost, held: NodeHolding) -> str:
    """Where a device that tells itself from others by a serial is now."""
    if not (held.identity.get("serial") or held.identity.get("wwid")):
        return ""
    for node in host.nodes.values():
        if node.capability == held.capability and node_mismatch(node, held) is None:
            return f", it moved to {node.name}"
    return ""


def _take(
    host: NodeHost, owner: Owner, request: Request, terms: Terms, chosen: t.Mapping[str, NodeHolding]
) -> NodeHolding:
    refused: dict[str, str] = {}
    reasons: list[Blocker] = []
    for _name, node in sorted(host.nodes.items()):
        if request.node is None or not request.node.fits(node):
            continue
        why = _taken_by(host, owner, node, chosen)
        if why is None:
            guards = node_guards(host, node, owner, terms.allow)
            if not guards:
                return NodeHolding(node.name, node.capability or "", request.name, node_identity(node))
            reasons.extend(guards)
            why = _described(guards)
        refused[node.name] = why
    if not refused:
        raise HostdevError(
            "no_such_device",
            subject=f"request {request.name}",
            found="there is no such device on this host" + _away(host),
            wanted=request.describe(),
            remedy="see the devices with kvm.hostdev.pci_facts, and plug it in",
        )
    remedy = "free it, or ask for another device"
    overrides = sorted({one.override for one in reasons if one.override})
    if overrides and all(one.override for one in reasons):
        remedy += "; can be accepted with " + ", ".join(overrides)
    raise HostdevError(
        "device_blocked",
        subject=f"{', '.join(refused)}, asked for by request {request.name}",
        found=". ".join(f"{name} is refused: {why}" if len(refused) > 1 else why for name, why in refused.items()),
        wanted="a device that nothing keeps with the host and that is free",
        remedy=remedy,
        details={"blockers": [one.as_dict() for one in reasons], "refused": refused},
    )


def _taken_by(host: NodeHost, owner: Owner, node: NodeDevice, chosen: t.Mapping[str, NodeHolding]) -> str | None:
    """Whom the device, the USB device it is part of, or a part of it is with already."""
    if node.name in chosen:
        return f"serves request {chosen[node.name].request} of the same owner"
    others = (claim for claim in host.tracker if claim.owner.key != owner.key)
    held = {name: str(claim.owner) for claim in others for name in claim.node_devices}
    held.update(dict.fromkeys(chosen, str(owner)))
    for name, whose in held.items():
        other = host.nodes.get(name)
        if name == node.name:
            return f"held by {whose}"
        if other is not None and (_is_below(node, other.path) or _is_below(other, node.path)):
            return f"{name}, which is the same device, is held by {whose}"
    return None


def _is_below(node: NodeDevice, path: str | None) -> bool:
    return path is not None and (node.path or "").startswith(f"{path}/")


def _away(host: NodeHost) -> str:
    """Controllers that a guest may have: what hangs on them is not there for the host."""
    away = [
        address
        for address, device in host.inventory.devices.items()
        if device.vfio and device.class_id.startswith(_CONTROLLER_CLASSES)
    ]
    return f"; what hangs on {', '.join(away)} can't be seen while a VFIO driver has that" if away else ""


def _check_kinds(claim: Claim) -> None:
    """Refuse that a request turns from a PCI function into another kind of device, or back, while it holds one."""
    nodes = {name for name, request in claim.requests.items() if any(way in request for way in WAYS)}
    mixed = [address for address, held in claim.holdings.items() if held.request in nodes]
    mixed += [name for name, held in claim.node_devices.items() if held.request not in nodes]
    if mixed:
        raise HostdevError(
            "held_device_mismatch",
            subject=f"{', '.join(mixed)}, held by {claim.owner}",
            found="the request that it serves asks for another kind of device now",
            wanted="a request of another name",
            remedy="give the new request another name, or release this one first",
        )


def _check_uses(host: NodeHost, claim: Claim, terms: Terms, *, fresh: t.Collection[str]) -> None:
    """A held device that the guest does not have may be in use by the host again: look before it is attached."""
    running = next((one.live for one in host.domains if one.uuid == claim.owner.id), None)
    for name, held in claim.node_devices.items():
        node = host.nodes.get(name)
        if name in fresh or node is None or node_mismatch(node, held) is not None:
            continue
        number = next(device_marks(node))
        if running is not None and any(one.mark == number for one in node_elements(running.xml)):
            continue
        guards = node_guards(host, node, claim.owner, terms.allow)
        if guards:
            raise HostdevError(
                "device_blocked",
                subject=name,
                found=_described(guards),
                wanted="a device that nothing keeps with the host",
                remedy="take it out of use on the host, or release it",
                details={"blockers": [one.as_dict() for one in guards]},
            )


def _check_functions(host: NodeHost, before: Claim, after: Claim) -> None:
    """Refuse to take a PCI function from under a USB or SCSI device that somebody holds."""
    claims = [*(one for one in host.tracker if one.owner.key != after.owner.key), after]
    for address in after.holdings.keys() - before.holdings.keys():
        for claim in claims:
            for name in claim.node_devices:
                if name in host.nodes and address in PCI_PARENT.findall(host.nodes[name].path or ""):
                    raise HostdevError(
                        "device_blocked",
                        subject=address,
                        found=f"{name} hangs on it, which is held by {claim.owner}",
                        wanted="a function that nothing held hangs on",
                        remedy=f"release {name} first, or ask for another function",
                    )


def _described(blockers: t.Iterable[Blocker]) -> str:
    return "; ".join(f"{one.code} ({one.address}: {one.detail})" for one in blockers)


def _names(requests: t.Iterable[Request]) -> set[str]:
    return {request.name for request in requests}
