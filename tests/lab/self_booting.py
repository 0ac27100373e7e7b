# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab host that boots by its own boot loader: what is changed in it decides how it boots the next time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import accelerator, emulator, image, say, spent, topology
from .machine import Lab
from .patience import stretched
from .say import LabError


class SelfBooting(Lab):
    """One emulated host whose firmware starts LOADER from its disk.

    The disk and the firmware's variables are this lab's own until it is stopped. At first the IOMMU is off, and no
    domain is defined.
    """

    processors = 1  # nothing happens at once on it, and its boots take long

    def __init__(self, loader: str, name: str | None = None, *, suite: str = "trixie", detached: bool = False) -> None:
        super().__init__(name, suite=suite, detached=detached)
        self.loader = loader

    def __enter__(self) -> SelfBooting:
        """Start the lab."""
        self.start()
        return self

    def power_cycle(
        self,
        devices: Sequence[topology.Device] | None = None,
        *,
        cut: bool = False,
        broken_off: Callable[[], object] | None = None,
    ) -> None:
        """Switch the host off and on again, with DEVICES plugged in from now on; with CUT it is not shut down first.

        With BROKEN_OFF the power is cut once more as soon as that returns, while the host boots, and comes again. The
        disks keep what was written. What `device_add` plugged in is gone, and the port of ssh is another one: ask
        for the inventory anew.
        """
        tools = emulator.ensure()
        files = self._image(tools)
        with self.run.lock(), spent.spending(spent.BOOTS):
            state = self.run.state()
            if state is None:
                raise LabError(f"the lab {self.run.name!r} does not run")
            if not cut:
                with say.step("shutting the host down"):
                    self.sh("systemctl poweroff", check=False)
                    if not self.run.end(state.pid, None, stretched(120)):
                        raise LabError("the host did not shut down")
            self._end()
            if devices is not None:
                self.devices = devices
            speed = accelerator.choose(tools, files.kernel, files.folder / "accelerator")
            if broken_off is not None:
                self._launch(tools, files, speed)
                broken_off()
                self._end()
            self._switch_on(tools, files, speed)

    def await_console(self, text: str, timeout: float = 240) -> None:
        """Wait until TEXT is on the console of a host that boots."""
        deadline = time.monotonic() + stretched(timeout)
        while text.encode() not in self.run.console.read_bytes():
            if time.monotonic() > deadline:
                raise LabError(f"{text!r} did not come on the console: {emulator.tail(self.run.console, 5)}")
            time.sleep(0.1)  # a file that grows tells nobody

    def switch_iommu_on(self) -> None:
        """Let the boot loader do it as an administrator would, and boot once more."""
        files = {
            "grub": "/etc/default/grub && update-grub",
            "systemd-boot": "/etc/kernel/cmdline /boot/efi/loader/entries/*.conf",
        }
        self.sh(f"sed -i s/intel_iommu=off/intel_iommu=on/ {files[self.loader]}")
        self.reboot()

    def _prepare(self) -> None:
        """Leave the domains to those who want them: to have libvirt start takes a quarter of a boot."""

    def _image(self, tools: emulator.Emulator) -> image.Image:
        return image.ensure(self.suite, tools, self.loader)

    def _disk(self, tools: emulator.Emulator, files: image.Image) -> str:
        disk = self.run.folder / "root.qcow2"
        if not disk.exists():
            backing = ("-b", str(files.disk), "-F", "raw")
            emulator.run(tools.command("usr/bin/qemu-img", "create", "-q", "-f", "qcow2", *backing, str(disk)), tools)
        # What the host has handed over is safe while this machine runs; nothing need wait for its disks.
        return f"file={disk},format=qcow2,cache=unsafe"

    def _boot(self, tools: emulator.Emulator, files: image.Image) -> Sequence[str]:
        firmware = tools.root / "usr/share/OVMF"
        variables = self.run.folder / "variables.fd"
        if not variables.exists():
            shutil.copyfile(firmware / "OVMF_VARS_4M.fd", variables)
        return _pflash(0, firmware / "OVMF_CODE_4M.fd", "on") + _pflash(1, variables, "off")


def _pflash(unit: int, file: Path, readonly: str) -> tuple[str, ...]:
    return ("-drive", f"if=pflash,unit={unit},file={file},format=raw,readonly={readonly}")
