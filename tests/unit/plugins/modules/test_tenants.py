# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims and releases for a tenant: what is on record decides whose a claim is."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import DISK, NIC

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
