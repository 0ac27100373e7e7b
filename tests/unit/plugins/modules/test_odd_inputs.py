# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that others chose, as odd as they can be, and secrets in definitions: what becomes of them on the whole way."""

from __future__ import annotations

import json
import shlex
import subprocess
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import DriverStep, HostdevStep
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner

CLAIM = "pci_passthrough_claim"
RELEASE = "pci_passthrough_release"
VF1 = "0000:01:10.0"
NVME = "0000:04:00.0"
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}

ODD = [
    'it\'s "quoted" `id` $(touch /tmp/x); rm -rf ~ && true | sh > /dev/null <in #',
    "../../../etc/passwd",
    "-rf",
    "--live",
    "<a b='c'>&amp;</a>]]>",
    "{{ lookup('pipe', 'id') }} {% raw %}",
    "%s %n {0} \\",
    "Büro 東京 \u202e \u200b \U0001f600",
    "x" * 20_000,
]
# libvirt lets no domain have a line break in its name; an owner or request may have.
LINES = ["a\nchanged: [host]", "a\r\n\x1b[2Jb", "a\u2028b"]
PASSWORD = "5up3r-s3cr3t"


@pytest.fixture
def runner(lab_host, monkeypatch, capsys):
    lab_host.kernel.load_module("vfio-pci")  # which a release leaves loaded
    return Runner(lab_host, monkeypatch, capsys)


def shown(value):
    """Every text in a result: what it prints as JSON, without the escapes."""
    return json.dumps(value, ensure_ascii=False)


def renamed(host, name):
    text = domain_xml(name=escape(name))
    host.domain._name, host.domain.xml = name, {CONFIG: text, LIVE: text}


@pytest.mark.parametrize("name", ODD)
def test_a_domain_of_any_name_is_given_a_device_and_gives_it_back(runner, name):
    renamed(runner.host, name)
    before = runner.host.host_state()
    foretold = runner.done(CLAIM, domain=name, requests=[NIC], check=True, diff=True)
    claimed = runner.done(CLAIM, domain=name, requests=[NIC], diff=True)
    assert foretold["plan"] == claimed["plan"]
    assert claimed["claim"]["owner"] == {"kind": "domain", "id": UUID, "label": name}
    assert runner.host.record["claims"][0]["owner"]["label"] == name
    assert all("\n" not in change[key] for change in claimed["diff"] for key in ("before_header", "after_header"))
    (entry,) = [change for change in claimed["diff"] if change["before_header"].endswith("(live)")]
    assert ET.fromstring(entry["after"]).findtext("name") == name
    facts = runner.done("pci_facts")["ansible_facts"]["hostdev"]
    (used,) = next(device["used_by"] for device in facts["devices"] if device.get("address") == VF1)
    assert (used["domain"], facts["drift"]) == (name, [])
    assert runner.done(CLAIM, domain=name, requests=[NIC])["changed"] is False
    assert runner.done(RELEASE, domain=name)["changed"] is True
    assert runner.host.host_state() == before


@pytest.mark.parametrize("name", [*ODD, *LINES])
def test_an_owner_and_a_request_of_any_name_are_kept_and_given_back(runner, name):
    before = runner.host.host_state()
    wanted = [{**NIC, "name": name}]
    claimed = runner.done(CLAIM, owner=name, requests=wanted)
    kept = name.strip()
    assert [device["request"] for device in claimed["devices"]] == [kept]
    assert [request["name"] for request in runner.host.record["claims"][0]["requests"]] == [kept]
    assert runner.done(CLAIM, owner=name, requests=wanted)["changed"] is False
    assert runner.done("pci_facts")["ansible_facts"]["hostdev"]["claims"] == runner.host.record["claims"]
    assert runner.done(RELEASE, owner=name, names=[kept])["changed"] is True
    assert runner.host.host_state() == before


@pytest.mark.parametrize("name", [*ODD, *LINES])
def test_messages_and_warnings_are_one_line_whatever_they_name(runner, name):
    failed = [
        runner.failed(CLAIM, domain=name, requests=[NIC]),
        runner.failed(CLAIM, owner="o", requests=[{**NIC, "name": name, "count": 99}]),
        runner.failed(CLAIM, owner="o", requests=[{"name": name, "address": NVME, "alias": name}]),
        runner.failed(CLAIM, owner="o", requests=[{"name": "n", "specs": [{name: name}]}]),
        runner.failed(CLAIM, owner="o", requests=[{"name": "n", "alias": name}]),
        runner.failed(CLAIM, owner="o", requests=[NIC], allow=[name]),
        runner.failed(RELEASE, owner="o", addresses=[name]),
        runner.failed("pci_facts", affected_by=name),
        runner.failed("pci_facts", fields=[name]),
    ]
    assert [result["msg"] for result in failed if not result["msg"].isprintable()] == []
    assert all(result["error"]["code"] for result in failed)
    runner.done(RELEASE, domain=name)
    assert len(runner.warnings) == 1
    assert runner.warnings[0].isprintable()


@pytest.mark.parametrize("name", [*ODD, *LINES])
def test_what_devices_call_themselves_comes_out_as_it_is(runner, name):
    serial = f"/sys/devices/pci0000:00/0000:00:13.0/{NVME}/nvme/nvme2/serial"
    assert runner.host.tree.text(serial)
    (runner.host.root / serial[1:]).write_bytes(name.encode())
    facts = runner.done("pci_facts", libvirt="none")["ansible_facts"]["hostdev"]
    child = next(
        child
        for device in facts["devices"]
        if device["address"] == NVME
        for child in device["children"]
        if child["kind"] == "nvme"
    )
    assert child["serial"] == name.strip("\0 \t\r\n")
    wanted = [{"name": "disk", "specs": [{"serial": name}]}]
    if name.strip() == name.strip("\0 \t\r\n"):
        assert [device["address"] for device in runner.done(CLAIM, owner="o", requests=wanted)["devices"]] == [NVME]
        assert runner.done(CLAIM, owner="o", requests=wanted)["changed"] is False


# Commands for the administrator's shell.


def words(command):
    """What a POSIX shell takes for words and operators."""
    parts = shlex.shlex(command, posix=True, punctuation_chars=True)
    parts.whitespace_split = True
    return list(parts)


@pytest.mark.parametrize("odd", [*ODD, *LINES[:1]])
def test_a_command_by_hand_for_a_domain_gives_virsh_what_it_says_and_does_nothing_else(odd, tmp_path):
    place = tmp_path / "empty"
    place.mkdir()
    (tmp_path / "virsh").write_text(f'#!/bin/sh\ncat > {tmp_path}/input; for one; do printf "%s\\0" "$one"; done\n')
    (tmp_path / "virsh").chmod(0o755)
    xml = ET.tostring(ET.Element("hostdev", {"odd": odd}), encoding="unicode")
    for step in (HostdevStep(VF1, odd, UUID, "live", None, xml), HostdevStep(VF1, odd, odd, odd, f"<no {odd}", None)):
        command = step.command()
        done = subprocess.run(
            ["sh", "-c", command], cwd=place, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, capture_output=True
        )
        action = "attach-device" if step.after else "detach-device"
        told = done.stdout.decode().split("\0")
        assert told == [action, step.uuid, "/dev/stdin", f"--{step.place}", ""]
        assert done.stderr == b""
        given = (tmp_path / "input").read_text(encoding="utf-8")
        assert given == step.before or ET.fromstring(given).get("odd") == ET.fromstring(xml).get("odd")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("odd", [*ODD, *LINES[:1]])
def test_a_command_by_hand_for_a_driver_has_each_name_as_one_word(odd):
    command = DriverStep(odd, Binding(odd, None), Binding(odd, odd)).command()
    assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0
    folder = f"/sys/bus/pci/devices/{odd}"
    assert words(command) == [
        *("echo", odd, ">", f"{folder}/driver_override", ";"),
        *("echo", odd, ">", f"{folder}/driver/unbind", ";"),
        *("echo", odd, ">", "/sys/bus/pci/drivers_probe"),
    ]


# Secrets.


def test_a_password_in_a_definition_reaches_no_result_and_no_file(runner):
    """The fake libvirt gives it away unasked, which libvirt itself does not."""
    extra = (
        f"<graphics type='vnc' passwd='{PASSWORD}'/>"
        f"<graphics type='spice' passwd='{PASSWORD}' passwdValidTo='2030-01-01T00:00:00'/>"
    )
    text = domain_xml(extra=extra).replace(
        "<devices>",
        f"<metadata><app xmlns='urn:x'>{PASSWORD}</app></metadata>"
        f"<sysinfo type='smbios'><oemStrings><entry>{PASSWORD}</entry></oemStrings></sysinfo>"
        f"<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:env name='K' value='{PASSWORD}'/>"
        "</q:commandline><devices>",
    )
    runner.host.domain.xml = {CONFIG: text, LIVE: text}
    results = [
        runner.done("pci_facts"),
        runner.done(CLAIM, domain="web1", requests=[NIC], check=True, diff=True),
        runner.done(CLAIM, domain="web1", requests=[NIC], diff=True),
        runner.failed(CLAIM, domain="web1", requests=[{**NIC, "count": 99}], diff=True),
        runner.done("pci_facts"),
    ]
    record = json.dumps(runner.host.record)
    results.append(runner.done(RELEASE, domain="web1", diff=True))
    assert PASSWORD not in shown(results) + record + " ".join(runner.warnings)
    assert "***" in shown(results)
    assert runner.host.domain.xml[CONFIG].count(PASSWORD) == 5


def test_libvirt_is_not_asked_for_secrets(runner, monkeypatch):
    """VIR_DOMAIN_XML_SECURE is 1."""
    asked = []
    monkeypatch.setattr(runner.host.libvirt, "called", asked.append)
    runner.done("pci_facts")
    runner.done(CLAIM, domain="web1", requests=[NIC])
    runner.done(RELEASE, domain="web1")
    flags = {int(call.split()[1]) for call in asked if call.startswith("XMLDesc")}
    assert flags == {0, 2}
    assert not any(flag & 1 for flag in flags)


def test_no_domain_can_have_a_zero_byte_in_its_name(runner):
    failed = runner.failed(CLAIM, domain="web1\0", requests=[NIC])
    # Of newer Pythons syslog refuses it already, to which Ansible tells all options.
    assert "msg_to_log" in failed or failed["error"]["code"] == "invalid_option"
    assert runner.host.record_or_none() is None
