# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host, or a domain, begins to use a device after it was chosen: in a claim, a release, an undo, a recovery."""

from __future__ import annotations

import contextlib
import errno
import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.registry import ALLOWABLE
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import error
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE

NVME, OTHER_NVME, VF, VF2 = "0000:04:00.0", "0000:81:00.0", "0000:01:10.0", "0000:01:10.2"
DISK = {"name": "disk", "address": NVME}
BLOCK = "nvme2n1"
NIC = {"name": "nic", "address": VF}


class Killed(BaseException):
    """What ends a run at once, with no chance to undo."""


@pytest.fixture
def host(lab_host):
    return lab_host


def log_in_through(host, address):
    """The run's own ssh connection comes in through the function's interface by now."""
    name = os.listdir(host.root / f"sys/bus/pci/devices/{address}/net")[0]
    head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    default = f"{name}\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    connected = f"{name}\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    host.write("/proc/net/route", head + default + connected)
    host.system.environ = {"SSH_CONNECTION": "192.0.2.50 50000 192.0.2.5 22"}


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def unbinds(host, driver):
    return [line for line in host.kernel.log if f"{driver}/unbind" in line]


def without_driver(host, address, driver):
    host.kernel.store(f"/sys/bus/pci/drivers/{driver}/unbind", address)


def at_write(host, path, text, do):
    """Do something right after this write."""
    plain = host.system.binder._write

    def write(where, what, seconds):
        plain(where, what, seconds)
        if where.endswith(path) and what == text:
            do()

    host.system.binder._write = write


def refuse_write(host, path, text, number=errno.EBUSY):
    plain = host.system.binder._write

    def write(where, what, seconds):
        if where.endswith(path) and what == text:
            raise error(number, where)
        plain(where, what, seconds)

    host.system.binder._write = write


# A claim.


def test_a_disk_that_is_mounted_while_a_guest_lets_another_device_go_is_not_taken(host):
    vf = {"name": "nic", "specs": [{"product_id": "10ca"}]}
    host.claim({**vf, "count": 2})
    before = host.host_state()
    plain = host.domain.detachDeviceFlags

    def slow(xml, flags):
        host.mount(BLOCK)
        host.domain.detachDeviceFlags = plain
        return plain(xml, flags)

    host.domain.detachDeviceFlags = slow
    failed = refused(host.claim, {**vf, "count": 1}, DISK)
    assert (failed.code, failed.subject) == ("device_in_use", NVME)
    assert failed.found == "by now mounted_fs: /dev/nvme2n1 is mounted at /srv"
    assert [blocker["code"] for blocker in failed.details["blockers"]] == ["mounted_fs"]
    assert failed.remedy.startswith("unmount it")
    assert unbinds(host, "nvme") == []
    mounted = host.host_state()
    mounted[0].pop("/dev/block/259:2", None)
    assert mounted[1] == before[1]
    assert host.kernel.driver(NVME) == "nvme"


def test_what_the_asker_accepted_is_accepted_right_before_as_well(host):
    log_in_through(host, VF)
    lines = (host.root / "proc/net/route").read_text().splitlines()
    host.write("/proc/net/route", "\n".join([lines[0], lines[2], ""]))  # an address, and no way out
    host.system.environ = {"SSH_CONNECTION": "127.0.0.1 50000 127.0.0.1 22"}
    assert refused(host.claim, NIC).code == "device_blocked"
    assert host.claim(NIC, allow=ALLOWABLE).changed


def test_a_disk_that_the_kernel_refuses_to_open_exclusively_stays(host):
    disks = Disks(host)
    disks.held.add(NVME)
    host.system.binder.disks = disks
    failed = refused(host.claim, DISK)
    assert (failed.code, failed.details["blockers"][0]["code"]) == ("device_in_use", "kernel_holder")
    assert unbinds(host, "nvme") == []
    disks.held.clear()
    assert host.claim(DISK).changed
    assert disks.asked == [NVME, NVME]


class Disks:
    def __init__(self, host):
        self.host, self.held, self.asked = host, set(), []

    def disks_of(self, address):
        self.asked.append(address)
        if address in self.held:
            raise HostdevError(
                "device_in_use", subject=address, found="EBUSY", details={"blockers": [{"code": "kernel_holder"}]}
            )
        return contextlib.nullcontext()


def test_a_device_that_is_bound_already_is_not_believed_to_be_free(host):
    """Adopted: there is no unbind at which it would be noticed."""
    host.kernel.load_module("vfio-pci")
    host.kernel.store(f"/sys/bus/pci/devices/{VF}/driver_override", "vfio-pci")
    host.kernel.store("/sys/bus/pci/drivers/igbvf/unbind", VF)
    host.kernel.store("/sys/bus/pci/drivers/vfio-pci/bind", VF)
    group = os.readlink(host.root / f"sys/bus/pci/devices/{VF}/iommu_group").rpartition("/")[2]

    def opened():
        folder = host.root / "proc/4711"
        (folder / "fd").mkdir(parents=True, exist_ok=True)
        (folder / "comm").write_text("dpdk-testpmd\n")
        if not (folder / "fd/9").is_symlink():
            os.symlink(f"/dev/vfio/{group}", folder / "fd/9")

    at_write(host, "/vfio-pci/bind", VF2, opened)
    failed = refused(host.claim, NIC, {"name": "other", "address": VF2}, owner="dpdk0")
    assert (failed.code, failed.subject) == ("device_in_use", VF)
    assert "process 4711 (dpdk-testpmd)" in failed.found
    assert host.kernel.driver(VF2) == "igbvf"
    assert host.record["claims"] == []


# A release, and what it undoes.


def test_a_release_leaves_a_disk_that_the_host_mounted_after_a_reboot(host):
    without_driver(host, NVME, "nvme")
    host.claim(DISK, attach=("config",))
    host.reboot()
    host.mount(BLOCK)
    host.kernel.log.clear()
    outcome = host.release()
    assert unbinds(host, "nvme") == []
    assert outcome.warnings == [
        f"{NVME} stays with nvme: the host uses it (mounted_fs: /dev/nvme2n1 is mounted at /srv)"
    ]
    assert host.record["claims"] == []
    assert NVME not in host.domain.xml[CONFIG]


def test_a_disk_that_is_mounted_in_the_middle_of_its_release_stays_as_well(host):
    without_driver(host, NVME, "nvme")
    host.claim(DISK, attach=("config",))
    host.reboot()
    plain = host.domain.detachDeviceFlags

    def slow(xml, flags):
        host.mount(BLOCK)
        return plain(xml, flags)

    host.domain.detachDeviceFlags = slow
    outcome = host.release()
    assert unbinds(host, "nvme") == []
    assert outcome.warnings == [
        f"{NVME} stays with the host's driver: by now mounted_fs: /dev/nvme2n1 is mounted at /srv"
    ]
    assert host.record["claims"] == []


def test_libvirt_is_not_asked_about_a_device_that_a_driver_of_the_host_has(host, monkeypatch):
    """What it says of its domains changes nothing, and a release or undo goes on where it does not answer."""
    without_driver(host, NVME, "nvme")
    host.claim(DISK, attach=("config",))
    host.reboot()
    monkeypatch.setattr(host.system.domains, "running", lambda: pytest.fail("asked"))
    host.release()
    assert host.kernel.driver(NVME) is None


def test_what_comes_after_it_in_the_release_is_given_back_all_the_same(host):
    without_driver(host, NVME, "nvme")
    without_driver(host, OTHER_NVME, "nvme")
    host.claim(DISK, {"name": "other", "address": OTHER_NVME}, attach=("config",))
    host.reboot()
    plain = host.domain.detachDeviceFlags

    def slow(xml, flags):
        if "99 1" not in (host.root / "proc/self/mountinfo").read_text():
            host.mount(BLOCK)
        return plain(xml, flags)

    host.domain.detachDeviceFlags = slow
    outcome = host.release()
    assert [line for line in outcome.warnings if "stays with the host's driver" in line] != []
    assert (host.kernel.driver(NVME), host.kernel.driver(OTHER_NVME)) == ("nvme", None)
    assert host.record["claims"] == []


def test_an_unused_disk_goes_back_to_no_driver_after_a_reboot_as_it_was(host):
    without_driver(host, NVME, "nvme")
    host.claim(DISK, attach=("config",))
    host.reboot()
    host.release()
    assert host.kernel.driver(NVME) is None


def test_a_release_leaves_the_nic_of_the_ssh_connection(host):
    without_driver(host, VF, "igbvf")
    host.claim(NIC, attach=("config",))
    host.reboot()
    log_in_through(host, VF)
    host.kernel.log.clear()
    assert "ssh_nic" in host.release().warnings[0]
    assert unbinds(host, "igbvf") == []


def test_a_disk_that_is_mounted_as_soon_as_it_is_back_stays_when_the_release_is_undone(host):
    host.claim({**DISK, "name": "one"}, {"name": "two", "address": OTHER_NVME})
    at_write(host, "drivers_probe", NVME, lambda: host.mount(BLOCK))
    refuse_write(host, "/vfio-pci/unbind", OTHER_NVME)
    host.kernel.log.clear()
    failed = refused(host.release)
    assert failed.code == "bind_failed"
    assert f"{NVME} stays with the host, which uses it, and is no longer held" in failed.found
    assert unbinds(host, "nvme") == []
    held = [device["address"] for device in host.record["claims"][0]["devices"]]
    assert held == [OTHER_NVME]
    assert [request["name"] for request in host.record["claims"][0]["requests"]] == ["two"]
    assert NVME[5:7] not in host.domain.xml[LIVE] or "bus='0x04'" not in host.domain.xml[LIVE]
    assert not host.claim({"name": "two", "address": OTHER_NVME}).changed


# A recovery.


def test_a_recovery_leaves_a_disk_that_the_host_mounted_after_the_reset(host):
    without_driver(host, NVME, "nvme")
    host.claim(NIC, owner="x")
    host.libvirt.fail(1, Killed())
    with pytest.raises(Killed):
        host.claim(DISK, attach=("config",))
    host.reboot()
    host.mount(BLOCK)
    host.kernel.log.clear()
    outcome = host.release(owner="x")
    assert unbinds(host, "nvme") == []
    told = f"the host was rebooted: nothing is left of the step 'driver of {NVME}: vfio-pci -> none'"
    assert told in outcome.warnings
    assert (host.record["claims"], host.record["journal"]) == ([], None)


def test_a_nic_that_went_back_and_carries_ssh_by_now_stays_when_the_release_can_not_be_finished(host):
    host.claim(NIC, DISK)
    plain = host.system.binder._write

    def killed(path, text, seconds):
        if NVME in path + text:
            raise Killed
        plain(path, text, seconds)

    host.system.binder._write = killed
    with pytest.raises(Killed):
        host.release()
    assert host.kernel.driver(VF) == "igbvf"
    host.system.binder._write = plain
    log_in_through(host, VF)
    refuse_write(host, "/vfio-pci/unbind", NVME, errno.EIO)
    host.kernel.log.clear()
    outcome = host.release(owner="somebody else")
    assert unbinds(host, "igbvf") == []
    assert any("ssh_nic" in warning for warning in outcome.warnings)
    held = [device["address"] for device in host.record["claims"][0]["devices"]]
    assert held == [NVME]
