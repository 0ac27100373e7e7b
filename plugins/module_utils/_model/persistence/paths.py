# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where what brings devices back lies on a host, and the line by which a file is told to be ours."""

from __future__ import annotations

FOLDER = "/etc/kvm.hostdev"
PROGRAM = f"{FOLDER}/restore.pyz"
MADE_FOLDERS = f"{FOLDER}/made_folders"
"""The folders elsewhere that were made for these files, one a line: they go with them."""

RESTORE = "kvm-hostdev-restore.service"
DOMAINS = "kvm-hostdev-domains.service"
UNITS = "/etc/systemd/system"
WANTED = f"{UNITS}/multi-user.target.wants"
ENABLED = f"{WANTED}/{RESTORE}"
"""The link by which the host's start brings the restore along."""

RULES = "/etc/udev/rules.d/05-kvm-hostdev.rules"
LIBVIRT = "/etc/libvirt"
HOOK = f"{LIBVIRT}/hooks/qemu.d/kvm-hostdev"

SETTLED = "/run/kvm.hostdev.settled"
"""There once the restore is through, or was not needed since the start of the host: from then on udev looks at disks of
claimed functions as at any other."""

MARK = "# Made by kvm.hostdev from its record of claims, which replaces and removes it as a whole."
