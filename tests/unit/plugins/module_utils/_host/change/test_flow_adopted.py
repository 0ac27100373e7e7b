# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims and releases of devices that the owner's domain has in its XML already, written by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, LibvirtError, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow

VF, NVME = "0000:01:10.0", "0000:04:00.0"
NIC = {"name": "nic", "address": VF}
MAC = "52:54:00:aa:bb:cc"
SOURCE = '<source><address {}domain="0x0000" bus="0x01" slot="0x10" function="0x0"/></source>'
REST = (
    '<driver name="vfio" model="mlx5_vfio_pci"/><teaming type="transient" persistent="ua-backup0"/>'
    '<boot order="2"/><rom bar="on" file="/srv/vf.rom"/><alias name="ua-vf0"/><acpi index="7"/>'
    '<address type="pci" domain="0x0000" bus="0x02" slot="0x00" function="0x0"/>'
)
INTERFACE = (
    f'<interface type="hostdev" managed="yes"><mac address="52:54:00:11:22:33"/>{SOURCE.format(chr(32)).strip()}'
    f'<vlan><tag id="7"/></vlan>{REST}</interface>'
).replace("<address  domain", '<address type="pci" domain')
HOSTDEV = f'<hostdev mode="subsystem" type="pci" managed="yes">{SOURCE.format("")}{REST}</hostdev>'
OPTIONS = {
    "nothing": {},
    "vlan": {"network": {"vlan": 20}},
    "mac": {"network": {"mac": MAC}},
    "network": {"network": {}},
    "unmanaged": {"managed": False},
    "boot order": {"boot_order": 1},
    "rom bar": {"rom": {"bar": False}},
    "rom file": {"rom": {"file": "/srv/other.rom"}},
    "driver": {"driver": "vfio-pci"},
    "guest address": {"guest_address": "0000:03:00.0"},
}


class Killed(BaseException):
    """What ends a run at once, with no chance to undo."""


def with_element(host, xml, *, running=False, ports=4):
    """The domain is defined with an element, and started with it where it shall run."""
    host.kernel.load_module("vfio-pci")
    host.domain.xml[LIVE] = None
    host.domain.xml[CONFIG] = domain_xml(xml, ports=ports)
    if running:
        host.domain.create()
    return host


def element(host, place=CONFIG):
    devices = ET.fromstring(host.domain.xml[place]).iterfind("devices/*")
    return next((part for part in devices if part.tag in ("hostdev", "interface", "disk")), None)


def parts(found):
    """What an element has, by tag; attributes of the element itself too."""
    texts = {part.tag: ET.canonicalize(ET.tostring(part, encoding="unicode")) for part in found}
    return {"itself": (found.tag, tuple(sorted(found.attrib.items()))), **texts}


def changed_parts(host, by_hand):
    before, now = parts(ET.fromstring(by_hand)), parts(element(host))
    return {tag for tag in before.keys() | now.keys() if before.get(tag) != now.get(tag)}


def steps(outcome):
    return [str(step) for plan in outcome.plans for step in plan.steps]


def driver(host, address=VF):
    return host.kernel.driver(address), host.kernel.override(address)


def stood(host):
    return host.record["claims"][0]["devices"][0].get("stood_before", {})


CHANGED_OF_INTERFACE = {
    "nothing": set(),
    "vlan": {"vlan"},
    "mac": {"mac"},
    "network": set(),
    "unmanaged": {"itself"},
    "boot order": {"boot"},
    "rom bar": {"rom"},
    "rom file": {"rom"},
    "driver": {"driver"},
    "guest address": {"address"},
}
CHANGED_OF_HOSTDEV = {
    **CHANGED_OF_INTERFACE,
    "vlan": {"itself", "source", "mac", "vlan"},
    "mac": {"itself", "source", "mac"},
    "network": {"itself", "source", "mac"},
}


@pytest.mark.parametrize(
    ("xml", "what", "changed"),
    [
        *((INTERFACE, what, changed) for what, changed in CHANGED_OF_INTERFACE.items()),
        *((HOSTDEV, what, changed) for what, changed in CHANGED_OF_HOSTDEV.items()),
    ],
)
def test_an_option_changes_just_what_it_names_and_a_release_puts_back_what_was_there(lab_host, xml, what, changed):
    host = with_element(lab_host, xml)
    before = host.host_state()
    wanted = {**NIC, **OPTIONS[what]}
    host.claim(wanted)
    assert changed_parts(host, xml) == changed
    assert driver(host)[0] == "vfio-pci"
    again = host.claim(wanted)
    assert (again.changed, steps(again)) == (False, [])
    host.release()
    assert host.host_state() == before
    assert driver(host) == ("igbvf", None)


def test_a_part_of_rom_leaves_the_other(lab_host):
    host = with_element(lab_host, HOSTDEV)
    host.claim({**NIC, "rom": {"bar": False}})
    assert element(host).find("rom").attrib == {"bar": "off", "file": "/srv/vf.rom"}


def test_the_first_that_stood_there_comes_back_whatever_later_claims_asked_for(lab_host):
    host = with_element(lab_host, HOSTDEV)
    before = host.host_state()
    host.claim({**NIC, "boot_order": 1})
    first = stood(host)
    host.claim({**NIC, "network": {"mac": MAC}, "rom": {"file": "/srv/other.rom"}, "managed": False})
    assert stood(host) == first
    assert element(host).tag == "interface"
    host.release()
    assert host.host_state() == before


@pytest.mark.parametrize("xml", [INTERFACE, HOSTDEV])
@pytest.mark.parametrize("what", [what for what in OPTIONS if what not in ("nothing", "guest address")])
def test_what_is_no_longer_asked_for_is_as_it_stood(lab_host, xml, what):
    host = with_element(lab_host, xml)
    host.claim({**NIC, **OPTIONS[what]})
    host.claim(NIC)
    assert changed_parts(host, xml) <= ({"mac"} if what == "network" and xml == INTERFACE else set())


def test_a_guest_keeps_what_it_ran_with_before_the_claim_and_the_device_stays_bound(lab_host):
    host = with_element(lab_host, INTERFACE.replace("mlx5_vfio_pci", "vfio-pci"), running=True)
    before = host.host_state()
    outcome = host.claim(NIC)
    assert steps(outcome) == []
    released = host.release()
    assert steps(released) == []
    assert released.warnings == [
        f"{VF} stays in the running domain web1 and bound: the domain had it before it was claimed"
    ]
    assert host.record["claims"] == []
    assert host.host_state() == before


def test_a_release_gives_a_running_guest_nothing_that_was_taken_out_of_it_by_hand(lab_host):
    host = with_element(lab_host, HOSTDEV.replace("mlx5_vfio_pci", "vfio-pci"), running=True)
    host.claim(NIC)
    host.domain.xml[LIVE] = domain_xml()
    assert steps(host.release()) == []


def test_a_release_to_the_hosts_driver_takes_it_from_no_guest_that_had_it_before(lab_host):
    host = with_element(lab_host, hostdev_xml(VF, managed=True), running=True)
    host.claim(NIC)
    before = host.host_state()
    host.release(domain="web1", to_host=True)
    assert host.host_state() == before


def test_options_for_a_running_guest_wait_in_its_definition_and_leave_it_on_release(lab_host):
    host = with_element(lab_host, HOSTDEV.replace("mlx5_vfio_pci", "vfio-pci"), running=True)
    before = host.host_state()
    live = host.domain.xml[LIVE]
    host.claim({**NIC, "boot_order": 1})
    assert element(host).find("boot").get("order") == "1"
    assert host.domain.xml[LIVE] == live
    host.release()
    assert host.host_state() == before


def test_a_guest_that_was_started_after_the_claim_lets_the_device_go(lab_host):
    host = with_element(lab_host, hostdev_xml(VF, managed=True))
    before = element(host)
    host.claim(NIC)
    host.domain.create()
    host.release()
    assert parts(element(host)) == parts(before)
    assert element(host, LIVE) is None
    assert driver(host) == ("igbvf", None)


@pytest.mark.parametrize("attach", [("live",), ("config",), ()])
def test_where_it_is_to_be_attached_does_not_matter_to_what_stood_there(lab_host, attach):
    host = with_element(lab_host, HOSTDEV)
    before = host.host_state()
    host.claim(NIC, attach=attach)
    assert stood(host).keys() == {"config"}
    host.release()
    assert host.host_state() == before


def test_what_only_the_running_guest_had_enters_the_definition_as_it_is_there_and_leaves_that_alone(lab_host):
    host = with_element(lab_host, HOSTDEV.replace("mlx5_vfio_pci", "vfio-pci"), running=True)
    host.domain.xml[CONFIG] = domain_xml()
    before = host.host_state()
    host.claim(NIC)
    assert element(host).find("teaming").get("persistent") == "ua-backup0"
    assert element(host).find("alias").get("name") == "ua-vf0"
    host.release()
    assert host.host_state() == before


def test_an_alias_that_libvirt_made_up_enters_no_definition(lab_host):
    host = with_element(lab_host, hostdev_xml(VF, managed=True), running=True)
    host.domain.xml[CONFIG] = domain_xml()
    outcome = host.claim(NIC)
    (step,) = outcome.plans[0].steps
    assert "alias" not in step.after


def test_a_guest_gets_live_what_its_definition_has(lab_host):
    host = with_element(lab_host, INTERFACE)
    host.domain.xml[LIVE] = domain_xml()
    host.claim(NIC)
    live = parts(element(host, LIVE))
    assert driver(host)[0] == "vfio-pci"
    for tag in ("mac", "teaming", "rom", "alias", "vlan"):
        assert live[tag] == parts(element(host))[tag]
    host.release()
    assert element(host, LIVE) is None
    assert changed_parts(host, INTERFACE) == set()


def test_what_was_taken_out_by_hand_comes_back_as_it_stood(lab_host):
    host = with_element(lab_host, HOSTDEV)
    host.claim(NIC)
    host.domain.xml[CONFIG] = domain_xml()
    host.claim(NIC)
    assert changed_parts(host, HOSTDEV) == set()
    host.domain.xml[CONFIG] = domain_xml()
    host.release()
    assert changed_parts(host, HOSTDEV) == set()


def test_what_comes_back_yields_its_place_to_what_is_there_by_now(lab_host):
    host = with_element(lab_host, HOSTDEV)
    host.claim({**NIC, "guest_address": "0000:03:00.0"})
    disk = '<disk type="file"><address type="pci" domain="0x0000" bus="0x02" slot="0x00" function="0x0"/></disk>'
    host.domain.xml[CONFIG] = host.domain.xml[CONFIG].replace("</devices>", f"{disk}</devices>")
    host.release()
    found = ET.fromstring(host.domain.xml[CONFIG]).find("devices/hostdev")
    assert (found.find("teaming") is not None, found.find("address").get("bus")) == (True, "0x01")


def test_what_an_administrator_added_to_a_claimed_device_stays_when_an_option_changes(lab_host):
    host = lab_host
    host.kernel.load_module("vfio-pci")
    before = host.host_state()
    host.claim(NIC, attach=("config",))
    added = '<rom file="/srv/vf.rom"/><teaming type="transient" persistent="ua-backup0"/><alias name="ua-vf0"/>'
    host.domain.xml[CONFIG] = host.domain.xml[CONFIG].replace("</hostdev>", f"{added}</hostdev>")
    assert steps(host.claim(NIC, attach=("config",))) == []
    host.claim({**NIC, "boot_order": 1}, attach=("config",))
    host.claim({**NIC, "network": {"vlan": 5}}, attach=("config",))
    assert {"rom", "teaming", "alias", "vlan"} <= parts(element(host)).keys()
    assert "boot" not in parts(element(host))
    assert stood(host) == {}
    host.release()
    assert host.host_state() == before


def test_check_mode_says_what_would_be_and_changes_nothing(lab_host):
    host = with_element(lab_host, HOSTDEV)
    wanted = {**NIC, "boot_order": 1}
    whole = host.whole_state()
    told = host.claim(wanted, check_mode=True)
    assert host.whole_state() == whole
    done = host.claim(wanted)
    assert steps(told) == steps(done)
    foretold, became = (
        next(entry["after"] for entry in outcome.diff if "config" in entry["after_header"]) for outcome in (told, done)
    )
    assert '<teaming type="transient" persistent="ua-backup0" />' in foretold
    assert sorted(foretold.split()) == sorted(became.split())
    assert steps(host.release(check_mode=True)) == steps(host.release())


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_claim_that_fails_leaves_the_element_as_it_stood(lab_host, number):
    host = with_element(lab_host, HOSTDEV, running=False)
    host.domain.xml[LIVE] = domain_xml()
    before = host.host_state()
    host.libvirt.fail(number, LibvirtError("internal error: no"))
    with pytest.raises(HostdevError):
        host.claim({**NIC, "boot_order": 1})
    assert host.host_state() == before


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_claim_that_is_killed_is_undone_to_the_element_as_it_stood(lab_host, number):
    host = with_element(lab_host, HOSTDEV)
    host.domain.xml[LIVE] = domain_xml()
    before = host.host_state()
    host.libvirt.fail(number, Killed())
    with pytest.raises(Killed):
        host.claim({**NIC, "boot_order": 1})
    host.release(owner="nobody")
    assert host.host_state() == before


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_release_that_is_killed_is_finished_with_the_element_as_it_stood(lab_host, number):
    host = with_element(lab_host, HOSTDEV)
    host.domain.xml[LIVE] = domain_xml()
    before = host.host_state()
    host.claim({**NIC, "boot_order": 1})
    host.libvirt.fail(number, Killed())
    with pytest.raises(Killed):
        host.release()
    host.release(owner="nobody")
    assert host.host_state() == before
    assert host.record["claims"] == []


def test_an_undo_takes_nothing_from_a_guest_that_had_it_before(lab_host):
    host = with_element(lab_host, HOSTDEV.replace("mlx5_vfio_pci", "vfio-pci"), running=True)
    before = host.host_state()
    host.libvirt.fail(2, Killed())
    with pytest.raises(Killed):
        host.claim({**NIC, "boot_order": 1})
    host.release(owner="nobody")
    assert host.host_state() == before


def test_a_device_that_another_takes_the_place_of_stays_in_the_domain_as_it_stood(lab_host):
    host = with_element(lab_host, HOSTDEV)
    host.claim({"name": "it", "address": VF, "boot_order": 1})
    host.claim({"name": "it", "address": NVME}, replace_misfits=True)
    found = ET.fromstring(host.domain.xml[CONFIG]).findall("devices/hostdev")
    assert [part.find("source/address").get("bus") for part in found] == ["0x01", "0x04"]
    assert found[0].find("boot").get("order") == "2"


DISK = (
    '<disk type="nvme" device="disk"><driver name="qemu" type="raw"/><source type="pci" managed="yes" namespace="1">'
    '<address domain="0x0000" bus="0x04" slot="0x00" function="0x0"/></source><target dev="vda" bus="virtio"/>'
    '<address type="pci" domain="0x0000" bus="0x01" slot="0x00" function="0x0"/></disk>'
)


@pytest.mark.parametrize("options", [{}, {"boot_order": 1}, {"managed": False}, {"driver": "vfio-pci"}])
def test_a_disk_that_qemu_drives_stays_one(lab_host, options):
    host = with_element(lab_host, DISK)
    before = host.host_state()
    wanted = {"name": "disk", "address": NVME, **options}
    host.claim(wanted)
    assert element(host).find("target").get("dev") == "vda"
    assert element(host).find("driver").attrib == {"name": "qemu", "type": "raw"}
    assert steps(host.claim(wanted)) == []
    host.release()
    assert host.host_state() == before


def test_a_disk_that_qemu_drives_has_no_rom(lab_host):
    host = with_element(lab_host, DISK)
    before = host.host_state()
    with pytest.raises(HostdevError) as caught:
        host.claim({"name": "disk", "address": NVME, "rom": {"bar": False}})
    assert (caught.value.code, caught.value.subject) == ("invalid_request", f"rom of request disk, for {NVME}")
    assert host.host_state() == before


SLOT = [
    hostdev_xml(
        f"0000:03:00.{number}",
        managed=True,
        guest_address=f'<address type="pci" domain="0" bus="0x02" slot="0" function="{number}" multifunction="on"/>',
    )
    for number in range(3)
]
FUNCTIONS = [{"name": f"f{number}", "address": f"0000:03:00.{number}"} for number in range(3)]


@pytest.mark.parametrize("claimed", [(0, 1, 2), (1, 2), (2,)])
def test_functions_of_a_slot_stay_where_they_are_beside_those_that_nobody_claimed(lab_host, claimed):
    host = with_element(lab_host, "".join(SLOT))
    before = host.host_state()
    host.claim(*(FUNCTIONS[number] for number in claimed), whole_group=True)
    assert host.host_state()[1] == before[1]
    host.release()
    assert host.host_state() == before


def test_of_an_adopted_slot_function_0_is_released_alone_and_no_other_moves(lab_host):
    host = with_element(lab_host, "".join(SLOT))
    before = host.host_state()
    host.claim(*FUNCTIONS)
    host.release(domain="web1", names=("f0",))
    assert host.host_state()[1] == before[1]


def test_what_the_allow_list_says_of_managed_is_no_reason_to_change_what_stands_there(lab_host):
    host = with_element(lab_host, HOSTDEV)
    host.claim(NIC, allow_list=allow({"product_id": "10ca", "managed": False}))
    assert changed_parts(host, HOSTDEV) == set()


def test_a_stubborn_guest_and_its_definition(lab_host):
    """The guest keeps what was attached to it, the definition has what stood there."""
    host = with_element(lab_host, HOSTDEV.replace("mlx5_vfio_pci", "vfio-pci"))
    host.domain.xml[LIVE] = domain_xml()
    host.claim({**NIC, "boot_order": 1})
    host.libvirt.deaf, host.on_detach_timeout = True, "definition"
    host.release()
    assert changed_parts(host, HOSTDEV.replace("mlx5_vfio_pci", "vfio-pci")) == set()
    host.libvirt.deaf = False
    host.release()
    assert element(host, LIVE) is None
    assert changed_parts(host, HOSTDEV.replace("mlx5_vfio_pci", "vfio-pci")) == set()
    assert driver(host) == ("igbvf", None)
