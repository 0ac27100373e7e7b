# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run for all owners makes of the claims of domains that are gone."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import (
    DISK,
    NIC,
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


def test_orphans_are_not_stale_once_they_went_back(host):
    host.passthrough({"db1": [NIC], "dpdk0": [NIC]})
    host.db.destroy()
    host.libvirt.domains.remove(host.db)
    assert labels(host.passthrough({}, orphans=True).stale) == [("dpdk0", "nic")]


def test_orphans_go_back_whoever_claimed_them(host):
    host.claim(NIC, domain="db1")
    host.db.destroy()
    host.libvirt.domains.remove(host.db)
    outcome = host.passthrough({"web1": [at(0)]}, orphans=True)
    assert (outcome.changed, outcome.undeclared) == (True, [])
    assert held(host) == {"web1": {VF1: "nic"}}


@pytest.mark.parametrize("terms", [{"purge": True}, {"orphans": True}])
def test_a_connection_that_can_not_know_a_domain_gives_back_nothing_of_it(host, terms):
    host.passthrough({"db1": [at(0)], "dpdk0": [at(1)]})
    host.db.destroy()
    host.libvirt.domains.remove(host.db)
    host.libvirt.getURI = lambda: "qemu:///session"
    before = host.kept_state()
    failed = refused(host.passthrough, {"dpdk0": [at(1)]}, **terms)
    assert (failed.code, failed.remedy) == ("wrong_hypervisor", "set uri to qemu:///system")
    assert host.kept_state() == before
    stale = host.passthrough({"dpdk0": [at(1)]})
    assert (stale.changed, labels(stale.stale)) == (False, [("db1", "nic")])


@pytest.mark.parametrize("terms", [{"purge": True}, {"purge": True, "orphans": True}])
def test_any_connection_will_do_for_what_goes_back_of_domains_that_it_knows_and_of_free_owners(host, terms):
    host.passthrough({"db1": [at(0)], "dpdk0": [at(1)], "dpdk1": [at(2)]})
    host.libvirt.getURI = lambda: "qemu:///session"
    host.passthrough({"dpdk0": [at(1)]}, **terms)
    assert held(host) == {"dpdk0": {VF2: "nic"}}


def test_orphans_and_what_the_data_no_longer_names_go_back_together(host):
    host.passthrough({"db1": [at(0)], "dpdk0": [at(1)], "web1": [at(2), DISK]})
    host.db.destroy()
    host.libvirt.domains.remove(host.db)
    host.passthrough({"web1": [at(2)]}, orphans=True, purge=True)
    assert held(host) == {"web1": {VF3: "nic"}}


def test_without_libvirt_nobody_knows_whose_domains_are_gone(tmp_path):
    host = FakeHost(tmp_path, libvirt=False)
    error = refused(host.passthrough, {"dpdk0": [NIC]}, orphans=True)
    assert (error.code, error.subject) == ("no_libvirt", "orphans")
    assert host.record_or_none() is None
