# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All claims of a host in one run: served together or not at all, and what the data no longer names goes back."""

from __future__ import annotations

import copy
import errno

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import (
    DriverStep,
    VfSettingsStep,
    of_kind,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import error
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    LIVE,
    OTHER_UUID,
    UUID,
    LibvirtError,
    domain_xml,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import USB_CONTROLLER, plug, ready, usb
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import (
    DATA,
    DISK,
    NIC,
    NVME,
    SERVED,
    VF1,
    VF2,
    VF3,
    at,
    held,
    labels,
    refused,
)


@pytest.fixture
def host(two_domains):
    return two_domains


def steps(outcome, kind):
    return [step for plan in outcome.plans for step in of_kind(plan.steps, kind)]


def in_guest(domain, address):
    bus, slot, function = address[5:7], address[8:10], address[11]
    source = f'bus="0x{bus}" slot="0x{slot}" function="0x{function}"'
    return {place for place in (CONFIG, LIVE) if source in (domain.xml[place] or "").replace("'", '"')}


def test_all_owners_get_what_they_ask_for_and_a_second_run_changes_nothing(host):
    outcome = host.passthrough(DATA)
    assert outcome.changed
    assert held(host) == SERVED
    assert in_guest(host.domain, VF1) == in_guest(host.db, VF2) == {CONFIG, LIVE}
    assert {host.kernel.driver(address) for address in (VF1, VF2, VF3, NVME)} == {"vfio-pci"}
    assert host.record["journal"] is None
    before = host.kept_state()
    again = host.passthrough(DATA, purge=True)
    assert not again.changed
    assert (again.diff, [plan.steps for plan in again.plans]) == ([], [(), (), ()])
    assert host.kept_state() == before


def test_check_mode_tells_what_a_run_does_and_does_nothing(host):
    before = host.whole_state()
    told = host.passthrough(DATA, check_mode=True)
    assert host.whole_state() == before
    done = host.passthrough(DATA)
    assert [plan.steps for plan in told.plans] == [plan.steps for plan in done.plans]
    headers = [entry["before_header"] for entry in told.diff]
    assert headers == [entry["before_header"] for entry in done.diff]
    assert headers == [
        "drivers",
        *(f"domain {name} ({place})" for name in ("web1", "db1") for place in ("config", "live")),
    ]


def test_the_diff_has_the_drivers_of_all_owners_and_what_each_domain_came_to_have(host):
    foretold = host.passthrough(DATA, check_mode=True).diff
    done = host.passthrough(DATA).diff
    assert done[0] == foretold[0]
    assert {line.split(" ")[0] for line in done[0]["after"].splitlines()} == {VF1, VF2, VF3, NVME}
    # Where the guest has it is chosen by libvirt, so that nobody can foretell it.
    assert len(foretold) == len(done) == 5
    for told, entry in zip(foretold[1:], done[1:]):
        taken = 2 if "web1" in entry["after_header"] else 1
        assert entry["before"] == told["before"]
        assert entry["after"].count('type="pci"') - told["after"].count('type="pci"') == taken


def test_a_claim_alone_makes_the_same_as_one_among_all(host):
    host.claim(NIC)
    alone = host.host_state()
    host.release()
    host.passthrough({"web1": [NIC]})
    assert host.host_state() == alone


def test_a_purge_gives_back_what_the_data_named_and_no_longer_does(host):
    before = host.domains_state()
    host.passthrough(DATA)
    stale = host.passthrough({"web1": [NIC]})
    assert not stale.changed
    assert labels(stale.stale) == [("db1", "nic"), ("dpdk0", "nic"), ("web1", "disk")]
    assert host.passthrough({"web1": [NIC]}, purge=True).stale == []
    assert held(host) == {"web1": {VF1: "nic"}}
    assert host.kernel.driver(NVME) == "nvme"
    host.passthrough({}, purge=True)
    assert held(host) == {}
    assert host.domains_state() == before
    assert {host.kernel.driver(address) for address in (VF1, VF2, VF3)} == {"igbvf"}


def test_a_purge_leaves_what_others_claimed_and_tells_it(host):
    host.claim(NIC)
    host.passthrough({"web1": [DISK], "db1": [NIC]})
    host.claim(NIC, owner="by hand")
    assert labels(host.passthrough({"web1": [DISK], "db1": [NIC]}).undeclared) == [("by hand", "nic"), ("web1", "nic")]
    assert labels(host.passthrough({"web1": [NIC]}).undeclared) == [("by hand", "nic")]
    outcome = host.passthrough({}, purge=True)
    assert (labels(outcome.undeclared), outcome.stale) == ([("by hand", "nic"), ("web1", "nic")], [])
    assert held(host) == {"web1": {VF1: "nic"}, "by hand": {VF3: "nic"}}


def test_what_others_claimed_stays_also_where_the_data_named_it_since(host):
    host.claim(NIC)
    assert not host.passthrough({"web1": [NIC]}).changed
    host.passthrough({"web1": [NIC, DISK]})
    host.passthrough({}, purge=True)
    assert held(host) == {"web1": {VF1: "nic"}}


def test_what_the_data_made_is_its_own_whoever_claims_it_once_more(host):
    host.passthrough({"web1": [NIC]})
    host.claim(NIC)
    host.passthrough({}, purge=True)
    assert held(host) == {}


def test_a_device_goes_from_one_owner_to_another_and_stays_bound_on_the_way(host):
    host.passthrough({"web1": [at(0)]})
    host.kernel.log.clear()
    outcome = host.passthrough({"db1": [at(0)]}, purge=True)
    assert held(host) == {"db1": {VF1: "nic"}}
    assert (in_guest(host.domain, VF1), in_guest(host.db, VF1)) == (set(), {CONFIG, LIVE})
    assert [line for line in host.kernel.log if "bind" in line] == []
    assert steps(outcome, DriverStep) == []
    host.passthrough({}, purge=True)
    assert host.kernel.driver(VF1) == "igbvf"


def test_a_device_that_gets_another_vfio_driver_on_the_way_gets_that_at_once(host):
    host.kernel.modules.add("nvme-vfio-pci")
    host.passthrough({"spdk": [DISK]})
    outcome = host.passthrough({"web1": [{**DISK, "driver": "nvme-vfio-pci"}]}, purge=True)
    (step,) = steps(outcome, DriverStep)
    assert (step.before.driver, step.after.driver) == ("vfio-pci", "nvme-vfio-pci")
    assert held(host) == {"web1": {NVME: "disk"}}
    host.passthrough({}, purge=True)
    assert host.kernel.driver(NVME) == "nvme"


@pytest.mark.parametrize(
    ("settings", "changed", "written"),
    [
        ({"trust": True}, [], []),
        (
            {"trust": True, "spoof_check": False},
            [({"spoof_check": True}, {"spoof_check": False})],
            ["spoofchk off"],
        ),
        (
            {"spoof_check": False},
            [({"trust": True, "spoof_check": True}, {"trust": False, "spoof_check": False})],
            ["spoofchk off", "trust off"],
        ),
        ({}, [({"trust": True}, {"trust": False})], ["trust off"]),
    ],
)
def test_a_vf_that_goes_to_another_owner_keeps_the_settings_that_are_asked_for_again(host, settings, changed, written):
    """And no others: what the first one had of its own goes back, and each knows what was there before."""
    before = copy.deepcopy(host.links.settings)
    host.passthrough({"web1": [{**at(0), "network": {"trust": True}}]})
    host.links.log.clear()
    network = {"network": settings} if settings else {}
    outcome = host.passthrough({"db1": [{**at(0), **network}]}, purge=True)
    assert [(step.before, step.after) for step in steps(outcome, VfSettingsStep)] == changed
    assert [line.partition(" vf 0 ")[2] for line in host.links.log] == written
    (device,) = host.record["claims"][0]["devices"]
    assert device.get("vf_settings", {}) == {name: {"trust": False, "spoof_check": True}[name] for name in settings}
    host.passthrough({}, purge=True)
    assert host.links.settings == before


def test_a_pf_is_asked_once_for_its_vfs_settings_whoever_has_them(host):
    def trusted(number, trust=True):
        return [{**at(number), "network": {"trust": trust}}]

    host.passthrough({"web1": trusted(0), "db1": trusted(1), "dpdk0": [at(2)]})
    host.links.readings = 0
    assert not host.passthrough({"web1": trusted(0), "db1": trusted(1)}).changed
    assert host.links.readings == 1
    told = host.passthrough({"web1": trusted(0, False), "db1": trusted(1, False)}, check_mode=True)
    assert len([step for plan in told.plans for step in plan.steps if step.kind == "vf_settings"]) == 2


def test_two_owners_change_devices_with_each_other(host):
    host.passthrough({"web1": [{**at(0), "name": "a"}], "db1": [{**at(1), "name": "b"}]})
    swapped = {"web1": [{**at(1), "name": "b"}], "db1": [{**at(0), "name": "a"}]}
    host.passthrough(swapped, purge=True)
    assert held(host) == {"web1": {VF2: "b"}, "db1": {VF1: "a"}}
    assert (in_guest(host.domain, VF2), in_guest(host.db, VF1)) == ({CONFIG, LIVE}, {CONFIG, LIVE})
    assert not host.passthrough(swapped, purge=True).changed


def test_a_request_that_names_another_device_by_now_needs_leave_to_change_it(host):
    host.passthrough({"web1": [at(0)], "db1": [at(1)]})
    swapped = {"db1": [at(0)], "web1": [at(1)]}
    error = refused(host.passthrough, swapped)
    assert (error.code, error.subject.split(":")[0]) == ("held_device_mismatch", "claims[0] (db1)")
    host.passthrough(swapped, replace_misfits=True)
    assert held(host) == {"db1": {VF1: "nic"}, "web1": {VF2: "nic"}}
    assert (in_guest(host.db, VF1), in_guest(host.domain, VF2)) == ({CONFIG, LIVE}, {CONFIG, LIVE})
    host.passthrough({}, purge=True)
    assert held(host) == {}


def test_two_owners_change_usb_devices_with_each_other_under_the_same_names(host):
    plug(host, usb("3-1", 2), usb("3-2", 3, serial="STICK2"))
    ready(host)
    xml = domain_xml(name="db1", uuid=OTHER_UUID, extra=USB_CONTROLLER)
    host.db.xml = {CONFIG: xml, LIVE: xml}

    def sticks(web1, db1):
        return {
            name: [{"name": "stick", "usb": {"vendor_id": "0951", "product_id": "1666", "serial": serial}}]
            for name, serial in (("web1", web1), ("db1", db1))
        }

    host.passthrough(sticks("STICK1", "STICK2"))
    swapped = sticks("STICK2", "STICK1")
    assert refused(host.passthrough, swapped).code == "held_device_mismatch"
    host.passthrough(swapped, replace_misfits=True)
    assert {
        claim["owner"]["label"]: (claim["node_devices"][0]["name"], claim["declared"])
        for claim in host.record["claims"]
    } == {"web1": ("usb_3_2", ["stick"]), "db1": ("usb_3_1", ["stick"])}
    assert not host.passthrough(swapped, replace_misfits=True).changed


def test_what_a_smaller_count_leaves_goes_to_an_owner_that_is_named_first(host):
    host.passthrough({"db1": [NIC], "web1": [{**NIC, "count": 2}]})
    asked = {"db1": [{**NIC, "count": 2}], "web1": [{**NIC, "count": 1}]}
    outcome = host.passthrough(asked)
    assert {owner: len(devices) for owner, devices in held(host).items()} == {"db1": 2, "web1": 1}
    ((stays, _request),) = held(host)["web1"].items()
    assert stays not in {step.address for plan in outcome.plans for step in plan.steps}
    assert not host.passthrough(asked).changed


@pytest.mark.parametrize("number", range(1, 7))
def test_what_fails_for_one_owner_is_undone_for_all(host, number):
    host.passthrough({"web1": [at(0)], "dpdk0": [DISK]})
    before, claims = host.host_state(), held(host)
    host.libvirt.fail(number, LibvirtError("no"))
    wanted = {"web1": [{**at(1), "name": "other"}], "db1": [at(0)]}
    error = refused(host.passthrough, wanted, purge=True)
    assert error.subject.split(":")[0] in ("claims[0] (web1)", "claims[1] (db1)")
    assert host.host_state() == before
    assert held(host) == claims
    assert host.record["journal"] is None


@pytest.mark.parametrize("number", range(1, 7))
def test_a_driver_that_does_not_come_for_one_owner_is_no_change_for_all(host, number):
    host.claim(NIC, owner="loads the driver")
    before, claims = host.host_state(), held(host)
    host.kernel.fail(number, error(errno.EIO, "write"))
    failed = refused(host.passthrough, {"web1": [at(1)], "db1": [at(2)]})
    assert failed.subject.split(":")[0] in ("claims[0] (web1)", "claims[1] (db1)")
    assert host.host_state() == before
    assert (held(host), host.record["journal"]) == (claims, None)


@pytest.mark.parametrize("data", [{"web1": [at(1) | {"name": "b"}]}, {"web1": [at(1) | {"name": "b"}, DISK]}])
def test_what_a_guest_does_not_let_go_stays_its_owners(host, data):
    host.passthrough({"web1": [at(0), {**at(1), "name": "b"}]})
    host.libvirt.deaf, host.on_detach_timeout = True, "definition"
    outcome = host.passthrough(data, purge=True)
    assert any("stays claimed" in warning for warning in outcome.warnings)
    assert held(host)["web1"][VF1] == "nic"
    assert host.record["journal"] is None
    host.domain.destroy()
    host.passthrough({}, purge=True)
    assert held(host) == {}
    assert {host.kernel.driver(address) for address in (VF1, VF2)} == {"igbvf"}


def test_what_a_guest_does_not_let_go_is_not_handed_over(host):
    host.passthrough({"web1": [at(0)]})
    before = host.host_state()
    host.libvirt.deaf, host.on_detach_timeout = True, "definition"
    error = refused(host.passthrough, {"db1": [at(0)]}, purge=True)
    assert (error.code, error.subject) == ("device_in_use", f"domain web1 ({UUID}): {VF1}")
    assert "did not let it go" in error.found
    assert (host.host_state(), held(host)) == (before, {"web1": {VF1: "nic"}})


def test_what_only_its_driver_tells_of_a_device_goes_with_it(host):
    host.passthrough({"web1": [DISK]})
    host.passthrough({"db1": [{"name": "disk", "specs": [{"serial": "LABNVME0"}]}]}, purge=True)
    (claim,) = host.record["claims"]
    assert claim["devices"][0]["identity"]["serial"] == "LABNVME0"


def test_what_can_not_be_undone_is_told_with_the_commands_for_all_owners_and_done_by_the_next_run(host):
    host.passthrough({"web1": [at(0)]})
    before = host.host_state()
    for number in range(3, 40):  # after web1 let it go
        host.libvirt.fail(number, LibvirtError("no"))
    error = refused(host.passthrough, {"db1": [at(0)]}, purge=True)
    assert [command for command in error.details["commands"] if "attach-device" in command and UUID in command]
    host.libvirt._failures.clear()
    host.passthrough({"web1": [at(0)]})
    assert (host.host_state(), held(host)) == (before, {"web1": {VF1: "nic"}})


def test_what_is_warned_of_for_one_owner_is_told(host):
    outcome = host.passthrough({"spdk": [DISK]}, members=frozenset({VF1}))
    told = f"group_members: {VF1} is no group mate of what is claimed, and stays as it is"
    assert [warning for warning in outcome.warnings if "group_members" in warning] == [told]
