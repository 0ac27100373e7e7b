# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that do not let a device go, and what holds a device when its driver is to let it go."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.lab import broken, guest, topology
from tests.lab.machine import Lab
from tests.lab.patience import stretched
from tests.lab.state import HostState, read_state

VF = topology.IGB_VFS[0]
#: No kernel: its firmware finds nothing to boot, and answers no hot-unplug.
DEAF = "db1"
CLAIM = {"domain": DEAF, "requests": [{"name": "nic", "address": VF}]}
RELEASE = {"domain": DEAF}
pytestmark = pytest.mark.usefixtures("code")


@contextlib.contextmanager
def without_kernel(lab: Lab, extra: str = "") -> Iterator[None]:
    """The domain runs without a kernel, with EXTRA in its definition."""
    kernel_less = guest.domain_xml(DEAF, kernel=False)
    lab.sh("virsh -q define /dev/stdin", text=kernel_less.replace("</memory>", f"</memory>{extra}"))
    lab.sh(f"virsh -q start {DEAF}")
    try:
        yield
    finally:
        lab.sh(f"virsh -q destroy {DEAF} 2> /dev/null; virsh -q define /dev/stdin", text=guest.domain_xml(DEAF))


@pytest.fixture
def deaf(lab: Lab) -> Iterator[HostState]:
    """The host's state with a running domain whose guest is deaf."""
    with without_kernel(lab):
        yield read_state(lab)


def test_a_deaf_guest_keeps_its_device_then_only_live_and_by_force_not_at_all(lab: Lab, deaf: HostState) -> None:
    assert broken.run(lab, "claim", CLAIM).returncode == 0
    claimed = read_state(lab)

    failed = broken.outcome(broken.run(lab, "release", RELEASE, detach_timeout=stretched(14)))["error"]
    assert failed["code"] == "detach_timeout"
    assert failed["asked"] >= 2, failed
    kept = read_state(lab)
    assert (kept.bindings, kept.domains, kept.claims()) == (claimed.bindings, claimed.domains, claimed.claims())

    left = broken.outcome(broken.run(lab, "release", RELEASE, detach_timeout=1.0, on_detach_timeout="definition"))
    assert "until the domain is shut off" in left["warnings"][0], left
    state = read_state(lab)
    assert not state.has_hostdev(DEAF, "config", VF)
    assert state.has_hostdev(DEAF, "live", VF)
    assert state.driver(VF) == "vfio-pci"
    assert [device["attach"] for device in state.claims()[0]["devices"]] == [["live"]]

    forced = broken.outcome(broken.run(lab, "release", RELEASE, detach_timeout=1.0, on_detach_timeout="force"))
    assert forced["stopped"] == [DEAF], forced
    after = read_state(lab)
    assert (DEAF, "live") not in after.domains
    assert (after.bindings, after.claims()) == (deaf.bindings, [])
    assert after.domains[DEAF, "config"] == deaf.domains[DEAF, "config"]


def test_a_paused_guest_is_told_at_once_and_lets_go_once_it_runs(lab: Lab, before: HostState) -> None:
    web1 = {"domain": "web1"}
    lab.sh("virsh -q suspend web1")
    try:
        assert broken.run(lab, "claim", {**CLAIM, **web1}).returncode == 0
        assert read_state(lab).has_hostdev("web1", "live", VF)
        begun = time.monotonic()
        failed = broken.outcome(broken.run(lab, "release", web1, detach_timeout=3000.0))["error"]
        assert (failed["code"], failed["subject"]) == ("guest_paused", f"{VF} in domain web1")
        assert time.monotonic() - begun < stretched(100)
        assert read_state(lab).has_hostdev("web1", "live", VF)
    finally:
        lab.sh("virsh -q resume web1")
    # The guest has to find the device before it can let it go; asked too early it is asked again.
    done = broken.run(lab, "release", web1)
    assert done.returncode == 0, done.stdout + done.stderr
    after = read_state(lab)
    assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, [])


def test_a_guest_that_is_still_booting_is_asked_until_it_hears(lab: Lab, before: HostState) -> None:
    assert broken.run(lab, "claim", {**CLAIM, "attach": ["config"]}).returncode == 0
    lab.sh(f"virsh -q start {DEAF}")
    try:
        done = broken.run(lab, "release", RELEASE, detach_timeout=stretched(150))
        assert done.returncode == 0, done.stdout + done.stderr
        after = read_state(lab)
        assert (after.bindings, after.claims()) == (before.bindings, [])
        assert not after.has_hostdev(DEAF, "live", VF)
        assert (DEAF, "live") in after.domains
    finally:
        lab.sh(f"virsh -q destroy {DEAF}")


def test_a_device_that_a_process_opens_in_mid_claim_stays_with_its_driver(lab: Lab, before: HostState) -> None:
    node = lab.sh(f"ls /sys/bus/pci/devices/{topology.NVME}/nvme").stdout.strip()
    wish = {"domain": DEAF, "requests": [{"name": "disk", "address": topology.NVME}]}
    hold = f"sh sleep infinity < /dev/{node} > /dev/null 2>&1 & echo $! > /run/holder"
    try:
        failed = broken.outcome(broken.run(lab, "claim", wish, f"{topology.NVME}/driver_override", hold))["error"]
        assert (failed["code"], failed["subject"]) == ("device_in_use", topology.NVME)
        assert f"(sleep) has /dev/{node} open" in failed["found"]
        after = read_state(lab)
        assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, [])
    finally:
        lab.sh("kill $(cat /run/holder); rm /run/holder")


def test_a_disk_that_is_mounted_in_mid_claim_stays_with_its_driver(lab: Lab, before: HostState) -> None:
    disk = lab.sh(f"ls /sys/bus/pci/devices/{topology.NVME}/nvme").stdout.strip() + "n1"
    wish = {"domain": DEAF, "requests": [{"name": "disk", "address": topology.NVME}]}
    mount = f"sh mkfs.ext4 -qF /dev/{disk} && mount /dev/{disk} /mnt"
    try:
        failed = broken.outcome(broken.run(lab, "claim", wish, f"{topology.NVME}/driver_override", mount))["error"]
        assert (failed["code"], failed["subject"]) == ("device_in_use", topology.NVME)
        assert failed["found"] == f"by now mounted_fs: /dev/{disk} is mounted at /mnt"
        after = read_state(lab)
        assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, [])
    finally:
        lab.sh(f"umount /mnt; wipefs -qa /dev/{disk}")


def test_a_driver_that_refuses_a_device_is_quoted_with_the_kernel(lab: Lab, before: HostState) -> None:
    wish = {"domain": DEAF, "requests": [{"name": "disk", "address": topology.NVME_PF}]}
    folder = f"/sys/bus/pci/devices/{topology.NVME_PF}"
    # vfio-pci takes no PF that has VFs: they are made when the claim has looked for the last time.
    made = f"sh echo 0 > {folder}/sriov_drivers_autoprobe; echo 1 > {folder}/sriov_numvfs"
    try:
        failed = broken.outcome(broken.run(lab, "claim", wish, "/drivers/nvme/unbind", made))["error"]
        assert (failed["code"], failed["subject"]) == ("bind_failed", topology.NVME_PF)
        assert "(errno 16): the device is in use: a PF with VFs" in failed["found"]
        assert any("failed with error -16" in line for line in failed["kernel_messages"]), failed["kernel_messages"]
        after = read_state(lab)
        assert after.driver(topology.NVME_PF) == before.driver(topology.NVME_PF) == "nvme"
        assert (after.domains, after.claims()) == (before.domains, [])
    finally:
        lab.sh(f"echo 0 > {folder}/sriov_numvfs; echo 1 > {folder}/sriov_drivers_autoprobe")
    assert read_state(lab).bindings == before.bindings


def test_a_guest_whose_memory_may_not_be_locked_is_told_which_limit_it_is(lab: Lab, before: HostState) -> None:
    # libvirt takes the limit for locked memory as well. Of its control group the kernel would end QEMU instead.
    with without_kernel(lab, "<memtune><hard_limit unit='MiB'>128</hard_limit></memtune>"):
        group = f"/sys/fs/cgroup/machine.slice -path '*{DEAF}.scope*' -name memory.max"
        lab.sh(f"find {group} -exec sh -c 'echo max > \"$1\"' sh {{}} ';'")
        running = read_state(lab)
        failed = broken.outcome(broken.run(lab, "claim", CLAIM))["error"]
        assert failed["code"] == "attach_failed", failed
        assert "Cannot allocate memory" in failed["found"], failed
        assert "<memtune><hard_limit" in failed["remedy"]
        after = read_state(lab)
        assert (after.bindings, after.domains, after.claims()) == (before.bindings, running.domains, [])
