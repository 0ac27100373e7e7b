# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host is brought back to its record, and definitions of domains follow devices that have moved."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.outcome import Outcome
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.reconciling import Reconciling
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.made_vfs import MadeVfs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.elements import assigned_function
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import NO_DRIVER
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.record import Record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    LIVE,
    OTHER_UUID,
    LibvirtError,
    domain_xml,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import inventory, pf
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots, restored

NVME, OTHER, VF = "0000:04:00.0", "0000:81:00.0", "0000:01:10.{}"
DISK = {"name": "disk", "address": NVME}
DISKS = {"name": "disks", "specs": [{"address": NVME}, {"address": OTHER}], "count": 2}
NIC = {"name": "nic", "address": VF.format(0)}
VFIO, OWN = ("vfio-pci", "vfio-pci"), ("nvme", None)
SWAPPED = {"04": "81", "81": "04"}
BY_HAND = (
    '<hostdev mode="subsystem" type="pci" managed="yes"><driver name="vfio"/><source>'
    '<address domain="0x0000" bus="0x04" slot="0x00" function="0x0"/></source><rom bar="on" file="/srv/nvme.rom"/>'
    '<alias name="ua-disk"/><address type="pci" domain="0x0000" bus="0x02" slot="0x00" function="0x0"/></hostdev>'
)


def binding(host, address):
    return host.kernel.driver(address), host.kernel.override(address)


def held(host):
    return sorted(device["address"] for claim in host.record["claims"] for device in claim["devices"])


def elements(host, domain=None, place=CONFIG):
    """What the domain gives of the host, by address: the element as it stands, without its source."""
    found = {}
    for element in ET.fromstring((domain or host.domain).xml[place]).iterfind("devices/*"):
        address = assigned_function(element)
        if address is not None:
            element.remove(element.find("source"))
            found[address] = ET.canonicalize(ET.tostring(element, encoding="unicode"))
    return found


def steps(outcome):
    return [step.as_dict() for plan in outcome.plans for step in plan.steps]


def shut_off(host):
    host.domain.xml[LIVE] = None
    return host


@pytest.fixture
def off_host(lab_host):
    """Its domain is defined and does not run."""
    return shut_off(lab_host)


def test_a_second_run_changes_nothing(off_host):
    off_host.set_vfs(4, take_over=True)
    off_host.claim(NIC, DISK)
    Reboots(off_host).start({"01": "06", "04": "01"})
    assert off_host.flow().reconcile().changed
    before = off_host.kept_state()
    outcome = off_host.flow().reconcile()
    assert (outcome.changed, outcome.failed, outcome.moved, steps(outcome)) == (False, [], {}, [])
    assert off_host.kept_state() == before


def test_nothing_on_record_changes_nothing(lab_host):
    outcome = lab_host.flow().reconcile()
    assert (outcome.changed, outcome.failed, lab_host.record_or_none()) == (False, [], None)


def test_check_mode_tells_the_same_and_writes_nothing(off_host):
    off_host.claim(DISKS)
    Reboots(off_host).start(SWAPPED)
    before = off_host.whole_state()
    told = off_host.flow(check_mode=True).reconcile()
    assert off_host.whole_state() == before
    done = off_host.flow().reconcile()
    assert told.changed
    assert steps(told) == steps(done) != []
    assert (told.moved, told.diff) == (done.moved, done.diff)
    assert done.diff


def test_check_mode_knows_the_vfs_that_would_be_made(off_host):
    off_host.set_vfs(4, take_over=True)
    off_host.claim(NIC)
    Reboots(off_host).start({"01": "06", "04": "01"})
    told = off_host.flow(check_mode=True).reconcile()
    assert (told.failed, [decision.target.number for decision in told.vfs]) == ([], [4])
    assert not off_host.flow().reconcile().failed
    assert held(off_host) == ["0000:06:10.0"]


def test_only_what_is_persistent_where_that_is_asked_for(off_host):
    off_host.claim(DISK, persist=True)
    off_host.claim({"name": "disk", "address": OTHER}, owner="dpdk0")
    Reboots(off_host).start()
    assert not off_host.flow().reconcile(persistent=True).failed
    assert (binding(off_host, NVME), binding(off_host, OTHER)) == (VFIO, OWN)


def test_the_definition_follows_with_all_that_it_says(off_host):
    off_host.domain.xml[CONFIG] = domain_xml(BY_HAND)
    off_host.claim(DISK)
    before = elements(off_host)
    Reboots(off_host).start({"04": "06"})
    outcome = off_host.flow().reconcile()
    assert not outcome.failed
    assert outcome.moved == {NVME: "0000:06:00.0"}
    assert elements(off_host) == {"0000:06:00.0": before[NVME]}
    assert "ua-disk" in before[NVME]
    (device,) = off_host.record["claims"][0]["devices"]
    assert 'bus="0x06"' in device["stood_before"]["config"]
    assert "moved_from" not in device


def test_a_release_gives_back_what_has_moved_as_it_was(off_host):
    off_host.domain.xml[CONFIG] = domain_xml(BY_HAND)
    off_host.claim({**DISK, "boot_order": 1})
    Reboots(off_host).start({"04": "06"})
    off_host.flow().reconcile()
    off_host.release()
    at_first = {"0000:06:00.0": ET.fromstring(BY_HAND)}
    for element in at_first.values():
        element.remove(element.find("source"))
    assert elements(off_host) == {
        address: ET.canonicalize(ET.tostring(element, encoding="unicode")) for address, element in at_first.items()
    }
    assert binding(off_host, "0000:06:00.0") == OWN
    assert off_host.record["claims"] == []


def test_a_run_of_all_claims_lets_definitions_follow(off_host):
    either = {"name": "disk", "specs": [{"address": NVME}, {"address": "0000:06:00.0"}]}
    data = {"web1": [either], "dpdk0": [{"name": "disk", "address": OTHER}]}
    off_host.domain.xml[CONFIG] = domain_xml(BY_HAND)
    off_host.passthrough(data, persist=True)
    before = elements(off_host)
    Reboots(off_host).start({"04": "06"})
    assert not restored(off_host).failed
    outcome = off_host.passthrough(data, persist=True)
    assert outcome.changed
    assert elements(off_host) == {"0000:06:00.0": before[NVME]}
    assert not any("moved_from" in device for claim in off_host.record["claims"] for device in claim["devices"])
    assert not off_host.passthrough(data, persist=True).changed


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_release_before_the_definition_has_followed(off_host, by_hand):
    """The start of the host knows no libvirt."""
    if by_hand:
        off_host.domain.xml[CONFIG] = domain_xml(BY_HAND)
    off_host.claim({**DISK, "boot_order": 1}, persist=True)
    Reboots(off_host).start({"04": "06"})
    assert not restored(off_host).failed
    assert off_host.record["claims"][0]["devices"][0]["moved_from"] == NVME
    off_host.release()
    assert list(elements(off_host)) == (["0000:06:00.0"] if by_hand else [])
    assert all("ua-disk" in element and "boot" not in element for element in elements(off_host).values())
    assert binding(off_host, "0000:06:00.0") == OWN


def test_a_claim_before_the_definition_has_followed(off_host):
    off_host.claim(DISK, persist=True)
    before = elements(off_host)
    Reboots(off_host).start({"04": "06"})
    assert not restored(off_host).failed
    wish = {"name": "disk", "address": "0000:06:00.0"}
    told = off_host.claim(wish, check_mode=True)
    assert steps(told) == steps(off_host.claim(wish)) != []
    assert elements(off_host) == {"0000:06:00.0": before[NVME]}
    assert not off_host.claim(wish).changed


def test_two_devices_of_a_domain_that_changed_places(off_host):
    off_host.claim(DISKS)
    before = elements(off_host)
    Reboots(off_host).start(SWAPPED)
    outcome = off_host.flow().reconcile()
    assert not outcome.failed
    assert outcome.moved == {NVME: OTHER, OTHER: NVME}
    assert elements(off_host) == {NVME: before[OTHER], OTHER: before[NVME]}


def test_a_chain(off_host):
    off_host.set_vfs(4, take_over=True)
    off_host.claim(DISKS, NIC)
    before = elements(off_host)
    Reboots(off_host).start({"01": "04", "04": "81", "81": "06"})
    outcome = off_host.flow().reconcile()
    assert not outcome.failed
    assert outcome.moved == {NVME: OTHER, OTHER: "0000:06:00.0", VF.format(0): "0000:04:10.0"}
    assert elements(off_host) == {
        OTHER: before[NVME],
        "0000:06:00.0": before[OTHER],
        "0000:04:10.0": before[VF.format(0)],
    }


@pytest.fixture
def two_domains(off_host):
    """Two domains with a disk each."""
    other = off_host.libvirt.define("db1", OTHER_UUID, config=domain_xml(name="db1", uuid=OTHER_UUID))
    off_host.claim(DISK)
    off_host.claim({"name": "disk", "address": OTHER}, domain="db1")
    return off_host, other


@pytest.mark.parametrize("at_the_start", [True, False])
def test_devices_of_two_domains_that_changed_places(two_domains, at_the_start):
    """No driver is refused since the other domain has the device, by the address that it had before."""
    host, other = two_domains
    before = elements(host), elements(host, other)
    Reboots(host).start(SWAPPED)
    if at_the_start:
        restored(host)
    outcome = host.flow().reconcile()
    assert not outcome.failed
    assert elements(host) == {OTHER: before[0][NVME]}
    assert elements(host, other) == {NVME: before[1][OTHER]}
    assert binding(host, NVME) == binding(host, OTHER) == VFIO


def test_one_that_is_gone_keeps_no_other(off_host):
    off_host.claim(DISKS)
    before = elements(off_host)
    Reboots(off_host).start(gone=[NVME])
    outcome = off_host.flow().reconcile()
    assert [failure.address for failure in outcome.failed] == [NVME]
    assert binding(off_host, OTHER) == VFIO
    assert elements(off_host) == before


def test_one_that_is_gone_leaves_its_address_to_another_one_and_is_back(off_host):
    off_host.claim(DISKS)
    before = elements(off_host)
    reboots = Reboots(off_host)
    reboots.start(SWAPPED, gone=[NVME])
    outcome = off_host.flow().reconcile()
    assert [failure.address for failure in outcome.failed] == [f"ffff0000{NVME[4:]}"]
    assert elements(off_host) == {NVME: before[OTHER]}
    reboots.start()
    assert not off_host.flow().reconcile().failed
    assert elements(off_host) == before
    assert held(off_host) == [NVME, OTHER]


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_release_of_one_that_is_gone_and_whose_address_another_one_has(off_host, by_hand):
    if by_hand:
        off_host.domain.xml[CONFIG] = domain_xml(BY_HAND)
    off_host.claim({**DISK, "boot_order": 1})
    off_host.claim({"name": "disk", "address": OTHER}, owner="dpdk0")
    Reboots(off_host).start(SWAPPED, gone=[NVME])
    off_host.flow().reconcile()
    off_host.release()
    assert list(elements(off_host)) == ([NVME] if by_hand else [])
    assert held(off_host) == [NVME]
    assert binding(off_host, NVME) == VFIO


def test_one_that_refuses_keeps_no_other(off_host):
    off_host.claim(DISKS)
    Reboots(off_host).start()
    off_host.kernel.refuse(NVME, "vfio-pci")
    outcome = off_host.flow().reconcile()
    assert [failure.address for failure in outcome.failed] == [NVME]
    assert (binding(off_host, OTHER), binding(off_host, NVME)) == (VFIO, OWN)
    assert off_host.record["journal"] is None
    assert held(off_host) == [NVME, OTHER]


def test_one_that_refuses_keeps_no_definition_from_following(off_host):
    off_host.claim(DISKS)
    before = elements(off_host)
    Reboots(off_host).start(SWAPPED)
    off_host.kernel.refuse(NVME, "vfio-pci")
    outcome = off_host.flow().reconcile()
    assert [failure.address for failure in outcome.failed] == [NVME]
    assert elements(off_host) == {NVME: before[OTHER], OTHER: before[NVME]}
    assert not any("moved_from" in device for device in off_host.record["claims"][0]["devices"])


def test_one_domains_trouble_keeps_no_other(two_domains):
    host, other = two_domains
    before, own = elements(host, other), elements(host)
    Reboots(host).start(SWAPPED)
    for number in (1, 4):  # before VFs are made, and after that
        host.libvirt.fail(number, LibvirtError("internal error: no answer from the monitor"))
    outcome = host.flow().reconcile()
    assert {failure.owner.label for failure in outcome.failed} == {"web1"}
    assert elements(host, other) == {NVME: before[OTHER]}
    assert elements(host) == own
    assert binding(host, NVME) == VFIO
    assert not host.flow().reconcile().failed
    assert elements(host) == {OTHER: own[NVME]}
    assert binding(host, OTHER) == VFIO


def test_a_definition_that_could_follow_in_the_end_is_no_failure(two_domains):
    host, _other = two_domains
    own = elements(host)
    Reboots(host).start(SWAPPED)
    host.libvirt.fail(1, LibvirtError("internal error: no answer from the monitor"))
    assert not host.flow().reconcile().failed
    assert elements(host) == {OTHER: own[NVME]}
    assert binding(host, OTHER) == VFIO


def test_a_pf_that_is_gone_keeps_no_other_device(off_host):
    off_host.set_vfs(4, take_over=True)
    off_host.claim(NIC, DISK)
    Reboots(off_host).start(gone=[IGB_PF, "0000:01:10."])
    outcome = off_host.flow().reconcile()
    assert [failure.address for failure in outcome.failed] == [IGB_PF, VF.format(0)]
    assert binding(off_host, NVME) == VFIO


def test_another_device_at_the_address_is_not_bound(off_host):
    off_host.claim(DISK)
    Reboots(off_host).start(files={f"/sys/devices/*/*/{NVME}/nvme/nvme*/serial": "ANOTHER\n"})
    before = elements(off_host)
    outcome = off_host.flow().reconcile()
    assert [failure.address for failure in outcome.failed] == [NVME]
    told = outcome.failed[0].error.message
    assert "serial ANOTHER" in told
    assert "serial LABNVME0" in told
    assert binding(off_host, NVME) == OWN
    assert elements(off_host) == before


def test_a_record_that_cannot_be_read_binds_nothing(off_host):
    off_host.claim(DISK)
    Reboots(off_host).start()
    off_host.write("/etc/ansible/facts.d/hostdev.fact", "{")
    with pytest.raises(HostdevError, match="can't be understood"):
        off_host.flow().reconcile()
    assert binding(off_host, NVME) == OWN


def test_vfs_with_another_bus_number_are_made_there(off_host):
    off_host.set_vfs(4, take_over=True)
    Reboots(off_host).start({"01": "06"})
    outcome = off_host.flow().reconcile()
    assert not outcome.failed
    assert [made["address"] for made in off_host.record["vfs"]] == ["0000:06:00.0"]


def test_vfs_of_a_card_in_another_slot_are_made_there_and_their_domain_follows(off_host):
    off_host.set_vfs(4, take_over=True)
    off_host.claim(NIC)
    element = elements(off_host)[VF.format(0)]
    Reboots(off_host).start({"01": "06"}, ports={"0000:00:10.0": "0000:00:1d.0"})
    outcome = off_host.flow().reconcile()
    assert not outcome.failed
    assert outcome.moved == {VF.format(0): "0000:06:10.0"}
    assert binding(off_host, "0000:06:10.0") == VFIO
    assert elements(off_host) == {"0000:06:10.0": element}
    assert not off_host.flow().reconcile().changed


class VfsRuns:
    """Has each PF on record by another address once its VFs are made."""

    def __init__(self):
        self.known = []

    def decide(self, snapshot, _wish):
        self.known.append(sorted(snapshot.tracker.made_vfs))
        return []

    def files(self, _decisions, _record):
        return []

    def carry_out(self, _decisions, record):
        elsewhere = (replace(made, address=f"{address[:-1]}7") for address, made in record.tracker.made_vfs.items())
        record.tracker.made_vfs = {made.address: made for made in elsewhere}
        return []


def test_each_pf_is_decided_on_with_the_record_as_it_is_by_then():
    """Else of two cards that changed places the second one's entry would take the first one's away."""
    first, second = (pf(address, serial=address) for address in ("0000:01:00.0", "0000:02:00.0"))
    entries = [MadeVfs(card.address, card.identity, PfState(2), PfState(0)) for card in (first, second)]
    record = Record(tracker=Tracker(made_vfs=entries))
    snapshot, run = Snapshot(inventory(first, second), record.tracker.copy()), VfsRuns()
    reconciling = Reconciling(None, None, record, Outcome(), check_mode=False)
    reconciling.make_vfs(snapshot, run, persistent=False)
    assert run.known == [["0000:01:00.0", "0000:02:00.0"], ["0000:01:00.7", "0000:02:00.7"]]


def test_what_was_held_back_for_nobody_is_let_go(lab_host):
    lab_host.kernel.store("/sys/bus/pci/drivers/nvme/unbind", OTHER)
    lab_host.kernel.store(f"/sys/bus/pci/devices/{OTHER}/driver_override", NO_DRIVER)
    told = lab_host.flow(check_mode=True).reconcile()
    assert [(step.address, step.before.override) for step in told.let_go] == [(OTHER, NO_DRIVER)]
    assert (told.changed, lab_host.kernel.override(OTHER)) == (True, NO_DRIVER)
    assert lab_host.flow().reconcile().changed
    assert (lab_host.kernel.driver(OTHER), lab_host.kernel.override(OTHER)) == ("nvme", None)
    assert not lab_host.flow().reconcile().changed


UNMARKED = {"/sys/devices/*/*/*/nvme/nvme*/serial": "\n"}


@pytest.mark.parametrize("wanted", [[DISK], [{"name": "disk", "specs": [{"class": "0108"}]}], [NIC]])
def test_a_claim_does_not_take_one_of_its_model_for_a_device_that_is_elsewhere_by_its_path(off_host, wanted):
    """Both have no serial number; also a claim of something else for the owner binds all that it holds."""
    for path in UNMARKED:
        for local in off_host.root.glob(path[1:]):
            local.write_text("\n")
    off_host.claim(DISK)
    reboots = Reboots(off_host)
    reboots.start(SWAPPED, files=UNMARKED)
    if wanted == [NIC]:
        off_host.kernel.store(f"/sys/bus/pci/devices/{IGB_PF}/sriov_numvfs", "4")
        off_host.claim(*wanted)
    else:
        with pytest.raises(HostdevError, match=f"moved to {OTHER}.*kvm.hostdev.reconcile") as caught:
            off_host.claim(*wanted)
        assert caught.value.code == "held_device_mismatch"
    assert binding(off_host, NVME) == OWN
    assert not off_host.flow().reconcile().failed
    assert (binding(off_host, NVME), binding(off_host, OTHER)) == (OWN, VFIO)
