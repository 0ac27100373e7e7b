# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot and a wish for VFs to what each PF and its VFs shall be.

The kernel refuses nothing for VFs that a guest has, or the host: removing one takes it from whoever has it
(pci_vfs_assigned counts a flag that VFIO never sets). That guard is ours.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...claims.made_vfs import MadeVfs
from ...errors import HostdevError, few
from ...sriov.state import PfState
from .decision import VfsDecision, as_found, mtu_asked, set_already
from .drivers import check_driver, check_interface, check_way
from .given_back import given_back
from .in_use import check_made_again, check_unused
from .interfaces import mtu_left, refuse_asked
from .pfs import check_own_addresses, check_pf, check_rates

if t.TYPE_CHECKING:
    from ...snapshot import Snapshot
    from ...sriov.settings import Settings
    from ...sriov.wish import VfsWish
    from .decision import Pf


_CLASS_NVME = "0108"
_OF_THE_NETWORK = ("ip_configured", "default_route", "mgmt_nic", "ssh_nic", "network_storage", "enslaved")


def decide_vfs(snapshot: Snapshot, wish: VfsWish, pf: Pf, made: MadeVfs | None) -> VfsDecision:
    """What one PF shall be. Raises HostdevError where that can't be, or somebody uses what would be changed."""
    if wish.absent:
        return given_back(snapshot, wish, pf, made)
    number = pf.most if wish.number is None else wish.number
    check_pf(snapshot, pf.device, pf.most, number, wish)
    check_way(pf, number)
    if made is None and not wish.take_over:
        left = _left_to_others(wish, pf, number)
        if left is not None:
            return left
    if number == 0 and (pf.present.number == 0 if made is None else made.original.number == 0):
        return given_back(snapshot, wish, pf, made)
    check_made_again(snapshot, pf.device, made, number)
    target, notes = _target(pf, made, wish, number)
    kept = {} if made is None else made.wanted.vfs
    settings = {vf: {**kept.get(vf, {}), **wish.settings_of(vf)} for vf in range(number)}
    asked = mtu_asked(kept, settings)
    check_interface(pf, target, wish)
    target, without = mtu_left(snapshot, pf, target)
    refuse_asked(without, asked)
    check_driver(pf, target)
    check_unused(snapshot, pf, target, wish)
    told = [*notes, *(one.warning(again=True) for one in without), *_others(pf), *_interfaces_left(pf, target)]
    told += [*_without_resources(pf, target), *_services_kept_off(snapshot, pf, made, target)]
    check_own_addresses(pf.device, settings, pf.addresses)
    check_rates(pf.device, settings)
    wanted = PfState(
        number,
        target.autoprobe,
        target.up,
        wish.mtu if made is None or wish.mtu is not None else made.wanted.mtu,
        wish.eswitch,
        {vf: values for vf, values in settings.items() if values},
    )
    original = _original(pf, made, wish, asked)
    after = MadeVfs(pf.address, pf.device.identity, wanted, original, wish.persist, wish.allow)
    return VfsDecision(pf, target, made, after, tuple(told))


def _original(pf: Pf, made: MadeVfs | None, wish: VfsWish, mtu_of: t.Collection[int]) -> PfState:
    """How the PF was before we came. Of what is asked for only now it is how that is now.

    Of the VFs of which an MTU is asked for now one may have had no interface then.
    """
    if made is None:
        return as_found(pf)
    original = made.original
    if wish.mtu is not None and made.wanted.mtu is None and pf.present.mtu is not None:
        original = replace(original, mtu=pf.present.mtu)
    if wish.eswitch is not None and original.eswitch is None:
        original = replace(original, eswitch=pf.present.eswitch)
    mtus = {vf: {"mtu": pf.present.vfs.get(vf, {}).get("mtu")} for vf in mtu_of if vf < original.number}
    late = {vf: {**mtu, **original.vfs.get(vf, {})} for vf, mtu in mtus.items() if mtu["mtu"] is not None}
    return replace(original, vfs={**original.vfs, **late}) if late else original


def _others(pf: Pf) -> t.Iterator[str]:
    """What is to be said of others that make the PF's VFs or set them."""
    for maker in pf.makers:
        of_it = "sets VFs of" if not maker.makes else "makes VFs of"
        perhaps = "" if maker.certain else ", or of another card,"
        yield f"{maker}: it {of_it} {pf.address}{perhaps} and may change them again: take it out there"
    for path, why in pf.unread.items():
        yield f"{path} can't be read ({why}): whether it makes VFs is not known"


def _interfaces_left(pf: Pf, target: PfState) -> t.Iterator[str]:
    """VFs that are there keep the driver that they have; without autoprobe no rule keeps others off its interface."""
    if not pf.present.autoprobe or target.autoprobe is not False or target.number != pf.present.number:
        return
    left = [f"VF {vf}" for vf, settings in sorted(pf.present.vfs.items()) if "mtu" in settings]
    if left:
        yield (
            f"{few(left)} of {pf.address} have interfaces on the host, and keep them, since autoprobe: false is of VFs "
            "that are made anew: its network services may use them until they are claimed"
        )


def _services_kept_off(snapshot: Snapshot, pf: Pf, made: MadeVfs | None, target: PfState) -> t.Iterator[str]:
    """VFs that the host has in its network, as rules of ours come to keep its services off all of the PF."""
    if not target.autoprobe or (made is not None and made.wanted.autoprobe and made.wanted.number):
        return
    for number, vf in enumerate(pf.device.virtual_functions):
        uses = [use.code for use in snapshot.inventory.host_uses.get(vf, ()) if use.code in _OF_THE_NETWORK]
        if uses:
            yield (
                f"VF {number} of {pf.address} is in the host's network ({', '.join(dict.fromkeys(uses))}), and "
                "NetworkManager and systemd-networkd are kept off all its VFs by now: have it configured without them "
                "before the next boot, or give these VFs back with state: absent"
            )


def _without_resources(pf: Pf, target: PfState) -> t.Iterator[str]:
    """NVMe's VFs have what their PF gives them of its queues and interrupts (NVM Express 2.0, 8.26)."""
    if not pf.device.class_id.startswith(_CLASS_NVME) or target.number == pf.present.number or not target.number:
        return
    use = "are of no use before"
    if target.autoprobe:
        use = "are waited for in vain by the host's driver, and of no use, before"
    yield f"VFs of {pf.address} {use} it has given them queues and interrupts (nvme virt-mgmt), and they are online"


def _left_to_others(wish: VfsWish, pf: Pf, number: int) -> VfsDecision | None:
    """The decision that changes nothing, where others made the VFs, or would; None where nobody did.

    Raises HostdevError where there are others than asked for.
    """
    makers = [maker for maker in pf.makers if maker.certain and maker.makes]
    there = pf.present.number
    if not there and not makers:
        return None
    who = "; ".join(str(maker) for maker in makers) or "no maker of them was found: they may be made by hand"
    asked = [f"VF {vf}" for vf in range(number) if wish.settings_of(vf)]
    if there < number or (there and not number):
        raise HostdevError(
            "foreign_vfs",
            subject=pf.address,
            found=f"it has {there} VFs, which this collection did not make ({who})",
            wanted=f"{number}",
            remedy="change it where it is made, or set take_over: true, and take it out there",
        )
    warning = f"{pf.address} has {there} VFs that this collection did not make ({who}): they are left as they are"
    if asked:
        warning += f", and nothing is set of {few(asked)} (take_over: true does)"
    if wish.persist:
        warning += ", and they do not come back at boot by persist (take_over: true has them do so)"
    return VfsDecision(pf, PfState(there), None, None, (warning,))


def _target(pf: Pf, made: MadeVfs | None, wish: VfsWish, number: int) -> tuple[PfState, list[str]]:
    present, notes = pf.present, []
    mtu = None
    if wish.mtu is not None and present.mtu is not None:
        mtu = max(wish.mtu, present.mtu)
        if mtu > wish.mtu:
            notes.append(f"{pf.address} has an MTU of {present.mtu}, more than the {wish.mtu} asked for: it is left")
    vfs: dict[int, Settings] = {}
    for vf in range(number):
        asked = {**({} if made is None else made.wanted.vfs.get(vf, {})), **wish.settings_of(vf)}
        if number != present.number:
            # What was set for those that stay goes with them: it is set again.
            asked = {**set_already(present, made, vf), **asked}
        theirs = [name for name in asked if name in pf.theirs.get(vf, ())]
        if theirs:
            notes.append(
                f"{', '.join(theirs)} of VF {vf} of {pf.address} is libvirt's or a claim's while a guest has it"
            )
        settings = {name: value for name, value in asked.items() if name not in theirs}
        if settings:
            vfs[vf] = settings
    up = True if present.up is not None and number else None
    autoprobe = wish.autoprobe if present.autoprobe is not None and number else None
    return PfState(number, autoprobe, up, mtu, wish.eswitch, vfs), notes
