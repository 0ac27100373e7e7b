# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a number of VFs was not made: what the kernel's errno means by driver and log, and the one step that leads on.

Read in Linux 6.12: drivers/pci/iov.c (sriov_numvfs_store, sriov_enable) and sriov_configure of each driver.
"""

from __future__ import annotations

import errno
import re
import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class NumberWrite:
    """A number of VFs that was written to a PF, what it had before, and the most that it may have."""

    pf: str
    driver: str | None
    wanted: int
    present: int
    total: int
    interface: str | None = None


class Explanation(t.NamedTuple):
    """The parts of an error of these names."""

    found: str
    wanted: str
    remedy: str


class Cause(t.NamedTuple):
    """Why, and the step. It is the cause if driver, log and `when` agree, as far as each is given.

    In both texts the fields of the write stand for themselves in braces.
    """

    why: str
    remedy: str
    drivers: tuple[str, ...] = ()
    log: str | None = None
    when: t.Callable[[NumberWrite], bool] | None = None


_DMESG = "see dmesg for what {driver} says of {pf}"
_FEWER = "set fewer VFs than {wanted}"
_UP = "ip link set {interface} up, and run again"
_LATER = "run again when the driver is done; see dmesg if that does not help"
_QAT = ("4xxx", "420xx", "6xxx", "c3xxx", "c6xx", "dh895xcc")
_NO_SPACE = r"not enough MMIO resources for SR-IOV|IOV BARS not allocated"
_ASSIGNED = Cause(
    "VFs are assigned to guests of Xen, or were by KVM of old",
    "stop those guests",
    when=lambda write: write.present > 0,
)

_CAUSES: t.Mapping[int, tuple[Cause, ...]] = {
    errno.ERANGE: (
        Cause("the module's max_vfs allows fewer", "give xe a higher max_vfs, or " + _FEWER, ("xe",)),
        Cause("the driver allows {total} VFs at most", "set {total} VFs or fewer"),
    ),
    errno.EINVAL: (
        Cause("bnx2x makes VFs only while its interface is up", _UP, ("bnx2x",)),
        Cause("qede has fewer virtual ports than that in its firmware", _FEWER, ("qede",)),
        Cause("the virtual device does not offer VFs", "have its hypervisor offer VIRTIO_F_SR_IOV", ("virtio-pci",)),
        Cause(
            "ixgbe makes no VFs while an XDP program is on its interface", "ip link set {interface} xdp off", ("ixgbe",)
        ),
        _ASSIGNED._replace(drivers=("i40e",)),
    ),
    errno.ENOENT: (
        Cause("{pf} has no driver", "bind {pf} to its network driver", when=lambda write: write.driver is None),
        Cause(
            "vfio-pci makes VFs only with its parameter enable_sriov",
            "echo 1 > /sys/module/vfio_pci/parameters/enable_sriov",
            ("vfio-pci",),
        ),
        Cause("the driver {driver} makes no VFs by sysfs", "bind {pf} to a driver that does"),
    ),
    errno.EBUSY: (
        Cause(
            "it has {present} VFs, and another number is reached through 0 alone",
            "somebody else has made them meanwhile: run again",
            when=lambda write: write.present not in (0, write.wanted) and write.wanted != 0,
        ),
        Cause("ice is not ready, or resets the card", _LATER, ("ice",)),
        Cause("QAT is in use", "stop what uses {pf} for cryptography or compression, IPsec say", _QAT),
        Cause("the virtual device is not set up by its driver", _LATER, ("virtio-pci",)),
    ),
    errno.ENOMEM: (
        Cause(
            "no space in memory for the VFs' registers",
            "switch SR-IOV and decoding above 4G on in the firmware; if they are, boot with pci=realloc",
            log=_NO_SPACE,
        ),
        Cause(
            "no bus numbers for so many VFs",
            _FEWER + ", or boot with pci=assign-busses",
            log=r"can't enable \d+ VFs \(bus .* out of range",
        ),
        Cause(
            "no memory; of an X552 it may be what its firmware left",
            "load ixgbe with max_vfs={wanted}, if there is memory",
            ("ixgbe",),
        ),
        Cause("no memory", "free memory on the host, and see dmesg"),
    ),
    errno.EIO: (
        Cause(
            "the card says that it has another number of VFs at first than in all",
            "update the card's firmware: the kernel takes no card of this kind",
        ),
    ),
    errno.ENOSPC: (
        Cause(
            "ice has too few interrupt vectors or queues for so many",
            _FEWER + ": that frees them for the rest",
            ("ice",),
        ),
    ),
    errno.EPERM: (
        _ASSIGNED._replace(drivers=("igb", "ixgbe")),
        Cause("igb makes no VFs without MSI-X", "boot without pci=nomsi, and see dmesg for why it has none", ("igb",)),
        Cause(
            "ixgbe has 63 VFs at most, 31 or 15 with traffic classes, less those that offloaded macvlans take",
            _FEWER,
            ("ixgbe",),
        ),
        Cause("i40e is in a test of itself, or its firmware allows fewer", _FEWER, ("i40e",)),
    ),
    errno.EAGAIN: (
        Cause("i40e has another operation on its VFs under way", _LATER, ("i40e",)),
        Cause("the VFs of ice did not start", _LATER, ("ice",)),
    ),
    errno.EOPNOTSUPP: (
        Cause(
            "ice is in safe mode, without its DDP package, or allows fewer",
            "install the package, or " + _FEWER,
            ("ice",),
        ),
        Cause("the firmware of the card makes no VFs", "switch SR-IOV on in the card's firmware", ("qede", "cxgb4")),
    ),
    errno.ENODEV: (
        Cause(
            "xe does not run as a physical function",
            "load xe with max_vfs={wanted}, and SR-IOV on in the firmware",
            ("xe",),
        ),
        Cause("a function that this one depends on is absent", "see lspci -vv of {pf}: Function Dependency Link"),
    ),
    errno.ENOSYS: (
        Cause(
            "the function that this one depends on is no physical function",
            "see lspci -vv of {pf}: Function Dependency Link",
        ),
    ),
    errno.EFAULT: (Cause("QAT is not up", "start it: adf_ctl up, or bind {pf} anew", _QAT),),
}
_UNKNOWN = Cause("the driver {driver} does not say why", _DMESG)

_NOT_MADE = (
    Cause(
        "bnxt makes no VFs while its interface is down, and says so in dmesg alone", _UP, ("bnxt_en",), r"if is down"
    ),
    Cause(
        "bnxt makes no VFs while its firmware is reset, and says so in dmesg alone",
        _LATER,
        ("bnxt_en",),
        r"FW reset is in progress",
    ),
    Cause(
        "bnxt makes none while its interface is down, and fewer where its firmware has too little for them",
        "ip link set {interface} up, or " + _FEWER,
        ("bnxt_en",),
    ),
    Cause("bnx2x makes fewer where it has too little for them", _FEWER, ("bnx2x",)),
    Cause("hns3 tells no errors but in dmesg", _DMESG, ("hns3",)),
    Cause("be2net tells no errors but in dmesg", _DMESG, ("be2net",)),
    Cause("QAT makes all VFs, whatever number it is told", "set {total} VFs", _QAT),
    _UNKNOWN,
)


def refused(write: NumberWrite, number: int, log: t.Sequence[str] = ()) -> Explanation:
    """What the errno of a write to sriov_numvfs means; `log` has the kernel's lines about the PF since then."""
    cause, line = _cause(_CAUSES.get(number, ()), write, log)
    # Python has two names for one number, and releases differ in which one they tell.
    name = "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode.get(number, f"errno {number}")
    return _explained(write, f"the kernel refused it with {name}", cause, line or _last(log))


def made_otherwise(write: NumberWrite, made: int, log: t.Sequence[str] = ()) -> Explanation | None:
    """What it means that the write succeeded and the PF has so many VFs; None when that is the wanted number."""
    if made == write.wanted:
        return None
    cause, line = _cause(_NOT_MADE, write, log)
    return _explained(write, f"the kernel took it, but {write.pf} has {_vfs(made)}", cause, line or _last(log))


_IN_USE = re.compile(
    r"(?P<vf>[0-9a-f:.]+): .*Device is currently in use, task \"(?P<task>.*)\" \((?P<process>\d+)\) blocked"
)
_ASKING = re.compile(r"(?P<vf>[0-9a-f]{4,}:[0-9a-f:.]+): .*Relaying device request to user")


def hangs(write: NumberWrite, process: int | None, log: t.Sequence[str] = ()) -> Explanation:
    """A write that did not come back: whoever has a VF open by vfio keeps it, and a signal does not end it."""
    holds = next((found for line in reversed(log) for rule in (_IN_USE, _ASKING) if (found := rule.search(line))), None)
    who = "the write" if process is None else f"process {process}, which writes it,"
    if holds is None:
        return Explanation(f"{who} hangs in the kernel", _wanted(write), "see dmesg; only a reboot may end it")
    vf = holds["vf"]
    return Explanation(
        f"{who} hangs in the kernel until VF {vf} is let go by who has it open, a guest say",
        _wanted(write),
        f"find out with fuser -v /dev/vfio/*, and stop what has {vf} or detach it there",
    )


def not_by_number(write: NumberWrite, *, max_vfs: bool = False) -> Explanation | None:
    """Why this driver's VFs must not be made by sriov_numvfs, and how they are; None of a driver whose may.

    `max_vfs` says whether the driver's module has a parameter of that name, as i915 has in the variant that makes VFs.
    """
    found, remedy = _NOT_BY_NUMBER.get(write.driver or "", ("", ""))
    if write.driver == "i915" and not max_vfs:
        found, remedy = _I915
    elif write.driver in _QAT and write.wanted not in (0, write.total):
        found, remedy = "QAT makes all VFs, whatever number it is told", f"set {write.total} VFs"
    if not found:
        return None
    option = "-e" if write.wanted else "-d"
    return Explanation(found, _wanted(write), remedy.format(pf=write.pf, option=option, wanted=write.wanted))


_NOT_BY_NUMBER: t.Mapping[str, tuple[str, str]] = {
    "nvidia": (
        "VFs of a card with vGPU are made by NVIDIA's own script, all of them, with what the driver must be told",
        "run /usr/lib/nvidia/sriov-manage {option} {pf}, see whether the VFs are there, and run again",
    ),
    "mlx4_core": (
        "mlx4 makes VFs as its module is loaded, and not later",
        "put options mlx4_core num_vfs={wanted} into /etc/modprobe.d, and load mlx4_core anew",
    ),
    "enic": (
        "enic makes the VFs that the adapter's policy has, all of them, as it is bound",
        "set the number in the policy of the adapter, in the management of the server",
    ),
}
_I915 = (
    "i915 makes no VFs, but for a variant of it that is not in the kernel",
    "bind {pf} to xe, loaded with max_vfs={wanted}",
)


def _cause(causes: t.Iterable[Cause], write: NumberWrite, log: t.Sequence[str]) -> tuple[Cause, str | None]:
    """The first cause that may be it, and the line of the log that says so."""
    for cause in causes:
        line = next((line for line in reversed(log) if cause.log is not None and re.search(cause.log, line)), None)
        if (
            (not cause.drivers or write.driver in cause.drivers)
            and (cause.log is None or line is not None)
            and (cause.when is None or cause.when(write))
        ):
            return cause, line
    return _UNKNOWN, None


def _explained(write: NumberWrite, what: str, cause: Cause, line: str | None) -> Explanation:
    words = {**vars(write), "driver": write.driver or "the driver", "interface": write.interface or f"of {write.pf}"}
    said = f' (dmesg: "{line.strip()}")' if line else ""
    return Explanation(f"{what}: {cause.why.format(**words)}{said}", _wanted(write), cause.remedy.format(**words))


def _last(log: t.Sequence[str]) -> str | None:
    return log[-1] if log else None


def _wanted(write: NumberWrite) -> str:
    return f"{_vfs(write.wanted)} instead of {write.present}"


def _vfs(number: int) -> str:
    return "1 VF" if number == 1 else f"{number} VFs"
