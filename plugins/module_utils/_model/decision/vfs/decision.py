# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PF as it was found, and what is decided of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ...sriov.changes import NUMBER, changes
from ...sriov.link_settings import NO_MAC
from ...sriov.settings import DEFAULTS, ORDINARY_MTU

if t.TYPE_CHECKING:
    from ...claims.made_vfs import MadeVfs
    from ...host.device import PciDevice
    from ...sriov.changes import PfChange
    from ...sriov.makers.maker import VfMaker
    from ...sriov.settings import Settings
    from ...sriov.state import PfState


@dataclass(frozen=True)
class Pf:
    """A PF as it was found: `most` VFs may be made now, `theirs` are by VF the settings that libvirt or a claim has.

    `makers` are others that make its VFs or set them, `unread` the files that may be of such, with why they could not
    be read. `max_vfs` says whether its module has a parameter of that name. `addresses` are the MAC addresses of
    its own interface.
    """

    device: PciDevice
    present: PfState
    most: int
    theirs: t.Mapping[int, t.Collection[str]]
    makers: t.Sequence[VfMaker] = ()
    unread: t.Mapping[str, str] = field(default_factory=dict)
    max_vfs: bool = False
    addresses: t.Collection[str] = ()

    @property
    def address(self) -> str:
        return self.device.address


def as_found(pf: Pf) -> PfState:
    """A PF as it was before we came: what a claim or libvirt has set of a VF is no state to go back to."""
    vfs = {
        vf: {name: value for name, value in settings.items() if name not in pf.theirs.get(vf, ())}
        for vf, settings in pf.present.vfs.items()
    }
    return replace(pf.present, vfs=vfs)


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
    def mtu_asked(self) -> set[int]:
        """The VFs of which an MTU is asked for that is not on record yet."""
        return mtu_asked(self.administered, {} if self.after is None else self.after.wanted.vfs)

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


def mtu_asked(before: t.Mapping[int, Settings], after: t.Mapping[int, Settings]) -> set[int]:
    """The VFs that have an MTU after, and had another one or none before."""
    return {vf for vf, settings in after.items() if settings.get("mtu") not in (None, before.get(vf, {}).get("mtu"))}


def _touched(settings: t.Collection[str]) -> set[str]:
    """The settings that are written for these: the spoof check is off while an address changes."""
    return {*settings, *(["spoof_check"] if "mac" in settings else [])}


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
    if there.get("mtu", ORDINARY_MTU) != ORDINARY_MTU:
        others["mtu"] = there["mtu"]
    if "vlan" in others or "qos" in others or "vlan_protocol" in others:
        others.update({name: there[name] for name in ("vlan", "qos", "vlan_protocol") if name in there})
    return {**others, **({} if made is None else made.wanted.vfs.get(vf, {}))}
