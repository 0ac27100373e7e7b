# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that take USB and SCSI devices into a domain and out of it.

libvirt names a USB device by its ids, by its number on its bus, or by both, and shows both in a running domain; a SCSI
device by its adapter and address (https://libvirt.org/formatdomain.html#usb-pci-scsi-devices).
"""

from __future__ import annotations

import copy
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import replace

from ...claims.usb_scsi import held_node
from ...elements import parse_element, same_xml
from ...errors import HostdevError
from ...guest.domain import CONFIG, LIVE, PLACES
from ...guest.pci_xml import with_own_alias_only
from ...guest.sources import device_marks
from ...guest.usb_scsi_xml import (
    CONTROLLERS,
    Mark,
    NodeElement,
    names_only,
    node_elements,
    node_xml,
    only_one_with_its_ids,
)
from ...host.nodes.node_device import USB
from ..plan import CLAIM, Steps
from ..steps import NodeStep, of_kind

if t.TYPE_CHECKING:
    from ...claims.claim import Claim
    from ...claims.usb_scsi import NodeHolding
    from ...guest.domain import Domain, DomainLayout
    from ...host.nodes.node_device import NodeDevice, Nodes
    from ...snapshot import Snapshot
    from ..plan import Change, Plan
    from ..steps import Step


def node_steps(snapshot: Snapshot, change: Change) -> Steps:
    """The steps of the USB and SCSI devices: out of the domain, and into it.

    As with functions only what differs from the present becomes a step. An element that names a device by a number
    that it had before it was plugged in anew is taken out. Raises HostdevError when the guest has no controller.
    """
    domain = snapshot.domain_of(change.after.owner)
    if domain is None or not {*change.before.node_devices, *change.after.node_devices}:
        return Steps((), ())
    leave = nodes_leaving(snapshot.nodes, domain, change)
    return Steps(leave, [*_coming_back(domain, change), *_entering(snapshot.nodes, domain, change)])


def with_what_stood(nodes: Nodes, domain: Domain, before: Claim, after: Claim) -> Claim:
    """The claim `after` with what the domain has of the devices that it takes. What was seen first stays on record."""
    chosen = dict(after.node_devices)
    for name, held in after.node_devices.items():
        if name in before.node_devices:
            chosen[name] = replace(held, stood_before=before.node_devices[name].stood_before)
        elif name in nodes:
            stood = {
                place: element.xml
                for place in PLACES
                for element in _elements(domain, place)
                if names_only(element, nodes, nodes[name])
            }
            chosen[name] = replace(held, stood_before=stood)
    return replace(after, node_devices=chosen)


def _elements(domain: Domain, place: str) -> list[NodeElement]:
    layout = domain.layout(place)
    return [] if layout is None else node_elements(layout)


def nodes_leaving(nodes: Nodes, domain: Domain, change: Change) -> list[Step]:
    """The steps that take out of the domain what a change leaves there, of the running one first.

    What stood there before a device was claimed stays when the device is let go.
    """
    before, after = change.before.node_devices, change.after.node_devices
    steps: dict[tuple[str, Mark], Step] = {}
    for place in (LIVE, CONFIG):
        elements = _elements(domain, place)
        for held in (held for name, held in sorted(before.items()) if name not in after or change.operation == CLAIM):
            node = held_node(nodes, after[held.name]) if held.name in after else None
            for element in elements:
                stays = node is not None and names_only(element, nodes, node)
                stays = stays or (held.name not in after and _stood(held, place, element))
                if not stays and _was_for(element, nodes, held):
                    step = NodeStep(held.name, domain.name, domain.uuid, place, element.xml, None)
                    steps.setdefault((place, element.mark), step)
    return list(steps.values())


def _stood(held: NodeHolding, place: str, element: NodeElement) -> bool:
    """Whether an element was there before the claim: a running guest keeps what it had, whatever that is by now."""
    stood = held.stood_before.get(place)
    return stood is not None and (place == LIVE or same_xml(stood, element.xml))


def _coming_back(domain: Domain, change: Change) -> list[Step]:
    """What stood in the definition before the claim, of devices that are let go."""
    present = _elements(domain, CONFIG) if domain.config is not None else []
    return [
        NodeStep(name, domain.name, domain.uuid, CONFIG, None, held.stood_before[CONFIG])
        for name, held in sorted(change.before.node_devices.items())
        if domain.config is not None
        and name not in change.after.node_devices
        and CONFIG in held.stood_before
        and not any(_stood(held, CONFIG, element) for element in present)
    ]


def _entering(nodes: Nodes, domain: Domain, change: Change) -> list[Step]:
    steps: list[Step] = []
    for place in PLACES if change.operation == CLAIM else ():
        layout = domain.layout(place)
        if layout is None:
            continue
        elements = node_elements(layout)
        for name, held in sorted(change.after.node_devices.items()):
            node = held_node(nodes, held)
            if (
                node is None
                or place not in held.attach
                or any(names_only(element, nodes, node) for element in elements)
            ):
                continue
            by_ids = place == CONFIG and only_one_with_its_ids(nodes, node)
            xml = _as_it_stood(held, place, node_xml(node, by_ids=by_ids))
            steps.append(NodeStep(name, domain.name, domain.uuid, place, None, xml))
            _check_controller(domain, place, layout, node)
    return steps


def _as_it_stood(held: NodeHolding, place: str, xml: str) -> str:
    """The element with all that the one had that stood there before: it only names the device by another number."""
    if place not in held.stood_before:
        return xml
    made = with_own_alias_only(copy.deepcopy(parse_element(held.stood_before[place])))
    for source in made.findall("source"):
        made.remove(source)
    made.extend(copy.deepcopy(parse_element(xml)).findall("source"))
    return ET.tostring(made, encoding="unicode").strip()


def _was_for(element: NodeElement, nodes: Nodes, held: NodeHolding) -> bool:
    """Whether an element in its owner's domain is for a held device, which may be gone or have another number now."""
    if held.capability != USB:
        return "_".join(map(str, element.mark)) == held.name
    node = held_node(nodes, held)
    if node is not None and names_only(element, nodes, node):
        return True
    if element.ids != (held.identity.get("vendor_id"), held.identity.get("product_id")):
        return False
    # With its ids, and with a number that no other device with these has.
    return not any(
        element.mark == next(device_marks(other))
        and element.ids == (other.fields["vendor_id"], other.fields["product_id"])
        for other in nodes.values()
        if other.capability == USB and other.name != held.name
    )


def _check_controller(domain: Domain, place: str, layout: DomainLayout, node: NodeDevice) -> None:
    """Refuse what libvirt would refuse, or would mend by adding a controller that stays when the device is gone."""
    kind, suitable = CONTROLLERS[node.capability or ""]
    if any(
        controller.get("type") == kind and controller.get("model") != "none"
        for controller in layout.elements("devices/controller")
    ):
        return
    raise HostdevError(
        "no_usb_controller" if node.capability == USB else "no_scsi_controller",
        subject=f"domain {domain.name}",
        found=f"no {kind.upper()} controller in " + ("its definition" if place == CONFIG else "the running domain"),
        wanted=f"one, for {node.name}",
        remedy=f"add {suitable} to its <devices> with 'virsh edit {domain.name}', in place of one with model='none', "
        "then stop and start it",
    )


def number_warnings(plan: Plan) -> list[str]:
    """Warnings of USB devices that a definition can only name by a number that changes."""
    return [
        f"{step.address} is in the definition of domain {step.domain} by its number on its bus, since the host has "
        "another device with its ids: the number changes when it is plugged in anew or the host boots, and the "
        "domain does not start until it is claimed again"
        for step in of_kind(plan.steps, NodeStep)
        if step.place == CONFIG and step.attaches and (step.mark or "?")[0] == "usb"
    ]
