# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot and a wish for VFs to what each PF and its VFs shall be.

The kernel refuses nothing for VFs that a guest has, or the host: removing one takes it from whoever has it
(pci_vfs_assigned counts a flag that VFIO never sets). That guard is ours.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ..claims.made_vfs import MadeVfs
from ..errors import HostdevError, few
from ..sriov.changes import changes
from ..sriov.driver_settings import refusals
from ..sriov.link_settings import LinkSettings
from ..sriov.refusals import NumberWrite, not_by_number
from ..sriov.settings import DEFAULTS
from ..sriov.state import PfState
from .pfs import check_pf
from .vfs_in_use import check_idle, check_pf_may_restart

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..snapshot import Snapshot
    from ..sriov.changes import PfChange
    from ..sriov.makers.maker import VfMaker
    from ..sriov.settings import Settings
    from ..sriov.wish import VfsWish


@dataclass(frozen=True)
class Pf:
    """A PF as it was found: `most` VFs may be made now, `theirs` are by VF the settings that libvirt or a claim has.

    `makers` are others that make its VFs or set them, `unread` the files that may be of such, with why they could not
    be read. `max_vfs` says whether its module has a parameter of that name.
    """

    device: PciDevice
    present: PfState
    most: int
    theirs: t.Mapping[int, t.Collection[str]]
    makers: t.Sequence[VfMaker] = ()
    unread: t.Mapping[str, str] = field(default_factory=dict)
    max_vfs: bool = False

    @property
    def address(self) -> str:
        return self.device.address


@dataclass(frozen=True)
class VfsDecision:
    """What one PF shall be, what is on record of it before and after, and the changes that lead there."""

    pf: Pf
    target: PfState
    before: MadeVfs | None
    after: MadeVfs | None
    warnings: tuple[str, ...] = ()

    @property
    def administered(self) -> dict[int, t.Collection[str]]:
        """By VF the settings that we know to have set."""
        return {} if self.before is None else {vf: set(names) for vf, names in self.before.wanted.vfs.items()}

    @property
    def way_back(self) -> PfState:
        """What an undo leads to: of the settings those that the way there touches, or that went with the VFs."""
        present = self.pf.present
        if present.number != self.target.number:
            vfs = {vf: set_already(present, self.before, vf) for vf in range(present.number)}
        else:
            vfs = {
                vf: {name: value for name, value in present.vfs.get(vf, {}).items() if name in settings}
                for vf, settings in self.target.vfs.items()
            }
        eswitch = None if self.target.eswitch is None else present.eswitch
        return replace(present, eswitch=eswitch, vfs={vf: settings for vf, settings in vfs.items() if settings})

    @property
    def changes(self) -> list[PfChange]:
        return changes(self.pf.address, self.pf.present, self.target, self.administered)

    @property
    def changed(self) -> bool:
        before, after = (None if made is None else made.as_dict() for made in (self.before, self.after))
        return bool(self.changes) or before != after


def decide_vfs(snapshot: Snapshot, wish: VfsWish, pf: Pf, made: MadeVfs | None) -> VfsDecision:
    """What one PF shall be. Raises HostdevError where that can't be, or somebody uses what would be changed."""
    if wish.absent:
        return _given_back(snapshot, wish, pf, made)
    number = pf.most if wish.number is None else wish.number
    check_pf(snapshot, pf.device, pf.most, number, wish)
    _check_way(pf, number)
    if made is None and not wish.take_over:
        left = _left_to_others(wish, pf, number)
        if left is not None:
            return left
    if number == 0 and (pf.present.number == 0 if made is None else made.original.number == 0):
        return _given_back(snapshot, wish, pf, made)
    target, notes = _target(pf, made, wish, number)
    _check_driver(pf, target)
    _check_unused(snapshot, pf, target, wish)
    told = [*notes, *_others(pf)]
    original = pf.present if made is None else made.original
    kept = {} if made is None else made.wanted.vfs
    settings = {vf: {**kept.get(vf, {}), **wish.settings_of(vf)} for vf in range(number)}
    wanted = PfState(
        number,
        target.autoprobe,
        target.up,
        wish.mtu if made is None or wish.mtu is not None else made.wanted.mtu,
        wish.eswitch,
        {vf: values for vf, values in settings.items() if values},
    )
    after = MadeVfs(pf.address, pf.device.identity, wanted, original)
    return VfsDecision(pf, target, made, after, tuple(told))


def _others(pf: Pf) -> t.Iterator[str]:
    """What is to be said of others that make the PF's VFs or set them."""
    for maker in pf.makers:
        of_it = "sets VFs of" if not maker.makes else "makes VFs of"
        perhaps = "" if maker.certain else ", or of another card,"
        yield f"{maker}: it {of_it} {pf.address}{perhaps} and may change them again: take it out there"
    for path, why in pf.unread.items():
        yield f"{path} can't be read ({why}): whether it makes VFs is not known"


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


def set_already(present: PfState, made: MadeVfs | None, vf: int) -> dict[str, t.Any]:
    """What a VF has that it would not have when it was made anew.

    The address that is shown may be the VF's own choice, and spoof check the driver's: these are set if we set them.
    """
    there = present.vfs.get(vf, {})
    others = {name: value for name, value in there.items() if name in DEFAULTS and value != DEFAULTS[name]}
    others.pop("mac", None)
    if "vlan" in others or "qos" in others or "vlan_protocol" in others:
        others.update({name: there[name] for name in ("vlan", "qos", "vlan_protocol") if name in there})
    return {**others, **({} if made is None else made.wanted.vfs.get(vf, {}))}


def _given_back(snapshot: Snapshot, wish: VfsWish, pf: Pf, made: MadeVfs | None) -> VfsDecision:
    """All as it was before we came; VFs of others stay, and those that are gone since stay gone."""
    present = pf.present
    if made is None:
        there = f"{pf.address} has {present.number} VFs that this collection did not make: they are left as they are"
        return VfsDecision(pf, PfState(present.number), None, None, (there,) if present.number else ())
    original, told = made.original, []
    if original.up is False and present.up and snapshot.inventory.host_uses.get(pf.address):
        original = replace(original, up=None)
        told.append(f"{pf.address} was down, and stays up: the host uses it by now")
    if present.number != made.wanted.number:
        told.append(f"{pf.address} has {present.number} VFs by now, not the {made.wanted.number} that were made")
        return VfsDecision(pf, replace(original, number=present.number, vfs={}), made, None, tuple(told))
    if original.number == present.number:
        # What we never set is not put back.
        names = {vf: list(settings) for vf, settings in made.wanted.vfs.items()}
    else:
        names = {vf: [*set_already(original, None, vf), "mac", "spoof_check"] for vf in range(original.number)}
    vfs = {vf: {name: value for name, value in original.vfs.get(vf, {}).items() if name in names[vf]} for vf in names}
    target = replace(original, vfs={vf: settings for vf, settings in vfs.items() if settings})
    _check_unused(snapshot, pf, target, wish)
    return VfsDecision(pf, target, made, None, tuple(told))


def _check_way(pf: Pf, number: int) -> None:
    """Refuse a driver whose VFs are made in another way than by their number."""
    if number == pf.present.number:
        return
    write = NumberWrite(pf.address, pf.device.driver, number, pf.present.number, pf.most)
    another = not_by_number(write, max_vfs=pf.max_vfs)
    if another is not None:
        raise HostdevError("vfs_failed", subject=pf.address, **another._asdict())


def _check_driver(pf: Pf, target: PfState) -> None:
    """Refuse what the PF's driver is known to refuse: nothing asks it, and a refusal in the middle costs a way back."""
    if target.eswitch is not None and pf.present.eswitch is None:
        raise HostdevError(
            "vfs_failed",
            subject=f"eswitch_mode of {pf.address}",
            found=f"its driver {pf.device.driver} shows no e-switch (devlink dev eswitch show pci/{pf.address})",
            wanted="a PF with an e-switch",
            remedy="leave eswitch_mode out",
        )
    switchdev = (target.eswitch or pf.present.eswitch) == "switchdev"
    anew = target.number != pf.present.number
    for vf, settings in target.vfs.items():
        present = {**DEFAULTS, **({} if anew else pf.present.vfs.get(vf, {}))}
        wanted, there = LinkSettings(**settings), LinkSettings(**present)
        for name, reason in refusals(pf.device.driver, wanted, there, switchdev=switchdev).items():
            raise HostdevError(
                "vf_setting_failed",
                subject=f"{name} of VF {vf} of {pf.address}",
                found=reason,
                wanted=f"{name} {settings[name]}",
                remedy=f"leave {name} out",
                details={"setting": name},
            )


def _check_unused(snapshot: Snapshot, pf: Pf, target: PfState, wish: VfsWish) -> None:
    """Raises HostdevError where a change would take a VF, or the PF's carrier, from whoever uses it."""
    present = pf.present
    restarts = target.mtu not in (None, present.mtu) or target.eswitch not in (None, present.eswitch)
    if present.number and (target.number != present.number or restarts):
        what = f"{present.number} -> {target.number} VFs" if target.number != present.number else "a restart of the PF"
        check_idle(snapshot, pf.device, what)
    if target.number != present.number or restarts:
        check_pf_may_restart(snapshot, pf.device, wish.allow)
