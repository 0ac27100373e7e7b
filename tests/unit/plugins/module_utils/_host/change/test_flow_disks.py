# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that hold the data of a domain, of a container or of the host: their functions are not claimed."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    LIVE,
    OTHER_UUID,
    UUID,
    domain_xml,
)

NVME, BLOCK = "0000:04:00.0", "nvme2n1"
DISK = {"name": "disk", "address": NVME}
ALLOW = frozenset({"in_domain_xml"})


@pytest.fixture
def host(lab_host):
    lab_host.write(f"/dev/{BLOCK}", "")
    link = lab_host.root / "dev/disk/by-id/nvme-x"
    link.parent.mkdir(parents=True)
    link.symlink_to(f"../../{BLOCK}")
    lab_host.libvirt.pools["fast"] = {"db1": "/dev/disk/by-id/nvme-x", "other": "/srv/other.img"}
    return lab_host


def refused(host, **options):
    before = host.host_state()
    with pytest.raises(HostdevError) as caught:
        host.claim(DISK, **options)
    assert host.host_state() == before
    return caught.value


SOURCES = [
    (f"<disk type='block'><source dev='/dev/{BLOCK}'/></disk>", f"/dev/{BLOCK}"),
    ("<disk type='block'><source dev='/dev/disk/by-id/nvme-x'/></disk>", "/dev/disk/by-id/nvme-x"),
    ("<disk type='volume'><source pool='fast' volume='db1'/></disk>", "/dev/disk/by-id/nvme-x"),
]


@pytest.mark.parametrize(("element", "node"), SOURCES)
def test_the_disk_of_a_domain_that_is_shut_off_is_refused_and_can_be_allowed(host, element, node):
    host.libvirt.define("db1", OTHER_UUID, config=domain_xml(element, name="db1", uuid=OTHER_UUID))
    found = f"in_domain_xml ({NVME}: domain db1 ({OTHER_UUID}) is defined with {node}, which lies on it)"
    assert refused(host).found == found
    assert host.claim(DISK, allow=ALLOW).changed


@pytest.mark.parametrize(("element", "node"), SOURCES)
def test_the_disk_of_a_running_domain_is_refused_for_good(host, element, node):
    host.libvirt.define("db1", OTHER_UUID, live=domain_xml(element, name="db1", uuid=OTHER_UUID))
    assert f"db1 ({OTHER_UUID}) is running with {node}" in refused(host).found
    assert refused(host, allow=ALLOW).code == "device_blocked"


@pytest.mark.parametrize("place", [CONFIG, LIVE])
def test_the_claiming_domains_own_disk_is_refused_as_well(host, place):
    host.domain.xml[place] = domain_xml(SOURCES[0][0])
    assert f"domain web1 ({UUID})" in refused(host).found


@pytest.mark.parametrize("volume", ["other", "missing"])
def test_a_volume_that_lies_elsewhere_is_nobodys_business(host, volume):
    element = f"<disk type='volume'><source pool='fast' volume='{volume}'/></disk>"
    host.libvirt.define("db1", OTHER_UUID, config=domain_xml(element, name="db1", uuid=OTHER_UUID))
    assert host.claim(DISK).changed


def test_a_claim_is_not_lost_over_a_disk_that_is_no_more(host):
    """Once the function is with VFIO its block device is gone, though a definition still names it."""
    host.libvirt.define("db1", OTHER_UUID, config=domain_xml(SOURCES[0][0], name="db1", uuid=OTHER_UUID))
    host.claim(DISK, allow=ALLOW)
    assert not host.claim(DISK, allow=ALLOW).changed


def test_a_disk_that_a_container_has_mounted_is_refused(host):
    number = host.tree.text(f"/sys/class/block/{BLOCK}/dev")
    host.write("/proc/4711/mountinfo", f"99 1 {number} / /var/lib/postgresql rw - ext4 /dev/{BLOCK} rw\n")
    host.write("/proc/4711/comm", "postgres\n")
    link = host.root / f"sys/dev/block/{number}"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(f"../../class/block/{BLOCK}")
    assert "in the mount namespace of process 4711 (postgres)" in refused(host).found


def test_a_disk_that_other_hosts_are_given_is_refused_until_they_no_longer_are(host):
    folder = "/sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1"
    host.write(f"{folder}/device_path", f"/dev/{BLOCK}\n")
    host.write(f"{folder}/enable", "1\n")
    assert "kernel_holder" in refused(host).found
    host.write(f"{folder}/enable", "0\n")
    assert host.claim(DISK).changed
