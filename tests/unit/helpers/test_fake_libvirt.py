# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fake libvirt does with devices of the fake kernel's host as libvirt 9.0 to 11.3 does it.

Source of most: src/hypervisor/virhostdev.c, virHostdevPreparePCIDevicesImpl and virHostdevReAttachPCIDevicesImpl, and
src/util/virpci.c, virPCIDeviceDetach and virPCIDeviceReattach. That a managed device which is on vfio-pci already stays
there, and that one which libvirt had to bind itself goes back, was seen on both versions (tests/lab).
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    LIVE,
    NO_DOMAIN,
    OPERATION_INVALID,
    OTHER_UUID,
    FakeLibvirt,
    LibvirtError,
    domain_xml,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.libvirt_api import INACTIVE, INVALID_ARG, SYSTEM_ERROR

VF, VF2, NVME = "0000:01:10.0", "0000:01:10.2", "0000:04:00.0"
GROUP = ("0000:03:00.0", "0000:03:00.1", "0000:03:00.2")


def source(address):
    domain, bus, place = address.split(":")
    slot, function = place.split(".")
    place = f'domain="0x{domain}" bus="0x{bus}" slot="0x{slot}" function="0x{function}"'
    return f"<source><address {place}/></source>"


def hostdev(address, managed="yes", inside=""):
    return f'<hostdev mode="subsystem" type="pci" managed="{managed}">{inside}{source(address)}</hostdev>'


def interface(address):
    return f'<interface type="hostdev" managed="yes"><mac address="52:54:00:00:01:01"/>{source(address)}</interface>'


def usb(number=2):
    return f'<hostdev mode="subsystem" type="usb"><source><address bus="3" device="{number}"/></source></hostdev>'


SCSI = (
    '<hostdev mode="subsystem" type="scsi"><source><adapter name="scsi_host2"/>'
    '<address bus="0" target="0" unit="0"/></source></hostdev>'
)


@pytest.fixture
def host(lab_host):
    lab_host.domain.destroy()
    return lab_host


def defined(host, *elements, name="db1", uuid=OTHER_UUID, ports=4):
    """Another domain, shut off."""
    return host.libvirt.define(name, uuid, config=domain_xml(*elements, name=name, uuid=uuid, ports=ports))


def bind_to_vfio(host, address):
    host.kernel.modprobe("vfio-pci")
    host.kernel.store(f"/sys/bus/pci/devices/{address}/driver_override", "vfio-pci")
    driver = host.kernel.driver(address)
    if driver is not None:
        host.kernel.store(f"/sys/bus/pci/drivers/{driver}/unbind", address)
    host.kernel.store("/sys/bus/pci/drivers/vfio-pci/bind", address)


def driver(host, address):
    return host.kernel.driver(address), host.kernel.override(address)


def refused(call, *arguments):
    with pytest.raises(LibvirtError) as caught:
        call(*arguments)
    return caught.value.get_error_code(), str(caught.value)


def in_use(address, domain):
    return (
        OPERATION_INVALID,
        f"Requested operation is not valid: PCI device {address} is in use by driver QEMU, domain {domain}",
    )


# Managed devices.


@pytest.mark.parametrize("element", [hostdev, interface])
def test_a_start_binds_a_managed_device_and_the_stop_gives_it_back(host, element):
    domain = defined(host, element(VF))
    assert driver(host, VF) == ("igbvf", None)
    domain.create()
    assert driver(host, VF) == ("vfio-pci", "vfio-pci")
    domain.xml[LIVE] = None
    assert driver(host, VF) == ("igbvf", None)


def test_what_is_given_back_gets_the_kernels_first_choice_and_not_the_driver_that_was_there(host):
    host.kernel.own(VF, "igb")
    domain = defined(host, hostdev(VF))
    domain.create()
    domain.destroy()
    assert driver(host, VF) == ("igb", None)


def test_a_device_that_has_its_driver_already_stays_with_it_when_the_domain_stops(host):
    bind_to_vfio(host, VF)
    domain = defined(host, hostdev(VF))
    domain.create()
    domain.destroy()
    assert driver(host, VF) == ("vfio-pci", "vfio-pci")


def test_a_device_is_taken_from_the_host_whatever_the_host_does_with_it(host):
    host.write("/proc/self/mountinfo", "28 1 259:1 / /srv rw - ext4 /dev/nvme2n1 rw\n")
    defined(host, hostdev(NVME)).create()
    assert host.kernel.driver(NVME) == "vfio-pci"


def test_a_named_driver_is_the_one_that_is_bound(host):
    host.kernel.modules.add("nvme-vfio-pci")
    bind_to_vfio(host, NVME)
    domain = defined(host, hostdev(NVME, inside='<driver model="nvme-vfio-pci"/>'))
    domain.create()
    assert host.kernel.driver(NVME) == "nvme-vfio-pci"
    domain.destroy()
    assert host.kernel.driver(NVME) == "nvme"


def test_a_driver_that_is_not_to_be_had_keeps_the_domain_from_its_start(host):
    host.kernel.modules.clear()
    domain = defined(host, hostdev(VF))
    assert "Failed to load PCI driver module vfio-pci" in refused(domain.create)[1]
    assert (domain.isActive(), driver(host, VF)) == (0, ("igbvf", None))


def test_a_live_attach_binds_and_a_live_detach_gives_back(host):
    host.domain.create()
    host.domain.attachDeviceFlags(hostdev(VF), LIVE)
    assert driver(host, VF) == ("vfio-pci", "vfio-pci")
    host.domain.detachDeviceFlags(hostdev(VF), LIVE)
    assert driver(host, VF) == ("igbvf", None)


def test_a_live_attach_that_fails_gives_back_what_it_bound(host):
    host.domain.xml = {CONFIG: domain_xml(ports=0), LIVE: domain_xml(ports=0)}
    assert "No more available PCI slots" in refused(host.domain.attachDeviceFlags, hostdev(VF), LIVE)[1]
    assert driver(host, VF) == ("igbvf", None)


def test_a_guest_that_does_not_let_go_keeps_the_device(host):
    host.domain.create()
    host.domain.attachDeviceFlags(hostdev(VF), LIVE)
    host.libvirt.deaf = True
    host.domain.detachDeviceFlags(hostdev(VF), LIVE)
    assert driver(host, VF) == ("vfio-pci", "vfio-pci")
    assert refused(defined(host, hostdev(VF)).create) == in_use(VF, "web1")


def test_a_vf_that_is_an_interface_needs_its_pf_up(host):
    host.links.online = False
    assert "because the PF is not online" in refused(defined(host, interface(VF)).create)[1]
    assert driver(host, VF) == ("igbvf", None)
    defined(host, hostdev(VF), name="db2", uuid="0d4ba7e8-1f6f-4f0b-9a35-7e6f6a0a5c12").create()


# Unmanaged devices.


def test_an_unmanaged_device_is_refused_until_somebody_binds_it_and_stays_bound(host):
    domain = defined(host, hostdev(VF, managed="no"))
    assert refused(domain.create) == (
        OPERATION_INVALID,
        f"Requested operation is not valid: Unmanaged PCI device {VF} must be manually detached from the host",
    )
    assert domain.isActive() == 0
    bind_to_vfio(host, VF)
    domain.create()
    domain.destroy()
    assert driver(host, VF) == ("vfio-pci", "vfio-pci")


def test_a_device_that_was_unmanaged_once_is_not_given_back_later_when_it_is_managed(host):
    # It is in the list of inactive devices as it was first seen; only a new libvirtd forgets that.
    bind_to_vfio(host, VF)
    first = defined(host, hostdev(VF, managed="no"))
    first.create()
    first.destroy()
    host.kernel.store(f"/sys/bus/pci/devices/{VF}/driver_override", "\n")
    host.kernel.store("/sys/bus/pci/drivers/vfio-pci/unbind", VF)
    host.kernel.store("/sys/bus/pci/drivers_probe", VF)
    first.xml[CONFIG] = domain_xml(hostdev(VF), name="db1", uuid=OTHER_UUID)
    first.create()
    first.destroy()
    assert host.kernel.driver(VF) == "vfio-pci"


# Who has a device.


def test_a_device_of_a_running_domain_is_refused_at_start_and_at_live_attach_and_free_once_that_stops(host):
    first = defined(host, hostdev(VF))
    first.create()
    host.domain.create()
    assert refused(host.domain.attachDeviceFlags, hostdev(VF), LIVE) == in_use(VF, "db1")
    host.domain.destroy()
    host.domain.attachDeviceFlags(hostdev(VF), CONFIG)
    assert refused(host.domain.create) == in_use(VF, "db1")
    assert (host.domain.isActive(), driver(host, VF)) == (0, ("vfio-pci", "vfio-pci"))
    first.destroy()
    host.domain.create()
    assert "hostdev" in host.domain.xml[LIVE]


def test_not_even_the_same_domain_gets_a_device_twice(host):
    host.domain.create()
    host.domain.attachDeviceFlags(hostdev(VF), LIVE)
    assert refused(host.domain.attachDeviceFlags, hostdev(VF), LIVE) == in_use(VF, "web1")
    assert host.kernel.driver(VF) == "vfio-pci"
    host.domain.attachDeviceFlags(hostdev(VF), CONFIG)
    assert refused(host.domain.attachDeviceFlags, hostdev(VF), CONFIG) == (
        INVALID_ARG,
        "invalid argument: device is already in the domain configuration",
    )


def test_definitions_may_name_one_device_as_often_as_they_like(host):
    defined(host, hostdev(VF))
    host.domain.attachDeviceFlags(hostdev(VF), CONFIG)
    assert driver(host, VF) == ("igbvf", None)


def test_a_group_is_for_one_domain(host):
    for address in GROUP:
        bind_to_vfio(host, address)
    first = defined(host, hostdev(GROUP[0]))
    first.create()
    host.domain.create()
    assert refused(host.domain.attachDeviceFlags, hostdev(GROUP[1]), LIVE) == in_use(GROUP[0], "db1")
    first.attachDeviceFlags(hostdev(GROUP[1]), LIVE)


def test_a_start_gives_back_all_when_one_device_is_refused(host):
    defined(host, hostdev(VF2)).create()
    host.domain.xml[CONFIG] = domain_xml(hostdev(NVME), hostdev(VF2))
    assert refused(host.domain.create) == in_use(VF2, "db1")
    host.domain.xml[CONFIG] = domain_xml(hostdev(NVME), hostdev(VF, managed="no"))
    assert "must be manually detached" in refused(host.domain.create)[1]
    assert (host.domain.isActive(), driver(host, NVME)) == (0, ("nvme", None))


def test_a_group_of_which_the_host_has_a_part_is_refused_by_qemu(host):
    domain = defined(host, hostdev(GROUP[0]))
    assert "group is not viable" in refused(domain.create)[1]
    assert (domain.isActive(), driver(host, GROUP[0])) == (0, ("e1000e", None))


def test_a_device_that_no_driver_of_vfio_took_is_refused_by_qemu(host):
    host.kernel.refuse(VF, "vfio-pci")
    assert "error getting device from its group" in refused(defined(host, hostdev(VF)).create)[1]
    assert driver(host, VF) == ("igbvf", None)


def test_a_device_that_is_not_there_is_refused(host):
    assert refused(defined(host, hostdev("0000:99:00.0")).create) == (
        SYSTEM_ERROR,
        "Device 0000:99:00.0 not found: could not access /sys/bus/pci/devices/0000:99:00.0/config: "
        "No such file or directory",
    )


@pytest.mark.parametrize(
    ("element", "said"),
    [
        (usb(), "USB device 003:002 is in use by driver QEMU, domain db1"),
        (SCSI, "SCSI device scsi_host2:0:0:0 is already in use by other domain(s) as 'non-shareable'"),
    ],
)
def test_a_usb_or_scsi_device_is_for_one_running_domain(host, element, said):
    first = defined(host, element)
    first.create()
    host.domain.create()
    assert refused(host.domain.attachDeviceFlags, element, LIVE) == (
        OPERATION_INVALID,
        f"Requested operation is not valid: {said}",
    )
    first.destroy()
    host.domain.attachDeviceFlags(element, LIVE)


# What the kernel sees of a guest.


def group_nodes(host):
    """The VFIO groups that processes have open, by the processes."""
    nodes = {}
    for link in (host.root / "proc").glob("*/fd/*"):
        group = os.readlink(link).rpartition("/dev/vfio/")[2]
        if group.isdecimal():
            nodes.setdefault(link.parts[-3], set()).add(group)
    return nodes


def test_a_guest_is_a_process_that_has_its_devices_groups_open(host):
    domain = defined(host, hostdev(VF))
    domain.create()
    domain.attachDeviceFlags(hostdev(VF2), LIVE)
    process = next(iter(group_nodes(host)))
    assert group_nodes(host) == {process: {"21", "22"}}
    assert (host.root / "proc" / process / "comm").read_text() == "qemu-system-x86\n"
    domain.detachDeviceFlags(hostdev(VF), LIVE)
    assert group_nodes(host) == {process: {"22"}}
    domain.destroy()
    assert not (host.root / "proc" / process).exists()


def test_the_kernel_does_not_take_a_device_from_under_a_guest(host):
    domain = defined(host, hostdev(VF))
    domain.create()
    with pytest.raises(TimeoutError):
        host.kernel("/sys/bus/pci/drivers/vfio-pci/unbind", VF, 1.0)
    assert host.kernel.driver(VF) == "vfio-pci"
    domain.destroy()
    assert host.kernel.driver(VF) == "igbvf"


# Definitions and running domains.


def test_a_device_in_the_definition_alone_is_nothing_to_the_host_until_the_next_start(host):
    host.domain.create()
    host.domain.attachDeviceFlags(hostdev(VF), CONFIG)
    assert (driver(host, VF), "hostdev" in host.domain.xml[LIVE]) == (("igbvf", None), False)
    host.domain.destroy()
    host.domain.create()
    assert host.kernel.driver(VF) == "vfio-pci"


def test_a_device_in_the_running_domain_alone_is_gone_after_the_next_start(host):
    host.domain.create()
    host.domain.attachDeviceFlags(hostdev(VF), LIVE)
    host.domain.destroy()
    host.domain.create()
    assert (driver(host, VF), "hostdev" in host.domain.xml[LIVE]) == (("igbvf", None), False)


def test_only_a_running_domain_shows_aliases_and_drivers(host):
    host.domain.create()
    for place in (CONFIG, LIVE):
        host.domain.attachDeviceFlags(hostdev(VF, inside='<alias name="hostdev7"/>'), place)
        host.domain.attachDeviceFlags(hostdev(VF2), place)

    def names(place, path, attribute):
        return [element.get(attribute) for element in ET.fromstring(host.domain.XMLDesc(place)).iterfind(path)]

    assert names(0, "devices/hostdev/alias", "name") == ["hostdev7", "hostdev0"]
    assert names(0, "devices/hostdev/driver", "name") == ["vfio", "vfio"]
    assert names(INACTIVE, "devices/hostdev/*[@name]", "name") == []


def test_what_runs_can_not_be_started_and_what_does_not_can_not_be_stopped_or_attached_to(host):
    not_running = (OPERATION_INVALID, "Requested operation is not valid: domain is not running")
    assert refused(host.domain.destroy) == not_running
    assert refused(host.domain.attachDeviceFlags, hostdev(VF), LIVE) == not_running
    host.domain.create()
    assert refused(host.domain.create) == (
        OPERATION_INVALID,
        "Requested operation is not valid: domain is already running",
    )


def test_a_domain_that_is_undefined_while_it_runs_is_transient_and_gone_when_it_stops(host):
    host.domain.create()
    host.domain.xml[CONFIG] = None
    assert (host.domain.isPersistent(), host.domain.isActive()) == (0, 1)
    assert host.domain.XMLDesc(INACTIVE) == host.domain.xml[LIVE]
    assert refused(host.domain.attachDeviceFlags, hostdev(VF), CONFIG) == (
        OPERATION_INVALID,
        "Requested operation is not valid: transient domains do not have any persistent configuration",
    )
    host.domain.destroy()
    assert host.libvirt.listAllDomains(0) == []
    for call in (host.domain.isActive, host.domain.isPersistent, lambda: host.domain.XMLDesc(0), host.domain.create):
        assert refused(call)[0] == NO_DOMAIN


def test_a_domain_that_is_undefined_while_it_does_not_run_is_gone(host):
    host.domain.xml[CONFIG] = None
    assert refused(host.libvirt.lookupByName, "web1")[0] == NO_DOMAIN


# The stand-in itself.


def test_setting_the_live_xml_is_what_virsh_does(host):
    host.domain.xml[LIVE] = domain_xml(hostdev(VF))
    assert host.kernel.driver(VF) == "vfio-pci"
    host.domain.xml[LIVE] = domain_xml(hostdev(VF2))
    assert (host.kernel.driver(VF), host.kernel.driver(VF2)) == ("igbvf", "vfio-pci")
    before = host.domain.xml[LIVE]
    defined(host, hostdev(NVME)).create()
    with pytest.raises(LibvirtError):
        host.domain.xml.update({LIVE: domain_xml(hostdev(VF2), hostdev(NVME))})
    assert host.domain.xml[LIVE] == before
    host.domain.xml = {CONFIG: domain_xml(), LIVE: None}
    assert host.kernel.driver(VF2) == "igbvf"


def test_after_a_new_start_of_the_host_nothing_runs_and_nothing_is_remembered(host):
    domain = defined(host, hostdev(VF))
    domain.create()
    transient = host.libvirt.define("once", "0d4ba7e8-1f6f-4f0b-9a35-7e6f6a0a5c12", live=domain_xml(name="once"))
    host.reboot()
    assert (domain.isActive(), driver(host, VF), group_nodes(host)) == (0, ("igbvf", None), {})
    assert refused(transient.isActive)[0] == NO_DOMAIN
    host.domain.attachDeviceFlags(hostdev(VF), CONFIG)
    host.domain.create()
    assert host.kernel.driver(VF) == "vfio-pci"


def test_another_process_that_goes_on_with_the_host_knows_what_there_is_to_know(host):
    domain = defined(host, hostdev(VF))
    before = host.memory()
    domain.create()
    after = host.memory()
    assert before != after
    host.libvirt.reboot()
    host.restore(after)
    assert domain.isActive()
    domain.destroy()
    assert driver(host, VF) == ("igbvf", None)


def test_without_a_kernel_it_keeps_books_of_domains_alone():
    libvirt = FakeLibvirt()
    first = libvirt.define("web1", config=domain_xml(hostdev(VF, managed="no")))
    first.create()
    second = libvirt.define("db1", OTHER_UUID, config=domain_xml(hostdev(VF), name="db1"))
    assert refused(second.create) == in_use(VF, "web1")
