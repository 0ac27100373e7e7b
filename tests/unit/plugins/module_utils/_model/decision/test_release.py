# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Waiting
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.usb_scsi import NodeHolding, node_identity
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.concerned import concerned, decide_cleaned
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.release import decide_release, give_back
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.concerned import vfs_concerned
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_device import USB, NodeDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.vf_state import VfState
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ReleaseWish
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
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
    vf,
)

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
G0, G1 = "0000:05:00.0", "0000:05:00.1"
PF, VF1, VF2 = "0000:06:00.0", "0000:06:10.0", "0000:06:10.2"
STICK = NodeDevice(
    "usb_1_2", USB, fields={"bus": 1, "device": 3, "port": "1-2", "vendor_id": "0951", "product_id": "1666"}
)
STICK_XML = (
    '<hostdev mode="subsystem" type="usb"><source><vendor id="0x0951"/><product id="0x1666"/>'
    '<address bus="1" device="3"/></source></hostdev>'
)


def bound(address, **fields):
    return device(address, driver="vfio-pci", **fields)


def seen(*devices, claims=(), domains=(domain(None),), nodes=(STICK,), waiting=(), **fields):
    return Snapshot(
        inventory(*devices), Tracker(claims, waiting), domains, nodes={node.name: node for node in nodes}, **fields
    )


def with_stick(held, requested="stick"):
    stick = NodeHolding(STICK.name, USB, requested, node_identity(STICK), ("live",))
    usb = {"name": requested, "usb": {"vendor_id": "0951", "product_id": "1666"}}
    return Claim(held.owner, {**held.requests, requested: usb}, held.holdings, {STICK.name: stick})


def decide(snapshot, held, **wish):
    wanted = ReleaseWish(**(wish or {"domain": "web1"}))
    return decide_release(snapshot, wanted, give_back(snapshot, wanted, held))


def steps(decision):
    return [str(step) for step in decision.plan.steps]


WEB_CLAIM = claim(WEB, holding(A))
DB_CLAIM = claim(DB, holding(B))
DPDK_CLAIM = claim(DPDK, holding(C, attach=()))


@pytest.mark.parametrize(
    ("wish", "owners"),
    [
        ({"domain": "web1"}, [WEB]),
        ({"domain": WEB.id}, [WEB]),
        ({"domain": WEB.id.upper()}, [WEB]),
        ({"domain": DB.id.replace("-", "")}, [DB]),
        ({"domain": "db1"}, [DB]),
        ({"owner": "dpdk0"}, [DPDK]),
        ({"owner": "web1"}, []),
        ({"orphans": True}, [DB]),
        ({"addresses": (A, C)}, [WEB, DPDK]),
        ({"domain": "db1", "addresses": (A,)}, []),
        ({"domain": "web1", "addresses": (B,), "names": ("nic",)}, [WEB]),
    ],
)
def test_whose_claims_a_wish_touches(wish, owners):
    claims, warnings = concerned(seen(claims=[WEB_CLAIM, DB_CLAIM, DPDK_CLAIM]), ReleaseWish(**wish))
    assert ([held_claim.owner for held_claim in claims], warnings) == (owners, ())


def test_an_address_that_nobody_holds_is_told_where_there_is_no_such_device():
    """A device that is there was given back before, perhaps by this very task."""
    _claims, warnings = concerned(seen(device(A), claims=[DB_CLAIM]), ReleaseWish(addresses=(A, B, C)))
    assert warnings == (f"there is no device {C} on this host, and nobody holds it",)


@pytest.mark.parametrize("name", ["web9", "dpdk0"])
def test_a_domain_that_nobody_knows_is_told(name):
    assert concerned(seen(claims=[WEB_CLAIM, DPDK_CLAIM]), ReleaseWish(domain=name)) == (
        (),
        (f"there is no domain {name}, and no claim of one",),
    )


def test_orphans_need_libvirts_word():
    with pytest.raises(HostdevError) as caught:
        concerned(seen(domains=None), ReleaseWish(orphans=True))
    assert (caught.value.code, caught.value.subject) == ("no_libvirt", "orphans")


@pytest.mark.parametrize("held", [WEB_CLAIM, with_stick(Claim(WEB))])
def test_what_was_attached_is_not_given_back_without_libvirt(held):
    with pytest.raises(HostdevError) as caught:
        decide(seen(bound(A), claims=[held], domains=None), held)
    assert caught.value.code == "no_libvirt"


def test_what_is_attached_nowhere_is_given_back_without_libvirt():
    decision = decide(seen(bound(C), claims=[DPDK_CLAIM], domains=None), DPDK_CLAIM, owner="dpdk0")
    assert steps(decision) == [f"driver of {C}: vfio-pci -> e1000e"]


def test_the_stick_leaves_before_the_function():
    held = with_stick(WEB_CLAIM)
    running = domain_xml(hostdev_xml(A, managed=True), STICK_XML)
    decision = decide(seen(bound(A), claims=[held], domains=(domain(None, running),)), held)
    assert steps(decision) == [
        "detach usb_1_2, live of domain web1",
        f"detach {A}, live of domain web1",
        f"driver of {A}: vfio-pci -> e1000e",
    ]
    assert decision.plan.after == Claim(WEB)


@pytest.mark.parametrize(
    ("wish", "functions", "nodes", "names"),
    [
        ({"names": ("nic",)}, [], ["usb_1_2"], ["stick"]),
        ({"names": ("stick",)}, [A], [], ["nic"]),
        ({"addresses": (A,)}, [], ["usb_1_2"], ["stick"]),
        ({"names": ("nic", "stick")}, [], [], []),
        ({}, [], [], []),
    ],
)
def test_a_release_of_some_requests_leaves_the_others_of_every_kind(wish, functions, nodes, names):
    held = with_stick(WEB_CLAIM)
    after = decide(seen(bound(A), claims=[held]), held, domain="web1", **wish).plan.after
    assert (list(after.holdings), list(after.node_devices), list(after.requests)) == (functions, nodes, names)


def test_what_is_gone_is_told_of_every_kind():
    held = with_stick(WEB_CLAIM)
    assert decide(seen(claims=[held], nodes=()), held).warnings == (
        f"{A} is only taken from the record: the device of {WEB} is no longer there",
        f"usb_1_2 is only taken from record and domain: the device of {WEB} is no longer there",
    )


def test_what_stays_since_its_group_does_is_told():
    held = claim(WEB, holding(G0, "first"), holding(G1, "second"))
    decision = decide(seen(bound(G0), bound(G1), claims=[held]), held, domain="web1", names=("second",))
    assert decision.warnings == (f"{G1} stays bound as a group member: a mate in its IOMMU group stays with {WEB}",)


def test_a_group_member_is_not_released_by_its_address():
    held = claim(WEB, holding(G0, "first"), holding(G1, None))
    decision = decide(seen(bound(G0), bound(G1), claims=[held]), held, addresses=(G1,))
    assert (decision.plan.changed, decision.warnings) == (
        False,
        (f"{G1} only came along with its IOMMU group: release the devices that are in it for a request",),
    )


def test_settings_of_those_vfs_alone_that_are_given_back_are_read_and_put_back():
    made = [
        holding(address, name, identity=vf(address, PF).identity, vf_settings={"trust": False}, attach=())
        for address, name in ((VF1, "one"), (VF2, "two"))
    ]
    held = claim(DPDK, *made)
    devices = [pf(PF, VF1, VF2), *(vf(address, PF, driver="vfio-pci", vfio=True) for address in (VF1, VF2))]
    wish = ReleaseWish(owner="dpdk0", names=("one",))
    choice = give_back(seen(*devices, claims=[held]), wish, held)
    assert vfs_concerned(choice.change) == [VF1]
    states = {VF1: VfState(PF, 0, {"trust": True, "spoof_check": True}, "eth0")}
    decision = decide_release(seen(*devices, claims=[held], vf_states=states), wish, choice)
    assert f"settings of {VF1}: trust on -> trust off" in steps(decision)


# One-time use.

ONCE = claim(WEB, holding(A, one_time_use=True))


def cleaned(wish, *, waiting=(), domains=(domain(None),), released=True):
    snapshot = seen(bound(A), claims=[ONCE], waiting=waiting, domains=domains)
    plans = [decide(snapshot, ONCE).plan] if released else []
    return decide_cleaned(snapshot, ReleaseWish(**wish), plans)


def test_a_one_time_use_device_waits_and_that_is_told():
    assert cleaned({"domain": "web1"}) == (
        (),
        (f"{A} is for one-time use: nobody gets it until it is released with cleaned: true",),
    )


@pytest.mark.parametrize(
    ("wish", "released", "addresses"),
    [
        ({"domain": "web1"}, True, (A,)),
        ({"domain": "web1"}, False, ()),
        ({"addresses": (B,)}, False, (B,)),
        ({"owner": "dpdk0"}, False, (C,)),
        ({"domain": "db1"}, True, (A, B)),
        ({"domain": DB.id}, False, (B,)),
        ({"domain": DB.id.upper()}, False, (B,)),
        ({"domain": "renamed"}, False, (B,)),
    ],
)
def test_devices_that_wait_are_clean_by_address_or_last_owner(wish, released, addresses):
    waiting = [Waiting(B, DB, device(B).identity), Waiting(C, DPDK, device(C).identity)]
    renamed = domain(None, owner=type(DB)("domain", DB.id, "renamed"))
    assert cleaned({**wish, "cleaned": True}, waiting=waiting, domains=(domain(None), renamed), released=released) == (
        addresses,
        (),
    )
