# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which PFs are meant, and whether one can have the VFs that are asked for."""

from __future__ import annotations

import typing as t

from ...errors import HostdevError, few
from ...host.device import TYPE_PF
from ...sriov.link_settings import NO_MAC

if t.TYPE_CHECKING:
    from ...claims.made_vfs import MadeVfs
    from ...host.device import PciDevice
    from ...snapshot import Snapshot
    from ...sriov.settings import Settings
    from ...sriov.wish import VfsWish


_NONE = (
    "switch SR-IOV on in the firmware of the card (mlxconfig SRIOV_EN, say) and of the host, and see with lspci -k "
    "that the card has its driver"
)


def choose_pfs(snapshot: Snapshot, wish: VfsWish) -> list[PciDevice]:
    """The PFs that the wish is about, in address order. Raises HostdevError where none is."""
    inventory = snapshot.inventory
    specs = [spec.resolved(inventory) for spec in wish.specs]
    fitting = [device for device in inventory.devices.values() if any(spec.matches(device) for spec in specs)]
    pfs = [
        device
        for device in fitting
        # One that can have no VFs any more is given back all the same.
        if device.device_type == TYPE_PF or (wish.absent and made_of(snapshot, device) is not None)
    ]
    _check_addresses(wish, pfs)
    if pfs or (wish.absent and not fitting):
        return pfs
    if not fitting:
        there = [f"{pf.address} ({pf.interfaces[0] if pf.interfaces else pf.driver})" for pf in _pfs(snapshot)]
        raise HostdevError(
            "no_pf",
            subject=wish.where,
            found=f"no device of this host fits {' or '.join(spec.describe() for spec in wish.specs)}",
            wanted="a physical function",
            remedy=f"name one of {few(there)}"
            if there
            else f"the host has none: see whether the name is right; if so, {_NONE}",
        )
    vf = next((device for device in fitting if device.physical_function), None)
    raise HostdevError(
        "no_pf",
        subject=wish.where,
        found=f"{few([device.address for device in fitting])} can have no VFs"
        + (f": {vf.address} is a VF itself" if vf is not None else " (no sriov_totalvfs in sysfs, or 0)"),
        wanted="a physical function",
        remedy=f"name its physical function {vf.physical_function}" if vf is not None else _NONE,
    )


def _check_addresses(wish: VfsWish, pfs: t.Sequence[PciDevice]) -> None:
    """Refuse one MAC address for several VFs, which would take each other's frames."""
    mac = next((settings["mac"] for settings in wish.vfs.values() if settings.get("mac", NO_MAC) != NO_MAC), None)
    where, several = "vfs", len(pfs) > 1 and mac is not None
    if wish.every.get("mac", NO_MAC) != NO_MAC and (wish.number != 1 or len(pfs) > 1):
        where, several, mac = "settings.mac", True, wish.every["mac"]
    if several:
        raise HostdevError(
            "invalid_option",
            subject=where,
            found=f"found {mac} for VFs of {few([pf.address for pf in pfs])}",
            wanted="an address of its own for each VF",
            remedy="name one PF in a task, and give addresses in vfs",
        )


def check_own_addresses(
    pf: PciDevice, settings: t.Mapping[int, Settings], pf_addresses: t.Collection[str] = ()
) -> None:
    """The same of what one task asks for and earlier ones did: what a task leaves out stays.

    `pf_addresses` are those of the PF's own interfaces, whose frames a VF with one of them would take from the host.
    """
    seen = dict.fromkeys(pf_addresses, "the PF itself has")
    for vf, asked in settings.items():
        mac = asked.get("mac", NO_MAC)
        if mac != NO_MAC and mac in seen:
            raise HostdevError(
                "invalid_option",
                subject=f"mac of VF {vf} of {pf.address}",
                found=f"found {mac}, which {seen[mac]}",
                wanted="an address of its own for each VF",
                remedy=f"give one of the two another one, or {NO_MAC} to let it choose",
            )
        seen[mac] = f"VF {vf} has, by this task or an earlier one"


def check_rates(pf: PciDevice, settings: t.Mapping[int, Settings]) -> None:
    """The same of rates, of which one may come from each."""
    for vf, asked in settings.items():
        least, most = asked.get("min_tx_rate", 0), asked.get("max_tx_rate", 0)
        if most and least > most:
            raise HostdevError(
                "invalid_option",
                subject=f"min_tx_rate of VF {vf} of {pf.address}",
                found=f"found {least}, and max_tx_rate {most}, by this task or an earlier one",
                wanted="a least rate that the greatest one allows",
                remedy="give both",
            )


def _pfs(snapshot: Snapshot) -> list[PciDevice]:
    return [device for device in snapshot.inventory.devices.values() if device.device_type == TYPE_PF]


def made_of(snapshot: Snapshot, pf: PciDevice) -> MadeVfs | None:
    """What is on record of a PF, wherever it was when that was written."""
    for made in snapshot.tracker.made_vfs.values():
        if made.pf_in(snapshot.inventory) == pf.address:
            return made
    return None


def check_pf(snapshot: Snapshot, pf: PciDevice, most: int, number: int, wish: VfsWish) -> None:
    """Refuse a PF that somebody else has, one without its driver, and more VFs than it can have."""
    aside = snapshot.tracker.set_aside.get(pf.address)
    if aside is not None:
        raise HostdevError(
            "pf_in_use",
            subject=pf.address,
            found=aside.told(),
            wanted="a PF that is with the host",
            remedy="release it by its address, once that is mended",
        )
    holder = snapshot.tracker.holder(pf.address)
    domains = [use.domain for use in snapshot.inventory.domain_uses.get(pf.address, ())]
    if holder is not None or domains:
        raise HostdevError(
            "pf_in_use",
            subject=pf.address,
            found=f"held by {holder.owner}" if holder is not None else f"domain {', '.join(domains)} has it",
            wanted="a PF that is with the host",
            remedy="release it first, or make the VFs of another one",
        )
    if (pf.driver is None or pf.vfio) and number:
        raise HostdevError(
            "pf_without_driver",
            subject=pf.address,
            found=f"it is bound to {pf.driver}" if pf.driver else "it has no driver",
            wanted="its own driver, which makes the VFs",
            remedy=f"echo {pf.address} > /sys/bus/pci/drivers_probe, or see why its module is not loaded: "
            f"lspci -ks {pf.address}",
        )
    if number > most:
        raise HostdevError(
            "too_many_vfs",
            subject=pf.address,
            found=f"number: {number}",
            wanted=f"{most} at most, as the driver {pf.driver} says in sriov_totalvfs",
            remedy=f"set number to {most} or to max; some cards can have more by a setting of their firmware",
        )
    if wish.highest >= number:
        raise HostdevError(
            "invalid_option",
            subject="vfs",
            found=f"found VF {wish.highest} for {pf.address}, which can have {number}",
            wanted=f"VFs from 0 to {number - 1}" if number else "no VF",
            remedy="take it out, or ask for more VFs",
        )
