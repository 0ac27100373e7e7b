# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock import LOCK, locked
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, RECORD
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, UUID, LibvirtError, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import killed_at, without_vfs

FACTS = "pci_facts"
CLAIM = "pci_passthrough_claim"
RELEASE = "pci_passthrough_release"
VF1 = "0000:01:10.0"
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}
WANTED = {"domain": "web1", "requests": [NIC]}


@pytest.fixture
def runner(lab_host, monkeypatch, capsys):
    return Runner(lab_host, monkeypatch, capsys)


def test_a_claim_and_its_release(runner):
    claimed = runner.done(CLAIM, **WANTED)
    assert claimed["changed"] is True
    assert "diff" not in claimed
    assert [(device["address"], device["request"], device["role"]) for device in claimed["devices"]] == [
        (VF1, "nic", "requested")
    ]
    assert claimed["msg"] == f"web1: nic = {VF1} (8086:10ca), igbvf to vfio-pci, attached to definition and guest"
    assert claimed["claim"] == {
        "owner": {"kind": "domain", "id": UUID, "label": "web1"},
        "requests": [{**NIC, "count": 1}],
    }
    assert [step["kind"] for step in claimed["plan"]] == ["driver", "hostdev", "hostdev"]
    assert claimed["plan"][0] == {
        "kind": "driver",
        "address": VF1,
        "before": {"driver": "igbvf", "driver_override": None},
        "after": {"driver": "vfio-pci", "driver_override": "vfio-pci"},
    }
    assert runner.host.kernel.driver(VF1) == "vfio-pci"
    assert runner.opened == ["qemu:///system"]

    again = runner.done(CLAIM, **WANTED)
    assert (again["changed"], again["msg"]) == (False, f"web1: nic = {VF1} (8086:10ca), as it was")

    foretold = runner.done(RELEASE, domain="web1", check=True)
    released = runner.done(RELEASE, domain="web1")
    assert released["changed"] is True
    assert released["msg"] == f"web1: {VF1} (8086:10ca) given back, vfio-pci to igbvf"
    assert foretold["msg"] == released["msg"].replace("web1:", "web1 would change:")
    assert [device["address"] for device in released["devices"]] == [VF1]
    assert released["claims"] == [
        {"owner": {"kind": "domain", "id": UUID, "label": "web1"}, "requests": [], "devices": []}
    ]
    assert runner.host.kernel.driver(VF1) == "igbvf"
    again = runner.done(RELEASE, domain="web1")
    assert (again["changed"], again["msg"]) == (False, "nothing to give back")


def test_a_release_stops_the_domain_of_a_deaf_guest_only_where_force_is_asked_for(runner):
    runner.done(CLAIM, **WANTED)
    runner.host.libvirt.deaf = True
    deaf = {"domain": "web1", "detach_timeout": 0}
    assert runner.failed(RELEASE, **deaf)["error"]["code"] == "detach_timeout"
    result = runner.done(RELEASE, **deaf, on_detach_timeout="force")
    assert (result["stopped"], len(runner.warnings)) == (["web1"], 1)
    assert result["msg"].endswith(" given back, vfio-pci to igbvf | web1 stopped hard")
    assert runner.host.kernel.driver(VF1) == "igbvf"


def test_force_needs_the_name_of_the_domain_that_may_be_stopped(runner):
    runner.done(CLAIM, **WANTED)
    error = runner.failed(RELEASE, addresses=[VF1], on_detach_timeout="force")["error"]
    assert (error["code"], error["subject"]) == ("invalid_option", "on_detach_timeout")


def test_all_options_of_a_claim_reach_the_host(runner):
    result = runner.done(
        CLAIM,
        domain=UUID,
        device_spec=[{"class": "02", "tags": {"net": "blue"}}],
        aliases=[{"name": "intel", "vendor_id": "8086", "product_id": "10d3", "tags": {"net": "blue"}}],
        requests=[{"name": "nic", "alias": "intel"}],
        group_members=["03:00.1", "03:00.2"],
        allow=["ip_configured"],
        attach=["config"],
        managed=False,
        on_mismatch="replace",
    )
    assert [(device["address"], device["role"]) for device in result["devices"]] == [
        ("0000:03:00.0", "requested"),
        ("0000:03:00.1", "group_member"),
        ("0000:03:00.2", "group_member"),
    ]
    assert runner.host.libvirt.log == ["attach 0000:03:00.0 config"]
    assert 'managed="no"' in runner.host.domain.xml[CONFIG]


def test_what_nova_has_in_its_configuration_is_understood_as_it_stands(runner):
    result = runner.done(
        CLAIM,
        domain="web1",
        device_spec=['{"vendor_id": "8086", "address": "*:01:10.*", "physical_network": "physnet1"}'],
        aliases=['{"name": "vf", "vendor_id": "8086", "product_id": "10ca", "device_type": "type-VF"}'],
        requests="vf:1 , vf:1",
    )
    assert [(device["address"], device["request"]) for device in result["devices"]] == [
        (VF1, "vf"),
        ("0000:01:10.2", "vf-2"),
    ]


def test_a_claim_by_what_the_own_driver_shows_stays_as_it_is(runner):
    port = "0000:03:00.0"
    (name,) = runner.host.tree.names(f"/sys/bus/pci/devices/{port}/net")
    driver = runner.host.kernel.driver(port)
    options = {
        "owner": "dpdk0",
        "device_spec": [{"devname": name, "driver": driver}],
        "requests": [{"name": "port", "specs": [{"devname": name}]}],
        "group_members": "claim",
        "allow": ["ip_configured"],
    }
    assert runner.done(CLAIM, **options)["changed"] is True
    assert runner.host.kernel.driver(port) == "vfio-pci"
    assert runner.done(CLAIM, **options)["changed"] is False
    assert [text for text in runner.warnings if "device_spec" in text] == []


def test_entries_of_the_allow_list_that_count_for_nothing_are_named(runner):
    runner.done(CLAIM, **WANTED, device_spec=[{"vendor_id": "8086"}, {"product_id": "10ca"}, {"class": "12"}])
    assert runner.warnings == [
        "device_spec[1] (product_id 10ca) never counts on this host: all that it fits is taken by device_spec[0] "
        "before it; device_spec[2] (class 12) fits no device of this host",
    ]


def test_check_mode_and_diff(runner):
    before = runner.host.whole_state()
    result = runner.done(CLAIM, check=True, diff=True, **WANTED)
    assert result["changed"] is True
    assert [entry["before_header"] for entry in result["diff"]] == [
        "drivers",
        "domain web1 (config)",
        "domain web1 (live)",
    ]
    assert runner.host.whole_state() == before


def test_a_free_owner_does_without_libvirt(runner):
    runner.without_binding()
    assert runner.done(CLAIM, owner="dpdk0", requests=[NIC])["changed"] is True
    assert runner.done(RELEASE, owner="dpdk0")["changed"] is True


def test_warnings_of_the_flow_are_the_modules(runner):
    runner.done(RELEASE, domain="web9")
    assert runner.warnings == ["there is no domain web9, and no claim of one"]


def test_failures_have_a_message_and_all_its_parts(runner):
    result = runner.failed(CLAIM, domain="web1", requests=[{"name": "disk", "address": "0000:00:02.0"}])
    assert result["msg"] == (
        "0000:00:02.0, asked for by request disk: root_disk (0000:00:02.0: /dev/vda is mounted at /); wanted: a device "
        "that nothing keeps with the host and that is free; what to do: it stays with the host: ask for another device."
    )
    assert result["error"]["code"] == "device_blocked"
    assert result["error"]["blockers"] == [
        {
            "code": "root_disk",
            "address": "0000:00:02.0",
            "detail": "/dev/vda is mounted at /",
            "override": None,
            "remedy": "it stays with the host: ask for another device",
        }
    ]


@pytest.mark.parametrize("name", [CLAIM, RELEASE])
def test_only_root_may_change_the_host(runner, monkeypatch, name):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    options = WANTED if name == CLAIM else {"domain": "web1"}
    result = runner.failed(name, **options)
    assert (result["error"]["code"], result["error"]["remedy"]) == ("not_root", "set become: true")
    assert result["error"]["found"] == "it runs as user id 1000"


@pytest.mark.parametrize("name", [CLAIM, RELEASE])
def test_another_hosts_libvirt_is_refused(runner, name):
    options = WANTED if name == CLAIM else {"domain": "web1"}
    result = runner.failed(name, uri="qemu+ssh://other/system", **options)
    assert result["error"]["code"] == "remote_uri"
    assert runner.opened == []


def test_a_domain_needs_the_binding(runner):
    runner.without_binding()
    failed = runner.failed(CLAIM, **WANTED)
    assert failed["error"]["code"] == "libvirt_python_missing"
    assert failed["msg"].startswith("libvirt's Python binding:")
    assert "install python3-libvirt" in failed["error"]["remedy"]


@pytest.mark.parametrize(
    ("module", "options", "words"),
    [
        (CLAIM, {"domain": "web1", "owner": "dpdk0", "requests": []}, "mutually exclusive"),
        (CLAIM, {"requests": []}, "one of the following is required"),
        (CLAIM, {"domain": "web1"}, "requests"),
        (CLAIM, {**WANTED, "on_mismatch": "replac"}, "on_mismatch"),
        (CLAIM, {**WANTED, "group_member": "claim"}, "group_member"),
        (RELEASE, {"domain": "web1", "lock_timeout": "soon"}, "lock_timeout"),
        (FACTS, {"libvirt": "maybe"}, "libvirt"),
    ],
)
def test_what_ansible_refuses_by_itself_has_an_error_too(runner, module, options, words):
    failed = runner.failed(module, **options)
    assert (failed["error"]["code"], failed["error"]["subject"]) == ("invalid_option", "this task")
    assert failed["error"]["found"] == failed["msg"]
    assert words in failed["msg"]


def test_a_domain_needs_a_connection(runner):
    runner.open_error = LibvirtError("Connection refused")
    error = runner.failed(CLAIM, **WANTED)["error"]
    assert (error["code"], error["found"]) == ("no_libvirt", "Connection refused")


def test_an_unknown_domain_is_refused_with_those_there_are(runner):
    error = runner.failed(CLAIM, domain="web2", requests=[NIC])["error"]
    assert (error["code"], error["found"]) == (
        "unknown_domain",
        "libvirt has no domain of that name or UUID; it has web1",
    )


@pytest.mark.parametrize(
    ("options", "code", "subject"),
    [
        ({"requests": [{"name": "a", "address": "3b:0"}]}, "invalid_request", "requests[0].address"),
        ({"requests": [{"name": "a", "specs": [{"vendor": "8086"}]}]}, "invalid_spec", "requests[0].specs[0].vendor"),
        (
            {"requests": [{"name": "a", "specs": [{"vendor_id": 8086}]}]},
            "invalid_spec",
            "requests[0].specs[0].vendor_id",
        ),
        ({"requests": [{"name": "a"}]}, "invalid_request", "requests[0]"),
        ({"requests": [{"name": "a", "alias": "b"}]}, "unknown_alias", "requests[0].alias"),
        ({"requests": [{"name": "a", "alias": "b", "cuont": 2}]}, "invalid_request", "requests[0].cuont"),
        ({"requests": [{"name": "a", "alias": "b", "count": "x"}]}, "invalid_request", "requests[0].count"),
        ({"requests": "b:1, c"}, "invalid_request", "requests[1]"),
        ({"requests": [NIC], "device_spec": ["{"]}, "invalid_spec", "device_spec[0]"),
        (
            {"requests": [NIC], "device_spec": [{"devname": "gone0", "remote_managed": True}]},
            "invalid_spec",
            "device_spec[0].devname",
        ),
        ({"requests": [NIC], "device_spec": [{"class": "2"}]}, "invalid_spec", "device_spec[0].class"),
        ({"requests": [NIC], "aliases": [{"vendor_id": "8086"}]}, "invalid_alias", "aliases[0].name"),
        ({"requests": [NIC], "aliases": ["x=1"]}, "invalid_alias", "aliases[0]"),
        ({"requests": [NIC], "allow": ["swap"]}, "invalid_option", "allow"),
        ({"requests": [NIC], "group_members": ["x"]}, "invalid_address", "group_members[0]"),
        (
            {"requests": [{"name": "a", "address": "0000:99:00.0"}]},
            "no_such_device",
            "0000:99:00.0, asked for by request a",
        ),
    ],
)
def test_malformed_options_are_named_with_their_path(runner, options, code, subject):
    before = runner.host.host_state()
    error = runner.failed(CLAIM, domain="web1", **options)["error"]
    assert (error["code"], error["subject"]) == (code, subject)
    assert runner.host.host_state() == before


def test_a_malformed_address_of_a_release_is_named(runner):
    error = runner.failed(RELEASE, addresses=[VF1, "x"])["error"]
    assert (error["code"], error["subject"]) == ("invalid_address", "addresses[1]")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (CLAIM, {"requests": [NIC]}, "one of the following is required: domain, owner"),
        (CLAIM, {"domain": "web1"}, "missing required arguments: requests"),
        (CLAIM, {"domain": "a", "owner": "b", "requests": [NIC]}, "parameters are mutually exclusive: domain|owner"),
        (
            CLAIM,
            {**WANTED, "attach": ["now"]},
            "value of attach must be one or more of: config, live. Got no match for: now",
        ),
        (
            RELEASE,
            {},
            "this task: no owner is named, and no device; wanted: one of domain, owner, orphans, expired, addresses; "
            "what to do: add one of them.",
        ),
        (RELEASE, {"orphans": False, "addresses": []}, "this task: no owner is named, and no device"),
        (
            RELEASE,
            {"names": ["nic"]},
            "names: no owner is named, whose requests they are; wanted: one of domain, owner",
        ),
        (RELEASE, {"names": ["nic"], "addresses": [VF1]}, "names: no owner is named, whose requests they are"),
        (RELEASE, {"domain": "a", "owner": "b"}, "parameters are mutually exclusive: domain|owner"),
        (RELEASE, {"domain": "a", "orphans": True}, "orphans: found it together with a"),
    ],
)
def test_options_that_do_not_go_together_are_refused(runner, name, options, message):
    assert message in runner.failed(name, **options)["msg"]


@pytest.mark.parametrize("name", [CLAIM, RELEASE])
def test_a_record_that_can_not_be_understood_stops_the_module(runner, name):
    runner.host.write("/etc/ansible/facts.d/hostdev.fact", "{")
    options = WANTED if name == CLAIM else {"domain": "web1"}
    error = runner.failed(name, **options)["error"]
    assert error["code"] == "record_unreadable"
    assert error["subject"] == f"{runner.host.root}/etc/ansible/facts.d/hostdev.fact"


def test_a_defect_of_ours_is_told_as_one(runner, monkeypatch):
    def read(_self, _machine):
        raise KeyError("defect")

    monkeypatch.setattr(type(runner.host.file), "read", read)
    result = runner.failed(CLAIM, **WANTED)
    assert result["msg"] == "Unexpected KeyError: 'defect'. This is a bug in kvm.hostdev; please report it."
    assert (result["error"]["code"], result["error"]["found"]) == ("unexpected", "'defect'")


def test_a_domain_without_free_ports_is_refused_with_how_to_add_one(runner):
    runner.host.domain.xml[1] = domain_xml(ports=0)
    error = runner.failed(CLAIM, **WANTED)["error"]
    assert error["code"] == "no_free_root_port"
    assert "pcie-root-port" in error["remedy"]


# Facts.


def facts(runner, **options):
    result = runner.done("pci_facts", **options)
    assert result["changed"] is False
    assert list(result["ansible_facts"]) == ["hostdev"]
    return result["ansible_facts"]["hostdev"], runner.warnings


def test_facts_without_arguments(runner):
    before = runner.host.whole_state()
    report, warnings = facts(runner)
    assert runner.host.whole_state() == before
    assert sorted(report) == ["claims", "devices", "drift", "host", "iommu_groups", "pools", "tree"]
    assert warnings == []
    host = report["host"]
    assert {key: host[key] for key in ("iommu", "iommu_reason", "kernel", "boot_id", "libvirt", "libvirt_version")} == {
        "iommu": True,
        "iommu_reason": "on: dmar0",
        "kernel": "6.12.117+deb13-amd64",
        "boot_id": "35680239-fc5e-4f42-82a9-8064fa01c14d",
        "libvirt": True,
        "libvirt_version": "11.3.0",
    }
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", host["gathered_at"])
    by_address = {device["address"]: device for device in report["devices"]}
    assert by_address[VF1]["claimable"] is True
    assert [blocker["code"] for blocker in by_address["0000:00:02.0"]["blockers"]] == ["root_disk"]
    assert [group for group in report["iommu_groups"] if group["id"] == 17] == [
        {"id": 17, "devices": ["0000:03:00.0", "0000:03:00.1", "0000:03:00.2"], "viable": False}
    ]


def test_the_tree_of_the_facts_follows_sysfs_where_libvirt_says_nothing(runner):
    report, _warnings = facts(runner)
    (bridge,) = [node for node in report["tree"] if node["name"] == "pci_0000_00_12_0"]
    assert [child["name"] for child in bridge["children"]] == [
        "pci_0000_03_00_0",
        "pci_0000_03_00_1",
        "pci_0000_03_00_2",
    ]


def test_facts_show_claims_and_drift(runner):
    runner.done(CLAIM, **WANTED)
    runner.host.domain.xml = {1: None, 2: domain_xml()}
    report, _warnings = facts(runner)
    assert [claim["owner"]["label"] for claim in report["claims"]] == ["web1"]
    assert [(difference["code"], difference["address"]) for difference in report["drift"]] == [("not_attached", VF1)]
    assert [device["status"] for device in report["devices"] if device.get("address") == VF1] == ["claimed"]


@pytest.mark.parametrize("libvirt", ["auto", "none"])
def test_facts_do_without_libvirt(runner, libvirt):
    runner.without_binding()
    report, _warnings = facts(runner, libvirt=libvirt)
    assert report["host"]["libvirt"] is False
    assert report["host"]["libvirt_reason"].startswith(
        "not asked for" if libvirt == "none" else "libvirt's Python binding"
    )
    assert VF1 in [device["address"] for device in report["devices"]]


def test_facts_that_require_libvirt_fail_without_it(runner):
    runner.open_error = LibvirtError("Connection refused")
    assert runner.failed("pci_facts", libvirt="required")["error"]["code"] == "no_libvirt"


def test_facts_are_given_with_a_warning_where_the_record_can_not_be_understood(runner):
    runner.host.write("/etc/ansible/facts.d/hostdev.fact", "{")
    report, warnings = facts(runner)
    assert report["claims"] == []
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{runner.host.root}/etc/ansible/facts.d/hostdev.fact: it can't be understood")


def test_facts_are_given_with_a_warning_where_the_record_is_not_to_be_trusted_or_is_gone(runner):
    runner.done(CLAIM, **WANTED)
    path = f"{runner.host.root}/etc/ansible/facts.d/hostdev.fact"
    os.chmod(path, 0o666)
    report, warnings = facts(runner)
    assert report["claims"] == []
    assert warnings[-1].startswith(f"{path}: its mode is 0666, so that others may write to it")
    os.unlink(path)
    report, warnings = facts(runner)
    assert report["claims"] == []
    assert warnings[-1].startswith(f"{path}: it is gone, but its copy {path}.last-good is there (1 claim, written 2")


def test_facts_tell_of_an_executable_record_show_it_and_leave_it_as_it_is(runner):
    runner.done(CLAIM, **WANTED)
    path = f"{runner.host.root}/etc/ansible/facts.d/hostdev.fact"
    os.chmod(path, 0o744)
    report, warnings = facts(runner)
    assert [claim["owner"]["label"] for claim in report["claims"]] == ["web1"]
    assert warnings[-1] == (
        f"{path} is executable (mode 0744), so that fact gathering runs it and fails; the next claim or release makes "
        "it 0644"
    )
    assert os.stat(path).st_mode & 0o777 == 0o744


def interrupted_claim(runner):
    class Killed(BaseException):
        pass

    runner.host.kernel.fail(2, Killed())
    with pytest.raises(Killed):
        runner.host.claim(NIC)


def test_facts_tell_of_an_interrupted_run(runner):
    interrupted_claim(runner)
    _report, warnings = facts(runner)
    assert warnings == [
        f"an interrupted claim of domain web1 ({UUID}) is on record; the next claim or release settles it"
    ]
    with locked(f"{runner.host.root}{LOCK}", seconds=0.0):
        _report, warnings = facts(runner)
    assert warnings[-1].startswith(f"a claim of domain web1 ({UUID}) is under way (process {os.getpid()} (")


def test_facts_for_a_tenant_tell_no_name_of_another(runner):
    interrupted_claim(runner)
    _report, warnings = facts(runner, tenant="red")
    assert warnings == ["an interrupted claim of a device is on record; the next claim or release settles it"]
    with locked(f"{runner.host.root}{LOCK}", seconds=0.0, doing="claim of domain web1"):
        _report, warnings = facts(runner, tenant="red")
        assert warnings[-1] == "a claim of a device is under way: devices may change while they are looked at"
        _report, warnings = facts(runner, tenant="*")
        assert "web1" in warnings[-1]


@pytest.mark.parametrize("tenant", ["red", "*"])
def test_facts_for_a_tenant_need_the_record(runner, tenant):
    runner.host.claim(NIC)
    record = runner.host.record
    record["claims"] *= 2
    Path(f"{runner.host.root}{RECORD}").write_text(json.dumps(record), encoding="utf-8")
    error = runner.failed("pci_facts", tenant=tenant)
    assert error["error"]["code"] == "record_unreadable"
    assert ("web1" in error["msg"]) == (tenant == "*")


def test_facts_tell_of_an_interrupted_change_of_vfs(runner, monkeypatch):
    killed_at(without_vfs(runner.host), monkeypatch, "_verify")
    _report, warnings = facts(runner)
    assert warnings == [
        f"an interrupted change of the VFs of {IGB_PF} is on record; the next claim or release settles it"
    ]


@pytest.mark.parametrize("name", ["domain", "owner"])
def test_an_empty_name_is_no_owner(runner, name):
    failed = runner.failed(CLAIM, **{name: " "}, requests=[NIC])
    assert (failed["error"]["code"], failed["error"]["subject"]) == ("invalid_option", name)
