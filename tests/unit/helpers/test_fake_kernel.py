# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fake kernel does as Linux does it; each rule with its place in the kernel's sources."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import FakeKernel
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import expand, recorded, without

VF, VF2, PF, NVME, PORT = "0000:01:10.0", "0000:01:10.2", "0000:01:00.0", "0000:04:00.0", "0000:00:10.0"
GROUP = ("0000:03:00.0", "0000:03:00.1", "0000:03:00.2")  # e1000e, e1000e, nvme
LEFT_OUT = ("0000:00:04.0", "0000:00:05.0", "0000:00:1f.0", "0000:00:1f.2", "0000:81:00.0", "virtual/")


class Host:
    """A kernel with what an administrator types at it."""

    def __init__(self, root):
        expand(without(recorded("lab-trixie"), *LEFT_OUT), root)
        self.root = root
        self.kernel = FakeKernel(root, modules=("vfio-pci", "pci-stub", "uio_pci_generic"))
        self.driver = self.kernel.driver

    def write(self, path, text):
        self.kernel(f"/sys/bus/pci/{path}", text, 1.0)

    def override(self, address, text):
        self.write(f"devices/{address}/driver_override", text)

    def unbind(self, address):
        self.write(f"drivers/{self.driver(address)}/unbind", address)

    def bind(self, address, driver):
        self.write(f"drivers/{driver}/bind", address)

    def probe(self, address):
        self.write("drivers_probe", address)

    def pin(self, address, driver="vfio-pci"):
        """Give the function to a driver by its override."""
        self.kernel.modprobe(driver)
        self.override(address, driver)
        if self.driver(address) is not None:
            self.unbind(address)
        self.bind(address, driver)

    def refused(self, call, *arguments):
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is looked at
            call(*arguments)
        return errno.errorcode[caught.value.errno]

    def hangs(self, call, *arguments):
        with pytest.raises(TimeoutError) as caught:
            call(*arguments)
        return str(caught.value)

    def has(self, path):
        return os.path.lexists(self.root / path)

    def begin_with(self, address, driver):
        """Let the function have had another driver than the recorded one."""
        (self.root / "sys/bus/pci/drivers" / driver).mkdir(exist_ok=True)
        link = self.root / f"sys/bus/pci/devices/{address}/driver"
        link.unlink()
        link.symlink_to(f"../../../../bus/pci/drivers/{driver}")


@pytest.fixture
def host(folder):
    return Host(folder / "host")


# driver_override: drivers/base/driver.c, driver_set_override; Documentation/ABI/testing/sysfs-bus-pci.


def test_an_override_reads_null_when_it_is_unset_and_a_newline_unsets_it(host):
    file = host.root / f"sys/bus/pci/devices/{VF}/driver_override"
    assert file.read_text() == "(null)\n"
    host.override(VF, "vfio-pci\n")
    assert (file.read_text(), host.kernel.override(VF)) == ("vfio-pci\n", "vfio-pci")
    host.override(VF, "\n")
    assert (file.read_text(), host.kernel.override(VF)) == ("(null)\n", None)


def test_an_override_alone_moves_nothing(host):
    host.override(VF, "vfio-pci")
    assert host.driver(VF) == "igbvf"


def test_a_function_that_is_not_there_has_no_files(host):
    assert host.refused(host.override, "0000:99:00.0", "vfio-pci") == "ENOENT"


# drivers_probe: drivers/base/bus.c, drivers_probe_store; drivers/base/dd.c, __device_attach_driver.


def test_a_probe_binds_the_first_driver_that_registered_of_those_that_fit(host):
    host.kernel.own(VF, "igb")
    host.unbind(VF)
    host.probe(VF)
    assert host.driver(VF) == "igb"


def test_a_probe_does_not_bring_back_a_driver_that_an_override_had_brought(host):
    host.pin(VF, "uio_pci_generic")
    host.override(VF, "\n")
    assert host.driver(VF) == "uio_pci_generic"
    host.unbind(VF)
    host.probe(VF)
    assert host.driver(VF) == "igbvf"


def test_a_driver_that_fits_and_registered_later_is_no_choice_of_the_kernel(host):
    host.kernel.modules.add("other")
    host.kernel.fit(VF, "other")
    host.kernel.modprobe("other")
    assert host.driver(VF) == "igbvf"
    host.unbind(VF)
    host.bind(VF, "other")
    host.unbind(VF)
    host.probe(VF)
    assert host.driver(VF) == "igbvf"


def test_with_an_override_only_that_driver_is_bound(host):
    host.kernel.modprobe("vfio-pci")
    host.override(VF, "vfio-pci")
    host.unbind(VF)
    host.probe(VF)
    assert host.driver(VF) == "vfio-pci"


def test_with_an_override_that_names_no_driver_a_probe_binds_nothing_and_says_success(host):
    host.override(VF, "nobody")
    host.unbind(VF)
    host.probe(VF)
    assert host.driver(VF) is None


def test_a_driver_that_refuses_leaves_the_function_to_the_next_one_that_fits(host):
    host.kernel.own(VF, "igb")
    host.kernel.refuse(VF, "igb", errno.EIO)
    host.unbind(VF)
    host.probe(VF)
    assert host.driver(VF) == "igbvf"


def test_a_function_that_all_refuse_stays_without_a_driver_and_the_probe_says_success(host):
    host.kernel.refuse(VF, "igbvf")
    host.unbind(VF)
    host.probe(VF)
    assert host.driver(VF) is None


def test_a_probe_of_a_bound_function_changes_nothing(host):
    host.kernel.own(VF, "igb")
    host.probe(VF)
    assert host.driver(VF) == "igbvf"


def test_a_probe_of_what_is_not_there_is_refused(host):
    assert host.refused(host.probe, "0000:99:00.0") == "ENODEV"


def test_vfio_takes_nothing_without_an_override(host):
    # drivers/vfio/pci/vfio_pci.c: its ids are override_only
    host.kernel.modprobe("vfio-pci")
    host.unbind(VF)
    assert host.refused(host.bind, VF, "vfio-pci") == "ENODEV"


# bind: drivers/base/bus.c, bind_store; drivers/base/dd.c, device_driver_attach.


def test_bind_binds_a_driver_that_fits_and_is_not_the_first_choice(host):
    host.kernel.own(VF, "igb")
    host.unbind(VF)
    host.bind(VF, "igbvf")
    assert host.driver(VF) == "igbvf"


def test_bind_refuses_a_driver_that_does_not_fit_and_one_that_is_not_the_overrides(host):
    host.unbind(VF)
    assert host.refused(host.bind, VF, "nvme") == "ENODEV"
    host.override(VF, "vfio-pci")
    assert host.refused(host.bind, VF, "igbvf") == "ENODEV"
    assert host.driver(VF) is None


def test_an_override_sends_a_function_to_a_driver_that_can_not_drive_it_and_refuses(host):
    host.override(VF, "nvme")
    host.unbind(VF)
    assert host.refused(host.bind, VF, "nvme") == "ENODEV"
    assert host.driver(VF) is None


def test_bind_hands_on_what_the_drivers_probe_says(host):
    host.kernel.refuse(VF, "igbvf", errno.EIO)
    host.unbind(VF)
    assert host.refused(host.bind, VF, "igbvf") == "EIO"
    assert host.driver(VF) is None


def test_bind_refuses_a_function_that_is_bound_one_that_is_not_there_and_a_driver_that_is_not_loaded(host):
    assert host.refused(host.bind, VF, "igbvf") == "EBUSY"
    assert host.refused(host.bind, "0000:99:00.0", "igbvf") == "ENODEV"
    assert host.refused(host.bind, VF, "vfio-pci") == "ENOENT"


# unbind: drivers/base/bus.c, unbind_store.


def test_unbind_is_for_the_driver_that_the_function_has(host):
    assert host.refused(host.write, "drivers/igb/unbind", VF) == "ENODEV"
    host.write(f"devices/{VF}/driver/unbind", VF)
    assert host.driver(VF) is None
    assert host.refused(host.write, f"devices/{VF}/driver/unbind", VF) == "ENOENT"


def test_what_a_driver_made_goes_with_it_and_comes_back_with_that_driver_only(host):
    (interface,) = os.listdir(host.root / f"sys/bus/pci/devices/{VF}/net")
    host.kernel.own(VF, "igb")
    host.unbind(VF)
    assert not host.has(f"sys/bus/pci/devices/{VF}/net")
    assert not host.has(f"sys/class/net/{interface}")
    host.probe(VF)
    assert not host.has(f"sys/class/net/{interface}")
    host.unbind(VF)
    host.bind(VF, "igbvf")
    assert (host.root / f"sys/class/net/{interface}/device").is_dir()


def test_a_disk_goes_with_its_numbers_and_whoever_uses_it(host):
    # No driver asks whether its disk is mounted: it is gone from under the file system.
    numbers = (host.root / "sys/class/block/nvme2n1/dev").read_text().strip()
    (host.root / "proc/self/mountinfo").write_text(f"28 1 {numbers} / /srv rw - ext4 /dev/nvme2n1 rw\n")
    assert host.has(f"sys/dev/block/{numbers}")
    host.unbind(NVME)
    assert not any(host.has(path) for path in ("sys/class/block/nvme2n1", f"sys/dev/block/{numbers}"))


# drivers/vfio/vfio_main.c, vfio_unregister_group_dev: it waits for the last descriptor of the function.


def test_an_unbind_of_what_a_guest_has_open_does_not_come_back_until_it_closes_it(host):
    host.pin(VF)
    host.kernel.opens(31, "qemu-system-x86", [VF])
    said = host.hangs(host.unbind, VF)
    assert said.endswith("has been writing to /sys/bus/pci/drivers/vfio-pci/unbind for 1 s")
    assert host.driver(VF) == "vfio-pci"
    host.hangs(host.override, VF, "\n")  # which wants the lock that the unbind has
    host.pin(VF2)
    host.kernel.ends(31)
    assert host.driver(VF) is None


def test_a_guest_holds_the_functions_that_it_has_and_not_their_mates(host):
    for address in GROUP:
        host.pin(address)
    host.kernel.opens(31, "qemu-system-x86", GROUP[:1])
    host.unbind(GROUP[1])
    host.hangs(host.unbind, GROUP[0])


def test_a_process_that_has_a_groups_node_open_is_taken_to_have_all_of_it(host):
    host.pin(VF)
    group = os.path.basename(os.readlink(host.root / f"sys/bus/pci/devices/{VF}/iommu_group"))
    (host.root / "proc/4711/fd").mkdir(parents=True)
    (host.root / "proc/4711/fd/7").symlink_to(f"/dev/vfio/{group}")
    host.hangs(host.unbind, VF)


def test_a_guest_is_a_process_that_has_its_groups_open(host):
    host.pin(VF)
    host.kernel.opens(31, "qemu-system-x86_64", [VF])
    process = host.root / "proc/31"
    assert (process / "comm").read_text() == "qemu-system-x86\n"  # TASK_COMM_LEN
    assert {os.readlink(link) for link in (process / "fd").iterdir()} == {"/dev/kvm", "/dev/vfio/vfio", "/dev/vfio/21"}
    host.kernel.opens(31, "qemu-system-x86_64", [])
    assert {os.readlink(link) for link in (process / "fd").iterdir()} == {"/dev/kvm"}
    host.kernel.ends(31)
    assert not process.exists()


# Modules: drivers/base/bus.c, bus_add_driver; drivers/base/dd.c, __driver_attach.


def test_a_driver_that_is_loaded_takes_what_it_fits_and_nobody_has(host):
    host.unbind(VF)
    host.kernel.modules.add("other")
    for address in (VF, VF2):
        host.kernel.fit(address, "other")
    assert host.kernel.load_module("other")
    assert (host.driver(VF), host.driver(VF2)) == ("other", "igbvf")


def test_a_function_that_waits_for_its_overrides_driver_is_bound_when_that_is_loaded(host):
    host.override(VF, "vfio-pci")
    host.unbind(VF)
    assert host.kernel.load_module("vfio-pci")
    assert host.driver(VF) == "vfio-pci"


def test_modprobe_of_what_is_loaded_succeeds_and_of_what_is_nowhere_fails(host):
    assert host.kernel.load_module("igbvf")
    assert not host.kernel.load_module("nobody")
    assert host.kernel.log == ["modprobe igbvf", "modprobe nobody"]


# drivers/vfio/pci/vfio_pci_core.c, vfio_pci_core_register_device.


def test_vfio_refuses_a_bridge_a_function_without_a_group_and_a_pf_with_vfs(host):
    host.begin_with(PF, "ena")
    assert host.refused(host.pin, PF) == "EBUSY"
    assert host.refused(host.pin, PORT) == "EINVAL"
    (host.root / f"sys/bus/pci/devices/{NVME}/iommu_group").unlink()
    assert host.refused(host.pin, NVME) == "EINVAL"


# drivers/iommu/iommu.c, iommu_device_use_default_domain and iommu_group_claim_dma_owner.


def test_no_driver_of_the_host_takes_a_function_whose_group_a_guest_has(host):
    for address in GROUP:
        host.pin(address)
    host.kernel.opens(31, "qemu-system-x86", GROUP[:1])
    host.override(GROUP[1], "\n")
    host.unbind(GROUP[1])
    assert host.refused(host.bind, GROUP[1], "e1000e") == "EBUSY"
    assert host.refused(host.probe, GROUP[1]) == "EINVAL"
    host.pin(GROUP[1])  # which leaves DMA to the guest
    host.unbind(GROUP[1])
    host.override(GROUP[1], "\n")
    host.kernel.ends(31)
    host.probe(GROUP[1])
    assert host.driver(GROUP[1]) == "e1000e"


def test_a_group_is_viable_when_no_driver_of_the_host_has_a_function_of_it(host):
    def viable():
        try:
            host.kernel.check_viable(GROUP[0])
        except OSError as error:
            return errno.errorcode[error.errno]
        return True

    assert viable() == "ENODEV"  # it is with no VFIO driver itself
    host.pin(GROUP[0])
    assert viable() == "EBUSY"
    host.unbind(GROUP[1])
    host.pin(GROUP[2], "pci-stub")
    assert viable() is True
    host.unbind(GROUP[2])
    host.pin(GROUP[2], "uio_pci_generic")
    assert viable() == "EBUSY"


# VFs: drivers/pci/iov.c, sriov_numvfs_store; Documentation/PCI/pci-iov-howto.rst.


def vfs(host):
    return [name for name in os.listdir(host.root / "sys/bus/pci/devices") if name.startswith("0000:01:1")]


@pytest.mark.parametrize(("text", "number"), [("8", "ERANGE"), ("many", "EINVAL"), ("3", "EBUSY"), ("7", "EBUSY")])
def test_a_number_of_vfs_that_can_not_be_is_refused(host, text, number):
    assert host.refused(host.write, f"devices/{PF}/sriov_numvfs", text) == number
    assert len(vfs(host)) == 4


def test_the_number_of_vfs_that_there_are_is_no_change_and_needs_no_driver(host):
    host.begin_with(PF, "ena")
    host.unbind(PF)
    host.write(f"devices/{PF}/sriov_numvfs", "4")
    assert len(vfs(host)) == 4


def test_vfs_are_made_after_there_were_none_and_their_driver_is_bound(host):
    host.write(f"devices/{PF}/sriov_numvfs", "0")
    assert vfs(host) == []
    assert not host.has("sys/kernel/iommu_groups/21/devices/0000:01:10.0")
    assert (host.root / f"sys/bus/pci/devices/{PF}/sriov_numvfs").read_text() == "0\n"
    host.write(f"devices/{PF}/sriov_numvfs", "2")
    assert sorted(vfs(host)) == [VF, VF2]
    assert (host.driver(VF), host.kernel.group(VF)) == ("igbvf", (VF,))
    assert os.listdir(host.root / f"sys/bus/pci/devices/{VF}/net")


def test_without_autoprobe_a_vf_gets_the_driver_of_its_override_alone(host):
    host.write(f"devices/{PF}/sriov_numvfs", "0")
    (host.root / f"sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe").write_text("0\n")
    host.write(f"devices/{PF}/sriov_numvfs", "1")
    host.probe(VF)
    assert host.driver(VF) is None
    assert host.refused(host.bind, VF, "igbvf") == "ENODEV"
    host.pin(VF)
    assert host.driver(VF) == "vfio-pci"


def test_vfs_can_not_be_made_without_a_driver_of_the_pf_or_with_that_of_vfio(host):
    host.unbind(PF)
    assert vfs(host) == []
    assert host.refused(host.write, f"devices/{PF}/sriov_numvfs", "2") == "ENOENT"
    host.pin(PF)
    assert host.refused(host.write, f"devices/{PF}/sriov_numvfs", "2") == "ENOENT"


@pytest.mark.parametrize(("driver", "left"), [("igb", 0), ("nvme", 4), ("ena", 4)])
def test_most_drivers_of_pfs_take_their_vfs_with_them(host, driver, left):
    host.begin_with(PF, driver)
    host.unbind(PF)
    assert len(vfs(host)) == left


@pytest.mark.parametrize("path", [f"devices/{PF}/sriov_numvfs", "drivers/igb/unbind"])
def test_a_vf_of_a_guest_keeps_the_write_that_removes_it_in_the_kernel(host, path):
    host.pin(VF2)
    host.kernel.opens(31, "qemu-system-x86", [VF2])
    host.hangs(host.write, path, "0" if path.endswith("numvfs") else PF)
    assert host.kernel.held(VF2)
    host.kernel.ends(31)
    assert vfs(host) == []


def test_a_vf_that_the_kernel_waits_for_has_lost_its_links_and_the_lower_ones_are_gone(host):
    (host.root / f"sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe").write_text("0\n")
    host.pin(VF2)
    host.kernel.opens(31, "qemu-system-x86", [VF2])
    host.hangs(host.write, f"devices/{PF}/sriov_numvfs", "0")
    devices = host.root / "sys/bus/pci/devices"
    assert sorted(name for name in os.listdir(devices / PF) if name.startswith("virtfn")) == ["virtfn2", "virtfn3"]
    assert not (devices / VF).exists()
    assert (devices / VF2).exists()
    assert not (devices / VF2 / "physfn").is_symlink()
    assert host.driver(VF2) is None
    host.hangs(host.write, f"devices/{PF}/sriov_numvfs", "4")
    host.kernel.ends(31)
    assert vfs(host) == []
    host.write(f"devices/{PF}/sriov_numvfs", "4")
    assert os.readlink(devices / VF2 / "physfn").endswith(PF)


# A worker of the kernel, and a new start.


def test_a_worker_binds_when_it_gets_to_it(host):
    host.unbind(VF)
    host.kernel.lazy = True
    host.probe(VF)
    assert host.driver(VF) is None
    host.kernel.work()
    assert host.driver(VF) == "igbvf"


def test_another_process_that_goes_on_with_the_tree_knows_what_there_is_to_know(host):
    host.kernel.own(VF, "igb")
    host.unbind(VF)
    other = FakeKernel(host.root)
    other.restore(host.kernel.memory())
    other.store("/sys/bus/pci/drivers_probe", VF)
    assert other.driver(VF) == "igb"
    other.store("/sys/bus/pci/drivers/igb/unbind", VF)
    other.store("/sys/bus/pci/drivers/igbvf/bind", VF)
    assert os.listdir(host.root / f"sys/bus/pci/devices/{VF}/net")


def test_nothing_of_ours_may_write_a_new_id(host):
    # It takes every identical card of the host, and stays for cards to come.
    with pytest.raises(AssertionError):
        host.write("drivers/vfio-pci/new_id", "8086 10ca")
