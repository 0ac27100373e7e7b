# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kernel that acts on an expanded tree as Linux acts on sysfs when drivers are bound (drivers/base/bus.c, dd.c)."""

from __future__ import annotations

import errno
import os
import re
import shutil
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import write

_BUS = "/sys/bus/pci/"
_CHILDREN = re.compile(r"net|nvme|block|drm|graphics|mdev_supported_types|(?:virtio|host|ata|usb)\d+")
_CLASSES = ("sys/class/net", "sys/class/block", "sys/class/nvme", "sys/dev/block")


class FakeKernel:
    """A Writer for `_host.binding.Binder`, and its `load_module`.

    `log` has every module asked for and every write, also those that failed, paths counted from /sys/bus/pci.
    The drivers that functions have in the tree at first are those that fit them; a VFIO driver fits any function
    whose driver_override names it. `modules` are the drivers that modprobe would bring.
    """

    def __init__(self, root: Path, *, modules: t.Iterable[str] = ("vfio-pci",), vfio_dev: bool = True) -> None:
        self.log: list[str] = []
        self.seconds: list[float] = []
        self.modules = set(modules)
        self.lazy = False
        """Whether a driver comes only when `work` is called, as by a worker of the kernel."""
        self._vfio_dev = vfio_dev
        self._root = root
        self._stash = root.parent / f"{root.name}.unbound"
        self._failures: dict[int, Exception] = {}
        self._pending: list[tuple[str, str]] = []
        self._writes = 0
        self._own: dict[str, str] = {}
        self._links: dict[str, dict[str, str]] = {}
        for address in os.listdir(root / "sys/bus/pci/devices"):
            driver = self.driver(address)
            if driver is not None:
                self._own[address] = driver

    # What a test asks of it.

    def fail(self, number: int, error: Exception) -> None:
        """Let the write of this number, counted from 1 from now on, raise the error and do nothing else."""
        self._failures[self._writes + number] = error

    def own(self, address: str, driver: str) -> None:
        """Say which driver fits a function that has none at first."""
        self._own[address] = driver

    def work(self) -> None:
        """Bind what was left to a worker."""
        pending, self._pending = self._pending, []
        for address, driver in pending:
            self._bind(address, driver)

    def reboot(self) -> None:
        """Forget what was unbound."""
        shutil.rmtree(self._stash, ignore_errors=True)
        self._links.clear()

    def driver(self, address: str) -> str | None:
        link = self._device(address) / "driver"
        return os.path.basename(os.readlink(link)) if link.is_symlink() else None

    def override(self, address: str) -> str | None:
        text = (self._device(address) / "driver_override").read_text().strip()
        return None if text == "(null)" else text

    # What the collection asks of it.

    def load_module(self, name: str) -> bool:
        self.log.append(f"modprobe {name}")
        if name not in self.modules:
            return False
        (self._root / "sys/bus/pci/drivers" / name).mkdir(exist_ok=True)
        return True

    def __call__(self, path: str, text: str, seconds: float) -> None:
        assert path.startswith(_BUS), path
        assert text, "a write of nothing does nothing"
        self.log.append(f"{path[len(_BUS) :]} <- {text!r}")
        self.seconds.append(seconds)
        self._writes += 1
        if self._writes in self._failures:
            raise self._failures[self._writes]
        if not os.path.exists(f"{self._root}{path}") and not path.endswith(("/bind", "/unbind", "/drivers_probe")):
            raise error(errno.ENOENT, path)
        parts = path[len(_BUS) :].split("/")
        if parts[0] == "devices" and parts[2] == "driver_override":
            write(str(self._device(parts[1]) / "driver_override"), (text.strip() or "(null)").encode() + b"\n")
        elif parts == ["drivers_probe"]:
            self._probe(text)
        elif parts[0] == "drivers" and parts[2] in ("bind", "unbind"):
            if not (self._root / "sys/bus/pci/drivers" / parts[1]).is_dir():
                raise error(errno.ENOENT, path)
            if parts[2] == "unbind":
                self._unbind(text, parts[1])
            else:
                self._attach(text, parts[1])
        else:
            raise AssertionError(f"no such file of the kernel: {path}")

    def _device(self, address: str) -> Path:
        return self._root / "sys/bus/pci/devices" / address

    def _fits(self, address: str, driver: str) -> bool:
        override = self.override(address)
        return override == driver if override is not None else self._own.get(address) == driver

    def _attach(self, address: str, driver: str) -> None:
        if not self._device(address).exists() or not self._fits(address, driver):
            raise error(errno.ENODEV, driver)
        if self.driver(address) is not None:
            raise error(errno.EBUSY, driver)
        if driver.endswith("vfio-pci"):
            if not (self._device(address) / "iommu_group").exists():
                raise error(errno.EINVAL, driver)
            numvfs = self._device(address) / "sriov_numvfs"
            if numvfs.exists() and numvfs.read_text().strip() != "0":
                raise error(errno.EBUSY, driver)
        self._come(address, driver)

    def _probe(self, address: str) -> None:
        """drivers_probe says success also when nothing was bound."""
        if not self._device(address).exists():
            raise error(errno.EINVAL, "drivers_probe")
        driver = self.override(address) or self._own.get(address)
        if self.driver(address) is not None or driver is None:
            return
        if not (self._root / "sys/bus/pci/drivers" / driver).is_dir():
            return
        self._come(address, driver)

    def _come(self, address: str, driver: str) -> None:
        if self.lazy:
            self._pending.append((address, driver))
        else:
            self._bind(address, driver)

    def _bind(self, address: str, driver: str) -> None:
        device = Path(os.path.realpath(self._device(address)))
        target = self._root / "sys/bus/pci/drivers" / driver
        os.symlink(os.path.relpath(target, device), device / "driver")
        if driver.endswith("vfio-pci"):
            if self._vfio_dev:
                (device / "vfio-dev/vfio0").mkdir(parents=True)
        elif driver == self._own.get(address):
            self._move_children(self._stash / address, device)
            for link, goal in self._links.pop(address, {}).items():
                os.symlink(goal, self._root / link)

    def _unbind(self, address: str, driver: str) -> None:
        if not self._device(address).exists() or self.driver(address) != driver:
            raise error(errno.ENODEV, driver)
        device = Path(os.path.realpath(self._device(address)))
        os.unlink(device / "driver")
        if (device / "vfio-dev").exists():
            shutil.rmtree(device / "vfio-dev")
        links = self._links.setdefault(address, {})
        for folder in _CLASSES:
            for name in os.listdir(self._root / folder) if (self._root / folder).is_dir() else ():
                link = self._root / folder / name
                if os.path.realpath(link).startswith(f"{device}/"):
                    links[f"{folder}/{name}"] = os.readlink(link)
                    os.unlink(link)
        self._move_children(device, self._stash / address)

    @staticmethod
    def _move_children(source: Path, target: Path) -> None:
        if not source.is_dir():
            return
        target.mkdir(parents=True, exist_ok=True)
        for name in os.listdir(source):
            if _CHILDREN.fullmatch(name):
                os.rename(source / name, target / name)


def error(number: int, path: str = "") -> OSError:
    return OSError(number, os.strerror(number), path)
