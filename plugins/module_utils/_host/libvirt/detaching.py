# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Getting a device out of a running guest: asked for, asked for again, and seen to be gone.

Libvirt's detach returns before the guest has let go (libvirt, virDomainDetachDeviceFlags). A guest that is still
booting does not hear the first request; one that stands still hears none.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from ..._model.elements import parse_element
from ..._model.errors import HostdevError
from .errors import OPERATION_FAILED, OPERATION_TIMEOUT, number
from .removal_events import REFUSED, sleeping

if t.TYPE_CHECKING:
    from ..._model.plan.steps import ElementStep
    from .removal_events import RemovalEvents, Wait

_AFFECT_LIVE = 1
# QEMU takes a request for the same device again only after 5 s (hw/acpi/pcihp.c, hw/pci/pcie.c).
_REPEAT_SECONDS = 6.0
_POLL_SECONDS = 0.25

# QEMU's words (hw/pci/pcie.c, softmmu/qdev-monitor.c) for a request that comes while the guest deals with another.
_BUSY = ("guest is busy", "in the process of unplug")

# virDomainState of domains that have a QEMU whose guest runs no instruction.
_STILL = {3: "paused", 6: "crashed", 7: "suspended"}


class LiveDevice(t.NamedTuple):
    """A device of a running guest that `step` takes away; `xml` is its element in the running domain.

    `handle` is the libvirt.virDomain. `is_gone` looks into the domain's XML, and has the last word.
    """

    handle: t.Any
    step: ElementStep
    xml: str
    is_gone: t.Callable[[], bool]


def let_go(device: LiveDevice, *, seconds: float, error: type[Exception], events: RemovalEvents | None = None) -> None:
    """Ask the guest to let the device go until it is gone.

    Raises HostdevError with code guest_paused at once where the guest can't hear, detach_timeout after `seconds`, and
    `error` where libvirt refuses.
    """
    step = device.step
    refusals: list[str] = []
    asked = 0
    end = time.monotonic() + seconds
    due = 0.0
    with _listening(events, step.uuid, device.xml) as wait:
        while True:
            still = _STILL.get(int(device.handle.state()[0]))
            if still is not None:
                raise _stands_still(step, still, asked)
            if not asked or due <= time.monotonic() < end:
                due = time.monotonic() + max(_REPEAT_SECONDS, seconds / 5)
                asked += 1
                try:
                    device.handle.detachDeviceFlags(device.xml, _AFFECT_LIVE)
                except error as refusal:
                    if device.is_gone():
                        return
                    if not _is_passing(refusal):
                        raise
                    refusals.append(str(refusal))
            if device.is_gone():
                return
            left = end - time.monotonic()
            if left <= 0:
                raise _timeout(step, seconds, asked, refusals)
            if wait(min(_POLL_SECONDS, left)) == REFUSED:
                refusals.append("the guest refused")


def _listening(events: RemovalEvents | None, uuid: str, xml: str) -> t.ContextManager[Wait]:
    if events is None:
        return contextlib.nullcontext(sleeping)
    alias = parse_element(xml).find("alias")
    return events.listening(uuid, None if alias is None else alias.get("name"))


def _is_passing(refusal: Exception) -> bool:
    """Whether another request may be answered otherwise: the guest said no, is busy, or the domain is."""
    return number(refusal) in (OPERATION_FAILED, OPERATION_TIMEOUT) or any(words in str(refusal) for words in _BUSY)


def _stands_still(step: ElementStep, state: str, asked: int) -> HostdevError:
    return HostdevError(
        "guest_paused",
        subject=f"{step.address} in domain {step.domain}",
        found=f"the guest is {state}" + (" since it was asked" if asked else "") + ": it can't let a device go",
        wanted="a guest that runs, or a domain that is shut off",
        remedy=f"resume it (virsh resume {step.uuid}; virsh dompmwakeup for a suspended one) or stop it, and run "
        "again; or see on_detach_timeout",
    )


def _timeout(step: ElementStep, seconds: float, asked: int, refusals: t.Sequence[str]) -> HostdevError:
    problem = f"the guest did not let the device go within {seconds:g} s"
    if asked > 1:
        problem += f", asked {asked} times"
    if refusals:
        problem += f" (the last answer: {refusals[-1]})"
    return HostdevError(
        "detach_timeout",
        subject=f"{step.address} in domain {step.domain}",
        found=problem,
        wanted="a guest whose kernel answers a hot-unplug",
        remedy="see whether the guest runs and what in it holds the device, and run again, with a larger "
        "detach_timeout if need be; or shut the domain down first; or see on_detach_timeout. The guest may still let "
        "go later",
        details={"asked": asked, "answers": list(refusals)},
    )
