# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diff of a plan: each device's driver, and each touched XML of the domain, before and after."""

from __future__ import annotations

import copy
import typing as t
import xml.etree.ElementTree as ET

from ..errors import one_line
from ..guest.domain import PLACES
from .steps import KINDS

if t.TYPE_CHECKING:
    from ..guest.domain import Domain
    from .plan import Plan
    from .steps import Step


def host_diff(plan: Plan) -> list[dict[str, str]]:
    """At most one entry in the form Ansible prints for each part of the host: drivers, and the settings of VFs."""
    entries = []
    for section in dict.fromkeys(kind.section for kind in KINDS.values()):
        lines = [step.lines() for step in plan.steps if section is not None and step.section == section]
        if section is not None and lines:
            entries.append(
                {
                    "before_header": section,
                    "after_header": section,
                    "before": "".join(f"{before}\n" for before, _after in lines),
                    "after": "".join(f"{after}\n" for _before, after in lines),
                }
            )
    return entries


def domain_diff(plan: Plan, before: Domain, after: Domain | None) -> list[dict[str, str]]:
    """An entry for each XML of the domain that the plan touches.

    `after` is the domain as read back, None in check mode: then its XML is foretold, without the guest addresses
    that libvirt will choose.
    """
    entries = []
    for place in PLACES:
        steps = [step for step in plan.steps if step.place == place]
        layout = before.layout(place)
        if not steps or layout is None:
            continue
        after_layout = after.layout(place) if after is not None else None
        entries.append(
            {
                "before_header": one_line(f"domain {before.name} ({place})"),
                "after_header": one_line(f"domain {before.name} ({place})"),
                "before": _normal(copy.deepcopy(layout.root)),
                "after": _normal(copy.deepcopy(after_layout.root))
                if after_layout is not None
                else _foretold(copy.deepcopy(layout.root), steps),
            }
        )
    return entries


def _foretold(domain: ET.Element, steps: t.Iterable[Step]) -> str:
    devices = domain.find("devices")
    if devices is None:
        devices = ET.SubElement(domain, "devices")
    for step in steps:
        step.foretell(devices)
    return _normal(domain)


# libvirt shows passwords only when it is asked for them, which it is not. No plan changes any of these.
_SECRETS = frozenset({"passwd", "password"})
# What others keep in a definition: applications, the firmware's tables and files for the guest, arguments of QEMU.
_PRIVATE = frozenset({"metadata", "sysinfo", "{http://libvirt.org/schemas/domain/qemu/1.0}commandline"})


def _normal(element: ET.Element) -> str:
    """The domain printed so that two of them can be compared, without what may be secret: a diff ends up in logs."""
    for part in list(element):
        if part.tag in _PRIVATE:
            element.remove(part)
    for part in element.iter():
        for name in _SECRETS.intersection(part.attrib):
            part.set(name, "***")
        if part.text is not None and not part.text.strip():
            part.text = None
        if part.tail is not None and not part.tail.strip():
            part.tail = None
    ET.indent(element)
    return ET.tostring(element, encoding="unicode") + "\n"
