# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of every device that the allow list permits, given who holds which.

States and the coupling of a PF and its VFs are OpenStack Nova's (nova/objects/pci_device.py). They are derived anew in
each run, from the host as it is and the record, so that nothing can be wrong in them that was right in those. Looking
up a device costs the same on a host of any size; what is free is found by its pool.
"""

from __future__ import annotations

import typing as t

from .free_devices import FreeDevices

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..requests.specs.allow_list import AllowList

AVAILABLE = "available"
CLAIMED = "claimed"
ALLOCATED = "allocated"
UNCLAIMABLE = "unclaimable"
UNAVAILABLE = "unavailable"

_HELD = frozenset({CLAIMED, ALLOCATED})
# What a free device is beside a relative that is held.
_BESIDE = {CLAIMED: UNCLAIMABLE, ALLOCATED: UNAVAILABLE}


class DeviceState:
    """One device with its state, which only DeviceStates changes; `owner` is None unless it is held."""

    __slots__ = ("device", "owner", "spec_index", "status", "tags")

    def __init__(self, device: PciDevice, spec_index: int, tags: t.Mapping[str, t.Any]) -> None:
        self.device = device
        self.spec_index = spec_index
        self.tags = tags
        self.status = AVAILABLE
        self.owner: str | None = None


class TransitionError(ValueError):
    """Somebody can't hold a device, since it or a relative is held; nothing was changed.

    `code` is invalid_status, vf_in_use or pf_in_use.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class DeviceStates:
    """All permitted devices of one host: free ones by pool in `free`, others by who holds them."""

    def __init__(self, allow_list: AllowList, devices: t.Iterable[PciDevice]) -> None:
        self._allow_list = allow_list
        self._states: dict[str, DeviceState] = {}
        self._vfs: dict[str, list[DeviceState]] = {}
        self.free = FreeDevices()
        for device in devices:
            permitted = allow_list.entry_of(device)
            if permitted is not None:
                self._add(DeviceState(device, *permitted))
                self.free.add(device, *permitted)

    def __contains__(self, address: object) -> bool:
        return address in self._states

    def __getitem__(self, address: str) -> DeviceState:
        """The device's state. Raises KeyError for one that is not there, or not permitted."""
        return self._states[address]

    def claim(self, address: str, owner: str) -> None:
        """Let an owner hold a device. Raises TransitionError when it is held, or its PF or one of its VFs is."""
        state = self._states[address]
        above = self._states.get(state.device.physical_function or "")
        if state.owner is not None:
            raise TransitionError("invalid_status", f"{address} is {state.status} by {state.owner}")
        for vf in self._vfs.get(address, ()):
            if vf.status in _HELD:
                raise TransitionError("vf_in_use", f"PF {address}: its VF {vf.device.address} is {vf.status}")
        if above is not None and above.status in _HELD:
            raise TransitionError("pf_in_use", f"VF {address}: its PF {above.device.address} is {above.status}")
        state.owner = owner
        self._put(state, CLAIMED)

    def adopt(self, device: PciDevice, owner: str, *, in_use: bool = False) -> None:
        """Note from the record that an owner holds a device, also one that is no longer permitted; `in_use` by a guest.

        Raises TransitionError as `claim` does.
        """
        address = device.address
        if address not in self._states:
            self._add(DeviceState(device, *(self._allow_list.entry_of(device) or (-1, {}))))
        self.claim(address, owner)
        if in_use:
            self._put(self._states[address], ALLOCATED)

    def _add(self, state: DeviceState) -> None:
        self._states[state.device.address] = state
        if state.device.physical_function is not None:
            self._vfs.setdefault(state.device.physical_function, []).append(state)

    def _put(self, state: DeviceState, status: str) -> None:
        """Set the state of a device that is held, and with it what its PF or its VFs are from now on."""
        state.status = status
        self.free.discard(state.device.address)
        above = self._states.get(state.device.physical_function or "")
        for relative in [*self._vfs.get(state.device.address, ()), *([] if above is None else [above])]:
            # A PF with a VF in use stays so when another one is claimed.
            if relative.status != UNAVAILABLE:
                relative.status = _BESIDE[status]
                self.free.discard(relative.device.address)
