# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_device import NodeDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.filters import Filters
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.listing import Listing
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    DB,
    DPDK,
    WEB,
    claim,
    device,
    domain,
    holding,
    inventory,
    pf,
    use,
    vf,
)

NIC, PF, VF1, VF2 = "0000:03:00.0", "0000:01:00.0", "0000:01:10.0", "0000:01:10.2"
XHCI = "0000:05:00.0"


def listing_of(*devices, nodes=(), claims=(), domains=(), listed=(), **fields):
    host = inventory(*devices, **fields)
    return Listing(host, nodes, Statuses(host, Tracker(claims)), domains, listed)


def names(entries):
    return [entry.name for entry in entries]


def ask(listing, **filters):
    return names(listing.select(Filters(**filters)))


def affected(listing, name):
    return ask(listing, affected_by=name)


def node(name, capability, parent=None, *nested, **fields):
    return NodeDevice(name, capability, parent, capabilities=nested, fields=fields)


def usb_nodes():
    return [
        node("computer", "system"),
        NodeDevice("pci_0000_05_00_0", "pci", "computer", address=XHCI),
        node("usb_usb1", "usb_device", "pci_0000_05_00_0", bus=1, device=1, hub=True, root_hub=True),
        node("usb_1_1", "usb_device", "usb_usb1", bus=1, device=2, hub=False, vendor_id="0781", product_id="5567"),
        node("usb_1_2", "usb_device", "usb_usb1", bus=1, device=3, hub=False, vendor_id="0781", product_id="5568"),
        node("usb_1_1_1_0", "usb", "usb_1_1", **{"class": 8}),
        node("scsi_host7", "scsi_host", "usb_1_1_1_0", host=7),
        node("scsi_7_0_0_0", "scsi", "scsi_host7", host=7, bus=0, target=0, lun=0),
        node("block_sdb", "storage", "scsi_7_0_0_0", block="/dev/sdb"),
    ]


# The whole.


def test_functions_that_libvirt_lists_and_was_not_asked_about_are_below_the_next_one_that_it_lists():
    functions = (
        device("0000:00:01.0", header_type=1),
        device("0000:01:00.0", header_type=1, parent="0000:00:01.0"),
        device("0000:02:00.0", parent="0000:01:00.0"),
        device("0000:02:00.1", parent="0000:01:00.0", children=(Child("net", "eth0"),)),
    )
    bridge = NodeDevice("pci_8086_27d0", "pci", "computer", address="0000:00:01.0")
    listing = listing_of(*functions, nodes=[bridge], listed={"pci_0000_02_00_0"})
    assert listing.parents() == {
        "pci_0000_00_01_0": "computer",
        "pci_0000_01_00_0": "pci_0000_00_01_0",
        "pci_0000_02_00_0": "pci_0000_00_01_0",
        "pci_0000_02_00_1": "pci_0000_01_00_0",
    }
    assert ask(listing, capability=("net",)) == []


def test_functions_come_by_address_and_then_other_devices_by_name():
    listing = listing_of(
        device("10000:01:00.0"),
        device(NIC),
        nodes=[node("z", "drm", "pci_0000_03_00_0"), node("computer", "system"), node("a", None)],
    )
    assert ask(listing) == ["pci_0000_03_00_0", "pci_10000_01_00_0", "a", "computer", "z"]


def test_a_function_that_only_libvirt_knows_is_no_device_but_has_its_place_in_the_tree():
    gone = NodeDevice("pci_0000_09_00_0", "pci", "computer", address="0000:09:00.0")
    listing = listing_of(nodes=[node("computer", "system"), gone, node("net_x", "net", "pci_0000_09_00_0")])
    assert ask(listing) == ["computer", "net_x"]
    assert affected(listing, "computer") == ["net_x"]
    assert listing.parents() == {"computer": None, "net_x": "pci_0000_09_00_0", "pci_0000_09_00_0": "computer"}


def test_a_function_whose_place_can_not_be_read_is_listed_with_its_warning():
    odd = NodeDevice("pci_8086_10ca", "pci", warning="<bus> is missing", fields={"iommu_group": 3})
    listing = listing_of(device(NIC), nodes=[odd])
    assert ask(listing) == ["pci_0000_03_00_0", "pci_8086_10ca"]
    assert ask(listing, passthrough=True) == ["pci_0000_03_00_0"]
    assert affected(listing, NIC) == ["pci_8086_10ca"]
    assert listing.entries["pci_8086_10ca"].as_dict()["warning"] == "<bus> is missing"


def test_parents_are_libvirts_and_those_of_sysfs_where_it_says_nothing():
    functions = [device("0000:00:01.0", header_type=1), device("0000:01:00.0", parent="0000:00:01.0")]
    assert listing_of(*functions).parents() == {"pci_0000_00_01_0": None, "pci_0000_01_00_0": "pci_0000_00_01_0"}
    nodes = [NodeDevice("pci_0000_00_01_0", "pci", "computer", address="0000:00:01.0"), node("computer", "system")]
    assert listing_of(*functions, nodes=nodes).parents() == {
        "pci_0000_00_01_0": "computer",
        "pci_0000_01_00_0": "pci_0000_00_01_0",
        "computer": None,
    }


def test_libvirts_other_name_of_a_function_is_understood_everywhere():
    nodes = [
        NodeDevice("pci_8086_27c5", "pci", address=NIC),
        node("net_eth0", "net", "pci_8086_27c5"),
    ]
    listing = listing_of(device(NIC), nodes=nodes)
    assert listing.parents() == {"pci_0000_03_00_0": None, "net_eth0": "pci_0000_03_00_0"}
    assert affected(listing, "pci_8086_27c5") == ["net_eth0"]


def test_libvirt_adds_to_a_function_what_sysfs_does_not_tell():
    known = NodeDevice("pci_0000_03_00_0", "pci", address=NIC, fields={"vpd": {"name": "X"}, "bus": 3}, warning="w")
    listing = listing_of(device(NIC), device(PF), nodes=[known])
    assert listing.entries["pci_0000_03_00_0"].as_dict() == {"vpd": {"name": "X"}, "warning": "w"}
    assert listing.entries["pci_0000_01_00_0"].as_dict() == {}


def test_devices_that_are_each_others_parents_do_no_harm():
    nodes = [node("a", "x", "b"), node("b", "x", "a"), node("c", "x", "c"), node("d", "x", "gone")]
    listing = listing_of(nodes=nodes)
    assert affected(listing, "a") == ["b"]
    assert affected(listing, "c") == []
    assert affected(listing, "d") == []


# Without libvirt.


def test_without_libvirt_children_of_functions_answer_where_they_are_asked_for():
    listing = listing_of(
        device(
            NIC,
            children=(
                Child("net", "eth0", {"address": "52:54:00:00:00:01", "operstate": "up"}),
                Child("mdev_type", "t-1"),
            ),
        ),
        device(XHCI, children=(Child("usb", "usb1"), Child("block", "sdb", {"size": "131072", "serial": "S"}))),
    )
    assert ask(listing) == ask(listing, passthrough=True) == ["pci_0000_03_00_0", "pci_0000_05_00_0"]
    assert ask(listing, capability=("net", "storage")) == ["net/eth0", "block/sdb"]
    assert ask(listing, capability=("mdev_types",)) == ["pci_0000_03_00_0"]
    assert ask(listing, capability=("usb_device",), passthrough=True) == []
    assert affected(listing, XHCI) == ["usb/usb1", "block/sdb"]
    assert affected(listing, "net/eth0") == ["pci_0000_03_00_0"]
    assert list(listing.parents()) == ["pci_0000_03_00_0", "pci_0000_05_00_0"]
    assert listing.entries["net/eth0"].as_dict() == {
        "name": "net/eth0",
        "capability": "net",
        "capabilities": [],
        "parent": "pci_0000_03_00_0",
        "interface": "eth0",
        "address": "52:54:00:00:00:01",
        "operstate": "up",
    }
    shown = listing.entries["block/sdb"].as_dict()
    assert (shown["block"], shown["size"], shown["serial"]) == ("/dev/sdb", 67108864, "S")
    assert listing.entries["usb/usb1"].as_dict()["root_hub"] is True


# By capability.


def test_a_capability_is_that_of_a_device_or_nested_in_it():
    nodes = [
        node("scsi_host1", "scsi_host", None, "fc_host", "vport_ops"),
        node("scsi_host2", "scsi_host"),
        NodeDevice("pci_0000_03_00_0", "pci", address=NIC, capabilities=("vpd",)),
        node("odd", None),
    ]
    listing = listing_of(device(NIC), pf(PF, VF1), vf(VF1, PF), device("0000:00:01.0", header_type=1), nodes=nodes)
    assert ask(listing, capability=("scsi_host",)) == ["scsi_host1", "scsi_host2"]
    assert ask(listing, capability=("fc_host",)) == ["scsi_host1"]
    assert ask(listing, capability=("vports",)) == ask(listing, capability=("vport_ops",)) == ["scsi_host1"]
    assert ask(listing, capability=("vpd", "fc_host")) == ["pci_0000_03_00_0", "scsi_host1"]
    assert ask(listing, capability=("phys_function",)) == ["pci_0000_01_10_0"]
    assert ask(listing, capability=("virt_functions",)) == ["pci_0000_01_00_0"]
    assert ask(listing, capability=("pci-bridge",)) == ["pci_0000_00_01_0"]
    assert ask(listing, capability=("mdev",)) == []


def test_an_unknown_capability_is_refused_with_the_nearest_one():
    with pytest.raises(HostdevError) as caught:
        ask(listing_of(), capability=("pci", "usb-device"))
    assert (caught.value.code, caught.value.subject, caught.value.remedy) == (
        "unknown_capability",
        "capability usb-device",
        "did you mean usb_device?",
    )


def test_a_capability_that_only_this_host_has_can_be_asked_for():
    assert ask(listing_of(nodes=[node("z1", "zorro", None, "autoconfig")]), capability=("autoconfig",)) == ["z1"]


# By specs.


def test_only_functions_fit_specs():
    listing = listing_of(device(NIC), pf(PF, VF1), vf(VF1, PF), nodes=[node("computer", "system")])
    specs = parse_device_specs([{"product_id": "10ca"}, {"address": NIC, "tags": {"net": "blue"}}], "specs")
    assert ask(listing, specs=specs) == ["pci_0000_01_10_0", "pci_0000_03_00_0"]
    assert ask(listing, specs=()) == []


def test_specs_see_what_is_around_a_function():
    listing = listing_of(device(NIC), pf(PF, VF1, children=(Child("net", "eth0"),)), vf(VF1, PF))
    specs = parse_device_specs([{"devname": "eth0", "device_type": "type-VF"}], "specs")
    assert ask(listing, specs=specs) == ["pci_0000_01_10_0"]


# What a guest could be given.


def test_eligible_functions_are_endpoints_that_nothing_keeps_with_the_host():
    listing = listing_of(
        device("0000:00:00.0", class_id="060000", driver=None),
        device("0000:00:01.0", class_id="060400", header_type=1, driver="pcieport", iommu_group=70),
        device("0000:02:00.0", class_id="038000"),
        device("0000:03:00.0"),
        device("0000:04:00.0", iommu_group=None),
        pf("0000:05:00.0", "0000:05:10.0"),
        vf("0000:05:10.0", "0000:05:00.0"),
        device("0000:06:00.0", iommu_group=6),
        device("0000:06:00.1", iommu_group=6),
        device("0000:07:00.0", iommu_group=7),
        device("0000:07:1f.0", class_id="060100", driver="lpc_ich", iommu_group=7),
        host_uses=[HostUse("swap", "0000:03:00.0", "/dev/sda2")],
    )
    assert ask(listing, passthrough=True) == [
        "pci_0000_02_00_0",
        "pci_0000_05_10_0",
        "pci_0000_06_00_0",
        "pci_0000_06_00_1",
    ]


def test_who_has_a_function_does_not_make_it_less_eligible():
    listing = listing_of(
        device("0000:01:00.0", driver="vfio-pci"),
        device("0000:02:00.0"),
        device("0000:03:00.0", iommu_group=9),
        device("0000:03:00.1", iommu_group=9),
        device("0000:04:00.0"),
        claims=[claim(DPDK, holding("0000:01:00.0"))],
        domain_uses={"0000:02:00.0": [use(WEB)], "0000:03:00.0": [use(DB, via="interface", live=True)]},
    )
    assert len(ask(listing, passthrough=True)) == 5
    assert ask(listing, available=True) == ["pci_0000_04_00_0"]


def test_without_an_iommu_no_function_is_eligible_but_usb_and_scsi_are():
    listing = listing_of(device(XHCI, iommu_group=None), nodes=usb_nodes(), iommu=False, iommu_reason="off")
    assert ask(listing, passthrough=True) == ["scsi_7_0_0_0", "usb_1_1", "usb_1_2"]


STICK = "/sys/devices/pci0000:00/0000:00:05.0/usb2/2-1"
STICK_SCSI = f"{STICK}/2-1:1.0/host7/target7:0:0/7:0:0:0"


def with_paths():
    """The hub usb2 with a stick, which is a SCSI disk, and another one."""
    return [
        NodeDevice("usb_usb2", "usb_device", path=STICK.rpartition("/")[0], fields={"hub": True, "root_hub": True}),
        NodeDevice("usb_2_1", "usb_device", "usb_usb2", STICK, fields={"hub": False, "bus": 2, "device": 3}),
        NodeDevice("usb_2_10", "usb_device", "usb_usb2", f"{STICK}0", fields={"hub": False, "bus": 2, "device": 4}),
        NodeDevice("scsi_7_0_0_0", "scsi", "usb_2_1", STICK_SCSI, fields={"host": 7, "bus": 0, "target": 0, "lun": 0}),
        NodeDevice("block_sdb", "storage", "scsi_7_0_0_0", f"{STICK_SCSI}/block/sdb", fields={"block": "/dev/sdb"}),
        NodeDevice("scsi_0_0_0_0", "scsi", path="/sys/devices/platform/host0/target0:0:0/0:0:0:0"),
        NodeDevice("usb_odd", "usb_device", "usb_usb2", fields={"hub": False}),
    ]


def shown(listing):
    return {
        name: [(blocker["code"], blocker["detail"]) for blocker in known["blockers"]]
        for name, known in ((name, listing.as_dict(entry)) for name, entry in listing.entries.items())
        if "blockers" in known
    }


@pytest.mark.parametrize(
    ("path", "address", "used"),
    [
        (f"{STICK_SCSI}/block/sdb/sdb1", "0000:00:05.0", {"usb_2_1", "scsi_7_0_0_0"}),
        (f"{STICK_SCSI}/scsi_generic/sg1", "", {"usb_2_1", "scsi_7_0_0_0"}),
        (f"{STICK}/2-1:1.1/net/eth1", "", {"usb_2_1"}),
        (STICK, "", {"usb_2_1"}),
        ("/sys/devices/platform/host0/target0:0:0/0:0:0:0/block/sda", "", {"scsi_0_0_0_0"}),
        ("", "0000:00:05.0", set()),
    ],
)
def test_what_the_host_uses_of_a_usb_or_scsi_device_blocks_it_and_what_it_is_part_of(path, address, used):
    listing = listing_of(nodes=with_paths(), host_uses=[HostUse("default_route", address, "why", path)])
    every = {"usb_2_1", "usb_2_10", "scsi_7_0_0_0", "scsi_0_0_0_0", "usb_odd"}
    assert shown(listing) == {name: [("default_route", "why")] if name in used else [] for name in every}
    assert set(ask(listing, passthrough=True)) == set(ask(listing, available=True)) == every - used


def test_blockers_of_a_node_device_have_its_name_and_each_code_and_detail_once():
    uses = [
        HostUse("lvm", "", "vg0", f"{STICK_SCSI}/block/sdb/sdb1"),
        HostUse("lvm", "", "vg0", f"{STICK_SCSI}/block/sdb/sdb2"),
        HostUse("lvm", "", "vg1", f"{STICK_SCSI}/block/sdb/sdb3"),
    ]
    listing = listing_of(nodes=with_paths(), host_uses=uses)
    assert listing.as_dict(listing.entries["usb_2_1"])["blockers"] == [
        {
            "code": "lvm",
            "address": "usb_2_1",
            "detail": "vg0; vg1",
            "override": None,
            "remedy": "deactivate the volume group (`vgchange -an`), or move its volumes elsewhere (`pvmove`)",
        }
    ]


GUEST_USB = "<hostdev mode='subsystem' type='usb'><source><address bus='2' device='3'/></source></hostdev>"
GUEST_DISK = "<disk type='block'><source dev='/dev/sdb'/></disk>"


@pytest.mark.parametrize(
    ("extra", "path", "news"),
    [
        (GUEST_USB, STICK, set()),
        (GUEST_DISK, f"{STICK_SCSI}/block/sdb", set()),
        (GUEST_USB, f"{STICK}0", {"usb_2_10"}),
        (GUEST_USB, f"{STICK_SCSI}/block/sdb", {"scsi_7_0_0_0"}),
        ("", STICK, {"usb_2_1"}),
    ],
)
def test_a_node_that_is_open_for_a_running_domain_is_no_news(extra, path, news):
    uses = [HostUse("held_by_process", "", "process 42 (qemu-system-x86) has it open", path)]
    running = listing_of(nodes=with_paths(), host_uses=uses, domains=[domain(None, domain_xml(extra=extra))])
    assert {name for name, blockers in shown(running).items() if blockers} == news
    defined = listing_of(nodes=with_paths(), host_uses=uses, domains=[domain(domain_xml(extra=extra))])
    assert shown(defined) == shown(listing_of(nodes=with_paths(), host_uses=uses))
    assert any(shown(defined).values())


def test_what_else_the_host_uses_of_a_device_of_a_running_domain_blocks_it():
    uses = [
        HostUse("held_by_process", "", "process 42", f"{STICK_SCSI}/block/sdb"),
        HostUse("mounted_fs", "", "/srv", f"{STICK_SCSI}/block/sdb"),
    ]
    listing = listing_of(nodes=with_paths(), host_uses=uses, domains=[domain(None, domain_xml(extra=GUEST_DISK))])
    assert shown(listing)["scsi_7_0_0_0"] == [("mounted_fs", "/srv")]


def used(listing):
    return {
        name: [(use["domain"], use["via"], use["active"], use["config"], use["live"]) for use in known["used_by"]]
        for name, known in ((name, listing.as_dict(entry)) for name, entry in listing.entries.items())
        if known.get("used_by")
    }


@pytest.mark.parametrize(
    ("extra", "via"),
    [
        (GUEST_USB, {"usb_2_1": "hostdev"}),
        (GUEST_DISK, {"usb_2_1": "disk", "scsi_7_0_0_0": "disk"}),
        ("", {}),
    ],
)
def test_a_usb_or_scsi_device_tells_which_domains_have_it_or_a_disk_on_it(extra, via):
    domains = [
        domain(domain_xml(), domain_xml(extra=extra)),
        domain(domain_xml(extra=extra), owner=DB),
        domain(domain_xml(), owner=DPDK),
    ]
    assert used(listing_of(nodes=with_paths(), domains=domains)) == {
        name: [("web1", word, True, False, True), ("db1", word, False, True, False)] for name, word in via.items()
    }
    assert used(listing_of(nodes=with_paths())) == {}


def test_hubs_and_devices_that_no_guest_can_have_have_no_blockers():
    uses = [HostUse("mounted_fs", "", "/srv", f"{STICK_SCSI}/block/sdb")]
    listing = listing_of(nodes=with_paths(), host_uses=uses)
    assert {"usb_usb2", "block_sdb"}.isdisjoint(shown(listing))
    assert "usb_usb2" not in ask(listing, passthrough=True)


def test_hubs_are_not_eligible():
    listing = listing_of(device(XHCI), nodes=usb_nodes())
    assert ask(listing, passthrough=True, capability=("usb_device",)) == ["usb_1_1", "usb_1_2"]
    assert ask(listing, passthrough=True, capability=("storage",)) == []


def test_a_vf_of_a_pf_with_a_domain_is_not_available():
    listing = listing_of(pf(PF, VF1), vf(VF1, PF), vf(VF2, PF), domain_uses={PF: [use(WEB)]})
    assert ask(listing, available=True) == []


def test_a_moved_or_exchanged_device_is_eligible_but_not_available():
    held = holding("0000:09:00.0", identity=device(NIC, serial="S1").identity)
    listing = listing_of(device(NIC, serial="S1"), claims=[claim(WEB, held)])
    assert ask(listing, passthrough=True) == ["pci_0000_03_00_0"]
    assert ask(listing, available=True) == []


@pytest.mark.parametrize(
    ("extra", "available"),
    [
        ("", ["pci_0000_05_00_0", "scsi_7_0_0_0", "usb_1_1", "usb_1_2"]),
        (
            "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='3'/></source></hostdev>",
            ["scsi_7_0_0_0", "usb_1_1"],
        ),
        (
            "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host7'/>"
            "<address bus='0' target='0' unit='0'/></source></hostdev>",
            ["usb_1_2"],
        ),
        ("<disk type='block'><source dev='/dev/sdb'/></disk>", ["usb_1_2"]),
    ],
)
def test_what_a_domain_takes_below_a_device_is_missing_to_it(extra, available):
    domains = [domain(domain_xml(extra=extra))]
    listing = listing_of(device(XHCI), nodes=usb_nodes(), domains=domains)
    assert ask(listing, available=True) == available


@pytest.mark.parametrize("where", ["config", "live"])
def test_a_device_is_taken_by_a_definition_and_by_a_running_guest(where):
    xml = domain_xml(extra="<disk type='block'><source dev='/dev/sdb'/></disk>")
    domains = [domain(xml if where == "config" else domain_xml(), xml if where == "live" else None)]
    listing = listing_of(device(XHCI), nodes=usb_nodes(), domains=domains)
    assert "scsi_7_0_0_0" not in ask(listing, available=True)


@pytest.mark.parametrize("address", [XHCI, "0000:05:00.1"])
def test_what_hangs_on_a_function_that_is_given_away_is_not_available(address):
    functions = [device(XHCI), device("0000:05:00.1")]
    used = listing_of(*functions, nodes=usb_nodes(), domain_uses={address: [use(WEB)]})
    held = listing_of(*functions, nodes=usb_nodes(), claims=[claim(DPDK, holding(address))])
    assert ask(used, available=True, capability=("usb_device", "scsi")) == []
    assert ask(held, available=True, capability=("usb_device", "scsi")) == []


# What goes along.


def test_group_mates_are_affected_with_all_that_hangs_on_them():
    nodes = [
        node("net_eth0", "net", "pci_0000_03_00_0"),
        node("net_eth1", "net", "pci_0000_03_00_1"),
        node("net_eth2", "net", "pci_0000_04_00_0"),
        node("computer", "system"),
    ]
    listing = listing_of(device(NIC), device("0000:03:00.1"), device("0000:04:00.0"), nodes=nodes)
    assert affected(listing, NIC) == ["pci_0000_03_00_1", "net_eth0", "net_eth1"]
    assert affected(listing, "net_eth1") == ["pci_0000_03_00_0", "pci_0000_03_00_1", "net_eth0"]
    assert affected(listing, "03:00.1") == affected(listing, "pci_0000_03_00_1")


def test_a_pf_takes_its_vfs_along_and_so_does_a_group_mate_that_is_one():
    nodes = [
        node("net_pf", "net", "pci_0000_01_00_0"),
        node("net_vf", "net", "pci_0000_01_10_0"),
        node("net_mate", "net", "pci_0000_01_00_1"),
    ]
    listing = listing_of(pf(PF, VF1, VF2), device("0000:01:00.1"), vf(VF1, PF), vf(VF2, PF), nodes=nodes)
    vfs = ["pci_0000_01_10_0", "pci_0000_01_10_2"]
    assert affected(listing, PF) == ["pci_0000_01_00_1", *vfs, "net_mate", "net_pf", "net_vf"]
    assert affected(listing, "0000:01:00.1") == ["pci_0000_01_00_0", *vfs, "net_mate", "net_pf", "net_vf"]
    assert affected(listing, VF1) == ["net_vf"]


def test_a_bridge_affects_its_group_and_not_what_has_one_of_its_own():
    bridge = device("0000:00:1c.0", header_type=1, iommu_group=5)
    below = device("0000:02:00.0", parent="0000:00:1c.0")
    mate = device("0000:02:00.1", parent="0000:00:1c.0", iommu_group=5)
    assert affected(listing_of(bridge, below), "0000:00:1c.0") == []
    assert affected(listing_of(bridge, below, mate), "0000:00:1c.0") == ["pci_0000_02_00_1"]


def test_without_a_group_all_that_lies_below_is_affected():
    bridge = device("0000:00:1c.0", header_type=1, iommu_group=None)
    functions = [bridge, device("0000:02:00.0", parent="0000:00:1c.0", iommu_group=None)]
    nodes = [
        NodeDevice("pci_0000_00_1c_0", "pci", "computer", address="0000:00:1c.0"),
        NodeDevice("pci_0000_02_00_0", "pci", "pci_0000_00_1c_0", address="0000:02:00.0"),
        node("net_eth0", "net", "pci_0000_02_00_0"),
        node("computer", "system"),
    ]
    listing = listing_of(*functions, nodes=nodes)
    assert affected(listing, "0000:00:1c.0") == ["pci_0000_02_00_0", "net_eth0"]
    assert affected(listing, "0000:02:00.0") == ["net_eth0"]
    assert affected(listing, "computer") == ["pci_0000_00_1c_0", "pci_0000_02_00_0", "net_eth0"]


def test_a_function_without_a_group_does_not_take_its_bridges():
    bridge = device("0000:00:1c.0", header_type=1, iommu_group=5)
    listing = listing_of(
        bridge,
        device("0000:02:00.0", parent="0000:00:1c.0", iommu_group=None),
        nodes=[node("net_eth0", "net", "pci_0000_02_00_0")],
    )
    assert affected(listing, "0000:02:00.0") == ["net_eth0"]
    assert affected(listing, "net_eth0") == []
    assert affected(listing, "0000:00:1c.0") == []


def test_a_mediated_device_is_in_a_group_of_its_own():
    nodes = [node("mdev_1", "mdev", "pci_0000_03_00_0", iommu_group=77), node("net_eth0", "net", "pci_0000_03_00_0")]
    listing = listing_of(device(NIC), nodes=nodes)
    assert affected(listing, "mdev_1") == []
    assert affected(listing, NIC) == ["net_eth0"]


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        ("pci_0000_03_00_1", "did you mean pci_0000_03_00_0?"),
        ("99:00.0", "see the names with kvm.hostdev.pci_facts without filters"),
        ("", "see the names with kvm.hostdev.pci_facts without filters"),
    ],
)
def test_an_unknown_device_is_refused(wanted, remedy):
    with pytest.raises(HostdevError) as caught:
        affected(listing_of(device(NIC)), wanted)
    assert (caught.value.code, caught.value.subject) == ("unknown_device", f"affected_by {wanted}")
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"capability": ("pci",)}, "capability"),
        ({"passthrough": True}, "passthrough"),
        ({"available": True}, "available"),
        ({"specs": ()}, "specs"),
        ({"capability": ("pci",), "available": True}, "capability, available"),
    ],
)
def test_affected_by_goes_with_no_other_filter(other, named):
    with pytest.raises(HostdevError) as caught:
        Filters(affected_by=NIC, **other)
    assert (caught.value.code, caught.value.subject) == ("conflicting_filters", f"affected_by and {named}")
