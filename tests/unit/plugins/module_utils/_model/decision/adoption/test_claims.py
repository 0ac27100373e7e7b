# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of a domain's devices are written down, under which names, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Waiting
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.set_aside import SetAside
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.adoption.adoption import Adoption, AdoptWish
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.adoption.claims import adopt_claims
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.adoption.words import told as in_one_line
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain_uses import uses_by_address
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import OTHER_UUID, domain_xml
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

NIC, SECOND, GPU = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
SOUND = "0000:03:00.1"
MAC = '<mac address="52:54:00:11:22:33"/>'
SOURCE = '<source><address type="pci" domain="0x0000" bus="0x01" slot="0x00" function="0x0"/></source>'


def element(address, *, managed=True, alias=None):
    text = hostdev_xml(address, managed=managed)
    return text if alias is None else text.replace("</hostdev>", f'<alias name="{alias}"/></hostdev>')


def snapshot(domains, *devices, claims=(), **tracked):
    uses = uses_by_address(domains)
    return Snapshot(inventory(*devices, domain_uses=uses), Tracker(claims, **tracked), tuple(domains))


def defined(*elements, live=None):
    return domain(domain_xml(*elements), None if live is None else domain_xml(*live))


def adopted(shot, **wish):
    claims = adopt_claims(shot, AdoptWish(**wish)).claims
    return {one.after.owner.label: {held.address: held.request for held in one.holdings} for one in claims}


def told(shot, **wish):
    return " ".join(adopt_claims(shot, AdoptWish(**wish)).warnings)


def aside(address):
    return SetAside(holding(address, None), DB, "unbind_timeout", "it hangs", "2026-01-01T00:00:00Z")


def bound(address, **fields):
    return device(address, driver="vfio-pci", **fields)


def test_requests_are_named_by_what_devices_are_and_counted():
    web = defined(*(element(address) for address in (NIC, SECOND, GPU, "0000:04:00.0", "0000:05:00.0")))
    devices = [
        bound(NIC),
        bound(SECOND),
        bound(GPU, class_id="030000"),
        bound("0000:04:00.0", class_id="010802"),
        bound("0000:05:00.0", class_id="040300"),
    ]
    assert list(adopted(snapshot([web], *devices))["web1"].values()) == ["nic0", "nic1", "gpu0", "disk0", "device0"]


def test_a_name_that_a_request_of_the_claim_has_is_not_taken():
    before = claim(WEB, holding(SECOND, "nic0"))
    web = defined(element(NIC), element(SECOND))
    shot = snapshot([web], bound(NIC), bound(SECOND), claims=[before])
    (one,) = adopt_claims(shot, AdoptWish()).claims
    assert {held.address: held.request for held in one.after.holdings.values()} == {NIC: "nic1", SECOND: "nic0"}
    assert one.after.requests["nic0"] == before.requests["nic0"]


@pytest.mark.parametrize(
    ("aliases", "names"),
    [
        (("ua-uplink", None), ["uplink", "nic0"]),
        (("ua-uplink", "ua-uplink"), ["uplink", "uplink-2"]),
        (("hostdev0", "hostdev1"), ["nic0", "nic1"]),
    ],
)
def test_an_alias_that_a_user_chose_is_the_name(aliases, names):
    web = defined(element(NIC, alias=aliases[0]), element(SECOND, alias=aliases[1]))
    assert list(adopted(snapshot([web], bound(NIC), bound(SECOND)))["web1"].values()) == names


def test_group_mates_with_vfio_come_along_and_the_others_are_told():
    web = defined(element(GPU))
    mates = [
        bound(SOUND, class_id="040300"),
        device("0000:03:00.2", driver="xhci_hcd"),
        device("0000:03:00.3", driver=None),
        device("0000:03:1c.0", driver="pcieport", header_type=1),
    ]
    shot = snapshot([web], bound(GPU, class_id="030000"), *mates)
    assert adopted(shot) == {"web1": {GPU: "gpu0", SOUND: None}}
    assert "0000:03:00.2, in an IOMMU group with what domain web1" in told(shot)
    assert "has xhci_hcd, a driver of the host: no guest can start so" in told(shot)
    assert "0000:03:00.3" in told(shot)
    assert "asks for consent" in told(shot)
    assert "1c.0" not in told(shot)


def test_a_group_mate_that_another_domain_has_stays_out():
    shot = snapshot(
        [defined(element(GPU)), domain(domain_xml(element(SOUND), name="db1", uuid=OTHER_UUID), None, DB)],
        bound(GPU, class_id="030000"),
        bound(SOUND, class_id="040300"),
    )
    assert adopted(shot, domains=frozenset({WEB.id})) == {"web1": {GPU: "gpu0"}}
    assert f"{SOUND}, in an IOMMU group" in told(shot, domains=frozenset({WEB.id}))
    assert "is with domain db1" in told(shot, domains=frozenset({WEB.id}))


def test_an_unattached_mate_of_what_was_adopted_is_not_told_as_left_over():
    shot = snapshot([defined(element(GPU))], bound(GPU, class_id="030000"), bound(SOUND, class_id="040300"))
    assert adopt_claims(shot, AdoptWish()).unattached == ()


def test_a_vf_that_libvirt_chose_from_a_network_is_left_to_it():
    config = domain_xml(f'<interface type="network">{MAC}<source network="vfs"/></interface>')
    live = domain_xml(f'<interface type="hostdev" managed="yes">{MAC}{SOURCE}</interface>')
    shot = snapshot([domain(config, live)], bound(NIC))
    assert adopted(shot) == {}
    assert "libvirt chose it from a network" in told(shot)


def test_an_interface_that_is_a_device_of_the_host_in_the_running_guest_alone_is_adopted():
    config = domain_xml('<interface type="network"><mac address="52:54:00:99:99:99"/></interface>')
    live = domain_xml(f'<interface type="hostdev" managed="yes">{MAC}{SOURCE}</interface>')
    (one,) = adopt_claims(snapshot([domain(config, live)], bound(NIC)), AdoptWish()).claims
    assert one.after.holdings[NIC].attach == ("live",)
    assert list(one.after.holdings[NIC].stood_before) == ["live"]


@pytest.mark.parametrize(
    ("found", "tracked", "why"),
    [
        (pf(NIC, "0000:01:10.0"), {}, "it has 1 VFs, which go when the domain starts"),
        (device(NIC, header_type=1), {}, "it is a bridge"),
        (bound(NIC), {"waiting": [Waiting(NIC, DB, device(NIC).identity)]}, "it is to be cleaned"),
        (
            bound(NIC),
            {"set_aside": [aside(NIC)]},
            "set aside since",
        ),
        (bound(NIC), {"claims": [claim(DPDK, holding(NIC))]}, "on record for owner dpdk0"),
    ],
)
def test_what_is_not_adopted_is_told_with_the_reason(found, tracked, why):
    shot = snapshot([defined(element(NIC))], found, **tracked)
    assert adopted(shot) == {}
    assert f"{NIC} of domain web1 is not adopted: " in told(shot)
    assert why in told(shot)


def test_a_device_of_another_claim_that_moved_to_the_address_is_that_ones():
    serial = {**device(NIC).identity, "serial": "A1"}
    moved = claim(DB, replace(holding("0000:07:00.0"), identity=serial))
    shot = snapshot([defined(element(NIC))], bound(NIC, serial="A1"), claims=[moved])
    assert adopted(shot) == {}
    assert "moved here (domain db1" in told(shot)


def test_what_does_not_answer_is_adopted_and_told():
    shot = snapshot([defined(element(NIC))], bound(NIC, responding=False))
    assert adopted(shot) == {"web1": {NIC: "nic0"}}
    assert "reads all ones" in told(shot)


@pytest.mark.parametrize(
    ("managed", "live", "driver", "said"),
    [
        (False, None, "e1000e", True),
        (True, None, "e1000e", False),
        (False, None, "vfio-pci", False),
        (False, [], "e1000e", False),
    ],
)
def test_a_domain_that_can_not_start_is_told(managed, live, driver, said):
    shot = snapshot([defined(element(NIC, managed=managed), live=live)], device(NIC, driver=driver))
    assert ("a claim binds it" in told(shot)) is said


@pytest.mark.parametrize(("runs", "could"), [(DB, WEB), (WEB, DB)])
def test_a_device_is_that_domains_which_runs_with_it(runs, could):
    texts = {owner: domain_xml(element(NIC), name=owner.label, uuid=owner.id) for owner in (WEB, DB)}
    shot = snapshot([domain(texts[could], None, could), domain(texts[runs], texts[runs], runs)], bound(NIC))
    assert adopted(shot) == {runs.label: {NIC: "nic0"}}
    assert f"{NIC} of domain {could.label} is not adopted: " in told(shot)


def test_a_device_that_runs_elsewhere_is_not_adopted_for_the_domain_that_is_named():
    web = defined(element(NIC))
    db = domain(*(domain_xml(element(NIC), name="db1", uuid=OTHER_UUID),) * 2, DB)
    shot = snapshot([web, db], bound(NIC))
    assert adopted(shot, domains=frozenset({WEB.id})) == {}
    assert "domain db1 is running with it" in told(shot, domains=frozenset({WEB.id}))


def test_what_is_to_come_back_is_so_on_record_and_what_came_back_already_still_does():
    web = defined(element(NIC))
    for before, wish, after in ((False, False, False), (False, True, True), (True, False, True)):
        kept = replace(claim(WEB, holding(SECOND)), persist=before)
        shot = snapshot([web], bound(NIC), bound(SECOND), claims=[kept])
        (one,) = adopt_claims(shot, AdoptWish(persist=wish)).claims
        assert one.after.persist is after


def test_nothing_unattached_is_anybodys():
    vfio = [bound(f"0000:0{bus}:00.0") for bus in range(1, 7)]
    web = defined(element(NIC))
    shot = snapshot(
        [web],
        *vfio,
        device("0000:08:00.0"),
        bound("0000:09:00.0", header_type=1),
        claims=[claim(DPDK, holding(SECOND))],
        waiting=[Waiting(GPU, DB, device(GPU).identity)],
        set_aside=[aside("0000:04:00.0")],
    )
    assert adopt_claims(shot, AdoptWish()).unattached == ("0000:05:00.0", "0000:06:00.0")
    # Also of a domain that is not asked about.
    assert adopt_claims(shot, AdoptWish(domains=frozenset())).unattached == ("0000:05:00.0", "0000:06:00.0")
    assert adopted(shot, unattached_owner="dpdk0")["dpdk0"] == {"0000:05:00.0": "nic0", "0000:06:00.0": "nic1"}


def test_a_vf_is_adopted_as_any_function():
    web = defined(element("0000:01:10.0"))
    shot = snapshot([web], pf(NIC, "0000:01:10.0"), vf("0000:01:10.0", NIC, driver="vfio-pci"))
    assert adopted(shot) == {"web1": {"0000:01:10.0": "nic0"}}


def test_a_hostile_name_is_told_in_short_and_on_one_line():
    name = "a\nok: [kvm1]" + "b" * 5000
    shot = snapshot([], bound(NIC))
    adoption = Adoption(shot.inventory, adopt_claims(shot, AdoptWish(unattached_owner=name)).claims)
    assert adoption.claims[0].after.owner.label == name
    shown = rf"a\nok: [kvm1]{'b' * 28}...{'b' * 21}"
    assert adoption.lines == [f"{shown}: nic0 {NIC} (8086:10d3, vfio-pci)"]
    assert in_one_line(adoption, check_mode=False) == f"1 device of {shown} written down"
