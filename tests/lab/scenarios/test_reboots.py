# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""With GRUB: from a host whose IOMMU is off to claims by one play, over two reboots, and back.

A stranger comes, then the card again, on a host whose cards have moved and whose power fails; then nothing is left.
`./run reboots` does as many reboots as are wanted, at random, and judges them alike.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.lab import topology
from tests.lab.patience import stretched
from tests.lab.scenarios.booting import BOOTS, arguments, changed, files, groups, needed, role, run
from tests.lab.self_booting import SelfBooting
from tests.reboots import changes, hardware
from tests.reboots.changes import Change
from tests.reboots.trial import Boot, Trial
from tests.reboots.verdict import RESTORE_UNIT

_OURS = (
    "/etc/kvm.hostdev/restore.pyz",
    "/etc/libvirt/hooks/qemu.d/kvm-hostdev",
    "/etc/systemd/system/kvm-hostdev-domains.service",
    "/etc/systemd/system/kvm-hostdev-restore.service",
    "/etc/systemd/system/multi-user.target.wants/kvm-hostdev-domains.service",
    "/etc/systemd/system/multi-user.target.wants/kvm-hostdev-restore.service",
    "/etc/udev/rules.d/05-kvm-hostdev.rules",
)
#: What LVM's rules and packages do with a disk: this is no part of an initramfs, where nvme has all disks already.
_LABEL = "guest"
_TAKEN_RULE = "/usr/lib/udev/rules.d/69-lab-taken.rules"
_TAKES = (
    'SUBSYSTEM=="block", ACTION=="add", ENV{DM_UDEV_DISABLE_OTHER_RULES_FLAG}!="1", '
    f'ENV{{ID_FS_LABEL}}=="{_LABEL}", '
    f"RUN+=\"/usr/sbin/dmsetup create {_LABEL} --noudevsync --table '0 2048 linear $devnode 0'\"\n"
)
_TAKEN = f"udevadm settle; dmsetup info -c --noheadings -o name {_LABEL}"
#: What igb says once it has made VFs, which is when the restore has begun and is not through.
_IN_THE_MIDDLE = "VFs allocated"
_ALL = len(hardware.CLAIMED)
_CLAIMING = ["vfs", "claim for db1", "claim for web1"]


def reboot(trial: Trial, change: Change, broken_off: Callable[[], object] | None = None) -> Boot:
    """Reboot without a fault, which is: no wrong bind, no guest without its device, no silent failure."""
    boot = trial.reboot(change, broken_off)
    assert not boot.verdict.faults, "\n".join([boot.told(), *boot.verdict.faults, *boot.said.values()])
    return boot


def running(boot: Boot) -> set[str]:
    return {name for name, domain in boot.seen.domains.items() if domain.runs}


def test_grub_one_play_with_one_reboot_gives_devices_to_domains_which_come_back_whatever_happens_and_all_goes_back(
    self_booting: Callable[[str], SelfBooting],
) -> None:
    host = self_booting("grub")
    trial = Trial(host)
    trial.prepare()
    namespace = f"basename /sys/bus/pci/devices/{hardware.DISK.address}/nvme/*/nvme*n1"
    host.sh(f"mke2fs -q -F -L {_LABEL} /dev/$({namespace})")
    as_it_was, boot = files(host), host.get(BOOTS)
    assert "intel_iommu=off" in arguments(host)
    assert groups(host) == 0
    wish = {"contradictions": "replace", "kernel_arguments": ["lab.added"]}

    foretold = run(host, *role(**wish), check=True)
    assert needed(foretold)
    assert "lab.added" in foretold.output
    assert (files(host), host.get(BOOTS)) == (as_it_was, boot)

    done = run(host, *role(**wish, reboot_ok=True, reboot_timeout=round(stretched(300))), *trial.claiming())
    assert host.get(BOOTS) != boot
    assert "intel_iommu=off" not in arguments(host)
    assert "lab.added" in arguments(host)
    assert groups(host) > 10
    added = files(host) - as_it_was
    assert {path for path in _OURS if not any(path in line.split() for line in added)} == set()
    # The role has all of its settings once more after the reboot.
    rebooted = next(at for at, task in enumerate(changed(done)) if task.endswith("Reboot the host, and wait for it"))
    assert (changed(done)[rebooted + 1 :], needed(done)) == (_CLAIMING, False)
    host.put(_TAKES, _TAKEN_RULE)

    # Another disk of its model, which only its serial number tells apart. Once that is known udev may look at it.
    stranger = reboot(trial, changes.put(trial.situation, changes.DISK, changes.TWIN))
    address = hardware.DISK.address
    assert (stranger.back, running(stranger)) == (_ALL - 1, {"web1"})
    assert stranger.seen.functions[address] == ("nvme", "")
    assert RESTORE_UNIT in stranger.seen.failed
    assert ("not_restored", address) in stranger.seen.drift
    assert address in stranger.said["journal"]
    assert address in stranger.said["restored"]
    assert _LABEL in host.sh(_TAKEN).stdout
    assert any("db1" in line and address in line for line in stranger.said["libvirt"].splitlines())

    # The disk is back, bus numbers move, and in the middle of the first restore after it the power fails. That the
    # definitions follow and the guests' kernels see their devices is what a boot without a fault says. The disk has its
    # driver before, and would be taken by what udev starts.
    back = changes.renumbered(changes.put(trial.situation, changes.DISK, changes.OWN).situation, 1)
    moved = reboot(trial, back, lambda: host.await_console(_IN_THE_MIDDLE))
    assert (moved.back, running(moved)) == (_ALL, {"db1", "web1"})
    said = host.sh("dmesg").stdout
    assert 0 < said.find("nvme nvme0: pci function") < said.find("systemd[1]: ")
    assert moved.seen.domains["web1"].defined == (topology.moved(hardware.VF.address),)

    boot = host.get(BOOTS)
    host.sh("virsh -q destroy db1; virsh -q destroy web1")  # what a guest lets go is others' matter
    host.sh(f"rm {_TAKEN_RULE}")
    trial.release()
    without = run(host, *role(state="absent"))
    assert needed(without)
    assert host.get(BOOTS) == boot
    assert files(host) == as_it_was
