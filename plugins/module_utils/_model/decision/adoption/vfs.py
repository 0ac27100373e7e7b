# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From VFs that somebody made by hand to what is on record of them: as they are, to be left so."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...claims.made_vfs import MadeVfs
from ...errors import few
from ...guards.function import use_blockers
from ..vfs.decision import as_found, set_already

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...snapshot import Snapshot
    from ..vfs.decision import Pf
    from .adoption import AdoptWish


def pfs_to_adopt(snapshot: Snapshot) -> list[PciDevice]:
    """PFs that have VFs which are on record neither by address nor by card."""
    inventory = snapshot.inventory
    known = {made.pf_in(inventory) for made in snapshot.tracker.made_vfs.values()} | set(snapshot.tracker.made_vfs)
    return [device for address, device in inventory.devices.items() if device.num_vfs and address not in known]


def adopt_vfs(snapshot: Snapshot, wish: AdoptWish, pf: Pf) -> tuple[MadeVfs | None, str]:
    """What is to be on record of a PF's VFs; else None, and why not.

    A maker that is certain makes them again at each boot: with ours beside it there would be two. VFs that the host
    itself has network on are left: what is on record with interfaces is kept from the host's network services.
    """
    makers = [maker for maker in pf.makers if maker.certain and maker.makes]
    there = f"{pf.device.num_vfs} VFs of {pf.address} are not adopted"
    if makers and not wish.take_over:
        return None, (
            f"{there}: they are made by {few([str(maker) for maker in makers], separator='; ')} (leave them to that, "
            "or set take_over: true, and take it out there)"
        )
    uses = snapshot.inventory.host_uses
    used = {vf: use_blockers(vf, uses.get(vf, ())) for vf in pf.device.virtual_functions}
    told = [f"{vf} ({reasons[0].code}: {reasons[0].detail})" for vf, reasons in used.items() if reasons]
    if told and pf.present.autoprobe:
        return None, (
            f"{there}: the host itself uses {few(told)}, and VFs on record are kept from its network services (take "
            "them over with kvm.hostdev.pci_sriov once it does not)"
        )
    found = as_found(pf)
    settings = {vf: set_already(found, None, vf) for vf in range(found.number)}
    wanted = replace(found, mtu=None, vfs={vf: values for vf, values in settings.items() if values})
    return MadeVfs(pf.address, pf.device.identity, wanted, found, wish.persist), ""
