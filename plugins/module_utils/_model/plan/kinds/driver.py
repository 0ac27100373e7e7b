# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step of a function's driver."""

from __future__ import annotations

import shlex
import typing as t
from dataclasses import dataclass, replace

from ... import forms
from ...errors import HostdevError
from ...guest.domain import LIVE
from ...host.device import Binding, named_vfio
from .host_now import function_missing
from .hostdev import HostdevStep
from .step import Step

if t.TYPE_CHECKING:
    from ...guest.domain import Domain
    from .host_now import HostNow


@dataclass(frozen=True)
class DriverStep(Step):
    """A function's driver and driver_override change.

    With `by_kernel` the kernel chooses the driver, and the one in `after` is only what it is expected to choose.
    """

    address: str
    before: Binding
    after: Binding
    by_kernel: bool = False

    kind: t.ClassVar[str] = "driver"
    section: t.ClassVar[str | None] = "drivers"
    changes_driver: t.ClassVar[bool] = True
    needs_device = True
    domain = uuid = place = None

    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {"kind": forms.one_of("driver"), "address": forms.address, "before": Binding.FORM, "after": Binding.FORM},
        {"by_kernel": forms.flag},
    )

    @property
    def takes_after_reboot(self) -> bool:
        return self.after.driver is not None and named_vfio(self.after.driver)

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "address": self.address,
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            **({"by_kernel": True} if self.by_kernel else {}),
        }

    def inverse(self) -> DriverStep:
        """The driver that was there is known: nobody has to choose it."""
        return DriverStep(self.address, self.after, self.before)

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> DriverStep:
        before, after = (Binding(data[end]["driver"], data[end]["driver_override"]) for end in ("before", "after"))
        return cls(data["address"], before, after, data.get("by_kernel", False))

    def command(self) -> str:
        """The override names the driver while it is bound, as it does when we bind it."""
        device, driver = f"/sys/bus/pci/devices/{self.address}", self.after.driver
        override = shlex.quote(f"{device}/driver_override")
        pinned = self.after.override if self.by_kernel else driver or self.after.override
        commands = [f"echo {_quoted(pinned)} > {override}"]
        if self.before.driver:
            commands.append(f"echo {shlex.quote(self.address)} > {shlex.quote(f'{device}/driver/unbind')}")
        if driver or self.by_kernel:
            commands.append(f"echo {shlex.quote(self.address)} > /sys/bus/pci/drivers_probe")
            if pinned != self.after.override:
                commands.append(f"echo {_quoted(self.after.override)} > {override}")
        return "; ".join(commands)

    def lines(self) -> tuple[str, str]:
        after = (
            replace(self.after, driver=self.after.driver or "(the kernel's choice)") if self.by_kernel else self.after
        )
        return self._line(self.before), self._line(after)

    def _line(self, binding: Binding) -> str:
        return f"{self.address} driver={binding.driver or 'none'} driver_override={binding.override or 'unset'}"

    def missing(self, now: HostNow) -> str | None:
        return function_missing(now, self.address) or self._kept(now)

    def _kept(self, now: HostNow) -> str | None:
        """Why a guest that has the device again keeps it, None when it does not: it had that before it was claimed."""
        held = now.holdings.get(self.address)
        if held is None or LIVE not in held.stood_before or not now.has_libvirt:
            return None
        for domain in now.domains():
            if domain.uuid == now.owner.id and domain.live is not None and self.address in domain.live.assigned:
                return f"domain {domain.name} runs with {self.address}, as before it was claimed"
        return None

    def first(self, now: HostNow) -> t.Iterable[Step]:
        """A guest that was started meanwhile lets go of the device: else the unbind waits until it does."""
        device = now.function(self.address)
        if not now.has_libvirt or device is None or not device.vfio or device.driver == self.after.driver:
            return
        for domain in now.domains():
            assigned = domain.live.assigned.get(self.address) if domain.live is not None else None
            if assigned is None:
                continue
            if domain.uuid != now.owner.id:
                raise self._in_use(domain)
            yield HostdevStep(self.address, domain.name, domain.uuid, LIVE, assigned.xml, None)

    def _in_use(self, domain: Domain) -> HostdevError:
        return HostdevError(
            "device_in_use",
            subject=self.address,
            found=f"domain {domain.name} ({domain.uuid}) is running with it",
            wanted=f"to give it back to {self.after.driver or 'no driver'}",
            remedy="detach it from that domain or shut the domain down, then run the task again",
        )

    def __str__(self) -> str:
        after = self.after.driver or ("the kernel's choice" if self.by_kernel else "none")
        return f"driver of {self.address}: {self.before.driver or 'none'} -> {after}"


def _quoted(override: str | None) -> str:
    """Nothing at all for none: the newline that `echo` writes then unsets the override."""
    return shlex.quote(override) if override else ""
