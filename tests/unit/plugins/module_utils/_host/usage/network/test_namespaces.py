# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network functions whose interface is in another network namespace."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel.foreign_links import ForeignLink
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel.network import read_network
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.namespaces import namespace_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.uses import (
    parts_without_interface,
    without_interface,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device
from ansible_collections.kvm.hostdev.tests.unit.helpers.made_network import nic
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

A, B = "0000:01:00.0", "0000:02:00.0"
PATH = f"/sys/devices/pci0000:00/{A}"
DRIVER = {f"{PATH}/driver": "-> ../../../bus/pci/drivers/iavf", f"{PATH}/vendor": "0x8086\n"}
EMPTY_NET = {**DRIVER, f"{PATH}/net/": None}


def function(**fields):
    return device(A, **{"path": PATH, "driver": "iavf", **fields})


def details(folder, contents, *devices, foreign=()):
    files(folder, {path: text for path, text in contents.items() if text is not None})
    for path, text in contents.items():
        if text is None:
            (folder / path.strip("/")).mkdir(parents=True, exist_ok=True)
    tree = Tree(str(folder))
    bare = [device for device in devices or [function()] if without_interface(tree, device)]
    return namespace_uses(tree, bare, foreign, parts_without_interface(tree))


def codes(uses):
    return [(use.code, use.address) for use in uses]


AWAY = [("other_netns", A)]


def test_a_driver_whose_interface_is_not_in_its_folder_has_it_elsewhere(folder):
    assert details(folder, EMPTY_NET) == [
        HostUse("other_netns", A, "driver iavf, and its interface is in another network namespace", PATH)
    ]


def test_the_folder_may_lie_below_virtio(folder):
    contents = {f"{PATH}/virtio3/driver": "-> ../x/virtio_net", f"{PATH}/virtio3/net/": None}
    assert codes(details(folder, contents, function(driver="virtio-pci"))) == AWAY


def test_a_function_without_any_folder_has_no_interface_anywhere(folder):
    assert details(folder, DRIVER) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"driver": None},
        {"driver": "vfio-pci", "vfio": True},
        {"driver": "mlx5-vfio-pci", "vfio": True},
        {"driver": "uio_pci_generic"},
        {"driver": "igb_uio"},
        {"driver": "pci-stub"},
        {"driver": "xen-pciback"},
        {"class_id": "010802"},
        {"class_id": "020700"},
        {"children": (Child("net", "eth0"),)},
        {"children": (Child("vdpa", "vdpa0"),)},
    ],
    ids=str,
)
def test_what_makes_no_interface_or_has_it_here_is_not_away(folder, fields):
    assert details(folder, DRIVER, function(**fields)) == []


@pytest.mark.parametrize(
    "contents",
    [
        {f"{PATH}/infiniband/mlx5_0/node_type": "1: CA\n"},
        {f"{PATH}/uio/uio0/name": "x\n"},
        {f"{PATH}/virtio3/device": "0x0001\n"},
        {f"{PATH}/mlx5_core.rdma.0/driver": "-> ../x/mlx5_ib.rdma"},
        {f"{PATH}/mlx5_core.eth.0/uevent": "\n"},
    ],
    ids=str,
)
def test_a_driver_that_made_something_else_of_it_has_no_interface(folder, contents):
    assert details(folder, {**DRIVER, **contents}) == []


@pytest.mark.parametrize("class_id", ["020000", "020700", "028000"])
def test_of_infiniband_the_folder_tells_too(folder, class_id):
    assert (
        codes(details(folder, {**EMPTY_NET, f"{PATH}/infiniband/mlx5_0/x": "x"}, function(class_id=class_id))) == AWAY
    )


@pytest.mark.parametrize("part", ["mlx5_core.eth.0", "mlx5_core.sf.2", "virtio3"])
def test_a_part_that_has_an_empty_folder_has_its_interface_elsewhere(folder, part):
    assert codes(details(folder, {**DRIVER, f"{PATH}/{part}/net/": None})) == AWAY


def process(number, namespace, command="sh", interfaces=("lo", "eth0")):
    return {
        f"/proc/{number}/ns/net": f"-> net:[{namespace}]",
        f"/proc/{number}/comm": f"{command}\n",
        f"/proc/{number}/net/dev": "Inter-|\n face |\n" + "".join(f"  {name}: 0 0\n" for name in interfaces),
    }


OURS = {"/proc/self/ns/net": "-> net:[1]", "/proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"}


def test_the_detail_names_the_other_namespaces_by_process_or_mount(folder):
    contents = {
        **EMPTY_NET,
        **OURS,
        **process(1, 1, "systemd"),
        **process(300, 7, "pause"),
        **process(90, 8, "dnsmasq"),
        **process(91, 8, "dnsmasq"),
        **process(92, 9, "colord", ["lo"]),
    }
    contents["/proc/self/mountinfo"] += "2 1 0:4 net:[8] /run/netns/blue rw - nsfs nsfs rw\n"
    (use,) = details(folder, contents)
    assert use.detail == (
        "driver iavf, and its interface is in another network namespace (there is network namespace /run/netns/blue, "
        "the network namespace of process 300 (pause))"
    )


def test_a_namespace_whose_name_has_a_space_is_told_by_the_path_that_can_be_opened(folder):
    """The kernel writes white space of a path as octal."""
    line = "2 1 0:4 net:[8] /run/netns/of\\040mine rw - nsfs nsfs rw\n"
    contents = {**EMPTY_NET, **OURS}
    contents["/proc/self/mountinfo"] += line
    (use,) = details(folder, contents)
    assert use.detail.endswith("(there is network namespace /run/netns/of mine)")


def test_of_many_namespaces_some_are_named(folder):
    contents = {**EMPTY_NET, **OURS}
    for number in range(2, 9):
        contents.update(process(number, number))
    (use,) = details(folder, contents)
    assert use.detail.endswith("of process 4 (sh) and 4 more)")


def test_an_interface_that_the_kernel_tells_of_is_named_with_its_namespace(folder):
    contents = {
        **EMPTY_NET,
        f"/sys/bus/pci/devices/{A}": f"-> ../../../devices/pci0000:00/{A}",
        **process(300, 7, "pause"),
    }
    foreign = [ForeignLink("net1", "the network namespace of process 300 (pause)", f"/sys/bus/pci/devices/{A}", None)]
    assert details(folder, contents, foreign=foreign) == [
        HostUse("other_netns", A, "its interface net1 is in the network namespace of process 300 (pause)", PATH)
    ]


def test_one_of_two_interfaces_of_a_function_may_be_away(folder):
    contents = {**DRIVER, f"/sys/bus/pci/devices/{A}": f"-> ../../../devices/pci0000:00/{A}"}
    foreign = [ForeignLink("port1", "network namespace /run/netns/blue", f"/sys/bus/pci/devices/{A}", None)]
    assert codes(details(folder, contents, function(children=(Child("net", "port0"),)), foreign=foreign)) == AWAY


def test_a_usb_nic_in_another_namespace_is_known_by_its_path(folder):
    usb = f"{PATH}/usb1/1-2/1-2:1.0"
    contents = {f"{usb}/bInterfaceClass": "ff\n", "/sys/bus/usb/devices/1-2:1.0": f"-> ../../../..{usb}"}
    foreign = [ForeignLink("usb0", "network namespace /run/netns/blue", "/sys/bus/usb/devices/1-2:1.0", None)]
    (use,) = details(folder, contents, function(driver=None), foreign=foreign)
    assert (use.address, use.path) == (A, usb)


USB = f"{PATH}/usb1/1-2/1-2:1.0"
USB_NIC = {
    f"{USB}/driver": "-> ../../../../../../bus/usb/drivers/r8152",
    "/sys/bus/usb/devices/1-2:1.0": f"-> ../../../..{USB}",
    f"{USB}/net/": None,
}


def test_a_usb_nic_whose_folder_shows_nothing_has_its_interface_elsewhere(folder):
    """Kernels before 5.14 do not tell which device an interface in another namespace is of."""
    assert details(folder, USB_NIC, function(class_id="0c0330", driver="xhci_hcd")) == [
        HostUse("other_netns", A, "driver r8152, and its interface is in another network namespace", USB)
    ]


def test_a_usb_nic_that_the_kernel_tells_of_counts_once(folder):
    foreign = [ForeignLink("usb0", "network namespace /run/netns/blue", "/sys/bus/usb/devices/1-2:1.0", None)]
    (use,) = details(folder, USB_NIC, function(class_id="0c0330", driver="xhci_hcd"), foreign=foreign)
    assert use.detail == "its interface usb0 is in network namespace /run/netns/blue"


@pytest.mark.parametrize("contents", [{**USB_NIC, f"{USB}/net/usb0/operstate": "up\n"}, {**USB_NIC, f"{USB}/net/": ""}])
def test_a_usb_device_that_shows_its_interface_or_has_none_is_here(folder, contents):
    contents = {path: text for path, text in contents.items() if text != ""}
    assert details(folder, contents, function(class_id="0c0330", driver="xhci_hcd")) == []


@pytest.mark.parametrize("class_id", ["0d8000", "088000", "120000"])
def test_a_function_of_another_class_may_have_an_interface_too(folder, class_id):
    assert codes(details(folder, EMPTY_NET, function(class_id=class_id))) == AWAY


def test_what_another_namespace_has_on_an_interface_here_keeps_that(folder):
    foreign = [ForeignLink("mv0", "the network namespace of process 300 (nginx)", "", "eth0")]
    assert details(folder, nic("eth0", B), function(driver=None), foreign=foreign) == [
        HostUse(
            "enslaved",
            B,
            "carries mv0 in the network namespace of process 300 (nginx) on eth0",
            f"/sys/devices/pci0000:00/{B}/net/eth0",
        )
    ]


def test_below_another_root_the_running_kernel_is_not_asked(folder):
    assert read_network(Tree(str(folder))).foreign == []
