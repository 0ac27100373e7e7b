# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Libvirt's question before a domain starts, asked as libvirt asks it."""

from __future__ import annotations

import io
import json
import os
import sys
from functools import partial
from types import SimpleNamespace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore import hook
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore import main as main_file
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore.main import main
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.hook import REFUSED
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FACTS, IGB_PF, RECORD
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, OTHER_UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots, restored

NVME, OTHER, VF = "0000:04:00.0", "0000:81:00.0", "0000:01:10.0"
DISK = {"name": "disk", "address": NVME}
SERIAL = f"/sys/devices/*/*/{NVME}/nvme/nvme*/serial"


class Libvirt:
    """A host whose libvirt asks the hook; `told` is what is in its log then."""

    def __init__(self, host, monkeypatch, capsys):
        self.host, self._monkeypatch, self._capsys = host, monkeypatch, capsys
        monkeypatch.setattr(hook, "Tree", lambda: host.tree)
        self.told = ""

    def ask(self, *words, xml=None):
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(xml or self.host.domain.xml[CONFIG]))
        self._monkeypatch.setattr(main_file, "FACTS", f"{self.host.root}{FACTS}")
        status = main(["hook", "web1", *(words or ("prepare", "begin", "-"))])
        self.told = self._capsys.readouterr().err
        return status


@pytest.fixture
def libvirt(lab_host, monkeypatch, capsys):
    """A domain with a disk that comes back, shut off."""
    lab_host.domain.xml[LIVE] = None
    lab_host.claim(DISK, persist=True)
    return Libvirt(lab_host, monkeypatch, capsys)


def test_a_domain_whose_devices_are_back_may_start(libvirt):
    Reboots(libvirt.host).start()
    restored(libvirt.host)
    assert (libvirt.ask(), libvirt.told) == (0, "")


def test_a_device_with_the_hosts_driver_and_unused_may_be_taken(libvirt):
    Reboots(libvirt.host).start(kept_off=False)
    assert libvirt.ask() == 0


@pytest.mark.parametrize(
    "words", [("start", "begin", "-"), ("prepare", "end", "-"), ("reconnect", "begin", "-"), ("release", "end", "-")]
)
def test_only_a_start_is_ever_refused(libvirt, words):
    Reboots(libvirt.host).start(gone=[NVME])
    assert libvirt.ask() == REFUSED
    assert libvirt.ask(*words) == 0


def test_a_missing_device(libvirt):
    Reboots(libvirt.host).start(gone=[NVME])
    assert libvirt.ask() == REFUSED
    assert f"{NVME} (1b36:0010, serial LABNVME0 at 0000_00_13.0-00_00.0) is not on the host" in libvirt.told


def test_another_device_in_its_place(libvirt):
    Reboots(libvirt.host).start(files={SERIAL: "ANOTHER\n"}, kept_off=False)
    assert libvirt.ask() == REFUSED
    assert "another device" in libvirt.told
    assert "ANOTHER" in libvirt.told
    assert "LABNVME0" in libvirt.told


def test_one_of_its_model_that_came_to_its_address(libvirt):
    Reboots(libvirt.host).start({"04": "81", "81": "04"}, kept_off=False)
    assert libvirt.ask() == REFUSED
    assert "1b36:0010" in libvirt.told
    assert "at 0000_80_00.0-00_00.0" in libvirt.told
    assert "at 0000_00_13.0-00_00.0" in libvirt.told


def test_a_vf_of_another_card_of_the_model(libvirt):
    libvirt.host.release()
    libvirt.host.claim({"name": "nic", "address": VF}, persist=True)
    for mac, status in (("52:54:00:12:34:57", 0), ("52:54:00:99:99:99", REFUSED)):
        Reboots(libvirt.host).start(files={f"/sys/devices/*/*/{IGB_PF}/net/*/address": f"{mac}\n"})
        libvirt.host.kernel.store(f"/sys/bus/pci/devices/{IGB_PF}/sriov_numvfs", "4")
        assert libvirt.ask() == status
    assert "VF 0 of 8086:10c9, serial 52:54:00:99:99:99" in libvirt.told


def test_a_definition_that_has_not_followed(libvirt):
    Reboots(libvirt.host).start({"04": "06"})
    restored(libvirt.host)
    assert libvirt.ask() == REFUSED
    assert "0000:06:00.0 now" in libvirt.told
    libvirt.host.flow().reconcile()
    assert (libvirt.ask(), libvirt.told) == (0, "")


def test_one_that_is_gone_and_whose_address_another_one_has(libvirt):
    libvirt.host.claim({"name": "disk", "address": OTHER}, owner="dpdk0", persist=True)
    Reboots(libvirt.host).start({"04": "81", "81": "04"}, gone=[NVME])
    restored(libvirt.host)
    assert libvirt.ask() == REFUSED
    assert "is not on the host" in libvirt.told
    assert "ffff0000" not in libvirt.told


def test_another_domains_device(libvirt):
    xml = domain_xml(hostdev_xml(NVME, managed=True), name="db1", uuid=OTHER_UUID)
    assert libvirt.ask(xml=xml) == REFUSED
    assert f"{NVME} is held by domain web1" in libvirt.told


def test_a_device_that_nobody_holds_is_no_matter_of_ours(libvirt):
    xml = domain_xml(hostdev_xml(OTHER, managed=True), name="db1", uuid=OTHER_UUID)
    assert (libvirt.ask(xml=xml), libvirt.told) == (0, "")


def test_a_device_that_the_host_uses(libvirt):
    Reboots(libvirt.host).start(kept_off=False)
    (namespace,) = libvirt.host.root.glob(f"sys/devices/*/*/{NVME}/nvme/nvme*/nvme*n1")
    libvirt.host.mount(namespace.name)
    assert libvirt.ask() == REFUSED
    assert "mounted_fs" in libvirt.told


@pytest.mark.parametrize("damage", ["{", '{"schema": 99}'])
def test_with_a_record_that_cannot_be_read_no_domain_with_devices_starts(libvirt, damage):
    """Another card may be at the address, and libvirt would bind that."""
    libvirt.host.write(RECORD, damage)
    assert libvirt.ask() == REFUSED
    assert f"web1 is not started with {NVME}: " in libvirt.told
    assert libvirt.ask(xml=domain_xml(name="db1", uuid=OTHER_UUID)) == 0


def test_nor_with_the_record_of_another_machine(libvirt):
    libvirt.host.write("/etc/machine-id", f"{'b' * 32}\n")
    libvirt.host.write(RECORD, json.dumps({**libvirt.host.record, "machine_id": "a" * 32}))
    assert libvirt.ask() == REFUSED
    assert "another machine" in libvirt.told


def test_nor_where_the_record_is_gone_with_its_copy(libvirt):
    for path in (libvirt.host.file.path, libvirt.host.file.copy_path):
        os.unlink(path)
    assert libvirt.ask() == REFUSED
    assert f"web1 is not started with {NVME}: " in libvirt.told
    assert "so is its copy" in libvirt.told


def test_a_host_without_a_record(lab_host, monkeypatch, capsys):
    asked = Libvirt(lab_host, monkeypatch, capsys)
    assert (asked.ask(), asked.told) == (0, "")


def test_what_is_no_xml_refuses_nothing(libvirt):
    assert libvirt.ask(xml="<domain") == 0


def test_a_word_that_nobody_knows(capsys):
    assert main(["begin"]) == 2
    assert "boot, domains, hook" in capsys.readouterr().err


def test_a_device_that_moved_away_from_a_definition_that_somebody_wrote(lab_host, monkeypatch, capsys):
    """What was claimed with attach: [] is in it by hand; at its address there is another disk by now."""
    lab_host.domain.xml[LIVE] = None
    lab_host.claim(DISK, persist=True, attach=())
    lab_host.domain.xml[CONFIG] = domain_xml(hostdev_xml(NVME, managed=True))
    Reboots(lab_host).start(buses={"04": "81", "81": "04"})
    restored(lab_host)
    libvirt = Libvirt(lab_host, monkeypatch, capsys)
    assert libvirt.ask() == REFUSED
    assert "definition has not followed" in libvirt.told


@pytest.mark.parametrize("allow", [(), ("boot_vga",)])
def test_a_use_that_was_accepted_when_it_was_claimed_is_accepted_at_each_start(lab_host, monkeypatch, capsys, allow):
    """With managed='yes' it has the host's driver again whenever the guest is shut off."""
    lab_host.domain.xml[LIVE] = None
    lab_host.claim(DISK, persist=True, allow=frozenset(allow))
    Reboots(lab_host).start(kept_off=False)

    def console(_host, addresses, **_options):
        found = lab_host.system.inventory_of(addresses, ask_libvirt=False)
        found.host_uses = {NVME: (HostUse("boot_vga", NVME, "it has a link"),)}
        return found

    monkeypatch.setattr(hook, "ChangingHost", lambda _tree: SimpleNamespace(inventory_of=partial(console, None)))
    libvirt = Libvirt(lab_host, monkeypatch, capsys)
    assert libvirt.ask() == (0 if allow else REFUSED)


@pytest.fixture
def pool(lab_host, monkeypatch, capsys):
    """The disk is a free owner's, and a domain has it by hand."""
    lab_host.domain.xml[LIVE] = None
    lab_host.claim(DISK, owner="pool", attach=(), persist=True)
    lab_host.domain.xml[CONFIG] = domain_xml(hostdev_xml(NVME, managed=True))
    return Libvirt(lab_host, monkeypatch, capsys)


def test_the_device_of_a_free_owner_that_a_definition_has_by_hand(pool):
    Reboots(pool.host).start()
    assert not restored(pool.host).failed
    assert (pool.ask(), pool.told) == (0, "")


def test_another_device_in_the_place_of_a_free_owners(pool):
    """libvirt would bind whatever is there."""
    Reboots(pool.host).start(files={SERIAL: "ANOTHER\n"}, kept_off=False)
    restored(pool.host)
    assert pool.ask() == REFUSED
    assert "another device, 1b36:0010, serial ANOTHER" in pool.told
    assert "and not the one that owner pool has on record" in pool.told


def test_the_device_of_a_free_owner_that_is_gone_or_that_the_host_uses(pool):
    Reboots(pool.host).start(gone=[NVME])
    assert pool.ask() == REFUSED
    assert f"the device of owner pool {NVME} (1b36:0010" in pool.told
    Reboots(pool.host).start(kept_off=False)
    (namespace,) = pool.host.root.glob(f"sys/devices/*/*/{NVME}/nvme/nvme*/nvme*n1")
    pool.host.mount(namespace.name)
    assert pool.ask() == REFUSED
    assert "mounted_fs" in pool.told


@pytest.mark.parametrize("buses", [{"04": "81", "81": "04"}, {"04": "06"}])
@pytest.mark.parametrize("at_boot", [True, False])
def test_a_definition_has_the_place_where_a_free_owners_device_was(pool, buses, at_boot):
    """Until it has another one: the record and its owner's device have moved on."""
    host, now = pool.host, f"0000:{buses['04']}:00.0"
    Reboots(host).start(buses, kept_off=False)
    if at_boot:
        restored(host)
    host.flow().reconcile()
    (held,) = host.record["claims"][0]["devices"]
    assert (held["address"], held["moved_from"]) == (now, NVME)
    assert pool.ask() == REFUSED
    assert f"its definition has {NVME}, where the device of owner pool was, which is at {now} now" in pool.told
    again = host.flow().reconcile()
    assert not again.changed
    assert [f"the definition of domain web1 has {NVME}" in warning for warning in again.warnings] == [True]
    host.domain.xml[CONFIG] = domain_xml(hostdev_xml(now, managed=True))
    assert (pool.ask(), pool.told) == (0, "")
    assert host.flow(check_mode=True).reconcile().changed
    assert host.flow().reconcile().warnings == []
    assert "moved_from" not in host.record["claims"][0]["devices"][0]
    assert not host.flow().reconcile().changed


def test_what_is_in_that_place_may_be_claimed_for_the_domain(pool):
    Reboots(pool.host).start({"04": "81", "81": "04"}, kept_off=False)
    restored(pool.host)
    pool.host.claim(DISK)
    assert (pool.ask(), pool.told) == (0, "")


def test_a_place_that_no_definition_has_is_forgotten(pool):
    pool.host.domain.xml[CONFIG] = domain_xml()
    Reboots(pool.host).start({"04": "06"})
    restored(pool.host)
    assert "moved_from" not in pool.host.record["claims"][0]["devices"][0]


def test_one_that_moves_on_and_one_that_comes_back(pool):
    reboots = Reboots(pool.host)
    for buses, moved_from in (({"04": "06"}, NVME), ({"04": "07"}, NVME), ({}, None)):
        reboots.start(buses)
        restored(pool.host)
        assert pool.host.record["claims"][0]["devices"][0].get("moved_from") == moved_from


def test_a_definition_that_is_no_xml_names_nothing(pool):
    Reboots(pool.host).start({"04": "06"})
    pool.host.write("/etc/libvirt/qemu/web1.xml", "<domain")
    assert not restored(pool.host).failed
    assert "moved_from" not in pool.host.record["claims"][0]["devices"][0]
