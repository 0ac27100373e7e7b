# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.cards.identity import identity_mismatch
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, Terms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.choice import Asked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.give_back import give_back
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.select import select
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    DB,
    DPDK,
    PERMIT_ALL,
    VFIO,
    WEB,
    allow,
    claim,
    device,
    holding,
    inventory,
    pf,
    requests,
    use,
    vf,
)

A, B, C, D = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "0000:04:00.0"
G0, G1, G2 = "0000:05:00.0", "0000:05:00.1", "0000:05:00.2"
PF, VF1, VF2 = "0000:06:00.0", "0000:06:10.0", "0000:06:10.2"
TASK = f"`kvm.hostdev.pci_sriov` with `address: {PF}, number: NUMBER"

NICS = {"name": "nic", "specs": [{"class": "02"}]}


def run(
    devices, *wanted, tracker=None, owner=WEB, allow_list=PERMIT_ALL, attach=("config", "live"), host=None, **terms
):
    wish = ClaimWish(None, None, requests(*wanted), allow_list, Terms(**terms), attach)
    return select(Snapshot(host or inventory(*devices), tracker or Tracker()), Asked(wish, owner))


def refused(*arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        run(*arguments, **keywords)
    return caught.value


def served(selected):
    return {address: held.request for address, held in selected.holdings.items()}


# Taking.


def test_the_lowest_free_address_is_taken():
    assert served(run([device(C), device("10000:00:00.0"), device(B)], NICS)) == {B: "nic"}


def test_count_takes_as_many_lowest_first():
    assert served(run([device(D), device(A), device(C)], {**NICS, "count": 2})) == {A: "nic", C: "nic"}


def test_what_is_taken_is_recorded_with_identity_original_driver_and_places():
    selected = run([device(A, serial="s1")], NICS)
    assert selected.as_dict()["devices"] == [
        {
            "address": "0000:01:00.0",
            "request": "nic",
            "role": "requested",
            "identity": {
                "vendor_id": "8086",
                "product_id": "10d3",
                "subsystem_vendor_id": "0000",
                "subsystem_product_id": "0000",
                "class_id": "020000",
                "serial": "s1",
                "stable_path": "stable-0000:01:00.0",
            },
            "original": {"driver": "e1000e", "driver_override": None},
            "adopted": False,
            "attach": ["config", "live"],
        }
    ]
    assert selected.as_dict()["requests"] == [{"name": "nic", "count": 1, "specs": [{"class": "02"}]}]


def test_a_device_that_is_with_vfio_already_is_adopted():
    (held,) = run([device(A, driver="vfio-pci")], NICS).holdings.values()
    assert held.adopted
    assert held.original == VFIO


def test_so_is_one_that_is_with_vfio_and_pinned_to_nothing():
    """As vfio-pci.ids= on the kernel's command line has it."""
    (held,) = run([device(A, driver="vfio-pci", driver_override=None)], NICS).holdings.values()
    assert held.adopted
    assert held.original == Binding("vfio-pci", None)


@pytest.mark.parametrize(
    ("tags", "managed", "one_time_use"),
    [
        ({}, None, False),
        ({"managed": True, "one_time_use": True}, True, True),
        ({"managed": False, "one_time_use": False}, False, False),
    ],
)
def test_what_the_allow_list_says_of_a_device_is_held_with_it(tags, managed, one_time_use):
    permitted = allow({"product_id": "10d3", **tags})
    (held,) = run([device(A)], NICS, allow_list=permitted).holdings.values()
    assert (held.managed, held.one_time_use) == (managed, one_time_use)


def test_a_device_that_the_owners_domain_names_already_is_preferred():
    host = inventory(device(A), device(B), domain_uses={B: [use(WEB)]})
    assert served(run([], NICS, host=host)) == {B: "nic"}


def test_one_of_which_that_domain_has_a_mediated_device_is_not():
    host = inventory(device(A), device(B), domain_uses={B: [use(WEB, via="mdev")]})
    assert served(run([], NICS, host=host, allow=frozenset({"in_domain_xml"}))) == {A: "nic"}


def test_a_device_alone_in_its_group_is_preferred_to_one_with_mates():
    devices = [device("0000:00:01.0"), device("0000:00:02.0"), device(A)]
    assert served(run(devices, NICS)) == {A: "nic"}


def test_a_device_that_another_owner_holds_is_passed_over():
    tracker = Tracker([claim(DB, holding(A))])
    assert served(run([device(A, driver="vfio-pci"), device(B)], NICS, tracker=tracker)) == {B: "nic"}


def test_a_device_that_is_blocked_is_passed_over():
    host = inventory(device(A), device(B), host_uses=[HostUse("default_route", A, "r")])
    assert served(run([], NICS, host=host)) == {B: "nic"}
    assert served(run([], NICS, host=host, allow=frozenset({"default_route"}))) == {A: "nic"}


def test_the_allow_list_limits_what_is_taken():
    devices = [device(A), device(B, vendor_id="15b3")]
    assert served(run(devices, NICS, allow_list=allow({"vendor_id": "15b3"}))) == {B: "nic"}


def test_two_requests_do_not_get_the_same_device():
    selected = run([device(A), device(B)], NICS, {"name": "other", "specs": [{"vendor_id": "8086"}]})
    assert served(selected) == {A: "nic", B: "other"}


def test_a_free_owner_claims_as_a_domain_does():
    selected = run([device(A)], NICS, owner=DPDK, attach=())
    assert (selected.owner, served(selected)) == (DPDK, {A: "nic"})
    assert selected.holdings[A].attach == ()


# PF and VF.


def sriov():
    """A PF that does not show its VFs (yet), so that nothing but the VFs themselves tells that it has some."""
    return [pf(PF), vf(VF1, PF), vf(VF2, PF)]


def test_vfs_are_taken_and_their_pf_is_left():
    assert served(run(sriov(), {**NICS, "count": 2})) == {VF1: "nic", VF2: "nic"}


def test_a_vf_that_is_not_said_to_be_a_smartnics_is_the_hosts():
    devices = [pf(PF, VF1, serial="s1"), vf(VF1, PF)]
    hosts = {"name": "nic", "specs": [{"product_id": "10ca", "remote_managed": False}]}
    assert served(run(devices, hosts)) == {VF1: "nic"}
    managed = allow({"product_id": "10ca", "remote_managed": True})
    assert refused(devices, hosts, allow_list=managed).code == "not_enough_devices"


def test_a_pf_is_taken_when_it_is_asked_for():
    assert served(run([pf(PF)], {"name": "nic", "specs": [{"device_type": "type-PF"}]})) == {PF: "nic"}
    assert served(run([pf(PF)], {"name": "nic", "address": PF})) == {PF: "nic"}
    assert refused([pf(PF)], NICS).code == "not_enough_devices"


def test_a_pf_with_vfs_is_refused():
    error = refused([pf(PF, VF1), vf(VF1, PF)], {"name": "nic", "address": PF})
    assert (error.code, error.found) == ("device_blocked", "pf_has_vfs (0000:06:00.0: 1 VFs: 0000:06:10.0)")


def test_one_claim_does_not_take_a_pf_and_its_vf_for_one_request():
    wanted = {"name": "nic", "count": 2, "specs": [{"device_type": "type-PF"}, {"device_type": "type-VF"}]}
    assert served(run([*sriov(), pf(A)], wanted)) == {A: "nic", PF: "nic"}
    error = refused(sriov()[:2], wanted)
    assert (error.code, error.found) == ("not_enough_devices", "1 free of 2 still wanted; no other one fits")


def test_one_claim_does_not_take_a_pf_and_its_vf_for_two_requests():
    error = refused(sriov(), {"name": "pf", "address": PF}, {"name": "vf", "address": VF1})
    assert error.code == "device_blocked"
    assert error.found == "its PF 0000:06:00.0 is held by the same owner"


def test_a_vf_of_a_held_pf_and_the_pf_of_a_held_vf_are_refused():
    with_pf = Tracker([claim(DB, holding(PF))])
    with_vf = Tracker([claim(DB, holding(VF2))])
    error = refused(sriov(), {"name": "vf", "address": VF1}, tracker=with_pf)
    assert error.found == f"its PF 0000:06:00.0 is held by domain db1 ({DB.id})"
    error = refused([pf(PF, VF1, VF2), *sriov()[1:]], {"name": "pf", "address": PF}, tracker=with_vf)
    assert error.found == f"its VF 0000:06:10.2 is held by domain db1 ({DB.id})"
    assert served(run(sriov(), {"name": "vf", "address": VF1}, tracker=with_vf)) == {VF1: "vf"}


# Keeping and giving back.


def test_a_second_run_keeps_what_is_held_also_when_lower_addresses_became_free():
    tracker = Tracker([claim(WEB, holding(C))])
    selected = run([device(A), device(C, driver="vfio-pci")], NICS, tracker=tracker)
    assert selected.holdings == {C: holding(C)}


def test_a_larger_count_adds_and_a_smaller_one_gives_back_the_highest():
    tracker = Tracker([claim(WEB, holding(B), holding(C))])
    devices = [device(A), device(B, driver="vfio-pci"), device(C, driver="vfio-pci")]
    assert served(run(devices, {**NICS, "count": 3}, tracker=tracker)) == {A: "nic", B: "nic", C: "nic"}
    assert served(run(devices, {**NICS, "count": 1}, tracker=tracker)) == {B: "nic"}


def test_what_had_to_be_left_with_its_guest_is_the_first_to_be_given_back():
    left, other = holding(A, attach=("live",)), holding(B)
    selected = run([device(A), device(B)], NICS, tracker=Tracker([claim(WEB, left, other)]))
    assert served(selected) == {B: "nic"}


def test_requests_that_are_not_named_stay_as_they_are():
    tracker = Tracker([claim(WEB, holding(A, "first", attach=("config",)))])
    devices = [device(A, driver="vfio-pci"), device(B)]
    selected = run(devices, {**NICS, "name": "second"}, tracker=tracker)
    assert served(selected) == {A: "first", B: "second"}
    assert sorted(selected.requests) == ["first", "second"]
    assert selected.holdings[A].attach == ("config",)
    assert selected.holdings[B].attach == ("config", "live")


def test_the_places_to_attach_to_follow_the_latest_run():
    tracker = Tracker([claim(WEB, holding(A))])
    selected = run([device(A, driver="vfio-pci")], NICS, tracker=tracker, attach=("config",))
    assert selected.holdings[A].attach == ("config",)


@pytest.mark.parametrize(
    ("devices", "allow_list", "found"),
    [
        ([device(B)], PERMIT_ALL, "it is no longer on the host"),
        ([device(A, product_id="1533"), device(B)], PERMIT_ALL, "product_id is 1533, claimed was 10d3"),
        (
            [device(A, driver="vfio-pci"), device(B)],
            allow({"address": B}),
            "it does not fit the request, or the device_spec does not permit it",
        ),
    ],
)
def test_a_held_device_that_no_longer_fits_fails_the_run_or_is_replaced(devices, allow_list, found):
    tracker = Tracker([claim(WEB, holding(A))])
    wanted = {"name": "nic", "specs": [{"product_id": "10d3"}]}
    error = refused(devices, wanted, tracker=tracker, allow_list=allow_list)
    assert (error.code, error.found) == ("held_device_mismatch", found)
    assert error.subject == f"0000:01:00.0, held by domain web1 ({WEB.id}) for request nic"
    assert error.remedy == "set on_mismatch to replace, or release the request first"
    replaced = run(devices, wanted, tracker=tracker, allow_list=allow_list, replace_misfits=True)
    assert served(replaced) == {B: "nic"}


@pytest.mark.parametrize(
    ("pfs", "found", "remedy"),
    [
        (
            [pf(PF)],
            f"it is no longer on the host: the VFs were not made again (of {PF}, which has 0 of 7)",
            f"VFs 0 of 7 on {PF}: make as many as there were ({TASK}`); have the host do so at each boot",
        ),
        (
            [pf(PF, VF2), vf(VF2, PF)],
            f"it is no longer on the host: the VFs were not made again (of {PF}, which has 1 of 7)",
            f"VFs 1 of 7 on {PF}: make as many as there were ({TASK}, take_over: true`); "
            "have the host do so at each boot",
        ),
        (
            [pf(PF, driver="vfio-pci")],
            f"it is no longer on the host: the VFs were not made again (of {PF}, which has 0 of 7)",
            f"VFs 0 of 7 on {PF}: once it is with the driver that makes VFs, make as many as there were "
            f"({TASK}`); have the host do so at each boot",
        ),
    ],
)
def test_a_held_vf_that_was_not_made_again_is_to_be_made_not_replaced(pfs, found, remedy):
    held = holding(VF1, identity=vf(VF1, PF).identity)
    tracker = Tracker([claim(WEB, held)])
    error = refused([*pfs, device(B)], NICS, tracker=tracker)
    assert (error.code, error.found, error.remedy) == ("held_device_mismatch", found, remedy)
    assert served(run([*pfs, device(B)], NICS, tracker=tracker, replace_misfits=True))


def test_vfs_that_somebody_has_are_not_unmade_for_one_that_is_gone():
    tracker = Tracker([claim(WEB, holding(VF1, identity=vf(VF1, PF).identity)), claim(DPDK, holding(VF2))])
    error = refused([pf(PF, VF2), vf(VF2, PF, driver="vfio-pci")], NICS, tracker=tracker)
    assert error.remedy.startswith(f"VFs 1 of 7 on {PF}: once nobody has it or one of its VFs, make as many")


@pytest.mark.parametrize(
    ("pfs", "identity"),
    [
        ([pf(PF, VF1, total_vfs=1), vf(VF1, PF)], {}),
        ([pf(PF)], {"serial": "s1"}),
        ([pf(PF)], {"vendor_id": "15b3"}),
        ([pf(PF)], {"stable_path": "elsewhere-00_10.0"}),
        ([pf(PF, vf_product_id="1520")], {}),
        ([pf("0000:06:11.0")], {}),
        ([device(B)], {}),
    ],
)
def test_what_was_no_vf_of_a_pf_with_room_is_just_gone(pfs, identity):
    held = holding(D, identity={**vf("0000:06:10.4", PF).identity, **identity})
    tracker = Tracker([claim(WEB, replace(held, address="0000:06:10.4"))])
    error = refused(pfs, NICS, tracker=tracker)
    assert (error.found, error.remedy) == (
        "it is no longer on the host",
        "set on_mismatch to replace, or release the request first",
    )


def test_a_held_device_that_moved_is_followed_by_a_reconcile():
    was = device(A, serial="s1")
    tracker = Tracker([claim(WEB, holding(A, identity=was.identity))])
    error = refused([device(B, serial="s1")], NICS, tracker=tracker)
    assert error.found == f"it moved to {B}"
    assert error.remedy.startswith(
        "run the playbook kvm.hostdev.reconcile: record and definition follow it; or set on_"
    )


def test_a_serial_counts_only_where_both_are_known():
    held = holding(A, identity=device(A, serial="s1").identity)
    assert identity_mismatch(device(A, serial=None), held) is None
    assert identity_mismatch(device(A, serial="s1"), held) is None
    assert identity_mismatch(device(A, serial="s2"), held) == "serial is s2, claimed was s1"


def test_a_disk_of_the_same_model_is_told_by_its_number_of_pci_express():
    held = holding(A, identity=device(A, serial="s1", pcie_serial="00-01").identity)
    assert identity_mismatch(device(A, driver="vfio-pci", pcie_serial="00-01"), held) is None
    swapped = device(A, driver="vfio-pci", pcie_serial="00-02")
    assert identity_mismatch(swapped, held) == "pcie_serial is 00-02, claimed was 00-01"


def test_a_card_that_moved_to_another_path_is_still_the_same():
    assert identity_mismatch(device(A, stable_path="elsewhere"), holding(A)) is None


def test_a_device_of_another_request_that_was_pulled_out_does_not_stop_a_run():
    tracker = Tracker([claim(WEB, holding(A, "first"))])
    selected = run([device(B)], {**NICS, "name": "second"}, tracker=tracker)
    assert served(selected) == {A: "first", B: "second"}
    assert selected.holdings[A] == holding(A, "first")


def test_a_device_of_another_request_whose_place_another_card_took_keeps_its_recorded_identity():
    tracker = Tracker([claim(WEB, holding(A, "first"))])
    selected = run([device(A, product_id="1533"), device(B)], {**NICS, "name": "second"}, tracker=tracker)
    assert selected.holdings[A] == holding(A, "first")


def test_a_device_that_moved_is_named_with_where_it_went_and_nobody_else_gets_it():
    moved = device(B, serial="s1")
    tracker = Tracker([claim(WEB, holding(A, identity=device(A, serial="s1").identity))])
    assert refused([moved], NICS, tracker=tracker).found == "it moved to 0000:02:00.0"
    error = refused([moved], {"name": "n", "address": B}, tracker=tracker, owner=DPDK)
    assert error.found == f"moved: domain web1 ({WEB.id}) claimed it at 0000:01:00.0"


def test_a_device_that_moved_may_be_taken_anew_by_its_owner_after_a_release():
    assert served(run([device(B, serial="s1")], NICS)) == {B: "nic"}


def test_devices_without_a_reset_are_passed_over_where_one_is_required():
    devices = [device(A, reset_methods=()), device(B, reset_methods=None), device(C)]
    assert served(run(devices, NICS)) == {A: "nic"}
    assert served(run(devices, NICS, require_reset=True)) == {B: "nic"}


# Groups.

GROUP = [device(G0), device(G1, driver="nvme", class_id="010802"), device(G2, driver=None, class_id="040300")]


def test_a_group_is_refused_without_consent_and_every_member_is_named():
    error = refused(GROUP, NICS)
    assert error.code == "group_incomplete"
    assert error.subject == f"{G0} (request nic)"
    assert error.found == (
        "the IOMMU group has further members that would leave the host too: 0000:05:00.1 (nvme), "
        "0000:05:00.2 (no driver)"
    )
    assert error.remedy == (
        "set group_members to claim, or to the list ['0000:05:00.1', '0000:05:00.2']; they are bound but not attached"
    )
    assert error.details == {"group_members": ["0000:05:00.1", "0000:05:00.2"]}


@pytest.mark.parametrize("terms", [{"whole_group": True}, {"members": frozenset({G1, G2})}])
def test_with_consent_the_mates_come_along_attached_nowhere(terms):
    selected = run(GROUP, NICS, **terms)
    assert served(selected) == {G0: "nic", G1: None, G2: None}
    assert [held.attach for held in selected.holdings.values()] == [("config", "live"), (), ()]


def test_consent_to_some_mates_is_not_consent_to_the_others():
    error = refused(GROUP, NICS, members=frozenset({G1}))
    assert (error.code, error.details) == ("group_incomplete", {"group_members": ["0000:05:00.1", "0000:05:00.2"]})
    assert error.remedy.startswith("set group_members to claim, or to the list ['0000:05:00.1', '0000:05:00.2'];")
    assert "0000:05:00.1" not in error.found
    assert served(run(GROUP, NICS, members=frozenset(error.details["group_members"])))[G0] == "nic"


def test_the_mates_of_all_requests_are_in_one_list():
    others = [device("0000:07:00.0", class_id="010802"), device("0000:07:00.1", class_id="0c0330")]
    wanted = [NICS, {"name": "disk", "address": "0000:07:00.0"}]
    error = refused([*GROUP, *others], *wanted)
    assert error.details == {"group_members": ["0000:05:00.1", "0000:05:00.2", "0000:07:00.1"]}
    assert str(error.details["group_members"]) in error.remedy
    selected = run([*GROUP, *others], *wanted, members=frozenset(error.details["group_members"]))
    assert served(selected)["0000:07:00.0"] == "disk"


def test_the_devices_that_need_mates_are_named_in_the_order_of_their_addresses():
    low, high = "2000:05:00", "10000:05:00"  # which a sort of texts has the other way round
    devices = [
        device(f"{slot}.{function}", iommu_group=group) for group, slot in ((1, high), (2, low)) for function in (0, 1)
    ]
    wanted = [{"name": name, "address": f"{slot}.0"} for name, slot in (("a", high), ("b", low))]
    assert refused(devices, *wanted).subject == f"{low}.0 (request b), {high}.0 (request a)"


def test_of_many_mates_five_are_named_and_all_are_in_the_list():
    group = [device(f"0000:05:00.{number}", class_id="020000" if number == 0 else "0c0330") for number in range(8)]
    error = refused(group, NICS)
    assert error.found.endswith("0000:05:00.5 (e1000e), and 2 more")
    assert len(error.details["group_members"]) == 7


@pytest.mark.parametrize("request_", [NICS, {"name": "nic", "address": G0}])
def test_a_group_member_that_is_not_there_is_an_error(request_):
    error = refused(GROUP, request_, members=frozenset({G1, G2, "0000:05:00.3"}))
    assert (error.code, error.subject) == ("no_such_device", "group_members: 0000:05:00.3")


def test_a_held_group_member_that_was_pulled_out_may_still_be_named():
    tracker = Tracker([claim(WEB, holding(G0), holding(G1, None), holding(G2, None))])
    bound = [device(address, driver="vfio-pci") for address in (G0, G1)]
    assert served(run(bound, {"name": "nic", "address": G0}, tracker=tracker, members=frozenset({G1, G2})))[G0] == "nic"


def test_requests_that_ask_for_every_member_need_no_consent():
    wanted = [NICS, {"name": "disk", "address": G1}, {"name": "sound", "specs": [{"class": "0403"}]}]
    assert served(run(GROUP, *wanted)) == {G0: "nic", G1: "disk", G2: "sound"}


def test_mates_that_are_held_already_need_no_consent_again():
    tracker = Tracker([claim(WEB, holding(G0), holding(G1, None), holding(G2, None))])
    bound = [device(address, driver="vfio-pci") for address in (G0, G1, G2)]
    assert served(run(bound, {"name": "nic", "address": G0}, tracker=tracker)) == {G0: "nic", G1: None, G2: None}


def test_a_mate_that_came_along_can_be_asked_for_later():
    tracker = Tracker([claim(WEB, holding(G0), holding(G1, None))])
    bound = [device(address, driver="vfio-pci") for address in (G0, G1)]
    wanted = [{"name": "nic", "address": G0}, {"name": "second", "address": G1}]
    selected = run(bound, *wanted, tracker=tracker)
    assert served(selected) == {G0: "nic", G1: "second"}
    assert selected.holdings[G1].attach == ("config", "live")
    assert selected.holdings[G1].original == holding(G1).original


def test_bridges_do_not_come_along():
    devices = [device(G0, header_type=1, class_id="060400", driver="pcieport"), device(G1), device(G2)]
    assert served(run(devices, {"name": "nic", "address": G1}, whole_group=True)) == {G1: "nic", G2: None}


def test_a_group_with_a_member_that_stays_with_the_host_is_refused_whatever_the_consent():
    host = inventory(*GROUP, host_uses=[HostUse("mounted_fs", G1, "/dev/nvme0n1 is mounted at /srv")])
    error = refused([], NICS, host=host, whole_group=True)
    assert error.code == "not_enough_devices"
    assert error.details["refused"] == {G0: f"group_blocked ({G1}: mounted_fs: /dev/nvme0n1 is mounted at /srv)"}


def test_a_group_of_which_another_owner_holds_a_part_is_refused():
    tracker = Tracker([claim(DPDK, holding(G1))])
    error = refused(
        [device(G0), device(G1, driver="vfio-pci")], {"name": "n", "address": G0}, tracker=tracker, whole_group=True
    )
    assert error.found == f"group_used_by_domain ({G1}: held by owner dpdk0)"


# Refusals.


def test_an_address_that_is_not_on_the_host_is_refused():
    error = refused([device(A)], {"name": "n", "address": B})
    assert (error.code, error.subject) == ("no_such_device", "0000:02:00.0, asked for by request n")


def test_a_blocked_address_is_refused_with_its_reasons_as_text_and_as_data():
    host = inventory(device(A), host_uses=[HostUse("root_disk", A, "/dev/vda is mounted at /")])
    error = refused([], {"name": "disk", "address": A}, host=host)
    assert error.code == "device_blocked"
    assert error.subject == "0000:01:00.0, asked for by request disk"
    assert error.found == "root_disk (0000:01:00.0: /dev/vda is mounted at /)"
    assert error.remedy == "it stays with the host: ask for another device"
    assert error.details["blockers"] == [
        {
            "code": "root_disk",
            "address": A,
            "detail": "/dev/vda is mounted at /",
            "override": None,
            "remedy": "it stays with the host: ask for another device",
        }
    ]


def test_an_address_that_the_allow_list_does_not_permit_is_refused():
    error = refused([device(A)], {"name": "n", "address": A}, allow_list=allow({"address": B}))
    assert (error.code, error.found) == ("device_blocked", "not_in_device_spec: the allow list does not permit it")


def test_an_address_that_another_owner_holds_is_refused_with_the_owner():
    tracker = Tracker([claim(DPDK, holding(A))])
    error = refused([device(A, driver="vfio-pci")], {"name": "n", "address": A}, tracker=tracker)
    assert (error.code, error.found) == ("device_blocked", "held by owner dpdk0")


def test_too_few_free_devices_are_refused_with_every_one_that_came_near():
    host = inventory(
        device(A),
        device(B),
        device(C),
        device(D, vendor_id="15b3"),
        host_uses=[HostUse("default_route", B, "default route on eth0"), HostUse("ip_configured", B, "10.0.0.1")],
    )
    tracker = Tracker([claim(DB, holding(C))])
    error = refused([], {"name": "n", "count": 2, "specs": [{"vendor_id": "8086"}]}, host=host, tracker=tracker)
    assert error.code == "not_enough_devices"
    assert error.found == (
        "1 free of 2 still wanted; 0000:02:00.0 is refused: default_route (0000:02:00.0: default route on eth0); "
        f"ip_configured (0000:02:00.0: 10.0.0.1). 0000:03:00.0 is refused: held by domain db1 ({DB.id})"
    )
    assert error.wanted == "2 devices with vendor_id 8086"
    assert error.remedy == (
        "0000:02:00.0: have the default route leave through another interface; and take the address "
        "or the route off (`ip address del`, `ip route del`), and out of the network's configuration; "
        f"0000:03:00.0: release it from domain db1 ({DB.id}) with `kvm.hostdev.pci_passthrough_release`; "
        "or ask for less, or widen the request's specs or the device_spec; "
        "or accept that with allow: [default_route, ip_configured]"
    )


def test_an_override_is_offered_only_where_it_would_help():
    route, swap = HostUse("ip_configured", A, "i"), HostUse("swap", A, "s")
    error = refused([], {"name": "n", "address": A}, host=inventory(device(A), host_uses=[route]))
    both = refused([], {"name": "n", "address": A}, host=inventory(device(A), host_uses=[route, swap]))
    assert error.remedy.endswith("; or accept that with allow: [ip_configured]")
    assert "accept that" not in both.remedy


def test_a_request_that_nothing_fits_says_so():
    error = refused([device(A)], {"name": "gpu", "specs": [{"class": "03"}]})
    assert error.found == "0 free of 1 still wanted; none fits"
    assert error.remedy == "widen the request's specs or the device_spec"


def test_of_many_refused_devices_five_are_named():
    devices = [device(f"0000:{bus:02x}:00.0") for bus in range(1, 24)]
    tracker = Tracker([claim(DPDK, *(holding(function.address) for function in devices))])
    error = refused(devices, NICS, tracker=tracker)
    assert error.found.count("is refused") == 5
    assert error.found.endswith("and 18 more")
    assert len(error.details["refused"]) == 23


# After a reboot.


def test_a_held_device_that_the_host_uses_again_is_not_taken_from_it():
    tracker = Tracker([claim(WEB, holding(A))])
    host = inventory(device(A), host_uses=[HostUse("mounted_fs", A, "/dev/sda is mounted at /srv")])
    error = refused([], NICS, tracker=tracker, host=host)
    assert (error.code, error.subject) == ("device_blocked", A)
    assert error.found == "mounted_fs (0000:01:00.0: /dev/sda is mounted at /srv)"


def test_a_held_group_member_that_the_host_uses_again_is_not_taken_from_it():
    tracker = Tracker([claim(WEB, holding(G0), holding(G1, None))])
    host = inventory(
        device(G0, driver="vfio-pci"), device(G1), host_uses=[HostUse("swap", G1, "the host swaps to /dev/sdb")]
    )
    error = refused([], {"name": "nic", "address": G0}, tracker=tracker, host=host)
    assert (error.code, error.subject) == ("device_blocked", G1)


def test_a_held_device_that_is_merely_unbound_again_is_kept():
    tracker = Tracker([claim(WEB, holding(A))])
    assert run([device(A)], NICS, tracker=tracker).holdings == {A: holding(A)}


# Giving back.


def test_everything_is_given_back_without_a_choice():
    assert give_back(inventory(device(A)), claim(WEB, holding(A))) == Claim(WEB)


def test_a_request_is_given_back_by_its_name():
    held = claim(WEB, holding(A, "first"), holding(B, "second"))
    left = give_back(inventory(device(A), device(B)), held, names=["first"])
    assert (served(left), sorted(left.requests)) == ({B: "second"}, ["second"])


def test_a_request_counts_less_after_one_of_its_devices_is_given_back():
    held = claim(WEB, holding(A), holding(B))
    left = give_back(inventory(device(A), device(B)), held, addresses=[A])
    assert (served(left), left.requests["nic"].count) == ({B: "nic"}, 1)


def test_the_last_device_takes_its_request_along():
    held = claim(WEB, holding(A, "first"), holding(B, "second"))
    left = give_back(inventory(device(A), device(B)), held, addresses=[A])
    assert (served(left), sorted(left.requests)) == ({B: "second"}, ["second"])


def test_a_released_device_stays_as_a_member_while_a_mate_stays_with_the_owner():
    held = claim(WEB, holding(G0, "first"), holding(G1, "second"))
    left = give_back(inventory(device(G0), device(G1)), held, names=["first"])
    assert served(left) == {G0: None, G1: "second"}
    assert left.holdings[G0].attach == ()


def test_group_members_go_with_the_last_device_that_needed_them():
    held = claim(WEB, holding(G0, "first"), holding(G1, None), holding(A, "second"))
    left = give_back(inventory(device(G0), device(G1), device(A)), held, names=["first"])
    assert served(left) == {A: "second"}


def test_a_device_that_was_pulled_out_is_given_back_too():
    held = claim(WEB, holding(A, "first"), holding(B, "second"))
    assert served(give_back(inventory(device(B)), held, addresses=[A])) == {B: "second"}
    assert served(give_back(inventory(device(A)), held, addresses=[A])) == {B: "second"}


def test_names_and_addresses_that_are_not_held_change_nothing():
    held = claim(WEB, holding(A))
    assert give_back(inventory(device(A)), held, names=["x"], addresses=[B]) == held


def test_group_members_stay_on_record_while_the_device_they_came_along_with_is_gone():
    left, mate = holding(A, "left"), holding(B, None)
    tracker = Tracker([claim(WEB, left, mate)])
    host = inventory(device(B, driver="vfio-pci"))
    assert list(run((), tracker=tracker, host=host).holdings) == [A, B]
    kept = give_back(host, claim(WEB, left, mate, holding(C, "right")), names=["right"])
    assert list(kept.holdings) == [A, B]


def test_a_request_that_names_its_device_is_served_before_one_that_any_would_do_for():
    wanted = [{"name": "any", "specs": [{"vendor_id": "8086"}]}, {"name": "one", "address": A}]
    assert served(run([device(A), device(B)], *wanted)) == {A: "one", B: "any"}


def test_two_requests_of_a_task_for_one_device_are_told_so():
    error = refused([device(A)], {"name": "a", "address": A}, {"name": "b", "address": A})
    assert error.found == "request a of this task takes it"
    assert error.remedy.startswith("take one of the two requests out")


def test_what_a_request_on_record_has_is_to_be_released_first():
    tracker = Tracker([claim(WEB, holding(A, "a"))])
    error = refused([device(A)], {"name": "b", "address": A}, tracker=tracker)
    assert error.found == "serves request a of the same owner"
    assert error.remedy.startswith("release request a first")


def test_a_pf_whose_held_vf_was_not_made_again_is_not_taken():
    """With the PF in a guest nobody could make it again."""
    tracker = Tracker([claim(DB, holding(VF1, identity=vf(VF1, PF).identity))])
    error = refused([pf(PF)], {"name": "pf", "address": PF}, tracker=tracker)
    assert error.found == f"its VF {VF1}, which was not made again, is held by {DB}"
    assert f"release it from {DB}" in error.remedy


def test_what_nobody_may_accept_is_to_be_done_first():
    """Who took the address off the NIC of his own connection could do nothing more."""
    uses = [HostUse(code, A, "x") for code in ("default_route", "ip_configured", "ssh_nic")]
    error = refused([], {"name": "nic", "address": A}, host=inventory(device(A), host_uses=uses))
    assert error.remedy.startswith("let Ansible reach the host")
