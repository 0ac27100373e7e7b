# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether VFs have interfaces on the host, whose MTU can be set: those that a guest has are the guest's to set."""

from __future__ import annotations

import typing as t

from ...errors import HostdevError
from .in_use import uses_of_vfs

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...snapshot import Snapshot
    from ...sriov.state import PfState
    from .decision import Pf


class WithoutInterface(t.NamedTuple):
    """A VF that has no interface on the host, with who uses it; `made` says that it is made without one."""

    pf: str
    vf: int
    device: PciDevice | None
    uses: t.Sequence[str] = ()
    made: bool = False

    @property
    def why(self) -> str:
        if self.made:
            return "with autoprobe: false no driver of the host takes it, and makes it an interface"
        if self.device is None:
            return "it is not there"
        if self.device.driver is None:
            has = "it has no driver"
        elif self.device.vfio:
            has = f"it is bound to {self.device.driver}"
        else:
            has = f"it is bound to {self.device.driver}, and has no interface in the host's own network namespace"
        return "; ".join([has, *self.uses])

    def warning(self, *, again: bool) -> str:
        """That it is left; `again` says that another run may set it."""
        then = "; run the task again once it has an interface on the host" if again else ""
        return f"mtu of VF {self.vf} of {self.pf} is left: {self.why}{then}"

    def error(self) -> HostdevError:
        address = None if self.device is None else self.device.address
        if self.made:
            way = "set autoprobe: true"
        elif self.device is not None and self.device.driver is not None and not self.device.vfio:
            way = "bring its interface back from the other network namespace"
        elif self.uses:
            way = "release it, and have the host's own driver take it"
        else:
            way = f"set autoprobe: true, and echo {address or 'its address'} > /sys/bus/pci/drivers_probe"
        return HostdevError(
            "vf_without_interface",
            subject=f"mtu of {'' if address is None else f'{address}, '}VF {self.vf} of {self.pf}",
            found=self.why,
            wanted="a VF with an interface on the host, whose MTU can be set",
            remedy=f"name in vfs those that the host has (a guest sets the MTU of the VF that it has); or {way}",
        )


def refuse_asked(without: t.Iterable[WithoutInterface], asked: t.Container[int]) -> None:
    """Raises HostdevError for the first one of which an MTU is asked for now."""
    for one in without:
        if one.vf in asked:
            raise one.error()


def mtu_left(snapshot: Snapshot, pf: Pf, target: PfState) -> tuple[PfState, list[WithoutInterface]]:
    """The target without the MTU of VFs that have no interface, or will have none; and these."""
    made = target.number != pf.present.number
    autoprobe = pf.present.autoprobe if target.autoprobe is None else target.autoprobe
    left = [
        vf
        for vf, settings in sorted(target.vfs.items())
        if "mtu" in settings and (autoprobe is False if made else "mtu" not in pf.present.vfs.get(vf, {}))
    ]
    if not left:
        return target, []
    devices, addresses = snapshot.inventory.devices, pf.device.virtual_functions
    uses = {} if made else uses_of_vfs(snapshot, pf.device)
    without = []
    for vf in left:
        address = addresses[vf] if vf < len(addresses) and not made else ""
        without.append(WithoutInterface(pf.address, vf, devices.get(address), uses.get(address, ()), made))
    return target.without_mtu(left), without
