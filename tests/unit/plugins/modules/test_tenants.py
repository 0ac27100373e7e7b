# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims and releases for a tenant: what is on record decides whose a claim is."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock import LOCK, locked
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import OTHER_UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import DISK, NIC, VF1, VF2, at

THIRD = "1e5cb8f9-2a7a-4a1c-8b46-8f7a7b1b6d22"
CLAIM, RELEASE = "pci_passthrough_claim", "pci_passthrough_release"


@pytest.fixture
def runner(two_domains, monkeypatch, capsys):
    return Runner(two_domains, monkeypatch, capsys)


def labels(runner):
    return [claim.get("labels", {}) for claim in runner.host.record["claims"]]


def claimed_for(runner, tenant, **options):
    return runner.done(CLAIM, **{"domain": "web1", "requests": [NIC], "tenant": tenant, **options})


def test_a_claim_gets_the_label_of_its_tenant_and_keeps_all_others(runner):
    claimed_for(runner, "blue")
    assert labels(runner) == [{"tenant": "blue"}]
    runner.done(CLAIM, domain="web1", requests=[], labels={"tenant": "blue", "project": "vision"})
    assert claimed_for(runner, "blue")["changed"] is False
    assert claimed_for(runner, "blue", check=True)["changed"] is False
    claimed_for(runner, "blue", requests=[DISK], labels={"tenant": "red", "floor": "2"})
    assert labels(runner) == [{"tenant": "blue", "project": "vision", "floor": "2"}]


def test_a_limit_by_an_administrators_label_holds_for_the_tenants_claim(runner):
    limits = [{"labels": {"project": "vision"}, "most": 1}]
    runner.done(CLAIM, domain="web1", requests=[NIC], labels={"tenant": "blue", "project": "vision"})
    options = {"domain": "web1", "requests": [DISK], "tenant": "blue", "limits": limits}
    assert runner.failed(CLAIM, **options)["error"]["code"] == "limit_reached"
    assert runner.failed(CLAIM, check=True, **options)["error"]["code"] == "limit_reached"


@pytest.mark.parametrize("own", [{"tenant": "red"}, {"project": "vision"}, None])
@pytest.mark.parametrize("check", [False, True])
def test_another_tenants_or_an_administrators_claim_is_left_as_it_is(runner, own, check):
    runner.done(CLAIM, domain="web1", requests=[NIC], labels=own)
    before = runner.host.record
    for module, options in (
        (CLAIM, {"requests": [{**NIC, "count": 2}]}),
        (CLAIM, {"requests": [DISK]}),
        (CLAIM, {"requests": []}),
        (RELEASE, {}),
        (RELEASE, {"names": ["nic"]}),
        (RELEASE, {"names": ["other"]}),
    ):
        failed = runner.failed(module, domain="web1", tenant="blue", check=check, **options)
        assert failed["error"]["code"] == "not_the_tenants"
        assert "its claim is another tenant's or an administrator's" in failed["msg"]
        assert "red" not in failed["msg"]
    assert runner.host.record == before


def test_a_tenant_releases_its_own_and_what_nobody_has(runner):
    claimed_for(runner, "blue")
    assert runner.done(RELEASE, domain="web1", tenant="blue", names=["nic"])["changed"] is True
    assert runner.done(RELEASE, domain="web1", tenant="blue", names=["nic"])["changed"] is False
    assert claimed_for(runner, "red")["changed"] is True


def test_an_administrator_changes_every_claim_and_takes_no_label_away(runner):
    claimed_for(runner, "blue")
    assert claimed_for(runner, "*")["changed"] is False
    claimed_for(runner, "*", labels={"project": "vision"})
    assert labels(runner) == [{"tenant": "blue", "project": "vision"}]
    runner.done(RELEASE, domain="web1", tenant="*")
    claimed_for(runner, "*")
    assert labels(runner) == [{}]


@pytest.mark.parametrize(("module", "options"), [(CLAIM, {"requests": [NIC]}), (RELEASE, {})])
def test_a_tenant_without_a_name_is_refused(runner, module, options):
    error = runner.failed(module, domain="web1", tenant=" ", **options)["error"]
    assert error["code"] == "invalid_option"


OF_BOTH = {"owners": ["web1", "db1"], "most": 1}
UNTOLD = {
    "limit": (CLAIM, {"requests": [DISK], "limits": [{"most": 1}]}, "another owner holds 1"),
    "limit of owners": (CLAIM, {"requests": [NIC, DISK], "limits": [OF_BOTH]}, "limits[0] (its owners): web1 wants 2"),
    "no domain": (
        CLAIM,
        {"domain": "db", "requests": [NIC]},
        "domain db: libvirt has no domain of that name or UUID; wanted",
    ),
    "held": (CLAIM, {"requests": [at(0)]}, "held by another owner"),
    "none left": (CLAIM, {"requests": [{**NIC, "count": 9}]}, "another owner"),
    "its address": (RELEASE, {"domain": None, "addresses": [VF1]}, "another owner: its claim is another tenant's"),
    "defined": (CLAIM, {"requests": [at(1)]}, "another owner is defined with it"),
}
"""What is refused, and how others are told: db1 has a VF on record, and db2 one by its definition alone."""


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(("module", "options", "words"), UNTOLD.values(), ids=UNTOLD)
def test_a_tenant_is_told_no_owner_that_is_not_its_own(runner, module, options, words, check):
    runner.done(CLAIM, domain="db1", requests=[at(0)], labels={"tenant": "red"})
    defined = domain_xml(hostdev_xml(VF2, managed=True), name="db2", uuid=THIRD)
    runner.host.libvirt.define("db2", THIRD, config=defined)
    runner.warnings.clear()
    options = {"domain": "web1", "check": check, **options}
    failed = runner.failed(module, tenant="blue", **options)
    assert words in failed["msg"]
    failed.pop("invocation", None)  # the options as they were given, which ansible-core 2.21 leaves out
    for text in (json.dumps(failed), *runner.warnings):
        assert not [name for name in ("db1", OTHER_UUID, "db2", THIRD) if name in text]
    if module == CLAIM:
        assert "db" in runner.failed(module, tenant="*", **options)["msg"]


def test_a_tenant_waits_for_a_run_of_which_it_is_told_nothing(runner):
    with locked(f"{runner.host.root}{LOCK}", seconds=1, doing="claim for db1"):
        failed = runner.failed(CLAIM, domain="web1", requests=[NIC], tenant="blue", lock_timeout=0)
    assert failed["error"]["code"] == "locked"
    assert "another run holds the lock; wanted" in failed["msg"]
