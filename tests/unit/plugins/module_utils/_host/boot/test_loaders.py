# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each boot loader: added, added again, taken out, in check mode, and with the power cut at each effect."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.carrying_out import BOOK
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_boot import Cut, FakeBootHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import HOSTS, made

ASKED = ("intel_iommu=on", "iommu=pt")
MADE_BY_OTHERS = ("/ostree/kargs",)


@pytest.fixture(params=HOSTS)
def host(request, folder, monkeypatch):
    return made(request.param, folder, monkeypatch)


def without_book(whole):
    return {name: what for name, what in whole.items() if not name.startswith("/etc/kvm.hostdev")}


def test_added_added_again_and_taken_out_byte_for_byte(host):
    before = host.whole()
    added = host.run(*ASKED)
    assert (added.changed, added.reboot_needed, added.present) == (True, True, ())
    with_ours = host.whole()
    assert without_book(with_ours) != before
    assert host.exists(BOOK)

    host.power.effects.clear()
    again = host.run(*ASKED)
    assert (again.changed, again.files, again.diff, again.reboot_needed) == (False, (), (), True)
    assert host.power.effects == []
    assert host.whole() == with_ours

    host.write("/proc/cmdline", host.read("/proc/cmdline").rstrip("\n") + " intel_iommu=on iommu=pt\n")
    booted = host.run(*ASKED)
    assert (booted.changed, booted.reboot_needed, booted.present) == (False, False, ASKED)
    removed = host.absent()
    assert (removed.changed, removed.reboot_needed) == (True, True)
    host.write("/proc/cmdline", before["/proc/cmdline"][1])
    assert host.whole() == before
    assert host.absent().changed is False


def test_check_mode_writes_nothing_and_foretells_the_diff(host):
    before = host.whole()
    foretold = host.run(*ASKED, check=True)
    assert host.whole() == before
    assert host.power.effects == []
    assert host.run(*ASKED) == foretold
    assert foretold.diff or foretold.files
    with_ours = host.whole()
    foretold = host.absent(check=True)
    assert host.whole() == with_ours
    assert host.absent() == foretold


def test_one_argument_more_and_one_less(host):
    before = host.whole()
    host.run("intel_iommu=on")
    host.run("iommu=pt")
    whole = host.whole()
    host.absent()
    assert host.whole() == before
    host.run(*ASKED)
    assert without_book(host.whole()) == without_book(whole)
    assert host.absent("intel_iommu=on").changed is True
    one = without_book(host.whole())
    host.run("iommu=pt", exclusive=True)
    assert without_book(host.whole()) == one
    host.absent()
    host.run("iommu=pt")
    assert without_book(host.whole()) == one
    host.absent()
    assert host.whole() == before


def test_what_is_taken_out_is_in_force_until_a_reboot(host):
    host.run(*ASKED)
    before = host.read("/proc/cmdline").rstrip("\n")
    host.write("/proc/cmdline", f"{before} intel_iommu=on iommu=pt\n")
    outcomes = [host.absent("intel_iommu=on") for _run in range(2)]
    assert [(outcome.changed, outcome.reboot_needed) for outcome in outcomes] == [(True, True), (False, True)]
    host.write("/proc/cmdline", f"{before} iommu=pt\n")
    assert not host.absent("intel_iommu=on").reboot_needed


def cuts(host: FakeBootHost, task):
    """The power cut at each effect of the task in turn, with what the cut was at."""
    effects = 0
    while True:
        with host.power.cut_after(effects):
            try:
                task()
            except Cut as cut:
                at = str(cut)
            else:
                return
        yield effects, at
        effects += 1


def check_bootable(host: FakeBootHost, old, new):
    """Each file is as it was or as it is to be, and none that a loader reads is new and half."""
    for name, what in host.whole().items():
        if name in old or name in new:
            assert what in (old.get(name), new.get(name)) or name in MADE_BY_OTHERS or name == BOOK, name
        elif what != "folder":
            assert name.rpartition("/")[2].startswith(".") or "/.kvm-hostdev/" in name, name
    for name, what in host.whole().items():
        if "/entries/" in name or name == "/etc/kernel/cmdline":
            assert b"root=" in what[1] or b"$kernelopts" in what[1] or name.endswith("memtest.conf"), name


def test_after_a_cut_the_host_boots_and_the_next_run_completes_it(host):
    before = host.whole()
    host.run(*ASKED)
    after = host.whole()
    host.absent()
    assert host.whole() == before
    count = 0
    for _effects, at in cuts(host, lambda: host.run(*ASKED)):
        check_bootable(host, before, after)
        host.run(*ASKED)
        assert host.whole() == after, at
        host.absent()
        assert host.whole() == before, at
        count += 1
    assert count > 5
    assert host.whole() == after


def test_what_a_cut_left_is_undone(host):
    before = host.whole()
    for _effects, at in cuts(host, lambda: host.run(*ASKED)):
        host.absent()
        assert host.whole() == before, at


def test_a_cut_while_it_is_taken_out(host):
    before = host.whole()
    host.run(*ASKED)
    after = host.whole()
    count = 0
    for _effects, at in cuts(host, host.absent):
        check_bootable(host, after, before)
        host.absent()
        assert host.whole() == before, at
        host.run(*ASKED)
        assert host.whole() == after, at
        count += 1
    assert count > 3
    assert host.whole() == before
