# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.blocker import Blocker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.consent import Consent
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.group import (
    blockers,
    exempt_from_group,
    group_viable,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.registry import ALLOWABLE, GUARDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, WEB, device, inventory, pf, use, vf

A, B, C = "0000:01:00.0", "0000:01:00.1", "0000:01:00.2"
WHOLE = Consent(whole_group=True)


def blockers_of(devices, address=A, consent=Consent(), **host):
    return blockers(inventory(*devices, **host), address, consent)


def codes(devices, address=A, consent=Consent(), **host):
    return [(blocker.code, blocker.address) for blocker in blockers_of(devices, address, consent, **host)]


def test_an_endpoint_alone_in_its_group_may_be_given_away():
    assert codes([device(A)]) == []


@pytest.mark.parametrize(
    ("fields", "blocker"),
    [
        ({"header_type": 1, "class_id": "060400"}, Blocker("not_endpoint", A, "PCI bridge (header type 1)")),
        ({"header_type": 2, "class_id": "060700"}, Blocker("not_endpoint", A, "PCI bridge (header type 2)")),
        ({"class_id": "060000", "driver": None}, Blocker("host_bridge", A, "host bridge (class 0600)")),
        (
            {"class_id": "060100", "driver": "lpc_ich"},
            Blocker("isa_smbus", A, "ISA bridge (class 0601, driver lpc_ich)"),
        ),
        (
            {"class_id": "0c0500", "driver": None},
            Blocker("isa_smbus", A, "SMBus controller (class 0c05, driver none)"),
        ),
        ({"responding": False}, Blocker("not_responding", A, "its config space reads all ones")),
        (
            {"vendor_id": "10de", "product_id": "22a3", "class_id": "068000"},
            Blocker("fabric_device", A, "NVSwitch (class 0680 of NVIDIA's)"),
        ),
        (
            {"vendor_id": "15b3", "class_id": "020700", "manages_fabric": True},
            Blocker("fabric_device", A, "it manages the NVLink fabric (SW_MNG in its VPD)"),
        ),
        (
            {"vendor_id": "10de", "driver": "nvidia", "vgpu_type": 0},
            Blocker("vgpu_type_unset", A, "its nvidia/current_vgpu_type is 0"),
        ),
        ({"iommu_group": None}, Blocker("no_group", A, "no iommu_group link in sysfs")),
        (
            {"total_vfs": 7, "virtual_functions": ("0000:01:10.0", "0000:01:10.2")},
            Blocker("pf_has_vfs", A, "2 VFs: 0000:01:10.0, 0000:01:10.2"),
        ),
        (
            {"total_vfs": 7, "virtual_functions": ("0000:01:10.0",)},
            Blocker("pf_has_vfs", A, "1 VFs: 0000:01:10.0"),
        ),
        ({"boot_vga": True}, Blocker("boot_vga", A, "boot_vga is 1 in sysfs", "allow: [boot_vga]")),
    ],
)
def test_what_a_function_is_blocks_it(fields, blocker):
    assert blockers_of([device(A, **fields)]) == [blocker]


def test_functions_that_vfio_pci_refuses_are_blocked_as_long_as_it_does():
    qat = device(A, product_id="37c8")
    assert codes([qat]) == [("denylisted", A)]
    assert codes([qat], denylist=False) == []
    assert codes([device(A, product_id="37c8", vendor_id="10de")]) == []


def test_a_kernel_without_vfio_pci_can_give_nothing_away():
    assert blockers_of([device(A)], vfio_available=False) == [
        Blocker("driver_missing", A, "no vfio-pci in kernel 6.12.48")
    ]


def test_a_required_reset_blocks_what_is_known_to_have_none():
    strict = Consent(require_reset=True)
    assert codes([device(A, reset_methods=())], consent=strict) == [("no_reset", A)]
    assert codes([device(A, reset_methods=())]) == []
    assert codes([device(A, reset_methods=None)], consent=strict) == []


def test_a_boot_display_that_is_with_a_vfio_driver_already_is_no_longer_the_hosts():
    assert codes([device(A, boot_vga=True, driver="vfio-pci")]) == []


@pytest.mark.parametrize("iommu", [False, None])
def test_without_an_iommu_that_is_known_nothing_may_be_given_away_and_the_reason_is_told(iommu):
    assert blockers_of([device(A, iommu_group=None)], iommu=iommu, iommu_reason="off: no DMAR") == [
        Blocker("iommu_off", A, "off: no DMAR")
    ]


@pytest.mark.parametrize(
    ("code", "override"),
    [
        ("root_disk", None),
        ("mounted_fs", None),
        ("swap", None),
        ("lvm", None),
        ("md", None),
        ("ssh_nic", None),
        ("default_route", "allow: [default_route]"),
        ("ip_configured", "allow: [ip_configured]"),
        ("mgmt_nic", "allow: [mgmt_nic]"),
        ("watchdog", "allow: [watchdog]"),
        ("bmc", None),
        ("zfs", None),
        ("held_by_process", None),
        ("enslaved", "allow: [enslaved]"),
    ],
)
def test_what_the_host_uses_it_for_blocks_it(code, override):
    assert blockers_of([device(A)], host_uses=[HostUse(code, A, "why")]) == [Blocker(code, A, "why", override)]


def test_uses_of_one_kind_are_told_as_one():
    uses = [HostUse("mounted_fs", A, "/srv"), HostUse("swap", A, "sw"), HostUse("mounted_fs", A, "/opt")]
    uses += [HostUse("mounted_fs", A, "/srv", "/sys/devices/x")]
    assert [(blocker.code, blocker.detail) for blocker in blockers_of([device(A)], host_uses=uses)] == [
        ("mounted_fs", "/srv; /opt"),
        ("swap", "sw"),
    ]


def test_a_use_that_may_not_be_accepted_keeps_its_code_from_being_so():
    uses = [HostUse("default_route", A, "r"), HostUse("default_route", A, "root over it", allowable=False)]
    consent = Consent(allow=frozenset({"default_route"}))
    blocker = Blocker("default_route", A, "r; root over it", None)
    assert blockers_of([device(A)], host_uses=uses, consent=consent) == [blocker]


@pytest.mark.parametrize(
    ("via", "live", "blocker"),
    [
        (
            "hostdev",
            False,
            Blocker("in_domain_xml", A, f"domain db1 ({DB.id}) is defined with it", "allow: [in_domain_xml]"),
        ),
        ("hostdev", True, Blocker("in_domain_xml", A, f"domain db1 ({DB.id}) is running with it")),
        ("disk", True, Blocker("in_domain_xml", A, f"domain db1 ({DB.id}) is running with it")),
        (
            "interface",
            False,
            Blocker(
                "in_interface_hostdev", A, f"domain db1 ({DB.id}) is defined with it", "allow: [in_interface_hostdev]"
            ),
        ),
        ("interface", True, Blocker("in_interface_hostdev", A, f"domain db1 ({DB.id}) is running with it")),
    ],
)
def test_another_domain_that_names_it_blocks_it_for_good_while_it_runs(via, live, blocker):
    uses = {A: [use(DB, via=via, live=live)]}
    assert blockers_of([device(A)], domain_uses=uses, consent=Consent(owner_uuid=WEB.id)) == [blocker]


def test_the_asking_domains_own_definition_does_not_block_it():
    assert codes([device(A)], consent=Consent(owner_uuid=WEB.id), domain_uses={A: [use(WEB, live=True)]}) == []


def test_an_accepted_code_no_longer_blocks_and_the_others_still_do():
    uses = [HostUse("default_route", A, "r"), HostUse("ip_configured", A, "i")]
    consent = Consent(allow=frozenset({"default_route"}))
    assert codes([device(A)], consent=consent, host_uses=uses) == [("ip_configured", A)]


@pytest.mark.parametrize("code", sorted(set(GUARDS) - ALLOWABLE))
def test_a_code_without_an_override_blocks_also_when_it_is_accepted(code):
    uses = [HostUse(code, A, "why")]
    assert codes([device(A)], consent=Consent(allow=frozenset({code})), host_uses=uses) == [(code, A)]


def test_a_running_domains_device_can_not_be_had_by_accepting_the_code():
    consent = Consent(allow=frozenset({"in_domain_xml"}))
    assert codes([device(A)], consent=consent, domain_uses={A: [use(DB, live=True)]}) == [("in_domain_xml", A)]
    assert codes([device(A)], consent=consent, domain_uses={A: [use(DB)]}) == []


@pytest.mark.parametrize("owner", [DB, WEB])
@pytest.mark.parametrize(
    ("live", "word", "override"), [(True, "running", None), (False, "defined", "allow: [in_domain_xml]")]
)
def test_a_domains_disk_on_it_blocks_it_for_whoever_asks(owner, live, word, override):
    uses = [(A, use(owner, via="disk", live=live, node="/dev/sda1")), (B, use(owner, node="/dev/sdb"))]
    detail = f"domain {owner.label} ({owner.id}) is {word} with /dev/sda1, which lies on it"
    blocker = Blocker("in_domain_xml", A, detail, override)
    assert blockers_of([device(A)], part_uses=uses, consent=Consent(owner_uuid=WEB.id)) == [blocker]


def test_a_domains_disk_can_be_accepted_unless_it_runs():
    consent = Consent(allow=frozenset({"in_domain_xml"}))
    for live, found in ((False, []), (True, [("in_domain_xml", A)])):
        uses = [(A, use(DB, via="disk", live=live, node="/dev/sda"))]
        assert codes([device(A)], consent=consent, part_uses=uses) == found


# The kernel's group rule.


@pytest.mark.parametrize(
    ("driver", "fields", "from_5_19", "before_5_19"),
    [
        (None, {}, True, True),
        ("vfio-pci", {}, True, True),
        ("mlx5_vfio_pci", {"vfio": True}, True, True),
        ("pci-stub", {}, True, True),
        ("pcieport", {"header_type": 1}, True, True),
        ("shpchp", {"header_type": 1}, False, True),
        ("yenta_cardbus", {"header_type": 2}, False, True),
        (None, {"header_type": 1}, True, True),
        ("pcieport", {}, True, False),
        ("e1000e", {}, False, False),
        ("lpc_ich", {"class_id": "060100"}, False, False),
        ("i801_smbus", {"class_id": "0c0500"}, False, False),
    ],
)
def test_which_drivers_the_kernel_tolerates_in_a_group(driver, fields, from_5_19, before_5_19):
    member = device(A, driver=driver, **fields)
    assert exempt_from_group(member, (6, 12)) is from_5_19
    assert exempt_from_group(member, (5, 19)) is from_5_19
    assert exempt_from_group(member, (5, 18)) is before_5_19
    assert exempt_from_group(member, (4, 18)) is before_5_19


def test_a_group_is_viable_when_every_member_is_tolerated():
    members = [device(A, driver="vfio-pci"), device(B, driver=None), device(C, driver="pcieport", header_type=1)]
    assert group_viable(inventory(*members), 1)
    assert not group_viable(inventory(*members, device("0000:01:00.3")), 1)


def test_a_mate_that_would_have_to_come_along_is_named_with_what_consents_to_it():
    assert blockers_of([device(A), device(B, driver="nvme"), device(C, driver=None)]) == [
        Blocker("group_incomplete", B, "same IOMMU group 1, driver nvme", "group_members: claim"),
        Blocker("group_incomplete", C, "same IOMMU group 1, driver none", "group_members: claim"),
    ]


def test_consent_takes_the_whole_group_or_the_mates_that_it_names():
    devices = [device(A), device(B), device(C)]
    assert codes(devices, consent=WHOLE) == []
    assert codes(devices, consent=Consent(members=frozenset({B}))) == [("group_incomplete", C)]
    assert codes(devices, consent=Consent(members=frozenset({B, C}))) == []


def test_a_mate_that_the_host_needs_blocks_the_group_whatever_the_consent():
    uses = [HostUse("root_disk", B, "/dev/sda is mounted at /"), HostUse("swap", B, "the host swaps to /dev/sdb")]
    causes = (Blocker("root_disk", B, uses[0].detail), Blocker("swap", B, uses[1].detail))
    assert blockers_of([device(A), device(B)], consent=WHOLE, host_uses=uses) == [
        Blocker(
            "group_blocked",
            B,
            "root_disk: /dev/sda is mounted at /; swap: the host swaps to /dev/sdb",
            causes=causes,
        )
    ]


def test_a_mates_accepted_code_does_not_block_the_group():
    uses = [HostUse("ip_configured", B, "10.0.0.1")]
    accepts = Consent(whole_group=True, allow=frozenset({"ip_configured"}))
    assert codes([device(A), device(B)], consent=WHOLE, host_uses=uses) == [("group_blocked", B)]
    assert codes([device(A), device(B)], consent=accepts, host_uses=uses) == []


@pytest.mark.parametrize(
    ("bridge", "kernel", "blocked"),
    [
        (device(B, header_type=1, class_id="060400", driver="pcieport"), (6, 1), False),
        (device(B, header_type=1, class_id="060400", driver="pcieport"), (5, 10), False),
        (device(B, header_type=1, class_id="060400", driver="shpchp"), (6, 1), True),
        (device(B, header_type=1, class_id="060400", driver="shpchp"), (5, 10), False),
        (device(B, header_type=1, class_id="060400", driver=None), (6, 1), False),
        (device(B, class_id="060100", driver="lpc_ich"), (6, 1), True),
        (device(B, class_id="060100", driver="lpc_ich"), (5, 10), True),
        (device(B, class_id="060100", driver=None), (6, 1), False),
        (device(B, class_id="060000", driver="skx_uncore"), (6, 1), True),
        (device(B, class_id="060000", driver=None), (6, 1), False),
    ],
)
def test_a_bridge_in_the_group_blocks_it_by_its_driver_and_never_comes_along(bridge, kernel, blocked):
    wanted = [Blocker("group_blocked", B, f"driver {bridge.driver} keeps it with the host")] if blocked else []
    assert blockers_of([device(A), bridge], kernel=kernel) == wanted


def test_an_smbus_controller_in_the_group_blocks_it():
    smbus = device(B, class_id="0c0500", driver="i801_smbus")
    cause = Blocker("isa_smbus", B, "SMBus controller (class 0c05, driver i801_smbus)")
    assert blockers_of([device(A), smbus], consent=WHOLE) == [
        Blocker("group_blocked", B, "isa_smbus: SMBus controller (class 0c05, driver i801_smbus)", causes=(cause,))
    ]


def test_a_mate_that_another_owner_holds_blocks_the_group():
    consent = Consent(whole_group=True, held_by_others={B: "owner dpdk0"})
    assert blockers_of([device(A), device(B, driver="vfio-pci")], consent=consent) == [
        Blocker("group_used_by_domain", B, "held by owner dpdk0")
    ]


def test_a_mate_that_another_domain_names_blocks_the_group_as_used_by_it():
    detail = f"domain db1 ({DB.id}) is running with it"
    assert blockers_of([device(A), device(B)], consent=WHOLE, domain_uses={B: [use(DB, live=True)]}) == [
        Blocker("group_used_by_domain", B, detail, causes=(Blocker("in_domain_xml", B, detail),))
    ]


def test_a_bridge_is_not_told_about_its_group():
    bridge = device(A, header_type=1, class_id="060400", driver="pcieport")
    assert codes([bridge, device(B)]) == [("not_endpoint", A)]


def test_a_functions_own_reasons_come_before_its_groups():
    devices = [pf(A, "0000:01:10.0"), device(B), vf("0000:01:10.0", A)]
    assert codes(devices) == [("pf_has_vfs", A), ("group_incomplete", B)]


def test_every_code_that_can_be_accepted_is_explained():
    assert set(GUARDS) >= ALLOWABLE
    assert all(GUARDS[code].meaning for code in GUARDS)


def test_what_vfio_pci_refuses_is_refused_unless_its_list_is_switched_off():
    qat = device(A, vendor_id="8086", product_id="37c9")
    detail = "on the denylist of vfio-pci; see its parameter disable_denylist"
    assert blockers(inventory(qat), A) == [Blocker("denylisted", A, detail)]
    assert blockers(inventory(qat, denylist=False), A) == []


def test_a_kernel_without_vfio_pci_gives_nothing_away():
    device_blockers = blockers(inventory(device(A), vfio_available=False), A)
    assert device_blockers == [Blocker("driver_missing", A, "no vfio-pci in kernel 6.12.48")]


@pytest.mark.parametrize(("methods", "refused"), [((), True), (("bus",), False), (None, False)])
def test_a_device_without_a_reset_is_refused_only_where_one_is_required(methods, refused):
    host = inventory(device(A, reset_methods=methods))
    codes = [blocker.code for blocker in blockers(host, A, Consent(require_reset=True))]
    assert codes == (["no_reset"] if refused else [])
    assert blockers(host, A) == []


def test_an_endpoint_that_carries_functions_goes_with_none_of_them_in_use():
    vmd, disk = "0000:00:0e.0", "10000:e1:00.0"
    devices = [device(vmd, driver="vmd", iommu_group=10), device(disk, parent=vmd, iommu_group=None)]
    assert codes(devices, vmd) == []
    assert codes(devices, vmd, host_uses=[HostUse("root_disk", disk, "x")]) == [("root_disk", vmd)]
    uses = {disk: [use(WEB, live=True)]}
    assert [reason.detail for reason in blockers_of(devices, vmd, domain_uses=uses)] == [
        f"domain web1 ({WEB.id}) is running with a device below it"
    ]
    assert codes(devices, vmd, Consent(owner_uuid=WEB.id), domain_uses=uses) == [("in_domain_xml", vmd)]
    assert codes(devices, vmd, Consent(held_by_others={disk: "dpdk0"})) == [("group_used_by_domain", disk)]
    together = [device._replace(iommu_group=10) for device in devices]
    assert codes(together, vmd, Consent(held_by_others={disk: "dpdk0"})) == [("group_used_by_domain", disk)]


@pytest.mark.parametrize(
    "fields",
    [
        {"vendor_id": "10de", "class_id": "068000", "express": False},  # the Ethernet of an nForce chipset
        {"vendor_id": "1022", "class_id": "068000"},
        {"vendor_id": "10de", "class_id": "030200"},
        {"vendor_id": "10de", "driver": "nvidia", "vgpu_type": 1145},
    ],
)
def test_gpus_vgpus_that_are_made_and_other_bridges_may_be_given_away(fields):
    assert codes([device(A, **fields)]) == []
