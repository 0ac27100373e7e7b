# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.processes import process_uses
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

A, B = "0000:01:00.0", "0000:02:00.0"


def process(number, name, *nodes):
    made = {f"/proc/{number}/comm": f"{name}\n"}
    made.update({f"/proc/{number}/fd/{place}": f"-> {node}" for place, node in enumerate(nodes, 3)})
    return made


def of_class(kind, name, address):
    path = f"/sys/devices/pci0000:00/{address}/{kind}/{name}"
    return {f"{path}/dev": "1:1\n", f"/sys/class/{kind}/{name}": f"-> ../../..{path}"}


def vdpa(number, address):
    path = f"/sys/devices/pci0000:00/{address}/vdpa{number}"
    return {
        f"{path}/vhost-vdpa-{number}/dev": "1:1\n",
        f"/sys/bus/vdpa/devices/vdpa{number}": f"-> ../../..{path[4:]}",
    }


def uses(folder, *parts, with_guests=()):
    for part in parts:
        files(folder, part)
    return [(use.code, use.address, use.detail) for use in process_uses(Tree(str(folder)), with_guests)]


@pytest.mark.parametrize(
    ("node", "there"),
    [
        ("/dev/sda", of_class("block", "sda", A)),
        ("/dev/nvme0", of_class("nvme", "nvme0", A)),
        ("/dev/dri/card1", of_class("drm", "card1", A)),
        ("/dev/infiniband/uverbs0", of_class("infiniband_verbs", "uverbs0", A)),
        ("/dev/vfio/devices/vfio3", of_class("vfio-dev", "vfio3", A)),
        ("/dev/vfio/17", {f"/sys/kernel/iommu_groups/17/devices/{A}": "x"}),
        ("/dev/vhost-vdpa-1", {**vdpa(0, "0000:99:00.0"), **vdpa(1, A)}),
        ("/dev/nvidia1", {f"/proc/driver/nvidia/gpus/{A}/information": "Model: x\nDevice Minor: \t 1\n"}),
    ],
)
def test_a_process_with_a_node_of_a_device_open_holds_it(folder, node, there):
    host_uses = uses(folder, there, process(42, "worker", "/dev/null", node, "/etc/passwd"))
    assert host_uses == [("held_by_process", A, f"process 42 (worker) has {node} open")]


def test_terminals_input_and_plain_files_hold_nothing(folder):
    nodes = ["/dev/pts/0", "/dev/tty", "/dev/tty1", "/dev/input/event3", "/dev/urandom", "/home/x", "socket:[1]"]
    console = {"/sys/devices/virtual/tty/tty1/dev": "4:1\n", "/sys/class/tty/tty1": "-> ../../devices/virtual/tty/tty1"}
    there = [of_class("block", "sda", A), of_class("input", "event3", A), console]
    assert uses(folder, *there, process(42, "shell", *nodes, "/dev/unknown")) == []


USB = f"/sys/devices/pci0000:00/{A}/usb2/2-1"


@pytest.mark.parametrize(
    ("node", "link", "path"),
    [
        ("/dev/bus/usb/001/001", "/sys/dev/char/189:0", USB),
        ("/dev/bus/usb/002/003", "/sys/dev/char/189:130", USB),
        ("/dev/hidraw4", "/sys/class/hidraw/hidraw4", f"{USB}/2-1:1.0/0003:046D:C52B.0001/hidraw/hidraw4"),
        ("/dev/usb/hiddev0", "/sys/class/usbmisc/hiddev0", f"{USB}/2-1:1.0/usbmisc/hiddev0"),
        ("/dev/ttyUSB0", "/sys/class/tty/ttyUSB0", f"{USB}/2-1:1.0/ttyUSB0/tty/ttyUSB0"),
        ("/dev/ttyACM0", "/sys/class/tty/ttyACM0", f"{USB}/2-1:1.0/tty/ttyACM0"),
        ("/dev/video0", "/sys/class/video4linux/video0", f"{USB}/2-1:1.0/video4linux/video0"),
        ("/dev/snd/controlC1", "/sys/class/sound/controlC1", f"{USB}/2-1:1.0/sound/card1/controlC1"),
        ("/dev/sg1", "/sys/class/scsi_generic/sg1", f"{USB}/2-1:1.0/host7/target7:0:0/7:0:0:0/scsi_generic/sg1"),
        ("/dev/bsg/7:0:0:0", "/sys/class/bsg/7:0:0:0", f"{USB}/2-1:1.0/host7/target7:0:0/7:0:0:0/bsg/7:0:0:0"),
        ("/dev/nst0", "/sys/class/scsi_tape/nst0", f"{USB}/2-1:1.0/host7/target7:0:0/7:0:0:0/scsi_tape/nst0"),
        ("/dev/sdb1", "/sys/class/block/sdb1", f"{USB}/2-1:1.0/host7/target7:0:0/7:0:0:0/block/sdb/sdb1"),
    ],
)
@pytest.mark.parametrize("function", [A, ""])
def test_a_held_usb_or_scsi_node_is_a_use_of_its_path_and_of_the_function_above(folder, node, link, path, function):
    path = path if function else path.replace(f"pci0000:00/{A}", "platform/xhci-hcd.0")
    files(folder, {f"{path}/dev": "1:1\n", link: f"-> ../../..{path}", **process(42, "worker", node)})
    (host_use,) = process_uses(Tree(str(folder)), ())
    assert (host_use.path, host_use.address) == (path, function)
    assert host_use.detail == f"process 42 (worker) has {node} open"


def test_a_node_open_twice_is_told_once_and_each_process_for_itself(folder):
    host_uses = uses(
        folder, of_class("block", "sda", A), process(7, "a", "/dev/sda", "/dev/sda"), process(8, "b", "/dev/sda")
    )
    assert [detail for _code, _address, detail in host_uses] == [
        "process 7 (a) has /dev/sda open",
        "process 8 (b) has /dev/sda open",
    ]


def test_the_group_of_a_running_guest_is_open_and_that_is_no_news(folder):
    group = {f"/sys/kernel/iommu_groups/17/devices/{address}": "x" for address in (A, B)}
    held = [group, process(42, "qemu-system-x86", "/dev/vfio/17")]
    assert uses(folder, *held, with_guests={B}) == []
    assert [address for _code, address, _detail in uses(folder)] == [A, B]
