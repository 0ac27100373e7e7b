# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims and releases of USB and SCSI devices on the lab host, with made devices and a libvirt that acts on them."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import NodeStep, step_from_dict
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    LIVE,
    OTHER_UUID,
    UUID,
    LibvirtError,
    domain_xml,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import (
    SCSI_CONTROLLER,
    USB_CONTROLLER,
    plug,
    ready,
    root_hub,
    scsi,
    unplug,
    usb,
    usb_path,
)

NVME = "0000:04:00.0"
STICK = {"name": "stick", "usb": {"vendor_id": "0951", "product_id": "1666"}}
DISK = {"name": "tape", "scsi": {"adapter": "scsi_host2", "lun": 0}}
VF = {"name": "nic", "specs": [{"product_id": "10ca"}]}

USB_BY_IDS = (
    '<hostdev mode="subsystem" type="usb"><source><vendor id="0x0951" /><product id="0x1666" /></source></hostdev>'
)
USB_BY_NUMBER = (
    '<hostdev mode="subsystem" type="usb"><source><vendor id="0x0951" /><product id="0x1666" />'
    '<address bus="3" device="2" /></source></hostdev>'
)
SCSI_XML = (
    '<hostdev mode="subsystem" type="scsi"><source><adapter name="scsi_host2" />'
    '<address bus="0" target="0" unit="0" /></source></hostdev>'
)


@pytest.fixture
def host(lab_host):
    plug(lab_host, usb("3-1", 2, block="sdx"), scsi("2:0:0:0", block="sdy"))
    ready(lab_host)
    return lab_host


def steps(outcome):
    return [str(step) for plan in outcome.plans for step in plan.steps]


def hostdevs(host, place, domain=None):
    """The elements of devices, without the names that libvirt gives them while they are in a guest."""
    root = ET.fromstring((domain or host.domain).xml[place])
    return [without_aliases(ET.tostring(element, encoding="unicode")) for element in root.iterfind("devices/hostdev")]


def without_aliases(text):
    return re.sub(r'\s*<alias name="hostdev\d+" />', "", text)


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def mount(host, block, point="/srv"):
    number = host.tree.text(f"/sys/class/block/{block}/dev")
    host.write("/proc/self/mountinfo", f"28 1 {number} / {point} rw shared:1 - ext4 /dev/{block} rw\n")
    link = host.root / f"sys/dev/block/{number}"
    link.symlink_to(f"../../class/block/{block}")


def test_a_usb_stick_and_a_scsi_disk_are_claimed_for_a_running_domain(host):
    outcome = host.claim(STICK, DISK)
    assert steps(outcome) == [
        "attach scsi_2_0_0_0, config of domain web1",
        "attach usb_3_1, config of domain web1",
        "attach scsi_2_0_0_0, live of domain web1",
        "attach usb_3_1, live of domain web1",
    ]
    assert hostdevs(host, CONFIG) == [SCSI_XML, USB_BY_IDS]
    assert hostdevs(host, LIVE) == [SCSI_XML, USB_BY_NUMBER]
    assert host.kernel.log == []
    assert outcome.warnings == []


def test_the_record_has_them_beside_the_functions(host):
    host.claim(STICK, DISK, VF)
    (claim,) = host.record["claims"]
    since = claim["devices"][0]["since"]
    assert claim["node_devices"] == [
        {
            "name": "scsi_2_0_0_0",
            "capability": "scsi",
            "request": "tape",
            "identity": {
                "vendor": "SEAGATE",
                "model": "ST4000NM0023",
                "serial": None,
                "wwid": "naa.5000c500a1b2c3d4",
            },
            "attach": ["config", "live"],
            "since": since,
        },
        {
            "name": "usb_3_1",
            "capability": "usb_device",
            "request": "stick",
            "identity": {"vendor_id": "0951", "product_id": "1666", "serial": "STICK1"},
            "attach": ["config", "live"],
            "since": since,
        },
    ]
    assert [device["request"] for device in claim["devices"]] == ["nic"]
    assert [request["name"] for request in claim["requests"]] == ["nic", "stick", "tape"]


def test_a_record_without_them_does_not_mention_them(host):
    host.claim(VF)
    assert "node_devices" not in host.record["claims"][0]


def test_a_second_run_changes_nothing(host):
    host.claim(STICK, DISK, VF)
    before = host.kept_state()
    outcome = host.claim(STICK, DISK, VF)
    assert (outcome.changed, steps(outcome), outcome.diff) == (False, [], [])
    assert host.kept_state() == before


@pytest.mark.parametrize("attach", [("config", "live"), ("config",), ("live",), ()])
def test_a_release_leaves_the_domain_as_it_was(host, attach):
    before = host.host_state()
    assert host.claim(STICK, DISK, attach=attach).changed
    assert (host.host_state() == before) == (attach == ())
    assert host.release(domain="web1").changed
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == ([], None)
    assert not host.release(domain="web1").changed


def test_a_release_of_one_request_leaves_the_others(host):
    host.claim(STICK, DISK, VF)
    assert steps(host.release(domain="web1", names=("stick",))) == [
        "detach usb_3_1, live of domain web1",
        "detach usb_3_1, config of domain web1",
    ]
    assert [request["name"] for request in host.record["claims"][0]["requests"]] == ["nic", "tape"]
    host.release(domain="web1", names=("nic",))
    assert [device["name"] for device in host.record["claims"][0]["node_devices"]] == ["scsi_2_0_0_0"]
    assert hostdevs(host, LIVE) == [SCSI_XML]


def test_a_release_by_a_functions_address_leaves_usb_devices(host):
    host.claim(STICK, VF)
    host.release(domain="web1", addresses=("0000:01:10.0",))
    (claim,) = host.record["claims"]
    assert ([request["name"] for request in claim["requests"]], claim["devices"]) == (["stick"], [])


def test_a_claim_of_other_requests_leaves_usb_devices(host):
    host.claim(STICK)
    host.claim(VF)
    assert [device["name"] for device in host.record["claims"][0]["node_devices"]] == ["usb_3_1"]
    assert USB_BY_NUMBER in hostdevs(host, LIVE)


def test_check_mode_foretells_the_steps_and_the_xml_and_changes_nothing(host):
    before = host.whole_state()
    foretold = host.claim(STICK, check_mode=True)
    assert host.whole_state() == before
    done = host.claim(STICK)
    assert steps(done) == steps(foretold)
    for entry in done.diff:
        entry["after"] = without_aliases(entry["after"])  # which nobody can foretell
    assert foretold.diff == done.diff
    assert 'id="0x0951"' in done.diff[0]["after"]
    foretold = host.release(domain="web1", check_mode=True)
    assert foretold.diff == host.release(domain="web1").diff
    assert 'id="0x0951"' not in foretold.diff[0]["after"]


@pytest.mark.parametrize("place", [CONFIG, LIVE])
def test_what_was_detached_by_hand_is_attached_again(host, place):
    host.claim(STICK, DISK)
    host.domain.xml[place] = domain_xml(extra=USB_CONTROLLER + SCSI_CONTROLLER)
    name = "config" if place == CONFIG else "live"
    assert steps(host.claim(STICK, DISK)) == [
        f"attach scsi_2_0_0_0, {name} of domain web1",
        f"attach usb_3_1, {name} of domain web1",
    ]


def test_what_the_domain_has_already_is_left_so(host):
    for place in (CONFIG, LIVE):
        host.domain.xml[place] = domain_xml(USB_BY_NUMBER, extra=USB_CONTROLLER)
    assert steps(host.claim(STICK)) == []
    assert host.record["claims"][0]["node_devices"][0]["name"] == "usb_3_1"


def test_a_stick_that_was_plugged_in_anew_gets_its_new_number_in_the_guest(host):
    host.claim(STICK)
    unplug(host, host.plugged[0])
    plug(host, usb("3-1", 9, block="sdx"))
    assert steps(host.claim(STICK)) == [
        "detach usb_3_1, live of domain web1",
        "attach usb_3_1, live of domain web1",
    ]
    assert hostdevs(host, LIVE) == [USB_BY_NUMBER.replace('device="2"', 'device="9"')]
    assert hostdevs(host, CONFIG) == [USB_BY_IDS]
    assert not host.claim(STICK).changed


def test_of_two_sticks_of_one_kind_each_is_named_by_its_number_with_a_warning(host):
    plug(host, usb("3-2", 4, serial="STICK2"))
    outcome = host.claim({**STICK, "usb": {**STICK["usb"], "serial": "STICK2"}})
    assert hostdevs(host, CONFIG) == hostdevs(host, LIVE) == [USB_BY_NUMBER.replace('device="2"', 'device="4"')]
    (warning,) = outcome.warnings
    assert warning.startswith("usb_3_2 is in the definition of domain web1 by its number")
    assert host.claim({**STICK, "usb": {**STICK["usb"], "serial": "STICK2"}}).warnings == []


def test_a_second_stick_of_its_kind_turns_the_ids_in_the_definition_into_a_number(host):
    host.claim(STICK)
    plug(host, usb("3-2", 4, serial="STICK2"))
    outcome = host.claim(STICK)
    assert steps(outcome) == ["detach usb_3_1, config of domain web1", "attach usb_3_1, config of domain web1"]
    assert hostdevs(host, CONFIG) == [USB_BY_NUMBER]


def test_two_sticks_of_one_kind_go_to_two_requests_in_the_order_of_their_ports(host):
    plug(host, usb("3-2", 4, serial="STICK2"))
    host.claim(STICK, {**STICK, "name": "other"})
    held = {device["request"]: device["name"] for device in host.record["claims"][0]["node_devices"]}
    assert held == {"stick": "usb_3_1", "other": "usb_3_2"}


def test_a_new_request_does_not_take_what_another_one_keeps(host):
    plug(host, usb("3-2", 4, serial="STICK2"))
    host.claim(STICK)
    host.claim({**STICK, "name": "another"}, STICK)
    held = {device["request"]: device["name"] for device in host.record["claims"][0]["node_devices"]}
    assert held == {"stick": "usb_3_1", "another": "usb_3_2"}


def test_a_renamed_domain_keeps_its_stick_and_gets_more(host):
    host.claim(STICK)
    host.domain._name = "web2"
    host.claim(STICK, {"name": "disk", "scsi": {"adapter": 2, "lun": 0}}, domain="web2")
    assert refused(host.claim, {**STICK, "name": "another"}, domain="web2").found == (
        "serves request stick of the same owner"
    )


def test_of_another_stick_with_the_same_number_the_element_goes_with_the_release(host):
    plug(host, usb("3-2", 4, serial="STICK2"))
    _tree, before = host.host_state()
    host.claim(STICK)
    unplug(host, host.plugged[0])
    plug(host, usb("3-1", 2, serial="STICK9"))
    host.release(domain="web1")
    assert host.host_state()[1] == before


def test_another_stick_with_the_same_number_is_taken_without_a_step_when_that_is_asked_for(host):
    host.claim(STICK)
    unplug(host, host.plugged[0])
    plug(host, usb("3-1", 2, serial="STICK9"))
    assert steps(host.claim(STICK, replace_misfits=True)) == []
    assert host.record["claims"][0]["node_devices"][0]["identity"]["serial"] == "STICK9"


def test_another_domain_that_names_a_stick_by_its_port_is_seen(host):
    by_port = "<hostdev mode='subsystem' type='usb'><source><address bus='3' port='1'/></source></hostdev>"
    host.libvirt.define("db1", OTHER_UUID, config=domain_xml(by_port, name="db1", uuid=OTHER_UUID))
    assert "in_domain_xml" in refused(host.claim, STICK).found


def test_another_stick_in_the_same_port_is_refused(host):
    host.claim(STICK)
    unplug(host, host.plugged[0])
    plug(host, usb("3-1", 3, serial="STICK9"))
    error = refused(host.claim, STICK)
    assert error.code == "held_device_mismatch"
    assert "identity_changed: serial is STICK9, claimed was STICK1" in error.found
    assert error.subject.startswith("usb_3_1")
    host.claim(STICK, replace_misfits=True)
    assert host.record["claims"][0]["node_devices"][0]["identity"]["serial"] == "STICK9"
    assert hostdevs(host, LIVE) == [USB_BY_NUMBER.replace('device="2"', 'device="3"')]


def test_a_stick_that_was_moved_to_another_port_is_found_by_its_serial(host):
    host.claim(STICK)
    unplug(host, host.plugged[0])
    plug(host, usb("3-4", 3))
    assert "it moved to usb_3_4" in refused(host.claim, STICK).found


def test_a_stick_that_was_pulled_out_is_released_all_the_same(host):
    _tree, before = host.host_state()
    host.claim(STICK)
    unplug(host, host.plugged[0])
    outcome = host.release(domain="web1")
    assert outcome.warnings == [
        f"usb_3_1 is only taken from record and domain: the device of domain web1 ({UUID}) is no longer there"
    ]
    assert host.host_state()[1] == before
    assert host.record["claims"] == []


def test_a_disk_with_a_mounted_file_system_is_refused(host):
    mount(host, "sdy")
    error = refused(host.claim, DISK)
    assert error.code == "device_blocked"
    assert error.found == "mounted_fs (scsi_2_0_0_0: /dev/sdy is mounted at /srv)"
    assert error.details["blockers"] == [
        {
            "code": "mounted_fs",
            "address": "scsi_2_0_0_0",
            "detail": "/dev/sdy is mounted at /srv",
            "override": None,
            "remedy": "unmount it where the detail says (`umount`), and take it out of `/etc/fstab`",
        }
    ]
    assert host.record_or_none() is None


def test_a_stick_with_a_mounted_disk_on_it_is_refused(host):
    mount(host, "sdx", "/")
    assert refused(host.claim, STICK).found == "root_disk (usb_3_1: /dev/sdx is mounted at /)"


def test_a_free_stick_is_taken_where_the_first_is_in_use(host):
    mount(host, "sdx")
    plug(host, usb("3-2", 4, serial="STICK2"))
    host.claim(STICK)
    assert host.record["claims"][0]["node_devices"][0]["name"] == "usb_3_2"


def test_a_held_disk_that_the_host_mounted_meanwhile_is_not_attached(host):
    host.claim(DISK, attach=())
    mount(host, "sdy")
    error = refused(host.claim, DISK)
    assert (error.code, error.subject) == ("device_blocked", "scsi_2_0_0_0")


def test_what_the_guest_has_is_left_with_it_whatever_the_host_does(host):
    host.claim(DISK)
    mount(host, "sdy")
    assert not host.claim(DISK).changed


def test_hubs_are_refused(host):
    plug(host, root_hub(3), usb("3-3", 3, ids="05e3:0608", device_class="09"))
    for ids, kind in (("1d6b:0003", "root hub"), ("05e3:0608", "hub")):
        vendor, product = ids.split(":")
        error = refused(host.claim, {"name": "hub", "usb": {"vendor_id": vendor, "product_id": product}})
        assert [blocker["code"] for blocker in error.details["blockers"]] == ["not_endpoint"]
        assert f"a USB {kind}," in error.found


def test_a_usb_nic_that_is_in_a_bridge_is_refused_unless_that_is_allowed(host):
    path = f"{usb_path('3-1')}/3-1:1.0/net/enx0"
    plug(host, {f"{path}/upper_br0/x": "", "/sys/class/net/enx0": f"-> ../..{path[4:]}"})
    error = refused(host.claim, STICK)
    assert error.found == "enslaved (usb_3_1: port of br0 on enx0)"
    assert error.remedy.endswith("; or accept that with allow: [enslaved]")
    assert host.claim(STICK, allow=frozenset({"enslaved"})).changed


@pytest.mark.parametrize(
    "element",
    [
        USB_BY_IDS,
        USB_BY_NUMBER,
        "<disk type='block' device='disk'><source dev='/dev/sdx'/></disk>",
    ],
)
def test_a_stick_of_another_domain_is_refused_running_and_can_be_allowed_when_only_defined(host, element):
    xml = domain_xml(element, name="db1", uuid=OTHER_UUID)
    other = host.libvirt.define("db1", OTHER_UUID, config=xml, live=xml)
    error = refused(host.claim, STICK)
    assert f"in_domain_xml (usb_3_1: domain db1 ({OTHER_UUID}) is running with it)" in error.found
    assert refused(host.claim, STICK, allow=frozenset({"in_domain_xml"})).code == "device_blocked"
    other.xml[LIVE] = None
    assert "is defined with it" in refused(host.claim, STICK).found
    assert host.claim(STICK, allow=frozenset({"in_domain_xml"})).changed


def test_a_stick_whose_disk_the_domain_has_as_a_disk_is_not_attached_beside_it(host):
    xml = domain_xml("<disk type='block'><source dev='/dev/sdx'/></disk>", extra=USB_CONTROLLER)
    host.domain.xml[LIVE] = xml
    assert "in_domain_xml" in refused(host.claim, STICK).found


def test_one_owner_only(host):
    host.libvirt.define("db1", OTHER_UUID, config=domain_xml(name="db1", uuid=OTHER_UUID, extra=USB_CONTROLLER))
    host.claim(STICK, attach=())
    error = refused(host.claim, STICK, domain="db1")
    assert error.code == "device_blocked"
    assert error.found == f"held by domain web1 ({UUID})"
    host.release(domain="web1")
    assert host.claim(STICK, domain="db1").changed


def test_a_stick_and_the_disk_on_it_are_one_device(host):
    host.claim(STICK, attach=())
    error = refused(host.claim, {"name": "disk", "scsi": {"adapter": 9, "lun": 0}})
    assert error.found == f"usb_3_1, which is the same device, is held by domain web1 ({UUID})"


def test_a_controller_is_not_taken_from_under_a_held_stick(host):
    plug(host, usb("4-2", 3, ids="1111:3333", function="0000:00:13.0/" + NVME))
    host.claim({"name": "key", "usb": {"vendor_id": "1111", "product_id": "3333"}}, attach=())
    error = refused(host.claim, {"name": "controller", "address": NVME})
    assert (error.code, error.subject) == ("device_blocked", NVME)
    assert error.found == f"usb_4_2 hangs on it, which is held by domain web1 ({UUID})"


def test_a_stick_on_a_held_controller_is_refused(host):
    host.claim({"name": "controller", "address": NVME}, owner="dpdk0")
    plug(host, usb("4-2", 3, ids="1111:3333", function="0000:00:13.0/" + NVME))
    error = refused(host.claim, {"name": "key", "usb": {"vendor_id": "1111", "product_id": "3333"}})
    assert error.found == f"group_used_by_domain ({NVME}: it hangs on {NVME}, held by owner dpdk0)"


def test_what_is_not_there_is_told_with_the_controllers_that_are_away(host):
    host.claim({"name": "controller", "address": NVME}, owner="dpdk0")
    error = refused(host.claim, {"name": "key", "usb": {"port": "4-1"}})
    assert error.code == "no_such_device"
    assert (
        error.found
        == f"there is no such device on this host; what hangs on {NVME} can't be seen while a VFIO driver has that"
    )


@pytest.mark.parametrize(("request_", "kind", "model"), [(STICK, "usb", "qemu-xhci"), (DISK, "scsi", "virtio-scsi")])
def test_a_guest_without_a_controller_is_refused_before_anything_is_done(host, request_, kind, model):
    for place in (CONFIG, LIVE):
        host.domain.xml[place] = domain_xml(extra=f'<controller type="{kind}" model="none" />')
    error = refused(host.claim, request_)
    assert error.code == f"no_{kind}_controller"
    assert f"<controller type='{kind}' model='{model}'/>" in error.remedy
    assert host.libvirt.log == []
    assert host.record_or_none() is None


def test_a_free_owner_gets_none(host):
    error = refused(host.claim, STICK, owner="dpdk0")
    assert error.code == "invalid_request"
    assert "nothing is bound for a USB or SCSI device" in error.wanted


@pytest.mark.parametrize(("first", "second"), [(VF, {**STICK, "name": "nic"}), (STICK, {**VF, "name": "stick"})])
def test_a_request_does_not_turn_into_another_kind(host, first, second):
    host.claim(first)
    error = refused(host.claim, second)
    assert error.code == "held_device_mismatch"
    assert "another kind of device" in error.found


def test_a_failing_attach_is_undone(host):
    before = host.host_state()
    host.libvirt.fail(4, LibvirtError("internal error: unable to execute QEMU command 'device_add'"))
    error = refused(host.claim, STICK, DISK)
    assert error.code == "attach_failed"
    assert error.subject == "usb_3_1, to attach to domain web1 (live)"
    assert host.host_state() == before
    assert host.record["claims"] == []


def test_a_guest_that_does_not_let_go_is_told_and_the_stick_stays_on_record(host):
    host.claim(STICK)
    host.libvirt.deaf = True
    error = refused(host.release, domain="web1")
    assert (error.code, error.subject) == ("detach_timeout", "usb_3_1 in domain web1")
    assert host.record["claims"][0]["node_devices"][0]["name"] == "usb_3_1"


def test_a_stick_that_the_guest_keeps_leaves_the_definition_and_the_rest_on_a_later_release(host):
    host.claim(STICK, DISK)
    host.libvirt.deaf, host.on_detach_timeout = True, "definition"
    host.release(domain="web1", names=("stick",))
    assert (hostdevs(host, CONFIG), USB_BY_NUMBER in hostdevs(host, LIVE)) == ([SCSI_XML], True)
    (claim,) = host.record["claims"]
    assert {device["name"]: device["attach"] for device in claim["node_devices"]} == {
        "scsi_2_0_0_0": ["config", "live"],
        "usb_3_1": ["live"],
    }
    assert [request["name"] for request in claim["requests"]] == ["stick", "tape"]
    host.libvirt.deaf = False
    host.release(domain="web1", names=("stick",))
    assert hostdevs(host, LIVE) == [SCSI_XML]
    assert [device["name"] for device in host.record["claims"][0]["node_devices"]] == ["scsi_2_0_0_0"]


def test_devices_stay_on_record_when_the_guest_keeps_a_function(host):
    host.claim(STICK, VF)
    host.libvirt.deaf, host.on_detach_timeout = True, "definition"
    host.release(domain="web1", names=("nic",))
    (claim,) = host.record["claims"]
    assert [device["name"] for device in claim["node_devices"]] == ["usb_3_1"]
    assert [device["request"] for device in claim["devices"]] == ["nic"]


def test_an_undo_that_fails_names_the_commands_that_mend_it(host):
    host.libvirt.fail(2, LibvirtError("no"))
    host.libvirt.fail(3, LibvirtError("no"))
    error = refused(host.claim, STICK)
    assert f"printf %s '{USB_BY_IDS}' | virsh detach-device {UUID} /dev/stdin --config" in error.details["commands"]
    host.release(owner="nobody")
    assert hostdevs(host, CONFIG) == []


def test_an_interrupted_release_of_a_stick_that_is_gone_by_then_is_settled(host):
    host.claim(STICK)
    host.libvirt.fail(2, LibvirtError("no"))
    host.libvirt.fail(3, LibvirtError("no"))
    refused(host.release, domain="web1")
    unplug(host, host.plugged[0])
    outcome = host.release(owner="nobody")
    assert outcome.recovered
    assert host.record["journal"] is None


def test_a_step_comes_back_from_the_journal_as_it_was():
    step = NodeStep("usb_3_1", "web1", UUID, "live", None, USB_BY_NUMBER)
    assert step_from_dict(json.loads(json.dumps(step.as_dict()))) == step
    assert step.as_dict()["kind"] == "node"
    assert step.inverse() == NodeStep("usb_3_1", "web1", UUID, "live", USB_BY_NUMBER, None)


BY_HAND = (
    '<hostdev mode="subsystem" type="usb" managed="no"><source><vendor id="0x0951"/><product id="0x1666"/></source>'
    '<boot order="3"/><alias name="ua-stick"/><address type="usb" bus="0" port="1"/></hostdev>'
)


def _defined_with_stick(host, *, running):
    plug(host, usb("3-1", 2))
    host.domain.xml[LIVE] = None
    host.domain.xml[CONFIG] = domain_xml(BY_HAND, extra=USB_CONTROLLER)
    if running:
        host.domain.create()
    return host


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("attach", [("config", "live"), ("live",), ()])
def test_a_stick_that_the_domain_has_stays_as_it_stands_and_a_release_leaves_it_there(lab_host, running, attach):
    host = _defined_with_stick(lab_host, running=running)
    before = host.host_state()
    host.claim(STICK, attach=attach)
    assert host.host_state() == before
    assert not host.claim(STICK, attach=attach).changed
    host.release()
    assert host.host_state() == before
    assert host.record["claims"] == []


def test_a_stick_that_was_taken_out_by_hand_comes_back_as_it_stood(lab_host):
    host = _defined_with_stick(lab_host, running=False)
    before = host.host_state()
    host.claim(STICK)
    for change in (lambda: host.claim(STICK), host.release):
        host.domain.xml[CONFIG] = domain_xml(extra=USB_CONTROLLER)
        change()
        assert 'alias name="ua-stick"' in host.domain.xml[CONFIG]
    assert host.host_state() == before


def test_an_undo_takes_no_stick_from_a_guest_that_had_it_before(lab_host):
    host = _defined_with_stick(lab_host, running=True)
    before = host.host_state()[1]
    host.libvirt.fail(1, LibvirtError("internal error: no"))
    with pytest.raises(HostdevError):
        host.claim(STICK, {"name": "nic", "address": "0000:01:10.0"})
    assert host.host_state()[1] == before
