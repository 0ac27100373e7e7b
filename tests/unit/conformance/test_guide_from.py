# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guides on coming from others: what they show is run on recorded hosts that others have left so."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.gpu_host import gpu_host, name_devices, record
from ansible_collections.kvm.hostdev.tests.unit.helpers.guide import (
    GUIDES,
    blocks,
    missing,
    printed_by,
    rehearse,
    write_files,
)

NIC, OVERRIDDEN, DETACHED = "0000:01:10.0", "0000:01:10.2", "0000:04:00.0"


def _bind(host: FakeHost, address: str) -> None:
    """As virsh nodedev-detach and driverctl do."""
    for path, text in (
        (f"devices/{address}/driver_override", "vfio-pci"),
        (f"devices/{address}/driver/unbind", address),
        ("drivers_probe", address),
    ):
        host.kernel.store(f"/sys/bus/pci/{path}", text)


def by_hand(folder: Path) -> FakeHost:
    """A host on which devices were given away with virsh, driverctl and a file for modprobe."""
    host = FakeHost(folder)
    name_devices(host)
    host.kernel.load_module("vfio-pci")
    host.domain.xml[LIVE] = None
    host.domain.xml[CONFIG] = domain_xml(hostdev_xml(NIC, managed=True))
    host.domain.create()
    for address in (OVERRIDDEN, DETACHED):
        _bind(host, address)
    host.write(f"/etc/driverctl.d/pci-{OVERRIDDEN}", "vfio-pci\n")
    host.write("/etc/modprobe.d/vfio.conf", "options vfio-pci ids=8086:10ca\nsoftdep igbvf pre: vfio-pci\n")
    return host


_DOMAIN = "<domain type='kvm'><name>{}</name><devices/></domain>"
HOSTS: dict[str, t.Callable[[Path], FakeHost]] = {
    "guide_from_virsh": by_hand,
    "guide_from_nova": lambda folder: gpu_host(folder, _DOMAIN.format("instance-0000002a")),
    "guide_from_proxmox": lambda folder: gpu_host(folder, _DOMAIN.format("vm100")),
}
RUNS = [
    ("guide_from_virsh", "kvm.hostdev.adopt"),
    ("guide_from_virsh", "kvm.hostdev.adopt -e hostdev_adopt_unattached_owner=spare"),
    ("guide_from_nova", "kvm.hostdev.passthrough --check"),
    ("guide_from_proxmox", "kvm.hostdev.passthrough --check"),
]


@pytest.mark.parametrize(("guide", "command"), RUNS, ids=[guide for guide, _command in RUNS])
def test_what_the_guide_shows_is_what_is_printed(guide, command, folder, tmp_path):
    write_files(guide, tmp_path)
    recording = tmp_path / "host.json.gz"
    record(HOSTS[guide](folder), recording)
    done = rehearse(tmp_path, recording, *command.split())
    assert missing(done, printed_by(guide, command)) == [], "\n".join(done)


def test_what_stood_in_nova_conf_is_taken_over_word_for_word():
    conf = next(block.text for block in blocks("guide_from_nova") if block.text.startswith("[pci]"))
    told = yaml.safe_load(next(block.text for block in blocks("guide_from_nova") if block.language == "yaml"))
    for option, variable in {"device_spec": "hostdev_device_spec", "alias": "hostdev_aliases"}.items():
        before = re.findall(rf"^{option} = (.+)$", conf, re.MULTILINE)
        assert len(before) >= 2
        assert told[variable] == before


@pytest.mark.parametrize("guide", ["from_virsh", "from_proxmox", "from_nova", "start", "gpu", "nvme"])
def test_each_variable_that_is_named_is_one(guide):
    known = (GUIDES / "guide_playbooks.rst").read_text(encoding="utf-8")
    text = (GUIDES / f"guide_{guide}.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"\bhostdev_\w+", text))
    assert [name for name in sorted(named) if f"``{name}``" not in known] == []
