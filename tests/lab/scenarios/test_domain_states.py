# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domains that change in mid-claim, and a libvirtd that is restarted or stopped in it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab import broken, guest, topology
from tests.lab.machine import Lab
from tests.lab.state import HostState, read_state

VF = topology.IGB_VFS[0]
CLAIM = {"domain": "web1", "requests": [{"name": "nic", "address": VF}]}
DB1 = {**CLAIM, "domain": "db1"}
NOBODY = {"owner": "nobody"}
SOCKETS = "libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"


@pytest.fixture(autouse=True)
def restarted(code: None, lab: Lab) -> None:
    """A libvirtd that was restarted: it writes the XML of a running domain a little differently from the first one."""
    lab.sh("test -e /run/restarted || { systemctl restart libvirtd && touch /run/restarted; }")


@pytest.fixture
def without_kernel(lab: Lab) -> Iterator[None]:
    """The domain db1 without a kernel, which need not take part."""
    lab.sh("virsh -q define /dev/stdin", text=guest.domain_xml("db1", kernel=False))
    yield
    lab.sh("virsh -q define /dev/stdin", text=guest.domain_xml("db1"))


def _unchanged(lab: Lab, before: HostState) -> None:
    after = read_state(lab)
    assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, [])


@pytest.mark.parametrize("place", ["config", "live"])
def test_a_libvirtd_that_is_restarted_in_mid_claim_does_not_keep_it_from_its_end(
    lab: Lab, before: HostState, place: str
) -> None:
    done = broken.run(lab, "claim", CLAIM, f"attach {VF}, {place}", "sh systemctl restart libvirtd")
    assert done.returncode == 0, done.stdout + done.stderr
    state = read_state(lab)
    assert state.has_hostdev("web1", "config", VF)
    assert state.has_hostdev("web1", "live", VF)
    assert json.loads(state.record)["journal"] is None
    done = broken.run(lab, "release", {"domain": "web1"}, f"detach {VF}, live", "sh systemctl restart libvirtd")
    assert done.returncode == 0, done.stdout + done.stderr
    _unchanged(lab, before)


def test_a_libvirtd_that_is_stopped_for_good_gets_the_drivers_back_and_the_next_run_does_the_rest(
    lab: Lab, before: HostState
) -> None:
    stop = f"sh systemctl stop {SOCKETS} libvirtd"
    try:
        run = broken.run(lab, "claim", CLAIM, f"attach {VF}, config", stop, reconnect_timeout=3.0)
        failed = broken.outcome(run)["error"]
        assert failed["code"] == "no_libvirt", failed
        (command,) = failed["commands"]
        assert "| virsh detach-device " in command
        driver = lab.sh(f"basename $(readlink /sys/bus/pci/devices/{VF}/driver)").stdout.strip()
        assert driver == "igbvf"
    finally:
        lab.sh(f"systemctl start {SOCKETS}")
    done = broken.run(lab, "release", NOBODY)
    assert done.returncode == 0, done.stderr
    assert broken.outcome(done)["recovered"]
    _unchanged(lab, before)


def test_a_device_that_the_guest_may_have_stays_bound_while_libvirtd_is_gone(lab: Lab, before: HostState) -> None:
    """The live attach is done, then the record can't be closed, and libvirtd is gone for the undo."""
    stop = f"sh systemctl stop {SOCKETS} libvirtd; chattr +i /etc/ansible/facts.d"
    try:
        run = broken.run(lab, "claim", CLAIM, "record closed", stop, reconnect_timeout=3.0)
        failed = broken.outcome(run)["error"]
        assert failed["undo_failed"]["code"] == "device_in_use", failed
        assert "qemu" in failed["undo_failed"]["found"]
        driver = lab.sh(f"basename $(readlink /sys/bus/pci/devices/{VF}/driver)").stdout.strip()
        assert driver == "vfio-pci"
    finally:
        lab.sh(f"chattr -i /etc/ansible/facts.d; systemctl start {SOCKETS}")
    done = broken.run(lab, "release", NOBODY)
    assert done.returncode == 0, done.stdout + done.stderr
    _unchanged(lab, before)


def test_a_domain_that_is_destroyed_in_mid_claim_has_the_device_in_its_definition(
    lab: Lab, without_kernel: None, before: HostState
) -> None:
    lab.sh("virsh -q start db1")
    said = broken.outcome(broken.run(lab, "claim", DB1, f"attach {VF}, live", "sh virsh -q destroy db1"))
    assert f"domain db1 was shut off meanwhile: {VF} comes with its next start" in said["warnings"], said
    state = read_state(lab)
    assert state.has_hostdev("db1", "config", VF)
    assert broken.outcome(broken.run(lab, "claim", DB1))["changed"] is False
    assert broken.run(lab, "release", {"domain": "db1"}).returncode == 0
    _unchanged(lab, before)


def test_a_transient_domain_that_is_destroyed_in_mid_claim_leaves_nothing_behind(lab: Lab, before: HostState) -> None:
    transient = (
        guest.domain_xml("db1", kernel=False).replace("<name>db1", "<name>brief1").replace("0000000002<", "0000000009<")
    )
    lab.sh("virsh -q create /dev/stdin", text=transient)
    wish = {**CLAIM, "domain": "brief1"}
    failed = broken.outcome(broken.run(lab, "claim", wish, f"attach {VF}, live", "sh virsh -q destroy brief1"))["error"]
    assert failed["code"] == "attach_failed", failed
    _unchanged(lab, before)


def test_a_renamed_domain_keeps_its_claim(lab: Lab, before: HostState) -> None:
    assert broken.run(lab, "claim", DB1).returncode == 0
    lab.sh("virsh -q domrename db1 db2")
    try:
        assert broken.outcome(broken.run(lab, "claim", {**DB1, "domain": "db2"}))["changed"] is False
        assert broken.outcome(broken.run(lab, "release", {"domain": "db1"}))["changed"] is False
        assert broken.outcome(broken.run(lab, "release", {"domain": "db2"}))["changed"] is True
    finally:
        lab.sh("virsh -q domrename db2 db1")
    _unchanged(lab, before)


def test_a_machine_without_pci_express_takes_the_device_with_a_warning(lab: Lab, before: HostState) -> None:
    definition = (
        "<domain type='kvm'><name>old1</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='pc'>hvm"
        "</type></os><features><acpi/></features><devices><memballoon model='none'/></devices></domain>"
    )
    lab.sh("virsh -q define /dev/stdin", text=definition)
    try:
        lab.sh("virsh -q start old1")
        said = broken.outcome(broken.run(lab, "claim", {**CLAIM, "domain": "old1"}))
        assert any("no PCI Express" in text for text in said["warnings"]), said
        assert read_state(lab).has_hostdev("old1", "live", VF)
        lab.sh("virsh -q destroy old1")
        assert broken.run(lab, "release", {"domain": "old1"}).returncode == 0
    finally:
        lab.sh("virsh -q destroy old1 2> /dev/null; virsh -q undefine old1")
    _unchanged(lab, before)
