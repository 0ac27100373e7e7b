# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.claim import asking, choose, decide_claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.concerned import vfs_concerned
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import NumaNode
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_device import USB, NodeDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.vf_state import VfState
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, Terms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    PERMIT_ALL,
    WEB,
    allow,
    claim,
    device,
    domain,
    holding,
    inventory,
    pf,
    requests,
    vf,
)

A, B = "0000:01:00.0", "0000:02:00.0"
PF, VF1, VF2 = "0000:06:00.0", "0000:06:10.0", "0000:06:10.2"
NICS = {"name": "nic", "specs": [{"class": "02"}]}
VFS = {"name": "vf", "specs": [{"product_id": "10ca"}], "network": {"trust": True}}
STICK = {"name": "stick", "usb": {"vendor_id": "0951", "product_id": "1666"}}
CONTROLLER = '<controller type="usb" index="0" model="qemu-xhci" />'
WEB1 = domain(domain_xml(extra=CONTROLLER), domain_xml(extra=CONTROLLER))


def stick(name="usb_1_2", number=3):
    fields = {
        "bus": 1,
        "device": number,
        "port": name[4:].replace("_", "-"),
        "vendor_id": "0951",
        "product_id": "1666",
        "serial": None,
    }
    return NodeDevice(name, USB, path=f"/sys/devices/pci0000:00/0000:00:1d.0/usb1/{name}", fields=fields)


def seen(*devices, claims=(), domains=(WEB1,), nodes=(), **fields):
    named = next(iter(domains or ()), None)
    return Snapshot(
        inventory(*devices), Tracker(claims), domains, named, nodes={node.name: node for node in nodes}, **fields
    )


def wish(*wanted, owner=None, allow_list=PERMIT_ALL, **fields):
    terms = Terms(**fields.pop("terms", {}))
    name = None if owner else "web1"
    return ClaimWish(
        name, owner, requests(*wanted), allow_list, terms, fields.pop("attach", ("config", "live")), **fields
    )


def chosen(snapshot, wanted):
    return choose(snapshot, asking(snapshot, wanted))


def decide(snapshot, wanted):
    return decide_claim(snapshot, chosen(snapshot, wanted))


def steps(decision):
    return [str(step) for step in decision.plan.steps]


def test_a_snapshot_and_a_wish_make_a_plan():
    decision = decide(seen(device(A), device(B)), wish(NICS))
    assert steps(decision) == [
        f"driver of {A}: e1000e -> vfio-pci",
        f"attach {A}, config of domain web1",
        f"attach {A}, live of domain web1",
    ]
    assert (decision.plan.operation, decision.plan.before.holdings, list(decision.plan.after.holdings)) == (
        "claim",
        {},
        [A],
    )
    assert decision.warnings == ()


def test_a_decision_leaves_its_snapshot_alone():
    snapshot = seen(device(A), claims=[claim(Owner("name", "x", "x"), holding(B, attach=()))])
    decide(snapshot, wish(NICS))
    assert [held_claim.owner.id for held_claim in snapshot.tracker] == ["x"]
    assert decide(snapshot, wish(NICS)) == decide(snapshot, wish(NICS))


def test_all_kinds_of_devices_are_decided_together():
    decision = decide(seen(device(A), nodes=[stick()]), wish(NICS, STICK))
    assert steps(decision) == [
        f"driver of {A}: e1000e -> vfio-pci",
        f"attach {A}, config of domain web1",
        f"attach {A}, live of domain web1",
        "attach usb_1_2, config of domain web1",
        "attach usb_1_2, live of domain web1",
    ]
    after = decision.plan.after
    assert (list(after.holdings), list(after.node_devices), sorted(after.requests)) == (
        [A],
        ["usb_1_2"],
        ["nic", "stick"],
    )


def test_an_owner_without_a_domain_has_devices_attached_nowhere():
    decision = decide(seen(device(A)), wish(NICS, owner="dpdk0"))
    assert steps(decision) == [f"driver of {A}: e1000e -> vfio-pci"]
    assert decision.plan.after.holdings[A].attach == ()


def test_an_owner_that_is_named_like_a_domains_uuid_is_not_that_domain():
    decision = decide(seen(device(A)), wish(NICS, owner=UUID))
    assert steps(decision) == [f"driver of {A}: e1000e -> vfio-pci"]


def test_a_domain_that_libvirt_knows_by_another_spelling_is_the_owner():
    wanted = replace(wish(NICS), domain=UUID.upper())
    assert chosen(seen(device(A)), wanted).change.after.owner == WEB


def test_a_claim_for_a_domain_needs_libvirt():
    with pytest.raises(HostdevError) as caught:
        chosen(seen(device(A), domains=None), wish(NICS))
    assert (caught.value.code, caught.value.subject) == ("no_libvirt", "domain web1")


def test_a_claim_for_an_owner_does_without_libvirt_and_says_what_that_hides():
    assert decide(seen(device(A), domains=None), wish(NICS, owner="dpdk0")).warnings == (
        "libvirt could not be asked: a device may be in the definition of a domain that does not run",
    )


def test_warnings_of_the_wish_come_before_those_of_the_plan():
    snapshot = seen(device(A, reset_methods=()), nodes=[stick(), stick("usb_1_3", 4)])
    decision = decide(
        snapshot,
        wish(
            {**NICS, "numa_policy": "required"},
            {**STICK, "usb": {"port": "1-2"}},
            allow_list=allow({"class": "02"}, {"class": "03"}),
            free_root_ports=4,
        ),
    )
    assert [warning.split(": ")[0] for warning in decision.warnings] == [
        "device_spec[1] (class 03) fits no device of this host",
        "numa_policy required of request nic has no effect",
        "domain web1 runs",
        f"{A} has no reset method",
        "usb_1_2 is in the definition of domain web1 by its number on its bus, since the host has another device with "
        "its ids",
    ]


def test_a_node_without_cpus_does_not_hide_the_sockets_of_the_others():
    nodes = {0: NumaNode(frozenset({0}), 0), 1: NumaNode(frozenset({1}), 0), 2: NumaNode()}
    host = inventory(device(A, numa_node=1), device(B, numa_node=2), numa_nodes=nodes)
    near = wish({**NICS, "numa_policy": "socket"}, owner="dpdk0", numa_cells=frozenset({0}))
    assert [*decide(Snapshot(host, Tracker(), None, None), near).plan.after.holdings] == [A]


def test_the_driver_is_asked_for_by_those_alone_that_are_to_be_bound():
    asked = []

    def vfio_driver(function):
        asked.append(function.address)
        return "mlx5_vfio_pci"

    held = claim(WEB, holding(A))
    snapshot = seen(device(A, driver="vfio-pci"), device(B), claims=[held], vfio_driver=vfio_driver)
    decision = decide(snapshot, wish({**NICS, "count": 2}))
    assert asked == [B]
    assert f"driver of {B}: e1000e -> mlx5_vfio_pci" in steps(decision)


# VFs, whose states are read in the middle.


def vfs():
    return [pf(PF, VF1, VF2, driver="igb"), vf(VF1, PF), vf(VF2, PF)]


def state(index, **settings):
    return VfState(PF, index, {"trust": False, "spoof_check": True, **settings}, "eth0")


def test_only_chosen_vfs_with_network_settings_are_to_be_read():
    choice = chosen(seen(device(A), *vfs()), wish(VFS, {"name": "nic", "address": A}))
    assert vfs_concerned(choice.change) == [VF1]


def test_vfs_that_had_settings_are_to_be_read_also_when_nobody_asks_for_any_now():
    held = claim(WEB, holding(VF1, "vf", identity=vf(VF1, PF).identity, vf_settings={"trust": False}))
    choice = chosen(seen(*vfs(), claims=[held]), wish({**VFS, "network": None}))
    assert vfs_concerned(choice.change) == [VF1]


def test_settings_are_planned_and_what_was_before_is_noted():
    choice = chosen(seen(*vfs()), wish(VFS))
    decision = decide_claim(seen(*vfs(), vf_states={VF1: state(0)}), choice)
    assert steps(decision) == [
        f"driver of {VF1}: igbvf -> vfio-pci",
        f"settings of {VF1}: trust off -> trust on",
        f"attach {VF1}, config of domain web1",
        f"attach {VF1}, live of domain web1",
    ]
    assert decision.plan.after.holdings[VF1].vf_settings == {"trust": False}


def test_a_setting_that_the_driver_does_not_tell_is_refused():
    choice = chosen(seen(*vfs()), wish(VFS))
    with pytest.raises(HostdevError) as caught:
        decide_claim(seen(*vfs(), vf_states={VF1: state(0, trust=None)}), choice)
    assert caught.value.code == "vf_setting_failed"
