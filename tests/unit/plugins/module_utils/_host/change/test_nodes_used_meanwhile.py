# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A USB or SCSI device that the host begins to use after it was chosen stays with the host."""

from __future__ import annotations

import contextlib
import os
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.exclusive import ExclusiveOpen
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, LibvirtError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import plug, ready, scsi, usb

NIC = {"name": "nic", "address": "0000:01:10.0"}
STICK = {"name": "it", "usb": {"vendor_id": "0951", "product_id": "1666"}}
SCSI = {"name": "it", "scsi": {"adapter": "scsi_host2", "lun": 0}}
EITHER = pytest.mark.parametrize(("wish", "block", "name"), [(STICK, "sdx", "usb_3_1"), (SCSI, "sdy", "scsi_2_0_0_0")])


@pytest.fixture
def host(lab_host):
    plug(lab_host, usb("3-1", 2, block="sdx"), scsi("2:0:0:0", block="sdy"))
    ready(lab_host)
    return lab_host


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def in_domains(host, kind):
    """The places of the domain that have such a device."""
    layouts = {place: ET.fromstring(host.domain.xml[place]) for place in (CONFIG, LIVE)}
    return [place for place, layout in layouts.items() if layout.find(f"devices/hostdev[@type='{kind}']") is not None]


def when_attached(host, do, kind="pci"):
    """Do something as libvirt is asked to attach a device of this kind."""
    plain = host.domain.attachDeviceFlags

    def attach(xml, flags):
        if f'type="{kind}"' in xml:
            do()
        return plain(xml, flags)

    host.domain.attachDeviceFlags = attach


@EITHER
def test_what_is_mounted_while_another_device_is_bound_is_not_taken(host, wish, block, name):
    when_attached(host, lambda: host.mount(block))
    failed = refused(host.claim, NIC, wish)
    assert (failed.code, failed.subject) == ("device_in_use", name)
    assert "mounted_fs" in failed.found
    assert host.record["claims"] == []
    assert host.kernel.driver(NIC["address"]) == "igbvf"
    assert in_domains(host, "pci") == in_domains(host, name.partition("_")[0]) == []


@EITHER
def test_what_is_mounted_between_definition_and_guest_leaves_the_definition_again(host, wish, block, name):
    kind = name.partition("_")[0]
    when_attached(host, lambda: host.mount(block), kind)
    failed = refused(host.claim, wish)
    assert (failed.code, failed.subject) == ("device_in_use", name)
    assert in_domains(host, kind) == []


@EITHER
def test_what_the_host_mounts_as_it_comes_back_stays_when_the_release_is_undone(host, wish, block, name):
    """The NIC of the same owner can't be given back, so that all is undone but that."""
    host.claim(NIC, wish)
    kind = name.partition("_")[0]
    plain = host.domain.detachDeviceFlags

    def detach(xml, flags):
        if f'type="{kind}"' not in xml:
            raise LibvirtError("it fails", 9)
        done = plain(xml, flags)
        if not in_domains(host, kind):
            host.mount(block)
        return done

    host.domain.detachDeviceFlags = detach
    failed = refused(host.release)
    assert in_domains(host, kind) == []
    assert f"{name} stays with the host" in failed.message
    (claim,) = host.record["claims"]
    assert [request["name"] for request in claim["requests"]] == ["nic"]
    assert claim.get("node_devices", []) == []


class Disks:
    """Has disks below these paths taken by somebody whom no guard sees."""

    def __init__(self):
        self.opened = []

    def disks_of(self, _address):
        return contextlib.nullcontext()

    def disks_within(self, name, path):
        self.opened.append((name, path))
        raise HostdevError("device_in_use", subject=name, found="kernel_holder: x", details={"blockers": [{}]})


@EITHER
def test_what_the_kernel_refuses_to_open_exclusively_stays(host, wish, block, name):
    host.system.binder.disks = disks = Disks()
    failed = refused(host.claim, wish)
    assert (failed.code, failed.subject) == ("device_in_use", name)
    assert [opened for opened, _path in disks.opened] == [name]
    assert in_domains(host, name.partition("_")[0]) == []


def test_the_disks_of_a_stick_are_those_at_and_below_it(host):
    opened = []

    class Noted(ExclusiveOpen):
        @contextlib.contextmanager
        def _opened(self, disk):
            opened.append(disk)
            yield 0

    path = os.path.realpath(host.root / "sys/bus/usb/devices/3-1")[len(str(host.root)) :]
    with Noted(host.tree).disks_within("usb_3_1", path):
        pass
    assert opened == ["sdx"]
