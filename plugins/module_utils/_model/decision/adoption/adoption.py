# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written down of a host where somebody gave devices away by hand: what is asked for, and what comes of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ...address import address_order
from ...claims.words import short
from ...errors import one_line
from ...guest.domain import CONFIG, LIVE, PLACES

if t.TYPE_CHECKING:
    from ...binders.fighter import Fighter
    from ...claims.claim import Claim, Holding
    from ...claims.made_vfs import MadeVfs
    from ...claims.tracker import Tracker
    from ...host.inventory import Inventory

_WHERE = {(CONFIG, LIVE): "its definition and its guest", (CONFIG,): "its definition", (LIVE,): "its guest"}


@dataclass(frozen=True)
class AdoptWish:
    """What an adoption is about: `domains` by name or UUID, None for all of them, and with `vfs` the VFs of PFs.

    `take_over` adopts also VFs that a maker is known of. `unattached_owner` is the name of the owner that devices get
    which have a VFIO driver and no domain; without one they are only told. With `persist` all that is written down is
    to come back when the host is started anew.
    """

    domains: frozenset[str] | None = None
    vfs: bool = True
    take_over: bool = False
    unattached_owner: str | None = None
    persist: bool = False

    def is_about(self, uuid: str) -> bool:
        return self.domains is None or uuid in self.domains


@dataclass(frozen=True)
class Adopted:
    """An owner's claim as it is on record, and as it is with what was adopted."""

    before: Claim
    after: Claim

    @property
    def holdings(self) -> list[Holding]:
        """What was adopted, in address order."""
        new = self.after.holdings.keys() - self.before.holdings.keys()
        return [self.after.holdings[address] for address in sorted(new, key=address_order)]


@dataclass(frozen=True)
class Adoption:
    """All that was adopted. `unattached` are functions with a VFIO driver that nobody has.

    `fighters` are what does the same as the record would at boot, or otherwise.
    """

    inventory: Inventory
    claims: tuple[Adopted, ...] = ()
    vfs: tuple[MadeVfs, ...] = ()
    unattached: tuple[str, ...] = ()
    fighters: tuple[Fighter, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def changed(self) -> bool:
        return bool(self.claims or self.vfs)

    @property
    def lines(self) -> list[str]:
        """What is written down anew, one line each."""
        claims = [self._held(adopted.after, held) for adopted in self.claims for held in adopted.holdings]
        return [*claims, *(self._made(made) for made in self.vfs)]

    def put_into(self, tracker: Tracker) -> None:
        """Have a record with all of it."""
        for adopted in self.claims:
            tracker.put(adopted.after)
        tracker.made_vfs.update({made.address: made for made in self.vfs})

    def diff(self, path: str) -> list[dict[str, str]]:
        """The claims and VFs on record before and after, owner by owner."""
        parts = []
        for adopted in self.claims:
            ends = [
                [self._held(claim, claim.holdings[address]) for address in sorted(claim.holdings, key=address_order)]
                for claim in (adopted.before, adopted.after)
            ]
            parts.append(_part(f"{path}: {adopted.after.owner}", *ends))
        if self.vfs:
            parts.append(_part(f"{path}: VFs", [], [self._made(made) for made in self.vfs]))
        return parts

    def _held(self, claim: Claim, held: Holding) -> str:
        name = "group member" if held.request is None else held.request
        ids = f"{held.identity['vendor_id']}:{held.identity['product_id']}"
        device = self.inventory.devices.get(held.address)
        driver = "not on the host" if device is None else device.driver or "no driver"
        uses = [use for use in self.inventory.domain_uses.get(held.address, ()) if use.uuid == claim.owner.id]
        places = tuple(place for place in PLACES if any(getattr(use, place) for use in uses))
        where = f", in {_WHERE[places]}" if places else ""
        return one_line(f"{short(claim.owner.label)}: {name} {held.address} ({ids}, {driver}){where}{_back(claim)}")

    def _made(self, made: MadeVfs) -> str:
        wanted, device = made.wanted, self.inventory.devices.get(made.address)
        interfaces = () if device is None else device.interfaces
        named = f" ({interfaces[0]})" if interfaces else ""
        autoprobe = {None: "", True: ", autoprobe on", False: ", autoprobe off"}[wanted.autoprobe]
        settings = "".join(
            f", VF {vf}: {' '.join(f'{name}={value}' for name, value in sorted(values.items()))}"
            for vf, values in sorted(wanted.vfs.items())
        )
        mtu = "" if wanted.mtu is None else f", MTU {wanted.mtu}"
        eswitch = "" if wanted.eswitch is None else f", e-switch {wanted.eswitch}"
        return f"{made.address}{named}: {wanted.number} VFs{autoprobe}{mtu}{eswitch}{settings}{_back(made)}"


def _back(kept: Claim | MadeVfs) -> str:
    return "; comes back at boot" if kept.persist else ""


def _part(header: str, before: t.Sequence[str], after: t.Sequence[str]) -> dict[str, str]:
    texts = ["".join(f"{line}\n" for line in lines) for lines in (before, after)]
    return {"before_header": header, "after_header": header, "before": texts[0], "after": texts[1]}
