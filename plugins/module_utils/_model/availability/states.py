# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of every device that the allow list permits, and the transitions between states.

States, transitions and the coupling of a PF and its VFs are OpenStack Nova's (nova/objects/pci_device.py,
nova/pci/manager.py), where a failed operation leaves nothing behind. Looking up a device costs the same on a host of
any size; what is free is found by its kind.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .free_devices import FreeDevices

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..requests.allow_list import AllowList

AVAILABLE = "available"
CLAIMED = "claimed"
ALLOCATED = "allocated"
UNCLAIMABLE = "unclaimable"
UNAVAILABLE = "unavailable"
REMOVED = "removed"

_HELD = frozenset({CLAIMED, ALLOCATED})
_BLOCKED = frozenset({UNCLAIMABLE, UNAVAILABLE})


class Tracked:
    """One device with its state. Only the tracker changes it.

    `owner` and `request` are None unless it is held. `stale` is what the host showed last of a held device that looked
    otherwise when it was claimed; `leaving` says that a held device is no longer on the host, or no longer permitted.
    Both are settled when it is freed.
    """

    __slots__ = (
        "device",
        "leaving",
        "owner",
        "parent",
        "request",
        "spec_index",
        "stale",
        "status",
        "tags",
        "vfs",
        "vfs_in_use",
    )

    def __init__(self, device: PciDevice, spec_index: int, tags: t.Mapping[str, t.Any]) -> None:
        self.device = device
        self.spec_index = spec_index
        self.tags = tags
        self.status = REMOVED
        self.owner: str | None = None
        self.request: str | None = None
        self.parent: Tracked | None = None
        self.vfs: dict[str, Tracked] = {}
        self.vfs_in_use = 0
        self.stale: PciDevice | None = None
        self.leaving = False

    @property
    def address(self) -> str:
        return self.device.address


class TransitionError(ValueError):
    """A transition that the device's state, its owner or its relatives forbid; nothing was changed.

    `code` is invalid_status, invalid_owner, vf_in_use, pf_in_use or not_tracked.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Before(t.NamedTuple):
    """A device's state before a change, for undoing it."""

    tracked: Tracked
    status: str
    owner: str | None
    request: str | None


@dataclass
class Synced:
    """What a sync found: what came, went or changed while free; and what is gone or has changed while it is held."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    leaving: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


class DeviceTracker:
    """All permitted devices of one host."""

    def __init__(self, allow_list: AllowList) -> None:
        self._allow_list = allow_list
        self._devices: dict[str, Tracked] = {}
        self._refused: dict[str, PciDevice] = {}
        self._orphans: dict[str, dict[str, Tracked]] = {}
        self._held: dict[str, dict[str, Tracked]] = {}
        self.free = FreeDevices()
        self._undo: list[_Before] | None = None

    def __contains__(self, address: object) -> bool:
        return address in self._devices

    def __iter__(self) -> t.Iterator[Tracked]:
        return iter(self._devices.values())

    def __len__(self) -> int:
        return len(self._devices)

    def __getitem__(self, address: str) -> Tracked:
        """The device. Raises TransitionError with code not_tracked."""
        try:
            return self._devices[address]
        except KeyError:
            raise TransitionError("not_tracked", f"{address} is not there, or not permitted") from None

    def held_by(self, owner: str) -> list[Tracked]:
        """What the owner has claimed or been allocated."""
        return list(self._held.get(owner, {}).values())

    @property
    def owners(self) -> list[str]:
        return list(self._held)

    # The host.

    def sync(self, devices: t.Iterable[PciDevice]) -> Synced:
        """Take over what the host shows now. Held devices keep what they were claimed as until they are freed."""
        found = Synced()
        seen: set[str] = set()
        for device in devices:
            address = device.address
            tracked = self._devices.get(address)
            if tracked is not None and tracked.device == device and not tracked.leaving:
                tracked.stale = None
                seen.add(address)
            elif self._refused.get(address) != device and self._sync(device, tracked, found):
                seen.add(address)
        for address in self._devices.keys() - seen:
            self._sync_missing(self._devices[address], found)
        return found

    def restore(self, address: str, status: str, owner: str | None = None, request: str | None = None) -> None:
        """Set a state as it was recorded, without the checks and the coupling of a transition."""
        self._put(self[address], status, owner, request)

    def adopt(self, device: PciDevice, owner: str, request: str | None = None, *, allocated: bool = False) -> None:
        """Note from the record that an owner holds the device, also one that is no longer permitted or not there.

        Raises TransitionError when another owner holds it, its PF or one of its VFs.
        """
        if device.address not in self._devices:
            permitted = self._allow_list.entry_of(device)
            tracked = Tracked(device, *(permitted or (-1, {})))
            tracked.leaving = permitted is None
            self._add(tracked)
        self.claim(device.address, owner, request)
        if allocated:
            self.allocate(device.address, owner)

    def _sync(self, device: PciDevice, tracked: Tracked | None, found: Synced) -> bool:
        """Take over one new or changed device; says whether it is permitted."""
        permitted = self._allow_list.entry_of(device)
        if permitted is None:
            self._refused[device.address] = device
            return False
        self._refused.pop(device.address, None)
        if tracked is None:
            self._add(Tracked(device, *permitted))
            found.added.append(device.address)
            return True
        tracked.leaving = False
        if tracked.status in _HELD:
            tracked.stale = device if tracked.device != device else None
            if tracked.stale is not None:
                found.stale.append(device.address)
        elif tracked.device != device:
            self._replace(tracked, device, *permitted)
            found.updated.append(device.address)
        return True

    def _sync_missing(self, tracked: Tracked, found: Synced) -> None:
        if tracked.status in _HELD:
            tracked.leaving = True
            found.leaving.append(tracked.address)
        elif tracked.owner is None:
            self._remove(tracked)
            found.removed.append(tracked.address)

    def _add(self, tracked: Tracked) -> None:
        address = tracked.address
        self._devices[address] = tracked
        tracked.vfs = self._orphans.pop(address, {})
        tracked.vfs_in_use = 0
        for vf in tracked.vfs.values():
            vf.parent = tracked
            tracked.vfs_in_use += vf.status != AVAILABLE
        above = tracked.device.physical_function
        if above is not None:
            parent = tracked.parent = self._devices.get(above)
            siblings = self._orphans.setdefault(above, {}) if parent is None else parent.vfs
            siblings[address] = tracked
            if parent is not None:
                parent.vfs_in_use += 1  # for the state that it has until the next line
        self._put(tracked, self._state_beside(tracked), None, None)

    def _state_beside(self, tracked: Tracked) -> str:
        """What a free device's state is, given those of its PF or VFs."""
        relatives = list(tracked.vfs.values()) if tracked.parent is None else [tracked.parent]
        states = {relative.status for relative in relatives} & _HELD
        if ALLOCATED in states:
            return UNAVAILABLE
        return UNCLAIMABLE if states else AVAILABLE

    def _remove(self, tracked: Tracked) -> None:
        """Forget a device that nobody holds; a PF that was only blocked by it is available again."""
        address = tracked.address
        self._put(tracked, REMOVED, None, None)
        del self._devices[address]
        if tracked.vfs:
            self._orphans[address] = tracked.vfs
            for vf in tracked.vfs.values():
                vf.parent = None
            tracked.vfs = {}
        above = tracked.device.physical_function
        if tracked.parent is not None:
            parent = tracked.parent
            tracked.parent = None
            del parent.vfs[address]
            parent.vfs_in_use -= 1
            self._release_parent(parent)
        elif above is not None and above in self._orphans:
            self._orphans[above].pop(address, None)

    def _replace(self, tracked: Tracked, device: PciDevice, spec_index: int, tags: t.Mapping[str, t.Any]) -> None:
        """Give a free device its new properties, so that it is found as what it is now."""
        if device.physical_function == tracked.device.physical_function:
            self.free.discard(tracked.address)
            tracked.device, tracked.spec_index, tracked.tags = device, spec_index, tags
            self._put(tracked, tracked.status, None, None)
        else:
            self._remove(tracked)
            tracked.device, tracked.spec_index, tracked.tags = device, spec_index, tags
            self._add(tracked)

    # Transitions of one device.

    def claim(self, address: str, owner: str, request: str | None = None) -> None:
        """Reserve an available device. Raises TransitionError: invalid_status, vf_in_use, pf_in_use."""
        tracked = self[address]
        self._require(tracked, {AVAILABLE}, "claimed")
        if tracked.vfs:
            self._require_vfs(tracked, {AVAILABLE} | _BLOCKED)
            for vf in tracked.vfs.values():
                self._put(vf, UNCLAIMABLE, None, None)
        elif tracked.parent is not None:
            parent = tracked.parent
            self._require_pf(tracked, parent)
            if parent.status == AVAILABLE:
                self._put(parent, UNCLAIMABLE, None, None)
        self._put(tracked, CLAIMED, owner, request)

    def allocate(self, address: str, owner: str) -> None:
        """Note that a claimed or available device is in use. Raises TransitionError, also with code invalid_owner."""
        tracked = self[address]
        self._require(tracked, {AVAILABLE, CLAIMED}, "allocated")
        if tracked.status == CLAIMED and tracked.owner != owner:
            raise _invalid_owner(tracked, owner)
        if tracked.vfs:
            self._require_vfs(tracked, {AVAILABLE, UNCLAIMABLE})
            for vf in tracked.vfs.values():
                self._put(vf, UNAVAILABLE, None, None)
        elif tracked.parent is not None:
            self._require_pf(tracked, tracked.parent)
            self._put(tracked.parent, UNAVAILABLE, None, None)
        self._put(tracked, ALLOCATED, owner, tracked.request)

    def release(self, address: str, owner: str | None = None) -> None:
        """Free a held device, of whichever owner when none is given. Raises TransitionError.

        What the host showed of it meanwhile becomes true of it; a device that is gone is removed.
        """
        tracked = self[address]
        self._require(tracked, _HELD, "freed")
        if owner is not None and tracked.owner != owner:
            raise _invalid_owner(tracked, owner)
        for vf in tracked.vfs.values():
            self._put(vf, AVAILABLE, None, None)
        self._put(tracked, AVAILABLE, None, None)
        if tracked.parent is not None:
            self._release_parent(tracked.parent)
        self._settle(tracked)

    def remove(self, address: str) -> None:
        """Take a device that nobody holds out of the books. Raises TransitionError."""
        tracked = self[address]
        self._require(tracked, {AVAILABLE} | _BLOCKED, "removed")
        if tracked.owner is not None:
            raise _invalid_owner(tracked, None)
        self._remove(tracked)

    def _settle(self, tracked: Tracked) -> None:
        """Do what was put off while the device was held."""
        if tracked.leaving:
            tracked.leaving, tracked.stale = False, None
            self._remove(tracked)
            return
        stale, tracked.stale = tracked.stale, None
        if stale is None:
            return
        permitted = self._allow_list.entry_of(stale)
        if permitted is None:
            self._remove(tracked)
        else:
            self._replace(tracked, stale, *permitted)

    def _release_parent(self, parent: Tracked) -> None:
        """A PF is available again once all of its VFs are."""
        if parent.vfs_in_use == 0 and parent.status in _BLOCKED:
            self._put(parent, AVAILABLE, None, None)

    # One place that changes a state, and all that hangs on it.

    def _put(self, tracked: Tracked, status: str, owner: str | None, request: str | None) -> None:
        if self._undo is not None:
            self._undo.append(_Before(tracked, tracked.status, tracked.owner, tracked.request))
        if tracked.parent is not None:
            tracked.parent.vfs_in_use += (status != AVAILABLE) - (tracked.status != AVAILABLE)
        if tracked.owner != owner:
            if tracked.owner is not None:
                mine = self._held[tracked.owner]
                del mine[tracked.address]
                if not mine:
                    del self._held[tracked.owner]
            if owner is not None:
                self._held.setdefault(owner, {})[tracked.address] = tracked
        tracked.status, tracked.owner, tracked.request = status, owner, request
        if status == AVAILABLE:
            self.free.add(tracked.device, tracked.spec_index, tracked.tags)
        else:
            self.free.discard(tracked.address)

    def begin(self) -> None:
        """Note from now on how each state was, so that it can be undone."""
        self._undo = []

    def commit(self) -> None:
        self._undo = None

    def undo(self) -> None:
        """Bring back all states as they were at `begin`."""
        changes, self._undo = self._undo or [], None
        for before in reversed(changes):
            self._put(before.tracked, before.status, before.owner, before.request)

    # Checks.

    @staticmethod
    def _require(tracked: Tracked, wanted: t.Collection[str], what: str) -> None:
        if tracked.status not in wanted:
            by = f" by {tracked.owner}" if tracked.owner else ""
            states = " or ".join(sorted(wanted))
            raise TransitionError(
                "invalid_status", f"{tracked.address} is {tracked.status}{by}; what is {states} can be {what}"
            )

    @staticmethod
    def _require_vfs(tracked: Tracked, wanted: t.Collection[str]) -> None:
        others = [f"its VF {vf.address} is {vf.status}" for vf in tracked.vfs.values() if vf.status not in wanted]
        if others:
            raise TransitionError("vf_in_use", f"PF {tracked.address}: {', '.join(others)}")

    @staticmethod
    def _require_pf(tracked: Tracked, parent: Tracked) -> None:
        if parent.status not in _BLOCKED and parent.status != AVAILABLE:
            raise TransitionError("pf_in_use", f"VF {tracked.address}: its PF {parent.address} is {parent.status}")


def _invalid_owner(tracked: Tracked, owner: str | None) -> TransitionError:
    return TransitionError("invalid_owner", f"{tracked.address} is held by {tracked.owner}, not by {owner or 'nobody'}")
