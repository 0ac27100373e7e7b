# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The samples in the modules' documentation are what they return on the lab host of Debian 13."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.changing import ModuleHost
from ansible_collections.kvm.hostdev.tests.unit.helpers import documented
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import without_vfs

CLAIM = "pci_passthrough_claim"
RELEASE = "pci_passthrough_release"
ALL = "pci_passthrough"
PF, VF = "0000:01:00.0", "0000:01:10.0"
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca", "device_type": "type-VF"}]}
AT_EIGHT = datetime.datetime(2024, 11, 28, 8, tzinfo=datetime.timezone.utc).timestamp()


@pytest.fixture
def runner(two_domains, monkeypatch, capsys):
    monkeypatch.setattr(ModuleHost, "pfs", two_domains.system.pfs)
    two_domains.seconds = AT_EIGHT
    return Runner(two_domains, monkeypatch, capsys)


def differing(module: str, result: t.Mapping[str, t.Any], *keys: str) -> dict[str, tuple[t.Any, t.Any]]:
    """Those of the keys whose sample is something else; of a list the sample may be its beginning."""
    samples = {key: documented.returns(module)[key]["sample"] for key in keys}
    told = {key: result[key][: len(samples[key])] if isinstance(result[key], list) else result[key] for key in keys}
    return {key: (samples[key], told[key]) for key in keys if samples[key] != told[key] or not samples[key]}


def test_a_claim_and_its_release(runner):
    claimed = runner.done(CLAIM, domain="web1", requests=[NIC])
    assert differing(CLAIM, claimed, "msg", "devices", "plan", "claim", "search") == {}
    released = runner.done(RELEASE, domain="web1")
    assert differing(RELEASE, released, "msg", "devices", "plan", "claims") == {}


def test_a_claim_of_what_the_host_needs(runner):
    refused = runner.failed(CLAIM, domain="web1", requests=[{"name": "disk", "address": "0000:00:02.0"}])
    assert differing(CLAIM, refused, "error") == {}


def test_claims_of_several_owners(runner):
    runner.done(CLAIM, domain="web1", requests=[{"name": "disk", "address": "0000:04:00.0"}])
    runner.done(ALL, claims=[{"owner": "dpdk0", "requests": [{"name": "port", "address": "0000:01:10.6"}]}])
    result = runner.done(ALL, claims=[{"domain": "db1", "requests": [NIC]}])
    assert differing(ALL, result, "msg", "owners", "plan", "stale", "undeclared") == {}


def test_owners_that_compete(runner):
    one = {"requests": [{"name": "nic", "address": VF}]}
    refused = runner.failed(ALL, claims=[{"domain": "web1", **one}, {"domain": "db1", **one}])
    assert differing(ALL, refused, "error") == {}


def test_vfs_that_are_made_and_that_are_in_use(runner):
    runner.done(CLAIM, domain="web1", requests=[NIC])
    refused = runner.failed("pci_sriov", address=PF, number=7, take_over=True)
    assert differing("pci_sriov", refused, "error") == {}
    runner.done(RELEASE, domain="web1")
    without_vfs(runner.host)
    made = runner.done("pci_sriov", devname="enp1s0", number=4, vfs=[{"vf": 1, "trust": True}])
    assert differing("pci_sriov", made, "msg", "pfs", "plan") == {}


def test_what_is_written_down(runner):
    runner.host.kernel.load_module("vfio-pci")
    runner.host.domain.xml[LIVE] = None
    runner.host.domain.xml[CONFIG] = domain_xml(hostdev_xml(VF, managed=True))
    runner.host.domain.create()
    runner.host.write(f"/etc/driverctl.d/pci-{VF}", "vfio-pci\n")
    adopted = runner.done("pci_adopt")
    assert differing("pci_adopt", adopted, "msg", "lines", "claims", "vfs", "fighters") == {}
    refused = runner.failed("pci_adopt", domains=["web2"])
    assert differing("pci_adopt", refused, "error") == {}


def test_what_a_reboot_took_away(runner):
    runner.done(CLAIM, domain="web1", requests=[NIC], attach=["config"])
    runner.host.domain.destroy()
    runner.host.reboot()
    result = runner.done("pci_reconcile")
    assert differing("pci_reconcile", result, "msg", "plan") == {}


def test_facts_of_claims(runner):
    runner.done(CLAIM, domain="web1", requests=[NIC], labels={"team": "vision"}, limits=[{"until": "8h"}])
    runner.host.domain.xml[CONFIG] = domain_xml()
    facts = runner.done("pci_facts")
    hostdev = documented.returns("pci_facts")["ansible_facts"]["contains"]["hostdev"]["contains"]
    told = facts["ansible_facts"]["hostdev"]
    assert [key for key in ("claims", "drift", "pools") if hostdev[key]["sample"] != told[key][:1]] == []
    assert hostdev["iommu_groups"]["sample"][0] in told["iommu_groups"]
