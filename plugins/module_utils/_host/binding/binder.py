# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binding functions to drivers: what is written to sysfs, and in which order.

The protocol is driver_override, unbind, bind (Documentation/ABI/testing/sysfs-bus-pci). new_id is never used: it
takes every identical card of the host.
"""

from __future__ import annotations

import contextlib
import errno
import time
import typing as t

from ..._model.errors import HostdevError
from ..._model.host.device import Binding, host_driven
from ..reading.kernel_log import lines_about
from ..reading.pci.functions import DEVICES, pci_addresses, read_device
from ..usage.processes.uses import process_uses

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice
    from ..._model.host.uses import HostUse
    from ..._model.plan.steps import DriverStep
    from ..sysfs import Tree

_DRIVERS = "/sys/bus/pci/drivers"
_PROBE = "/sys/bus/pci/drivers_probe"

_WHY = {
    errno.ENODEV: "the driver does not accept the device",
    errno.EINVAL: "the device has no IOMMU group, or the IOMMU is off",
    errno.EBUSY: "the device is in use: a PF with VFs, or a group that a guest has",
    errno.EPERM: "not permitted: not root, or the kernel is locked down",
    errno.EACCES: "not permitted: not root, or the kernel is locked down",
}

_CLOSING_SECONDS = 2.0


class Writer(t.Protocol):
    """Writes text to a file of sysfs. Raises OSError with the kernel's errno, TimeoutError after `seconds`."""

    def __call__(self, path: str, text: str, seconds: float) -> None: ...


def _nothing() -> None:
    """Nobody is asked."""


class Disks(t.Protocol):
    """Has all disks of a function to itself. Raises HostdevError where somebody else has one."""

    def disks_of(self, address: str) -> t.ContextManager[None]: ...

    def disks_within(self, name: str, path: str) -> t.ContextManager[None]: ...


class Binder:
    """Brings functions to drivers.

    `tree` is what is read, `write` what writes to it, `load_module` loads a kernel module by name and says whether
    that worked. `seconds` is the deadline for each write. `disks` are opened while a function leaves a driver of the
    host; None where there can be none.
    """

    def __init__(
        self,
        tree: Tree,
        write: Writer,
        load_module: t.Callable[[str], bool],
        *,
        seconds: float = 30.0,
        disks: Disks | None = None,
    ) -> None:
        self._tree = tree
        self._write = write
        self._load_module = load_module
        self._seconds = seconds
        self.disks = disks
        self._hung: set[str] = set()
        self._ask = _nothing

    def apply(self, step: DriverStep, ask: t.Callable[[], None] = _nothing) -> None:
        """Bring the function to the step's `after`, from whatever state it is in, and see that it is there.

        Does nothing where that is so already. `ask` is called right before it is taken from a driver of the host, and
        raises HostdevError where it must not be. Raises HostdevError; one with code device_in_use leaves the function
        as it was.
        """
        device = self._device(step.address)
        if step.address in self._hung:
            # A write that took too long may still come true: wait for it, or what is read now is soon no longer so.
            # The kernel takes the device's lock for this write too (drivers/base/driver.c, driver_set_override).
            self._put(step.address, "driver_override", step.after.override or "\n")
            self._hung.discard(step.address)
            device = self._device(step.address)
        if device.binding == step.after:
            return
        self._ask = ask
        try:
            self._bring(device, step)
        except HostdevError as error:
            if error.code == "device_in_use":
                self._put_override(step.address, device.binding)
            raise

    def _bring(self, device: PciDevice, step: DriverStep) -> None:
        if step.by_kernel:
            self._let_choose(device, step.after.driver)
            return
        if step.after.override is not None and step.after.override == step.after.driver:
            self._bind(device, step.after.driver)
        else:
            self._restore(device, step.after)
        binding = self._await(step.address, step.after)
        if binding != step.after:
            raise HostdevError(
                "bind_failed",
                subject=step.address,
                found=f"driver {binding.driver or 'none'}, driver_override {binding.override or 'unset'} after all "
                f"writes{self._says(step.address)}",
                wanted=f"driver {step.after.driver or 'none'}, driver_override {step.after.override or 'unset'}",
                remedy="see the kernel's messages (dmesg) of the last minute for the device",
                details=self._told(step.address),
            )

    def _bind(self, device: PciDevice, driver: str) -> None:
        """Pin the function to a driver and bind it; `bind` gives the probe's errno, drivers_probe would hide it."""
        self._load(device.address, driver)
        self._put(device.address, "driver_override", driver)
        if device.driver == driver:
            return
        if device.driver is not None:
            self._unbind(device)
        self._attempt(device.address, f"{_DRIVERS}/{driver}/bind", device.address, f"bind it to {driver}")

    def _restore(self, device: PciDevice, after: Binding) -> None:
        """Let the function go to the driver that it had, or to none, and leave the override as it was.

        The override names the driver while it is bound: without it the kernel binds its own first choice, which need
        not be the driver that was there (uio_pci_generic by dpdk-devbind, nouveau and nvidia, r8168 and r8169).
        """
        if device.driver == after.driver:
            self._put_override(device.address, after)
            return
        if after.driver is None:
            self._put_override(device.address, after)
            self._unbind(device)
            return
        self._load(device.address, after.driver)
        self._put(device.address, "driver_override", after.driver)
        try:
            self._probe(self._device(device.address), after.driver)
        except HostdevError as error:
            if error.code == "bind_failed":
                self._put_override(device.address, after)
            raise
        self._put_override(device.address, after)

    def _let_choose(self, device: PciDevice, expected: str | None) -> None:
        """Let the kernel choose the function's driver, of which `expected` is the likeliest; none is an error then."""
        self._put_override(device.address, Binding(None, None))
        if host_driven(device):
            return
        if device.driver is not None:
            self._unbind(device)
        if expected is not None and not self._tree.exists(f"{_DRIVERS}/{expected}"):
            self._load_module(expected)
        if self._device(device.address).driver is None:
            self._attempt(device.address, _PROBE, device.address, "let the kernel choose its driver")
        if self._device(device.address).driver is None and self._tree.exists(f"{_DRIVERS}/{expected}"):
            self._attempt(device.address, f"{_DRIVERS}/{expected}/bind", device.address, f"bind it to {expected}")

    def _probe(self, device: PciDevice, driver: str) -> None:
        """Let the kernel probe the function for the driver that its override names."""
        if device.driver not in (None, driver):
            self._unbind(device)
        if self._device(device.address).driver is None:
            self._attempt(device.address, _PROBE, device.address, f"bind it to {driver}")
        # A probe says success also when the driver refuses; `bind` has its errno.
        if self._device(device.address).driver is None:
            self._attempt(device.address, f"{_DRIVERS}/{driver}/bind", device.address, f"bind it to {driver}")
        self._await(device.address, Binding(driver, driver))

    def _load(self, address: str, driver: str) -> None:
        """See that the kernel has the driver, before anything is taken from the function's present one."""
        folder = f"{_DRIVERS}/{driver}"
        if not self._tree.exists(folder) and not (self._load_module(driver) and self._tree.exists(folder)):
            raise HostdevError(
                "driver_missing",
                subject=address,
                found=f"the kernel has no driver {driver}, and modprobe {driver} did not bring it",
                wanted=f"driver {driver}",
                remedy="install the kernel's module package, or see dmesg for why the module refuses to load",
            )

    def _put_override(self, address: str, wanted: Binding) -> None:
        """An empty write has no effect: the kernel takes a newline for "unset"."""
        if self._device(address).driver_override != wanted.override:
            self._put(address, "driver_override", wanted.override or "\n")

    def _unbind(self, device: PciDevice) -> None:
        self._check_unheld(device.address)
        if host_driven(device):
            self._ask()
        alone = contextlib.nullcontext() if device.vfio or self.disks is None else self.disks.disks_of(device.address)
        with alone:
            self._attempt(
                device.address, f"{_DRIVERS}/{device.driver}/unbind", device.address, f"unbind it from {device.driver}"
            )

    def _check_unheld(self, address: str) -> None:
        """Look once more, right before the unbind, which would wait in the kernel until the holder lets go.

        QEMU closes a device a moment after the guest has let it go.
        """
        end = time.monotonic() + _CLOSING_SECONDS
        while True:
            users = [use.detail for use in process_uses(self._tree, ()) if self._lies_on(use, address)]
            if not users:
                return
            if time.monotonic() >= end:
                break
            time.sleep(0.1)
        raise HostdevError(
            "device_in_use",
            subject=address,
            found="; ".join(users),
            wanted="a device that no process has open, to take it from its driver",
            remedy="end the process, or let it close the device, then run the task again",
        )

    def _lies_on(self, use: HostUse, address: str) -> bool:
        """Whether a use is of the function or, as with Intel's VMD, of one below it."""
        path = self._tree.real(f"{DEVICES}/{use.address}") if use.address else ""
        return address in (use.address, *pci_addresses(path))

    def _put(self, address: str, name: str, text: str) -> None:
        self._attempt(address, f"{DEVICES}/{address}/{name}", text, f"set {name} to {text.strip() or 'nothing'}")

    def _attempt(self, address: str, path: str, text: str, what: str) -> None:
        try:
            self._write(path, text, self._seconds)
        except TimeoutError as error:
            self._hung.add(address)
            raise HostdevError(
                "unbind_timeout",
                subject=address,
                found=f"the kernel did not come back from the attempt to {what}: {error}",
                wanted="a driver that lets the device go",
                remedy="find what holds the device (lsof, the driver's tools) and end it; if the process stays in "
                "state D only a reboot helps",
                details=self._told(address),
            ) from error
        except OSError as error:
            why = _WHY.get(error.errno or 0, "see dmesg")
            raise HostdevError(
                "bind_failed",
                subject=address,
                found=f"the kernel refused to {what}: {error.strerror} (errno {error.errno}): {why}"
                + self._says(address),
                wanted=f"to {what}",
                remedy="see the kernel's messages (dmesg) for the device",
                details=self._told(address),
            ) from error

    def _says(self, address: str) -> str:
        lines = lines_about(self._tree, address)
        return f"; the kernel's last words on it: {' / '.join(lines)}" if lines else ""

    def _told(self, address: str) -> dict[str, t.Any]:
        """What the device is like now, and what the kernel said of it, for the result."""
        device = read_device(self._tree, address)
        driver = None if device is None else device.driver
        return {"driver": driver, "kernel_messages": lines_about(self._tree, address)}

    def _device(self, address: str) -> PciDevice:
        device = read_device(self._tree, address)
        if device is None:
            raise HostdevError(
                "no_such_device",
                subject=address,
                found="the device is no longer on the host",
                wanted="the device",
                remedy="see dmesg for why it went (pulled out, its VFs made anew), then run the task again",
            )
        return device

    def _await(self, address: str, wanted: Binding) -> Binding:
        """A driver may be bound by a worker of the kernel or by udev: give it half a second, as Incus does."""
        binding = self._device(address).binding
        for _attempt in range(10):
            if binding == wanted:
                break
            time.sleep(0.05)
            binding = self._device(address).binding
        return binding
