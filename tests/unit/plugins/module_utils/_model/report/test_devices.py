# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import Domain
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Bar, Child, PciDetails, PcieLink
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import NumaNode
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.devices import (
    DETAILS,
    device_report,
    groups_report,
    tree_report,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import drift as differences
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    DB,
    DPDK,
    WEB,
    claim,
    device,
    holding,
    inventory,
    pf,
    use,
    vf,
)

A, B, C = "0000:01:00.0", "0000:01:00.1", "0000:03:00.0"


class Names:
    def vendor(self, vendor_id):
        return {"8086": "Intel Corporation"}.get(vendor_id)

    def product(self, vendor_id, product_id):
        return {"808610d3": "82574L"}.get(vendor_id + product_id)

    def subsystem(self, function):
        return None

    def pci_class(self, class_id):
        return {"0200": "Ethernet controller"}.get(class_id[:4])


class Drivers:
    def candidates(self, function):
        return ["e1000e"]

    def vfio_driver(self, function):
        return "mlx5_vfio_pci" if function.vendor_id == "15b3" else "vfio-pci"


def report(host, address=A, tracker=None):
    statuses = Statuses(host, tracker or Tracker())
    return device_report(statuses, Topology(host)[address], host.devices[address], Names(), Drivers())


def test_the_facts_of_a_device_are_whole_and_plain():
    host = inventory(
        device(
            A,
            subsystem_vendor_id="8086",
            subsystem_product_id="0001",
            parent="0000:00:01.0",
            numa_node=1,
            serial="52:54:00:12:34:57",
            children=(Child("net", "eth0", {"address": "52:54:00:12:34:57"}),),
            details=PciDetails(
                revision="03",
                link=PcieLink("8.0 GT/s PCIe", 8, "16.0 GT/s PCIe", 16),
                bars=(Bar(0, 65536, False, True, True, (65536, 131072)),),
                has_rom=True,
                d3cold_allowed=True,
            ),
        ),
        domain_uses={A: [use(WEB, live=True)]},
        numa_nodes={0: NumaNode(socket=0), 1: NumaNode(socket=0)},
    )
    facts = report(host)
    assert json.loads(json.dumps(facts)) == facts
    assert facts == {
        "address": "0000:01:00.0",
        "name": "pci_0000_01_00_0",
        "capability": "pci",
        "path": "/sys/devices/pci0000:00/0000:01:00.0",
        "stable_path": "stable-0000:01:00.0",
        "parent": "0000:00:01.0",
        "vendor_id": "8086",
        "vendor_name": "Intel Corporation",
        "product_id": "10d3",
        "product_name": "82574L",
        "subsystem_vendor_id": "8086",
        "subsystem_product_id": "0001",
        "subsystem_name": "Intel Corporation",
        "revision": "03",
        "class": "020000",
        "class_name": "Ethernet controller",
        "serial": "52:54:00:12:34:57",
        "device_type": "type-PCI",
        "driver": "e1000e",
        "driver_override": None,
        "candidate_drivers": ["e1000e"],
        "vfio_driver": "vfio-pci",
        "header_type": 0,
        "iommu_group": 1,
        "numa_node": 1,
        "pcie_root": "pci0000:00",
        "pcie_switch": None,
        "pcie_switches": [],
        "slot": "0000:01:00",
        "socket": 0,
        "link": {
            "current_speed": "8.0 GT/s PCIe",
            "current_width": 8,
            "max_speed": "16.0 GT/s PCIe",
            "max_width": 16,
        },
        "bars": [
            {
                "index": 0,
                "size": 65536,
                "io": False,
                "is_64bit": True,
                "prefetchable": True,
                "resizable_sizes": [65536, 131072],
            }
        ],
        "rom": True,
        "reset_methods": ["flr"],
        "d3cold_allowed": True,
        "boot_vga": False,
        "physical_function": None,
        "virtual_functions": [],
        "total_vfs": 0,
        "num_vfs": 0,
        "children": [{"kind": "net", "name": "eth0", "address": "52:54:00:12:34:57"}],
        "used_by": [
            {
                "domain": "web1",
                "uuid": "6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02",
                "via": "hostdev",
                "active": True,
                "config": True,
                "live": True,
            }
        ],
        "status": "available",
        "owner": None,
        "claimable": False,
        "blockers": [
            {
                "code": "in_domain_xml",
                "address": "0000:01:00.0",
                "detail": "domain web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02) is running with it",
                "override": None,
                "remedy": "take it out of that domain (`virsh detach-device DOMAIN FILE`), or ask for another device",
            }
        ],
        "affected": ["net/eth0"],
    }


def test_a_free_device_without_blockers_is_claimable():
    facts = report(inventory(device(A)))
    assert (facts["claimable"], facts["blockers"], facts["status"]) == (True, [], "available")


def test_a_held_device_shows_its_owner_and_is_not_claimable():
    host = inventory(device(A, driver="vfio-pci"), domain_uses={A: [use(WEB, live=True)]})
    facts = report(host, tracker=Tracker([claim(WEB, holding(A))]))
    assert (facts["claimable"], facts["blockers"], facts["status"]) == (False, [], "allocated")
    assert facts["owner"] == {"kind": "domain", "id": WEB.id, "label": "web1"}


def test_a_vf_of_a_claimed_pf_is_not_claimable():
    host = inventory(pf(C, virtual_functions=("0000:03:10.0",)), vf("0000:03:10.0", C))
    facts = report(host, "0000:03:10.0", Tracker([claim(DPDK, holding(C))]))
    assert (facts["claimable"], facts["status"]) == (False, "unclaimable")


def test_what_the_kernel_does_not_tell_is_null():
    facts = report(inventory(device(A, reset_methods=None, iommu_group=None, numa_node=None, details=PciDetails())))
    unknown = ("reset_methods", "d3cold_allowed", "link", "iommu_group", "numa_node")
    assert {key: facts[key] for key in unknown} == dict.fromkeys(unknown)


SWITCHES = "/sys/devices/pci0000:16/0000:16:02.0/0000:17:00.0/0000:18:08.0/0000:1a:00.0/0000:1b:00.0"


def test_all_switches_above_are_told_the_nearest_first():
    facts = report(inventory(device(A, path=f"{SWITCHES}/{A}")))
    assert facts["pcie_root"] == "pci0000:16"
    assert facts["pcie_switch"] == "0000:1a:00.0"
    assert facts["pcie_switches"] == ["0000:1a:00.0", "0000:17:00.0"]


def test_a_vf_sits_in_the_slot_of_its_pf_and_below_its_switches():
    facts = report(inventory(pf(A, C, path=f"{SWITCHES}/{A}"), vf(C, A, path=f"{SWITCHES}/{C}")), C)
    assert (facts["slot"], facts["pcie_switch"]) == ("0000:01:00", "0000:1a:00.0")


def test_where_nobody_knows_the_way_to_a_function_its_switches_are_not_said_to_be_none():
    facts = report(inventory(device(A, path="")))
    assert [facts[key] for key in ("pcie_root", "pcie_switch", "pcie_switches", "socket")] == [None] * 4
    assert facts["slot"] == "0000:01:00"


def test_the_details_are_the_fields_that_are_null_when_they_were_not_read():
    details = PciDetails(link=PcieLink("8.0 GT/s PCIe", 8, "8.0 GT/s PCIe", 8), d3cold_allowed=True)
    read, unread = report(inventory(device(A, details=details))), report(inventory(device(A)))
    assert {key for key, value in read.items() if unread[key] is None and value is not None} == DETAILS


def test_the_vfio_driver_is_the_one_that_a_claim_would_take_and_a_bridge_has_none():
    host = inventory(device(A, vendor_id="15b3"), device(C), device("0000:00:01.0", header_type=1))
    drivers = [report(host, address)["vfio_driver"] for address in (A, C, "0000:00:01.0")]
    assert drivers == ["mlx5_vfio_pci", "vfio-pci", None]


def test_groups_are_told_by_number_with_members_and_viability():
    host = inventory(
        device("0000:09:00.0", driver="vfio-pci"),
        device("0000:02:00.1", iommu_group=2),
        device("0000:02:00.0", driver=None),
    )
    assert groups_report(host) == [
        {"id": 2, "devices": ["0000:02:00.0", "0000:02:00.1"], "viable": False},
        {"id": 9, "devices": ["0000:09:00.0"], "viable": True},
    ]


ALIVE = frozenset({WEB.id, DB.id})
HELD = Tracker([claim(WEB, holding(A))])


def drift(host, tracker=HELD, uuids=ALIVE):
    return [
        (difference["code"], difference["address"], difference["detail"])
        for difference in drift_of(host, tracker, uuids)
    ]


def drift_of(host, tracker, uuids):
    domains = None if uuids is None else tuple(Domain(uuid, uuid, None, None) for uuid in uuids)
    return differences(Snapshot(host, tracker, domains))


def test_a_vf_that_was_not_made_again_is_told_with_its_pf():
    gone = "0000:01:10.0"
    held = holding(gone, identity=vf(gone, A).identity)
    ((code, address, detail),) = drift(inventory(pf(A)), Tracker([claim(WEB, held)]))
    assert (code, address) == ("removed", gone)
    assert detail == f"there is no such device on the host: the VFs were not made again (of {A}, which has 0 of 7)"


def test_a_record_that_agrees_with_the_host_has_no_drift():
    assert drift(inventory(device(A, driver="vfio-pci"), domain_uses={A: [use(WEB)]})) == []


@pytest.mark.parametrize(
    ("devices", "uses", "uuids", "wanted"),
    [
        ([], {A: [use(WEB)]}, ALIVE, [("removed", A, "there is no such device on the host")]),
        (
            [device(A, product_id="1533")],
            {A: [use(WEB)]},
            ALIVE,
            [("identity_changed", A, "product_id is 1533, claimed was 10d3")],
        ),
        (
            [device(A)],
            {A: [use(WEB)]},
            ALIVE,
            [("driver", A, "bound to e1000e instead of a VFIO driver")],
        ),
        (
            [device(A, driver=None)],
            {A: [use(WEB)]},
            ALIVE,
            [("driver", A, "bound to no driver instead of a VFIO driver")],
        ),
        (
            [device(A, driver="vfio-pci", responding=False)],
            {A: [use(WEB)]},
            ALIVE,
            [("not_responding", A, "its config space reads all ones")],
        ),
        (
            [device(A, driver="vfio-pci")],
            {A: [use(DB)]},
            ALIVE,
            [
                ("not_attached", A, f"domain web1 ({WEB.id}) does not have it"),
                (
                    "not_on_record",
                    A,
                    f"domain db1 is defined with it by hostdev, the record has it for domain web1 ({WEB.id})",
                ),
            ],
        ),
        (
            [device(A, driver="vfio-pci")],
            {},
            {DB.id},
            [("orphan", A, f"domain web1 ({WEB.id}) no longer exists")],
        ),
    ],
)
def test_every_kind_of_drift_has_its_code(devices, uses, uuids, wanted):
    assert drift(inventory(*devices, domain_uses=uses), uuids=uuids) == wanted


def test_a_device_that_a_domain_has_by_hand_is_drift():
    host = inventory(device(A), device(C), domain_uses={C: [use(DB, live=True)]})
    assert drift_of(host, Tracker(), ALIVE) == [
        {
            "code": "not_on_record",
            "address": C,
            "owner": DB.as_dict(),
            "detail": "domain db1 is running with it by hostdev, the record knows nothing of it",
        }
    ]


def test_a_mediated_device_of_a_function_is_not_the_function():
    host = inventory(device(A, driver="vfio-pci"), domain_uses={A: [use(WEB, via="mdev")], B: [use(DB, via="mdev")]})
    assert drift(host) == [("not_attached", A, f"{WEB} does not have it")]


def test_a_card_that_moved_is_told_with_where_it_is_now():
    host = inventory(device(C, serial="s1"), domain_uses={A: [use(WEB)]})
    tracker = Tracker([claim(WEB, holding(A, identity=device(A, serial="s1").identity))])
    assert drift(host, tracker) == [("moved", A, "the device is at 0000:03:00.0 now")]
    assert [blocker["code"] for blocker in report(host, C, tracker)["blockers"]] == ["moved"]


def test_another_card_at_a_held_address_is_told_in_the_device_too():
    host = inventory(device(A, product_id="1533"))
    facts = report(host, tracker=HELD)
    assert (facts["claimable"], facts["status"]) == (False, "claimed")
    assert [(blocker["code"], blocker["detail"]) for blocker in facts["blockers"]] == [
        ("identity_changed", f"held by domain web1 ({WEB.id}), but product_id is 1533, claimed was 10d3")
    ]


def test_the_mate_of_a_device_that_an_owner_without_domain_holds_is_told_as_such():
    host = inventory(device(A), device(B, driver="vfio-pci"))
    facts = report(host, tracker=Tracker([claim(DPDK, holding(B, attach=()))]))
    assert [(blocker["code"], blocker["address"], blocker["detail"]) for blocker in facts["blockers"]] == [
        ("group_used_by_domain", B, "held by owner dpdk0")
    ]


def test_several_differences_of_one_device_are_all_told():
    entries = drift(inventory(device(A)))
    assert [code for code, _address, _detail in entries] == ["driver", "not_attached"]


def test_without_libvirt_only_the_host_is_compared():
    assert drift(inventory(device(A, driver="vfio-pci")), uuids=None) == []


def test_what_was_attached_nowhere_is_not_missed():
    tracker = Tracker([claim(WEB, holding(A, None), holding(B, "x", attach=()))])
    host = inventory(device(A, driver="vfio-pci"), device(B, driver="vfio-pci"))
    assert drift(host, tracker) == []


def test_a_free_owner_is_no_orphan():
    assert drift(inventory(device(A, driver="vfio-pci")), Tracker([claim(DPDK, holding(A, attach=()))])) == []


def test_drift_names_the_owner():
    (entry,) = drift_of(inventory(), HELD, ALIVE)
    assert entry["owner"] == {"kind": "domain", "id": WEB.id, "label": "web1"}


def test_nodes_are_nested_below_their_parents():
    assert tree_report(
        {"net_eth0": "pci_1", "computer": None, "pci_1": "computer", "stray": "gone", "self": "self"}
    ) == [
        {
            "name": "computer",
            "children": [{"name": "pci_1", "children": [{"name": "net_eth0", "children": []}]}],
        },
        {"name": "stray", "children": []},
        {"name": "self", "children": []},
    ]


def test_a_host_use_blocks_in_the_facts_too():
    host = inventory(device(A), host_uses=[HostUse("ssh_nic", A, "ssh connection from 10.0.2.2 on eth0")])
    assert report(host)["blockers"] == [
        {
            "code": "ssh_nic",
            "address": "0000:01:00.0",
            "detail": "ssh connection from 10.0.2.2 on eth0",
            "override": None,
            "remedy": "let Ansible reach the host through another interface (`ansible_host`)",
        }
    ]
