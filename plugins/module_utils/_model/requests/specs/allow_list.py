# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The allow list: which devices may be given away at all, and with which tags."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...host.inventory import Inventory
    from .device_spec import DeviceSpec


class AllowList:
    """The allow list, of which the first matching entry counts. Without one (None) every device is permitted."""

    def __init__(self, specs: t.Sequence[DeviceSpec] | None) -> None:
        self._specs = specs
        self._by_kind: dict[tuple[t.Any, ...], list[tuple[int, DeviceSpec]]] = {}

    def resolved(self, inventory: Inventory, held: t.Collection[str] = ()) -> AllowList:
        """The same list with each entry looked up, see DeviceSpec.permitting."""
        return AllowList(None if self._specs is None else [spec.permitting(inventory, held) for spec in self._specs])

    @property
    def needs_details(self) -> bool:
        """Whether an entry is about details of functions, see DeviceSpec."""
        return any(spec.needs_details for spec in self._specs or ())

    @property
    def tag_names(self) -> frozenset[str]:
        """The names of all tags that an entry gives devices."""
        return frozenset(name for spec in self._specs or () for name in spec.tags)

    def check(self, inventory: Inventory, path: str = "device_spec") -> None:
        """Refuse an entry that can't be meant for this host. Raises HostdevError with code invalid_spec."""
        for index, spec in enumerate(self._specs or ()):
            if spec.remote_managed:
                from .remote_managed import check_remote_managed

                check_remote_managed(spec, inventory, f"{path}[{index}]")

    def entry_of(self, device: PciDevice) -> tuple[int, t.Mapping[str, t.Any]] | None:
        """Number and tags of the first entry that the device fits, None when no entry permits it."""
        if self._specs is None:
            return 0, {}
        index, spec = next(self._entries(device), (0, None))
        return None if spec is None else (index, spec.tags)

    def tags_of(self, device: PciDevice) -> t.Mapping[str, t.Any] | None:
        """The tags of the first entry that the device fits, None when no entry permits it."""
        entry = self.entry_of(device)
        return None if entry is None else entry[1]

    def idle(self, devices: t.Iterable[PciDevice], path: str = "device_spec") -> list[str]:
        """A sentence for each entry that counts for nothing on the host with these devices."""
        used: set[int] = set()
        hidden_by: dict[int, set[int]] = {}
        for device in devices if self._specs else ():
            fitting = [index for index, _spec in self._entries(device)]
            used.update(fitting[:1])
            for index in fitting[1:]:
                hidden_by.setdefault(index, set()).add(fitting[0])
        sentences = []
        for index, spec in enumerate(self._specs or ()):
            if index in used:
                continue
            why = "fits no device of this host"
            if index in hidden_by:
                earlier = ", ".join(f"{path}[{number}]" for number in sorted(hidden_by[index]))
                why = f"never counts on this host: all that it fits is taken by {earlier} before it"
            sentences.append(f"{path}[{index}] ({spec.describe()}) {why}")
        return sentences

    def _entries(self, device: PciDevice) -> t.Iterator[tuple[int, DeviceSpec]]:
        """The entries that the device fits, in their order."""
        kind = device.kind
        if kind not in self._by_kind:
            self._by_kind[kind] = [pair for pair in enumerate(self._specs or ()) if pair[1].fits_kind(device)]
        return (pair for pair in self._by_kind[kind] if pair[1].fits_one(device))
