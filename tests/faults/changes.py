# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of a host that are tried: what is so before, and the claim or release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, OTHER_UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import plug, ready, scsi, usb
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow

VF1 = "0000:01:10.0"
NVME = "0000:04:00.0"
VF = {"name": "nic", "specs": [{"product_id": "10ca"}]}
VFS = {**VF, "count": 2}
NETWORK = {**VF, "network": {"mac": "52:54:00:12:34:56", "vlan": 42, "trust": True, "spoof_check": False}}
ADOPTED = {"name": "nic", "address": VF1, "boot_order": 1, "network": {"vlan": 42}}
SLOT = [{"name": address, "address": address} for address in ("0000:03:00.0", "0000:03:00.1", "0000:03:00.2")]
STICK = {"name": "stick", "usb": {"vendor_id": "0951", "product_id": "1666", "serial": "STICK1"}}
DISK = {"name": "scsi disk", "scsi": {"adapter": "scsi_host2", "lun": 0}}
VF1_NIC, VF2_NIC = {"name": "nic", "address": VF1}, {"name": "nic", "address": "0000:01:10.2"}
OTHER_NIC = {"name": "other", "address": "0000:01:10.4"}
DISK_AT = {"name": "disk", "address": NVME}
ONE_OF_GROUP = {"name": "card", "address": "0000:03:00.0"}


class Change(NamedTuple):
    """One change: `before` brings the host to where it starts.

    One that `stops` may stop the domain for good. One that `leaves` something with a guest is done wholly once that
    guest is gone with its host. `after_reset` is what an administrator does once the host is up again. Of one that goes
    wrong for now `known` says why.
    """

    name: str
    change: Callable[[FakeHost], Any]
    before: Callable[[FakeHost], Any] = lambda host: None
    stops: bool = False
    leaves: bool = False
    waits: bool = False
    after_reset: Callable[[FakeHost], Any] = lambda host: None
    known: str = ""


def _shut_off(host: FakeHost) -> None:
    host.domain.xml[LIVE] = None


def _transient(host: FakeHost) -> None:
    host.domain.xml[CONFIG] = None


def _transient_again(host: FakeHost) -> None:
    """It was gone with the host."""
    host.domain = host.libvirt.define(live=domain_xml())


BY_HAND = (
    '<interface type="hostdev" managed="yes"><mac address="52:54:00:11:22:33"/><driver name="vfio"/><source>'
    '<address type="pci" domain="0x0000" bus="0x01" slot="0x10" function="0x0"/></source>'
    '<teaming type="transient" persistent="ua-backup0"/><rom file="/srv/vf.rom"/><alias name="ua-vf0"/>'
    '<address type="pci" domain="0x0000" bus="0x02" slot="0x00" function="0x0"/></interface>'
)


def _defined_with_it(host: FakeHost) -> None:
    """The domain has the VF already, written by hand, and does not run."""
    _shut_off(host)
    host.domain.xml[CONFIG] = domain_xml(BY_HAND)


def _running_with_it(host: FakeHost) -> None:
    _defined_with_it(host)
    host.domain.create()


def _with_options(host: FakeHost) -> None:
    _defined_with_it(host)
    host.claim(ADOPTED)


def _running_with_options(host: FakeHost) -> None:
    _running_with_it(host)
    host.claim(ADOPTED)


def _overdue(host: FakeHost) -> None:
    """One VF of two is."""
    host.claim(VF, limits=[{"until": "1h"}])
    host.seconds += 3600
    host.claim(VFS, limits=[{"until": "1h"}])


def _plugged_in(host: FakeHost) -> None:
    plug(host, usb("3-1", 2, block="sdx"), scsi("2:0:0:0", block="sdy"))
    ready(host)


def _with_two_sticks(host: FakeHost) -> None:
    _plugged_in(host)
    plug(host, usb("3-2", 3, serial="STICK2"))


def _with_nodes_claimed(host: FakeHost) -> None:
    _plugged_in(host)
    host.claim(STICK, DISK, VF)


def _nodes_detached(host: FakeHost) -> None:
    """By somebody's hand, of both definition and running domain."""
    _plugged_in(host)
    host.claim(STICK, DISK)
    ready(host)


def _bound_already(host: FakeHost) -> None:
    host.kernel.load_module("vfio-pci")
    host.kernel(f"/sys/bus/pci/devices/{VF1}/driver_override", "vfio-pci", 1)
    host.kernel("/sys/bus/pci/drivers/igbvf/unbind", VF1, 1)
    host.kernel("/sys/bus/pci/drivers/vfio-pci/bind", VF1, 1)


def _bound_to_another(host: FakeHost) -> None:
    """As dpdk-devbind leaves a function: with a driver that the kernel would not choose, and no override."""
    host.kernel.modules.add("uio_pci_generic")
    host.kernel.load_module("uio_pci_generic")
    host.kernel(f"/sys/bus/pci/devices/{VF1}/driver_override", "uio_pci_generic", 1)
    host.kernel("/sys/bus/pci/drivers/igbvf/unbind", VF1, 1)
    host.kernel("/sys/bus/pci/drivers/uio_pci_generic/bind", VF1, 1)
    host.kernel(f"/sys/bus/pci/devices/{VF1}/driver_override", "\n", 1)


def _claimed_of_another(host: FakeHost) -> None:
    _bound_to_another(host)
    host.claim(VF)


def _bound_by_libvirt(host: FakeHost) -> None:
    """At the start of the domain after a reboot, before anybody ran Ansible."""
    host.claim(VFS)
    host.reboot()
    host.domain.create()


def _given_back_by_libvirt(host: FakeHost) -> None:
    _bound_by_libvirt(host)
    _shut_off(host)


def _drifted(host: FakeHost) -> None:
    """The domain was shut down, defined anew without its devices, and started."""
    host.claim(VFS)
    for place in (CONFIG, LIVE):
        host.domain.xml[place] = domain_xml()


def _stopped(host: FakeHost) -> None:
    host.claim(VFS)
    _shut_off(host)


def _orphaned(host: FakeHost) -> None:
    host.claim(VF, attach=("config",))
    host.libvirt.remove_all()


def _stubborn(choice: str, wish: dict[str, Any]) -> Callable[[FakeHost], None]:
    """A guest that lets no device go, and what the administrator wants done about it."""

    def before(host: FakeHost) -> None:
        host.claim(wish)
        host.libvirt.deaf = True
        host.on_detach_timeout = choice

    return before


def _started_anew(host: FakeHost) -> None:
    """With devices on record that the host's drivers have again."""
    host.claim(VF)
    host.reboot()


def _taken_out(host: FakeHost) -> None:
    """Of the definition as well, by somebody's hand."""
    _started_anew(host)
    host.domain.xml[CONFIG] = domain_xml()


def _reconcile(host: FakeHost) -> Any:
    """It raises nothing itself: what could not be brought back keeps nothing else."""
    outcome = host.flow().reconcile()
    if outcome.failed:
        raise outcome.failed[0].error
    return outcome


TAGGED = {1: {"vlan": 5, "qos": 2, "vlan_protocol": "802.1Q"}, 2: {"trust": True, "mac": "52:54:00:12:34:56"}}


def _no_vfs(host: FakeHost) -> None:
    """And the PF is down."""
    host.kernel.store(f"/sys/bus/pci/devices/{IGB_PF}/sriov_numvfs", "0")
    host.links.online = False


def _made_vfs(host: FakeHost) -> None:
    _no_vfs(host)
    host.set_vfs(3, vfs=TAGGED, mtu=2000)


def _with_other(host: FakeHost) -> None:
    """A second domain, which runs."""
    xml = domain_xml(name="db1", uuid=OTHER_UUID)
    host.libvirt.define("db1", OTHER_UUID, config=xml, live=xml)


def _all_claimed(host: FakeHost) -> None:
    _with_other(host)
    host.passthrough({"web1": [VF1_NIC], "db1": [VF2_NIC], "dpdk0": [DISK_AT]})


def _all_claimed_of_a_deaf_guest(host: FakeHost) -> None:
    _all_claimed(host)
    host.libvirt.deaf = True
    host.on_detach_timeout = "definition"


CHANGES = (
    Change(
        "claim for three owners at once",
        lambda host: host.passthrough({"web1": [VF], "db1": [VF], "dpdk0": [DISK_AT]}),
        _with_other,
    ),
    Change("purge of two owners", lambda host: host.passthrough({"db1": [VF2_NIC]}, purge=True), _all_claimed),
    Change(
        "purge of a deaf guest, and another owner",
        lambda host: host.passthrough({"web1": [], "db1": [VF2_NIC], "dpdk0": [DISK_AT, OTHER_NIC]}, purge=True),
        _all_claimed_of_a_deaf_guest,
        leaves=True,
    ),
    Change(
        "hand over to another owner",
        lambda host: host.passthrough({"db1": [VF2_NIC, {**VF1_NIC, "name": "second"}]}, purge=True),
        _all_claimed,
    ),
    Change(
        "two owners change devices",
        lambda host: host.passthrough(
            {"web1": [{**VF2_NIC, "name": "b"}], "db1": [{**VF1_NIC, "name": "a"}], "dpdk0": [DISK_AT]}, purge=True
        ),
        _all_claimed,
    ),
    Change("claim a VF", lambda host: host.claim(VF)),
    Change("claim two VFs", lambda host: host.claim(VFS)),
    Change("claim a VF, definition only", lambda host: host.claim(VF, attach=("config",))),
    Change("claim a VF, running only", lambda host: host.claim(VF, attach=("live",))),
    Change("claim a VF, attached nowhere", lambda host: host.claim(VF, attach=())),
    Change("claim a VF for a free owner", lambda host: host.claim(VF, owner="dpdk0")),
    Change("claim a VF, shut off", lambda host: host.claim(VF), _shut_off),
    Change("claim a VF, transient", lambda host: host.claim(VF), _transient, after_reset=_transient_again),
    Change("claim a VF on vfio-pci already", lambda host: host.claim(VF), _bound_already),
    Change("claim a VF with another driver", lambda host: host.claim(VF), _bound_to_another),
    Change("claim unmanaged VFs", lambda host: host.claim(VFS, managed=False)),
    Change("claim what libvirt gave back", lambda host: host.claim(VFS), _given_back_by_libvirt),
    Change("claim a group", lambda host: host.claim(ONE_OF_GROUP, whole_group=True)),
    Change("claim a VF and a disk", lambda host: host.claim(VF, {"name": "disk", "address": NVME})),
    Change("claim one more", lambda host: host.claim(VFS), lambda host: host.claim(VF)),
    Change("claim one less", lambda host: host.claim(VF), lambda host: host.claim(VFS)),
    Change(
        "claim another request", lambda host: host.claim({"name": "disk", "address": NVME}), lambda host: host.claim(VF)
    ),
    Change(
        "claim something else instead",
        lambda host: host.claim({"name": "it", "address": NVME}, replace_misfits=True),
        lambda host: host.claim({"name": "it", "address": VF1}),
    ),
    Change("claim a VF with a network", lambda host: host.claim(NETWORK)),
    Change("claim with a network what was without", lambda host: host.claim(NETWORK), lambda host: host.claim(VF)),
    Change("claim without a network again", lambda host: host.claim(VF), lambda host: host.claim(NETWORK)),
    Change("release a VF with a network", lambda host: host.release(domain="web1"), lambda host: host.claim(NETWORK)),
    Change("claim a VF that the domain has", lambda host: host.claim(ADOPTED), _defined_with_it),
    Change("claim a VF that the domain runs with", lambda host: host.claim(ADOPTED), _running_with_it),
    Change("release a VF that the domain had", lambda host: host.release(domain="web1"), _with_options),
    Change("release a VF that the domain runs with", lambda host: host.release(domain="web1"), _running_with_options),
    Change("claim with root ports", lambda host: host.claim(VF, free_root_ports=6)),
    Change("claim root ports alone", lambda host: host.claim(free_root_ports=6), _shut_off),
    Change("claim a slot of three functions", lambda host: host.claim(*SLOT)),
    Change(
        "claim one more function of a slot",
        lambda host: host.claim(*SLOT),
        lambda host: host.claim(SLOT[1], whole_group=True),
    ),
    Change(
        "release function 0 of a slot",
        lambda host: host.release(domain="web1", names=("0000:03:00.0",)),
        lambda host: host.claim(*SLOT),
    ),
    Change("make VFs", lambda host: host.set_vfs(3, vfs=TAGGED, mtu=2000), _no_vfs, waits=True, after_reset=_no_vfs),
    Change("make more VFs", lambda host: host.set_vfs(4), _made_vfs, waits=True, after_reset=_no_vfs),
    Change("set VFs", lambda host: host.set_vfs(3, vfs={0: {"vlan": 7}}), _made_vfs, waits=True, after_reset=_no_vfs),
    Change("take VFs over", lambda host: host.set_vfs(2, take_over=True), waits=True, after_reset=_no_vfs),
    Change("give VFs back", lambda host: host.set_vfs(None), _made_vfs, waits=True, after_reset=_no_vfs),
    Change("reconcile after a start of the host", _reconcile, _started_anew),
    Change("reconcile a definition", _reconcile, _taken_out),
    Change("claim again what was lost", lambda host: host.claim(VFS), _drifted),
    Change("release a VF", lambda host: host.release(domain="web1"), lambda host: host.claim(VF)),
    Change("release two VFs", lambda host: host.release(domain="web1"), lambda host: host.claim(VFS)),
    Change(
        "release a VF, definition only",
        lambda host: host.release(domain="web1"),
        lambda host: host.claim(VF, attach=("config",)),
    ),
    Change(
        "release a VF, running only",
        lambda host: host.release(domain="web1"),
        lambda host: host.claim(VF, attach=("live",)),
    ),
    Change(
        "release a free owner", lambda host: host.release(owner="dpdk0"), lambda host: host.claim(VFS, owner="dpdk0")
    ),
    Change("release two VFs, shut off", lambda host: host.release(domain="web1"), _stopped),
    Change("release what libvirt bound", lambda host: host.release(domain="web1"), _bound_by_libvirt),
    Change("release what libvirt gave back", lambda host: host.release(domain="web1"), _given_back_by_libvirt),
    Change(
        "release unmanaged VFs", lambda host: host.release(domain="web1"), lambda host: host.claim(VFS, managed=False)
    ),
    Change(
        "release a VF with another driver",
        lambda host: host.release(domain="web1"),
        _claimed_of_another,
    ),
    Change(
        "release a group",
        lambda host: host.release(domain="web1"),
        lambda host: host.claim(ONE_OF_GROUP, whole_group=True),
    ),
    Change(
        "release one request of two",
        lambda host: host.release(domain="web1", names=("nic",)),
        lambda host: host.claim(VF, {"name": "disk", "address": NVME}),
    ),
    Change(
        "release one device of two",
        lambda host: host.release(domain="web1", addresses=(VF1,)),
        lambda host: host.claim(VFS),
    ),
    Change(
        "release from a deaf guest by force",
        lambda host: host.release(domain="web1"),
        _stubborn("force", VFS),
        stops=True,
    ),
    Change(
        "release from a deaf guest's XML",
        lambda host: host.release(domain="web1"),
        _stubborn("definition", VF),
        leaves=True,
    ),
    Change("claim one less of a deaf guest", lambda host: host.claim(VF), _stubborn("definition", VFS)),
    Change("release what is overdue", lambda host: host.release(expired=True), _overdue),
    Change("release orphans", lambda host: host.release(orphans=True), _orphaned),
    Change("claim a USB stick", lambda host: host.claim(STICK), _plugged_in),
    Change(
        "claim a USB stick by its number",
        lambda host: host.claim(STICK),
        _with_two_sticks,
    ),
    Change("claim a USB stick, a SCSI disk and a VF", lambda host: host.claim(STICK, DISK, VF), _plugged_in),
    Change("claim detached USB and SCSI again", lambda host: host.claim(STICK, DISK), _nodes_detached),
    Change("release USB, SCSI and a VF", lambda host: host.release(domain="web1"), _with_nodes_claimed),
    Change(
        "release a USB stick of three requests",
        lambda host: host.release(domain="web1", names=("stick",)),
        _with_nodes_claimed,
    ),
    Change(
        "release for one-time use",
        lambda host: host.release(domain="web1"),
        lambda host: host.claim(VF, allow_list=allow({"product_id": "10ca", "one_time_use": True})),
    ),
)
