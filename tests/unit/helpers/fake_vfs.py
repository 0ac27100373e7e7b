# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VFs of a fake kernel's PFs: they come and go as drivers/pci/iov.c makes and removes them."""

from __future__ import annotations

import errno
import os
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import write

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.tests.unit.helpers.stash import Stash

# Their remove leaves the VFs ("driver left SR-IOV enabled after remove"); that of others disables SR-IOV.
_LEAVE_THEM = ("nvme", "ena", "pci-pf-stub")
# They make no VFs by sysfs; vfio-pci does so only with its parameter enable_sriov.
_MAKE_NONE = ("vfio-pci", "pci-stub", "uio_pci_generic", "igb_uio")


class FakeVfs:
    """VFs that the tree has, and that can only come back once they have been removed."""

    def __init__(self, root: Path, stash: Stash) -> None:
        self._root = root
        self._stash = stash

    def of(self, address: str) -> list[str]:
        """The function's VFs in the order of their numbers."""
        return list(self.numbered(address).values())

    def numbered(self, address: str) -> dict[int, str]:
        """The function's VFs by their numbers, in order."""
        device = self._device(address)
        numbers = sorted(int(name[6:]) for name in os.listdir(device) if name.startswith("virtfn"))
        return {number: os.path.basename(os.readlink(device / f"virtfn{number}")) for number in numbers}

    def is_left_alone(self, address: str) -> bool:
        """Whether it is a VF that no driver but one of driver_override gets (sriov_drivers_autoprobe of its PF)."""
        autoprobe = self._device(address) / "physfn/sriov_drivers_autoprobe"
        return autoprobe.exists() and autoprobe.read_text().strip() == "0"

    def gone_with(self, address: str, driver: str) -> dict[int, str]:
        """The VFs that are removed when the driver lets the function go."""
        return {} if driver in _LEAVE_THEM else self.numbered(address)

    def asked_for(self, address: str, text: str, driver: str | None) -> int | None:
        """How many VFs a write to sriov_numvfs asks for, None when there are so many. Raises OSError."""
        device = self._device(address)
        try:
            number = int(text.strip(), 0)
        except ValueError:
            raise _error(errno.EINVAL, address) from None
        if number > int((device / "sriov_totalvfs").read_text()):
            raise _error(errno.ERANGE, address)
        there = len(self.of(address))
        if number == there:
            return None
        if driver is None or driver in _MAKE_NONE:
            raise _error(errno.ENOENT, address)
        if number and there:
            raise _error(errno.EBUSY, address)
        return number

    def add(self, address: str, number: int) -> list[str]:
        for index in range(number):
            self._stash.back(f"{address}/virtfn{index}")
        made = self.of(address)
        assert len(made) == number, f"the tree has no more than {len(made)} VFs of {address}"
        self._tell(address, number)
        return made

    def part(self, address: str, number: int, vf: str) -> None:
        """Take away the links between a function and its VF, which go first."""
        links = (self._device(address) / f"virtfn{number}", Path(os.path.realpath(self._device(vf))) / "physfn")
        self._stash.put(f"{address}/virtfn{number}", [link for link in links if link.is_symlink()])

    def remove(self, address: str, vfs: t.Mapping[int, str]) -> None:
        """Take away functions that have no driver any more."""
        for number, vf in vfs.items():
            self.part(address, number, vf)
            link, folder = self._device(vf), Path(os.path.realpath(self._device(vf)))
            group = Path(os.path.realpath(folder / "iommu_group")) / "devices" / vf
            parts = [*([group] if group.is_symlink() else []), link, folder]
            self._stash.put(f"{address}/virtfn{number}", parts)
            self._tell(address, 0)

    def _tell(self, address: str, number: int) -> None:
        write(str(self._device(address) / "sriov_numvfs"), f"{number}\n".encode())

    def _device(self, address: str) -> Path:
        return self._root / "sys/bus/pci/devices" / address


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
