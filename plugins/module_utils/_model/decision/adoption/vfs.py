# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From VFs that somebody made by hand to what is on record of them: as they are, to be left so."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...claims.made_vfs import MadeVfs
from ...errors import few
from ...guards.function import use_blockers
from ...sriov.driver_settings import SPOOF_CHECK
from ...sriov.settings import ORDINARY_MTU
from ..vfs.decision import as_found, set_already

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...snapshot import Snapshot
    from ...sriov.settings import Settings
    from ...sriov.state import PfState
    from ..vfs.decision import Pf
    from .adoption import AdoptWish

_PLAIN_ESWITCH = "legacy"
"""The mode of an e-switch that nobody has changed."""
_ETHERNET = "0200"


def pfs_to_adopt(snapshot: Snapshot) -> list[PciDevice]:
    """PFs that have VFs which are on record neither by address nor by card."""
    inventory = snapshot.inventory
    known = {made.pf_in(inventory) for made in snapshot.tracker.made_vfs.values()} | set(snapshot.tracker.made_vfs)
    return [device for address, device in inventory.devices.items() if device.num_vfs and address not in known]


def adopt_vfs(snapshot: Snapshot, wish: AdoptWish, pf: Pf) -> tuple[MadeVfs | None, str]:
    """What is to be on record of a PF's VFs, and what is to be said of that; else None, and why not.

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
    if found.eswitch == _PLAIN_ESWITCH:
        found = replace(found, eswitch=None)
    checks = _spoof_checks(pf, found)
    settings = {vf: {**set_already(found, None, vf), **(checks or {}).get(vf, {})} for vf in range(found.number)}
    ethernet = pf.device.class_id.startswith(_ETHERNET)
    mtu = found.mtu if ethernet and found.mtu != ORDINARY_MTU else None
    wanted = replace(found, mtu=mtu, vfs={vf: values for vf, values in settings.items() if values})
    untold = (
        f"the spoof check of VFs of {pf.address} is not written down: whether the driver {pf.device.driver} makes them "
        "with it is not known (kvm.hostdev.pci_sriov sets it by settings.spoof_check)"
    )
    return MadeVfs(pf.address, pf.device.identity, wanted, found, wish.persist), untold if checks is None else ""


def _spoof_checks(pf: Pf, found: PfState) -> dict[int, Settings] | None:
    """By VF its spoof check where that is not what its driver makes VFs with; None where it is not known what that is.

    Where VFs differ somebody has set it, and the driver takes it.
    """
    there = {vf: settings["spoof_check"] for vf, settings in found.vfs.items() if "spoof_check" in settings}
    plain = SPOOF_CHECK.get(pf.device.driver or "")
    if plain is None and there and len(set(there.values())) == 1:
        return None
    return {vf: {"spoof_check": check} for vf, check in there.items() if check is not plain}
