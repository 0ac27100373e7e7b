# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who uses the VFs of a PF, and the PF itself, so that their number may not be changed."""

from __future__ import annotations

import typing as t

from ...claims.cards.identity import held_device
from ...claims.unmade_vf import pfs_of_unmade
from ...errors import HostdevError, few
from ...guards.function import use_blockers
from ...host.leaving import leaving_vfs

if t.TYPE_CHECKING:
    from ...claims.made_vfs import MadeVfs
    from ...guards.blocker import Blocker
    from ...host.device import PciDevice
    from ...snapshot import Snapshot
    from ...sriov.state import PfState
    from ...sriov.wish import VfsWish
    from .decision import Pf

# The driver may close and open the interface as VFs come and go (igb_enable_sriov, ixgbe_pci_sriov_enable, i40e).
NEEDS_CARRIER = ("mgmt_nic", "ssh_nic", "default_route", "network_storage")


def uses_of_vfs(snapshot: Snapshot, pf: PciDevice) -> dict[str, list[str]]:
    """By VF in use, in the order of their numbers, who has it and for what."""
    uses = {vf: list(_uses(snapshot, vf)) for vf in pf.virtual_functions}
    return {vf: reasons for vf, reasons in uses.items() if reasons}


def _uses(snapshot: Snapshot, vf: str) -> t.Iterator[str]:
    inventory, tracker = snapshot.inventory, snapshot.tracker
    holder = tracker.holder(vf)
    if holder is not None:
        yield f"held by {holder.owner}"
    elif vf in tracker.set_aside:
        yield tracker.set_aside[vf].told()
    for use in [*inventory.domain_uses.get(vf, ()), *inventory.part_uses.get(vf, ())]:
        if holder is None or use.uuid != holder.owner.id:
            yield f"domain {use.domain} {'runs with it' if use.live else 'is defined with it'}"
    for reason in use_blockers(vf, inventory.host_uses.get(vf, ())):
        yield f"{reason.code}: {reason.detail}"


def check_idle(snapshot: Snapshot, pf: PciDevice, change: str) -> None:
    """Refuse to remove VFs of which somebody has one. Raises HostdevError with code vfs_in_use."""
    uses = uses_of_vfs(snapshot, pf)
    if not uses:
        return
    numbers = {vf: number for number, vf in enumerate(pf.virtual_functions)}
    told = [f"VF {numbers[vf]} ({vf}): {', '.join(reasons)}" for vf, reasons in uses.items()]
    raise HostdevError(
        "vfs_in_use",
        subject=f"{pf.address} ({change})",
        found=few(told, separator="; "),
        wanted="VFs that nobody uses: the kernel changes their number only through 0, and asks nobody",
        remedy="release them with kvm.hostdev.pci_passthrough_release, take them out of their domains, and out of the "
        "host's use; or leave the number as it is",
        details={"vfs_in_use": uses},
    )


def check_not_changing(snapshot: Snapshot, pf: PciDevice) -> None:
    """Refuse a PF of which the kernel is about to remove a VF that somebody keeps: whoever changes it waits as well.

    Raises HostdevError with code vfs_hang.
    """
    leaving = leaving_vfs(snapshot.inventory.devices.values()).get(pf.address, ())
    uses = snapshot.inventory.host_uses if leaving else {}
    kept = [vf.address for vf in leaving if any(use.code == "held_by_process" for use in uses.get(vf.address, ()))]
    if not kept:
        return
    vfs = {vf: list(_uses(snapshot, vf)) for vf in kept}
    raise HostdevError(
        "vfs_hang",
        subject=pf.address,
        found="a change of its VFs hangs in the kernel, and waits for "
        + few([f"{vf} ({', '.join(reasons)})" for vf, reasons in vfs.items()], separator="; "),
        wanted="a PF whose VFs nobody is changing",
        remedy=f"end the guest or program that has {few(list(vfs))}: the kernel goes on then; and run the task again",
        details={"vfs": list(vfs)},
    )


def check_made_again(snapshot: Snapshot, pf: PciDevice, made: MadeVfs | None, number: int) -> None:
    """Refuse to have fewer VFs than were made while claims hold some that the host has not made again since its boot.

    Raises HostdevError with code vfs_in_use.
    """
    if made is None or number >= made.wanted.number or pf.num_vfs >= made.wanted.number:
        return
    inventory = snapshot.inventory
    held = {
        holding.address: [f"held by {claim.owner}"]
        for claim in snapshot.tracker
        for holding in claim.holdings.values()
        if held_device(inventory, holding) is None and pf in pfs_of_unmade(inventory, holding)
    }
    if not held:
        return
    raise HostdevError(
        "vfs_in_use",
        subject=f"{pf.address} ({made.wanted.number} -> {number} VFs)",
        found=few([f"{vf}, which was not made again since the host was booted: {by[0]}" for vf, by in held.items()]),
        wanted="VFs that nobody holds",
        remedy=f"release them with kvm.hostdev.pci_passthrough_release, or make {made.wanted.number} VFs again",
        details={"vfs_in_use": held},
    )


def check_pf_may_restart(snapshot: Snapshot, pf: PciDevice, allow: t.Collection[str]) -> None:
    """Refuse to let the host's own network lose its carrier without consent. Raises HostdevError."""
    uses = [use for use in snapshot.inventory.host_uses.get(pf.address, ()) if use.code in NEEDS_CARRIER]
    found = [_of_a_restart(reason) for reason in use_blockers(pf.address, uses)]
    reasons = [reason for reason in found if reason.override is None or reason.code not in allow]
    if not reasons:
        return
    codes = ", ".join(reason.code for reason in reasons)
    can_be_accepted = all(reason.override for reason in reasons)
    consent = f", or have kvm.hostdev.pci_sriov accept that with allow: [{codes}]" if can_be_accepted else ""
    raise HostdevError(
        "pf_in_use",
        subject=pf.address,
        found="; ".join(f"{reason.code}: {reason.detail}" for reason in reasons),
        wanted="a PF that the host can do without for some seconds: its driver may restart it with its VFs",
        remedy=f"have another way to the host{consent}",
        details={"blockers": [reason.as_dict() for reason in reasons]},
    )


def _of_a_restart(reason: Blocker) -> Blocker:
    """A claim would take the way of this very run for good. A restart gives it back, and TCP waits that long."""
    return reason._replace(override="allow: [ssh_nic]") if reason.code == "ssh_nic" else reason


def check_unused(snapshot: Snapshot, pf: Pf, target: PfState, wish: VfsWish) -> None:
    """Raises HostdevError where a change would take a VF, or the PF's carrier, from whoever uses it."""
    present = pf.present
    restarts = target.mtu not in (None, present.mtu) or target.eswitch not in (None, present.eswitch)
    stops = restarts or (target.up is False and present.up is True)
    if present.number and (target.number != present.number or stops):
        what = f"{present.number} -> {target.number} VFs" if target.number != present.number else "a restart of the PF"
        check_idle(snapshot, pf.device, what)
    if target.number != present.number or restarts:
        check_pf_may_restart(snapshot, pf.device, wish.allow)
