# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release of devices that several owners hold, of which one does not come back."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import error
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import OTHER_UUID, LibvirtError, domain_xml

NVME, VF, VF2 = "0000:04:00.0", "0000:01:10.0", "0000:01:10.2"


@pytest.fixture
def host(lab_host):
    return lab_host


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def keep_on_vfio(host, address):
    plain = host.system.binder._write

    def write(path, text, seconds):
        if path.endswith("vfio-pci/unbind") and text == address:
            raise error(errno.EBUSY, path)
        plain(path, text, seconds)

    host.system.binder._write = write


def test_of_devices_by_address_all_come_back_or_none(host):
    host.claim({"name": "nic", "address": VF})
    host.claim({"name": "disk", "address": NVME}, owner="spdk")
    before, claims = host.host_state(), host.record["claims"]
    keep_on_vfio(host, NVME)
    failed = refused(host.release, addresses=(VF, NVME))
    assert (failed.code, failed.subject) == ("bind_failed", NVME)
    assert (failed.details["released"], list(failed.details["failed"])) == ([], ["owner spdk"])
    assert "given back" not in failed.found
    assert host.host_state() == before
    assert sorted(host.record["claims"], key=str) == sorted(claims, key=str)
    assert host.record["journal"] is None


def test_what_the_host_uses_by_then_is_not_taken_again_and_named(host):
    host.claim({"name": "nic", "address": VF}, owner="first")
    host.claim({"name": "disk", "address": NVME}, owner="spdk")
    keep_on_vfio(host, NVME)
    plain = host.system.binder._write

    def write(path, text, seconds):
        plain(path, text, seconds)
        if text == VF and path.endswith("drivers_probe"):
            name = os.listdir(host.root / f"sys/bus/pci/devices/{VF}/net")[0]
            lines = (host.root / "proc/net/route").read_text().rstrip().split("\n")
            fields = [name, "000200C0", "00000000", "0001", "0", "0", "0", "00FFFFFF", "0", "0", "0"]
            host.write("/proc/net/route", "\n".join([*lines, "\t".join(fields), ""]))

    host.system.binder._write = write
    failed = refused(host.release, addresses=(VF, NVME))
    assert failed.details["released"] == [VF]
    assert f"{VF} of owner first was given back" in failed.found
    assert host.kernel.driver(VF) == "igbvf"
    assert [claim["owner"]["id"] for claim in host.record["claims"]] == ["spdk"]


def test_an_orphan_whose_device_stays_keeps_no_other_orphan(host):
    for uuid, name, address in (
        ("11111111-52a1-4f0a-9d0a-6d6a3f0b7c11", "one", NVME),
        (OTHER_UUID, "two", VF),
    ):
        domain = host.libvirt.define(name, uuid, config=domain_xml(name=name, uuid=uuid))
        host.claim({"name": "it", "address": address}, domain=name, attach=("config",))
        host.libvirt.domains.remove(domain)
    keep_on_vfio(host, NVME)
    failed = refused(host.release, orphans=True)
    assert failed.details["released"] == [VF]
    assert host.kernel.driver(VF) == "igbvf"
    assert [claim["owner"]["label"] for claim in host.record["claims"]] == ["one"]


def three(host):
    host.claim({"name": "nic", "address": VF}, owner="a")
    host.claim({"name": "nic", "address": VF2}, owner="b")
    host.claim({"name": "disk", "address": NVME}, owner="c")


def once_the_disk_stays(host, then):
    """The disk's unbind is refused, and each write after that is for `then` to refuse."""
    plain, stays = host.system.binder._write, []

    def write(path, text, seconds):
        if path.endswith("vfio-pci/unbind") and text == NVME:
            stays.append(True)
            raise error(errno.EBUSY, path)
        if stays:
            then(path, text)
        plain(path, text, seconds)

    host.system.binder._write = write


def test_what_can_not_be_taken_again_is_settled_before_anything_else_is(host):
    """The journal of one that is undone must not be lost to that of the next."""
    three(host)
    plain = host.system.binder._write

    def refuses(path, text):
        if text == VF2 and path.endswith(("vfio-pci/bind", "igbvf/bind", "drivers_probe")):
            raise error(errno.ENODEV, path)

    once_the_disk_stays(host, refuses)
    failed = refused(host.release, addresses=(VF, VF2, NVME))
    assert host.record["journal"] is not None
    assert failed.details["released"] == [VF, VF2]
    assert f"; {VF}, {VF2} of owner a, owner b was given back; " in failed.found
    host.system.binder._write = plain
    host.release(owner="nobody")
    assert host.record["journal"] is None
    assert [host.kernel.driver(address) for address in (VF, VF2)] == ["igbvf", "igbvf"]


def test_one_that_hangs_when_it_is_taken_again_is_set_aside_and_said_so(host):
    three(host)

    def hangs(path, text):
        if VF2 in path + text:
            raise TimeoutError("process 4711 has been writing")

    once_the_disk_stays(host, hangs)
    failed = refused(host.release, addresses=(VF, VF2, NVME))
    assert [aside["device"]["address"] for aside in host.record["set_aside"]] == [VF2]
    assert failed.details["released"] == []
    assert "is set aside" in failed.found


def test_libvirt_that_dies_between_two_owners_is_one_of_the_failures(host):
    three(host)
    plain = host.system.binder._write

    def write(path, text, seconds):
        plain(path, text, seconds)
        if text == VF and path.endswith("drivers_probe"):
            host.libvirt.fail_call("listAllDomains", LibvirtError("Cannot recv data: Connection reset by peer"))

    host.system.binder._write = write
    failed = refused(host.release, addresses=(VF, NVME))
    held = [device["address"] for claim in host.record["claims"] for device in claim["devices"]]
    assert VF in held or failed.details["released"] == [VF]
