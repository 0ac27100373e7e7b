# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kernel that acts on an expanded tree as Linux acts on sysfs when drivers are bound, and no kinder.

The rules are those of drivers/base/{bus,dd,driver}.c, drivers/pci/{pci-driver,iov}.c, drivers/iommu/iommu.c and
drivers/vfio of Linux 5.19 and later; test_fake_kernel.py states each.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import types
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_vfs import FakeVfs
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import write
from ansible_collections.kvm.hostdev.tests.unit.helpers.stash import Stash

_BUS = "/sys/bus/pci/"
_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
# Folders of a function that are not its driver's: other functions and services of ports have addresses as names.
_OF_THE_BUS = re.compile(r"power|link|wakeup|msi_irqs|vfio-dev|[0-9a-f]{4,}:.*")
# Links to what a driver makes, by the folders where they are.
_LINKS = ("class/*", "dev/block", "dev/char", "bus/usb/devices", "bus/scsi/devices", "bus/mdev/devices")

_VFIO = re.compile(r"(.+-)?vfio-pci")
# Their probe takes whatever function is sent to them.
_FOR_ANY = ("pci-stub", "uio_pci_generic", "igb_uio")
# They leave DMA to others (driver_managed_dma), as those of VFIO do: a group may have them while a guest has the group.
_WITHOUT_DMA = ("pci-stub", "pcieport")
_WRITER = 9999
"""The process that a write keeps in the kernel."""


class FakeKernel:
    """A Writer for `_host.binding.binder.Binder`, and its `load_module`.

    `log` has every module asked for and every write, also those that failed, paths counted from /sys/bus/pci.
    The drivers that functions have in the tree at first are those that fit them; `fit` adds others. `modules` are the
    drivers that modprobe would bring.
    """

    def __init__(self, root: Path, *, modules: t.Iterable[str] = ("vfio-pci",), vfio_dev: bool = True) -> None:
        self.log: list[str] = []
        self.seconds: list[float] = []
        self.modules = set(modules)
        self.on_vfs: t.Callable[[str, int], None] = lambda _address, _number: None
        """Told a PF and the number of VFs that it has from now on."""
        self.makes_at_most = 1 << 16
        """More VFs the driver does not make, and says success (bnxt, bnx2x)."""
        self.lazy = False
        """Whether a driver comes only when `work` is called, as by a worker of the kernel."""
        self._vfio_dev = vfio_dev
        self._root = root
        self._stash = Stash(root)
        self._failures: dict[int, Exception] = {}
        self._pending: list[tuple[str, str]] = []
        self._writes = 0
        self._fitting: dict[str, set[str]] = {}
        self._refusals: dict[tuple[str, str], int] = {}
        self._order = sorted(os.listdir(root / "sys/bus/pci/drivers"))
        self._guests: dict[int, frozenset[str]] = {}
        self._hanging: dict[str, tuple[str, str]] = {}
        self._leaving: dict[str, dict[int, str]] = {}
        """By PF the VF that the kernel waits for before it removes it."""
        self._vfs = FakeVfs(root, self._stash)
        for address in self._addresses():
            driver = self.driver(address)
            if driver is not None:
                self.fit(address, driver)

    # What a test asks of it.

    def fail(self, number: int, error: Exception) -> None:
        """Let the write of this number, counted from 1 from now on, raise the error and do nothing else."""
        self._failures[self._writes + number] = error

    def fit(self, address: str, driver: str) -> None:
        """Say that a driver fits a function by its ids, beside those that do."""
        self._fitting.setdefault(address, set()).add(driver)

    def own(self, address: str, driver: str) -> None:
        """Say that a driver fits a function and was loaded before all others: it is the kernel's first choice."""
        self.fit(address, driver)
        self._order = [driver, *(name for name in self._order if name != driver)]

    def refuse(self, address: str, driver: str, number: int = errno.ENODEV) -> None:
        """Let the driver's probe fail for this function from now on: it is broken, say, or its reset failed."""
        self._refusals[address, driver] = number

    def first_choice(self, address: str) -> str | None:
        """The driver that a probe would bind to the function with driver_override as it is now."""
        return next((driver for driver in self._loaded() if self._binds(address, driver)), None)

    def work(self) -> None:
        """Bind what was left to a worker, and end the writes whose device nobody has open any more."""
        pending, self._pending = self._pending, []
        for address, driver in pending:
            self._bind(address, driver)
        for address, (path, text) in list(self._hanging.items()):
            if not any(map(self.held, [address, *self._leaving.get(address, {}).values()])):
                del self._hanging[address]
                self._store(path, text)

    def reboot(self, moved: t.Mapping[str, str] = types.MappingProxyType({})) -> None:
        """All is as the kernel makes it when it starts on the tree, which is as recorded: first choices are bound.

        `moved` are the present addresses of functions whose buses have other numbers, by the ones of before.
        """
        self._fitting = {moved.get(address, address): drivers for address, drivers in self._fitting.items()}
        self._stash.clear()
        self._guests.clear()
        self._hanging.clear()
        self._leaving.clear()
        self._pending.clear()
        for address in self._addresses():
            choice, driver = self.first_choice(address), self.driver(address)
            if choice is not None and choice != driver:
                if driver is not None:
                    self._unbind(address, driver)
                self._bind(address, choice)

    def driver(self, address: str) -> str | None:
        link = self._device(address) / "driver"
        return os.path.basename(os.readlink(link)) if link.is_symlink() else None

    def override(self, address: str) -> str | None:
        text = (self._device(address) / "driver_override").read_text().rstrip("\n")
        return None if text == "(null)" else text

    # What libvirt, QEMU and other processes ask of it.

    def is_there(self, address: str) -> bool:
        return self._device(address).exists()

    def has_vfio(self, address: str) -> bool:
        return _VFIO.fullmatch(self.driver(address) or "") is not None

    def group(self, address: str) -> tuple[str, ...]:
        """The functions of its IOMMU group; none where it is in no group."""
        folder = self._device(address) / "iommu_group/devices"
        return tuple(sorted(os.listdir(folder))) if folder.is_dir() else ()

    def check_viable(self, address: str) -> None:
        """What VFIO asks before it opens a function for a process (vfio_device_open, iommu_group_claim_dma_owner)."""
        if not self.has_vfio(address):
            raise error(errno.ENODEV, address)
        for mate in self.group(address):
            driver = self.driver(mate)
            if driver is not None and not _managed_by_user(driver):
                raise error(errno.EBUSY, mate)

    def opens(self, process: int, name: str, addresses: t.Iterable[str]) -> None:
        """A process has these functions open and no others, and their groups by way of those."""
        self._guests[process] = frozenset(addresses)
        nodes = {self._group_node(address) for address in self._guests[process]}
        folder = self._root / "proc" / str(process)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(f"{name[:15]}\n")
        for number, node in enumerate(sorted({"/dev/kvm", *(("/dev/vfio/vfio", *nodes) if nodes else ())}), 10):
            os.symlink(node, folder / "fd" / str(number))
        self.work()

    def ends(self, process: int) -> None:
        """The process ends, and what it had open is closed."""
        self._guests.pop(process, None)
        shutil.rmtree(self._root / "proc" / str(process), ignore_errors=True)
        self.work()

    def held(self, address: str) -> bool:
        """Whether a process has the function itself open through VFIO, so that its driver does not let it go.

        Of a process that is no guest, and has the group's node open, all of the group is taken to be.
        """
        if not self.has_vfio(address) and not any(address in vfs.values() for vfs in self._leaving.values()):
            return False
        if any(address in addresses for addresses in self._guests.values()):
            return True
        return any(process not in self._guests for process in self._group_users(address))

    def memory(self) -> tuple[t.Any, ...]:
        """What it knows beside the tree, for another process (`restore`) that goes on with the same tree."""
        return self._order, self._fitting, self._refusals, self._guests, self._hanging, self._leaving

    def restore(self, memory: tuple[t.Any, ...]) -> None:
        self._order, self._fitting, self._refusals, self._guests, self._hanging, self._leaving = memory

    def modprobe(self, name: str) -> bool:
        """Load a module: its driver registers last, and takes every function without a driver that it fits."""
        if name in self._loaded():
            return True
        if name not in self.modules:
            return False
        (self._root / "sys/bus/pci/drivers" / name).mkdir()
        for address in self._addresses():
            if self.driver(address) is None and self._binds(address, name):
                self._come(address, name)
        return True

    def store(self, path: str, text: str) -> None:
        """A write by anybody. Raises OSError with the errno, TimeoutError where the writer would not come back."""
        self.work()
        parts = path[len(_BUS) :].split("/")
        device = _ADDRESS.search(path) or _ADDRESS.search(text)
        # All of these take the device's lock.
        if device is not None and device.group() in self._hanging:
            raise TimeoutError(f"{path} waits for a write to {self._hanging[device.group()][0]}")
        if parts[0] == "devices" and not self._device(parts[1]).exists():
            raise error(errno.ENOENT, path)
        self._store(path, text)

    # What the collection asks of it.

    def load_module(self, name: str) -> bool:
        self.log.append(f"modprobe {name}")
        return self.modprobe(name)

    def __call__(self, path: str, text: str, seconds: float) -> None:
        assert path.startswith(_BUS), path
        assert text, "a write of nothing does nothing"
        self.log.append(f"{path[len(_BUS) :]} <- {text!r}")
        self.seconds.append(seconds)
        self._writes += 1
        if self._writes in self._failures:
            raise self._failures[self._writes]
        try:
            self.store(path, text)
        except TimeoutError as hanging:
            raise TimeoutError(f"process {_WRITER} has been writing to {path} for {seconds:g} s") from hanging

    def _store(self, path: str, text: str) -> None:
        parts = path[len(_BUS) :].split("/")
        if parts[0] == "devices" and parts[2:] == ["driver_override"]:
            value = text.partition("\n")[0] or "(null)"
            write(str(self._device(parts[1]) / "driver_override"), f"{value}\n".encode())
        elif parts[0] == "devices" and parts[2:] == ["sriov_drivers_autoprobe"]:
            write(str(self._device(parts[1]) / "sriov_drivers_autoprobe"), f"{int(text)}\n".encode())
        elif parts[0] == "devices" and parts[2:] == ["sriov_numvfs"]:
            self._set_vfs(parts[1], text, path)
        elif parts == ["drivers_probe"]:
            self._probe(text.rstrip("\n"))
        elif parts[-1] in ("bind", "unbind") and (parts[0], len(parts)) in (("drivers", 3), ("devices", 4)):
            driver = parts[1] if parts[0] == "drivers" else self.driver(parts[1])
            if driver not in self._loaded():
                raise error(errno.ENOENT, path)
            if parts[-1] == "bind":
                self._attach(text.rstrip("\n"), driver)
            else:
                self._detach(text.rstrip("\n"), driver, path)
        else:
            raise AssertionError(f"nothing of ours writes to {path}")

    def _device(self, address: str) -> Path:
        return self._root / "sys/bus/pci/devices" / address

    def _addresses(self) -> list[str]:
        return sorted(os.listdir(self._root / "sys/bus/pci/devices"))

    def _loaded(self) -> list[str]:
        """The drivers of the bus in the order in which they registered."""
        there = os.listdir(self._root / "sys/bus/pci/drivers")
        self._order += sorted(set(there).difference(self._order))
        return [name for name in self._order if name in there]

    def _matches(self, address: str, driver: str) -> bool:
        """Whether the bus sends the function to the driver (pci_match_device)."""
        override = self.override(address)
        return override == driver if override is not None else driver in self._fitting.get(address, ())

    def _binds(self, address: str, driver: str) -> bool:
        return self._matches(address, driver) and not self._answer(address, driver)

    def _answer(self, address: str, driver: str) -> int:
        """What the driver's probe says to a function that it is sent, 0 for yes."""
        device = self._device(address)
        if self.override(address) is None and self._vfs.is_left_alone(address):
            return errno.ENODEV
        if not _managed_by_user(driver) and self._group_users(address):
            return errno.EBUSY  # iommu_device_use_default_domain
        if (address, driver) in self._refusals:
            return self._refusals[address, driver]
        if _VFIO.fullmatch(driver):
            if (device / "config").read_bytes()[0x0E] & 0x7F or not (device / "iommu_group").exists():
                return errno.EINVAL
            return errno.EBUSY if self._vfs.of(address) else 0
        return 0 if driver in _FOR_ANY or driver in self._fitting.get(address, ()) else errno.ENODEV

    def _attach(self, address: str, driver: str) -> None:
        """What `bind` does: it hands on what the probe says."""
        if not self._device(address).exists() or not self._matches(address, driver):
            raise error(errno.ENODEV, driver)
        if self.driver(address) is not None:
            raise error(errno.EBUSY, driver)
        answer = self._answer(address, driver)
        if answer:
            raise error(answer, driver)
        self._come(address, driver)

    def _probe(self, address: str) -> None:
        """What drivers_probe does: it asks one driver after the other, and says success also when none took it.

        Only a group that a process has open is told, and not as such: EINVAL comes of every error before the probe.
        """
        if not self._device(address).exists():
            raise error(errno.ENODEV, "drivers_probe")
        if self.driver(address) is not None:
            return
        for driver in self._loaded():
            if self._matches(address, driver):
                if not _managed_by_user(driver) and self._group_users(address):
                    raise error(errno.EINVAL, "drivers_probe")
                if not self._answer(address, driver):
                    self._come(address, driver)
                    return

    def _come(self, address: str, driver: str) -> None:
        if self.lazy:
            self._pending.append((address, driver))
        else:
            self._bind(address, driver)

    def _bind(self, address: str, driver: str) -> None:
        device = Path(os.path.realpath(self._device(address)))
        target = self._root / "sys/bus/pci/drivers" / driver
        os.symlink(os.path.relpath(target, device), device / "driver")
        if _VFIO.fullmatch(driver):
            if self._vfio_dev:
                (device / "vfio-dev/vfio0").mkdir(parents=True)
        else:
            self._stash.back(f"{address}/{driver}")
            for mtu in device.glob("net/*/mtu"):
                mtu.write_text("1500\n")

    def _detach(self, address: str, driver: str, path: str) -> None:
        """What `unbind` does: it waits in the kernel for as long as a process has the function, or a VF of it, open."""
        if not self._device(address).exists() or self.driver(address) != driver:
            raise error(errno.ENODEV, driver)
        gone = self._vfs.gone_with(address, driver)
        if self.held(address) or any(self.held(vf) for vf in gone.values()):
            self._hanging[address] = (path, address)
            raise TimeoutError(path)
        self._remove_vfs(address, gone)
        self._unbind(address, driver)

    def _unbind(self, address: str, driver: str) -> None:
        """The driver lets go, and takes with it what it made; whatever the host does with that."""
        device = Path(os.path.realpath(self._device(address)))
        os.unlink(device / "driver")
        if (device / "vfio-dev").exists():
            shutil.rmtree(device / "vfio-dev")
        children = [
            entry.name
            for entry in os.scandir(device)
            if entry.is_dir(follow_symlinks=False) and not _OF_THE_BUS.fullmatch(entry.name)
        ]
        made = re.compile(rf"/{re.escape(address)}/({'|'.join(map(re.escape, children)) or '(?!)'})(/|$)")
        links = [
            link
            for folder in _LINKS
            for link in (self._root / "sys").glob(f"{folder}/*")
            if link.is_symlink() and made.search(os.readlink(link))
        ]
        self._stash.put(f"{address}/{driver}", [*links, *(device / name for name in children)])

    def _set_vfs(self, address: str, text: str, path: str) -> None:
        number = self._vfs.asked_for(address, text, self.driver(address))
        if number is None and not self._leaving.get(address):
            return
        if not number:
            self._remove_all(address, path, text)
            return
        for vf in self._vfs.add(address, min(number, self.makes_at_most)):
            self._probe(vf)
        self.on_vfs(address, min(number, self.makes_at_most))

    def _remove_all(self, address: str, path: str, text: str) -> None:
        """One after another, until one is held: that has lost its links by then, and the lower ones are gone."""
        left = self._leaving.pop(address, {})
        for vf in left.values():
            shutil.rmtree(Path(os.path.realpath(self._device(vf))) / "vfio-dev", ignore_errors=True)
        vfs = {**left, **self._vfs.numbered(address)}
        for number, vf in vfs.items():
            if self.held(vf):
                self._vfs.part(address, number, vf)
                os.unlink(self._device(vf) / "driver")
                self._leaving[address] = {number: vf}
                self._hanging[address] = (path, text)
                raise TimeoutError(path)
            self._remove_vfs(address, {number: vf})

    def _remove_vfs(self, address: str, vfs: t.Mapping[int, str]) -> None:
        for vf in vfs.values():
            driver = self.driver(vf)
            if driver is not None:
                self._unbind(vf, driver)
        self._vfs.remove(address, vfs)
        if vfs and not self._vfs.of(address):
            self.on_vfs(address, 0)

    def _group_node(self, address: str) -> str:
        return "/dev/vfio/" + os.path.basename(os.readlink(self._device(address) / "iommu_group"))

    def _group_users(self, address: str) -> list[int]:
        """The processes that have the node of the function's group open."""
        if not self.group(address):
            return []
        node, proc = self._group_node(address), self._root / "proc"
        return [
            int(process)
            for process in os.listdir(proc)
            if process.isdecimal()
            and any(os.readlink(link) == node for link in (proc / process / "fd").glob("*") if link.is_symlink())
        ]


def _managed_by_user(driver: str) -> bool:
    return _VFIO.fullmatch(driver) is not None or driver in _WITHOUT_DMA


def error(number: int, path: str = "") -> OSError:
    return OSError(number, os.strerror(number), path)
