# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two that want one place in the guest are refused before anything is done; what takes a root port is counted."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, domain_xml

VF1, VF2, NVME, EDU, E1000 = "0000:01:10.0", "0000:01:10.2", "0000:04:00.0", "0000:05:02.0", "0000:05:01.0"
AT = "0000:02:00.0"
A = {"name": "a", "address": VF1, "guest_address": AT}
B = {"name": "b", "address": VF2, "guest_address": AT}
SLOT = [{"name": f"f{number}", "address": f"0000:03:00.{number}"} for number in range(3)]
FILE = '<disk type="file"><address type="pci" domain="0" bus="{}" slot="{}" function="{}"/></disk>'


@pytest.fixture
def host(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    return lab_host


def refused(host, *requests, **keywords):
    """The error, the same in check mode and without, which changes nothing."""
    before, asked = host.host_state(), len(host.libvirt.log)
    host.kernel.log.clear()
    codes = set()
    for check_mode in (True, False):
        with pytest.raises(HostdevError) as caught:
            host.claim(*requests, check_mode=check_mode, **keywords)
        codes.add(caught.value.message)
    assert len(codes) == 1
    assert host.host_state() == before
    assert host.kernel.log == host.libvirt.log[asked:] == []
    return caught.value


def shut_off(host, *elements, extra=""):
    host.domain.xml[LIVE] = None
    host.domain.xml[CONFIG] = domain_xml(*elements, extra=extra)


@pytest.mark.parametrize("attach", [("config", "live"), ("config",), ("live",), ()])
def test_two_requests_of_one_claim(host, attach):
    error = refused(host, A, B, attach=attach)
    assert (error.code, error.found) == ("guest_address_taken", f"request a asks for it too, for {VF1}")
    assert error.subject == f"guest_address {AT} of request b, for {VF2} in domain web1"
    assert AT not in error.remedy


@pytest.mark.parametrize("attach", [("config", "live"), ("config",), ()])
def test_a_request_and_one_of_an_earlier_claim(host, attach):
    host.claim(A, attach=attach)
    assert refused(host, B, attach=attach).code == "guest_address_taken"


def test_a_request_and_one_of_an_earlier_claim_whose_device_was_taken_out_by_hand(host):
    host.claim(A)
    for place in (CONFIG, LIVE):
        host.domain.xml[place] = domain_xml()
    assert refused(host, B).code == "guest_address_taken"


def test_a_device_that_libvirt_chose_the_place_for_makes_way_once_it_was_taken_out_by_hand(host):
    host.claim({"name": "a", "address": VF1})
    for place in (CONFIG, LIVE):
        host.domain.xml[place] = domain_xml()
    host.claim({"name": "a", "address": VF1}, {**B, "guest_address": "0000:01:00.0"})
    places = {address: found.place for address, found in parse_layout(host.domain.xml[CONFIG]).assigned.items()}
    assert places == {VF1: "0000:02:00.0", VF2: "0000:01:00.0"}


@pytest.mark.parametrize("place", [CONFIG, LIVE])
def test_a_request_and_another_element_of_the_domain(host, place):
    host.domain.xml[place] = domain_xml(FILE.format(2, 0, 0))
    assert refused(host, A).found.endswith("is not free: bus 2 has disk at 0000:02:00.0")


def test_a_request_and_another_function_of_that_slot(host):
    shut_off(host, FILE.format(0, 31, 2))
    assert refused(host, {**A, "guest_address": "0000:00:1f.0"}).code == "guest_address_taken"


def test_a_request_and_what_the_domain_has_of_another_device_of_the_host(host):
    at = '<address type="pci" domain="0" bus="2" slot="0" function="0"/>'
    shut_off(host, hostdev_xml(NVME, managed=True, guest_address=at))
    assert refused(host, A).found == f"in the definition it is not free: bus 2 has {NVME} at {AT}"


def test_a_request_and_a_slot_of_several_functions(host):
    error = refused(host, {**SLOT[0], "guest_address": AT}, *SLOT[1:], A, attach=("config",))
    assert error.code == "guest_address_taken"


def test_functions_of_one_slot_can_not_each_have_an_address(host):
    wanted = [{**SLOT[0], "guest_address": AT}, {**SLOT[1], "guest_address": "0000:03:00.0"}, SLOT[2]]
    error = refused(host, *wanted, attach=("config",))
    assert (error.code, error.remedy) == ("invalid_request", "give guest_address for 0000:03:00.0 alone")


@pytest.mark.parametrize("at", ["0000:02:01.0", "0000:00:00.0", "0000:09:01.0"])
def test_a_slot_that_there_is_none_of(host, at):
    host.domain.xml[LIVE] = None
    assert refused(host, {**A, "guest_address": at}).code == "guest_address_taken"


@pytest.mark.parametrize(("machine", "at"), [("pcie-root", "0000:09:00.0"), ("pci-root", "0000:01:00.0")])
def test_a_bridge_that_libvirt_would_add_has_no_first_slot(host, machine, at):
    host.domain.xml[LIVE] = None
    host.domain.xml[CONFIG] = domain_xml(machine=machine, ports=0)
    error = refused(host, {"name": "c", "address": EDU, "guest_address": at}, whole_group=True)
    assert "libvirt adds a bridge as bus" in error.found


def test_an_address_that_the_device_has_already_among_others_of_its_slot(host):
    at = '<address type="pci" domain="0" bus="2" slot="0" function="0" multifunction="on"/>'
    other = FILE.format(2, 0, 1)
    shut_off(host, hostdev_xml(VF1, managed=True, guest_address=at), other)
    before = host.host_state()[1]
    host.claim(A)
    assert host.host_state()[1] == before


@pytest.mark.parametrize(
    ("wanted", "ports"),
    [
        ([EDU], 6),
        ([EDU, E1000], 6),
        ([EDU, VF1], 6),
        ([EDU], 1),
        ([VF1, VF2], 6),
    ],
)
def test_so_many_ports_are_free_in_the_end_and_a_second_run_changes_nothing(host, wanted, ports):
    requests = [{"name": address, "address": address} for address in wanted]
    keywords = {"attach": ("config",), "whole_group": True, "free_root_ports": ports}
    host.claim(*requests, **keywords)
    assert len(parse_layout(host.domain.xml[CONFIG]).free_root_ports) >= ports
    again = host.claim(*requests, **keywords)
    assert (again.changed, [str(step) for plan in again.plans for step in plan.steps]) == (False, [])


def test_a_port_that_an_address_asks_for_may_be_one_of_those_that_are_added(host):
    wish = {"name": "a", "address": VF1, "guest_address": "0000:05:00.0"}
    host.claim(wish, attach=("config",), free_root_ports=6)
    assert len(parse_layout(host.domain.xml[CONFIG]).free_root_ports) >= 6
    assert not host.claim(wish, attach=("config",), free_root_ports=6).changed


def test_a_bridge_that_is_there_takes_the_conventional_device(host):
    bridge = (
        '<controller type="pci" index="9" model="pcie-to-pci-bridge">'
        '<address type="pci" domain="0" bus="1" slot="0" function="0"/></controller>'
    )
    host.domain.xml[LIVE] = None
    host.domain.xml[CONFIG] = domain_xml(extra=bridge)
    wish = {"name": "c", "address": EDU}
    outcome = host.claim(wish, attach=("config",), whole_group=True, free_root_ports=3)
    assert "root ports" not in " ".join(str(step) for plan in outcome.plans for step in plan.steps)
    (found,) = ET.fromstring(host.domain.xml[CONFIG]).findall("devices/hostdev")
    assert found.find("address").get("bus") == "0x09"


def test_a_device_that_leaves_the_root_complex_frees_no_port(host):
    shut_off(host)
    keywords = {"attach": ("config",), "free_root_ports": 4, "replace_misfits": True}
    host.claim({"name": "it", "address": VF1, "guest_address": "0000:00:10.0"}, attach=("config",))
    host.claim({"name": "it", "address": VF2}, **keywords)
    assert len(parse_layout(host.domain.xml[CONFIG]).free_root_ports) == 4
    assert not host.claim({"name": "it", "address": VF2}, **keywords).changed
