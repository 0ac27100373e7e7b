# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diff of a plan: each device's driver, and each touched XML of the domain, before and after."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ..errors import one_line
from ..guest.domain import CONFIG, PLACES, parse_layout
from .root_ports import root_port_xml
from .steps import DriverStep, HostdevStep, RootPortsStep, VfSettingsStep
from .usb_scsi import element_of

if t.TYPE_CHECKING:
    from ..guest.domain import Domain
    from .plan import Plan
    from .steps import Step


def settings_diff(plan: Plan) -> list[dict[str, str]]:
    """At most one entry in the form Ansible prints: the settings of all VFs that change."""
    steps = [step for step in plan.steps if isinstance(step, VfSettingsStep)]
    if not steps:
        return []

    def lines(after: bool) -> str:
        return "".join(
            " ".join([step.address, *(f"{name}={'on' if value else 'off'}" for name, value in settings.items())]) + "\n"
            for step in steps
            for settings in [step.after if after else step.before]
        )

    return [
        {
            "before_header": "VF settings",
            "after_header": "VF settings",
            "before": lines(after=False),
            "after": lines(after=True),
        }
    ]


def drivers_diff(plan: Plan) -> list[dict[str, str]]:
    """At most one entry in the form Ansible prints: the bindings of all functions whose driver changes."""
    steps = [step for step in plan.steps if isinstance(step, DriverStep)]
    if not steps:
        return []

    def lines(after: bool) -> str:
        return "".join(
            f"{step.address} driver={binding.driver or 'none'} driver_override={binding.override or 'unset'}\n"
            for step in steps
            for binding in [step.after if after else step.before]
        )

    return [
        {
            "before_header": "drivers",
            "after_header": "drivers",
            "before": lines(after=False),
            "after": lines(after=True),
        }
    ]


def domain_diff(plan: Plan, before: Domain, after: Domain | None) -> list[dict[str, str]]:
    """An entry for each XML of the domain that the plan touches.

    `after` is the domain as read back, None in check mode: then its XML is foretold, without the guest addresses
    that libvirt will choose.
    """
    found = []
    for place in PLACES:
        steps = [step for step in plan.steps if _in_place(step, place)]
        layout = before.layout(place)
        if not steps or layout is None:
            continue
        after_layout = after.layout(place) if after is not None else None
        found.append(
            {
                "before_header": one_line(f"domain {before.name} ({place})"),
                "after_header": one_line(f"domain {before.name} ({place})"),
                "before": _normal(ET.fromstring(layout.xml)),
                "after": _normal(ET.fromstring(after_layout.xml))
                if after_layout is not None
                else _foretold(layout.xml, steps),
            }
        )
    return found


def _in_place(step: Step, place: str) -> bool:
    return step.place == place if isinstance(step, HostdevStep) else isinstance(step, RootPortsStep) and place == CONFIG


def _foretold(xml: str, steps: t.Iterable[Step]) -> str:
    domain = ET.fromstring(xml)
    devices = domain.find("devices")
    if devices is None:
        devices = ET.SubElement(domain, "devices")
    for step in steps:
        if isinstance(step, RootPortsStep):
            devices.extend(ET.fromstring(root_port_xml(index)) for index in step.after if index not in step.before)
            continue
        if not isinstance(step, HostdevStep):
            continue
        if step.after is not None:
            devices.append(ET.fromstring(step.after))
            continue
        for element in list(devices):
            alone = ET.Element("domain")
            ET.SubElement(alone, "devices").append(element)
            if element_of(parse_layout(ET.tostring(alone, encoding="unicode")), step) is not None:
                devices.remove(element)
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
