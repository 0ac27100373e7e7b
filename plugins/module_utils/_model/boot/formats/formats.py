# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of files that have arguments of the kernel, by the names under which the book has them."""

from __future__ import annotations

import typing as t

from .bls_entry import BlsEntry
from .grub_defaults import GrubDefaults
from .grub_environment import GrubEnvironment
from .plain_line import PlainLine

if t.TYPE_CHECKING:
    from ..editing import Format

CMDLINE = "cmdline"
FIRST_LINE = "first_line"
ENTRY = "entry"
GRUB_DEFAULTS = "grub_defaults"
GRUB_DEFAULTS_SUSE = "grub_defaults_suse"
GRUB_ENVIRONMENT = "grub_environment"
OWN = "own"  # a file that is wholly ours, and is made, not edited

FORMATS: t.Mapping[str, Format] = {
    CMDLINE: PlainLine(),
    FIRST_LINE: PlainLine(first_only=True),
    ENTRY: BlsEntry(),
    GRUB_DEFAULTS: GrubDefaults("GRUB_CMDLINE_LINUX"),
    GRUB_DEFAULTS_SUSE: GrubDefaults("GRUB_CMDLINE_LINUX_DEFAULT"),
    GRUB_ENVIRONMENT: GrubEnvironment(),
}
