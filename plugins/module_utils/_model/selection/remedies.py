# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that lead on from a refusal, as a message tells them."""

from __future__ import annotations

import typing as t

from ..host.device import TYPE_VF

if t.TYPE_CHECKING:
    from ..guards.blocker import Blocker
    from ..host.device import PciDevice
    from ..requests.device_spec import DeviceSpec
    from ..requests.request import Request
    from .choice import Selection

RELEASE = "`kvm.hostdev.pci_passthrough_release`"

# A message stays one readable line; what goes beyond that is in the blockers beside it.
_REMEDIES = 3
_ADDRESSES = 3


class NextStep(t.NamedTuple):
    """What to do about the device at fault, which is a group mate or the like where it is not the one asked for."""

    address: str
    remedy: str


class Refusal(t.NamedTuple):
    """Why a device is not to be had, in words, with the steps that lead on, and as blockers where these are why."""

    text: str
    steps: t.Sequence[NextStep]
    blockers: t.Sequence[Blocker] = ()


def blocked(blockers: t.Sequence[Blocker]) -> Refusal:
    text = "; ".join(f"{reason.code} ({reason.address}: {reason.detail})" for reason in blockers)
    return Refusal(text, [NextStep(reason.address, reason.remedy) for reason in blockers], blockers)


def advice(steps: t.Iterable[NextStep], *, subject: str | None = None) -> list[str]:
    """The first few distinct remedies in one text, each after the devices it is for, but for the subject alone."""
    addresses: dict[str, dict[str, None]] = {}
    for step in steps:
        addresses.setdefault(step.remedy, {})[step.address] = None
    remedies: dict[tuple[str, ...], list[str]] = {}
    for remedy, several in list(addresses.items())[:_REMEDIES]:
        remedies.setdefault((*several,), []).append(remedy)
    told = []
    for devices, of_these in remedies.items():
        named = ", ".join(devices[:_ADDRESSES]) + (" ..." if len(devices) > _ADDRESSES else "")
        told.append(("" if devices == (subject,) else f"{named}: ") + "; and ".join(of_these))
    return ["; ".join(told)] if told else []


def acceptance(refusals: t.Iterable[Refusal]) -> str:
    """The options that would accept all blockers of a refused device; empty where none would."""
    helped = [
        reason
        for refusal in refusals
        if refusal.blockers and all(reason.override for reason in refusal.blockers)
        for reason in refusal.blockers
    ]
    codes = ", ".join(sorted({reason.code for reason in helped if reason.accepted({reason.code})}))
    options = [f"allow: [{codes}]"] if codes else []
    options += sorted({reason.override or "" for reason in helped if not reason.accepted({reason.code})})
    return f"accept that with {' and '.join(options)}" if options else ""


def more_vfs(chosen: Selection, request: Request, lacking: int, near: t.Callable[[PciDevice], bool]) -> str | None:
    """How to make VFs for a request that asks for such: of the first PF with room, whose VFs nobody has.

    The kernel changes the number of VFs only from and to 0. `near` says whether the NUMA policy lets a device be.
    """
    specs = [spec for spec in request.specs if spec.device_type == TYPE_VF]
    for address, device in chosen.inventory.devices.items() if specs else ():
        if device.num_vfs >= device.total_vfs or device.driver is None or device.vfio or not near(device):
            continue
        if any(_in_use(chosen, function) for function in [address, *device.virtual_functions]):
            continue
        if any(_would_fit(chosen, spec, device) for spec in specs):
            setting = f"/sys/bus/pci/devices/{address}/sriov_numvfs"
            number = min(device.total_vfs, device.num_vfs + lacking)
            clear = f"echo 0 > {setting} && " if device.num_vfs else ""
            return f"make VFs of {address}, which can have {device.total_vfs}: `{clear}echo {number} > {setting}`"
    return None


def _in_use(chosen: Selection, address: str) -> bool:
    """Whether VFs may not be made or unmade over it. The host goes on using a PF as its VFs come and go."""
    device = chosen.inventory.devices.get(address)
    return (
        chosen.tracker.holder(address) is not None
        or address in chosen.serving
        or bool(chosen.inventory.domain_uses.get(address))
        or bool(device is not None and device.physical_function and chosen.inventory.host_uses.get(address))
    )


def _would_fit(chosen: Selection, spec: DeviceSpec, device: PciDevice) -> bool:
    """Whether a further VF of the PF would be as the spec wants it, as far as that can be told of what is not there."""
    sibling = next((chosen.inventory.devices.get(address) for address in device.virtual_functions), None)
    future = sibling or device._replace(
        product_id=spec.product_id or device.product_id,  # a VF's own, which the PF's driver alone knows
        physical_function=device.address,
        total_vfs=0,
        driver=None,
        serial=None,
    )
    tags = chosen.allow_list.tags_of(future)
    return tags is not None and spec.matches(future) and spec.demands(tags, future.device_type)
