# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two systemd units that bring devices back: early for the devices, late for the domains."""

from __future__ import annotations

import re

from .paths import DOMAINS, MARK, PROGRAM, RESTORE

_PLAIN = re.compile(r"[\w./+-]+", re.ASCII)
_AFTER = "systemd-remount-fs.service systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service"
_BEFORE = (
    "network-pre.target NetworkManager.service systemd-networkd.service networking.service "
    "openvswitch-switch.service libvirtd.service virtqemud.service virtnodedevd.service virtnetworkd.service "
    "libvirt-guests.service"
)


def restore_unit(python: str, *, storage: bool) -> str:
    """The unit that makes VFs and binds devices, before the network is set up and before libvirt.

    network-pre.target is reached at once unless a unit wants it and is before it (systemd.special(7)). Who has
    `storage` claimed has each mount wait as well: local-fs-pre.target, and what looks for pools by itself. Of file
    systems only / and /usr are there, so it wants none of the default dependencies. A oneshot waits for ever unless it
    is told otherwise; the program alone is told that its time is up, not whoever writes to sysfs for it.
    """
    target = " local-fs-pre.target" if storage else ""
    importers = " zfs-import-cache.service zfs-import-scan.service" if storage else ""
    return f"""{MARK}
[Unit]
Description=Bring claimed PCI devices back (kvm.hostdev)
DefaultDependencies=no
Conflicts=shutdown.target
Wants=network-pre.target{target}
After={_AFTER}
Before={_BEFORE}{target}{importers}
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=180
KillMode=mixed
ExecStart={word(python)} -I {PROGRAM} boot

[Install]
WantedBy=multi-user.target
"""


def domains_unit(python: str) -> str:
    """The unit that has definitions follow their devices, and starts the domains that had to wait for them."""
    return f"""{MARK}
[Unit]
Description=Bring domains with claimed PCI devices back (kvm.hostdev)
After={RESTORE} libvirtd.service virtqemud.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=180
ExecStart={word(python)} -I {PROGRAM} domains

[Install]
WantedBy=multi-user.target
"""


def unit_texts(python: str, *, storage: bool) -> dict[str, str]:
    """Both by their names."""
    return {RESTORE: restore_unit(python, storage=storage), DOMAINS: domains_unit(python)}


def word(path: str) -> str:
    """A program's path in a command line (systemd.service(5)): specifiers count everywhere, blanks unless quoted."""
    if _PLAIN.fullmatch(path):
        return path
    escaped = re.sub(r'(["\\])', r"\\\1", path).replace("%", "%%")
    return f'"{escaped}"'
