# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.processes import mappings
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.processes.uses import process_uses
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


def numbered(link, path):
    """A device in sysfs, found by its number alone."""
    return {f"{path}/uevent": "", f"/sys/dev/{link}": f"-> ../..{path[4:]}"}


PCI = f"/sys/devices/pci0000:00/{A}"


@pytest.mark.parametrize(
    ("node", "number", "path"),
    [
        ("/dev/uio0", "char 242:0", f"{PCI}/uio/uio0"),
        ("/dev/accel/accel0", "char 261:0", f"{PCI}/accel/accel0"),
        ("/dev/dvb/adapter0/frontend0", "char 212:3", f"{PCI}/dvb/dvb0.frontend0"),
        ("/dev/ptp0", "char 248:0", f"{PCI}/ptp/ptp0"),
        ("/dev/sev", "char 10:120", f"{PCI}/misc/sev"),
        ("/dev/vfio/devices/vfio3", "char 511:3", f"{PCI}/vfio-dev/vfio3"),
        ("/dev/vhost-vdpa-1", "char 505:1", f"{PCI}/vdpa1/vhost-vdpa-1"),
        ("/dev/a-driver-of-next-year", "char 300:0", f"{PCI}/its_class/its_name"),
        ("/srv/container/nodes/gpu", "char 226:128", f"{PCI}/drm/renderD128"),
    ],
)
def test_a_node_is_known_by_its_number_whatever_its_class_and_name(folder, node, number, path):
    there = numbered(number.replace(" ", "/"), path)
    assert uses(folder, there, {node: f"{number}\n"}, process(42, "worker", node)) == [
        ("held_by_process", A, f"process 42 (worker) has {node} open")
    ]


def test_a_disk_is_known_by_its_number_under_the_name_that_a_container_gives_it(folder):
    disk = f"{PCI}/nvme/nvme0/nvme0n1"
    there = {**numbered("block/259:4", disk), "/sys/class/block/nvme0n1": f"-> ../..{disk[4:]}"}
    assert uses(folder, there, {"/dev/xvdf": "block 259:4\n"}, process(42, "mysqld", "/dev/xvdf")) == [
        ("held_by_process", A, "process 42 (mysqld) has /dev/xvdf (nvme0n1) open")
    ]


def test_a_node_is_its_number_and_not_what_its_name_says(folder):
    there = [numbered("char/242:0", f"{PCI}/uio/uio0"), numbered("char/242:1", f"{PCI[: -len(A)]}{B}/uio/uio1")]
    nodes = {"/dev/uio0": "char 242:1\n"}
    assert [address for _code, address, _detail in uses(folder, *there, nodes, process(42, "x", "/dev/uio0"))] == [B]


@pytest.mark.parametrize("number", ["char 13:67", "char 4:1", "char 300:0", "block 7:0"])
def test_input_devices_virtual_ones_and_unknown_numbers_hold_nothing(folder, number):
    there = [
        numbered("char/13:67", f"{PCI}/usb1/1-1/input/input3/event3"),
        numbered("char/4:1", "/sys/devices/virtual/tty/tty1"),
        numbered("block/7:0", "/sys/devices/virtual/block/loop0"),
        {"/sys/class/block/loop0": "-> ../../devices/virtual/block/loop0"},
    ]
    assert uses(folder, *there, {"/dev/x": f"{number}\n"}, process(42, "x", "/dev/x")) == []


def test_a_number_that_sysfs_does_not_place_is_of_all_functions_of_the_driver_that_has_it(folder):
    devices = "Character devices:\n  1 mem\n511 hailo\n\nBlock devices:\n511 other\n"
    there = {
        "/proc/devices": devices,
        f"/sys/bus/pci/drivers/hailo/{A}": "x",
        "/sys/bus/pci/drivers/hailo/module": "x",
        f"/sys/bus/pci/drivers/other/{B}": "x",
        **numbered("char/511:0", "/sys/devices/virtual/hailo_chardev/hailo0"),
    }
    nodes = {"/dev/hailo0": "char 511:0\n", "/dev/hailo1": "char 511:1\n"}
    for number, node in enumerate(nodes, 40):
        there.update(process(number, "hailort", node))
    assert uses(folder, there, nodes) == [
        ("held_by_process", A, "process 40 (hailort) has /dev/hailo0 open"),
        ("held_by_process", A, "process 41 (hailort) has /dev/hailo1 open"),
    ]


def test_nvidias_own_table_tells_its_nodes_and_the_control_node_is_of_no_gpu(folder):
    there = {
        f"/proc/driver/nvidia/gpus/{address}/information": f"Model: x\nDevice Minor: \t {minor}\n"
        for minor, address in enumerate((B, A))
    }
    there.update({"/proc/devices": "Character devices:\n195 nvidia\n", f"/sys/bus/pci/drivers/nvidia/{B}": "x"})
    nodes = {"/dev/nvidiactl": "char 195:255\n", "/dev/gpu": "char 195:1\n"}
    assert uses(folder, there, nodes, process(42, "x", *nodes)) == [
        ("held_by_process", A, "process 42 (x) has /dev/gpu open")
    ]


def test_a_vfio_group_without_an_iommu_is_held_by_who_has_it_open(folder):
    there = {f"/sys/kernel/iommu_groups/0/devices/{A}": "x"}
    assert [detail for _code, _address, detail in uses(folder, there, process(812, "dpdk", "/dev/vfio/noiommu-0"))] == [
        "process 812 (dpdk) has /dev/vfio/noiommu-0 open"
    ]
    there = numbered("char/243:0", "/sys/devices/virtual/vfio/noiommu-0")
    nodes = {"/dev/port": "char 243:0\n"}
    assert len(uses(folder, there, nodes, process(813, "dpdk", "/dev/port"))) == 2


MDEV = "4b20d080-1b54-4048-85b3-a6a62d165c01"


def test_the_group_of_a_mediated_device_leads_to_the_function_that_it_is_made_on(folder):
    there = {
        f"{PCI}/{MDEV}/uevent": "",
        f"/sys/kernel/iommu_groups/16/devices/{MDEV}": f"-> ../../../..{PCI[4:]}/{MDEV}",
        "/sys/kernel/iommu_groups/17/devices/mtty": "-> ../../../../devices/virtual/mtty/mtty/x",
    }
    held = process(5150, "qemu-system-x86", "/dev/vfio/16", "/dev/vfio/17")
    assert uses(folder, there, held) == [("held_by_process", A, "process 5150 (qemu-system-x86) has /dev/vfio/16 open")]
    assert uses(folder, with_guests={A}) == []


@pytest.mark.parametrize("name", ["resource0", "resource4_wc"])
@pytest.mark.parametrize("above", ["", "/host"])
def test_a_function_driven_by_its_files_in_sysfs_is_held(folder, name, above):
    file = f"{above}{PCI}/{name}"
    assert uses(folder, process(42, "ixy", file, f"{PCI}/net/eth0/mtu")) == [
        ("held_by_process", A, f"process 42 (ixy) has {file} open")
    ]


@pytest.mark.parametrize("name", ["config", "rom"])
def test_whoever_looks_at_a_function_for_a_moment_holds_nothing(folder, name):
    assert uses(folder, process(42, "lspci", f"{PCI}/{name}")) == []


def mapping(path, permissions="rw-s", inode=3):
    return f"7f0000000000-7f0000004000 {permissions} 00000000 00:15 {inode}                    {path}\n"


def test_a_mapping_outlives_its_descriptor(folder):
    maps = mapping("/usr/lib/libc.so.6", "r-xp") + mapping(f"{PCI}/resource2") + mapping("/dev/zero (deleted)")
    nodes = {
        **numbered("char/242:1", f"{PCI[: -len(A)]}{B}/uio/uio1"),
        "/dev/uio1": "char 242:1\n",
        "/proc/43/map_files/7f0000000000-7f0000004000": "-> /dev/uio1",
    }
    there = [
        {"/proc/42/maps": maps, "/proc/42/comm": "ixy\n", "/proc/44/maps": mapping("/etc/x", "r--s")},
        {"/proc/43/maps": mapping("/dev/uio1"), "/proc/43/comm": "vpp\n"},
    ]
    assert uses(folder, nodes, *there) == [
        ("held_by_process", A, f"process 42 (ixy) has {PCI}/resource2 mapped"),
        ("held_by_process", B, "process 43 (vpp) has /dev/uio1 mapped"),
    ]


def test_what_is_open_and_mapped_is_told_once(folder):
    there = {"/proc/42/maps": mapping(f"{PCI}/resource0") * 2, **process(42, "spdk", f"{PCI}/resource0")}
    assert [detail for _code, _address, detail in uses(folder, there)] == [
        f"process 42 (spdk) has {PCI}/resource0 open"
    ]


def test_a_process_whose_mappings_can_not_be_read_keeps_nobody_waiting(folder, monkeypatch):
    monkeypatch.setattr(mappings, "PATIENCE", 0.5)
    stuck = threading.Event()

    class Stuck(Tree):
        def data(self, path, limit=1 << 24):
            if path == "/proc/42/maps":
                stuck.wait()
            return super().data(path, limit)

    for number in (41, 42, 43):
        files(folder, {f"/proc/{number}/maps": mapping(f"{PCI}/resource0"), f"/proc/{number}/comm": "x\n"})
    files(folder, process(42, "x", f"{PCI}/resource2"))
    try:
        details = [use.detail for use in process_uses(Stuck(str(folder)), ())]
    finally:
        stuck.set()
    assert details == [
        f"process 41 (x) has {PCI}/resource0 mapped",
        f"process 42 (x) has {PCI}/resource2 open",
        f"process 43 (x) has {PCI}/resource0 mapped",
    ]


def test_a_process_whose_mappings_take_long_is_not_forgotten_for_that(folder, monkeypatch):
    """On a host with much to do a thread may get no processor for longer than anybody waits."""
    monkeypatch.setattr(mappings, "PATIENCE", 0.5)
    others_are_read = threading.Event()

    class Slow(Tree):
        def data(self, path, limit=1 << 24):
            if path == "/proc/41/maps":
                others_are_read.wait()
            if path == "/proc/43/maps":
                others_are_read.set()
            return super().data(path, limit)

    for number in (41, 42, 43):
        files(folder, {f"/proc/{number}/maps": mapping(f"{PCI}/resource{number - 41}")})
    assert list(mappings.mapped_files(Slow(str(folder)), ["41", "42", "43"])) == ["41", "42", "43"]


def test_what_fails_while_mappings_are_read_fails_the_reading(folder):
    class Broken(Tree):
        def data(self, path, limit=1 << 24):
            if path == "/proc/42/maps":
                raise ValueError(path)
            return super().data(path, limit)

    with pytest.raises(ValueError, match="/proc/42/maps"):
        mappings.mapped_files(Broken(str(folder)), ["41", "42", "43"])


@pytest.mark.parametrize(
    "above",
    ["/sys/devices/platform/40000000.pcie/pci0000:00/0000:00:01.0", "/sys/devices/LNXSYSTM:00/VMBUS:00/x/pci1:00"],
)
def test_a_function_driven_by_its_files_is_held_wherever_its_root_bus_lies(folder, above):
    file = f"{above}/{A}/resource0"
    there = {file: "", "/proc/43/comm": "spdk\n", "/proc/43/maps": mapping(file)}
    assert uses(folder, there, process(42, "dpdk", file)) == [
        ("held_by_process", A, f"process 42 (dpdk) has {file} open"),
        ("held_by_process", A, f"process 43 (spdk) has {file} mapped"),
    ]


def test_a_process_whose_first_thread_has_exited_holds_what_the_others_have(folder):
    nodes = {
        **numbered("char/242:1", f"{PCI}/uio/uio1"),
        "/dev/uio1": "char 242:1\n",
        "/proc/44/map_files/7f0000000000-7f0000004000": "-> /dev/uio1",
    }
    threads = {
        "/proc/42/comm": "vpp\n",
        "/proc/42/maps": "",
        "/proc/42/task/42/comm": "vpp\n",
        "/proc/42/task/43/comm": "w1\n",
        "/proc/42/task/44/fd/3": f"-> {PCI}/resource0",
        "/proc/42/task/44/maps": mapping("/dev/uio1"),
    }
    assert uses(folder, nodes, threads) == [
        ("held_by_process", A, "process 42 (vpp) has /dev/uio1 mapped"),
        ("held_by_process", A, f"process 42 (vpp) has {PCI}/resource0 open"),
    ]


def test_the_node_for_guests_with_encrypted_memory_is_of_amds_security_processor(folder):
    there = {
        **numbered("char/10:124", "/sys/devices/virtual/misc/sev"),
        "/sys/class/misc/sev": "-> ../../devices/virtual/misc/sev",
        "/proc/devices": "Character devices:\n 10 misc\n",
        f"/sys/bus/pci/drivers/ccp/{A}": "x",
        "/dev/node": "char 10:124\n",
    }
    assert uses(folder, there, process(42, "qemu-system-x86", "/dev/node"), process(43, "sevctl", "/dev/sev")) == [
        ("held_by_process", A, "process 42 (qemu-system-x86) has /dev/node open"),
        ("held_by_process", A, "process 43 (sevctl) has /dev/sev open"),
    ]
