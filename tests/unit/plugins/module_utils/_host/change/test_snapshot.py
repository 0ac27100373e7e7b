# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.change import flow
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.snapshot import read_snapshot, with_vf_states
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import CLAIM, Change
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import plug, usb
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, claim, holding, requests, vf

VF1 = "0000:01:10.0"
STICK = {"name": "stick", "usb": {"vendor_id": "0951", "product_id": "1666"}}
NIC = {"name": "nic", "specs": [{"product_id": "10ca"}]}


def read(host, tracker=None, **keywords):
    return read_snapshot(host.system, Tracker() if tracker is None else tracker, **keywords)


def test_usb_and_scsi_devices_are_read_where_somebody_wants_or_holds_one(lab_host):
    plug(lab_host, usb("1-2", 3))
    assert read(lab_host).nodes == {}
    assert read(lab_host, requests=requests(NIC)).nodes == {}
    snapshot = read(lab_host, requests=requests(STICK))
    assert list(snapshot.nodes) == ["usb_1_2"]
    outcome = lab_host.claim(STICK, attach=())
    assert list(read(lab_host, Tracker([outcome.plans[0].after])).nodes) == ["usb_1_2"]


def test_nothing_in_a_snapshot_changes_with_the_record(lab_host):
    tracker = Tracker([claim(WEB, holding(VF1))])
    snapshot = read(lab_host, tracker)
    tracker.put(Claim(WEB))
    assert [held_claim.owner for held_claim in snapshot.tracker] == [WEB]


def test_claims_get_the_names_that_their_domains_have_now(lab_host):
    tracker = Tracker([claim(Owner("domain", UUID, "old"), holding(VF1))])
    snapshot = read(lab_host, tracker)
    assert [held_claim.owner.label for held_claim in (*snapshot.tracker, *tracker)] == ["web1", "web1"]


@pytest.mark.parametrize("wanted", ["web1", UUID, UUID.upper()])
def test_the_domain_is_the_one_that_libvirt_knows_by_that_name(lab_host, wanted):
    snapshot = read(lab_host, domain=wanted)
    assert (snapshot.named.name, len(snapshot.domains)) == ("web1", 1)


def test_a_domain_that_there_is_not_is_refused(lab_host):
    with pytest.raises(HostdevError) as caught:
        read(lab_host, domain="web9")
    assert caught.value.code == "unknown_domain"


def test_without_libvirt_there_are_no_domains_to_decide_on(folder):
    snapshot = read(FakeHost(folder, libvirt=False), domain="web1")
    assert (snapshot.domains, snapshot.named) == (None, None)


def test_pfs_are_asked_for_the_vfs_of_the_change_alone(lab_host):
    snapshot = read(lab_host)
    nics = [address for address, device in snapshot.inventory.devices.items() if device.physical_function]
    held = claim(WEB, holding(nics[1], identity=vf(nics[1], "").identity, vf_settings={"trust": False}))
    change = Change(CLAIM, held, held)
    assert list(with_vf_states(lab_host.system, snapshot, change).vf_states) == [nics[1]]
    assert with_vf_states(lab_host.system, snapshot, Change(CLAIM, Claim(WEB), Claim(WEB))).vf_states == {}


@pytest.mark.parametrize(("check_mode", "reads"), [(False, 2), (True, 1)])
def test_each_owners_release_is_decided_on_the_host_as_it_is_by_then(lab_host, monkeypatch, check_mode, reads):
    first, second = (lab_host.claim(NIC, owner=name).plans[0].after.serving("nic")[0] for name in ("dpdk0", "dpdk1"))
    drivers = []

    def read(*arguments, **keywords):
        snapshot = read_snapshot(*arguments, **keywords)
        drivers.append([snapshot.inventory.devices[address].driver for address in (first, second)])
        return snapshot

    monkeypatch.setattr(flow, "read_snapshot", read)
    outcome = lab_host.release(addresses=(first, second), check_mode=check_mode)
    assert [str(plan.before.owner) for plan in outcome.plans] == ["owner dpdk0", "owner dpdk1"]
    assert drivers == [["vfio-pci", "vfio-pci"], ["igbvf", "vfio-pci"]][:reads]
