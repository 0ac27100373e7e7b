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
from ..sriov.changes import NUMBER, changes
from ..sriov.driver_settings import refusals
from ..sriov.link_settings import NO_MAC, LinkSettings
from ..sriov.refusals import NumberWrite, not_by_number
from ..sriov.settings import DEFAULTS
from ..sriov.state import PfState
from .pfs import check_own_addresses, check_pf, check_rates
from .vfs_in_use import check_idle, check_made_again, check_pf_may_restart, uses_of_vfs

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
    def administered(self) -> t.Mapping[int, Settings]:
        """By VF the settings that we know to have set."""
        return {} if self.before is None else self.before.wanted.vfs

    @property
    def way_back(self) -> PfState:
        """What an undo leads to: of the settings those that the way there touches, or that went with the VFs."""
        present = self.pf.present
        if any(change.kind == NUMBER for change in self.changes):
            vfs = {vf: set_already(present, self.before, vf) for vf in range(present.number)}
        else:
            vfs = {
                vf: {name: value for name, value in present.vfs.get(vf, {}).items() if name in _touched(settings)}
                for vf, settings in self.target.vfs.items()
            }
        eswitch = None if self.target.eswitch is None else present.eswitch
        return replace(present, eswitch=eswitch, vfs={vf: settings for vf, settings in vfs.items() if settings})

    @property
    def changes(self) -> list[PfChange]:
        pf = self.pf
        return changes(pf.address, pf.present, self.target, self.administered, driver=pf.device.driver)

    @property
    def changed(self) -> bool:
        before, after = (None if made is None else made.as_dict() for made in (self.before, self.after))
        return bool(self.changes) or before != after


def _touched(settings: t.Collection[str]) -> set[str]:
    """The settings that are written for these: the spoof check is off while an address changes."""
    return {*settings, *(["spoof_check"] if "mac" in settings else [])}


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
    check_made_again(snapshot, pf.device, made, number)
    target, notes = _target(pf, made, wish, number)
    _check_interface(pf, target, wish)
    _check_driver(pf, target)
    _check_unused(snapshot, pf, target, wish)
    told = [*notes, *_others(pf)]
    kept = {} if made is None else made.wanted.vfs
    settings = {vf: {**kept.get(vf, {}), **wish.settings_of(vf)} for vf in range(number)}
    check_own_addresses(pf.device, settings)
    check_rates(pf.device, settings)
    wanted = PfState(
        number,
        target.autoprobe,
        target.up,
        wish.mtu if made is None or wish.mtu is not None else made.wanted.mtu,
        wish.eswitch,
        {vf: values for vf, values in settings.items() if values},
    )
    after = MadeVfs(pf.address, pf.device.identity, wanted, _original(pf, made, wish))
    return VfsDecision(pf, target, made, after, tuple(told))


def _original(pf: Pf, made: MadeVfs | None, wish: VfsWish) -> PfState:
    """How the PF was before we came. Of what is asked for only now it is how that is now."""
    if made is None:
        # What a claim or libvirt has set of a VF is no state to go back to.
        vfs = {
            vf: {name: value for name, value in settings.items() if name not in pf.theirs.get(vf, ())}
            for vf, settings in pf.present.vfs.items()
        }
        return replace(pf.present, vfs=vfs)
    original = made.original
    if wish.mtu is not None and made.wanted.mtu is None and pf.present.mtu is not None:
        original = replace(original, mtu=pf.present.mtu)
    if wish.eswitch is not None and original.eswitch is None:
        original = replace(original, eswitch=pf.present.eswitch)
    return original


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
    So is the address that a VF had before we came, which may be another's doing.
    """
    there = present.vfs.get(vf, {})
    others = {name: value for name, value in there.items() if name in DEFAULTS and value != DEFAULTS[name]}
    others.pop("mac", None)
    mac = (present if made is None else made.original).vfs.get(vf, {}).get("mac", NO_MAC)
    if mac != NO_MAC and mac == there.get("mac"):
        others["mac"] = mac
    if "vlan" in others or "qos" in others or "vlan_protocol" in others:
        others.update({name: there[name] for name in ("vlan", "qos", "vlan_protocol") if name in there})
    return {**others, **({} if made is None else made.wanted.vfs.get(vf, {}))}


def _given_back(snapshot: Snapshot, wish: VfsWish, pf: Pf, made: MadeVfs | None) -> VfsDecision:
    """All as it was before we came; VFs of others stay, and those that are gone since stay gone."""
    present = pf.present
    if made is None:
        there = f"{pf.address} has {present.number} VFs that this collection did not make: they are left as they are"
        return VfsDecision(pf, PfState(present.number), None, None, (there,) if present.number else ())
    check_made_again(snapshot, pf.device, made, 0)
    original, told = _can_be_put_back(pf, made)
    if original.up is False and present.up and snapshot.inventory.host_uses.get(pf.address):
        original = replace(original, up=None)
        told.append(f"{pf.address} was down, and stays up: the host uses it by now")
    if present.number != made.wanted.number:
        told.append(f"{pf.address} has {present.number} VFs by now, not the {made.wanted.number} that were made")
        if uses_of_vfs(snapshot, pf.device):
            told.append(f"VFs of {pf.address} are in use: its interface stays as it is")
            original = replace(original, up=None, mtu=None, eswitch=None)
        target = replace(original, number=present.number, vfs={})
        _check_unused(snapshot, pf, target, wish)
        return VfsDecision(pf, target, made, None, tuple(told))
    if original.number == present.number:
        # What we never set is not put back.
        names = {vf: list(settings) for vf, settings in made.wanted.vfs.items()}
    else:
        names = {vf: [*set_already(original, None, vf), "mac", "spoof_check"] for vf in range(original.number)}
    vfs = {vf: {name: value for name, value in original.vfs.get(vf, {}).items() if name in names[vf]} for vf in names}
    target = replace(original, vfs={vf: settings for vf, settings in vfs.items() if settings})
    _check_unused(snapshot, pf, target, wish)
    return VfsDecision(pf, target, made, None, tuple(told))


def _can_be_put_back(pf: Pf, made: MadeVfs) -> tuple[PfState, list[str]]:
    """What there was, without what we never changed, and what the PF has none of now."""
    original, told = made.original, []
    if made.wanted.mtu is None:
        original = replace(original, mtu=None)
    if pf.present.up is None and original.up is not None:
        told.append(f"{pf.address} has no network interface on the host: nothing of that is put back")
    missing = {name: None for name in ("autoprobe", "up", "mtu", "eswitch") if getattr(pf.present, name) is None}
    return replace(original, **t.cast("dict[str, t.Any]", missing)), told


def _check_way(pf: Pf, number: int) -> None:
    """Refuse a driver whose VFs are made in another way than by their number."""
    if number == pf.present.number:
        return
    write = NumberWrite(pf.address, pf.device.driver, number, pf.present.number, pf.most)
    another = not_by_number(write, max_vfs=pf.max_vfs)
    if another is not None:
        raise HostdevError("vfs_failed", subject=pf.address, **another._asdict())


def _check_interface(pf: Pf, target: PfState, wish: VfsWish) -> None:
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
    stops = restarts or (target.up is False and present.up is True)
    if present.number and (target.number != present.number or stops):
        what = f"{present.number} -> {target.number} VFs" if target.number != present.number else "a restart of the PF"
        check_idle(snapshot, pf.device, what)
    if target.number != present.number or restarts:
        check_pf_may_restart(snapshot, pf.device, wish.allow)
