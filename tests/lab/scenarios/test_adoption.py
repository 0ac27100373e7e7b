# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody gave to a guest by hand is read into the record; nothing else of the host is changed, then or after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.state import HostState, reading, state_at

VF = topology.IGB_VFS[0]
_ALIAS = "ua-left"
_DRIVERCTL = f"/etc/driverctl.d/pci-{VF}"


@pytest.fixture
def by_hand(lab: Lab, before: HostState) -> Iterator[None]:
    """A VF that driverctl binds at boot, bound now, and in the definition of web1 and its running guest."""
    domain, bus, rest = VF.split(":")
    slot, function = rest.split(".")
    address = f'domain="0x{domain}" bus="0x{bus}" slot="0x{slot}" function="0x{function}"'
    element = (
        f'<hostdev mode="subsystem" type="pci" managed="no"><source><address {address}/></source>'
        f'<alias name="{_ALIAS}"/></hostdev>'
    )
    device = f"/sys/bus/pci/devices/{VF}"
    driver = before.bindings[VF][0]
    lab.sh(
        f"mkdir -p /etc/driverctl.d && echo vfio-pci > {_DRIVERCTL}; modprobe vfio-pci; "
        f"echo vfio-pci > {device}/driver_override; "
        f"test ! -e {device}/driver || echo {VF} > {device}/driver/unbind; echo {VF} > /sys/bus/pci/drivers_probe; "
        "virsh -q attach-device web1 /dev/stdin --config --live",
        text=element,
    )
    yield
    lab.sh(
        f"rm -rf /etc/driverctl.d; virsh -q detach-device web1 /dev/stdin --config --live; sleep 2; "
        f"echo > {device}/driver_override; echo {VF} > {device}/driver/unbind; "
        f"{'true' if driver in ('none', '') else f'echo {VF} > /sys/bus/pci/drivers_probe'}",
        text=element,
        check=False,
    )


def test_a_guest_s_device_is_written_down_and_given_up_again_as_it_stands(
    lab: Lab, before: HostState, by_hand: None
) -> None:
    adopt = {"kvm.hostdev.pci_adopt": {"domains": ["web1"], "vfs": False}}
    result = play(
        lab.inventory(),
        tasks(
            reading("at first"),
            {"name": "foretold", **adopt, "check_mode": True},
            reading("once foretold"),
            {"name": "adopted", **adopt},
            reading("once adopted"),
            {"name": "again", **adopt},
            {"name": "audit", "kvm.hostdev.pci_reconcile": {}, "check_mode": True},
            {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["drift", "claims"]}},
            {"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}},
            reading("once released"),
        ),
    )
    assert result.code == 0, result.output
    adopted = result.of("adopted").result
    assert [result.of(name).status for name in ("foretold", "adopted", "again")] == ["changed", "changed", "ok"]
    assert result.of("foretold").result["lines"] == adopted["lines"]
    ((claim,), (device,)) = adopted["claims"], adopted["claims"][0]["devices"]
    assert (claim["owner"]["label"], device["address"], device["request"]) == ("web1", VF, "left")
    assert [(fighter["path"], fighter["line"]) for fighter in adopted["fighters"]] == [(_DRIVERCTL, 1)]
    assert result.of("audit").status == "ok"
    facts = result.of("facts").result["ansible_facts"]["hostdev"]
    assert (facts["drift"], len(facts["claims"])) == ([], 1)

    start = state_at(result, "at first")
    assert start.has_hostdev("web1", "config", VF)
    assert start.has_hostdev("web1", "live", VF)
    for when in ("once foretold", "once adopted", "once released"):
        state = state_at(result, when)
        assert (state.bindings, state.domains) == (start.bindings, start.domains)
    assert state_at(result, "once foretold").claims() == state_at(result, "once released").claims() == []
