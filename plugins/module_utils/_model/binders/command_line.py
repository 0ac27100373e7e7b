# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments of the kernel that give devices away: on the line in force, and where boot loaders have it from."""

from __future__ import annotations

import re
import typing as t

from ..sriov.makers.scripts import lines
from .fighter import COMMAND_LINE, Fighter, address_in, ids_in

if t.TYPE_CHECKING:
    from ..sriov.makers.maker import Source

# The kernel takes - and _ of a module's name for the same (kernel/params.c, parameq).
_ARGUMENT = re.compile(r"(?<![\w.-])(?:(vfio[-_]pci|pci[-_]stub)\.ids|(xen[-_]pciback)\.hide)=([^\s\"']+)")


def command_line_fighters(source: Source, *, in_force: bool = False) -> t.Iterator[Fighter]:
    """Arguments in a file; of the line `in_force` nobody knows where the boot loader has it from."""
    for line, content in lines(source.text):
        for driver, hiding, value in _ARGUMENT.findall(content):
            what = f"takes every device with the ids {value}" if driver else f"hides {value} from the host"
            remedy = (
                "take the argument out where the boot loader has it"
                if in_force
                else "take the argument out, and make the boot loader's own file anew where it comes from this one "
                "(update-grub, grub2-mkconfig, kernel-install)"
            )
            address, ids = (None, ids_in(value)) if driver else (address_in(value), ())
            yield Fighter(COMMAND_LINE, source.path, line, f"{driver or hiding} {what}", remedy, address, ids)
