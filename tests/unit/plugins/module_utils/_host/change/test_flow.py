# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims and releases on the lab host, with a kernel and a libvirt that act on it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.flow import Flow
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock import locked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ReleaseWish
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, OTHER_UUID, UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow

VF1, VF2, VF3 = "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"
NVME, NUMA_NVME = "0000:04:00.0", "0000:81:00.0"
GROUP = ("0000:03:00.0", "0000:03:00.1", "0000:03:00.2")
E1000, EDU = "0000:05:01.0", "0000:05:02.0"
VFIO = Binding("vfio-pci", "vfio-pci")

VF1_XML = hostdev_xml(VF1, managed=True)
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}


def binding(host, address):
    return Binding(host.kernel.driver(address), host.kernel.override(address))


def steps(outcome):
    return [str(step) for plan in outcome.plans for step in plan.steps]


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def test_a_vf_is_claimed_for_a_running_domain(lab_host):
    outcome = lab_host.claim(NIC)
    assert outcome.changed
    assert steps(outcome) == [
        "driver of 0000:01:10.0: igbvf -> vfio-pci",
        "attach 0000:01:10.0, config of domain web1",
        "attach 0000:01:10.0, live of domain web1",
    ]
    assert lab_host.kernel.log == [
        "modprobe vfio-pci",
        "devices/0000:01:10.0/driver_override <- 'vfio-pci'",
        "drivers/igbvf/unbind <- '0000:01:10.0'",
        "drivers/vfio-pci/bind <- '0000:01:10.0'",
    ]
    assert lab_host.libvirt.log == ["attach 0000:01:10.0 config", "attach 0000:01:10.0 live"]
    assert binding(lab_host, VF1) == VFIO


def test_the_record_after_a_claim(lab_host):
    lab_host.claim(NIC)
    record = lab_host.record
    pools = record.pop("pools")
    assert record == {
        "schema": 2,
        "boot_id": "35680239-fc5e-4f42-82a9-8064fa01c14d",
        "journal": None,
        "needs_cleaning": [],
        "claims": [
            {
                "owner": {"kind": "domain", "id": UUID, "label": "web1"},
                "requests": [
                    {"name": "nic", "count": 1, "specs": [{"vendor_id": "8086", "product_id": "10ca"}]},
                ],
                "devices": [
                    {
                        "address": "0000:01:10.0",
                        "request": "nic",
                        "role": "requested",
                        "identity": {
                            "vendor_id": "8086",
                            "product_id": "10ca",
                            "subsystem_vendor_id": "1af4",
                            "subsystem_product_id": "1100",
                            "class_id": "020000",
                            "serial": None,
                            "stable_path": "0000_00_10.0-00_10.0",
                            "vf_number": "0",
                            "pf_vendor_id": "8086",
                            "pf_product_id": "10c9",
                            "pf_subsystem_vendor_id": "1af4",
                            "pf_subsystem_product_id": "1100",
                            "pf_class_id": "020000",
                            "pf_serial": "52:54:00:12:34:57",
                            "pf_stable_path": "0000_00_10.0-00_00.0",
                        },
                        "original": {"driver": "igbvf", "driver_override": None},
                        "adopted": False,
                        "attach": ["config", "live"],
                        "guest_address": "0000:01:00.0",
                        "since": "2020-03-02T08:00:00Z",
                    }
                ],
            }
        ],
    }
    assert [(pool["product_id"], pool["count"]) for pool in pools if pool["device_type"] == "type-VF"] == [("10ca", 3)]


def test_the_guest_sees_the_device_at_the_same_place_live_and_after_its_next_start(lab_host):
    lab_host.domain.xml[CONFIG] = domain_xml(
        '<disk type="file"><address type="pci" domain="0" bus="0x01" slot="0" function="0"/></disk>'
    )
    lab_host.claim(NIC)
    place = '<address type="pci" domain="0x0000" bus="0x02" slot="0x00" function="0x0" />'
    assert place in lab_host.domain.xml[CONFIG]
    assert place in lab_host.domain.xml[LIVE]


def test_a_second_run_changes_nothing(lab_host):
    lab_host.claim(NIC)
    before = lab_host.kept_state()
    lab_host.kernel.log.clear()
    lab_host.libvirt.log.clear()
    outcome = lab_host.claim(NIC)
    assert (outcome.changed, steps(outcome), outcome.diff, outcome.warnings) == (False, [], [], [])
    assert (lab_host.kernel.log, lab_host.libvirt.log) == ([], [])
    assert lab_host.kept_state() == before


@pytest.mark.parametrize(
    ("wanted", "terms"),
    [
        ([NIC], {}),
        ([{**NIC, "count": 3}], {}),
        ([{"name": "disk", "specs": [{"class": "0108", "numa_node": 1}]}], {}),
        ([{"name": "group", "address": GROUP[0]}], {"whole_group": True}),
        ([{"name": str(index), "address": address} for index, address in enumerate(GROUP)], {}),
        ([NIC, {"name": "disk", "address": NVME}], {}),
    ],
)
def test_a_release_leaves_the_tree_and_the_xml_exactly_as_they_were(lab_host, wanted, terms):
    lab_host.kernel.load_module("vfio-pci")
    before = lab_host.host_state()
    claimed = lab_host.claim(*wanted, **terms)
    assert claimed.changed
    assert lab_host.host_state() != before
    outcome = lab_host.release(domain="web1")
    assert outcome.changed
    assert lab_host.host_state() == before
    assert (lab_host.record["claims"], lab_host.record["journal"]) == ([], None)


def test_a_second_release_changes_nothing(lab_host):
    lab_host.claim(NIC)
    lab_host.release(domain="web1")
    before = lab_host.kept_state()
    outcome = lab_host.release(domain="web1")
    assert (outcome.changed, outcome.plans) == (False, [])
    assert lab_host.kept_state() == before


def test_a_release_goes_the_way_back(lab_host):
    lab_host.claim(NIC)
    lab_host.kernel.log.clear()
    lab_host.libvirt.log.clear()
    outcome = lab_host.release(domain="web1")
    assert steps(outcome) == [
        "detach 0000:01:10.0, live of domain web1",
        "detach 0000:01:10.0, config of domain web1",
        "driver of 0000:01:10.0: vfio-pci -> igbvf",
    ]
    assert lab_host.libvirt.log == ["detach 0000:01:10.0 live", "detach 0000:01:10.0 config"]
    assert lab_host.kernel.log == [
        "devices/0000:01:10.0/driver_override <- 'igbvf'",
        "drivers/vfio-pci/unbind <- '0000:01:10.0'",
        "drivers_probe <- '0000:01:10.0'",
        "devices/0000:01:10.0/driver_override <- '\\n'",
    ]


def test_a_stopped_domain_is_entered_in_its_definition_only(folder):
    host = FakeHost(folder, running=False)
    host.claim(NIC)
    assert host.libvirt.log == ["attach 0000:01:10.0 config"]
    assert host.claim(NIC).changed is False


def test_a_claim_for_a_free_owner_attaches_nothing(lab_host):
    outcome = lab_host.claim(NIC, owner="dpdk0")
    assert lab_host.libvirt.log == []
    assert binding(lab_host, VF1) == VFIO
    assert outcome.plans[0].after.as_dict()["owner"] == {"kind": "name", "id": "dpdk0", "label": "dpdk0"}
    assert lab_host.record["claims"][0]["devices"][0]["attach"] == []


def test_a_free_owner_needs_no_libvirt(folder):
    host = FakeHost(folder, libvirt=False)
    assert host.claim(NIC, owner="dpdk0").changed
    assert host.release(owner="dpdk0").changed
    assert host.record["claims"] == []


def test_a_domain_needs_libvirt(folder):
    error = refused(FakeHost(folder, libvirt=False).claim, NIC)
    assert (error.code, error.subject) == ("no_libvirt", "domain web1")


def test_an_unknown_domain_is_refused_and_nothing_is_written(lab_host):
    before = lab_host.host_state()
    error = refused(lab_host.claim, NIC, domain="web2")
    assert (error.code, error.found) == (
        "unknown_domain",
        "libvirt has no domain of that name or UUID; it has web1",
    )
    assert lab_host.host_state() == before


def test_a_domain_may_be_named_by_its_uuid_in_any_case(lab_host):
    lab_host.claim(NIC, domain=UUID.upper())
    assert lab_host.record["claims"][0]["owner"]["label"] == "web1"


def test_where_to_attach_is_the_askers_choice(lab_host):
    lab_host.claim(NIC, attach=("live",))
    assert lab_host.libvirt.log == ["attach 0000:01:10.0 live"]
    lab_host.claim(NIC, attach=())
    assert lab_host.libvirt.log == ["attach 0000:01:10.0 live"]


def test_managed_is_written_into_the_domain(lab_host):
    lab_host.claim(NIC, managed=False, attach=("config",))
    assert 'managed="no"' in lab_host.domain.xml[CONFIG]


def test_consent_to_what_is_no_group_mate_is_warned_of(lab_host):
    """The list may be of another card, or of before it was moved."""
    outcome = lab_host.claim({"name": "one", "address": GROUP[0]}, members=frozenset({*GROUP, NVME}))
    told = f"group_members: {NVME} is no group mate of what is claimed, and stays as it is"
    assert [warning for warning in outcome.warnings if "group_members" in warning] == [told]


def test_a_group_is_refused_without_consent_and_taken_with_it(lab_host):
    before = lab_host.host_state()
    wanted = {"name": "nic", "address": GROUP[0]}
    error = refused(lab_host.claim, wanted)
    assert (error.code, error.details) == ("group_incomplete", {"group_members": [GROUP[1], GROUP[2]]})
    assert lab_host.host_state() == before
    lab_host.claim(wanted, whole_group=True)
    assert [binding(lab_host, address) for address in GROUP] == [VFIO] * 3
    assert lab_host.libvirt.log == ["attach 0000:03:00.0 config", "attach 0000:03:00.0 live"]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("0000:00:02.0", "root_disk (0000:00:02.0: /dev/vda is mounted at /)"),
        ("0000:00:10.0", "not_endpoint (0000:00:10.0: PCI bridge (header type 1))"),
        ("0000:00:01.0", "boot_vga (0000:00:01.0: boot_vga is 1 in sysfs)"),
        (
            "0000:01:00.0",
            "pf_has_vfs (0000:01:00.0: 4 VFs: 0000:01:10.0, 0000:01:10.2, 0000:01:10.4, 0000:01:10.6)",
        ),
    ],
)
def test_what_the_host_needs_is_refused_with_the_reason_and_nothing_is_written(lab_host, address, found):
    before = lab_host.host_state()
    error = refused(lab_host.claim, {"name": "x", "address": address})
    assert (error.code, error.found) == ("device_blocked", found)
    assert lab_host.host_state() == before


def test_the_allow_list_is_kept(lab_host):
    error = refused(lab_host.claim, NIC, allow_list=allow({"class": "0108"}))
    assert (error.code, error.found) == ("not_enough_devices", "0 free of 1 still wanted; none fits")


def test_a_domain_without_free_root_ports_is_refused_before_anything_is_done(lab_host):
    lab_host.domain.xml[LIVE] = domain_xml(ports=0)
    before = lab_host.host_state()
    assert refused(lab_host.claim, NIC).code == "no_free_root_port"
    assert lab_host.host_state() == before
    assert lab_host.kernel.log == []


def test_a_conventional_device_is_refused_without_a_bridge(lab_host):
    error = refused(lab_host.claim, {"name": "nic", "address": E1000}, whole_group=True)
    assert (error.code, error.wanted) == ("no_pci_bridge", "one for the conventional PCI device 0000:05:01.0")


def test_two_domains_do_not_get_the_same_device(lab_host):
    lab_host.libvirt.define("db1", OTHER_UUID, config=domain_xml(name="db1", uuid=OTHER_UUID))
    lab_host.claim(NIC)
    lab_host.claim(NIC, domain="db1")
    assert {claim["owner"]["label"]: claim["devices"][0]["address"] for claim in lab_host.record["claims"]} == {
        "web1": VF1,
        "db1": VF2,
    }


def test_a_larger_count_takes_more_and_a_smaller_one_gives_back(lab_host):
    lab_host.claim({**NIC, "count": 2})
    lab_host.claim({**NIC, "count": 3})
    assert [binding(lab_host, address) for address in (VF1, VF2, VF3)] == [VFIO, VFIO, VFIO]
    lab_host.claim({**NIC, "count": 1})
    own = Binding("igbvf", None)
    assert [binding(lab_host, address) for address in (VF1, VF2, VF3)] == [VFIO, own, own]
    assert lab_host.record["claims"][0]["requests"][0]["count"] == 1


def test_a_claim_with_less_places_than_before_takes_more_ports_only_for_new_devices(lab_host):
    lab_host.claim(NIC, attach=("config",))
    lab_host.libvirt.log.clear()
    lab_host.claim({"name": "disk", "address": NVME})
    assert lab_host.libvirt.log == ["attach 0000:04:00.0 config", "attach 0000:04:00.0 live"]


def test_an_adopted_device_is_bound_before_and_after(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    lab_host.kernel(f"/sys/bus/pci/devices/{VF1}/driver_override", "vfio-pci", 1.0)
    lab_host.kernel("/sys/bus/pci/drivers/igbvf/unbind", VF1, 1.0)
    lab_host.kernel("/sys/bus/pci/drivers/vfio-pci/bind", VF1, 1.0)
    lab_host.kernel.log.clear()
    lab_host.claim({"name": "nic", "address": VF1})
    assert lab_host.record["claims"][0]["devices"][0]["adopted"] is True
    lab_host.release(domain="web1")
    assert lab_host.kernel.log == []
    assert binding(lab_host, VF1) == VFIO


def test_a_device_that_had_no_driver_has_none_again(lab_host):
    lab_host.claim({"name": "edu", "address": EDU}, owner="lab", whole_group=True)
    assert [binding(lab_host, address) for address in (E1000, EDU)] == [VFIO, VFIO]
    lab_host.release(owner="lab")
    assert binding(lab_host, EDU) == Binding(None, None)
    assert binding(lab_host, E1000) == Binding("e1000", None)


# Drift.


def test_what_an_administrator_detached_is_attached_again(lab_host):
    lab_host.claim(NIC)
    lab_host.domain.xml[CONFIG] = domain_xml()
    outcome = lab_host.claim(NIC)
    assert steps(outcome) == ["attach 0000:01:10.0, config of domain web1"]
    assert lab_host.claim(NIC).changed is False


def test_after_a_reboot_a_claim_binds_again_and_a_release_has_nothing_to_restore(lab_host):
    lab_host.claim(NIC)
    lab_host.reboot()
    assert steps(lab_host.claim(NIC)) == ["driver of 0000:01:10.0: igbvf -> vfio-pci"]
    lab_host.reboot()
    assert steps(lab_host.release(domain="web1")) == ["detach 0000:01:10.0, config of domain web1"]
    assert lab_host.record["boot_id"] == "boot-2"


def test_after_a_reboot_a_disk_that_the_host_mounted_again_is_not_taken_from_it(lab_host):
    lab_host.claim({"name": "disk", "address": NVME})
    lab_host.reboot()
    lab_host.write("/proc/self/mountinfo", "28 1 259:1 / /srv rw - ext4 /dev/nvme2n1 rw\n")
    before = lab_host.host_state()
    error = refused(lab_host.claim, {"name": "disk", "address": NVME})
    assert (error.code, error.found) == (
        "device_blocked",
        "mounted_fs (0000:04:00.0: /dev/nvme2n1 is mounted at /srv)",
    )
    assert lab_host.host_state() == before


def test_a_release_does_not_take_the_other_devices_of_the_owner_from_the_host(lab_host):
    lab_host.claim(NIC, {"name": "disk", "address": NVME})
    lab_host.reboot()
    lab_host.write("/proc/self/mountinfo", "28 1 259:1 / /srv rw - ext4 /dev/nvme2n1 rw\n")
    lab_host.release(domain="web1", names=("nic",))
    assert binding(lab_host, NVME) == Binding("nvme", None)
    assert [device["address"] for device in lab_host.record["claims"][0]["devices"]] == [NVME]


def test_another_card_in_the_place_of_a_claimed_one_is_left_alone_by_a_release(lab_host):
    lab_host.claim({"name": "disk", "address": NVME})
    lab_host.reboot()
    lab_host.write("/sys/devices/pci0000:00/0000:00:13.0/0000:04:00.0/device", "0x0011\n")
    lab_host.kernel.log.clear()
    outcome = lab_host.release(domain="web1")
    assert lab_host.kernel.log == []
    assert outcome.warnings == [
        f"0000:04:00.0 is only taken from the record: the device of domain web1 ({UUID}) is no longer there"
    ]
    assert lab_host.record["claims"] == []


def test_a_request_that_is_not_named_does_not_stop_a_claim_when_its_device_was_pulled_out(lab_host):
    lab_host.claim({"name": "disk", "address": NVME})
    (lab_host.root / f"sys/bus/pci/devices/{NVME}").unlink()
    lab_host.claim(NIC)
    assert [device["address"] for device in lab_host.record["claims"][0]["devices"]] == [VF1, NVME]


# Releasing in part.


def test_a_release_by_name_keeps_the_owners_other_requests(lab_host):
    lab_host.claim(NIC, {"name": "disk", "address": NVME})
    outcome = lab_host.release(domain="web1", names=("nic",))
    assert [list(plan.after.requests) for plan in outcome.plans] == [["disk"]]
    assert (binding(lab_host, VF1), binding(lab_host, NVME)) == (Binding("igbvf", None), VFIO)


def test_a_release_by_address_finds_the_owner(lab_host):
    lab_host.claim(NIC, owner="dpdk0")
    lab_host.claim({"name": "disk", "address": NVME})
    lab_host.release(addresses=(VF1,))
    assert [claim["owner"]["kind"] for claim in lab_host.record["claims"]] == ["domain"]


def test_a_release_by_address_and_owner_does_not_touch_another_owners_device(lab_host):
    lab_host.claim(NIC, owner="dpdk0")
    assert lab_host.release(domain="web1", addresses=(VF1,)).changed is False
    assert binding(lab_host, VF1) == VFIO


def test_a_released_group_mate_of_a_device_that_stays_is_kept_as_a_member_with_a_warning(lab_host):
    lab_host.claim(*({"name": str(index), "address": address} for index, address in enumerate(GROUP)))
    outcome = lab_host.release(domain="web1", addresses=(GROUP[1],))
    assert outcome.warnings == [
        f"0000:03:00.1 stays bound as a group member: a mate in its IOMMU group stays with domain web1 ({UUID})"
    ]
    assert binding(lab_host, GROUP[1]) == VFIO
    assert GROUP[1] not in lab_host.domain.xml[LIVE]
    assert [device["role"] for device in lab_host.record["claims"][0]["devices"]] == [
        "requested",
        "group_member",
        "requested",
    ]


def test_the_claim_of_an_undefined_domain_is_released_by_its_name_and_as_an_orphan(lab_host):
    for wish in ({"domain": "web1"}, {"domain": UUID}, {"orphans": True}):
        lab_host.libvirt.domains = [lab_host.domain]
        lab_host.domain.xml = {CONFIG: domain_xml(), LIVE: None}
        lab_host.claim(NIC)
        lab_host.libvirt.domains = []
        assert lab_host.release(**wish).changed
        assert binding(lab_host, VF1) == Binding("igbvf", None)
        assert lab_host.record["claims"] == []


def test_living_domains_and_free_owners_are_no_orphans(lab_host):
    lab_host.claim(NIC)
    lab_host.claim({"name": "disk", "address": NVME}, owner="dpdk0")
    assert lab_host.release(orphans=True).plans == []


def test_orphans_need_libvirt(folder):
    error = refused(FakeHost(folder, libvirt=False).release, orphans=True)
    assert (error.code, error.subject) == ("no_libvirt", "orphans")


def test_a_domain_that_nobody_knows_is_told(lab_host):
    outcome = lab_host.release(domain="web2")
    assert (outcome.changed, outcome.warnings) == (False, ["there is no domain web2, and no claim of one"])


def test_a_device_without_a_reset_is_claimed_with_a_warning(lab_host):
    lab_host.write("/sys/devices/pci0000:00/0000:00:13.0/0000:04:00.0/reset_method", "\n")
    outcome = lab_host.claim({"name": "disk", "address": NVME})
    assert outcome.warnings == ["0000:04:00.0 has no reset method: it keeps what one guest left in it for the next"]
    assert lab_host.claim({"name": "disk", "address": NVME}).warnings == []


# Check mode and diff.


@pytest.mark.parametrize("claimed", [False, True])
def test_check_mode_writes_nothing_at_all_and_foretells_the_plan(lab_host, claimed):
    if claimed:
        lab_host.claim(NIC)
    before = lab_host.whole_state()
    lab_host.kernel.log.clear()
    lab_host.libvirt.log.clear()
    claim = lab_host.claim({**NIC, "count": 2}, check_mode=True)
    release = lab_host.release(check_mode=True, domain="web1")
    assert claim.changed
    assert release.changed is claimed
    assert lab_host.whole_state() == before
    assert (lab_host.kernel.log, lab_host.libvirt.log) == ([], [])
    assert steps(lab_host.claim({**NIC, "count": 2})) == steps(claim)


def test_check_mode_refuses_what_the_run_would_refuse(lab_host):
    before = lab_host.whole_state()
    error = refused(lab_host.claim, {"name": "x", "address": "0000:00:02.0"}, check_mode=True)
    assert error.code == "device_blocked"
    assert lab_host.whole_state() == before


def test_the_diff_of_a_claim_is_true(lab_host):
    foretold = lab_host.claim(NIC, check_mode=True).diff
    done = lab_host.claim(NIC).diff
    assert [entry["before_header"] for entry in done] == ["drivers", "domain web1 (config)", "domain web1 (live)"]
    assert done[0] == {
        "before_header": "drivers",
        "after_header": "drivers",
        "before": "0000:01:10.0 driver=igbvf driver_override=unset\n",
        "after": "0000:01:10.0 driver=vfio-pci driver_override=vfio-pci\n",
    }
    assert done[1]["before"].count("<hostdev") == 0
    assert done[1]["after"].count("<hostdev") == 1
    assert 'bus="0x01" slot="0x10" function="0x0"' in done[1]["after"]
    assert foretold[0] == done[0]
    assert foretold[1]["after"].count("<hostdev") == 1


def test_the_diff_of_a_release_is_the_one_of_the_claim_turned_round(lab_host):
    there = lab_host.claim(NIC).diff
    back = lab_host.release(domain="web1").diff
    assert [(entry["before"], entry["after"]) for entry in back] == [
        (entry["after"], entry["before"]) for entry in there
    ]


# Together with other runs.


def test_a_run_that_finds_the_lock_taken_does_nothing(lab_host):
    before = lab_host.host_state()
    with locked(f"{lab_host.root}/run/kvm.hostdev.lock", seconds=0.0):
        error = refused(lab_host.claim, NIC)
        assert lab_host.claim(NIC, check_mode=True).changed
    assert error.code == "locked"
    assert lab_host.host_state() == before


def test_a_record_that_can_not_be_understood_stops_a_run_and_stays(lab_host):
    lab_host.write("/etc/ansible/facts.d/hostdev.fact", "{")
    before = lab_host.host_state()
    for call in (lambda: lab_host.claim(NIC), lambda: lab_host.release(domain="web1")):
        assert refused(call).code == "record_unreadable"
    assert (lab_host.root / "etc/ansible/facts.d/hostdev.fact").read_text() == "{"
    assert lab_host.host_state() == before


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        (("devices", 0), "vf_settings", {"trust": "no"}),
        (("devices", 0), "guest_address", "0000:05"),
        (("devices", 0), "address", "0000:01:1x.0"),
        (("requests", 0), "rom", {"bar": "perhaps"}),
        (("requests", 0), "romm", {"bar": True}),
    ],
)
def test_a_field_on_record_that_nobody_wrote_stops_a_run_and_the_device_stays_bound(lab_host, place, key, value):
    lab_host.claim(NIC)
    path, record = lab_host.root / "etc/ansible/facts.d/hostdev.fact", lab_host.record
    (part, index), (claim,) = place, record["claims"]
    claim[part][index][key] = value
    path.write_text(json.dumps(record))
    before, spoilt = lab_host.host_state(), path.read_bytes()
    for call in (lambda: lab_host.claim(NIC), lambda: lab_host.release(domain="web1")):
        error = refused(call)
        assert (error.code, f"claims[0].{part}[0].{key}" in error.found) == ("record_unreadable", True), error.found
    assert path.read_bytes() == spoilt
    assert (lab_host.host_state(), binding(lab_host, VF1)) == (before, VFIO)


def test_a_release_without_a_binder_is_a_mistake_of_ours(lab_host):
    lab_host.claim(NIC)
    lab_host.system.binder = None
    with pytest.raises(ValueError, match="without a binder"):
        lab_host.flow().release(ReleaseWish(domain="web1"))


def test_a_release_for_a_domain_needs_libvirt_since_the_domain_may_run_with_the_device(lab_host):
    lab_host.claim(NIC)
    before = lab_host.kept_state()
    lab_host.system.domains = None
    error = refused(lab_host.release)
    assert (error.code, error.subject) == ("no_libvirt", f"domain web1 ({UUID})")
    assert lab_host.kept_state() == before


def test_a_device_that_a_process_has_open_is_not_taken_from_it(lab_host):
    lab_host.claim(NIC, owner="dpdk0")
    group = lab_host.tree.link_name(f"/sys/bus/pci/devices/{VF1}/iommu_group")
    lab_host.write("/proc/4242/comm", "testpmd\n")
    (lab_host.root / "proc/4242/fd").mkdir()
    (lab_host.root / "proc/4242/fd/7").symlink_to(f"/dev/vfio/{group}")
    error = refused(lab_host.release, owner="dpdk0")
    assert (error.code, error.subject) == ("device_in_use", VF1)
    assert error.found == f"process 4242 (testpmd) has /dev/vfio/{group} open"
    assert binding(lab_host, VF1) == VFIO
    assert lab_host.record["journal"] is None


def test_a_device_with_which_another_domain_runs_is_not_taken_from_it(lab_host):
    lab_host.claim(NIC, owner="dpdk0")
    lab_host.libvirt.define(name="db1", uuid=OTHER_UUID, config=None, live=domain_xml(VF1_XML, name="db1"))
    error = refused(lab_host.release, owner="dpdk0")
    assert (error.code, error.found) == ("device_in_use", f"domain db1 ({OTHER_UUID}) is running with it")
    assert binding(lab_host, VF1) == VFIO


def test_a_group_member_is_not_released_by_itself_and_that_is_told(lab_host):
    lab_host.claim({"name": "nic", "address": GROUP[0]}, whole_group=True)
    outcome = lab_host.release(addresses=(GROUP[1],))
    assert not outcome.changed
    assert outcome.warnings == [
        f"{GROUP[1]} only came along with its IOMMU group: release the devices that are in it for a request"
    ]


def test_a_device_alone_in_its_group_is_taken_before_one_that_brings_mates_along(lab_host):
    lab_host.claim({"name": "disk", "specs": [{"class": "0108", "pcie_root": "pci0000:00"}]}, whole_group=True)
    assert [device["address"] for device in lab_host.record["claims"][0]["devices"]] == [NVME]


def test_a_claim_without_libvirt_says_what_it_could_not_see(folder):
    outcome = FakeHost(folder, libvirt=False).claim(NIC, owner="dpdk0")
    assert outcome.warnings == [
        "libvirt could not be asked: a device may be in the definition of a domain that does not run"
    ]


def test_a_libvirt_that_is_gone_once_all_is_done_does_not_undo_the_claim(lab_host, monkeypatch):
    def gone(_flow, _tracker):
        raise HostdevError("no_libvirt", subject="libvirt", found="gone")

    monkeypatch.setattr(Flow, "_free_pools", gone)
    assert lab_host.claim(NIC).changed
    assert binding(lab_host, VF1) == VFIO
    assert lab_host.record["journal"] is None
    assert [device["address"] for device in lab_host.record["claims"][0]["devices"]] == [VF1]
