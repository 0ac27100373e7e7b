# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: libvirt's XML, of node devices and of domains."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import (
    Domain,
    parse_layout,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain_uses import uses_by_address
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.numa import numa_cells
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.sources import DomainSources
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import NumaNode
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_fields import CAPABILITIES, FIELDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_xml import mark_hubs, parse_node_device
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.diff import domain_diff
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import HostdevStep
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA

from .source import Source
from .target import Target

_A = "0000:01:10.0"
_NODES = {0: NumaNode(frozenset({0, 1}), 0), 1: NumaNode(frozenset({2, 3}), 1)}
_RECORDED = re.findall(
    r"<device>.*?</device>", (DATA / "lab-trixie.nodedevs.xml").read_text(encoding="utf-8"), re.DOTALL
)
_STICK = parse_node_device(next(text for text in _RECORDED if "type='usb_device'" in text))
_VALUES = (
    "0",
    "1",
    "0x01",
    "0xff",
    "-1",
    "yes",
    "no",
    "pci",
    "usb",
    "hostdev",
    "0-3,^2",
    "16.0",
    "scsi_host0",
    UUID,
    _A,
)
_TAGS = (
    *("devices", "hostdev", "interface", "disk", "controller", "source", "address", "vendor", "product", "adapter"),
    *("graphics", "numatune", "memory", "memnode", "cputune", "vcpupin", "vcpu", "name", "uuid", "metadata", "sysinfo"),
)
_ATTRIBUTES = (
    *("type", "mode", "managed", "domain", "bus", "slot", "function", "index", "model", "id", "dev", "device", "uuid"),
    *("name", "target", "unit", "nodeset", "cpuset", "passwd", "ref", "speed", "validity", "number", "node"),
)
_NODE_TAGS = (
    *sorted(FIELDS),
    "iommuGroup",
    "numa",
    "pci-express",
    "vendor",
    "product",
    "ap-adapter",
    "channel_dev_addr",
)
_DOMAIN = domain_xml(
    hostdev_xml(_A, managed=True, guest_address="<address type='pci' bus='0x01'/>"),
    "<hostdev mode='subsystem' type='usb'><source><vendor id='0x0781'/><product id='0x5567'/></source></hostdev>",
    "<hostdev type='scsi'><source><adapter name='scsi_host2'/>"
    "<address bus='0' target='1' unit='2'/></source></hostdev>",
    "<disk type='block'><source dev='/dev/sdb'/></disk>",
    extra="<interface type='hostdev'><source><address type='pci' domain='0' bus='2' slot='0' function='0'/></source>"
    "</interface>",
).replace("<devices>", "<vcpu cpuset='0-1'>2</vcpu><numatune><memory nodeset='0'/></numatune><devices>")


def _node_device(data: bytes) -> None:
    _check_node_device(data.decode("utf-8", "replace"))


def _check_node_device(text: str) -> None:
    devices = mark_hubs([parse_node_device(text), _STICK])
    json.dumps(devices[0].as_dict(), allow_nan=False)
    DomainSources([parse_layout(_DOMAIN)]).take(devices[0])


def _domain(data: bytes) -> None:
    _check_domain(data.decode("utf-8", "replace"))


def _check_domain(text: str) -> None:
    layout = parse_layout(text)
    uses_by_address([Domain("web1", UUID, layout, layout)])
    numa_cells(layout, _NODES)
    DomainSources([layout]).take(_STICK)
    for address, assigned in layout.assigned.items():
        step = HostdevStep(address, "web1", UUID, "config", assigned.xml, None)
        domain = Domain("web1", UUID, layout, None)
        (diff,) = domain_diff(Plan("release", (step,), Claim(WEB), Claim(WEB)), domain, None)
        assert address not in parse_layout(diff["after"]).assigned, address


def _element(source: Source, tag: str, tags: tuple[str, ...], depth: int) -> ET.Element:
    element = ET.Element(tag)
    for name in source.some(_ATTRIBUTES, 4):
        element.set(name, _xml_text(source.text((*_VALUES, *_KINDS))))
    if depth and source.below(3):
        for _turn in range(source.below(5)):
            element.append(_element(source, source.pick(tags), tags, depth - 1))
    else:
        element.text = _xml_text(source.text(_VALUES))
    return element


def _xml_text(text: str) -> str:
    """What XML can hold: libvirt prints no other characters."""
    return re.sub("[^\\t\\n\\x20-\\ud7ff\\ue000-\\ufffd]", "", text)


_KINDS = tuple(sorted(CAPABILITIES))


def _built_node_device(data: bytes) -> None:
    source = Source(data)
    root = ET.Element("device")
    ET.SubElement(root, "name").text = _xml_text(source.text(("pci_0000_01_00_0", "net_eth0")))
    for _turn in range(source.below(3)):
        capability = _element(source, "capability", (*_NODE_TAGS, "capability"), 3)
        capability.set("type", source.pick(_KINDS))
        root.append(capability)
    _check_node_device(ET.tostring(root, encoding="unicode"))


def _built_domain(data: bytes) -> None:
    source = Source(data)
    root: Any = _element(source, "domain", _TAGS, 3)
    devices = ET.SubElement(root, "devices")
    for _turn in range(source.below(6)):
        devices.append(_element(source, source.pick(_TAGS), _TAGS, 2))
    for _turn in range(source.below(3)):
        hostdev = _element(source, source.pick(("hostdev", "interface", "disk")), _TAGS, 1)
        hostdev.set("type", source.pick(("pci", "hostdev", "nvme", "usb", "scsi", "mdev")))
        place = ET.SubElement(ET.SubElement(hostdev, "source"), "address")
        for part in ("domain", "bus", "slot", "function"):
            place.set(part, _xml_text(source.text(_VALUES)))
        devices.append(hostdev)
    _check_domain(ET.tostring(root, encoding="unicode"))


TARGETS = (
    Target(
        "node devices, text",
        _node_device,
        tuple(text.encode() for text in _RECORDED),
        tuple(f"<{tag}>" for tag in _NODE_TAGS),
    ),
    Target("node devices, built", _built_node_device, share=6),
    Target(
        "domains, text", _domain, (_DOMAIN.encode(),), tuple(f"<{tag}/>" for tag in _TAGS), documented=(ET.ParseError,)
    ),
    Target("domains, built", _built_domain, share=5),
)
