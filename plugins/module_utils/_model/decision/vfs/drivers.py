# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a PF's driver can do what is asked for, as far as that is known without trying."""

from __future__ import annotations

import typing as t

from ...errors import HostdevError
from ...sriov.changes import SWITCHDEV, mode_of_settings
from ...sriov.driver_settings import refusals
from ...sriov.link_settings import SETTINGS, LinkSettings
from ...sriov.refusals import NumberWrite, not_by_number
from ...sriov.settings import DEFAULTS

if t.TYPE_CHECKING:
    from ...sriov.settings import Settings
    from ...sriov.state import PfState
    from ...sriov.wish import VfsWish
    from .decision import Pf


def check_way(pf: Pf, number: int) -> None:
    """Refuse a driver whose VFs are made in another way than by their number."""
    if number == pf.present.number:
        return
    write = NumberWrite(pf.address, pf.device.driver, number, pf.present.number, pf.most)
    another = not_by_number(write, max_vfs=pf.max_vfs)
    if another is not None:
        raise HostdevError("vfs_failed", subject=pf.address, **another._asdict())


def check_interface(pf: Pf, target: PfState, wish: VfsWish) -> None:
    """Refuse what is set through an interface that the PF does not have, such as of NVMe."""
    what = "mtu" if wish.mtu is not None and target.number else "settings" if any(target.vfs.values()) else None
    if what is not None and pf.present.up is None:
        raise HostdevError(
            "vfs_failed",
            subject=f"{what} of {pf.address}",
            found=f"{pf.address} has no network interface on the host (driver {pf.device.driver})",
            wanted="a PF with an interface, through which that is set",
            remedy=f"leave {what} out, or bring its interface back if it is in another network namespace",
        )


def check_driver(pf: Pf, target: PfState) -> None:
    """Refuse what the PF's driver is known to refuse: nothing asks it, and a refusal in the middle costs a way back."""
    if target.eswitch is not None and pf.present.eswitch is None:
        raise HostdevError(
            "vfs_failed",
            subject=f"eswitch_mode of {pf.address}",
            found=f"its driver {pf.device.driver} shows no e-switch (devlink dev eswitch show pci/{pf.address})",
            wanted="a PF with an e-switch",
            remedy="leave eswitch_mode out",
        )
    switchdev = mode_of_settings(pf.present, target, pf.device.driver) == SWITCHDEV
    anew = target.number != pf.present.number
    for vf, settings in target.vfs.items():
        present = {**DEFAULTS, **({} if anew else pf.present.vfs.get(vf, {}))}
        wanted, there = _of_pf(settings), _of_pf(present)
        for name, reason in refusals(pf.device.driver, wanted, there, switchdev=switchdev).items():
            raise HostdevError(
                "vf_setting_failed",
                subject=f"{name} of VF {vf} of {pf.address}",
                found=reason,
                wanted=f"{name} {settings[name]}",
                remedy=f"leave {name} out",
                details={"setting": name},
            )


def _of_pf(settings: Settings) -> LinkSettings:
    """Without what the driver of the PF is not asked about."""
    return LinkSettings(**{name: value for name, value in settings.items() if name in SETTINGS})
