# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of the PF's driver: in modprobe.d, on the command line, and as it was loaded."""

from __future__ import annotations

import typing as t

from ...._model.sriov.makers.module_parameters import (
    command_line_makers,
    loaded_maker,
    option_makers,
    parameters_of,
)
from ...sysfs import as_text
from ..bounded import read_bounded

if t.TYPE_CHECKING:
    from ...._model.sriov.makers.maker import PfNames, VfMaker
    from .files import Files


def makers(files: Files, pf: PfNames) -> t.Iterator[VfMaker]:
    if pf.driver is None:
        return
    module = files.tree.link_name(f"/sys/bus/pci/drivers/{pf.driver}/module") or pf.driver
    for source in files.sources(files.layered("modprobe.d", ".conf")):
        yield from option_makers(source, module)
    command_line = files.source("/proc/cmdline")
    if command_line is not None:
        yield from command_line_makers(command_line, module)
    folder = f"/sys/module/{module.replace('-', '_')}/parameters"
    answers = read_bounded(files.tree, [f"{folder}/{name}" for name in parameters_of(module)])
    for path, value in answers.data.items():
        maker = None if value is None else loaded_maker(path, as_text(value))
        if maker is not None:
            yield maker
