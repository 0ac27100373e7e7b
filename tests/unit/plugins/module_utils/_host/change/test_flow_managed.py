# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims and releases where libvirt or somebody else binds devices too, and gives them back as it does."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    LIVE,
    OTHER_UUID,
    LibvirtError,
    domain_xml,
)

VF, NVME = "0000:01:10.0", "0000:04:00.0"
NIC = {"name": "nic", "address": VF}
DISK = {"name": "disk", "address": NVME}
IN_DEFINITION = frozenset({"in_domain_xml"})


@pytest.fixture
def host(lab_host):
    return lab_host


def steps(outcome):
    return [str(step) for plan in outcome.plans for step in plan.steps]


def driver(host, address=VF):
    return host.kernel.driver(address), host.kernel.override(address)


def started_after_a_reboot(host):
    """The domain was claimed for, the host started anew, and libvirt starts the domain."""
    host.claim(NIC)
    host.reboot()
    host.domain.create()


def db1(host):
    """Another domain that is defined with the VF."""
    return host.libvirt.define(
        "db1", OTHER_UUID, config=domain_xml(hostdev_xml(VF, managed=True), name="db1", uuid=OTHER_UUID)
    )


def starts_before_change(host, domain, number):
    """Let a domain be started right before libvirt is asked for its n-th change from now on."""
    plain = host.libvirt.changes
    due = [len(host.libvirt.log) + number]

    def changes(what):
        if due == [len(host.libvirt.log) + 1]:
            due.clear()
            domain.create()
        plain(what)

    host.libvirt.changes = changes


def bound_to_another_driver(host):
    """As dpdk-devbind leaves a function: with a driver that the kernel would not choose, and no override."""
    host.kernel.modules.add("uio_pci_generic")
    host.kernel.modprobe("uio_pci_generic")
    files = f"/sys/bus/pci/devices/{VF}"
    host.kernel.store(f"{files}/driver_override", "uio_pci_generic")
    host.kernel.store(f"{files}/driver/unbind", VF)
    host.kernel.store("/sys/bus/pci/drivers/uio_pci_generic/bind", VF)
    host.kernel.store(f"{files}/driver_override", "\n")


def test_what_libvirt_bound_at_the_start_of_the_domain_is_as_claimed(host):
    started_after_a_reboot(host)
    assert driver(host) == ("vfio-pci", "vfio-pci")
    assert not host.claim(NIC).changed


def test_what_libvirt_gave_back_when_the_domain_stopped_is_bound_again(host):
    started_after_a_reboot(host)
    host.domain.destroy()
    assert driver(host) == ("igbvf", None)
    assert steps(host.claim(NIC)) == [f"driver of {VF}: igbvf -> vfio-pci"]
    host.domain.create()
    host.domain.destroy()
    assert driver(host) == ("vfio-pci", "vfio-pci")


def test_a_release_of_what_libvirt_bound_leaves_the_host_as_it_was_before_the_claim(host):
    host.kernel.modprobe("vfio-pci")
    before = host.host_state()
    started_after_a_reboot(host)
    host.release(domain="web1")
    host.kernel.modprobe("vfio-pci")
    after = host.host_state()
    assert after[0] == before[0]
    assert "hostdev" not in host.domain.xml[CONFIG] + host.domain.xml[LIVE]
    assert host.record["claims"] == []


def test_a_domain_with_unmanaged_devices_starts_after_a_reboot_once_they_are_claimed_again(host):
    host.claim(NIC, managed=False)
    host.reboot()
    with pytest.raises(LibvirtError, match="must be manually detached from the host"):
        host.domain.create()
    host.claim(NIC, managed=False)
    host.domain.create()
    assert not host.claim(NIC, managed=False).changed


def test_a_device_that_another_domain_was_started_with_meanwhile_is_refused_in_libvirts_words(host):
    starts_before_change(host, db1(host), 2)
    with pytest.raises(HostdevError) as caught:
        host.claim(NIC, allow=IN_DEFINITION)
    assert caught.value.code == "attach_failed"
    assert f"PCI device {VF} is in use by driver QEMU, domain db1" in caught.value.found
    assert driver(host) == ("vfio-pci", "vfio-pci")
    assert host.record["claims"] == []


def test_and_keeps_nobody_from_other_devices(host):
    starts_before_change(host, db1(host), 2)
    with pytest.raises(HostdevError):
        host.claim(NIC, allow=IN_DEFINITION)
    host.claim(DISK, owner="spdk")


def test_a_device_that_another_domain_was_started_with_meanwhile_is_not_claimed_for_a_definition_either(host):
    starts_before_change(host, db1(host), 1)
    with pytest.raises(HostdevError):
        host.claim(NIC, attach=("config",), allow=IN_DEFINITION)


def test_a_release_gives_back_the_driver_that_was_there_and_not_the_kernels_choice(host):
    bound_to_another_driver(host)
    host.claim(NIC)
    host.release(domain="web1")
    assert driver(host) == ("uio_pci_generic", None)


def test_a_claim_that_fails_gives_back_the_driver_that_was_there_and_not_the_kernels_choice(host):
    bound_to_another_driver(host)
    host.libvirt.fail(1, LibvirtError("internal error: unable to execute QEMU command 'device_add'"))
    with pytest.raises(HostdevError) as caught:
        host.claim(NIC)
    assert "undo" not in caught.value.message
    assert driver(host) == ("uio_pci_generic", None)
