# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From requests for USB and SCSI devices to what the owner's claim holds of them."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..claims.claim import Claim
from ..claims.usb_scsi import NodeHolding, node_identity, node_mismatch
from ..errors import HostdevError, few
from ..guards.usb_scsi import PCI_PARENT, node_guards
from ..guest.sources import device_marks
from ..guest.usb_scsi_xml import node_elements
from .refused.remedies import RELEASE, NextStep, Refusal, acceptance, advice, blocked, listed

if t.TYPE_CHECKING:
    from ..claims.claim import Owner
    from ..host.nodes.node_device import NodeDevice
    from ..requests.request import Request
    from ..requests.wish import Terms
    from ..snapshot import Snapshot
    from .choice import Asked

# The controllers of USB and of mass storage (PCI Code and ID Assignment Specification).
_CONTROLLER_CLASSES = ("0c03", "01")


def select_nodes(snapshot: Snapshot, asked: Asked, after: Claim) -> Claim:
    """The claim `after` with its USB and SCSI devices once the requests for such are served.

    A request keeps its device while that fits, and takes the first free one by name otherwise. Devices of requests
    that are not named stay. Raises HostdevError, as selection.select does.
    """
    owner, places, terms = asked.owner, asked.places, asked.wish.terms
    before = snapshot.tracker.claim_of(owner)
    wanted = [request for request in asked.wish.requests if request.node is not None]
    if wanted and owner.kind != "domain":
        raise HostdevError(
            "invalid_request",
            subject=f"request {wanted[0].name}",
            found=f"it asks for {wanted[0].describe()}, for {owner}",
            wanted="a domain: nothing is bound for a USB or SCSI device, it is only attached",
            remedy="set domain instead of owner, or ask for the PCI function that the device hangs on",
        )
    chosen = {name: held for name, held in after.node_devices.items() if held.request not in _names(wanted)}
    kept = {request.name: _keep(snapshot, before, request, terms) for request in wanted}
    chosen.update({held.name: replace(held, attach=places) for held in kept.values() if held is not None})
    for request in wanted:
        if kept[request.name] is None:
            held = _take(snapshot, asked, request, chosen)
            chosen[held.name] = replace(held, attach=places)
    written = {**after.requests, **{request.name: request for request in wanted}}
    made = replace(after, requests=written, node_devices=dict(sorted(chosen.items())))
    _check_kinds(made)
    _check_uses(snapshot, made, terms, fresh=chosen.keys() - before.node_devices.keys())
    _check_functions(snapshot, before, made)
    return made


def give_back_nodes(claim: Claim, *, names: t.Collection[str] = (), addresses: t.Collection[str] = ()) -> Claim:
    """What of a claim's USB and SCSI devices stays, see give_back: `addresses` may name them, too."""
    if not names and not addresses:
        return Claim(claim.owner)
    nodes = {
        name: held for name, held in claim.node_devices.items() if held.request not in names and name not in addresses
    }
    requests = {held.request: claim.requests[held.request] for held in nodes.values()}
    return Claim(claim.owner, requests, node_devices=nodes)


def requests_for_others(snapshot: Snapshot, asked: Asked) -> set[str]:
    """The names of the requests whose devices do not serve them any more, and are given back for others.

    A request with a second device, which a guest did not let go, keeps both. Raises HostdevError as select_nodes does
    where they may not be replaced.
    """
    before = snapshot.tracker.claim_of(asked.owner)
    served = [held.request for held in before.node_devices.values()]
    wanted = [one for one in asked.wish.requests if one.node is not None and served.count(one.name) == 1]
    return {request.name for request in wanted if _keep(snapshot, before, request, asked.wish.terms) is None}


def _keep(snapshot: Snapshot, before: Claim, request: Request, terms: Terms) -> NodeHolding | None:
    """The held device that goes on serving the request."""
    for held in before.node_devices.values():
        if held.request != request.name:
            continue
        node = snapshot.nodes.get(held.name)
        changed = None if node is None else node_mismatch(node, held)
        if node is None:
            misfit = "it is no longer on the host" + _elsewhere(snapshot, held)
        elif changed is not None:
            misfit = f"identity_changed: {changed}" + _elsewhere(snapshot, held)
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


def _elsewhere(snapshot: Snapshot, held: NodeHolding) -> str:
    """Where a device that tells itself from others by a serial is now."""
    if not (held.identity.get("serial") or held.identity.get("wwid")):
        return ""
    for node in snapshot.nodes.values():
        if node.capability == held.capability and node_mismatch(node, held) is None:
            return f", it moved to {node.name}"
    return ""


def _take(snapshot: Snapshot, asked: Asked, request: Request, chosen: t.Mapping[str, NodeHolding]) -> NodeHolding:
    refused: dict[str, Refusal] = {}
    for _name, node in sorted(snapshot.nodes.items()):
        if request.node is None or not request.node.fits(node):
            continue
        why = _taken_by(snapshot, asked.owner, node, chosen)
        if why is None:
            guards = node_guards(snapshot, node, asked.owner, asked.wish.terms.allow)
            if not guards:
                return NodeHolding(node.name, node.capability or "", request.name, node_identity(node))
            why = blocked(guards)
        refused[node.name] = why
    if not refused:
        raise HostdevError(
            "no_such_device",
            subject=f"request {request.name}",
            found="there is no such device on this host" + _away(snapshot),
            wanted=request.describe(),
            remedy="see the devices with kvm.hostdev.pci_facts, and plug it in",
        )
    raise _all_blocked(request, refused)


def _all_blocked(request: Request, refused: t.Mapping[str, Refusal]) -> HostdevError:
    """The error when devices fit the request, and none of them is to be had."""
    names = [*refused]
    steps = [step for refusal in refused.values() for step in refusal.steps]
    remedies = [*advice(steps, subject=names[0] if len(names) == 1 else None), acceptance(refused.values())]
    told = {name: refusal.text for name, refusal in refused.items()}
    return HostdevError(
        "device_blocked",
        subject=f"{few(names)}, asked for by request {request.name}",
        found=listed(refused) if len(names) > 1 else told[names[0]],
        wanted="a device that nothing keeps with the host and that is free",
        remedy="; or ".join(filter(None, remedies)),
        details={
            "blockers": [reason.as_dict() for refusal in refused.values() for reason in refusal.blockers],
            "refused": told,
        },
    )


def _taken_by(
    snapshot: Snapshot, owner: Owner, node: NodeDevice, chosen: t.Mapping[str, NodeHolding]
) -> Refusal | None:
    """Whom the device, the USB device it is part of, or a part of it is with already."""
    if node.name in chosen:
        name = chosen[node.name].request
        return Refusal(
            f"serves request {name} of the same owner", [NextStep(node.name, f"release request {name} first")]
        )
    others = (claim for claim in snapshot.tracker if claim.owner.key != owner.key)
    held = {name: str(claim.owner) for claim in others for name in claim.node_devices}
    held.update(dict.fromkeys(chosen, str(owner)))
    for name, whose in held.items():
        other = snapshot.nodes.get(name)
        release = [NextStep(name, f"release it from {whose} with {RELEASE}")]
        if name == node.name:
            return Refusal(f"held by {whose}", release)
        if other is not None and (_is_below(node, other.path) or _is_below(other, node.path)):
            return Refusal(f"{name}, which is the same device, is held by {whose}", release)
    return None


def _is_below(node: NodeDevice, path: str | None) -> bool:
    return path is not None and (node.path or "").startswith(f"{path}/")


def _away(snapshot: Snapshot) -> str:
    """Controllers that a guest may have: what hangs on them is not there for the host."""
    away = [
        address
        for address, device in snapshot.inventory.devices.items()
        if device.vfio and device.class_id.startswith(_CONTROLLER_CLASSES)
    ]
    return f"; what hangs on {', '.join(away)} can't be seen while a VFIO driver has that" if away else ""


def _check_kinds(claim: Claim) -> None:
    """Refuse that a request turns from a PCI function into another kind of device, or back, while it holds one."""
    nodes = {name for name, request in claim.requests.items() if request.node is not None}
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


def _check_uses(snapshot: Snapshot, claim: Claim, terms: Terms, *, fresh: t.Collection[str]) -> None:
    """A held device that the guest does not have may be in use by the host again: look before it is attached."""
    domain = snapshot.domain_of(claim.owner)
    running = None if domain is None else domain.live
    for name, held in claim.node_devices.items():
        node = snapshot.nodes.get(name)
        if name in fresh or node is None or node_mismatch(node, held) is not None:
            continue
        number = next(device_marks(node))
        if running is not None and any(element.mark == number for element in node_elements(running)):
            continue
        guards = node_guards(snapshot, node, claim.owner, terms.allow)
        if guards:
            why = blocked(guards)
            raise HostdevError(
                "device_blocked",
                subject=name,
                found=why.text,
                wanted="a device that nothing keeps with the host",
                remedy="; or ".join([*advice(why.steps, subject=name), f"release it with {RELEASE}"]),
                details={"blockers": [reason.as_dict() for reason in guards]},
            )


def _check_functions(snapshot: Snapshot, before: Claim, after: Claim) -> None:
    """Refuse to take a PCI function from under a USB or SCSI device that somebody holds."""
    claims = [*(claim for claim in snapshot.tracker if claim.owner.key != after.owner.key), after]
    for address in after.holdings.keys() - before.holdings.keys():
        for claim in claims:
            for name in claim.node_devices:
                if name in snapshot.nodes and address in PCI_PARENT.findall(snapshot.nodes[name].path or ""):
                    raise HostdevError(
                        "device_blocked",
                        subject=address,
                        found=f"{name} hangs on it, which is held by {claim.owner}",
                        wanted="a function that nothing held hangs on",
                        remedy=f"release {name} first, or ask for another function",
                    )


def _names(requests: t.Iterable[Request]) -> set[str]:
    return {request.name for request in requests}
