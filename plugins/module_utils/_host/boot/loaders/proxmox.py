# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""proxmox-boot-tool: several ESPs that it keeps alike, each with systemd-boot's entries or with GRUB.

Never its `refresh`, which copies kernels and initrds over those that boot. What it would write into entries and
grub.cfg is written by us, an ESP after the other, so that a mirror's second one is whole at each moment.
"""

from __future__ import annotations

import typing as t

from ...._model.boot.formats.formats import FIRST_LINE
from ...._model.boot.planning import Place
from ...._model.errors import HostdevError
from .grub_config import GrubConfig
from .grub_debian import debian_places
from .loader import KERNEL_CMDLINE, Loader, entry_places

if t.TYPE_CHECKING:
    from ...._model.boot.planning import FileChange
    from .loader import BootHost, Goal

UUIDS = "/etc/kernel/proxmox-boot-uuids"


class ProxmoxBoot(Loader):
    """The first line of /etc/kernel/cmdline counts, and is last; for GRUB a file in /etc/default/grub.d does."""

    name = "proxmox_boot_tool"

    def __init__(self, host: BootHost) -> None:
        super().__init__(host)
        self._entries: list[tuple[str, str]] = []
        self._grubs: list[str] = []
        for uuid in host.tree.lines(UUIDS):
            folder = host.mounts.partition(uuid.strip())
            if _has_grub(host, folder):
                self._grubs.append(folder)
            else:
                self._entries.append((uuid.strip(), folder))

    def places(self) -> list[Place]:
        places: list[Place] = []
        for uuid, folder in self._entries:
            key = f"ESP {uuid}/loader/entries"
            places += entry_places(self.host, f"{folder}/loader/entries", (KERNEL_CMDLINE,), key=key)
        if self._entries:
            line = (self.host.files.read(KERNEL_CMDLINE) or b"").partition(b"\n")[0]
            if b"root=" not in line:
                raise HostdevError(
                    "boot_files",
                    subject=KERNEL_CMDLINE,
                    found="its first line has no root=" if line else "it is not there, or its first line is empty",
                    wanted="the arguments that proxmox-boot-tool makes its entries of",
                    remedy=f"write the arguments of this host into the first line of {KERNEL_CMDLINE}",
                )
            places.append(Place(KERNEL_CMDLINE, FIRST_LINE))
        if self._grubs:
            places += debian_places(self.host)
        return places

    def is_stale(self, goal: Goal) -> bool:
        return any(self._config(folder).is_stale(goal) for folder in self._grubs)

    def generated(self) -> list[str]:
        return [self._config(folder).path for folder in self._grubs]

    def generate(self, goal: Goal, _changes: t.Sequence[FileChange]) -> None:
        for folder in self._grubs:
            # grub-mkconfig takes kernels and paths from /boot, as proxmox-boot-tool shows it the ESP.
            with self.host.mounts.over(folder, "/boot"):
                GrubConfig(self.host, "/boot/grub/grub.cfg", "grub-mkconfig").generate(goal)

    def tidy(self) -> None:
        for folder in self._grubs:
            self._config(folder).tidy()

    def _config(self, folder: str) -> GrubConfig:
        return GrubConfig(self.host, f"{folder}/grub/grub.cfg", "grub-mkconfig")


def _has_grub(host: BootHost, folder: str) -> bool:
    """As proxmox-boot-tool decides it for each ESP."""
    if host.tree.exists(f"{folder}/EFI/proxmox/grubx64.efi"):
        return True
    has_systemd = host.tree.exists(f"{folder}/loader/loader.conf") and host.tree.exists(f"{folder}/EFI/proxmox")
    if host.tree.exists("/sys/firmware/efi") and has_systemd:
        return False
    return host.tree.exists(f"{folder}/grub")
