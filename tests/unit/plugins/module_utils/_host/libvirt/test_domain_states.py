# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Domains that change in the middle of a claim, and a libvirt that goes away in it."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import binder as binding
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.changes import DomainChanges
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    LIVE,
    PAUSED,
    LibvirtError,
    domain_xml,
)

VF1, VF2 = "0000:01:10.0", "0000:01:10.2"
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}
LOST = LibvirtError("internal error: client socket is closed", 1)
READS = ("listAllDomains", "lookupByUUIDString", "isPersistent", "isActive")


@pytest.fixture
def host(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    return lab_host


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def before_the(host, number, happens):
    """Let something happen once, right before the domain is changed for the n-th time."""
    plain = host.libvirt.changes
    due = [happens]

    def changes(what):
        if due and len(host.libvirt.log) + 1 == number:
            due.pop()()
        plain(what)

    host.libvirt.changes = changes


# A claim of one VF changes the definition first, then the running domain.


@pytest.mark.parametrize("number", [1, 2])
def test_a_domain_that_is_shut_off_in_mid_claim_gets_the_device_in_its_definition(host, number):
    before_the(host, number, lambda: host.domain.xml.update({LIVE: None}))
    outcome = host.claim(NIC)
    assert f"domain web1 was shut off meanwhile: {VF1} comes with its next start" in outcome.warnings
    assert "hostdev" in host.domain.xml[CONFIG]
    assert (host.kernel.driver(VF1), host.record["journal"]) == ("vfio-pci", None)
    assert not host.claim(NIC).changed


def test_a_domain_that_is_shut_off_before_a_claim_of_the_running_one_has_the_device_claimed_only(host):
    before_the(host, 1, lambda: host.domain.xml.update({LIVE: None}))
    outcome = host.claim(NIC, attach=("live",))
    assert f"domain web1 was shut off meanwhile: {VF1} is claimed and bound, and attached nowhere" in outcome.warnings
    assert host.kernel.driver(VF1) == "vfio-pci"


def test_a_domain_that_is_gone_in_mid_claim_is_an_error_and_all_is_undone(host):
    before_the(host, 1, host.libvirt.remove_all)

    def gone(_xml, _flags):
        host.libvirt.changes("attach")
        raise LibvirtError("Domain not found", 42)

    host.domain.attachDeviceFlags = gone
    assert refused(host.claim, NIC).code == "attach_failed"
    assert (host.kernel.driver(VF1), host.record["claims"], host.record["journal"]) == ("igbvf", [], None)


def test_a_running_domain_that_is_undefined_before_its_definition_is_changed_is_told(host):
    host.domain.isPersistent = lambda: int(host.kernel.driver(VF1) != "vfio-pci")
    failed = refused(host.claim, NIC)
    assert (failed.code, failed.found) == ("attach_failed", "the domain has no definition")
    assert host.kernel.driver(VF1) == "igbvf"


def test_a_paused_domain_gets_the_device_live_all_the_same(host):
    host.domain.standing = PAUSED
    host.claim(NIC)
    assert "hostdev" in host.domain.xml[LIVE]


def test_a_renamed_domain_keeps_its_claim_and_the_record_follows(host):
    host.claim(NIC)
    host.domain._name = "web2"
    assert not host.claim(NIC, domain="web2").changed
    host.claim({**NIC, "count": 2}, domain="web2")
    assert [claim["owner"]["label"] for claim in host.record["claims"]] == ["web2"]
    assert host.release(domain="web2").changed
    assert host.record["claims"] == []


def test_a_domains_old_name_is_nobodys_once_it_is_renamed(host):
    host.claim(NIC)
    host.domain._name = "web2"
    outcome = host.release(domain="web1")
    assert (outcome.changed, outcome.warnings) == (False, ["there is no domain web1, and no claim of one"])


@pytest.mark.parametrize("kind", ["LXC", "Xen", "VBOX", "BHYVE"])
def test_a_domain_of_another_hypervisor_gets_nothing(host, kind):
    host.libvirt.getType = lambda: kind
    before = host.host_state()
    failed = refused(host.claim, NIC)
    assert (failed.code, failed.found) == ("wrong_hypervisor", f"the connection is to {kind}")
    assert (host.host_state(), host.record_or_none()) == (before, None)


@pytest.mark.parametrize(
    ("kind", "uri"),
    [
        ("LXC", "lxc:///system"),
        ("Xen", "xen:///system"),
        ("TEST", "test:///default"),
        ("QEMU", "qemu:///session"),
        ("QEMU", "qemu:///embed?root=/tmp/x"),
    ],
)
@pytest.mark.parametrize("wish", [{"orphans": True}, {"domain": "web1"}])
def test_a_connection_that_cannot_know_the_domain_does_not_make_its_devices_orphans(host, kind, uri, wish):
    host.domain.xml[LIVE] = None
    host.claim({"name": "nic", "address": VF1}, attach=("config",))
    host.libvirt.getType, host.libvirt.getURI = lambda: kind, lambda: uri
    host.libvirt.domains.clear()
    before = host.record
    failed = refused(host.release, **wish)
    assert (failed.code, failed.remedy) == ("wrong_hypervisor", "set uri to qemu:///system")
    assert (host.record, host.kernel.driver(VF1)) == (before, "vfio-pci")


@pytest.mark.parametrize("uri", ["qemu:///system", "qemu+unix:///system"])
def test_orphans_are_released_by_the_systems_own_libvirt(host, uri):
    host.domain.xml[LIVE] = None
    host.claim({"name": "nic", "address": VF1}, attach=("config",))
    host.libvirt.getURI = lambda: uri
    host.libvirt.domains.clear()
    assert host.release(orphans=True).changed
    assert host.kernel.driver(VF1) == "igbvf"


def test_a_free_owners_devices_are_released_whatever_libvirt_is_there(host):
    host.claim({"name": "nic", "address": VF1}, owner="dpdk0", attach=())
    host.libvirt.getType, host.libvirt.getURI = lambda: "LXC", lambda: "lxc:///system"
    assert host.release(owner="dpdk0").changed


def test_an_express_device_in_a_machine_without_express_comes_with_a_warning(host):
    host.domain.xml = {CONFIG: domain_xml(ports=0, machine="pci-root"), LIVE: None}
    warnings = [text for text in host.claim(NIC).warnings if "no PCI Express" in text]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{VF1} is a PCI Express device, and the machine of domain web1 has no PCI Express")
    assert not any("no PCI Express" in text for text in host.claim(NIC).warnings)


# A libvirt that goes away.


class Daemon:
    """Libvirt as a daemon: while it is down no call of its connections works."""

    def __init__(self, host, *, comes_back=True):
        self.libvirt = host.libvirt
        self.comes_back = comes_back
        self.up = True
        self.opened = 0
        host.libvirt.isAlive = lambda: int(self.up)
        host.system.domains = DomainChanges(host.libvirt, LibvirtError, reopen=self.reopen, reconnect_timeout=0.0)

    def stop(self):
        self.up = False
        for name in READS:
            self.libvirt.fail_call(name, LOST)

    def start(self):
        self.up = True
        self.libvirt._hooks.clear()

    def reopen(self):
        if not self.comes_back:
            raise LibvirtError("Failed to connect socket to '/var/run/libvirt/libvirt-sock'", 38)
        self.opened += 1
        self.start()
        return self.libvirt

    def stops_before(self, host, number):
        before_the(host, number, self._break)

    def _break(self):
        self.stop()
        raise LOST


@pytest.mark.parametrize("number", [1, 2])
def test_a_libvirt_that_is_restarted_in_mid_claim_does_not_keep_it_from_its_end(host, number):
    daemon = Daemon(host)
    daemon.stops_before(host, number)

    outcome = host.claim(NIC)
    assert (outcome.changed, daemon.opened) == (True, 1)
    assert "hostdev" in host.domain.xml[CONFIG]
    assert "hostdev" in host.domain.xml[LIVE]
    assert host.record["journal"] is None


@pytest.mark.parametrize("number", [1, 2])
def test_a_libvirt_that_stays_away_gets_the_drivers_back_and_names_what_is_left(host, number):
    daemon = Daemon(host, comes_back=False)
    daemon.stops_before(host, number)
    before = host.host_state()
    failed = refused(host.claim, NIC)
    assert failed.code == "no_libvirt"
    assert host.kernel.driver(VF1) == "igbvf"
    assert len(failed.details["commands"]) == number
    assert all("| virsh detach-device " in command for command in failed.details["commands"])
    assert host.record["journal"]["operation"] == "claim"

    host.libvirt.changes = host.libvirt.log.append
    daemon.start()
    outcome = host.release(owner="nobody")
    assert outcome.recovered
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == ([], None)


def test_a_driver_is_not_given_back_while_a_guest_has_the_device_and_libvirt_can_not_say_so(host, monkeypatch):
    """QEMU lives on when libvirt is stopped; the unbind would wait in the kernel for it."""
    monkeypatch.setattr(binding, "_CLOSING_SECONDS", 0.0)
    daemon = Daemon(host, comes_back=False)
    daemon.stops_before(host, 2)
    group = host.tree.link_target(f"/sys/bus/pci/devices/{VF1}/iommu_group").rpartition("/")[2]
    (host.root / "proc/4711/fd").mkdir(parents=True)
    (host.root / "proc/4711/comm").write_text("qemu-system-x86\n")

    def opened(what):
        if host.libvirt.log:
            (host.root / "proc/4711/fd/33").symlink_to(f"/dev/vfio/{group}")
            daemon._break()
        host.libvirt.log.append(what)

    host.libvirt.changes = opened
    failed = refused(host.claim, NIC)
    assert host.kernel.driver(VF1) == "vfio-pci"
    assert failed.details["undo_failed"]["code"] == "device_in_use"
    assert "process 4711 (qemu-system-x86) has /dev/vfio/" in failed.details["undo_failed"]["found"]
    assert len(failed.details["commands"]) == 3


# What an interrupted run left under way.


def test_a_domain_that_libvirt_still_changes_for_a_killed_run_is_waited_for_before_it_is_read(host):
    class KilledError(BaseException):
        pass

    plain = host.domain.attachDeviceFlags

    def killed(xml, flags):
        if flags == LIVE:
            raise KilledError
        return plain(xml, flags)

    host.domain.attachDeviceFlags = killed
    before = host.domain.xml[LIVE]
    with pytest.raises(KilledError):
        host.claim(NIC)
    host.domain.attachDeviceFlags = plain
    wanted = host.record["journal"]["steps"][-1]["after"]
    # What the killed run asked for comes true while its successor waits for its turn.
    host.domain.memoryStats = lambda: plain(wanted, LIVE)
    host.release(owner="nobody")
    assert host.domain.xml[LIVE].count("hostdev") == before.count("hostdev") == 0
    assert host.kernel.driver(VF1) == "igbvf"


def test_a_domain_that_stays_busy_is_waited_for_and_then_keeps_nobody_from_anything(host):
    host.libvirt.fail(2, LibvirtError("internal error: x"))
    host.kernel.fail(4, OSError(5, "Input/output error"))  # the undo fails too
    refused(host.claim, NIC)
    assert host.record["journal"] is not None
    host.libvirt.fail_call(
        "memoryStats",
        LibvirtError("Timed out during operation: cannot acquire state change lock (held by monitor=x)", 68),
    )
    outcome = host.release(owner="nobody")
    assert "virsh domjobinfo" in outcome.warnings[1]
    assert host.record["journal"] is None
    assert (host.kernel.driver(VF1), host.record["claims"]) == ("igbvf", [])
