# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to make the VFs that are asked for, or that are gone since the host was booted anew."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..address import PciAddress
from ..host.device import TYPE_VF

if t.TYPE_CHECKING:
    from ..claims.made_vfs import MadeVfs
    from ..host.device import PciDevice
    from ..requests.request import Request
    from ..requests.specs.device_spec import DeviceSpec
    from .choice import Selection


def more_vfs(chosen: Selection, request: Request, lacking: int, near: t.Callable[[PciDevice], bool]) -> str | None:
    """How to make VFs that fit a request: of the first PF with room, whose VFs nobody has.

    The kernel changes the number of VFs only from and to 0. `near` says whether the NUMA policy lets a device be.
    """
    for address, device in chosen.inventory.devices.items():
        if device.num_vfs >= device.total_vfs or device.driver is None or device.vfio or not near(device):
            continue
        if any(_in_use(chosen, function) for function in [address, *device.virtual_functions]):
            continue
        if any(_would_fit(chosen, request, spec, device) for spec in request.specs):
            number = min(device.total_vfs, device.num_vfs + lacking)
            return f"{_count(device)}: make them ({_task(chosen, device, str(number))})"
    return None


def make_again(chosen: Selection, pf: PciDevice) -> str:
    """How to make the VFs that were there: how many there were is on record where they were ours."""
    first = ""
    if any(_in_use(chosen, function) for function in [pf.address, *pf.virtual_functions]):
        first = "once nobody has it or one of its VFs, "
    elif pf.driver is None or pf.vfio:
        first = "once it is with the driver that makes VFs, "
    made = _made(chosen, pf)
    number = "NUMBER" if made is None else str(made.wanted.number)
    return f"{_count(pf)}: {first}make as many as there were ({_task(chosen, pf, number)})"


def unmade_at(chosen: Selection, address: str) -> str:
    """How to make what is asked for by an address where nothing is, if it may be a VF; empty where it can't be."""
    wanted = PciAddress.parse(address)
    pfs = []
    for name, pf in chosen.inventory.devices.items():
        if pf.total_vfs <= pf.num_vfs:
            continue
        place = PciAddress.parse(name)
        # VFs take up bus numbers from the PF's on, 256 on each (SR-IOV 1.1, 2.1.2).
        last = place.bus + 1 + pf.total_vfs // 256
        if place.domain == wanted.domain and place < wanted and wanted.bus <= last:
            pfs.append(pf)
    return "; or ".join(make_again(chosen, pf) for pf in pfs[-2:])


def _count(pf: PciDevice) -> str:
    return f"VFs {pf.num_vfs} of {pf.total_vfs} on {pf.address}"


def _made(chosen: Selection, pf: PciDevice) -> MadeVfs | None:
    made_vfs = chosen.tracker.made_vfs.values()
    return next((made for made in made_vfs if made.pf_in(chosen.inventory) == pf.address), None)


def _task(chosen: Selection, pf: PciDevice, number: str) -> str:
    """The task that makes them; VFs that others made have to be taken over first."""
    foreign = pf.num_vfs and _made(chosen, pf) is None
    take_over = ", take_over: true" if foreign else ""
    return f"`kvm.hostdev.pci_sriov` with `address: {pf.address}, number: {number}{take_over}`"


def _in_use(chosen: Selection, address: str) -> bool:
    """Whether VFs may not be made or unmade over it. The host goes on using a PF as its VFs come and go."""
    device = chosen.inventory.devices.get(address)
    return (
        chosen.tracker.holder(address) is not None
        or address in chosen.serving
        or bool(chosen.inventory.domain_uses.get(address))
        or bool(device is not None and device.physical_function and chosen.inventory.host_uses.get(address))
    )


def _would_fit(chosen: Selection, request: Request, spec: DeviceSpec, device: PciDevice) -> bool:
    """Whether a further VF of the PF would be as the spec wants it, as far as that can be told of what is not there."""
    sibling = next((chosen.inventory.devices.get(address) for address in device.virtual_functions), None)
    product = device.vf_product_id
    if product is None:
        # Kernels that do not tell leave only the word of who asks for VFs by name.
        product = spec.product_id or device.product_id
        if sibling is None and spec.device_type != TYPE_VF:
            return False
    if sibling is None and spec.memory is not None:
        return False  # its BARs are not those of the PF
    future = sibling or device._replace(
        product_id=product,
        physical_function=device.address,
        total_vfs=0,
        driver=None,
        serial=None,
    )
    if sibling is None and spec.parent_ifname in device.interfaces:
        # What is around a device is known of those that are there: the VF will be below the interface, as is asked.
        spec = replace(spec, parent_ifname=None, among=None).permitting(chosen.inventory)
    tags = chosen.allow_list.tags_of(future)
    if tags is None or not spec.matches(future) or not spec.demands(tags, future.device_type):
        return False
    return request.asks_for(future, tags)
