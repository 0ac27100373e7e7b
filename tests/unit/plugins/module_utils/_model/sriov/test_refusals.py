# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each errno of each driver is explained, with one step that leads on; a success that is none is one of them."""

from __future__ import annotations

import errno

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.refusals import (
    Explanation,
    NumberWrite,
    hangs,
    made_otherwise,
    not_by_number,
    refused,
)

PF = "0000:01:00.0"
MMIO = f"igb {PF}: not enough MMIO resources for SR-IOV"
BARS = f"mlx5_core {PF}: IOV BARS not allocated"
BUSES = f"ixgbe {PF}: can't enable 63 VFs (bus 05 out of range of [bus 03-04])"


def write(driver="igb", wanted=4, present=0, total=7, interface="enp1s0"):
    return NumberWrite(PF, driver, wanted, present, total, interface)


@pytest.mark.parametrize(
    ("number", "it", "log", "why", "remedy"),
    [
        ("ERANGE", write(wanted=8), (), "the driver allows 7 VFs at most", "set 7 VFs or fewer"),
        ("ERANGE", write("xe"), (), "the module's max_vfs allows fewer", "give xe a higher max_vfs"),
        ("EINVAL", write("bnx2x"), (), "only while its interface is up", "ip link set enp1s0 up"),
        ("EINVAL", write("qede"), (), "virtual ports", "fewer VFs than 4"),
        ("EINVAL", write("virtio-pci"), (), "does not offer VFs", "VIRTIO_F_SR_IOV"),
        ("EINVAL", write("ixgbe"), (), "XDP program", "ip link set enp1s0 xdp off"),
        ("EINVAL", write("i40e", 0, 4), (), "assigned to guests of Xen", "stop those guests"),
        ("EINVAL", write("i40e"), (), "the driver i40e does not say why", f"see dmesg for what i40e says of {PF}"),
        ("ENOENT", write(None), (), f"{PF} has no driver", f"bind {PF} to its network driver"),
        ("ENOENT", write("vfio-pci"), (), "enable_sriov", "parameters/enable_sriov"),
        ("ENOENT", write("i915"), (), "the driver i915 makes no VFs by sysfs", f"bind {PF} to a driver that does"),
        ("EBUSY", write(present=2), (), "it has 2 VFs, and another number", "somebody else"),
        ("EBUSY", write("ice"), (), "ice is not ready", "run again"),
        ("EBUSY", write("ice", 0, 4), (), "ice is not ready", "run again"),
        ("EBUSY", write("4xxx"), (), "QAT is in use", "stop what uses"),
        ("EBUSY", write("virtio-pci"), (), "not set up by its driver", "run again"),
        ("ENOMEM", write(), (MMIO, "igb: x"), "no space in memory", "pci=realloc"),
        ("ENOMEM", write("mlx5_core"), (BARS,), "no space in memory", "above 4G"),
        ("ENOMEM", write("ixgbe", 63), (BUSES,), "no bus numbers", "fewer VFs than 63, or boot with pci=assign-busses"),
        ("ENOMEM", write("ixgbe"), (), "X552", "load ixgbe with max_vfs=4"),
        ("ENOMEM", write(), (), "no memory", "free memory"),
        ("EIO", write(), (), "another number of VFs at first", "update the card's firmware"),
        ("ENOSPC", write("ice"), (), "too few interrupt vectors", "fewer VFs than 4"),
        ("EPERM", write("igb"), (), "without MSI-X", "pci=nomsi"),
        ("EPERM", write("igb", 0, 4), (), "assigned to guests of Xen", "stop those guests"),
        ("EPERM", write("ixgbe", 0, 4), (), "assigned to guests of Xen", "stop those guests"),
        ("EPERM", write("ixgbe", 63), (), "31 or 15 with traffic classes", "fewer VFs than 63"),
        ("EPERM", write("i40e"), (), "test of itself", "fewer VFs"),
        ("EAGAIN", write("i40e"), (), "another operation", "run again"),
        ("EAGAIN", write("ice"), (), "did not start", "run again"),
        ("EOPNOTSUPP", write("ice"), (), "safe mode", "install the package"),
        ("EOPNOTSUPP", write("qede"), (), "firmware of the card makes no VFs", "switch SR-IOV on"),
        ("EOPNOTSUPP", write("cxgb4"), (), "firmware of the card makes no VFs", "switch SR-IOV on"),
        ("ENODEV", write("xe"), (), "does not run as a physical function", "load xe with max_vfs=4"),
        ("ENODEV", write(), (), "depends on is absent", "Function Dependency Link"),
        ("ENOSYS", write(), (), "is no physical function", "Function Dependency Link"),
        ("EFAULT", write("c6xx"), (), "QAT is not up", "adf_ctl up"),
        ("EFAULT", write("igb"), (), "does not say why", "see dmesg"),
        ("EXDEV", write("igb"), (), "does not say why", "see dmesg"),
    ],
)
def test_an_errno_is_explained_by_driver_and_log(number, it, log, why, remedy):
    explanation = refused(it, getattr(errno, number), log)
    assert explanation.found.startswith(f"the kernel refused it with {number}: ")
    assert why in explanation.found
    assert remedy in explanation.remedy
    assert explanation.wanted == f"{it.wanted} VFs instead of {it.present}"


def test_the_line_of_the_log_that_tells_is_quoted():
    assert f'(dmesg: "{MMIO}")' in refused(write(), errno.ENOMEM, [MMIO, "igb: something after it"]).found
    assert '(dmesg: "igb: after")' in refused(write(), errno.EIO, ["igb: before", "igb: after "]).found


def test_an_errno_without_a_name_has_its_number():
    assert refused(write(), 4711).found.startswith("the kernel refused it with errno 4711: ")


def test_a_pf_without_a_known_interface_is_named_by_its_address():
    assert refused(write("bnx2x", interface=None), errno.EINVAL).remedy.startswith(f"ip link set of {PF} up")


@pytest.mark.parametrize(
    ("it", "made", "log", "why", "remedy"),
    [
        (write("bnxt_en"), 0, ["bnxt_en: Reject SRIOV config request since if is down!"], "is down", "enp1s0 up"),
        (write("bnxt_en"), 0, ["Reject SRIOV config request when FW reset is in progress"], "is reset", "run again"),
        (write("bnxt_en"), 2, [], "fewer where its firmware", "or set fewer VFs than 4"),
        (write("bnx2x"), 2, [], "bnx2x makes fewer", "set fewer VFs than 4"),
        (write("hns3"), 0, [], "hns3 tells no errors", "see dmesg for what hns3 says"),
        (write("be2net"), 0, [], "be2net tells no errors", "see dmesg"),
        (write("4xxx", total=16), 16, [], "whatever number it is told", "set 16 VFs"),
        (write("igb"), 3, [], "the driver igb does not say why", "see dmesg"),
    ],
)
def test_a_success_that_is_none_is_explained(it, made, log, why, remedy):
    explanation = made_otherwise(it, made, log)
    assert explanation.found.startswith(f"the kernel took it, but {PF} has {made} VFs: ")
    assert why in explanation.found
    assert remedy in explanation.remedy


def test_of_a_success_that_is_none_the_line_that_tells_is_quoted_or_the_last():
    log = ["Reject SRIOV config request since if is down!", "after"]
    assert f'(dmesg: "{log[0]}")' in made_otherwise(write("bnxt_en"), 0, log).found
    assert '(dmesg: "after")' in made_otherwise(write("hns3"), 0, log).found


def test_the_wanted_number_needs_no_explanation():
    assert made_otherwise(write("bnxt_en"), 4) is None


def test_one_vf_is_told_as_one():
    assert made_otherwise(write("igb", wanted=1), 0) == Explanation(
        f"the kernel took it, but {PF} has 0 VFs: the driver igb does not say why",
        "1 VF instead of 0",
        f"see dmesg for what igb says of {PF}",
    )


IN_USE = '0000:01:10.2: Device is currently in use, task "sh" (4711) blocked until device is released'


@pytest.mark.parametrize(
    "line", [f"vfio-pci {IN_USE}", "vfio-pci 0000:01:10.2: vfio_pci_core: Relaying device request to user (#1)"]
)
def test_a_write_that_hangs_names_the_vf_that_is_held(line):
    explanation = hangs(write(wanted=0, present=4), 4711, ["igb: before", line, "igb: after"])
    assert explanation.found == (
        "process 4711, which writes it, hangs in the kernel until VF 0000:01:10.2 is let go by who has it open, "
        "a guest say"
    )
    assert "0000:01:10.2" in explanation.remedy


def test_a_write_that_hangs_without_a_word_leads_to_the_log():
    assert hangs(write(), None) == Explanation(
        "the write hangs in the kernel", "4 VFs instead of 0", "see dmesg; only a reboot may end it"
    )


@pytest.mark.parametrize(
    ("it", "why", "remedy"),
    [
        (write("nvidia"), "NVIDIA's own script", f"/usr/lib/nvidia/sriov-manage -e {PF}"),
        (write("nvidia", 0, 4), "NVIDIA's own script", f"/usr/lib/nvidia/sriov-manage -d {PF}"),
        (write("mlx4_core"), "as its module is loaded", "options mlx4_core num_vfs=4"),
        (write("enic"), "the adapter's policy", "policy of the adapter"),
        (write("4xxx", 4, total=16), "QAT makes all VFs", "set 16 VFs"),
        (write("i915"), "i915 makes no VFs", f"bind {PF} to xe, loaded with max_vfs=4"),
    ],
)
def test_drivers_that_make_vfs_otherwise_are_not_written_to(it, why, remedy):
    explanation = not_by_number(it)
    assert why in explanation.found
    assert remedy in explanation.remedy


@pytest.mark.parametrize("it", [write("igb"), write(None), write("4xxx", 16, total=16), write("4xxx", 0, 16, 16)])
def test_other_drivers_and_all_vfs_of_qat_are_written(it):
    assert not_by_number(it) is None


def test_the_variant_of_i915_that_makes_vfs_is_written():
    assert not_by_number(write("i915"), max_vfs=True) is None
