# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VFs that this collection made or took over, as they are on record: by their PF."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .. import forms
from ..host.device import IDENTITY_FORM
from ..sriov.state import PfState
from .same_card import is_same, same_model, told_apart, untold

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory


@dataclass(frozen=True)
class MadeVfs:
    """What a PF shall have, and `original`, what it had before; the address is a hint, `identity` tells the card.

    `persist` says that the VFs come back when the host is started anew; `allow` are the blocker codes that were
    accepted of the PF when they were made, and that are so when they are made again.
    """

    address: str
    identity: t.Mapping[str, str | None]
    wanted: PfState
    original: PfState
    persist: bool = False
    allow: frozenset[str] = frozenset()

    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {"address": forms.address, "identity": IDENTITY_FORM, "wanted": PfState.FORM, "original": PfState.FORM},
        {"persist": forms.flag, "allow": forms.listed(forms.name)},
    )

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "address": self.address,
            "identity": dict(self.identity),
            "wanted": self.wanted.as_dict(),
            "original": self.original.as_dict(),
            **({"persist": True} if self.persist else {}),
            **({"allow": sorted(self.allow)} if self.allow else {}),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> MadeVfs:
        return cls(
            data["address"],
            data["identity"],
            PfState.from_dict(data["wanted"]),
            PfState.from_dict(data["original"]),
            data.get("persist", False),
            frozenset(data.get("allow", ())),
        )

    def may_be(self, device: PciDevice) -> bool:
        """Whether nothing tells the card from a device."""
        return same_model(self.identity, device.identity) and not told_apart(self.identity, device.identity)

    def is_of(self, device: PciDevice) -> bool:
        """Whether a device is surely the card, as far as anything tells."""
        return is_same(self.identity, device.identity)

    def is_untold(self, device: PciDevice) -> bool:
        """Whether the card had a serial, and the device shows none that could be compared with it."""
        return untold(self.identity, device.identity)

    def pf_in(self, inventory: Inventory) -> str | None:
        """Where the card is now: at its address, or where its serial or path tells; None where it is gone."""
        here = inventory.devices.get(self.address)
        at_home = here is not None and same_model(self.identity, here.identity)
        if here is not None and self.is_of(here):
            return self.address
        # Another one of its model may have come to its address.
        for address, device in inventory.devices.items():
            if device.total_vfs and self.is_of(device):
                return address
        if here is not None and at_home and not told_apart(self.identity, here.identity):
            return self.address
        return None


@dataclass(frozen=True)
class VfsJournal:
    """A change of a PF's VFs that was begun: from `before` to `after`, None where nothing shall be on record then.

    `was` is how the PF was found, to which an undo leads.
    """

    address: str
    boot_id: str
    was: PfState
    before: MadeVfs | None
    after: MadeVfs | None

    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {
            "address": forms.address,
            "boot_id": forms.text,
            "was": PfState.FORM,
            "before": forms.nullable(MadeVfs.FORM),
            "after": forms.nullable(MadeVfs.FORM),
        }
    )

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "address": self.address,
            "boot_id": self.boot_id,
            "was": self.was.as_dict(),
            "before": None if self.before is None else self.before.as_dict(),
            "after": None if self.after is None else self.after.as_dict(),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> VfsJournal:
        before, after = (None if data[end] is None else MadeVfs.from_dict(data[end]) for end in ("before", "after"))
        return cls(data["address"], data["boot_id"], PfState.from_dict(data["was"]), before, after)
