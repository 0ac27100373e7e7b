# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import binder as binding
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.binder import Binder
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import DriverStep
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import FakeKernel, error
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import expand, recorded, without

VF, PF, NVME, EDU = "0000:01:10.0", "0000:01:00.0", "0000:04:00.0", "0000:05:02.0"
VFIO = Binding("vfio-pci", "vfio-pci")
IGBVF = Binding("igbvf", None)
LEFT_OUT = ("0000:00:04.0", "0000:00:05.0", "0000:00:1f.0", "0000:00:1f.2", "0000:03:00.0", "0000:81:00.0", "virtual/")

BIND = [
    "modprobe vfio-pci",
    "devices/0000:01:10.0/driver_override <- 'vfio-pci'",
    "drivers/igbvf/unbind <- '0000:01:10.0'",
    "drivers/vfio-pci/bind <- '0000:01:10.0'",
]
RESTORE = [
    "devices/0000:01:10.0/driver_override <- 'igbvf'",
    "drivers/vfio-pci/unbind <- '0000:01:10.0'",
    "drivers_probe <- '0000:01:10.0'",
    "devices/0000:01:10.0/driver_override <- '\\n'",
]


class Bench:
    def __init__(self, root):
        expand(without(recorded("lab-trixie"), *LEFT_OUT), root)
        self.root = root
        self.kernel = FakeKernel(root)
        self.binder = Binder(Tree(str(root)), self.kernel, self.kernel.load_module, seconds=7.0)

    def bring(self, address, before, after):
        self.binder.apply(DriverStep(address, before, after))

    def bound(self, address=VF):
        """The function with vfio-pci, and nothing in the log."""
        self.bring(address, Binding(self.kernel.driver(address), None), VFIO)
        self.kernel.log.clear()

    def state(self, address=VF):
        return Binding(self.kernel.driver(address), self.kernel.override(address))

    def refused(self, address, before, after):
        with pytest.raises(HostdevError) as caught:
            self.bring(address, before, after)
        return caught.value


@pytest.fixture
def bench(folder, monkeypatch):
    made = Bench(folder / "host")
    monkeypatch.setattr(binding.time, "sleep", lambda _seconds: made.kernel.work())
    return made


def test_binding_loads_the_module_pins_unbinds_and_binds_in_this_order(bench):
    bench.bring(VF, IGBVF, VFIO)
    assert bench.kernel.log == BIND
    assert bench.state() == VFIO


def test_every_write_has_the_deadline(bench):
    bench.bring(VF, IGBVF, VFIO)
    assert bench.kernel.seconds == [7.0, 7.0, 7.0]


def test_a_module_that_is_there_is_not_loaded_again(bench):
    bench.kernel.load_module("vfio-pci")
    bench.kernel.log.clear()
    bench.bring(VF, IGBVF, VFIO)
    assert bench.kernel.log == BIND[1:]


def test_a_function_without_a_driver_is_pinned_and_bound(bench):
    bench.bring(EDU, Binding(None, None), VFIO)
    assert bench.kernel.log == [
        "modprobe vfio-pci",
        "devices/0000:05:02.0/driver_override <- 'vfio-pci'",
        "drivers/vfio-pci/bind <- '0000:05:02.0'",
    ]
    assert bench.state(EDU) == VFIO


def test_what_is_bound_and_pinned_already_is_not_written_to(bench):
    bench.bound()
    bench.bring(VF, IGBVF, VFIO)
    assert bench.kernel.log == []


def test_what_is_bound_but_not_pinned_is_only_pinned(bench):
    bench.bound()
    bench.kernel("/sys/bus/pci/devices/0000:01:10.0/driver_override", "\n", 1.0)
    bench.kernel.log.clear()
    bench.bring(VF, IGBVF, VFIO)
    assert bench.kernel.log == ["devices/0000:01:10.0/driver_override <- 'vfio-pci'"]


def test_restoring_pins_the_driver_that_was_there_while_the_kernel_probes_and_unpins_with_a_newline(bench):
    bench.bound()
    bench.bring(VF, VFIO, IGBVF)
    assert bench.kernel.log == RESTORE
    assert bench.state() == IGBVF


def test_what_had_no_driver_is_unbound_and_left(bench):
    bench.bound(EDU)
    bench.bring(EDU, VFIO, Binding(None, None))
    assert bench.kernel.log == [
        "devices/0000:05:02.0/driver_override <- '\\n'",
        "drivers/vfio-pci/unbind <- '0000:05:02.0'",
    ]
    assert bench.state(EDU) == Binding(None, None)


def test_an_override_that_was_there_before_is_put_back(bench):
    bench.bound()
    bench.bring(VF, VFIO, Binding(None, "pci-stub"))
    assert bench.kernel.log == [
        "devices/0000:01:10.0/driver_override <- 'pci-stub'",
        "drivers/vfio-pci/unbind <- '0000:01:10.0'",
    ]
    assert bench.state() == Binding(None, "pci-stub")


def test_a_driver_that_was_pinned_before_is_pinned_and_bound_again(bench):
    bench.bound(NVME)
    bench.bring(NVME, VFIO, Binding("nvme", "nvme"))
    assert bench.kernel.log == [
        "devices/0000:04:00.0/driver_override <- 'nvme'",
        "drivers/vfio-pci/unbind <- '0000:04:00.0'",
        "drivers/nvme/bind <- '0000:04:00.0'",
    ]
    assert bench.state(NVME) == Binding("nvme", "nvme")


def test_only_the_override_is_put_back_where_the_driver_is_back_already(bench):
    bench.kernel("/sys/bus/pci/devices/0000:01:10.0/driver_override", "vfio-pci", 1.0)
    bench.kernel.log.clear()
    bench.bring(VF, VFIO, IGBVF)
    assert bench.kernel.log == ["devices/0000:01:10.0/driver_override <- '\\n'"]


def test_the_hosts_own_driver_is_loaded_where_it_was_unloaded(bench):
    bench.bound()
    (bench.root / "sys/bus/pci/drivers/igbvf/module").unlink()
    (bench.root / "sys/bus/pci/drivers/igbvf").rmdir()
    bench.kernel.modules.add("igbvf")
    bench.bring(VF, VFIO, IGBVF)
    assert bench.kernel.log == ["modprobe igbvf", *RESTORE]
    assert bench.state() == IGBVF


def test_a_driver_that_a_probe_does_not_choose_is_bound_by_name(bench, monkeypatch):
    bench.bound()
    monkeypatch.setattr(bench.kernel, "_probe", lambda _address: None)
    bench.bring(VF, VFIO, IGBVF)
    assert bench.kernel.log == [*RESTORE[:3], "drivers/igbvf/bind <- '0000:01:10.0'", RESTORE[3]]
    assert bench.state() == IGBVF


def test_a_driver_that_comes_a_little_later_is_waited_for(bench):
    bench.kernel.lazy = True
    bench.bring(VF, IGBVF, VFIO)
    assert bench.state() == VFIO


def test_a_driver_that_the_kernel_does_not_have_is_refused_before_anything_is_written(bench):
    bench.kernel.modules.clear()
    refused = bench.refused(VF, IGBVF, VFIO)
    assert (refused.code, refused.subject) == ("driver_missing", VF)
    assert refused.found == "the kernel has no driver vfio-pci, and modprobe vfio-pci did not bring it"
    assert bench.kernel.log == ["modprobe vfio-pci"]
    assert bench.state() == IGBVF


def test_a_module_that_loads_and_brings_no_driver_is_refused(bench):
    bench.binder = Binder(Tree(str(bench.root)), bench.kernel, lambda _name: True)
    assert bench.refused(VF, IGBVF, VFIO).code == "driver_missing"
    assert bench.kernel.log == []


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENODEV, "No such device (errno 19): the driver does not accept the device"),
        (errno.EINVAL, "Invalid argument (errno 22): the device has no IOMMU group, or the IOMMU is off"),
        (
            errno.EBUSY,
            "Device or resource busy (errno 16): the device is in use: a PF with VFs, or a group that a guest has",
        ),
        (
            errno.EPERM,
            "Operation not permitted (errno 1): not permitted: not root, or the kernel is locked down",
        ),
        (errno.EACCES, "Permission denied (errno 13): not permitted: not root, or the kernel is locked down"),
        (errno.EIO, "Input/output error (errno 5): see dmesg"),
    ],
)
def test_the_kernels_refusal_to_bind_is_explained(bench, number, why):
    bench.kernel.fail(3, error(number))
    refused = bench.refused(VF, IGBVF, VFIO)
    assert (refused.code, refused.subject) == ("bind_failed", VF)
    assert refused.found == f"the kernel refused to bind it to vfio-pci: {why}"
    assert refused.wanted == "to bind it to vfio-pci"


@pytest.mark.parametrize(
    ("number", "what", "log"),
    [
        (1, "set driver_override to vfio-pci", BIND[:2]),
        (2, "unbind it from igbvf", BIND[:3]),
        (3, "bind it to vfio-pci", BIND),
    ],
)
def test_after_a_refused_write_nothing_more_is_written(bench, number, what, log):
    bench.kernel.fail(number, error(errno.EIO))
    assert bench.refused(VF, IGBVF, VFIO).wanted == f"to {what}"
    assert bench.kernel.log == log


def test_a_pf_whose_driver_leaves_its_vfs_is_refused_by_the_kernel(bench):
    (bench.root / "sys/bus/pci/drivers/ena").mkdir()
    link = bench.root / f"sys/bus/pci/devices/{PF}/driver"
    link.unlink()
    link.symlink_to("../../../../bus/pci/drivers/ena")
    refused = bench.refused(PF, Binding("ena", None), VFIO)
    assert "Device or resource busy (errno 16)" in refused.found


def test_the_refusal_to_clear_an_override_is_told_in_words(bench):
    bench.bound()
    bench.kernel.fail(4, error(errno.EPERM))
    assert bench.refused(VF, VFIO, IGBVF).wanted == "to set driver_override to nothing"


def test_a_write_that_does_not_come_back_is_reported_and_nothing_more_is_written(bench):
    bench.kernel.fail(2, TimeoutError("process 7 has been writing to /sys/x for 7 s"))
    refused = bench.refused(VF, IGBVF, VFIO)
    assert (refused.code, refused.subject) == ("unbind_timeout", VF)
    assert refused.found == (
        "the kernel did not come back from the attempt to unbind it from igbvf: "
        "process 7 has been writing to /sys/x for 7 s"
    )
    assert bench.kernel.log == BIND[:3]


def test_a_bind_that_succeeds_and_shows_no_driver_is_not_believed(bench, monkeypatch):
    monkeypatch.setattr(bench.kernel, "_attach", lambda _address, _driver: None)
    refused = bench.refused(VF, IGBVF, VFIO)
    assert refused.code == "bind_failed"
    assert refused.found == "driver none, driver_override vfio-pci after all writes"
    assert refused.wanted == "driver vfio-pci, driver_override vfio-pci"


def test_the_driver_that_was_there_comes_back_though_it_is_not_the_kernels_first_choice(bench):
    bench.bound()
    bench.kernel.own(VF, "igb")
    bench.bring(VF, VFIO, IGBVF)
    assert bench.state() == IGBVF


def test_a_driver_that_refuses_to_come_back_is_told_and_nothing_stays_pinned(bench):
    bench.bound()
    bench.kernel.refuse(VF, "igbvf")
    assert bench.refused(VF, VFIO, IGBVF).found.startswith("the kernel refused to bind it to igbvf: No such device")
    assert bench.state() == Binding(None, None)


def test_a_driver_that_is_gone_is_told_before_anything_is_taken(bench):
    bench.bound()
    bench.kernel.log.clear()
    assert bench.refused(VF, VFIO, Binding("igb_uio", None)).code == "driver_missing"
    assert bench.kernel.log == ["modprobe igb_uio"]


def test_another_driver_than_the_recorded_one_after_a_restore_is_not_believed(bench, monkeypatch):
    bench.bound()
    monkeypatch.setattr(bench.kernel, "_probe", lambda address: bench.kernel._bind(address, "igb"))
    refused = bench.refused(VF, VFIO, IGBVF)
    assert refused.found == "driver igb, driver_override unset after all writes"
    assert refused.wanted == "driver igbvf, driver_override unset"


def test_what_the_kernel_said_is_told_where_another_driver_came(bench, monkeypatch):
    bench.bound()
    (bench.root / "dev").mkdir(exist_ok=True)
    (bench.root / "dev/kmsg").write_text(f"3,1,2,-;igbvf {VF}: no memory\n3,2,3,-;igb {PF}: up\n")
    monkeypatch.setattr(bench.kernel, "_probe", lambda address: bench.kernel._bind(address, "igb"))
    refused = bench.refused(VF, VFIO, IGBVF)
    assert refused.found.endswith(f"after all writes; the kernel's last words on it: igbvf {VF}: no memory")
    assert refused.details == {"driver": "igb", "kernel_messages": [f"igbvf {VF}: no memory"]}


CHOOSE = [
    "devices/0000:01:10.0/driver_override <- '\\n'",
    "drivers/vfio-pci/unbind <- '0000:01:10.0'",
    "drivers_probe <- '0000:01:10.0'",
]


def let_choose(bench, expected="igbvf"):
    bench.binder.apply(DriverStep(VF, VFIO, Binding(expected, None), by_kernel=True))


def test_the_kernel_chooses_the_driver_of_what_goes_back_to_the_host(bench):
    bench.bound()
    let_choose(bench)
    assert bench.kernel.log == CHOOSE
    assert bench.state() == IGBVF


def test_what_the_host_drives_by_now_stays_so_and_only_loses_its_override(bench):
    bench.kernel("/sys/bus/pci/devices/0000:01:10.0/driver_override", "vfio-pci", 1.0)
    bench.kernel.log.clear()
    let_choose(bench, "other")
    assert bench.kernel.log == CHOOSE[:1]
    assert bench.state() == IGBVF


def test_the_likeliest_driver_is_loaded_before_the_kernel_chooses(bench):
    bench.bound()
    let_choose(bench, "none-such")
    assert bench.kernel.log == [*CHOOSE[:2], "modprobe none-such", CHOOSE[2]]


def test_a_device_that_vanished_is_refused(bench):
    assert bench.refused("0000:99:00.0", IGBVF, VFIO).code == "no_such_device"
    assert bench.kernel.log == []


def test_a_process_that_has_the_device_open_by_now_is_named_and_the_device_is_left(bench, monkeypatch):
    monkeypatch.setattr(binding, "_CLOSING_SECONDS", 0.0)
    group = os.readlink(bench.root / f"sys/bus/pci/devices/{VF}/iommu_group").rpartition("/")[2]
    process = bench.root / "proc/4711"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("dpdk-testpmd\n")
    (process / "fd/7").symlink_to(f"/dev/vfio/{group}")
    refused = bench.refused(VF, IGBVF, VFIO)
    assert (refused.code, refused.found) == (
        "device_in_use",
        f"process 4711 (dpdk-testpmd) has /dev/vfio/{group} open",
    )
    assert bench.kernel.driver(VF) == "igbvf"


def test_a_process_that_has_a_function_below_the_device_open_by_now_is_named_too(bench, monkeypatch):
    monkeypatch.setattr(binding, "_CLOSING_SECONDS", 0.0)
    bench.kernel.load_module("vfio-pci")
    below = f"{os.path.realpath(bench.root / f'sys/bus/pci/devices/{VF}')}/pci10000:e0/10000:e0:00.0"
    (bench.root / "sys/bus/pci/devices/10000:e0:00.0").symlink_to(
        os.path.relpath(below, bench.root / "sys/bus/pci/devices")
    )
    os.makedirs(below)
    process = bench.root / "proc/4711"
    (process / "fd").mkdir(parents=True)
    (process / "fd/7").symlink_to(f"{below.removeprefix(str(bench.root))}/resource0")
    refused = bench.refused(VF, IGBVF, VFIO)
    assert (refused.code, refused.subject) == ("device_in_use", VF)
    assert refused.found.endswith("/10000:e0:00.0/resource0 open")


def test_what_the_kernel_said_of_a_device_that_it_refuses_is_told(bench):
    (bench.root / "dev").mkdir(exist_ok=True)
    (bench.root / "dev/kmsg").write_text(f"3,1,2,-;vfio-pci {VF}: probe failed\n")
    bench.kernel.fail(3, error(errno.ENODEV))
    refused = bench.refused(VF, IGBVF, VFIO)
    assert refused.found.endswith(f"; the kernel's last words on it: vfio-pci {VF}: probe failed")
    assert refused.details["kernel_messages"] == [f"vfio-pci {VF}: probe failed"]
