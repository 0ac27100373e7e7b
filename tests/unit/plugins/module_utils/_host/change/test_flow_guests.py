# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a request says of the guest, on the lab host: interfaces of VFs, ROM, boot order, drivers."""

from __future__ import annotations

import errno
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, LibvirtError, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow

VF1 = "0000:01:10.0"
NVME = "0000:04:00.0"
MAC = "52:54:00:12:34:56"
NIC = {"name": "nic", "address": VF1}
DISK = {"name": "disk", "address": NVME}


def steps(outcome):
    return [str(step) for plan in outcome.plans for step in plan.steps]


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def attribute_of(host, place, path, attribute):
    element = ET.fromstring(host.domain.xml[place]).find(f"devices/{path}")
    return None if element is None else element.get(attribute)


def test_a_vf_with_a_network_enters_as_an_interface_with_mac_and_vlan_and_a_second_run_changes_nothing(lab_host):
    wanted = {**NIC, "network": {"mac": MAC, "vlan": 42}}
    before = lab_host.host_state()
    lab_host.kernel.load_module("vfio-pci")
    lab_host.claim(wanted)
    for place in (CONFIG, LIVE):
        assert attribute_of(lab_host, place, "interface[@type='hostdev']/mac", "address") == MAC
        assert attribute_of(lab_host, place, "interface/vlan/tag", "id") == "42"
        assert attribute_of(lab_host, place, "hostdev", "type") is None
    again = lab_host.claim(wanted)
    assert (again.changed, steps(again), again.warnings) == (False, [], [])
    lab_host.release()
    after = lab_host.host_state()
    assert after[1] == before[1]


def test_the_mac_address_that_libvirt_makes_up_is_the_same_live_and_after_the_next_start(lab_host):
    lab_host.claim({**NIC, "network": {}})
    made_up = attribute_of(lab_host, CONFIG, "interface/mac", "address")
    assert made_up is not None
    assert attribute_of(lab_host, LIVE, "interface/mac", "address") == made_up


def test_network_settings_are_refused_for_what_is_no_vf(lab_host):
    before = lab_host.host_state()
    error = refused(lab_host.claim, {**DISK, "network": {"vlan": 1}})
    assert (error.code, error.subject, error.found) == (
        "not_a_vf",
        "0000:04:00.0, for request disk with network",
        "it is of type type-PCI",
    )
    assert lab_host.host_state() == before


@pytest.mark.parametrize("keywords", [{"owner": "dpdk0"}, {"attach": ()}])
def test_a_mac_address_is_refused_where_no_libvirt_would_set_it(lab_host, keywords):
    error = refused(lab_host.claim, {**NIC, "network": {"mac": MAC}}, **keywords)
    assert (error.code, error.subject) == ("invalid_request", "network of request nic")


def places(host, place):
    return {
        hostdev.find("source/address").get("bus"): hostdev.find("address").get("bus")
        for hostdev in ET.fromstring(host.domain.xml[place]).iterfind("devices/hostdev")
    }


def test_a_guest_address_is_followed_in_the_definition_and_live(lab_host):
    wanted = {**DISK, "guest_address": "0000:03:00.0"}
    lab_host.claim(wanted)
    assert places(lab_host, CONFIG) == places(lab_host, LIVE) == {"0x04": "0x03"}
    assert lab_host.record["claims"][0]["devices"][0]["guest_address"] == "0000:03:00.0"
    assert not lab_host.claim(wanted).changed


def test_devices_without_a_guest_address_make_way_for_those_with_one(lab_host):
    lab_host.claim(NIC, {**DISK, "guest_address": "0000:01:00.0"})
    assert places(lab_host, CONFIG) == places(lab_host, LIVE) == {"0x04": "0x01", "0x01": "0x02"}


def test_a_device_that_was_detached_by_hand_comes_back_to_the_place_it_had(lab_host):
    lab_host.claim({**DISK, "guest_address": "0000:03:00.0"})
    lab_host.claim(DISK)
    for place in (CONFIG, LIVE):
        lab_host.domain.xml[place] = domain_xml()
    outcome = lab_host.claim(DISK)
    assert steps(outcome) == ["attach 0000:04:00.0, config of domain web1", "attach 0000:04:00.0, live of domain web1"]
    assert places(lab_host, CONFIG) == places(lab_host, LIVE) == {"0x04": "0x03"}


def test_a_place_on_record_that_another_device_has_by_now_is_given_up(lab_host):
    lab_host.claim({**DISK, "guest_address": "0000:03:00.0"})
    lab_host.claim(DISK)
    disk = '<disk type="file"><address type="pci" domain="0" bus="0x03" slot="0" function="0"/></disk>'
    for place in (CONFIG, LIVE):
        lab_host.domain.xml[place] = domain_xml(disk)
    lab_host.claim(DISK)
    assert places(lab_host, CONFIG) == {"0x04": "0x01"}
    assert lab_host.record["claims"][0]["devices"][0]["guest_address"] == "0000:01:00.0"


def test_a_guest_address_that_another_device_has_is_refused_before_anything_is_done(lab_host):
    lab_host.claim(NIC)
    before = lab_host.host_state()
    error = refused(lab_host.claim, {**DISK, "guest_address": "0000:01:00.0"})
    assert (error.code, error.found) == (
        "guest_address_taken",
        "in the definition it is not free: bus 1 has 0000:01:10.0 at 0000:01:00.0",
    )
    assert "choose another one (0000:02:00.0, 0000:03:00.0, 0000:04:00.0)" in error.remedy
    assert lab_host.host_state() == before


def test_a_guest_address_behind_no_controller_is_for_the_definition_only(lab_host):
    wanted = {**DISK, "guest_address": "0000:09:00.0"}
    error = refused(lab_host.claim, wanted)
    assert error.found == "the running domain has no PCI controller with index 9"
    assert "set attach to [config]" in error.remedy


def test_a_guest_address_of_a_device_that_leaves_at_once_is_free(lab_host):
    wanted = {"name": "it", "guest_address": "0000:02:00.0"}
    lab_host.claim({**wanted, "address": VF1})
    lab_host.claim({**wanted, "address": NVME}, replace_misfits=True)
    assert places(lab_host, CONFIG) == places(lab_host, LIVE) == {"0x04": "0x02"}


def test_another_guest_address_moves_the_device_in_the_definition(lab_host):
    lab_host.claim({**DISK, "guest_address": "0000:02:00.0"})
    outcome = lab_host.claim({**DISK, "guest_address": "0000:03:00.0"})
    assert places(lab_host, CONFIG) == {"0x04": "0x03"}
    assert places(lab_host, LIVE) == {"0x04": "0x02"}
    (warning,) = outcome.warnings
    assert "without the guest_address of request disk: that takes effect at its next start" in warning


SLOT = [{"name": f"f{number}", "address": f"0000:03:00.{number}"} for number in range(3)]


def slot(host, place=CONFIG):
    """Host function, guest's bus and function, and whether it says that there are more."""
    return sorted(
        (
            int(hostdev.find("source/address").get("function"), 0),
            int(hostdev.find("address").get("bus"), 0),
            int(hostdev.find("address").get("function"), 0),
            hostdev.find("address").get("multifunction"),
        )
        for hostdev in ET.fromstring(host.domain.xml[place]).iterfind("devices/hostdev")
    )


def test_functions_of_one_slot_are_one_slot_in_the_definition_and_have_ports_of_their_own_live(lab_host):
    outcome = lab_host.claim(*SLOT)
    assert slot(lab_host) == [(0, 1, 0, "on"), (1, 1, 1, None), (2, 1, 2, None)]
    assert slot(lab_host, LIVE) == [(0, 1, 0, None), (1, 2, 0, None), (2, 3, 0, None)]
    assert outcome.warnings == [
        "0000:03:00.0, 0000:03:00.1, 0000:03:00.2 are functions of one slot: domain web1 gets each behind a root port "
        "of its own now, and all in one slot at its next start"
    ]
    again = lab_host.claim(*SLOT)
    assert (again.changed, again.warnings) == (False, [])


def test_a_slot_of_a_definition_without_controllers_is_behind_the_first_that_libvirt_adds(lab_host):
    lab_host.domain.xml[LIVE] = None
    lab_host.domain.xml[CONFIG] = domain_xml().split("<devices>", maxsplit=1)[0] + "<devices /></domain>"
    outcome = lab_host.claim(*SLOT, attach=("config",), check_mode=True)
    after = next(part["after"] for part in outcome.diff if "config" in part["after_header"])
    assert [place.get("bus") for place in ET.fromstring(after).findall("devices/hostdev/address")] == ["0x01"] * 3


def test_a_slot_is_given_back_as_it_was(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    before = lab_host.host_state()
    lab_host.claim(*SLOT)
    lab_host.release()
    assert lab_host.host_state() == before


def test_the_lowest_function_becomes_function_0(lab_host):
    lab_host.claim(SLOT[1], SLOT[2], attach=("config",), whole_group=True)
    assert slot(lab_host) == [(1, 1, 0, "on"), (2, 1, 2, None)]


def test_a_function_alone_is_no_slot(lab_host):
    lab_host.claim(SLOT[1], attach=("config",), whole_group=True)
    assert slot(lab_host) == [(1, 1, 0, None)]


def test_vfs_whose_addresses_look_like_one_slot_are_not_tied_together(lab_host):
    lab_host.claim({"name": "nic", "specs": [{"product_id": "10ca"}], "count": 2}, attach=("config",))
    assert [place[1:] for place in slot(lab_host)] == [(1, 0, None), (2, 0, None)]


def test_a_function_that_comes_later_joins_the_slot(lab_host):
    lab_host.claim(SLOT[1], attach=("config",), whole_group=True)
    lab_host.claim(*SLOT, attach=("config",))
    assert slot(lab_host) == [(0, 1, 0, "on"), (1, 1, 1, None), (2, 1, 2, None)]


def test_when_function_0_leaves_the_next_one_takes_its_place(lab_host):
    lab_host.claim(*SLOT, attach=("config",))
    lab_host.release(domain="web1", names=("f0",))
    assert slot(lab_host) == [(1, 1, 0, "on"), (2, 1, 2, None)]
    lab_host.release(domain="web1", names=("f1",))
    assert slot(lab_host) == [(2, 1, 0, None)]
    assert not lab_host.claim(SLOT[2], attach=("config",), whole_group=True).changed


def test_a_guest_address_is_for_function_0_of_the_slot(lab_host):
    lab_host.claim({**SLOT[0], "guest_address": "0000:03:00.0"}, SLOT[1], SLOT[2], attach=("config",))
    assert slot(lab_host) == [(0, 3, 0, "on"), (1, 3, 1, None), (2, 3, 2, None)]
    error = refused(lab_host.claim, {**SLOT[1], "guest_address": "0000:04:00.0"}, attach=("config",))
    assert (error.code, error.found) == (
        "invalid_request",
        "it is a function of the same slot as 0000:03:00.0, which the owner has too",
    )


def test_a_slot_without_a_free_root_port_gets_one_that_libvirt_adds(lab_host):
    lab_host.domain.xml[CONFIG] = domain_xml(ports=0)
    lab_host.claim(*SLOT, attach=("config",))
    assert slot(lab_host) == [(0, 1, 0, "on"), (1, 1, 1, None), (2, 1, 2, None)]
    assert root_ports(lab_host) == [1]


def test_a_slot_counts_as_one_root_port(lab_host):
    lab_host.claim(*SLOT, attach=("config",), free_root_ports=4)
    assert root_ports(lab_host) == [1, 2, 3, 4, 5]
    assert not lab_host.claim(*SLOT, attach=("config",), free_root_ports=4).changed


def test_a_guest_that_was_started_with_the_slot_keeps_it_until_it_is_shut_down(lab_host):
    lab_host.claim(*SLOT)
    lab_host.domain.xml[LIVE] = lab_host.domain.xml[CONFIG]
    before = lab_host.host_state()
    error = refused(lab_host.release)
    assert (error.code, error.subject) == ("multifunction_slot", "0000:03:00.0 in domain web1")
    assert error.found == (
        "the running guest has it at 0000:01:00.0, in one slot with 0000:03:00.1 at 0000:01:00.1, "
        "0000:03:00.2 at 0000:01:00.2"
    )
    assert lab_host.host_state() == before
    lab_host.domain.xml[LIVE] = None
    lab_host.release()
    assert slot(lab_host) == []


def test_an_interface_needs_its_pf_up_to_enter_a_running_guest(lab_host):
    lab_host.links.online = False
    before = lab_host.host_state()
    wanted = {**NIC, "network": {"vlan": 42}}
    error = refused(lab_host.claim, wanted)
    assert (error.code, error.subject) == ("pf_down", "0000:01:10.0, to attach to domain web1 (live)")
    assert error.found == "the interface enp1s0 of its physical function 0000:01:00.0 is down"
    assert error.remedy.startswith("ip link set enp1s0 up")
    assert lab_host.host_state() == before
    assert lab_host.claim(wanted, attach=("config",)).changed
    assert not lab_host.claim(wanted, attach=("config",)).changed


def root_ports(host, place=CONFIG):
    ports = ET.fromstring(host.domain.xml[place]).iterfind("devices/controller[@model='pcie-root-port']")
    return [int(port.get("index")) for port in ports]


def test_root_ports_are_added_to_the_definition_until_so_many_are_free(lab_host):
    outcome = lab_host.claim(NIC, free_root_ports=5)
    assert steps(outcome)[1:3] == [
        "root ports in the definition of domain web1: 4 -> 6",
        "attach 0000:01:10.0, config of domain web1",
    ]
    assert (root_ports(lab_host), root_ports(lab_host, LIVE)) == ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4])
    assert outcome.warnings == ["domain web1 runs: its 2 new root ports take effect at its next start"]
    again = lab_host.claim(NIC, free_root_ports=5)
    assert (again.changed, again.warnings) == (False, [])


def test_root_ports_can_be_asked_for_alone(lab_host):
    outcome = lab_host.claim(free_root_ports=5)
    assert steps(outcome) == ["root ports in the definition of domain web1: 4 -> 5"]
    assert lab_host.record["claims"] == []
    assert not lab_host.claim(free_root_ports=5).changed


def test_a_port_that_is_left_by_a_device_counts_as_free(lab_host):
    lab_host.claim({"name": "it", "address": VF1}, DISK)
    other = {"name": "it", "address": "0000:01:10.2"}
    outcome = lab_host.claim(other, replace_misfits=True, free_root_ports=2, check_mode=True)
    assert not any("root ports" in step for step in steps(outcome))
    outcome = lab_host.claim(other, replace_misfits=True, free_root_ports=3, check_mode=True)
    assert "root ports in the definition of domain web1: 4 -> 5" in steps(outcome)


def test_check_mode_shows_the_root_ports_in_the_diff_and_adds_none(lab_host):
    before = lab_host.whole_state()
    outcome = lab_host.claim(free_root_ports=5, check_mode=True)
    assert outcome.changed
    (entry,) = outcome.diff
    assert entry["after"].count('model="pcie-root-port"') == entry["before"].count('model="pcie-root-port"') + 1 == 5
    assert lab_host.whole_state() == before


def test_root_ports_leave_again_when_the_claim_fails(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    before = lab_host.host_state()
    lab_host.libvirt.fail(3, LibvirtError("internal error"))
    error = refused(lab_host.claim, NIC, free_root_ports=5)
    assert error.code == "attach_failed"
    assert lab_host.host_state() == before


def test_libvirt_that_refuses_a_root_port_is_quoted(lab_host):
    before = lab_host.host_state()
    lab_host.libvirt.fail(2, LibvirtError("XML error: too many PCI controllers"))
    error = refused(lab_host.claim, free_root_ports=6)
    assert (error.code, error.found) == ("root_ports_failed", "libvirt says: XML error: too many PCI controllers")
    assert lab_host.host_state() == before


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (None, "it is transient and has no definition"),
        (domain_xml(machine="pci-root", ports=0), "its machine type has no PCIe root"),
    ],
)
def test_root_ports_are_refused_for_a_domain_that_can_have_none(lab_host, config, found):
    lab_host.domain.xml[CONFIG] = config
    error = refused(lab_host.claim, free_root_ports=1)
    assert (error.code, error.found) == ("no_pcie_root", found)


def test_trust_and_spoof_check_are_set_through_the_pf_and_put_back(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    before = lab_host.host_state()
    wanted = {**NIC, "network": {"trust": True, "spoof_check": True}}
    outcome = lab_host.claim(wanted)
    assert steps(outcome)[1] == "settings of 0000:01:10.0: trust off, spoof_check on -> trust on, spoof_check on"
    assert outcome.diff[1] == {
        "before_header": "VF settings",
        "after_header": "VF settings",
        "before": "0000:01:10.0 trust=off spoof_check=on\n",
        "after": "0000:01:10.0 trust=on spoof_check=on\n",
    }
    (interface,) = lab_host.links.settings
    settings = lab_host.links.settings[interface][0]
    assert (settings["trust"], settings["spoof_check"]) == (True, True)
    assert lab_host.links.log == [f"{interface} vf 0 trust on"]
    assert lab_host.record["claims"][0]["devices"][0]["vf_settings"] == {"spoof_check": True, "trust": False}
    assert not lab_host.claim(wanted).changed
    lab_host.release()
    assert lab_host.host_state() == before


def test_a_vf_for_a_free_owner_gets_its_settings_too(lab_host):
    lab_host.claim({**NIC, "network": {"spoof_check": False}}, owner="dpdk0")
    assert lab_host.links.log[0].endswith("vf 0 spoofchk off")
    lab_host.release(owner="dpdk0")
    assert lab_host.links.log[1].endswith("vf 0 spoofchk on")


def test_a_setting_that_is_no_longer_asked_for_is_put_back(lab_host):
    lab_host.claim({**NIC, "network": {"trust": True, "spoof_check": False}})
    lab_host.links.log.clear()
    lab_host.claim({**NIC, "network": {"spoof_check": False}})
    # What igb shows as off already may be on.
    assert [entry.partition("vf 0 ")[2] for entry in lab_host.links.log] == ["spoofchk off", "trust off"]
    assert lab_host.record["claims"][0]["devices"][0]["vf_settings"] == {"spoof_check": True}


def test_a_setting_that_was_lost_is_set_again_and_the_original_stays_on_record(lab_host):
    wanted = {**NIC, "network": {"trust": True}}
    lab_host.claim(wanted)
    lab_host.links.reboot()
    assert steps(lab_host.claim(wanted)) == ["settings of 0000:01:10.0: trust off -> trust on"]
    assert lab_host.record["claims"][0]["devices"][0]["vf_settings"] == {"trust": False}


def test_check_mode_tells_the_settings_and_sets_none(lab_host):
    before = lab_host.whole_state()
    outcome = lab_host.claim({**NIC, "network": {"trust": True}}, check_mode=True)
    assert "settings of 0000:01:10.0: trust off -> trust on" in steps(outcome)
    assert (lab_host.links.log, lab_host.whole_state()) == ([], before)


def test_a_driver_that_refuses_a_setting_is_named_with_the_errno_and_nothing_is_half_done(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    before = lab_host.host_state()
    lab_host.links.refused["trust"] = errno.EOPNOTSUPP
    error = refused(lab_host.claim, {**NIC, "network": {"spoof_check": False, "trust": True}})
    assert (error.code, error.subject) == (
        "vf_setting_failed",
        "trust of 0000:01:10.0, VF 0 of 0000:01:00.0 (enp1s0, igb)",
    )
    assert "Operation not supported: the driver of the physical function can't set it" in error.found
    assert lab_host.host_state() == before


def test_a_driver_that_does_not_tell_a_setting_is_named_before_anything_is_done(lab_host):
    before = lab_host.host_state()
    lab_host.links.untold.add("trust")
    error = refused(lab_host.claim, {**NIC, "network": {"trust": True}})
    assert (error.code, error.subject) == ("vf_setting_failed", "trust of 0000:01:10.0, VF 0 of 0000:01:00.0")
    assert error.found == "the driver of the physical function does not tell how it is set"
    assert lab_host.host_state() == before


def test_a_changed_option_changes_the_definition_and_the_running_guest_is_told_of(lab_host):
    lab_host.claim({**NIC, "network": {"mac": MAC, "vlan": 42}})
    place = attribute_of(lab_host, CONFIG, "interface/address", "bus")
    changed = {**NIC, "network": {"mac": MAC, "vlan": 43}}
    outcome = lab_host.claim(changed)
    assert steps(outcome) == [
        "detach 0000:01:10.0, config of domain web1",
        "attach 0000:01:10.0, config of domain web1",
    ]
    assert attribute_of(lab_host, CONFIG, "interface/vlan/tag", "id") == "43"
    assert attribute_of(lab_host, LIVE, "interface/vlan/tag", "id") == "42"
    assert attribute_of(lab_host, CONFIG, "interface/address", "bus") == place
    told = [
        "0000:01:10.0 is in the running domain web1 without the network.vlan of request nic: "
        "that takes effect at its next start"
    ]
    assert outcome.warnings == told
    again = lab_host.claim(changed)
    assert (again.changed, again.warnings) == (False, told)


def test_an_option_that_is_no_longer_asked_for_leaves_the_definition(lab_host):
    lab_host.claim({**DISK, "rom": {"bar": False}})
    assert attribute_of(lab_host, CONFIG, "hostdev/rom", "bar") == "off"
    lab_host.claim(DISK)
    assert attribute_of(lab_host, CONFIG, "hostdev/rom", "bar") is None
    assert not lab_host.claim(DISK).changed


def test_what_an_administrator_wrote_into_the_element_stays(lab_host):
    lab_host.claim(DISK)
    for place in (CONFIG, LIVE):
        lab_host.domain.xml[place] = lab_host.domain.xml[place].replace("</hostdev>", '<rom bar="off"/></hostdev>')
    assert not lab_host.claim(DISK).changed
    assert attribute_of(lab_host, CONFIG, "hostdev/rom", "bar") == "off"


def test_managed_of_a_request_goes_before_the_modules_option(lab_host):
    lab_host.claim({**DISK, "managed": False}, NIC)
    managed = {
        hostdev.find("source/address").get("bus"): hostdev.get("managed")
        for hostdev in ET.fromstring(lab_host.domain.xml[CONFIG]).iterfind("devices/hostdev")
    }
    assert managed == {"0x04": "no", "0x01": "yes"}


def test_managed_of_the_allow_list_goes_before_the_request_and_a_second_run_changes_nothing(lab_host):
    keywords = {"allow_list": allow({"managed": True})}
    lab_host.claim({**DISK, "managed": False}, **keywords)
    assert attribute_of(lab_host, CONFIG, "hostdev", "managed") == "yes"
    again = lab_host.claim({**DISK, "managed": False}, **keywords)
    assert (again.changed, again.warnings) == (False, [])


def test_managed_that_changes_in_the_request_changes_the_definition(lab_host):
    lab_host.claim(DISK)
    lab_host.claim({**DISK, "managed": False})
    assert attribute_of(lab_host, CONFIG, "hostdev", "managed") == "no"


def test_a_request_may_name_the_vfio_driver(lab_host):
    lab_host.kernel.modules.add("nvme-vfio-pci")
    before = lab_host.host_state()[0]
    lab_host.claim({**DISK, "driver": "nvme-vfio-pci"})
    assert lab_host.kernel.driver(NVME) == "nvme-vfio-pci"
    assert attribute_of(lab_host, CONFIG, "hostdev/driver", "model") == "nvme-vfio-pci"
    assert not lab_host.claim({**DISK, "driver": "nvme-vfio-pci"}).changed
    lab_host.release()
    after = lab_host.host_state()[0]
    after.pop("/bus/pci/drivers/nvme-vfio-pci")
    assert after == before


def test_another_driver_is_refused_while_a_guest_runs_with_the_device(lab_host):
    lab_host.claim(DISK)
    before = lab_host.kept_state()
    error = refused(lab_host.claim, {**DISK, "driver": "nvme-vfio-pci"})
    assert (error.code, error.subject) == ("device_in_use", NVME)
    assert error.wanted == "a device that nothing uses any more, to bind it to nvme-vfio-pci"
    assert lab_host.kept_state() == before


def test_an_adopted_device_gets_the_driver_back_that_it_was_adopted_with(lab_host):
    lab_host.kernel.modules.add("nvme-vfio-pci")
    lab_host.claim(DISK, owner="first")
    claim = lab_host.record["claims"][0]
    assert claim["devices"][0]["adopted"] is False
    for name in ("hostdev.fact", "hostdev.fact.last-good"):
        (lab_host.root / "etc/ansible/facts.d" / name).unlink()
    lab_host.claim({**DISK, "driver": "nvme-vfio-pci"}, owner="second")
    assert lab_host.record["claims"][0]["devices"][0]["adopted"] is True
    lab_host.release(owner="second")
    assert lab_host.kernel.driver(NVME) == "vfio-pci"
