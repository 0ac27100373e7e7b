# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift that facts show, and a claim that does not mend it says so."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import drift
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, OTHER_UUID, domain_xml

VF, NVME = "0000:01:10.0", "0000:04:00.0"
NIC = {"name": "nic", "address": VF}


@pytest.fixture
def host(lab_host):
    return lab_host


def drifts(host):
    domains = host.system.domains.all()
    snapshot = Snapshot(host.system.inventory(domains), host.file.read().tracker, tuple(domains))
    return {(entry["code"], entry["address"]): entry["detail"] for entry in drift(snapshot)}


@pytest.mark.parametrize(
    ("place", "told"),
    [(CONFIG, "the running guest of {} has it, the definition lacks it"), (LIVE, "the definition of {} has it, ")],
)
def test_a_device_in_the_definition_or_the_guest_alone_is_drift_that_a_claim_mends(host, place, told):
    host.claim(NIC)
    assert drifts(host) == {}
    host.domain.xml[place] = domain_xml()
    (key, detail) = next(iter(drifts(host).items()))
    assert key == ("half_attached", VF)
    assert detail.startswith(told.format(f"domain web1 ({host.domain.UUIDString()})"))
    assert host.claim(NIC).changed
    assert drifts(host) == {}


def test_a_domain_that_is_shut_off_lacks_nothing(host):
    host.claim(NIC)
    host.domain.xml[LIVE] = None
    assert drifts(host) == {}


def test_a_domain_that_runs_with_the_device_of_another_owner_is_drift_and_warned_of(host):
    host.claim(NIC, owner="dpdk0")
    live = domain_xml(hostdev_xml(VF, managed=True), name="db1", uuid=OTHER_UUID)
    host.libvirt.define("db1", OTHER_UUID, live=live)
    assert ("used_by_another", VF) in drifts(host)
    outcome = host.claim(NIC, owner="dpdk0")
    assert f"{VF} is held by owner dpdk0, and domain db1 is running with it" in outcome.warnings


def test_a_device_that_the_domain_has_without_a_claim_is_warned_of(host):
    host.domain.xml[CONFIG] = domain_xml(hostdev_xml(NVME, managed=True))
    warnings = host.claim(NIC).warnings
    assert any(warning.startswith(f"{NVME} is with domain web1") for warning in warnings)


def test_a_held_device_that_does_not_answer_is_warned_of(host):
    host.claim(NIC, owner="dpdk0")
    config = host.root / f"sys/bus/pci/devices/{VF}/config"
    config.write_bytes(b"\xff" * len(config.read_bytes()))
    assert ("not_responding", VF) in drifts(host)
    assert f"{VF} does not answer: its config space reads all ones" in host.claim(NIC, owner="dpdk0").warnings


def test_a_device_that_has_no_interface_fits_no_devname_held_or_not(host):
    """Without its interface a held NIC goes on fitting, and a disk of the same owner never does."""
    name = next(iter((host.root / f"sys/bus/pci/devices/{VF}/net").iterdir())).name
    wish = {"name": "nic", "specs": [{"devname": name}]}
    disk = {"name": "disk", "address": NVME}
    host.claim(wish, disk)
    assert not host.claim(wish, disk).changed
    more = {"name": "more", "specs": [{"devname": name}]}
    with pytest.raises(Exception, match="not_enough_devices|still wanted"):
        host.claim({"name": "disk", "address": NVME}, more, domain="web1", allow=frozenset())


def restart(host, boot_id="another-boot"):
    (host.root / "proc/sys/kernel/random/boot_id").write_text(f"{boot_id}\n")


def warned_of_another(outcome):
    return [warning for warning in outcome.warnings if "before its serial could be read" in warning]


def test_a_disk_whose_serial_nothing_tells_since_the_restart_is_warned_of(host):
    """libvirt binds it as a domain starts with the host, before anybody looks."""
    disk = {"name": "disk", "address": NVME}
    assert warned_of_another(host.claim(disk)) == warned_of_another(host.claim(disk)) == []
    restart(host)
    (warning,) = warned_of_another(host.claim(disk))
    assert warning.startswith(f"{NVME} was bound to vfio-pci ")


def test_a_disk_that_tells_its_number_of_pci_express_is_known_after_a_restart(host):
    disk = {"name": "disk", "address": NVME}
    config = host.root / f"sys/bus/pci/devices/{NVME}/config"
    number = (0x0003 | 1 << 16).to_bytes(4, "little") + bytes.fromhex("881100ffff253800")
    config.write_bytes(config.read_bytes()[:256].ljust(256, b"\0") + number)
    host.claim(disk)
    restart(host)
    assert warned_of_another(host.claim(disk)) == []
    config.write_bytes(config.read_bytes()[:260] + b"\x01" * 8)
    assert ("identity_changed", NVME) in drifts(host)


def test_a_vf_has_no_serial_and_is_not_warned_of(host):
    host.claim(NIC)
    restart(host)
    assert warned_of_another(host.claim(NIC)) == []
