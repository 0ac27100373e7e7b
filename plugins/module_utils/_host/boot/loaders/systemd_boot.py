# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemd-boot with kernel-install: the options of the entries, and /etc/kernel/cmdline for those to come.

Both: on Debian each update of an initramfs makes the entry anew, from that file or, without it, from /proc/cmdline.
Never kernel-install itself, which copies kernel and initrd over those that boot.
"""

from __future__ import annotations

import typing as t

from ...._model.boot.formats.formats import CMDLINE, ENTRY, FORMATS
from ...._model.boot.planning import Place
from ...._model.errors import HostdevError
from .grub_bls import template_of_an_entry
from .loader import KERNEL_CMDLINE, Loader, entry_places

if t.TYPE_CHECKING:
    from .loader import BootHost


class SystemdBoot(Loader):
    """Entries on the ESP and, where there is one, the extended boot loader partition."""

    name = "systemd_boot"

    def places(self) -> list[Place]:
        entries = []
        default = self._default()
        for folder in partitions(self.host):
            entries += entry_places(self.host, f"{folder}/loader/entries", (KERNEL_CMDLINE,), default=default)
        if not entries:
            raise HostdevError(
                "boot_files",
                subject="systemd-boot",
                found=f"no entry of a kernel in {', '.join(partitions(self.host))}/loader/entries",
                wanted="the entries that this host boots from",
                remedy="see that the ESP or boot partition is mounted, then run the task again",
            )
        entries.sort(key=lambda place: default is not None and place.name.endswith(f"/{default}.conf"))
        template = template_of_an_entry(self.host, entries[-1].name)
        return [*entries, Place(KERNEL_CMDLINE, CMDLINE, template=template)]

    def has_word(self, word: str) -> bool:
        """Whether an entry has it, as those do that were made of the line of a kernel that GRUB had started."""
        data = [self.read(place.path) or b"" for place in self.places() if place.form == ENTRY]
        return any(word in FORMATS[ENTRY].lines(entry).words(entry) for entry in data)

    def _default(self) -> str | None:
        """The entry that the loader would take by its own list, without the tries in its name; None if it can't tell.

        Only for the order of writing.
        """
        from json import loads

        if not self.host.programs.has("bootctl"):
            return None
        ended = self.host.programs.run("bootctl", "list", "--json=short", seconds=60)
        try:
            listed = loads(ended.out)
            found = next(entry["id"] for entry in listed if entry.get("isDefault"))
        except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
            return None
        return str(found).rpartition(".conf")[0].partition("+")[0] or None


def partitions(host: BootHost) -> list[str]:
    """Where the ESP and the boot partition are mounted. Raises HostdevError: boot_partition_unmounted."""
    found: list[str] = []
    for option in ("--print-esp-path", "--print-boot-path"):
        ended = host.programs.run("bootctl", option, seconds=60)
        path = ended.out.strip()
        if ended.status == 0 and path.startswith("/") and path not in found:
            found.append(path)
    if not found:
        raise HostdevError(
            "boot_partition_unmounted",
            subject="ESP",
            found="bootctl finds no ESP and no boot partition that is mounted",
            wanted="the partition that systemd-boot reads its entries from",
            remedy="mount it, at /efi, /boot or /boot/efi, and have it in /etc/fstab",
        )
    return found
