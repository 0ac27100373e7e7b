# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with claims of domains that autostart: what is done to it, how it is started again, what it shows then."""

from __future__ import annotations

import json
import shlex
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import guest, topology
from tests.lab.guest import GuestDevice
from tests.lab.machine import Lab
from tests.lab.play import PlayResult, play, tasks
from tests.lab.say import LabError
from tests.lab.self_booting import SelfBooting
from tests.lab.state import RECORD
from tests.lab.warm import warm

from . import changes, hardware, verdict
from .changes import Change
from .hardware import CLAIMED, Claimed
from .verdict import Card, Domain, Expected, Function, Seen, Verdict

PROGRAM = "/etc/kvm.hostdev/restore.pyz"
_ON_HOST = "/usr/lib/kvm-hostdev-lab/reboots.py"
_KEPT = "/root/kept"
_DOMAINS = tuple(sorted({card.domain for card in CLAIMED}))
_DAMAGE = {
    changes.TRUNCATED: f"truncate -s 700 {RECORD}",
    changes.GARBAGE: f"head -c 3000 /dev/urandom > {RECORD}",
    changes.OTHER_MACHINE: f'sed -i \'s/"machine_id": ".*"/"machine_id": "{"0123456789abcdef" * 2}"/\' {RECORD}',
    changes.NO_PROGRAM: f"rm -f {PROGRAM}",
}
#: What the kernel's own package does at its end.
_INSTALL_KERNEL = (
    "for image in /boot/vmlinuz-*; do "
    'DEB_MAINT_PARAMS=configure run-parts --arg="${image#*-}" --arg="$image" /etc/kernel/postinst.d; done'
)
_PF = {"address": topology.IGB_PF}


@dataclass(frozen=True)
class Boot:
    """One boot and what was found: `said` is what the host's own parts say of it, for who reads of a fault."""

    change: Change
    seen: Seen
    verdict: Verdict
    back: int
    said: dict[str, str]
    seconds: float

    def told(self) -> str:
        """Return it in one line."""
        domains = (f"{name} {'runs' if domain.runs else 'is off'}" for name, domain in self.seen.domains.items())
        faults = len(self.verdict.faults)
        end = f"{faults} faults" if faults else "as it should be"
        end += "".join(f"; {part}" for part in self.said if part.endswith("had ended"))
        there = f"{self.back} of {len(CLAIMED)} functions back"
        return f"{self.change.text}: {there}, {', '.join(domains)}; {end}; {self.seconds:.0f} s"


class Trial:
    """A host, and what is plugged into it. Only one that boots by itself is switched off and changed."""

    def __init__(self, host: Lab) -> None:
        self.host = host
        self.situation = changes.AS_CLAIMED
        self._record: dict[str, Any] = {}

    def prepare(self) -> None:
        """Make the host one that can start domains by itself, and define these."""
        host = self.host
        warm(host)
        host.put(Path(__file__).with_name("on_host.py").read_text(), _ON_HOST)
        host.sh("systemctl enable libvirtd.service")
        for name in _DOMAINS:
            host.sh("virsh -q define /dev/stdin", text=guest.domain_xml(name))

    def claim(self) -> PlayResult:
        """Claim all of it by a play."""
        return self.run(*self.claiming())

    def claiming(self) -> tuple[dict[str, Any], ...]:
        """Return tasks that make VFs and claim one of them for the first domain, whole cards for the second one.

        From then on the domains start with their host, which is why their devices are to come back with it.
        """
        autostart = "; ".join(f"virsh -q autostart {name}" for name in _DOMAINS)
        return (
            {"name": "autostart", "ansible.builtin.shell": autostart, "changed_when": False},
            {"name": "vfs", "kvm.hostdev.pci_sriov": {**_PF, "number": 4}},
            *(
                {
                    "name": f"claim for {name}",
                    "kvm.hostdev.pci_passthrough_claim": {
                        "domain": name,
                        "group_members": "claim",
                        "requests": [
                            {"name": card.name, "address": card.address}
                            for card in CLAIMED
                            if card.domain == name and card.guest
                        ],
                    },
                }
                for name in _DOMAINS
            ),
        )

    def release(self) -> PlayResult:
        """Release all of it again."""
        pf = {"address": topology.moved(topology.IGB_PF, self.situation.ports)}
        return self.run(
            *(
                {"name": f"release of {name}", "kvm.hostdev.pci_passthrough_release": {"domain": name}}
                for name in _DOMAINS
            ),
            {"name": "no vfs", "kvm.hostdev.pci_sriov": {**pf, "state": "absent"}},
        )

    def run(self, *wanted: dict[str, Any]) -> PlayResult:
        """Run tasks, which must not fail."""
        result = play(self.host.inventory(), tasks(*wanted))
        if result.code:
            raise LabError(result.output)
        return result

    def reboot(self, change: Change, broken_off: Callable[[], object] | None = None) -> Boot:
        """Change the host, start it again, look, and mend what was damaged.

        With BROKEN_OFF the power is cut when it returns, and the host started once more.
        """
        began = time.monotonic()
        kept = " ".join(shlex.quote(path) for path in (RECORD, PROGRAM))
        damage = _DAMAGE.get(change.damage, "true")
        keep = f"rm -rf {_KEPT}; mkdir {_KEPT}; cp -a --parents {kept} {_KEPT}; cat {RECORD}; {damage}"
        self._record = json.loads(self.host.sh(keep).stdout)
        if change.kernel:
            self.host.sh(_INSTALL_KERNEL, timeout=600)
        self.situation = change.situation
        if change.cut is not None:
            seconds = change.cut
            broken_off = lambda: time.sleep(seconds)  # noqa: E731
        if isinstance(self.host, SelfBooting):
            self.host.power_cycle(hardware.devices(self.situation), broken_off=broken_off)
        else:
            self.host.reboot()
        looked: dict[str, Any] = json.loads(self.host.sh(f"python3 {_ON_HOST}").stdout)
        seen = self._seen(looked)
        expected = self._expected(change, looked["record"])
        found = verdict.verdict(expected, seen)
        if change.damage:
            self.host.sh(f"cp -a {_KEPT}/* /")
        back = sum(verdict.came_back(card, seen) for card in expected.cards)
        said = {part: looked[part] for part in ("journal", "restored", "libvirt")}
        said.update({f"{name}, which had ended": log for name, log in looked["ended"].items()})
        said["facts"] = f"{seen.drift} {seen.facts}"
        return Boot(change, seen, found, back, said, time.monotonic() - began)

    def _seen(self, looked: dict[str, Any]) -> Seen:
        drift, error = self._facts()
        return Seen(
            {address: Function(*function) for address, function in looked["functions"].items()},
            {
                name: Domain(
                    domain["runs"],
                    tuple(domain["defined"]),
                    tuple(domain["running"]),
                    self._guest(name) if domain["runs"] else (),
                )
                for name, domain in looked["domains"].items()
            },
            tuple(looked["failed"]),
            drift,
            error,
        )

    def _facts(self) -> tuple[tuple[tuple[str, str], ...], str]:
        """Return code and address of each difference that the facts tell, and their error or warning of the record."""
        facts = {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["drift", "claims"]}}
        result = play(self.host.inventory(), tasks(facts)).of("facts")
        if result.status == "failed":
            return (), str(result.result["msg"])
        drift = result.result["ansible_facts"]["hostdev"]["drift"]
        warnings = [warning for warning in result.result.get("warnings", ()) if RECORD in warning]
        return tuple((entry["code"], entry["address"]) for entry in drift), "; ".join(warnings)

    def _guest(self, name: str) -> tuple[str, ...]:
        """Return the ids of what the kernel of a guest sees once it sees all, or when it has had its time.

        Under nested emulation a kernel now and then never boots, without a word: such a guest is started again.
        """
        wanted = Counter(card.ids for card in CLAIMED if card.domain == name and card.guest)

        def sees_all(devices: list[GuestDevice]) -> bool:
            return not wanted - Counter(device.ids for device in devices)

        for attempt in range(2):
            try:
                return tuple(device.ids for device in self.host.wait_guest_pci(name, sees_all, 90))
            except LabError:
                if attempt or self.host.guest_pci(name):
                    break
                self.host.sh(f"virsh -q destroy {name}; virsh -q start {name}")
        return tuple(device.ids for device in self.host.guest_pci(name))

    def _expected(self, change: Change, record: str) -> Expected:
        good = change.damage in ("", changes.NO_PROGRAM)
        if good:
            self._record = json.loads(record)
        cards = []
        for claimed in CLAIMED:
            address, home = hardware.present(claimed, self.situation)
            recorded = _recorded(claimed, self._record)
            cards.append(
                Card(claimed.name, claimed.domain, claimed.ids, recorded, address, home=home, guest=claimed.guest)
            )
        return Expected(tuple(cards), record=good, program=change.damage != changes.NO_PROGRAM)


def _recorded(claimed: Claimed, record: dict[str, Any]) -> str:
    """Return where the record has a function: the first domain has one alone, the others tell by their serials."""
    for claim in record["claims"]:
        for device in claim["devices"]:
            if claim["owner"]["label"] == claimed.domain and claimed.serial in (None, device["identity"]["serial"]):
                address: str = device["address"]
                return address
    raise LabError(f"the {claimed.name} is not on record for {claimed.domain} any more:\n{json.dumps(record)}")
