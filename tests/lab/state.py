# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a claim may change on a host, read back from the host itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .machine import Lab
from .play import PlayResult

RECORD = "/etc/ansible/facts.d/hostdev.fact"

# Few processes: under emulation each costs, and this is asked for a hundred times.
_SCRIPT = f"""
cd /sys/bus/pci/devices
find */driver -maxdepth 0 -printf 'driver %h %l\\n'
grep -H '' */driver_override
domains=$(virsh -q list --all | while read -r id name state; do
  echo "$name config --inactive"
  [ "$id" = - ] || echo "$name live"
done)
echo domains
echo "$domains"
echo xml
virsh -q "$(echo "$domains" | while read -r name place option; do echo "dumpxml $option $name;"; done)"
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
    return _state(lab.sh("sh", text=_SCRIPT).stdout)


def reading(name: str) -> dict[str, Any]:
    """Return a task NAME that reads all of it between other tasks of a playbook."""
    return {"name": name, "ansible.builtin.raw": _SCRIPT}


def state_at(result: PlayResult, name: str) -> HostState:
    """Return what the task NAME of 'reading' has read."""
    return _state(result.of(name).result["stdout"].replace("\r\n", "\n"))


def _state(said: str) -> HostState:
    functions, rest = said.split("domains\n", 1)
    places, rest = rest.split("xml\n", 1)
    definitions, record = rest.split("record\n", 1)
    drivers: dict[str, str] = {}
    overrides: dict[str, str] = {}
    for line in functions.splitlines():
        address, is_override, override = line.partition("/driver_override:")
        if is_override:
            overrides[address] = override
        else:
            _word, address, link = line.split(" ", 2)
            drivers[address] = link.rpartition("/")[2]
    names = [(name, place) for name, place, *_option in map(str.split, places.splitlines())]
    end = "</domain>\n"
    texts = [f"{text.lstrip()}{end}" for text in definitions.split(end)[:-1]]
    return HostState(
        {address: (drivers.get(address, ""), override) for address, override in overrides.items()},
        dict(zip(names, texts, strict=True)),
        record.removesuffix("\n"),
    )
