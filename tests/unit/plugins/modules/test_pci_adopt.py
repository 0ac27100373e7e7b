# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pci_adopt: its options, and what it returns."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.changing import ModuleHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner

ADOPT = "pci_adopt"
VF = "0000:01:10.0"


@pytest.fixture
def runner(lab_host, monkeypatch, capsys):
    lab_host.kernel.load_module("vfio-pci")
    lab_host.domain.xml[LIVE] = None
    lab_host.domain.xml[CONFIG] = domain_xml(hostdev_xml(VF, managed=True))
    lab_host.domain.create()
    lab_host.write(f"/etc/driverctl.d/pci-{VF}", "vfio-pci\n")
    monkeypatch.setattr(ModuleHost, "pfs", lab_host.system.pfs)
    return Runner(lab_host, monkeypatch, capsys)


def test_it_returns_what_it_writes_down(runner):
    before = runner.host.host_state()
    result = runner.done(ADOPT, diff=True)
    assert runner.host.host_state() == before
    assert result["changed"] is True
    assert result["msg"] == (
        f"1 device of web1 and the VFs of {IGB_PF} written down; 1 place binds devices or makes VFs beside the record, "
        "see fighters"
    )
    (claim,) = result["claims"]
    assert claim["owner"]["label"] == "web1"
    assert claim["requests"] == [{"name": "nic0", "address": VF}]
    assert claim["devices"] == runner.host.record["claims"][0]["devices"]
    assert claim["persist"] is False
    (vfs,) = result["vfs"]
    assert (vfs["address"], vfs["number"], vfs["autoprobe"], vfs["persist"]) == (IGB_PF, 4, True, False)
    assert (vfs["mtu"], vfs["eswitch_mode"], vfs["settings"]) == (None, None, {})
    assert vfs["interface"]
    (fighter,) = result["fighters"]
    assert (fighter["kind"], fighter["path"], fighter["line"]) == ("driverctl", f"/etc/driverctl.d/pci-{VF}", 1)
    assert result["lines"][0].startswith(f"web1: nic0 {VF} (8086:10ca, vfio-pci)")
    assert "".join(part["after"] for part in result["diff"]).splitlines() == result["lines"]
    assert result["unattached"] == []


def test_check_mode_returns_the_same_and_writes_nothing(runner):
    before = runner.host.whole_state()
    told = runner.done(ADOPT, check=True)
    assert runner.host.whole_state() == before
    done = runner.done(ADOPT)
    assert "would be written down" in told.pop("msg")
    done.pop("msg")
    assert told.items() >= {name: done[name] for name in ("changed", "claims", "vfs", "fighters", "lines")}.items()


def test_a_second_run_has_nothing_to_do(runner):
    runner.done(ADOPT)
    again = runner.done(ADOPT)
    assert again["changed"] is False
    assert again["msg"].startswith("nothing is to be written down; 1 place")
    assert (again["claims"], again["vfs"], again["lines"]) == ([], [], [])


def test_options_reach_the_wish(runner):
    assert runner.done(ADOPT, domains=["web1"], vfs=False)["vfs"] == []


def test_what_is_to_come_back_comes_from_the_record_that_the_units_read(runner):
    error = runner.failed(ADOPT, persist=True)["error"]
    assert (error["code"], error["subject"].split()[0]) == ("persist_failed", "facts_path")


def test_the_facts_show_no_drift_of_what_was_adopted(runner):
    facts = runner.done("pci_facts")["ansible_facts"]["hostdev"]
    assert [entry["code"] for entry in facts["drift"]] == ["not_on_record"]
    runner.done(ADOPT)
    facts = runner.done("pci_facts")["ansible_facts"]["hostdev"]
    assert facts["drift"] == []
    assert [claim["owner"]["label"] for claim in facts["claims"]] == ["web1"]


@pytest.mark.parametrize(
    ("options", "subject"), [({"domains": [" "]}, "domains"), ({"unattached_owner": ""}, "unattached_owner")]
)
def test_a_name_that_is_none_is_refused(runner, options, subject):
    error = runner.failed(ADOPT, **options)["error"]
    assert (error["code"], error["subject"]) == ("invalid_option", subject)


def test_a_domain_that_is_named_needs_libvirt(runner):
    runner.without_binding()
    assert runner.failed(ADOPT, domains=["web1"])["error"]["code"] == "libvirt_python_missing"
    runner.done(ADOPT, check=True)
    assert "libvirt could not be asked: what domains have is not known" in runner.warnings
