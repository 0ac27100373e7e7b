# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a claim may change on a host, read back from the host itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .machine import Lab

RECORD = "/etc/ansible/facts.d/hostdev.fact"

_SCRIPT = f"""
for device in /sys/bus/pci/devices/*; do
  echo "bind ${{device##*/}} $(basename "$(readlink $device/driver)") $(cat $device/driver_override)"
done
for domain in $(virsh -q list --all --name); do
  echo "xml $domain config"
  virsh dumpxml --inactive $domain
  if virsh -q list --name | grep -qx $domain; then
    echo "xml $domain live"
    virsh dumpxml $domain
  fi
done
echo record
cat {RECORD} 2> /dev/null
true
"""


@dataclass(frozen=True)
class HostState:
    """Driver and override by address, domain XML by name and place, and the record's text, empty without one."""

    bindings: dict[str, tuple[str, str]]
    domains: dict[tuple[str, str], str]
    record: str

    def driver(self, address: str) -> str:
        """Return a function's driver, empty without one."""
        return self.bindings[address][0]

    def has_hostdev(self, domain: str, place: str, address: str) -> bool:
        """Return whether a domain's XML has the function at ADDRESS as a source."""
        segment, bus, rest = address.split(":")
        slot, function = rest.split(".")
        source = f"<address domain='0x{segment}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'/>"
        return source in self.domains.get((domain, place), "")

    def claims(self) -> list[dict[str, Any]]:
        """Return the claims on record."""
        return json.loads(self.record)["claims"] if self.record else []


def read_state(lab: Lab) -> HostState:
    """Read all of it, in one go."""
    bindings: dict[str, tuple[str, str]] = {}
    domains: dict[tuple[str, str], str] = {}
    record: list[str] | None = None
    open_xml: tuple[str, str] | None = None
    for line in lab.sh("sh", text=_SCRIPT).stdout.splitlines():
        words = line.split(" ")
        if record is not None:
            record.append(line)
        elif words[0] == "bind":
            bindings[words[1]] = (" ".join(words[2:-1]), words[-1])
        elif words[0] == "xml":
            open_xml = (words[1], words[2])
            domains[open_xml] = ""
        elif line == "record":
            record = []
        elif open_xml is not None:
            domains[open_xml] += line + "\n"
    return HostState(bindings, domains, "\n".join(record or ()))
