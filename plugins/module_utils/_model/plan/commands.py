# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps as shell commands, for an administrator who must mend what could not be undone."""

from __future__ import annotations

import shlex
import typing as t
import xml.etree.ElementTree as ET

from ..guest.domain import CONFIG
from .root_ports import root_port_xml
from .steps import HostdevStep, RootPortsStep, VfSettingsStep

if t.TYPE_CHECKING:
    from .steps import Step


def by_hand(step: Step) -> str:
    """The command that does a step, in one line and for any POSIX shell, whatever XML and the record hold."""
    if isinstance(step, HostdevStep):
        action = "attach-device" if step.after else "detach-device"
        return _virsh(action, step.uuid, step.after or step.before or "", step.place)
    if isinstance(step, RootPortsStep):
        action = "attach-device" if set(step.before) < set(step.after) else "detach-device"
        changed = sorted(set(step.before) ^ set(step.after), reverse=action == "detach-device")
        return "; ".join(_virsh(action, step.uuid, root_port_xml(index), CONFIG) for index in changed)
    if isinstance(step, VfSettingsStep):
        words = {"trust": "trust", "spoof_check": "spoofchk"}
        settings = " ".join(f"{words[name]} {'on' if value else 'off'}" for name, value in step.after.items())
        folder = shlex.quote(f"/sys/bus/pci/devices/{step.pf}/net")
        return f'ip link set "$(ls {folder} | head -n 1)" vf {shlex.quote(str(step.index))} {settings}'
    device = f"/sys/bus/pci/devices/{step.address}"
    override = shlex.quote(step.after.override) if step.after.override else ""
    commands = [f"echo {override} > {shlex.quote(f'{device}/driver_override')}"]
    if step.before.driver:
        commands.append(f"echo {shlex.quote(step.address)} > {shlex.quote(f'{device}/driver/unbind')}")
    if step.after.driver:
        commands.append(f"echo {shlex.quote(step.address)} > /sys/bus/pci/drivers_probe")
    return "; ".join(commands)


def _virsh(action: str, uuid: str, xml: str, place: str) -> str:
    quoted = shlex.quote(_on_one_line(xml))
    return f"printf %s {quoted} | virsh {action} {shlex.quote(uuid)} /dev/stdin --{shlex.quote(place)}"


def _on_one_line(xml: str) -> str:
    """An element without the white space between its parts; what is no XML as it is."""
    try:
        element = ET.fromstring(xml)
    except ET.ParseError:
        return xml
    for part in element.iter():
        part.text = part.text if (part.text or "").strip() else None
        part.tail = part.tail if (part.tail or "").strip() else None
    return ET.tostring(element, encoding="unicode")
